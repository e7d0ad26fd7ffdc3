"""A sample of the fault walk (`make faults` walks it all): wherever a fault strikes, no port is left in between."""

from __future__ import annotations

from itertools import islice

import pytest

import drivers.flow
from drivers.dialects import PLATFORMS
from tests.faults.bed import STEMS
from tests.faults.kinds import Kind
from tests.faults.runs import JOBS, PHASES, Case, cases, exchanges, run, undisturbed

#: Every so many runs; a prime number, so that kinds, places and jobs are all met.
STRIDE = 89
#: Dialects that the walk does not cover, and what covers them.
ELSEWHERE = {
    "openvswitch": "tests/lab/test_lab_openvswitch.py, since it needs root and a real Open vSwitch",
    "linux_bridge": "tests/lab/test_lab_linux_bridge.py, since it needs QEMU",
}


def test_the_walk_covers_every_dialect_of_a_vendor() -> None:
    assert set(PLATFORMS) == {*STEMS, *ELSEWHERE}


@pytest.mark.clause("7.1c")
@pytest.mark.parametrize("platform", STEMS)
def test_wherever_a_fault_strikes_no_port_is_left_in_between(platform: str) -> None:
    ended = [run(case) for case in islice(cases(platform), 7, None, STRIDE)]
    assert [each.wrong for each in ended if each.stranded] == []
    assert len(ended) > 60
    assert {each.case.kind for each in ended} == set(Kind)
    assert {each.case.phase for each in ended} == set(PHASES)


@pytest.mark.parametrize("platform", STEMS)
def test_every_line_of_every_job_is_a_place_of_the_walk(platform: str) -> None:
    for job in JOBS:
        typed = undisturbed(platform, job).typed
        assert exchanges(platform, job, "forward") == len(typed) > 40
        assert exchanges(platform, job, "back") > 20
        assert exchanges(platform, job, "resume") > 15


def test_the_walk_finds_a_port_that_is_left_open(monkeypatch: pytest.MonkeyPatch) -> None:
    places = range(exchanges("ruijie_os", "cross", "back"))
    cases = [Case("ruijie_os", "cross", "back", Kind.RESET, nth) for nth in places]
    assert not any(run(case).stranded for case in cases)
    monkeypatch.setattr(drivers.flow, "left_off", lambda *_: ())
    assert any(run(case).stranded for case in cases)

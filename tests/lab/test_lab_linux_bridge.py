"""The linux_bridge dialect on Debian's own kernel behind real OpenSSH: frames, reverts, kills, reboots, faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.network.apply import apply_changes
from controller.network.equipment import SwitchEquipment
from controller.store.plans import latest_plan
from drivers.dialects import dialect
from drivers.flow import State, Step
from lab.terminal import api
from policies.errors import UsageError
from policies.model import ObservedSwitch
from policies.plan import restore, snapshot_digest
from tests.kill_walk import kill_at, moments, walk_through
from tests.lab.bridge_bench import CAM1, CAM2, ROGUE, Bench, bench
from tests.revert import apply_and_revert, kinds, observe

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]

DIALECT = dialect("linux_bridge")


@pytest.fixture(scope="module")
def _bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    try:
        api.requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    with bench(tmp_path_factory.mktemp("sw9")) as made:
        yield made


@pytest.fixture
def switch(_bench: Bench) -> Bench:
    _bench.afresh()
    return _bench


def read(site: Path) -> ObservedSwitch:
    with open_context(site) as context:
        return observe(SwitchEquipment(context.site, context.site.switches[0], context.clock))


def answer(site: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    capsys.readouterr()
    run(cli, ["--site", str(site), "--json", *arguments])
    told: dict[str, object] = json.loads(capsys.readouterr().out)
    return told


def strangers_stop(switch: Bench) -> bool:
    """A foreign device at a camera's port, one with another camera's MAC there, and at a free one; the camera moved."""
    cam1 = (1, CAM1)
    return (
        switch.passes(*cam1)
        and switch.passes(2, CAM2)
        and switch.stops(1, ROGUE, CAM1)
        and switch.stops(1, CAM2, CAM1)
        and switch.stops(2, CAM1, CAM2)
        and switch.stops_at(3, ROGUE, cam1)
        and switch.stops_at(3, CAM1, cam1)
    )


def test_a_sealed_bridge_stops_strangers_over_a_power_cut_and_is_given_back(
    switch: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert all(switch.passes(port, ROGUE) for port in (1, 2, 3)), "before, everybody talks"
    site = switch.site(tmp_path / "site")
    before = read(site)
    assert run(cli, ["--site", str(site), "plan"]) == 0
    assert run(cli, ["--site", str(site), "apply", "--yes"]) == 0
    assert strangers_stop(switch)
    assert answer(site, capsys, "plan")["changes"] == 0
    checked = answer(site, capsys, "check")["clauses"]
    assert isinstance(checked, dict)
    assert (checked["7.1b"], checked["7.1c"]) == ("pass", "pass")
    switch.cut_power()
    switch.moved(site)
    assert strangers_stop(switch), "after a power cut"
    assert answer(site, capsys, "plan")["changes"] == 0
    with open_context(site) as context:
        applied = latest_plan(context.store)
        assert applied is not None
        (changes,) = applied.changes.switches
        back = restore(before, read(site), changes)
        outcome = apply_changes(context, context.site.switches[0], replace(back, save=True), "revert", lambda _: None)
        assert outcome.state is State.DONE, outcome.error
    assert snapshot_digest(read(site)) == snapshot_digest(before)
    assert all(switch.passes(port, ROGUE) for port in (1, 2, 3)), "given back, everybody talks again"

"""kill -9 of an apply before and after every step and every line that it sends: the switch ends old or new, and known.

The walk is made from the flow's own list of steps; what is compared is the switch itself, as a fresh session reads it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.ledger.key import ledger_public_key
from controller.ledger.verify import verify
from controller.network.equipment import SwitchEquipment
from controller.network.recover import recover
from controller.store.jobs import JobState, jobs, unfinished
from drivers.flow import FORWARD, Step
from policies.model import ObservedSwitch
from policies.plan import snapshot_digest
from tests.replay.switch_on_loopback import LoopbackSwitch, loopback_switch, write_site

KILLER = Path(__file__).with_name("killed_apply.py")


@dataclass(frozen=True)
class Walk:
    """What an undisturbed run does: its events in order, and the digests of the switch before and after."""

    events: list[tuple[str, str, str]]
    old: str
    new: str


def read(site: Path) -> ObservedSwitch:
    with open_context(site) as context:
        equipment = SwitchEquipment(context.site, context.site.switches[0], context.clock)
        with equipment.session() as session:
            return equipment.observe(session)


def prepare(folder: Path, switch: LoopbackSwitch) -> Path:
    site = write_site(folder, switch)
    assert run(cli, ["--site", str(site), "inventory", "import", str(site / "inventory.csv"), "--yes"]) == 0
    assert run(cli, ["--site", str(site), "plan"]) == 0
    return site


def apply(site: Path, at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(KILLER), str(site), str(at)], capture_output=True, text=True, timeout=120, check=False
    )


def watchdogs(site: Path) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"controller.network.watchdog" in words and str(site).encode() in words:
            found.append(int(entry.parent.name))
    return found


def wait_for_watchdogs(site: Path) -> None:
    deadline = time.monotonic() + 60
    while watchdogs(site):
        assert time.monotonic() < deadline, "the watchdog does not end"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("walk")
    with loopback_switch(folder / "switch") as switch:
        site = prepare(folder / "site", switch)
        old = snapshot_digest(read(site))
        done = apply(site, 0)
        assert done.returncode == 0, done.stderr
        events = [tuple(json.loads(line)) for line in done.stdout.splitlines()]
        return Walk(events, old, snapshot_digest(read(site)))


def moments(walk: Walk, step: Step) -> list[int]:
    return [number for number, (name, _, _) in enumerate(walk.events, 1) if name == step.value]


def judge(site: Path, walk: Walk) -> None:
    """After the next start: the switch is old or new, saved, and the store and ledger know which."""
    with open_context(site) as context:
        recover(context)
        assert unfinished(context.store) == ()
        ended = jobs(context.store)
        report = verify(context.store, context.site.name, ledger_public_key(site))
        assert not report.orphans
    now = read(site)
    assert now.startup_differs == ()
    assert snapshot_digest(now) in (walk.old, walk.new)
    if ended:
        expected = {JobState.DONE: walk.new, JobState.ROLLED_BACK: walk.old}
        assert snapshot_digest(now) == expected[ended[0].state]
    else:
        assert snapshot_digest(now) == walk.old
    with open_context(site) as context:
        assert run(cli, ["--site", str(site), "--json", "plan"]) == 0


@pytest.mark.parametrize("with_watchdog", [True, False], ids=["watchdog lives", "watchdog killed too"])
@pytest.mark.parametrize("step", FORWARD)
@pytest.mark.clause("7.1c")
def test_killed_at_every_moment_of_a_step_the_switch_is_old_or_new_and_known(
    step: Step, with_watchdog: bool, walk: Walk, tmp_path: Path
) -> None:
    numbers = moments(walk, step)
    assert numbers, f"no event of {step} was seen: the walk does not cover it"
    for number in numbers if with_watchdog else numbers[:: max(1, len(numbers) // 4)]:
        folder = tmp_path / str(number)
        with loopback_switch(folder / "switch") as switch:
            site = prepare(folder / "site", switch)
            assert apply(site, number).returncode == -signal.SIGKILL
            if not with_watchdog:
                for pid in watchdogs(site):
                    os.kill(pid, signal.SIGKILL)
            wait_for_watchdogs(site)
            judge(site, walk)

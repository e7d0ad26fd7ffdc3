"""Killing an apply at a chosen moment, and judging what is left: shared by the rings that have a switch."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.ledger.key import ledger_public_key
from controller.ledger.verify import verify
from controller.network.equipment import SwitchEquipment
from controller.network.recover import recover
from controller.store.jobs import JobState, jobs, unfinished
from controller.store.plans import latest_plan
from drivers.flow import Step
from policies.model import ObservedSwitch
from policies.plan import snapshot_digest

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


def walk_through(site: Path) -> Walk:
    """Apply the newest plan undisturbed, and note what happens."""
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
        plan = latest_plan(context.store)
        assert plan is not None
        ended = [job for job in jobs(context.store) if job.plan == plan.id]
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


def kill_at(site: Path, walk: Walk, number: int, *, with_watchdog: bool) -> None:
    """Kill an apply at event `number`, let the watchdog (or the next start) finish, and judge."""
    assert apply(site, number).returncode == -signal.SIGKILL
    if not with_watchdog:
        for pid in watchdogs(site):
            os.kill(pid, signal.SIGKILL)
    wait_for_watchdogs(site)
    judge(site, walk)

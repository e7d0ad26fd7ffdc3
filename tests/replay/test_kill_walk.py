"""kill -9 of an apply before and after every step and every line that it sends: the switch ends old or new, and known.

The walk is made from the flow's own list of steps; what is compared is the switch itself, as a fresh session reads it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from drivers.flow import FORWARD, Step
from tests.kill_walk import Walk, kill_at, moments, walk_through
from tests.replay.switch_on_loopback import LoopbackSwitch, loopback_switch, write_site


def prepare(folder: Path, switch: LoopbackSwitch) -> Path:
    site = write_site(folder, switch)
    assert run(cli, ["--site", str(site), "inventory", "import", str(site / "inventory.csv"), "--yes"]) == 0
    assert run(cli, ["--site", str(site), "plan"]) == 0
    return site


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    folder = tmp_path_factory.mktemp("walk")
    with loopback_switch(folder / "switch") as switch:
        return walk_through(prepare(folder / "site", switch))


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
            kill_at(prepare(folder / "site", switch), walk, number, with_watchdog=with_watchdog)


#: Rejected once, late in the apply: everything before it has to be taken back.
LATE = {"kind": "reject", "match": "^switchport port-security$", "nth": 2}


@pytest.mark.parametrize("step", [Step.ROLL_BACK, Step.VERIFY_ROLL_BACK])
@pytest.mark.clause("7.1c")
def test_killed_at_every_moment_of_a_rollback_the_switch_is_as_it_was(step: Step, walk: Walk, tmp_path: Path) -> None:
    with loopback_switch(tmp_path / "once" / "switch") as switch:
        site = prepare(tmp_path / "once" / "site", switch)
        switch.control(fault=LATE)
        rolled_back = walk_through(site)
    numbers = moments(rolled_back, step)
    assert numbers, f"no event of {step} was seen: the walk does not cover it"
    assert rolled_back.old == rolled_back.new == walk.old
    for number in numbers:
        folder = tmp_path / str(number)
        with loopback_switch(folder / "switch") as switch:
            site = prepare(folder / "site", switch)
            switch.control(fault=LATE)
            kill_at(site, rolled_back, number, with_watchdog=number % 3 != 0)

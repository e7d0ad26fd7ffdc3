"""The openvswitch dialect on a real Open vSwitch behind a real OpenSSH: revert, kill -9, reboot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from controller.context import open_context
from controller.network.equipment import SwitchEquipment
from drivers.dialects import dialect
from drivers.flow import FORWARD, Flow, State, Step
from lab.api import Lab
from policies.model import ObservedSwitch, PortChange, SwitchChanges
from policies.plan import restore, snapshot_digest
from policies.texts import t
from tests.faults.runs import cases
from tests.faults.runs import run as run_case
from tests.kill_walk import Walk, kill_at, moments, walk_through
from tests.revert import NoSafeguard, apply_and_revert, kinds, observe, told

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]

DIALECT = dialect("openvswitch")
INVENTORY = """设备名称,类型,MAC地址,IP地址,位置,交换机,端口,VLAN
cam01,摄像机,02:ca:00:00:00:01,198.18.100.101,杆1,sw1,eth1,100
"""
SITE = """
[site]
name = "sw1-alone"
[policy]
rollback_timeout_s = 30
[vlans.face]
id = 100
purpose = "face"
[vlans.blackhole]
id = 999
purpose = "blackhole"
[switches.sw1]
platform = "openvswitch"
host = "198.18.0.11"
username = "netadmin"
password = "file:sw1.password"
ports = ["eth1", "eth5", "eth12"]
uplinks = ["eth12"]
"""


@pytest.fixture(scope="module")
def site(lab_site: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lab_site.reset()
    folder = tmp_path_factory.mktemp("sw1")
    (folder / "site.toml").write_text(SITE, "utf-8")
    with os.fdopen(os.open(folder / "sw1.password", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(lab_site.switch("sw1").secrets.password)
    (folder / "inventory.csv").write_text(INVENTORY, "utf-8")
    assert run(cli, ["--site", str(folder), "inventory", "import", str(folder / "inventory.csv"), "--yes"]) == 0
    return folder


@pytest.fixture(scope="module")
def equipment(site: Path) -> Iterator[SwitchEquipment]:
    with open_context(site) as context:
        yield SwitchEquipment(context.site, context.site.switches[0], context.clock)


@pytest.mark.parametrize("kind", kinds(DIALECT))
def test_a_change_taken_back_leaves_the_switch_as_a_fresh_session_read_it(
    equipment: SwitchEquipment, kind: str
) -> None:
    apply_and_revert(equipment, DIALECT, kind, "eth6")


def restored(equipment: SwitchEquipment, first: ObservedSwitch) -> None:
    """Bring the ports back to what they were at first, through the flow itself."""
    now = observe(equipment)
    touched = SwitchChanges(
        now.switch,
        "",
        (),
        tuple(PortChange(name, port.config, port.config, t("a test")) for name, port in now.ports.items()),
    )
    back = replace(restore(first, now, touched), save=True)
    assert Flow(equipment, NoSafeguard(), told).run(back).state is State.DONE
    assert snapshot_digest(observe(equipment)) == snapshot_digest(first)


@pytest.fixture(scope="module")
def first(equipment: SwitchEquipment) -> ObservedSwitch:
    return observe(equipment)


def planned(site: Path) -> Path:
    assert run(cli, ["--site", str(site), "plan"]) == 0
    return site


@pytest.fixture(scope="module")
def walk(site: Path, equipment: SwitchEquipment, first: ObservedSwitch) -> Walk:
    walked = walk_through(planned(site))
    restored(equipment, first)
    return walked


@pytest.mark.parametrize("step", FORWARD)
def test_killed_at_every_moment_of_a_step_the_switch_is_old_or_new_and_known(
    step: Step, walk: Walk, site: Path, equipment: SwitchEquipment, first: ObservedSwitch
) -> None:
    numbers = moments(walk, step)
    assert numbers, f"no event of {step} was seen: the walk does not cover it"
    for number in numbers:
        kill_at(planned(site), walk, number, with_watchdog=number % 4 != 0)
        restored(equipment, first)


def test_wherever_a_fault_strikes_no_port_is_left_in_between(lab_site: Lab) -> None:
    """Walk a sample of the places and kinds of fault over a bridge of its own (`make faults` has more)."""
    ended = [run_case(case) for case in islice(cases("openvswitch"), 3, None, 197)]
    assert [each.wrong for each in ended if each.stranded] == []
    assert len(ended) > 20

"""Bindings that are set over SNMP, on real frames: the device gets through, nobody else does, and all is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from drivers.dialects import snmp_dialect
from drivers.flow import Flow, State
from lab.net import in_netns
from lab.up import requirements
from policies.errors import UsageError
from policies.model import (
    Device,
    DeviceRole,
    ExpectedPort,
    ExpectedSwitch,
    ObservedSwitch,
    PortConfig,
    PortMode,
    PortRole,
    SecureMac,
    SwitchChanges,
    Violation,
)
from policies.plan import plan_switch, restore, snapshot_digest
from policies.texts import t
from tests.lab.vendor_bench import VendorBench, vendor_bench
from tests.replay.snmp_written import AgentEquipment, config, way
from tests.replay.test_revert_qbridge import CONFIG as STANDARD
from tests.revert import NoSafeguard, observe, told

pytestmark = [pytest.mark.lab, pytest.mark.clause("7.1c")]

CAMERA, OTHER, LAPTOP = "02:ca:00:00:00:51", "02:ca:00:00:00:52", "02:ba:d0:00:00:66"


@dataclass(frozen=True)
class Bench:
    """A running switch with cables, reached over SNMP inside its namespace."""

    wires: VendorBench
    equipment: AgentEquipment
    port: str

    def read(self) -> ObservedSwitch:
        """Read the state."""
        with in_netns(self.wires.netns):
            return observe(self.equipment)

    def plan(self, mac: str) -> SwitchChanges:
        """Plan what binds a device to the port."""
        camera = Device("cam", DeviceRole.CAMERA, mac)
        demanded = PortConfig(
            PortMode.ACCESS, 100, secure=True, maximum=1, violation=Violation.RESTRICT,
            secure_macs=frozenset({SecureMac(mac, 100)}), admin_up=True,
        )  # fmt: skip
        wanted = ExpectedPort(self.port, PortRole.BOUND, demanded, t("a test"), (camera,))
        changes, refusals = plan_switch(ExpectedSwitch("swx", {self.port: wanted}), self.read())
        assert [each for each in refusals if each.port == self.port] == []
        return changes

    def run(self, changes: SwitchChanges) -> None:
        """Carry changes out."""
        with in_netns(self.wires.netns):
            outcome = Flow(self.equipment, NoSafeguard(), told).run(changes)
        assert outcome.state is State.DONE, outcome.error


@contextmanager
def bench_of(platform: str, settings: dict[str, Any], port: str, folder: Path) -> Iterator[Bench]:
    """Run a switch of a platform."""
    try:
        requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    with vendor_bench(settings, folder) as wires:
        made = Bench(wires, AgentEquipment(way(161), snmp_dialect(platform)), port)
        assert wires.comes_through(1, 2, LAPTOP), "before anything is bound, everybody gets through"
        yield made


@pytest.mark.parametrize(
    ("platform", "settings", "port"),
    [("cisco_ios", config(4), "GigabitEthernet1/0/1"), ("qbridge", config(**STANDARD), "GigabitEthernet0/1")],
    ids=["cisco_ios", "qbridge"],
)
def test_what_is_bound_over_snmp_gets_through_and_nobody_else_until_it_is_taken_back(
    platform: str, settings: dict[str, Any], port: str, tmp_path: Path
) -> None:
    with bench_of(platform, settings, port, tmp_path) as bench:
        before = bench.read()
        changes = bench.plan(CAMERA)
        bench.run(changes)
        assert bench.plan(CAMERA).ports == (), "nothing is left to change"
        assert bench.wires.comes_through(1, 2, CAMERA)
        assert not bench.wires.arrives(1, 2, LAPTOP)
        assert bench.wires.arrives(1, 2, CAMERA), "the control frame"
        assert bench.wires.comes_through(2, 1, LAPTOP), "the other port is open"
        bench.run(bench.plan(OTHER))
        assert bench.wires.comes_through(1, 2, OTHER)
        assert not bench.wires.arrives(1, 2, CAMERA)
        assert bench.wires.arrives(1, 2, OTHER), "the control frame"
        back = restore(before, bench.read(), changes)
        bench.run(replace(back, save=changes.save))
        after = bench.read()
        assert snapshot_digest(after) == snapshot_digest(before)
        assert after.startup_differs in ((), None)
        assert bench.wires.comes_through(1, 2, LAPTOP), "as before"

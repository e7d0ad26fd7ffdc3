"""The linux_bridge dialect on Debian's own kernel behind real OpenSSH: frames, reverts, kills, reboots, faults."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
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
from drivers.flow import Flow, State
from drivers.render import commands
from lab.terminal import api
from policies.errors import UnparsedOutput, UsageError
from policies.model import ObservedSwitch, PortChange, PortConfig, PortMode, SecureMac, SwitchChanges
from policies.plan import SETTINGS, restore, snapshot_digest
from policies.texts import t
from tests.faults import bridge_bed
from tests.faults.kinds import Kind
from tests.faults.runs import Case
from tests.faults.runs import run as run_case
from tests.kill_walk import Walk, kill_at
from tests.lab.bridge_bench import CAM1, CAM2, ROGUE, Bench, bench, connect
from tests.revert import NoSafeguard, observe, told

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


#: Port → what it is changed to: together every setting of the dialect.
CHANGES = {
    "eth1": PortConfig(
        mode=PortMode.ACCESS, access_vlan=666, secure=True, secure_macs=frozenset({SecureMac(CAM1, 666)}), admin_up=True
    ),
    "eth2": PortConfig(
        mode=PortMode.TRUNK,
        native_vlan=7,
        allowed_vlans=frozenset({7, 100, *range(200, 231)}),
        description='it\'s "$HOME" \\ `id`; pole 2',
    ),
    "eth3": PortConfig(access_vlan=999, admin_up=False, description=""),
}


def test_every_setting_taken_back_leaves_the_switch_as_a_fresh_session_read_it(switch: Bench, tmp_path: Path) -> None:
    written = {name for after in CHANGES.values() for name in SETTINGS if getattr(after, name) is not None}
    assert written == set(DIALECT.settings)
    with open_context(switch.site(tmp_path / "site")) as context:
        equipment = SwitchEquipment(context.site, context.site.switches[0], context.clock)
        before = observe(equipment)
        assert before.ports["eth3"].config.description == "pole 3, the gate's"
        ports = tuple(
            PortChange(name, before.ports[name].config, after, t("a test")) for name, after in CHANGES.items()
        )
        changes = SwitchChanges(before.switch, snapshot_digest(before), (), ports, save=True)
        done = Flow(equipment, NoSafeguard(), told).run(changes)
        assert done.state is State.DONE, done.error
        assert done.observed is not None
        back = restore(before, done.observed, changes)
        undone = Flow(equipment, NoSafeguard(), told).run(replace(back, save=True))
        assert undone.state is State.DONE, undone.error
        assert undone.observed is not None
        assert snapshot_digest(undone.observed) == snapshot_digest(before)
        assert undone.observed.startup_differs == ()


def test_killed_in_the_middle_of_its_lines_an_apply_is_taken_back(switch: Bench, tmp_path: Path) -> None:
    site = switch.site(tmp_path / "site")
    old = snapshot_digest(read(site))
    assert run(cli, ["--site", str(site), "plan"]) == 0
    with open_context(site) as context:
        plan = latest_plan(context.store)
        assert plan is not None
        lines = len(commands(DIALECT, plan.changes.switches[0]))
    # Two events of each of three steps, one as the fourth begins, and two of each line.
    kill_at(site, Walk([], old, ""), 7 + 2 * (lines // 2), with_watchdog=True)
    assert snapshot_digest(read(site)) == old
    assert all(switch.passes(port, ROGUE) for port in (1, 2, 3))


def test_a_mac_that_is_bound_to_another_port_is_not_taken_from_it(switch: Bench, tmp_path: Path) -> None:
    switch.shell(f"bridge fdb replace {CAM1} dev eth4 master static sticky vlan 100")
    site = switch.site(tmp_path / "site")
    assert run(cli, ["--site", str(site), "plan"]) == 0
    before = read(site)
    assert run(cli, ["--site", str(site), "apply", "--yes"]) == 3
    assert snapshot_digest(read(site)) == snapshot_digest(before)


def test_a_bridge_that_does_not_filter_vlans_is_not_read(switch: Bench, tmp_path: Path) -> None:
    site = switch.site(tmp_path / "site")
    switch.shell("ip link set br0 type bridge vlan_filtering 0")
    try:
        with pytest.raises(UnparsedOutput, match="vlan_filtering 0"):
            read(site)
    finally:
        switch.shell("ip link set br0 type bridge vlan_filtering 1")


def test_without_a_closed_start_nothing_counts_as_saved(switch: Bench, tmp_path: Path) -> None:
    site = switch.site(tmp_path / "site")
    switch.shell("ip link set br0 type bridge vlan_default_pvid 1")
    try:
        seen = read(site)
    finally:
        switch.shell("ip link set br0 type bridge vlan_default_pvid 0")
    assert "startup" not in seen.capabilities
    assert seen.startup_differs is None


#: What strikes where: `make faults` has more places.
STRUCK = [
    Case("linux_bridge", "first", "forward", Kind.RESET_DONE, 15),
    Case("linux_bridge", "first", "back", Kind.KILLED_DONE_LATE, 14),
]


@pytest.mark.parametrize("case", STRUCK, ids=str)
def test_wherever_a_fault_strikes_no_port_is_left_in_between(switch: Bench, case: Case) -> None:
    with closing(connect(switch.switch)) as client:
        bridge_bed.lent.append(client)
        try:
            ended = run_case(case)
        finally:
            bridge_bed.lent.remove(client)
    assert ended.wrong == []
    assert ended.claimed is State.ROLLED_BACK

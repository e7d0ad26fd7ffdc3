"""Changes of a Comware switch, there and back, over a model of it: see tests/comware_model.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.dialects import dialect
from drivers.flow import Flow, State
from drivers.verify import differences
from policies.model import PortConfig, SecureMac, SwitchChanges
from policies.plan import plan_switch, snapshot_digest
from tests.comware_model import Comware, ComwareEquipment, Port
from tests.revert import NoSafeguard, apply_and_revert, change_of, kinds, observe, told
from tests.unit.rendered import change
from tests.unit.switch_states import CAM, bound, expected

COMWARE = dialect("h3c_comware")
GIG = "GigabitEthernet1/0/"
BOUND = ("02ca-0000-0001", 100)


def ports() -> dict[str, Port]:
    """Give ports as sites have them, by what they are."""
    blocks = {"port-security intrusion-mode": "blockmac"}
    return {
        "plain": Port(access=100),
        "factory": Port(),
        "sealed": Port(
            access=100,
            mode="secure",
            static=[BOUND],
            pairs=["ip-address 10.1.0.1 mac-address 02ca-0000-0001"],
            lines={**blocks, "ip verify source": "ip-address mac-address", "description": "pole 7"},
        ),
        "shut": Port(access=100, shut=True),
        "trunk": Port(link="trunk", pvid=100, permit={100, 200}),
    }


STARTS = list(ports())


def switch(*, secured: bool = True) -> Comware:
    made = Comware({f"{GIG}{number}": port for number, port in enumerate(ports().values(), 1)})
    made.secured = secured
    if not secured:  # no port has a mode then, and this one has nothing at all
        made.ports[name("sealed")] = Port(access=100)
    made.vlans[200] = "two-hundred"
    made.startup = made.configuration()
    return made


def name(start: str) -> str:
    return f"{GIG}{STARTS.index(start) + 1}"


#: What is so on the port already; what a port has only beside another change; and what no plan does by itself, for a
#: plan that takes a port out of a VLAN takes the MACs of that VLAN along. Each is a whole first binding instead.
INSTEAD = {
    "plain": {"violation"},
    "factory": {"violation", "secure_macs", "ip_bindings"},
    "sealed": {"secure", "source_guard", "mode", "access_vlan", "native_vlan", "allowed_vlans"},
    "shut": {"violation", "admin_up"},
    "trunk": {"violation", "mode", "access_vlan", "native_vlan", "allowed_vlans", "secure_macs", "ip_bindings"},
}


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("kind", kinds(COMWARE))
def test_a_change_taken_back_leaves_the_switch_as_a_fresh_session_read_it(kind: str, start: str) -> None:
    made = switch()
    if kind == "vlan":
        del made.vlans[200]
        made.ports[name("trunk")].permit.discard(200)
        made.startup = made.configuration()
    apply_and_revert(ComwareEquipment(made), COMWARE, "sealed" if kind in INSTEAD[start] else kind, name(start))


@pytest.mark.parametrize("start", ["plain", "factory", "sealed", "shut"])
def test_a_plan_is_carried_out_and_the_next_one_is_empty(start: str) -> None:
    made = switch(secured=False)
    equipment = ComwareEquipment(made)
    wanted = expected(bound(name(start), CAM))
    planned, refusals = plan_switch(wanted, observe(equipment))
    assert [refusal for refusal in refusals if refusal.port == name(start)] == []
    done = Flow(equipment, NoSafeguard(), told).run(planned)
    assert done.state is State.DONE, done.error
    assert made.secured
    after = observe(equipment)
    assert not plan_switch(wanted, after)[0].ports
    assert after.startup_differs == ()


def first_binding() -> list[str]:
    """Give the lines of a first binding, as they were typed, without those that only move about."""
    made = switch(secured=False)
    equipment = ComwareEquipment(made)
    done = Flow(equipment, NoSafeguard(), told).run(change_of("sealed", name("factory"), observe(equipment), COMWARE))
    assert done.state is State.DONE, done.error
    entered = made.typed.index("system-view")
    lines = made.typed[entered + 1 : made.typed.index("return", entered)]
    return [line for line in lines if line != "quit" and not line.startswith("interface ")]


@pytest.mark.parametrize("refused", first_binding())
def test_whatever_line_is_refused_the_switch_is_as_it_was(refused: str) -> None:
    """The switch that turns port security on for all stays on, which alone does nothing, and is saved."""
    made = switch(secured=False)
    equipment = ComwareEquipment(made)
    before = observe(equipment)
    changes = change_of("sealed", name("factory"), before, COMWARE)
    made.refuses = {refused}
    outcome = Flow(equipment, NoSafeguard(), told).run(changes)
    assert outcome.state is State.ROLLED_BACK, outcome.error
    after = observe(equipment)
    assert after.ports == before.ports
    assert after.vlans == before.vlans
    assert after.startup_differs == ()


def test_security_that_waits_on_another_port_is_not_brought_into_force() -> None:
    """A mode is kept while port security is off for the whole switch: turning it on would seal that port too."""
    made = switch()
    made.secured = False
    made.ports[name("sealed")].static.clear()
    equipment = ComwareEquipment(made)
    before = observe(equipment)
    assert "secure" not in before.capabilities
    assert name("sealed") in str(before.oddities)
    planned, _ = plan_switch(expected(bound(name("plain"), CAM)), before)
    Flow(equipment, NoSafeguard(), told).run(planned)
    assert not made.secured
    assert "port-security enable" not in made.typed


def learning(**settings: object) -> Comware:
    made = switch()
    made.ports[name("plain")] = Port(
        access=100,
        mode="autolearn",
        security=[("02ca-0000-0001", 100, True)],
        **settings,  # type: ignore[arg-type]
    )
    return made


FULL = {"lines": {"port-security max-mac-count": "1"}}
ROOM = {"lines": {"port-security max-mac-count": "5"}}


class TestLearningPorts:
    def test_one_that_is_full_with_the_right_mac_counts_as_secured(self) -> None:
        seen = observe(ComwareEquipment(learning(**FULL))).ports[name("plain")].config
        assert (seen.secure, seen.sticky) == (True, True)
        assert seen.secure_macs == frozenset({SecureMac(CAM.mac, 100, sticky=True)})

    def test_one_with_room_does_not_and_is_left_alone_with_the_reason(self) -> None:
        seen = observe(ComwareEquipment(learning(**ROOM)))
        assert seen.ports[name("plain")].config.secure is False
        planned, refusals = plan_switch(expected(bound(name("plain"), CAM)), seen)
        assert planned.ports == ()
        assert "sticky learning" in str([refusal.reason for refusal in refusals if refusal.port == name("plain")])

    @pytest.mark.parametrize("lines", [FULL, ROOM], ids=["full", "room"])
    def test_its_description_can_be_changed_all_the_same(self, lines: dict[str, object]) -> None:
        equipment = ComwareEquipment(learning(**lines))
        before = observe(equipment)
        wanted = replace(bound(name("plain"), CAM), config=PortConfig(description="pole 9"))
        planned, _ = plan_switch(expected(wanted), before)
        done = Flow(equipment, NoSafeguard(), told).run(planned)
        assert done.state is State.DONE, done.error
        after = observe(equipment).ports[name("plain")].config
        assert after == replace(before.ports[name("plain")].config, description="pole 9")


def test_a_device_that_moves_between_ports_is_never_on_two() -> None:
    made = switch()
    equipment = ComwareEquipment(made)
    before = observe(equipment)
    old, new = before.ports[name("sealed")].config, before.ports[name("plain")].config
    moves = SwitchChanges(
        "gate",
        snapshot_digest(before),
        (),
        (
            change(new, PortConfig(secure_macs=old.secure_macs, ip_bindings=old.ip_bindings), name("plain")),
            change(old, PortConfig(secure_macs=frozenset(), ip_bindings=frozenset()), name("sealed")),
        ),
        save=True,
    )
    done = Flow(equipment, NoSafeguard(), told).run(moves)
    assert done.state is State.DONE, done.error
    assert done.observed is not None
    assert differences(done.observed, moves) == ()

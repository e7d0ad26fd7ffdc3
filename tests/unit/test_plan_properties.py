"""Plans of any states: carried out they leave nothing to plan, taken back they leave no trace; the digest; restore."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.model import (
    ChangeSet,
    ExpectedPort,
    IpBinding,
    Learned,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortChange,
    PortConfig,
    PortMode,
    PortRole,
    SecureMac,
    SwitchChanges,
    Violation,
    VlanChange,
)
from policies.plan import SETTINGS, exact_differences, plan, restore, snapshot_digest
from policies.texts import t
from tests.unit.switch_states import (
    CAM,
    CAPABLE,
    FACTORY,
    KNOWN,
    ROGUE,
    carried_out,
    changes_of,
    demands,
    expected,
    merged,
    observed,
    observed_ports,
    sealed,
)

SEALED = merged(FACTORY, sealed(CAM))


class TestDigest:
    @pytest.mark.parametrize("setting", SETTINGS)
    def test_every_managed_setting_is_in_it(self, setting: str) -> None:
        other: dict[str, object] = {
            "mode": PortMode.ACCESS,
            "violation": Violation.PROTECT,
            "secure_macs": frozenset({SecureMac(CAM.mac)}),
            "ip_bindings": frozenset({IpBinding(CAM.mac, "10.1.0.1", 100)}),
            "allowed_vlans": frozenset({3}),
            "description": "x",
        }
        value = other.get(setting, not getattr(FACTORY, setting))
        changed = replace(FACTORY, **{setting: value})  # type: ignore[arg-type]
        assert snapshot_digest(observed(ObservedPort("Gi1", changed))) != snapshot_digest(
            observed(ObservedPort("Gi1", FACTORY))
        )

    def test_a_sticky_mac_is_not_a_configured_one_here(self) -> None:
        stuck = replace(SEALED, secure_macs=frozenset({SecureMac(CAM.mac, 100, sticky=True)}))
        assert snapshot_digest(observed(ObservedPort("Gi1", stuck))) != snapshot_digest(
            observed(ObservedPort("Gi1", SEALED))
        )

    def test_what_comes_and_goes_by_itself_is_not_in_it(self) -> None:
        quiet = observed(ObservedPort("Gi1", FACTORY, Oper.DOWN))
        busy = observed(ObservedPort("Gi1", FACTORY, Oper.UP, learned=frozenset({Learned(ROGUE, 100)}), violations=7))
        assert snapshot_digest(quiet) == snapshot_digest(busy)

    def test_a_port_that_the_switch_has_shut_and_a_new_vlan_are_in_it(self) -> None:
        plain = snapshot_digest(observed(ObservedPort("Gi1", FACTORY)))
        assert snapshot_digest(observed(ObservedPort("Gi1", FACTORY, Oper.BLOCKED))) != plain
        assert snapshot_digest(observed(ObservedPort("Gi1", FACTORY), vlans={1: "default"})) != plain


PORTS = ("Gi1", "Gi2", "Gi3")


@st.composite
def situations(draw: st.DrawFn) -> tuple[dict[str, ExpectedPort], ObservedSwitch]:
    """Give demands on three ports and the switch as it is, both at random."""
    wanted = {
        name: ExpectedPort(
            name,
            draw(st.sampled_from([PortRole.BOUND, PortRole.SHUT, PortRole.UPLINK])),
            draw(demands()),
            t("a test"),
            protected=draw(st.none() | st.just(t("protected"))),
            edge=draw(st.booleans()),
        )
        for name in PORTS
    }
    ports = [draw(observed_ports(name)) for name in PORTS]
    capable = CAPABLE - draw(st.sets(st.sampled_from([*SETTINGS, "vlans", "startup"]), max_size=3))
    startup = draw(st.sampled_from([(), ("+ x",), None]))
    return wanted, observed(*ports, capabilities=capable, startup_differs=startup)


@pytest.mark.clause("7.1c")
@given(situations())
def test_carrying_a_plan_out_leaves_nothing_to_plan_but_what_was_refused(
    situation: tuple[dict[str, ExpectedPort], ObservedSwitch],
) -> None:
    wanted, seen = situation
    first = plan({"sw1": expected(*wanted.values())}, {"sw1": seen})
    then = carried_out(seen, first.switches[0])
    again = plan({"sw1": expected(*wanted.values())}, {"sw1": then})
    assert again.switches[0].ports == ()
    assert again.switches[0].vlans == ()
    assert again.switches[0].save in (False, bool(then.startup_differs))
    touched = {change.port for change in first.switches[0].ports}
    assert not touched & {refusal.port for refusal in again.refusals}
    assert again.refusals == first.refusals


@given(situations())
def test_a_plan_touches_no_port_that_it_refuses_and_none_that_is_not_declared(
    situation: tuple[dict[str, ExpectedPort], ObservedSwitch],
) -> None:
    wanted, seen = situation
    stranger = ObservedPort("Gi9", FACTORY, Oper.UP)
    seen = replace(seen, ports={**seen.ports, "Gi9": stranger})
    made: ChangeSet = plan({"sw1": expected(*wanted.values())}, {"sw1": seen})
    touched = {change.port for change in made.switches[0].ports}
    assert not touched & {refusal.port for refusal in made.refusals}
    assert touched <= set(wanted)
    assert not any(wanted[name].protected for name in touched)


@given(KNOWN, demands())
def test_a_change_and_its_inverse_leave_a_port_word_for_word_as_it_was(before: PortConfig, after: PortConfig) -> None:
    change = PortChange("Gi1", before, after, t("a test"))
    changed = merged(before, replace(after, **{name: None for name in SETTINGS if name not in change.fields}))
    undone = merged(changed, change.inverse().after)
    assert undone == before
    assert set(change.inverse().fields) <= set(change.fields)


@given(st.data())
def test_a_rollback_gives_every_touched_port_back_word_for_word(data: st.DataObject) -> None:
    configs = {name: data.draw(KNOWN) for name in PORTS}
    before = observed(*(ObservedPort(name, config) for name, config in configs.items()))
    touched = replace(data.draw(changes_of(configs)), vlans=(VlanChange(300, None, "new"),))
    after = carried_out(before, touched)
    back = carried_out(after, restore(before, after, touched))
    assert {name: port.config for name, port in back.ports.items()} == configs
    assert back.vlans == before.vlans


class TestRestore:
    def changes(self, *names: str) -> SwitchChanges:
        return SwitchChanges(
            "sw1", "", (), tuple(PortChange(name, FACTORY, sealed(CAM), t("a test")) for name in names)
        )

    def test_nothing_is_undone_where_nothing_happened(self) -> None:
        before = observed(ObservedPort("Gi1", FACTORY))
        assert restore(before, before, replace(self.changes("Gi1"), vlans=(VlanChange(300, None, "x"),))).empty

    def test_it_accepts_no_equivalents(self) -> None:
        old = replace(SEALED, secure_macs=frozenset({SecureMac(CAM.mac, 100, sticky=True)}))
        undo = restore(observed(ObservedPort("Gi1", old)), observed(ObservedPort("Gi1", SEALED)), self.changes("Gi1"))
        assert undo.ports[0].after == PortConfig(secure_macs=old.secure_macs)

    def test_ports_that_were_not_touched_are_left_alone(self) -> None:
        before = observed(ObservedPort("Gi1", FACTORY), ObservedPort("Gi2", FACTORY))
        now = observed(ObservedPort("Gi1", SEALED), ObservedPort("Gi2", SEALED))
        assert [change.port for change in restore(before, now, self.changes("Gi1")).ports] == ["Gi1"]

    def test_a_port_that_the_switch_shut_meanwhile_is_recovered(self) -> None:
        undo = restore(
            observed(ObservedPort("Gi1", FACTORY, Oper.UP)),
            observed(ObservedPort("Gi1", FACTORY, Oper.BLOCKED)),
            self.changes("Gi1"),
        )
        assert undo.ports[0].recover
        assert exact_differences(undo.ports[0].before, undo.ports[0].after) == ()

    def test_a_port_that_has_gone_cannot_be_restored_and_the_others_are(self) -> None:
        before = observed(ObservedPort("Gi1", FACTORY), ObservedPort("Gi2", FACTORY))
        undo = restore(before, observed(ObservedPort("Gi2", SEALED)), self.changes("Gi1", "Gi2"))
        assert [change.port for change in undo.ports] == ["Gi2"]

    def test_a_setting_that_was_not_known_is_not_invented(self) -> None:
        before = observed(ObservedPort("Gi1", replace(FACTORY, violation=None)))
        undo = restore(before, observed(ObservedPort("Gi1", SEALED)), self.changes("Gi1"))
        assert undo.ports[0].after.violation is None


def test_the_inverse_of_a_change_set_runs_backwards() -> None:
    first, second = (PortChange(name, FACTORY, sealed(CAM), t("a test")) for name in ("Gi1", "Gi2"))
    changes = SwitchChanges("sw1", "digest", (VlanChange(300, None, "x"),), (first, second), save=True)
    inverse = changes.inverse()
    assert [change.port for change in inverse.ports] == ["Gi2", "Gi1"]
    assert inverse.vlans == (VlanChange(300, "x", None),)
    assert inverse.digest == ""


def test_counts_and_emptiness_of_a_change_set() -> None:
    change = PortChange("Gi1", FACTORY, sealed(CAM), t("a test"))
    assert ChangeSet().empty
    assert ChangeSet((SwitchChanges("sw1", ""),)).empty
    save_only = ChangeSet((SwitchChanges("sw1", "", save=True),))
    assert not save_only.empty
    assert save_only.count == 1
    whole = SwitchChanges("sw1", "", (VlanChange(300, None, "x"),), (change,), save=True)
    assert ChangeSet((whole, SwitchChanges("sw2", ""))).count == 2

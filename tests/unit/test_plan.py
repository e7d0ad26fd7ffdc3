"""plan(expected, observed): the smallest change, or the reason why a port is not touched."""

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
    Neighbour,
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
from policies.plan import SETTINGS, exact_differences, likely_uplink, plan, plan_switch, restore, snapshot_digest
from policies.texts import t
from tests.unit.switch_states import (
    CAM,
    CAM2,
    CAPABLE,
    FACTORY,
    KNOWN,
    ROGUE,
    bound,
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


def only(seen: ObservedPort, wanted: ExpectedPort | None = None, **more: object) -> PortChange | None:
    """Give the one change that is planned for the port, if there is one; nothing may be refused."""
    changes, refusals = plan_switch(
        expected(wanted or bound("Gi1", CAM)),
        observed(seen, **more),  # type: ignore[arg-type]
    )
    assert refusals == []
    assert len(changes.ports) < 2
    return changes.ports[0] if changes.ports else None


def refused(
    seen: ObservedPort, wanted: ExpectedPort | None = None, own: frozenset[str] = frozenset(), **more: object
) -> tuple[str, bool]:
    """Give the reason why nothing is planned for the port, and whether it is a question."""
    changes, refusals = plan_switch(
        expected(wanted or bound("Gi1", CAM)),
        observed(seen, **more),  # type: ignore[arg-type]
        own,
    )
    assert changes.ports == ()
    assert len(refusals) == 1
    assert refusals[0].port == "Gi1"
    return str(refusals[0].reason), refusals[0].question


def learned(*macs: str) -> frozenset[Learned]:
    return frozenset(Learned(mac, 100) for mac in macs)


class TestTheSmallestChange:
    def test_nothing_is_planned_for_a_port_that_is_as_it_must_be(self) -> None:
        changes, refusals = plan_switch(expected(bound("Gi1", CAM)), observed(ObservedPort("Gi1", SEALED)))
        assert changes.empty
        assert refusals == []

    def test_only_what_differs_is_changed(self) -> None:
        change = only(ObservedPort("Gi1", replace(SEALED, violation=Violation.SHUTDOWN)))
        assert change is not None
        assert change.fields == ("violation",)
        assert change.after == PortConfig(violation=Violation.RESTRICT)

    def test_what_nobody_demands_is_left_alone(self) -> None:
        odd = replace(SEALED, description="pole 7", sticky=True, native_vlan=77, allowed_vlans=frozenset({5}))
        assert only(ObservedPort("Gi1", odd)) is None

    def test_a_first_binding_of_a_factory_port_says_all_that_is_needed(self) -> None:
        change = only(ObservedPort("Gi1", FACTORY))
        assert change is not None
        assert set(change.fields) == {
            "mode",
            "access_vlan",
            "secure",
            "violation",
            "secure_macs",
            "ip_bindings",
            "source_guard",
        }

    @pytest.mark.parametrize(
        "macs",
        [
            {SecureMac(CAM.mac, 100, sticky=True)},
            {SecureMac(CAM.mac, None)},
            {SecureMac(CAM.mac, None, sticky=True)},
        ],
        ids=["sticky", "no VLAN kept", "both"],
    )
    def test_a_binding_that_says_the_same_in_other_words_is_not_written_again(self, macs: set[SecureMac]) -> None:
        assert only(ObservedPort("Gi1", replace(SEALED, secure_macs=frozenset(macs)))) is None

    @pytest.mark.parametrize(
        "macs",
        [
            {SecureMac(CAM.mac, 200)},
            {SecureMac(CAM.mac, 100), SecureMac(ROGUE, 100)},
            {SecureMac(ROGUE, 100, sticky=True)},
            set(),
        ],
        ids=["another VLAN", "one too many", "another MAC", "none"],
    )
    def test_a_binding_that_differs_is_written_with_its_vlan_beside_it(self, macs: set[SecureMac]) -> None:
        change = only(ObservedPort("Gi1", replace(SEALED, secure_macs=frozenset(macs))))
        assert change is not None
        assert change.fields == ("secure_macs",)
        assert change.after.secure_macs == frozenset({SecureMac(CAM.mac, 100)})
        assert change.after.access_vlan == 100

    def test_an_unknown_setting_is_written(self) -> None:
        change = only(ObservedPort("Gi1", replace(SEALED, violation=None)))
        assert change is not None
        assert change.after == PortConfig(violation=Violation.RESTRICT)

    def test_what_the_platform_cannot_do_falls_away(self) -> None:
        capable = CAPABLE - {"violation", "ip_bindings", "source_guard"}
        change = only(ObservedPort("Gi1", FACTORY), capabilities=capable)
        assert change is not None
        assert not set(change.fields) & {"violation", "ip_bindings", "source_guard"}

    def test_a_port_that_the_switch_has_shut_is_recovered_even_when_its_settings_are_right(self) -> None:
        change = only(ObservedPort("Gi1", SEALED, Oper.BLOCKED, "psecure-violation"))
        assert change is not None
        assert change.recover
        assert change.fields == ()

    def test_a_port_that_must_be_down_is_not_recovered(self) -> None:
        wanted = ExpectedPort("Gi1", PortRole.SHUT, PortConfig(admin_up=False), t("unused"))
        change = only(ObservedPort("Gi1", SEALED, Oper.BLOCKED), wanted)
        assert change is not None
        assert not change.recover
        assert change.after == PortConfig(admin_up=False)

    def test_a_stranger_who_is_cut_off_by_a_first_binding_is_named(self) -> None:
        change = only(ObservedPort("Gi1", FACTORY, learned=learned(ROGUE)))
        assert change is not None
        assert ROGUE in str(change.reason)
        assert CAM.mac not in str(change.reason)


class TestVlansAndSaving:
    def test_a_missing_vlan_is_made_with_its_name(self) -> None:
        wanted = expected(bound("Gi1", CAM, vlan=300), vlans={300: "face"})
        changes, _ = plan_switch(wanted, observed(ObservedPort("Gi1", FACTORY)))
        assert changes.vlans == (VlanChange(300, None, "face"),)

    @pytest.mark.parametrize(
        "seen", [{"vlans": None}, {"capabilities": CAPABLE - {"vlans"}}], ids=["not read", "not writable"]
    )
    def test_no_vlan_is_made_where_vlans_are_not_known(self, seen: dict[str, object]) -> None:
        wanted = expected(bound("Gi1", CAM, vlan=300), vlans={300: "face"})
        changes, _ = plan_switch(wanted, observed(ObservedPort("Gi1", FACTORY), **seen))  # type: ignore[arg-type]
        assert changes.vlans == ()

    @pytest.mark.parametrize(
        ("config", "startup", "capable", "save"),
        [
            (SEALED, (), CAPABLE, False),
            (SEALED, ("+ something",), CAPABLE, True),
            (FACTORY, (), CAPABLE, True),
            (FACTORY, None, CAPABLE - {"startup"}, False),
        ],
        ids=["nothing to do", "unsaved before", "changed", "cannot save"],
    )
    def test_the_configuration_is_saved_when_there_is_something_to_save(
        self, config: PortConfig, startup: tuple[str, ...] | None, capable: frozenset[str], save: bool
    ) -> None:
        seen = observed(ObservedPort("Gi1", config), startup_differs=startup, capabilities=capable)
        changes, _ = plan_switch(expected(bound("Gi1", CAM)), seen)
        assert changes.save is save

    def test_a_plan_carries_the_digest_of_the_snapshot(self) -> None:
        seen = observed(ObservedPort("Gi1", FACTORY))
        assert plan_switch(expected(bound("Gi1", CAM)), seen)[0].digest == snapshot_digest(seen)


class TestRefusals:
    def test_a_switch_that_was_not_read_is_refused_whole(self) -> None:
        changes = plan({"sw1": expected(bound("Gi1", CAM))}, {})
        assert changes.switches == ()
        assert [(refusal.switch, refusal.port) for refusal in changes.refusals] == [("sw1", "")]
        assert "not read" in str(changes.refusals[0].reason)

    def test_a_protected_port_is_refused_with_its_reason(self) -> None:
        config = PortConfig(mode=PortMode.TRUNK, allowed_vlans=frozenset({100}))
        wanted = ExpectedPort("Gi1", PortRole.UPLINK, config, t("uplink"), protected=t("it is a declared uplink"))
        reason, question = refused(ObservedPort("Gi1", replace(FACTORY, mode=PortMode.TRUNK)), wanted)
        assert reason == "it is a declared uplink"
        assert not question

    def test_a_protected_port_that_is_right_is_not_mentioned(self) -> None:
        wanted = ExpectedPort("Gi1", PortRole.UPLINK, PortConfig(), t("uplink"), protected=t("it is a declared uplink"))
        assert only(ObservedPort("Gi1", FACTORY), wanted) is None

    def test_a_bound_management_port_is_refused(self) -> None:
        wanted = replace(bound("Gi1", CAM), protected=t("it carries the management path"))
        assert "management path" in refused(ObservedPort("Gi1", FACTORY), wanted)[0]

    @pytest.mark.parametrize("config", [FACTORY, replace(SEALED, maximum=9)], ids=["first binding", "sealed"])
    def test_a_port_that_learned_the_controllers_own_mac_is_never_touched(self, config: PortConfig) -> None:
        own = "02:c0:00:00:00:01"
        reason, question = refused(ObservedPort("Gi1", config, learned=learned(own)), own=frozenset({own}))
        assert "own MAC" in reason
        assert not question

    def test_a_port_that_the_switch_does_not_have_is_refused(self) -> None:
        changes, refusals = plan_switch(expected(bound("Gi9", CAM)), observed(ObservedPort("Gi1", SEALED)))
        assert changes.ports == ()
        assert {refusal.port for refusal in refusals} == {"Gi9"}

    def test_an_undeclared_port_in_use_is_refused_and_a_dark_one_passed_over(self) -> None:
        up, down = ObservedPort("Gi2", FACTORY, Oper.UP), ObservedPort("Gi3", FACTORY, Oper.DOWN)
        changes, refusals = plan_switch(expected(bound("Gi1", CAM)), observed(ObservedPort("Gi1", SEALED), up, down))
        assert changes.ports == ()
        assert [refusal.port for refusal in refusals] == ["Gi2"]

    def test_a_routed_port_is_refused_since_its_address_would_be_lost(self) -> None:
        assert "routed" in refused(ObservedPort("Gi1", replace(FACTORY, mode=PortMode.ROUTED)))[0]

    def test_a_mode_is_not_changed_when_what_is_lost_with_it_cannot_be_written_back(self) -> None:
        trunk = replace(FACTORY, mode=PortMode.TRUNK, native_vlan=7)
        wanted = replace(bound("Gi1", CAM), edge=True)
        reason, question = refused(ObservedPort("Gi1", trunk), wanted, capabilities=CAPABLE - {"native_vlan"})
        assert "native_vlan" in reason
        assert not question


class TestTheQuestionOfTheUplink:
    BRIDGE = Neighbour("sw9", "Gi1/0/48", "02:00:00:00:00:09", "B,R")

    @pytest.mark.parametrize(
        "port",
        [
            ObservedPort("Gi1", replace(FACTORY, mode=PortMode.TRUNK)),
            ObservedPort("Gi1", FACTORY, neighbours=(BRIDGE,)),
            ObservedPort("Gi1", FACTORY, learned=learned(CAM.mac, ROGUE)),
        ],
        ids=["trunk", "LLDP", "two MACs"],
    )
    def test_what_looks_like_an_uplink_is_asked_about_before_a_first_binding_only(self, port: ObservedPort) -> None:
        reason, question = refused(port)
        assert question
        assert "edge_ports" in reason
        assert only(port, replace(bound("Gi1", CAM), edge=True)) is not None
        again = replace(port, config=replace(port.config, secure=True))
        assert only(again) is not None
        shut = replace(port, config=replace(port.config, admin_up=False))
        assert only(shut) is not None

    @pytest.mark.parametrize(
        "words", ["B", "B,R", "B, T", "R", "W", "P", "Bridge", "Bridge Router", "bridge, telephone", ""]
    )
    def test_a_neighbour_that_forwards_or_says_nothing_of_itself_looks_like_an_uplink(self, words: str) -> None:
        assert likely_uplink(ObservedPort("Gi1", neighbours=(Neighbour("x", "1", "", words),))) is not None

    @pytest.mark.parametrize("words", ["S", "T", "O", "C", "Station Only", "telephone"])
    def test_a_neighbour_that_only_listens_does_not(self, words: str) -> None:
        assert likely_uplink(ObservedPort("Gi1", neighbours=(Neighbour("x", "1", "", words),))) is None

    def test_as_many_macs_as_devices_are_no_uplink_and_the_switches_own_do_not_count(self) -> None:
        macs = learned(CAM.mac, CAM2.mac) | {Learned("02:00:00:00:00:aa", 100, "self")}
        assert likely_uplink(ObservedPort("Gi1", learned=macs), devices=2) is None
        assert likely_uplink(ObservedPort("Gi1", learned=macs), devices=1) is not None

    def test_one_mac_in_two_vlans_is_one(self) -> None:
        macs = frozenset({Learned(CAM.mac, 100), Learned(CAM.mac, 200)})
        assert likely_uplink(ObservedPort("Gi1", learned=macs)) is None


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
        busy = observed(ObservedPort("Gi1", FACTORY, Oper.UP, learned=learned(ROGUE), violations=7))
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

"""plan(expected, observed): the smallest change, or the reason why a port is not touched."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.model import (
    ExpectedPort,
    Learned,
    Neighbour,
    ObservedPort,
    Oper,
    PortChange,
    PortConfig,
    PortMode,
    PortRole,
    SecureMac,
    Violation,
    VlanChange,
)
from policies.plan import likely_uplink, plan, plan_switch, snapshot_digest
from policies.texts import t
from tests.unit.switch_states import (
    CAM,
    CAM2,
    CAPABLE,
    FACTORY,
    ROGUE,
    bound,
    expected,
    merged,
    observed,
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

    @pytest.mark.parametrize(
        ("setting", "word"),
        [
            ("violation", "violation action"),
            ("mode", "port mode"),
            ("source_guard", "IP source guard"),
            ("secure_macs", "bound MACs"),
        ],
    )
    def test_a_setting_that_was_not_understood_is_not_overwritten(self, setting: str, word: str) -> None:
        unknown: dict[str, object] = {setting: None}
        reason, question = refused(ObservedPort("Gi1", replace(SEALED, **unknown)))  # type: ignore[arg-type]
        assert word in reason
        assert not question

    def test_a_setting_that_was_not_understood_is_left_alone_where_nothing_demands_another(self) -> None:
        shut = ExpectedPort("Gi1", PortRole.SHUT, PortConfig(admin_up=False), t("unused"))
        change = only(ObservedPort("Gi1", replace(SEALED, violation=None, mode=None)), shut)
        assert change is not None
        assert change.fields == ("admin_up",)

    def test_macs_that_were_not_understood_keep_the_port_in_its_vlan(self) -> None:
        moved = ExpectedPort("Gi1", PortRole.SHUT, PortConfig(access_vlan=999), t("unused"))
        assert "bound MACs" in refused(ObservedPort("Gi1", replace(SEALED, secure_macs=None)), moved)[0]

    def test_a_trunk_without_an_access_vlan_is_known_well_enough(self) -> None:
        trunk = replace(FACTORY, mode=PortMode.TRUNK, access_vlan=None)
        change = only(ObservedPort("Gi1", trunk), replace(bound("Gi1", CAM), edge=True))
        assert change is not None

    def test_a_mode_is_not_changed_when_what_is_lost_with_it_cannot_be_written_back(self) -> None:
        trunk = replace(FACTORY, mode=PortMode.TRUNK, native_vlan=7)
        wanted = replace(bound("Gi1", CAM), edge=True)
        reason, question = refused(ObservedPort("Gi1", trunk), wanted, capabilities=CAPABLE - {"native_vlan"})
        assert "native VLAN" in reason
        assert not question


class TestMembersOfAPortChannel:
    MEMBER = ObservedPort("Gi1", FACTORY, channel="Port-channel1")

    def test_a_member_is_refused_and_the_channel_is_named(self) -> None:
        reason, question = refused(self.MEMBER)
        assert reason == "it is a member of Port-channel1; bind or shut the channel instead"
        assert not question

    @pytest.mark.parametrize("edge", [True, False])
    def test_it_is_never_shut_as_unused_either(self, edge: bool) -> None:
        unused = ExpectedPort("Gi1", PortRole.SHUT, PortConfig(admin_up=False), t("unused"), edge=edge)
        assert "Port-channel1" in refused(self.MEMBER, unused)[0]

    def test_a_member_of_a_declared_uplink_is_protected_with_it(self) -> None:
        uplink = ExpectedPort(
            "Port-channel1", PortRole.UPLINK, PortConfig(), t("uplink"), protected=t("it is a declared uplink")
        )
        whole = ObservedPort("Port-channel1", replace(FACTORY, mode=PortMode.TRUNK))
        changes, refusals = plan_switch(expected(bound("Gi1", CAM), uplink), observed(self.MEMBER, whole))
        assert changes.ports == ()
        assert [str(each.reason) for each in refusals] == ["it is a member of Port-channel1: it is a declared uplink"]


class TestTheQuestionOfTheUplink:
    BRIDGE = Neighbour("sw9", "Gi1/0/48", "02:00:00:00:00:09", "B,R")

    @pytest.mark.parametrize(
        "port",
        [
            ObservedPort("Gi1", replace(FACTORY, mode=PortMode.TRUNK)),
            ObservedPort("Gi1", FACTORY, trunking=True),
            ObservedPort("Gi1", FACTORY, neighbours=(BRIDGE,)),
            ObservedPort("Gi1", FACTORY, learned=learned(CAM.mac, ROGUE)),
        ],
        ids=["trunk", "negotiated trunk", "LLDP", "two MACs"],
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

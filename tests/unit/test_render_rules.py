"""What every rendering keeps to: order over ports, exact rollbacks, refusals, every setting of every dialect."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from drivers.dialect import Dialect, Items, Set
from drivers.dialects import all_dialects
from drivers.render import Command, check_undo, commands, fill, script
from policies.errors import ConfigError
from policies.model import (
    IpBinding,
    PortConfig,
    PortMode,
    Violation,
    VlanChange,
)
from policies.plan import SETTINGS
from tests.unit.rendered import CISCO, GI1, GI2, OVS, OVS_PLAIN, SEALED, SECURITY, change, changes, lines, macs
from tests.unit.switch_states import ALL_VLANS, CAM, CAM2, FACTORY, KNOWN, merged, sealed


class TestOrderOverPorts:
    def test_a_mac_leaves_its_old_port_before_it_comes_to_the_new_one(self) -> None:
        new = change(FACTORY, PortConfig(secure=True, secure_macs=macs(CAM.mac)), GI1)
        old = change(SEALED, PortConfig(secure_macs=frozenset()), GI2)
        made = commands(CISCO, changes(new, old))
        gone = made.index(Command(f"no {SECURITY} mac-address 02ca.0000.0001", GI2))
        come = made.index(Command(f"{SECURITY} mac-address 02ca.0000.0001", GI1))
        assert gone < come

    def test_two_macs_that_change_places_both_leave_before_either_comes(self) -> None:
        first = change(SEALED, PortConfig(secure_macs=macs(CAM2.mac)), GI1)
        second = change(merged(FACTORY, sealed(CAM2)), PortConfig(secure_macs=macs(CAM.mac)), GI2)
        assert [
            (command.port, command.line.removeprefix(f"{SECURITY} "))
            for command in commands(CISCO, changes(first, second))
        ] == [
            (GI1, f"no {SECURITY}"),
            (GI1, f"no {SECURITY} mac-address 02ca.0000.0001"),
            (GI2, f"no {SECURITY}"),
            (GI2, f"no {SECURITY} mac-address 02ca.0000.0002"),
            (GI1, "mac-address 02ca.0000.0002"),
            (GI1, SECURITY),
            (GI2, "mac-address 02ca.0000.0001"),
            (GI2, SECURITY),
        ]

    def test_two_ips_that_change_places_both_leave_before_either_comes(self) -> None:
        def pair(mac: str, ip: str) -> frozenset[IpBinding]:
            return frozenset({IpBinding(mac, ip, 100)})

        first = change(
            replace(FACTORY, ip_bindings=pair(CAM.mac, "10.1.0.1")), PortConfig(ip_bindings=pair(CAM.mac, "10.1.0.2"))
        )
        second = change(
            replace(FACTORY, ip_bindings=pair(CAM2.mac, "10.1.0.2")),
            PortConfig(ip_bindings=pair(CAM2.mac, "10.1.0.1")),
            GI2,
        )
        said = lines(CISCO, first, second)
        assert [line.startswith("no ") for line in said] == [True, True, False, False]

    def test_without_a_move_each_port_is_finished_before_the_next_is_begun(self) -> None:
        made = commands(CISCO, changes(change(FACTORY, sealed(CAM), GI1), change(FACTORY, sealed(CAM2), GI2)))
        ports = [command.port or command.line.rpartition(" ")[2] for command in made]
        assert ports == sorted(ports)

    def test_a_vlan_is_made_before_the_ports_and_taken_away_after_them(self) -> None:
        port = change(FACTORY, PortConfig(access_vlan=300))
        made = commands(CISCO, changes(port, vlans=(VlanChange(300, None, "face"),)))
        assert [command.line for command in made] == ["vlan 300", "name face", "exit", "switchport access vlan 300"]
        back = commands(CISCO, changes(port, vlans=(VlanChange(300, None, "face"),)).inverse())
        assert [command.line for command in back] == ["switchport access vlan 1", "no vlan 300"]

    def test_a_port_is_recovered_after_everything_else_was_written(self) -> None:
        assert lines(CISCO, change(SEALED, PortConfig(violation=Violation.PROTECT), recover=True)) == [
            f"{SECURITY} violation protect",
            "shutdown",
            "no shutdown",
        ]
        assert lines(CISCO, change(SEALED, PortConfig(), recover=True)) == ["shutdown", "no shutdown"]


class TestExact:
    """A rollback accepts no equivalents: what the switch had learned itself is given back as learned."""

    OLD = replace(SEALED, sticky=True, secure_macs=macs(CAM.mac, sticky=True))

    def test_a_plan_leaves_a_sticky_mac_that_is_the_right_one(self) -> None:
        assert lines(CISCO, change(self.OLD, PortConfig(secure_macs=macs(CAM.mac)))) == []

    def test_a_rollback_turns_a_configured_mac_into_the_sticky_one_that_it_was(self) -> None:
        undo = change(replace(SEALED, sticky=True), PortConfig(secure_macs=macs(CAM.mac, sticky=True)))
        assert lines(CISCO, undo, exact=True) == [
            f"no {SECURITY}",
            f"no {SECURITY} mac-address 02ca.0000.0001",
            f"{SECURITY} mac-address sticky 02ca.0000.0001",
            SECURITY,
        ]

    def test_sticky_learning_is_on_before_sticky_macs_come_back(self) -> None:
        undo = change(FACTORY, PortConfig(sticky=True, secure_macs=macs(CAM.mac, sticky=True)))
        assert lines(CISCO, undo, exact=True) == [
            f"{SECURITY} mac-address sticky",
            f"{SECURITY} mac-address sticky 02ca.0000.0001",
        ]


class TestRefusals:
    def test_a_setting_that_the_dialect_cannot_write_is_named(self) -> None:
        with pytest.raises(ConfigError, match="native_vlan, sticky") as refusal:
            lines(OVS, change(OVS_PLAIN, PortConfig(sticky=True, native_vlan=7), "eth1"))
        assert refusal.value.where == "eth1"
        assert refusal.value.next_step is not None

    @pytest.mark.parametrize(
        ("spoken", "before", "after"),
        [
            (CISCO, FACTORY, PortConfig(mode=PortMode.ROUTED)),
            (OVS, OVS_PLAIN, PortConfig(mode=PortMode.DYNAMIC)),
            (OVS, OVS_PLAIN, PortConfig(allowed_vlans=frozenset())),
        ],
    )
    def test_a_value_without_a_command_is_an_error_and_no_silence(
        self, spoken: Dialect, before: PortConfig, after: PortConfig
    ) -> None:
        with pytest.raises(ConfigError, match=next(name for name in SETTINGS if getattr(after, name) is not None)):
            lines(spoken, change(before, after, "eth1"))

    def test_what_could_not_be_written_back_is_found_before_anything_is_sent(self) -> None:
        routed = replace(FACTORY, mode=PortMode.ROUTED)
        forward = changes(change(routed, PortConfig(mode=PortMode.ACCESS)))
        assert commands(CISCO, forward)
        with pytest.raises(ConfigError, match="mode"):
            check_undo(CISCO, forward)

    @pytest.mark.parametrize("text", ["pole 7\nno shutdown", "a\rb", "a\x1b[2Jb", "a\x03b"])
    def test_a_text_that_would_be_a_second_command_is_refused(self, text: str) -> None:
        with pytest.raises(ConfigError, match="control character") as refusal:
            lines(CISCO, change(FACTORY, PortConfig(description=text)))
        assert "\n" not in str(refusal.value)

    @pytest.mark.parametrize(
        ("name", "said"),
        [("人脸", "vlan300"), ("face net", "vlan300"), ("face-1", "face-1"), ("", "vlan300"), ("x\nend", "vlan300")],
    )
    def test_a_vlan_name_that_a_switch_would_not_take_is_replaced(self, name: str, said: str) -> None:
        made = commands(CISCO, changes(vlans=(VlanChange(300, None, name),)))
        assert [command.line for command in made] == ["vlan 300", f"name {said}", "exit"]


def test_fill_puts_values_in_and_leaves_the_braces_of_awk_alone() -> None:
    template = "awk -F, '$1!=\"{bridge}\"{m=$4; print $1}{}' {unknown} {port}{port}"
    assert fill(template, {"bridge": "br0", "port": "eth1"}) == (
        "awk -F, '$1!=\"br0\"{m=$4; print $1}{}' {unknown} eth1eth1"
    )


def test_a_value_that_looks_like_a_name_is_not_filled_again() -> None:
    assert fill("{a}", {"a": "{b}", "b": "x"}) == "{b}"


def test_a_script_enters_and_leaves_the_modes() -> None:
    made = [Command("vlan 300"), Command("shutdown", GI1), Command("no shutdown", GI1), Command("x", GI2), Command("y")]
    assert script(CISCO, made) == [
        "configure terminal",
        "vlan 300",
        f"interface {GI1}",
        "shutdown",
        "no shutdown",
        "exit",
        f"interface {GI2}",
        "x",
        "exit",
        "y",
        "end",
    ]
    assert script(CISCO, []) == []
    assert script(OVS, [Command("ovs-vsctl x", "eth1")]) == ["ovs-vsctl x"]


#: Every value that a port may have, by setting: what plans and rollbacks of the product can ask a dialect to write.
VALUES: dict[str, list[object]] = {
    "mode": [PortMode.ACCESS, PortMode.TRUNK],
    "access_vlan": [1, 100],
    "native_vlan": [1, 100],
    "allowed_vlans": [frozenset({100, 200}), ALL_VLANS],
    "secure": [True, False],
    "maximum": [1, 2],
    "violation": list(Violation),
    "sticky": [True, False],
    "secure_macs": [macs(CAM.mac), frozenset()],
    "ip_bindings": [frozenset({IpBinding(CAM.mac, "10.1.0.1", 100)}), frozenset()],
    "source_guard": [True, False],
    "admin_up": [True, False],
    "description": ["pole 7", ""],
}


WRITTEN = [(spoken, setting) for spoken in all_dialects() for setting in SETTINGS if setting in spoken.settings]


@pytest.mark.parametrize(("spoken", "setting"), WRITTEN, ids=[f"{d.platform} {setting}" for d, setting in WRITTEN])
def test_every_value_of_every_setting_has_commands_there_and_back(spoken: Dialect, setting: str) -> None:
    for value in VALUES[setting]:
        for other in VALUES[setting]:
            if other == value:
                continue
            given: dict[str, object] = {"access_vlan": 100, setting: other}
            before = PortConfig(**given)  # type: ignore[arg-type]
            after = PortConfig(**{setting: value})  # type: ignore[arg-type]
            forward = changes(change(before, after))
            there, back = commands(spoken, forward), commands(spoken, forward.inverse(), exact=True)
            assert there
            assert back
            assert there != back


@pytest.mark.parametrize("spoken", all_dialects(), ids=lambda each: each.platform)
class TestEveryDialect:
    def test_every_capability_that_is_a_setting_can_be_written(self, spoken: Dialect) -> None:
        assert spoken.capabilities - {"vlans", "startup"} == set(spoken.settings)
        assert bool(spoken.vlan_add) == bool(spoken.vlan_remove) == ("vlans" in spoken.capabilities)
        assert (spoken.save is not None) == ("startup" in spoken.capabilities)

    def test_the_order_names_every_setting_with_the_phases_that_it_needs(self, spoken: Dialect) -> None:
        needed = set()
        for name, template in spoken.settings.items():
            if isinstance(template, Items):
                needed |= {(name, "remove"), (name, "add")}
            elif set(template.by_value) == {True, False}:
                needed |= {(name, "off"), (name, "on")}
            else:
                needed.add((name, "set"))
        assert set(spoken.order) == needed
        assert len(spoken.order) == len(needed)

    def test_security_goes_off_before_its_members_change_and_on_after_them(self, spoken: Dialect) -> None:
        place = {step: number for number, step in enumerate(spoken.order)}
        off, on = place["secure", "off"], place["secure", "on"]
        removed, added = place["secure_macs", "remove"], place["secure_macs", "add"]
        if off < on:
            assert off < removed < added < on
        else:
            # Huawei takes a member only while security is on: it goes on before the first and off after the last.
            assert removed < on < added < off
            assert not spoken.quiesce
        if "source_guard" in spoken.settings:
            assert place["source_guard", "off"] < place["ip_bindings", "remove"]
            assert place["ip_bindings", "add"] < place["source_guard", "on"]
        assert place["admin_up", "off"] == 0
        assert place["admin_up", "on"] == len(spoken.order) - 1

    def test_what_is_quiesced_is_a_flag_with_both_commands(self, spoken: Dialect) -> None:
        for flag, members in spoken.quiesce.items():
            template = spoken.settings[flag]
            assert isinstance(template, Set)
            assert template.by_value[True]
            assert template.by_value[False]
            assert members <= set(spoken.settings)

    @given(before=KNOWN, after=KNOWN)
    def test_no_command_has_an_unfilled_name_or_a_line_end(
        self, spoken: Dialect, before: PortConfig, after: PortConfig
    ) -> None:
        lacking = {name: None for name in SETTINGS if name not in spoken.settings}
        fits = replace(after, **lacking)
        modes = spoken.settings["mode"]
        assert isinstance(modes, Set)
        if fits.mode not in modes.by_value:  # not every platform negotiates
            fits = replace(fits, mode=PortMode.TRUNK)
        if fits.allowed_vlans == frozenset() and spoken is OVS:
            fits = replace(fits, allowed_vlans=ALL_VLANS)
        for exact in (False, True):
            for command in commands(spoken, changes(change(replace(before, **lacking), fits)), exact=exact):
                assert "{" not in command.line
                assert "None" not in command.line
                assert command.line.isprintable()

    @given(config=KNOWN)
    def test_a_port_that_is_as_wanted_is_told_nothing(self, spoken: Dialect, config: PortConfig) -> None:
        lacking = {name: None for name in SETTINGS if name not in spoken.settings}
        config = replace(config, **lacking)
        assert commands(spoken, changes(change(config, config)), exact=True) == []
        assert commands(spoken, changes(change(config, config))) == []

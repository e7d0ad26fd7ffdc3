"""What notifications say, vendor by vendor, with the types that switches really send; and noise, which never raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.snmp.traps.reader import VENDORS, hints, resolved, trap_of
from drivers.snmp.traps.words import Hint, Kind, Role
from drivers.snmp.values import Value
from policies.names import parse_mac

MAC, OCTETS = "00:24:c4:42:9b:0f", bytes.fromhex("0024c4429b0f")
CPS = "1.3.6.1.4.1.9.9.315.1.2.1.1."
IF_INDEX, IF_DESCR, IF_NAME = "1.3.6.1.2.1.2.2.1.1.", "1.3.6.1.2.1.2.2.1.2.", "1.3.6.1.2.1.31.1.1.1.1."
CISCO_VIOLATION = "1.3.6.1.4.1.9.9.315.0.0.1"
HUAWEI, H3C, RUIJIE = "1.3.6.1.4.1.2011.5.25.", "1.3.6.1.4.1.25506.2.", "1.3.6.1.4.1.4881.1.1."


def only(oid: str, *binds: tuple[str, Value | None]) -> Hint:
    (hint,) = hints(oid, binds)
    return hint


class TestCisco:
    @pytest.mark.parametrize("mac", [OCTETS, b"0024.c442.9b0f", b"00 24 C4 42 9B 0F", b"00:24:c4:42:9b:0f"])
    @pytest.mark.parametrize("index", [10101, b"10101", "10101"])
    def test_a_violation_names_port_and_mac_whatever_the_types_are(self, mac: Value, index: Value) -> None:
        hint = only(
            CISCO_VIOLATION, (IF_INDEX + "10101", index), (IF_NAME + "10101", b"Gi1/0/1"), (CPS + "10.10101", mac)
        )
        assert (hint.kind, hint.cause, hint.if_index, hint.port, hint.mac) == (
            Kind.VIOLATION, "port-security", 10101, "Gi1/0/1", MAC,
        )  # fmt: skip

    def test_the_port_is_known_by_the_instance_alone(self) -> None:
        assert only(CISCO_VIOLATION, (CPS + "10.10107", OCTETS)).if_index == 10107

    @pytest.mark.parametrize("mac", [b"", b"\0" * 6, b"\xff" * 6, b"12345", None, 5, "x"])
    def test_what_is_no_mac_of_a_device_is_none(self, mac: Value | None) -> None:
        assert only(CISCO_VIOLATION, (CPS + "10.10101", mac)).mac == ""

    @pytest.mark.parametrize("trap", ["1.3.6.1.4.1.9.9.548.0.2", "1.3.6.1.4.1.9.9.548.0.1.1"])
    def test_err_disable_says_port_cause_and_nothing_of_a_mac(self, trap: str) -> None:
        hint = only(trap, ("1.3.6.1.4.1.9.9.548.1.3.1.1.2.10102.0", 9))
        assert (hint.kind, hint.cause, hint.if_index, hint.vlan, hint.mac) == (
            Kind.BLOCKED, "psecure-violation", 10102, None, "",
        )  # fmt: skip

    def test_an_unknown_cause_keeps_its_number(self) -> None:
        hint = only("1.3.6.1.4.1.9.9.548.0.2", ("1.3.6.1.4.1.9.9.548.1.3.1.1.2.10102.30", 57))
        assert (hint.cause, hint.vlan) == ("cause 57", 30)

    def test_a_mac_notification_lists_several_until_its_end(self) -> None:
        learned = b"\x01\x00\x64" + OCTETS + b"\x00\x03"
        removed = b"\x02\x00\x65" + OCTETS + b"\x00\x04"
        found = hints("1.3.6.1.4.1.9.9.215.2.0.1", [("1.3.6.1.4.1.9.9.215.1.1.8.1.2.7", learned + removed + bytes(11))])
        assert [(each.kind, each.mac, each.vlan, each.base_port) for each in found] == [
            (Kind.MAC_LEARNED, MAC, 100, 3), (Kind.MAC_REMOVED, MAC, 101, 4),
        ]  # fmt: skip

    def test_a_move_names_where_the_mac_is_now(self) -> None:
        root = "1.3.6.1.4.1.9.9.215.1.3."
        hint = only(
            "1.3.6.1.4.1.9.9.215.2.0.2",
            (root + "3.0", OCTETS),
            (root + "4.0", 100),
            (root + "5.0", 3),
            (root + "6.0", 4),
        )
        assert (hint.kind, hint.mac, hint.vlan, hint.base_port) == (Kind.MAC_MOVED, MAC, 100, 4)

    @pytest.mark.parametrize("number", [1, 2])
    def test_a_change_of_the_configuration(self, number: int) -> None:
        assert only(f"1.3.6.1.4.1.9.9.43.2.0.{number}").kind is Kind.CONFIG


class TestHuawei:
    def test_the_classic_alarm_names_the_port_and_no_mac(self) -> None:
        hint = only(
            HUAWEI + "42.2.1.7.6",
            (IF_DESCR + "9", b"GigabitEthernet0/0/5"),
            (HUAWEI + "42.2.1.11.1.3.9", 1),
        )
        assert (hint.kind, hint.port, hint.if_index, hint.mac) == (Kind.VIOLATION, "GigabitEthernet0/0/5", 9, "")

    def test_the_alarm_with_a_mac(self) -> None:
        index = ".".join(map(str, OCTETS)) + ".100.1.48"
        hint = only(
            HUAWEI + "315.3.2",
            (IF_DESCR + "9", b"GE0/0/5"),
            (HUAWEI + "42.2.1.2.1.1." + index, OCTETS),
            (HUAWEI + "42.2.1.2.1.2." + index, 100),
        )
        assert (hint.kind, hint.port, hint.mac, hint.vlan) == (Kind.VIOLATION, "GE0/0/5", MAC, 100)

    def test_the_mac_is_known_by_the_index_alone(self) -> None:
        hint = only(HUAWEI + "315.3.9", (HUAWEI + "42.2.1.2.1.1." + ".".join(map(str, OCTETS)) + ".100.1.48", None))
        assert (hint.mac, hint.vlan, hint.cause) == (MAC, 100, "static-flapping")

    @pytest.mark.parametrize(
        ("given", "kind", "mac", "vlan", "index"),
        [
            (bytes.fromhex("02000000060103e8000111105e0e"), Kind.MAC_REMOVED, "00:01:11:10:5e:0e", 1000, 6),
            (b"0100000032103e70009f5208e74", Kind.MAC_LEARNED, "00:09:f5:20:8e:74", 999, 50),
            (b"01000000320103e70009f5208e74", Kind.MAC_LEARNED, "00:09:f5:20:8e:74", 999, 50),
        ],
        ids=["octets", "digits", "digits with a leading zero"],
    )
    def test_mac_changes_in_every_spelling_that_was_seen(
        self, given: bytes, kind: Kind, mac: str, vlan: int, index: int
    ) -> None:
        hint = only(HUAWEI + "315.3.1", (HUAWEI + "315.2.2.0", given))
        assert (hint.kind, hint.mac, hint.vlan, hint.if_index) == (kind, mac, vlan, index)

    def test_two_changes_in_one_text(self) -> None:
        given = b"01000000251097 7ac5f3e5dade9".replace(b" ", b"") + b"010000002510977" + b"6cc49fc4048e"
        found = hints(HUAWEI + "315.3.1", [(HUAWEI + "315.2.2", given)])
        assert [each.mac for each in found] == ["ac:5f:3e:5d:ad:e9", "6c:c4:9f:c4:04:8e"]

    @pytest.mark.parametrize(("text", "kind"), [(b"MAC learning", Kind.MAC_LEARNED), (b"MAC aging", Kind.MAC_REMOVED)])
    def test_a_change_in_words_beside_mac_and_port(self, text: bytes, kind: Kind) -> None:
        hint = only(
            HUAWEI + "315.3.5",
            (HUAWEI + "315.2.2.0", text),
            (HUAWEI + "42.2.1.2.1.1.0.36.196.66.155.15.333.1.45", OCTETS),
            (IF_DESCR + "18", b"10GE1/0/14"),
        )
        assert (hint.kind, hint.mac, hint.port, hint.vlan) == (kind, MAC, "10GE1/0/14", 333)

    def test_error_down_and_its_recovery(self) -> None:
        cause = (HUAWEI + "257.1.1.0", b"portsec-reachedlimit")
        down, up = only(HUAWEI + "257.2.1", (IF_NAME + "9", b"GE0/0/5"), cause), only(HUAWEI + "257.2.2", cause)
        assert (down.kind, down.port, down.cause) == (Kind.BLOCKED, "GE0/0/5", "portsec-reachedlimit")
        assert up.kind is Kind.RECOVERED

    def test_a_change_of_the_configuration(self) -> None:
        assert only("1.3.6.1.4.1.2011.6.10.2.1").kind is Kind.CONFIG


class TestH3c:
    @pytest.mark.parametrize("root", [H3C, "1.3.6.1.4.1.2011.10.2.", "1.3.6.1.4.1.43.45.1.10.2."])
    def test_a_violation_under_each_of_the_three_numbers(self, root: str) -> None:
        row = "9.0.36.196.66.155.15.100"
        hint = only(
            root + "26.1.3.2", (IF_INDEX + "9", 9), (root + "26.1.2.2.1.1." + row, OCTETS), ("1.3.6.1.2.1.2.2.1.7.9", 2)
        )
        assert (hint.kind, hint.if_index, hint.mac, hint.vlan) == (Kind.VIOLATION, 9, MAC, 100)

    def test_a_notification_that_began_as_v1_has_a_zero_more(self) -> None:
        assert trap_of(H3C + "26.1.3.0.2") == trap_of(H3C + "26.1.3.2")
        assert trap_of(HUAWEI + "257.2.0.1") == trap_of(HUAWEI + "257.2.1")

    @pytest.mark.parametrize(("tail", "size"), [("87.1.3.", 2), ("87.1.4.", 4)])
    def test_mac_changes_in_cells_of_12_and_14_octets(self, tail: str, size: int) -> None:
        cells = b"".join(
            bytes((what,)) + b"\x00\x64" + OCTETS + b"\x01" + (9).to_bytes(size, "big") for what in (1, 2, 3)
        )
        variable = H3C + tail + ("2.3" if size == 2 else "2.4") + ".0"
        found = hints(H3C + tail + "0.1", [(variable, cells)])
        assert [(each.kind, each.mac, each.vlan, each.if_index) for each in found] == [
            (Kind.MAC_LEARNED, MAC, 100, 9), (Kind.MAC_REMOVED, MAC, 100, 9),
        ]  # fmt: skip

    def test_a_move(self) -> None:
        root = H3C + "87.1.4.2."
        hint = only(
            H3C + "87.1.4.0.2", (root + "5.0", OCTETS), (root + "6.0", 100), (root + "7.0", 8), (root + "8.0", 9)
        )
        assert (hint.kind, hint.mac, hint.vlan, hint.if_index) == (Kind.MAC_MOVED, MAC, 100, 9)


class TestOthers:
    @pytest.mark.parametrize("oid", [RUIJIE + "10.2.6.2.1", RUIJIE + "0.2"])
    def test_ruijie_names_a_violations_port_by_its_index(self, oid: str) -> None:
        hint = only(oid, (IF_INDEX + "3", 3))
        assert (hint.kind, hint.if_index, hint.mac) == (Kind.VIOLATION, 3, "")

    def test_arista_has_the_mac_in_the_index(self) -> None:
        index = "100." + ".".join(map(str, OCTETS))
        hint = only("1.3.6.1.4.1.30065.3.2.0.2", ("1.3.6.1.2.1.17.7.1.2.2.1.2." + index, 5))
        assert (hint.kind, hint.mac, hint.base_port) == (Kind.MAC_LEARNED, MAC, 5)

    @pytest.mark.parametrize(("number", "kind"), [(3, Kind.LINK_DOWN), (4, Kind.LINK_UP)])
    def test_links(self, number: int, kind: Kind) -> None:
        hint = only(
            f"1.3.6.1.6.3.1.1.5.{number}", ("1.3.6.1.2.1.2.2.1.7.5", 1), (IF_DESCR + "5", b"GigabitEthernet1/0/5")
        )
        assert (hint.kind, hint.if_index, hint.port) == (kind, 5, "GigabitEthernet1/0/5")

    def test_what_is_not_known_is_kept_under_its_number(self) -> None:
        hint = only("1.3.6.1.4.1.99999.0.1", (IF_INDEX + "3", 3))
        assert (hint.kind, hint.name) == (Kind.UNKNOWN, "1.3.6.1.4.1.99999.0.1")

    def test_a_port_is_named_by_what_is_known_of_its_index(self) -> None:
        hint = only(RUIJIE + "10.2.6.2.1", (IF_INDEX + "3", 3))
        assert resolved(hint, {3: "GigabitEthernet0/3"}).port == "GigabitEthernet0/3"
        assert resolved(hint, {}).port == ""

    def test_the_tables_hold_what_they_must(self) -> None:
        for vendor in VENDORS:
            for oid, trap in vendor.traps.items():
                assert "::" in trap.name, oid
                assert trap_of(oid) == trap
            for oid, column in vendor.columns.items():
                assert set(column.index) <= {"if", "mac", "vlan", "port", "-"}, oid
                assert column.role is not Role.ROW or column.index, oid


VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**64), st.binary(max_size=300), st.text(max_size=40))
NAMES = st.one_of(
    st.sampled_from([oid for vendor in VENDORS for oid in vendor.columns]).flatmap(
        lambda oid: st.lists(st.integers(0, 2**32 - 1), max_size=12).map(lambda tail: ".".join([oid, *map(str, tail)]))
    ),
    st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20).map(lambda parts: ".".join(map(str, parts))),
)
TRAPS = st.one_of(st.sampled_from([oid for vendor in VENDORS for oid in vendor.traps]), NAMES)


@given(oid=TRAPS, binds=st.lists(st.tuples(NAMES, VALUES), max_size=8))
def test_noise_gives_hints_in_their_limits(oid: str, binds: list[tuple[str, Value | None]]) -> None:
    found = hints(oid, binds)
    assert 1 <= len(found) <= 64
    for hint in found:
        assert hint.mac == "" or parse_mac(hint.mac) == hint.mac
        assert hint.vlan is None or 1 <= hint.vlan <= 4094
        assert hint.if_index is None or 1 <= hint.if_index < 2**31
        assert len(hint.port) <= 64
        assert len(hint.cause) <= 40
        assert hint.port.isprintable()
        assert hint.cause.isprintable()

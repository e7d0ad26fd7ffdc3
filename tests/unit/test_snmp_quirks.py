"""Each way in which agents differ from their MIBs, with values from where it was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.snmp import quirks

MAC = (0, 10, 247, 236, 209, 97)
COLONS = "00:0a:f7:ec:d1:61"


def test_a_doubly_encoded_port_list_is_repaired_with_all_its_octets() -> None:
    # LibreNMS comware.snmprec, dot1qVlanCurrentEgressPorts.0.1: 16 octets, then snmpwalk's next lines as text.
    broken = bytes.fromhex("FFFFFFFFFFFFFFF8FFFFFFFFFFF8FFFC") + b"\nFF F0 00 00 \n00 00 "
    octets, repaired = quirks.repair_octets(broken)
    assert repaired
    assert octets == bytes.fromhex("FFFFFFFFFFFFFFF8FFFFFFFFFFF8FFFCFFF000000000")


def test_a_tail_cut_in_the_middle_of_an_octet_keeps_its_whole_octets() -> None:
    # LibreNMS vrp_s5328c-ei.snmprec has rows with an odd number of hex digits.
    assert quirks.repair_octets(bytes(16) + b"\n01 02 0") == (bytes(16) + b"\x01\x02", True)


@given(st.binary(max_size=600).filter(lambda octets: octets[16:17] != b"\n"))
def test_a_sound_octet_string_passes_unchanged(octets: bytes) -> None:
    assert quirks.repair_octets(octets) == (octets, False)


@given(st.binary(min_size=17, max_size=300))
def test_what_the_recordings_broke_is_given_back_exactly(octets: bytes) -> None:
    lines = [octets[start : start + 16].hex(" ") + " " for start in range(16, len(octets), 16)]
    broken = octets[:16] + "".join(f"\n{line}" for line in lines).encode()
    assert quirks.repair_octets(broken) == (octets, True)


def test_the_first_bit_of_a_port_list_is_port_1() -> None:
    # RFC 4363, PortList: the most significant bit of the first octet is port 1.
    assert quirks.port_bits(bytes.fromhex("8001")) == {1, 16}
    assert quirks.port_bits(b"") == frozenset()


@given(st.sets(st.integers(1, 600)))
def test_port_lists_of_any_length_are_read_back(ports: set[int]) -> None:
    octets = bytearray(75)
    for port in ports:
        octets[(port - 1) // 8] |= 0x80 >> (port - 1) % 8
    assert quirks.port_bits(bytes(octets)) == ports
    assert quirks.port_bits(bytes(octets).rstrip(b"\0")) == ports


def test_mirrored_port_lists_are_known_by_the_port_vlans() -> None:
    # PacketFence's module for 3Com SuperStack 4500: port 1 is the least significant bit of octet 1.
    assert quirks.bits_are_mirrored({10: b"\x03", 1: b"\xfc"}, {1: 10, 2: 10, 3: 1})
    assert quirks.mirrored(b"\x03\x80") == b"\xc0\x01"


def test_sound_or_ambiguous_port_lists_are_not_turned() -> None:
    assert not quirks.bits_are_mirrored({10: b"\xc0", 1: b"\x3f"}, {1: 10, 2: 10, 3: 1})
    assert not quirks.bits_are_mirrored({1: b"\xff"}, {1: 1, 2: 1})
    assert not quirks.bits_are_mirrored({10: b"\x01"}, {1: 10, 2: 10})  # port 2 is in neither order
    assert not quirks.bits_are_mirrored({}, {1: 1})


def test_vlan_lists_start_at_vlan_0_and_leave_out_what_is_no_vlan() -> None:
    # CISCO-VTP-MIB vlanTrunkPortVlansEnabled: 1024 bits from VLAN 0 on; the 4k list ends with 4095, which is no VLAN.
    assert quirks.vlan_bits(bytes.fromhex("C0"), 0) == {1}
    assert quirks.vlan_bits(bytes(127) + b"\x03", 3072) == {4094}


def test_a_length_before_the_mac_of_a_bridge_fdb_index_is_dropped() -> None:
    # LibreNMS arubaos-cx.snmprec: 7 parts, the first is 6.
    assert quirks.bridge_fdb_mac((6, *MAC)) == COLONS
    assert quirks.bridge_fdb_mac(MAC) == COLONS
    assert quirks.bridge_fdb_mac((7, *MAC)) is None
    assert quirks.bridge_fdb_mac((256, *MAC[1:])) is None


@pytest.mark.parametrize(("index", "vlan"), [((0, 500), 500), ((2724, 501), 501), ((5247, 1543), 1543), ((1,), None)])
def test_the_vlan_is_found_whatever_the_time_mark(index: tuple[int, ...], vlan: int | None) -> None:
    # LibreNMS comware.snmprec (2724.501) and ruijie.snmprec (5247.1543).
    assert quirks.vlan_of_time_mark(index) == vlan


def test_pvids_are_by_if_index_where_they_are_bridge_ports_if_indexes_and_no_base_ports() -> None:
    # LibreNMS comware.snmprec (HPE 7.1.045): base ports 1…144 lead to ifIndexes 4…211, and dot1qPvid has rows 4…211.
    base_ports = {number: number + 67 for number in range(1, 145)}
    assert quirks.pvid_is_by_if_index([100, 145, 211], base_ports)
    assert not quirks.pvid_is_by_if_index([1, 2, 144], base_ports)
    assert not quirks.pvid_is_by_if_index([], base_ports)


def test_one_missing_base_port_does_not_make_pvids_if_indexes() -> None:
    # LibreNMS vrp_5720-vrf.snmprec: PVIDs 1…105, base port 102 missing, ifIndexes 1…163.
    base_ports = {number: number + 57 for number in range(1, 106) if number != 102}
    assert not quirks.pvid_is_by_if_index(range(1, 106), base_ports)


def test_fdb_ids_are_mapped_on_procurve_and_are_vlans_on_comware() -> None:
    # LibreNMS procurve_2520.snmprec: VLANs 1, 95, 252 have databases 1, 2, 3. SI #218: Comware's column is unreliable.
    fdb_ids = {1: 1, 95: 2, 252: 3}
    assert quirks.vlan_by_fdb_id("hp_procurve", fdb_ids) == {1: 1, 2: 95, 3: 252}
    assert quirks.vlan_by_fdb_id("h3c_comware", fdb_ids) is None
    assert quirks.vlan_by_fdb_id("huawei_vrpv8", {1: 1}) is None
    assert quirks.vlan_by_fdb_id("hp_procurve", {}) is None


def test_a_database_shared_by_vlans_tells_none_of_them() -> None:
    assert quirks.vlan_by_fdb_id("hp_procurve", {10: 1, 20: 1, 30: 2}) == {2: 30}


def test_fdb_port_0_is_learned_on_no_port() -> None:
    # LibreNMS ruijie.snmprec, dot1qTpFdbPort.1.88.105.108.6.130.59 = 0.
    assert quirks.not_learned_here(0)
    assert not quirks.not_learned_here(1)


def test_pvid_0_is_no_port_vlan() -> None:
    # LibreNMS ruijie.snmprec: 42 of 53 ports.
    assert quirks.no_port_vlan(0)
    assert quirks.no_port_vlan(4095)
    assert not quirks.no_port_vlan(1)


def test_base_ports_lead_to_if_indexes_and_are_none_themselves() -> None:
    # LibreNMS ios_2960x.snmprec: base port 3 is ifIndex 10103.
    assert quirks.if_index_of_port(3, {3: 10103}, {3, 10103}) == 10103
    assert quirks.if_index_of_port(4, {3: 10103}, {4, 10103}) is None


def test_an_unlisted_port_is_its_if_index_where_all_listed_ones_are() -> None:
    # LibreNMS arubaos-cx.snmprec lists base ports from 3 on, each its own ifIndex.
    assert quirks.if_index_of_port(1, {3: 3, 4: 4}, {1, 3, 4}) == 1
    assert quirks.if_index_of_port(1, {}, {1}) == 1
    assert quirks.if_index_of_port(9, {3: 3}, {3}) is None


def test_huaweis_fdb_index_has_mac_vlan_and_a_length_prefixed_vsi() -> None:
    # LibreNMS vrp_5720-vrf.snmprec: …0.0.12.7.172.0.410.1.48
    assert quirks.huawei_fdb_key((0, 0, 12, 7, 172, 0, 410, 1, 48)) == ("00:00:0c:07:ac:00", 410)
    assert quirks.huawei_fdb_key((0, 0, 12, 7, 172, 0, 410, 2, 48)) is None
    assert quirks.huawei_fdb_key((0, 0, 12, 7)) is None


def test_bridge_mib_without_a_view_is_vlan_1_on_cisco_and_unknown_elsewhere() -> None:
    # Netdisco #1108: Huawei's nodes all in VLAN 0.
    assert quirks.vlan_of_plain_view("cisco_ios", has_vtp=True) == 1
    assert quirks.vlan_of_plain_view("cisco_ios", has_vtp=False) is None
    assert quirks.vlan_of_plain_view("huawei_vrp", has_vtp=False) is None


def test_of_two_interfaces_with_one_name_the_bridge_port_comes_first() -> None:
    # LibreNMS vrp_5720-vrf.snmprec: GigabitEthernet2/0/1 is ifIndex 6 and 112; only 112 is a bridge port.
    assert quirks.real_ones_first([6, 112, 58], {58, 112}) == [58, 112, 6]


def test_quotation_marks_of_old_recordings_are_dropped() -> None:
    # LibreNMS ios_4506e.snmprec and vrp_s5328c-ei.snmprec.
    assert quirks.without_quotes('"S5328C-EI\nHuawei"') == "S5328C-EI\nHuawei"


def test_ports_in_a_vlan_that_is_not_there_are_named() -> None:
    # NAV #768: such ports vanish from BRIDGE-MIB.
    assert quirks.vlans_that_do_not_exist({"Gi1/0/1": 511, "Gi1/0/2": 1}, {1, 99}) == {511: ["Gi1/0/1"]}

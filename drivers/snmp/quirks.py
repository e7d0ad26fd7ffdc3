"""What agents do differently from their MIBs, one small pure function each, with where it was seen.

"Recording" means one of LibreNMS' snmpsim files (tests/snmpsim there); "SI" is netdisco's snmp-info, "NAV" is Uninett's
Network Administration Visualized. A function answers what is meant; the caller says in an oddity that it had to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from drivers.snmp.values import Index, mac_of

#: snmpwalk's continuation line, encoded a second time as if it were octets: "\n00 00 ff ...".
_HEX_TAIL = re.compile(rb"(?:\s*[0-9A-Fa-f]{2})+\s*")
_FIRST_LINE = 16
_LAST_VLAN = 4094


def repair_octets(octets: bytes) -> tuple[bytes, bool]:
    """Undo the double hex of octet strings longer than 16 octets; tell whether that was needed.

    Recordings vrp*, yunshan*, ruijie*, comware*: the first 16 octets are right, then comes the ASCII text of snmpwalk's
    next line. A device's own list is never all ASCII hex after a line feed, so it passes unchanged. A tail that was cut
    in the middle of a pair keeps its whole pairs.
    """
    tail = octets[_FIRST_LINE:]
    if not tail.startswith(b"\n"):
        return octets, False
    # An odd number of hex digits (recording vrp_s5328c-ei) leaves half a pair at the end.
    whole = re.sub(rb"(?<![0-9A-Fa-f])[0-9A-Fa-f]\s*\Z", b"", tail)
    if not _HEX_TAIL.fullmatch(whole):
        return octets, False
    return octets[:_FIRST_LINE] + bytes.fromhex(whole.decode("ascii")), True


def port_bits(octets: bytes) -> frozenset[int]:
    """Give the numbers that a PortList holds: octet 1 is 1–8, the most significant bit the lowest (RFC 4363).

    The length varies between agents and between rows of one table; missing octets are zeros.
    """
    return frozenset(
        place * 8 + bit + 1 for place, octet in enumerate(octets) if octet for bit in range(8) if octet & (0x80 >> bit)
    )


def port_list(ports: Iterable[int], octets: int) -> bytes:
    """Write a PortList of at least `octets` octets; see :func:`port_bits`."""
    numbers = set(ports)
    made = bytearray(max(octets, (max(numbers, default=0) + 7) // 8))
    for number in numbers:
        made[(number - 1) // 8] |= 0x80 >> (number - 1) % 8
    return bytes(made)


def mirrored(octets: bytes) -> bytes:
    """Turn the bits of each octet round."""
    return bytes(int(f"{octet:08b}"[::-1], 2) for octet in octets)


def bits_are_mirrored(untagged: Mapping[int, bytes], pvids: Mapping[int, int]) -> bool:
    """Tell whether an agent's PortLists have the lowest port in the least significant bit of each octet.

    3Com's SuperStack 4500 does (PacketFence's module for it). A port is untagged in its own port VLAN, so the order in
    which every port is, and not the other, is the agent's. `untagged` is VLAN → PortList, `pvids` port → VLAN.
    """
    members = {vlan: (port_bits(octets), port_bits(mirrored(octets))) for vlan, octets in untagged.items()}
    asked = [(port, members[vlan]) for port, vlan in pvids.items() if vlan in members]
    straight = sum(port in as_sent for port, (as_sent, _turned) in asked)
    turned = sum(port in as_turned for port, (_sent, as_turned) in asked)
    return straight < turned == len(asked)


def vlan_bits(octets: bytes, first: int) -> frozenset[int]:
    """Give the VLAN ids of a bit list whose first bit is VLAN `first` (Cisco: 0, 1024, …; Huawei: 0, 2048)."""
    return frozenset(vlan for bit in port_bits(octets) if 1 <= (vlan := first + bit - 1) <= _LAST_VLAN)


def bridge_fdb_mac(index: Index) -> str | None:
    """Give the MAC of a dot1dTpFdb index: 6 octets, or 7 parts with a length first (recording arubaos-cx)."""
    if len(index) == 7 and index[0] == 6:
        index = index[1:]
    return mac_of(index)


def vlan_of_time_mark(index: Index) -> int | None:
    """Give the VLAN of a dot1qVlanCurrent index TimeMark.VLAN, whatever the TimeMark.

    RFC 4363 lets a TimeFilter be non-zero; Ruijie, FS and D-Link agents return it so (recordings ruijie, comware).
    """
    return index[1] if len(index) == 2 and 1 <= index[1] <= _LAST_VLAN else None


def pvid_is_by_if_index(indices: Collection[int], base_ports: Mapping[int, int]) -> bool:
    """Tell whether dot1qPvid is indexed by ifIndex instead of dot1dBasePort.

    Recording comware (HPE 7.1.045): 169 rows 4…211, which are ifIndexes of bridge ports and not all base ports. Comware
    5 may have base port = ifIndex, where it makes no difference. A PVID without a base port alone says nothing: in
    recording vrp_5720-vrf one base port is missing, and all numbers are some ifIndex, but not of bridge ports.
    """
    given = set(indices)
    return bool(given) and not given <= set(base_ports) and given <= set(base_ports.values())


def vlan_by_fdb_id(platform: str, fdb_ids: Mapping[int, int]) -> dict[int, int] | None:
    """Give FdbId → VLAN from dot1qVlanFdbId (VLAN → FdbId), or None where the FdbId is the VLAN itself.

    ProCurve numbers its databases 1, 2, 3 (recording procurve_2520: 1 of 8 equal). Comware's column is unreliable and
    its FdbId is the VLAN (SI issue #218, pull request #416). A database shared by several VLANs tells none of them.
    """
    if platform == "h3c_comware" or not fdb_ids or all(vlan == fdb for vlan, fdb in fdb_ids.items()):
        return None
    shared: dict[int, list[int]] = {}
    for vlan, fdb in fdb_ids.items():
        shared.setdefault(fdb, []).append(vlan)
    return {fdb: vlans[0] for fdb, vlans in shared.items() if len(vlans) == 1}


def not_learned_here(port: int) -> bool:
    """Tell whether an FDB row's port says "known, learned on no port": 0 (RFC 4188; recordings ruijie, arubaos-cx)."""
    return port <= 0


def no_port_vlan(pvid: int) -> bool:
    """Tell whether a PVID is no VLAN: 0 on routed and aggregated ports (recording ruijie, 42 of 53 ports)."""
    return not 1 <= pvid <= _LAST_VLAN


def vlan_of_plain_view(platform: str, has_vtp: bool) -> int | None:
    """Give the VLAN of BRIDGE-MIB's FDB without a view: Cisco IOS shows one VLAN at a time, and VLAN 1 when not asked.

    Other agents put all VLANs into that table and tell none (Huawei, recording vrp_5720-vrf; netdisco #1108).
    """
    return 1 if platform == "cisco_ios" and has_vtp else None


def if_index_of_port(port: int, base_ports: Mapping[int, int], if_indices: Collection[int]) -> int | None:
    """Give the ifIndex of a bridge port number, None when nothing says it.

    Base ports are not ifIndexes (Cisco: 3 ↔ 10103). Only where the whole dot1dBasePortTable is missing, or maps every
    port to itself, may an unlisted number be the ifIndex (recording arubaos-cx lists 54 of 57 ports).
    """
    mapped = base_ports.get(port)
    if mapped is not None:
        return mapped
    identical = all(base == index for base, index in base_ports.items())
    return port if identical and port in if_indices else None


def huawei_fdb_key(index: Index) -> tuple[str, int] | None:
    """Give MAC and VLAN of a HUAWEI-L2MAM index MAC.VLAN.VSI, the VSI a length-prefixed string (".1.48" for "0")."""
    if len(index) < 7:
        return None
    mac, vlan, vsi = mac_of(index[:6]), index[6], index[7:]
    if mac is None or not 0 <= vlan <= _LAST_VLAN or (vsi and vsi[0] != len(vsi) - 1):
        return None
    return mac, vlan


def real_ones_first(indices: Collection[int], bridged: Collection[int]) -> list[int]:
    """Order ifIndexes so that, of several interfaces with one name, the bridge port comes first.

    Recording vrp_5720-vrf names 52 ports twice, 6…57 and 112…163; of the first ones only one is a bridge port.
    """
    return sorted(indices, key=lambda index: (index not in bridged, index))


def without_quotes(text: str) -> str:
    """Drop the quotation marks that old snmpwalk recordings keep around sysDescr (vrp_s5328c-ei, ios_4506e)."""
    return text.strip().removeprefix('"').removesuffix('"').strip()


def vlans_that_do_not_exist(port_vlans: Mapping[str, int], vlans: Collection[int]) -> dict[int, list[str]]:
    """Give VLAN → ports for ports whose VLAN the switch does not have; they vanish from BRIDGE-MIB (NAV #768)."""
    missing: dict[int, list[str]] = {}
    for port, vlan in port_vlans.items():
        if vlan not in vlans:
            missing.setdefault(vlan, []).append(port)
    return missing

"""VLANs and what each port carries: Q-BRIDGE membership, Cisco's trunks and vmVlan, Huawei's link types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from drivers.snmp import quirks
from drivers.snmp.oids import Oid
from drivers.snmp.tables import Interface, Layout
from drivers.snmp.values import Index, Notes, Tables, as_int, numbers, rows, texts
from policies.model import PortConfig, PortMode
from policies.texts import t

_LAST_VLAN = 4094
#: vlanTrunkPortDynamicState (CISCO-VTP-MIB): on, off, desirable, auto, onNoNegotiate.
_ON, _OFF, _DESIRABLE, _AUTO, _NO_NEGOTIATE = 1, 2, 3, 4, 5
_NEGOTIATING = {_DESIRABLE: PortMode.DYNAMIC_DESIRABLE, _AUTO: PortMode.DYNAMIC_AUTO}
_TRUNKING, _NOT_TRUNKING = 1, 2
_NO_ENCAPSULATION = 6
#: hwL2IfPortType (HUAWEI-L2IF-MIB).
_HW_MODES = {1: PortMode.TRUNK, 2: PortMode.ACCESS, 3: PortMode.TRUNK, 5: PortMode.TRUNK}
_HW_LIST_OCTETS = 256


@dataclass(frozen=True, slots=True)
class Carried:
    """What a port carries: mode, PVID, and the VLANs it lets through; None where nothing says it.

    `trunking` tells that it has negotiated a trunk, whatever its mode.
    """

    mode: PortMode | None = None
    pvid: int | None = None
    allowed: frozenset[int] | None = None
    trunking: bool = False

    def config(self) -> PortConfig:
        """Give the settings in the terms of PortConfig."""
        if self.mode is PortMode.TRUNK or self.trunking:
            return PortConfig(mode=self.mode, native_vlan=self.pvid, allowed_vlans=self.allowed)
        return PortConfig(mode=self.mode, access_vlan=self.pvid)


@dataclass(slots=True)
class _Membership:
    """Tagged and untagged VLANs of one port."""

    tagged: set[int] = field(default_factory=set)
    untagged: set[int] = field(default_factory=set)

    @property
    def mode(self) -> PortMode:
        """Access carries one VLAN untagged; several, or any tagged (also Comware's and VRP's hybrid), is a trunk."""
        return PortMode.ACCESS if not self.tagged and len(self.untagged) == 1 else PortMode.TRUNK


def vlan_names(tables: Tables) -> dict[int, str] | None:
    """Give VLAN → name from every table that lists VLANs, None when none does."""
    found: dict[int, str] = {}
    for index in (*rows(tables, Oid.VLAN_CURRENT_EGRESS), *rows(tables, Oid.VLAN_FDB_ID)):
        vlan = quirks.vlan_of_time_mark(index)
        if vlan is not None:
            found.setdefault(vlan, "")
    for index in rows(tables, Oid.VTP_VLAN_STATE):
        found.setdefault(index[-1] if index else 0, "")
    for oid in (Oid.VLAN_STATIC_NAME, Oid.VTP_VLAN_NAME):
        for vlan, name in texts(tables, oid):
            found[vlan] = name or found.get(vlan, "")
    found = {vlan: name for vlan, name in sorted(found.items()) if 1 <= vlan <= _LAST_VLAN}
    return found or None


def carried(tables: Tables, platform: str, where: Layout, notes: Notes) -> dict[str, Carried]:
    """Give what each port carries, by port name; the vendor's own tables go before the standard ones."""
    found = _standard(tables, where, notes)
    found |= _huawei(tables, where, found, notes)
    if platform.startswith("cisco"):
        found |= _cisco(tables, where, notes)
    return found


def _standard(tables: Tables, where: Layout, notes: Notes) -> dict[str, Carried]:
    pvids = _pvids(tables, where, notes)
    members = _members(tables, where, pvids, notes)
    return {
        name: Carried(
            members[name].mode if name in members else None,
            pvids.get(name),
            frozenset(members[name].tagged | members[name].untagged) if name in members else None,
        )
        for name in pvids.keys() | members.keys()
    }


def _pvids(tables: Tables, where: Layout, notes: Notes) -> dict[str, int]:
    given = numbers(tables, Oid.PVID, notes)
    by_if_index = quirks.pvid_is_by_if_index(given, where.base_ports)
    if by_if_index:
        notes.add(t("port VLANs (dot1qPvid) are numbered by ifIndex on this switch, not by bridge port"))
    found: dict[str, int] = {}
    none: list[str] = []
    for number, pvid in given.items():
        interface = where.ports.get(number) if by_if_index else where.port_at(number)
        if interface is None:
            continue
        if quirks.no_port_vlan(pvid):
            none.append(interface.name)
        else:
            found[interface.name] = pvid
    if none:
        shown = ", ".join(none[:3])
        notes.add(t("{count} ports have no port VLAN (PVID 0), {ports} among them", count=len(none), ports=shown))
    return found


def _members(tables: Tables, where: Layout, pvids: dict[str, int], notes: Notes) -> dict[str, _Membership]:
    """Read PortLists: the current table, or the static one where the agent has no current table."""
    if rows(tables, Oid.VLAN_CURRENT_EGRESS):
        egress = _port_lists(tables, Oid.VLAN_CURRENT_EGRESS, quirks.vlan_of_time_mark, notes)
        untagged = _port_lists(tables, Oid.VLAN_CURRENT_UNTAGGED, quirks.vlan_of_time_mark, notes)
    else:
        egress = _port_lists(tables, Oid.VLAN_STATIC_EGRESS, _only_vlan, notes)
        untagged = _port_lists(tables, Oid.VLAN_STATIC_UNTAGGED, _only_vlan, notes)
    by_number = {number: pvids[port.name] for number, port in _numbered(where) if port.name in pvids}
    if quirks.bits_are_mirrored(untagged, by_number):
        notes.add(t("port lists have the bits of each octet the wrong way round and were turned"))
        egress = {vlan: quirks.mirrored(octets) for vlan, octets in egress.items()}
        untagged = {vlan: quirks.mirrored(octets) for vlan, octets in untagged.items()}
    return _placed(egress, untagged, where)


def _numbered(where: Layout) -> Iterator[tuple[int, Interface]]:
    """Give bridge port numbers with their ports."""
    for number in where.base_ports or where.if_indices:
        interface = where.port_at(number)
        if interface is not None:
            yield number, interface


def _placed(egress: dict[int, bytes], untagged: dict[int, bytes], where: Layout) -> dict[str, _Membership]:
    found: dict[str, _Membership] = {}
    for vlan, octets in egress.items():
        bare = quirks.port_bits(untagged.get(vlan, b""))
        for number in quirks.port_bits(octets):
            interface = where.port_at(number)
            if interface is not None:
                member = found.setdefault(interface.name, _Membership())
                (member.untagged if number in bare else member.tagged).add(vlan)
    return found


def _only_vlan(index: Index) -> int | None:
    return index[0] if len(index) == 1 and 1 <= index[0] <= _LAST_VLAN else None


def _port_lists(tables: Tables, oid: Oid, vlan_of: Callable[[Index], int | None], notes: Notes) -> dict[int, bytes]:
    """Give VLAN → PortList, repaired where that was needed."""
    found: dict[int, bytes] = {}
    wrong = 0
    for index, value in rows(tables, oid).items():
        vlan = vlan_of(index)
        if vlan is None or not isinstance(value, bytes):
            wrong += 1
            continue
        found[vlan], repaired = quirks.repair_octets(value)
        if repaired:
            notes.add(t("port lists longer than 16 octets came doubly encoded and were repaired"))
    notes.wrong(oid.name, wrong)
    return found


def _cisco(tables: Tables, where: Layout, notes: Notes) -> dict[str, Carried]:
    """Read CISCO-VTP-MIB's trunk table and vmVlan, both by ifIndex."""
    admin, oper = numbers(tables, Oid.TRUNK_ADMIN, notes), numbers(tables, Oid.TRUNK_OPER, notes)
    encapsulation = numbers(tables, Oid.TRUNK_ENCAPSULATION, notes)
    native, access = numbers(tables, Oid.TRUNK_NATIVE, notes), numbers(tables, Oid.VM_VLAN, notes)
    found: dict[str, Carried] = {}
    for index, interface in where.ports.items():
        trunking = _trunking(oper.get(index), encapsulation.get(index))
        mode = _cisco_mode(admin.get(index), trunking)
        if mode is None and index in access and trunking is not True:
            mode = PortMode.ACCESS if trunking is False and index not in admin else None
        if mode is PortMode.TRUNK or trunking:
            found[interface.name] = Carried(mode, native.get(index), _cisco_allowed(tables, index), trunking is True)
        elif index in access or mode is not None:
            found[interface.name] = Carried(mode, access.get(index) or None)
    return found


def _trunking(oper: int | None, encapsulation: int | None) -> bool | None:
    """Tell whether a port trunks; notApplicable as encapsulation says the same where the status is not given."""
    if oper in {_TRUNKING, _NOT_TRUNKING}:
        return oper == _TRUNKING
    return None if encapsulation is None else encapsulation != _NO_ENCAPSULATION


def _cisco_mode(admin: int | None, trunking: bool | None) -> PortMode | None:
    if admin in _NEGOTIATING:
        return _NEGOTIATING[admin]
    if admin in {_ON, _NO_NEGOTIATE} or trunking:
        return PortMode.TRUNK
    return PortMode.ACCESS if admin == _OFF else None


def _cisco_allowed(tables: Tables, index: int) -> frozenset[int] | None:
    columns = (Oid.TRUNK_VLANS_1K, Oid.TRUNK_VLANS_2K, Oid.TRUNK_VLANS_3K, Oid.TRUNK_VLANS_4K)
    lists = [rows(tables, oid).get((index,)) for oid in columns]
    if not isinstance(lists[0], bytes):
        return None
    allowed: set[int] = set()
    for number, value in enumerate(lists):
        if isinstance(value, bytes):
            allowed |= quirks.vlan_bits(value, number * 1024)
    return frozenset(allowed)


def _huawei(tables: Tables, where: Layout, so_far: dict[str, Carried], notes: Notes) -> dict[str, Carried]:
    """Read HUAWEI-L2IF-MIB: its own port numbers lead to ifIndexes; a row in the trunk table also tells the type."""
    types = numbers(tables, Oid.HW_L2_TYPE, notes)
    trunks, hybrids = rows(tables, Oid.HW_TRUNK_LOW), rows(tables, Oid.HW_HYBRID_TAGGED_LOW)
    found: dict[str, Carried] = {}
    for number, index in numbers(tables, Oid.HW_L2_IF_INDEX, notes).items():
        interface = where.ports.get(index)
        if interface is None:
            continue
        before = so_far.get(interface.name, Carried())
        mode = _HW_MODES.get(types.get(number, 0))
        if mode is None:
            mode = PortMode.TRUNK if (number,) in trunks or (number,) in hybrids else before.mode
        allowed = _huawei_allowed(tables, number, notes) if (number,) in trunks else before.allowed
        found[interface.name] = Carried(mode, before.pvid, allowed)
    return found


def _huawei_allowed(tables: Tables, number: int, notes: Notes) -> frozenset[int] | None:
    allowed: set[int] = set()
    for oid, first in ((Oid.HW_TRUNK_LOW, 0), (Oid.HW_TRUNK_HIGH, 2048)):
        value = rows(tables, oid).get((number,))
        octets, _repaired = quirks.repair_octets(value) if isinstance(value, bytes) else (b"", False)
        if 0 < len(octets) < _HW_LIST_OCTETS:
            notes.add(t("lists of trunk VLANs came cut short; the VLANs that trunks let through are not known"))
            return None
        allowed |= quirks.vlan_bits(octets, first)
    return frozenset(allowed)


def tell_missing(ports: dict[str, Carried], vlans: dict[int, str] | None, notes: Notes) -> None:
    """Say which ports are in a VLAN that the switch does not have."""
    if vlans is None:
        return
    in_vlan = {name: each.pvid for name, each in ports.items() if each.pvid is not None}
    missing = quirks.vlans_that_do_not_exist(in_vlan, vlans)
    if missing:
        listed = ", ".join(map(str, sorted(missing)))
        strays = [name for names in missing.values() for name in names]
        notes.add(
            t(
                "{count} ports are in VLANs that the switch does not have ({vlans}), {ports} among them",
                count=len(strays),
                vlans=listed,
                ports=", ".join(strays[:3]),
            )
        )


def views(tables: Tables) -> tuple[int, ...]:
    """Give the VLANs whose per-VLAN view (Cisco) is worth a walk: they exist, or a port is in them.

    VLAN 1 is the view that one gets without asking. 1002 to 1005 are Cisco's FDDI and Token Ring VLANs.
    """
    listed = {index[-1] for index in rows(tables, Oid.VTP_VLAN_STATE) if index}
    used = {vlan for value in rows(tables, Oid.VM_VLAN).values() if (vlan := as_int(value)) is not None}
    return tuple(sorted(vlan for vlan in listed | used if 2 <= vlan <= _LAST_VLAN and not 1002 <= vlan <= 1005))

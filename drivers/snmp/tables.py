"""Interfaces and the forwarding database, from columns to values. Pure: noise becomes an oddity, never a traceback."""

from __future__ import annotations

from dataclasses import dataclass, field

from drivers.snmp import quirks
from drivers.snmp.oids import Oid
from drivers.snmp.values import Index, Notes, Tables, Value, as_int, as_text, mac_of, numbers, rows
from policies.errors import InputError
from policies.model import Learned, Oper
from policies.names import canonical, parse_interface
from policies.texts import t

#: ifType (IANA): ethernetCsmacd, iso88023Csmacd, fastEther, fastEtherFX, gigabitEthernet, ieee8023adLag.
PORT_TYPES = frozenset({6, 7, 62, 69, 117, 161})
_VIRTUAL_KINDS = frozenset({"Vlan", "Loopback", "InLoopBack", "Null", "Tunnel", "Console", "Stack-Port", "Bluetooth"})
#: Platforms whose port names are their owner's choice.
_LITERAL_NAMES = frozenset({"openvswitch", "linux_bridge"})
_OPER = {1: Oper.UP, 2: Oper.DOWN, 6: Oper.DOWN, 7: Oper.DOWN}
_INVALID, _LEARNED, _SELF, _MANAGED = 2, 3, 4, 5
_KINDS = {_LEARNED: "dynamic", _SELF: "self", _MANAGED: "static"}


@dataclass(frozen=True, slots=True)
class Interface:
    """One port as IF-MIB tells it; `admin_up` and `description` are None where the agent does not say."""

    index: int
    name: str
    described: str = ""
    admin_up: bool | None = None
    oper: Oper = Oper.UNKNOWN
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """The ports of a switch by ifIndex, and how bridge port numbers lead to them.

    `same` leads from an interface with another one's name to that one.
    """

    ports: dict[int, Interface] = field(default_factory=dict)
    base_ports: dict[int, int] = field(default_factory=dict)
    if_indices: frozenset[int] = frozenset()
    same: dict[int, int] = field(default_factory=dict)

    def if_index_at(self, number: int) -> int | None:
        """Give the ifIndex of the bridge port number `number`, None when nothing says it."""
        return quirks.if_index_of_port(number, self.base_ports, self.if_indices)

    def port_at(self, number: int) -> Interface | None:
        """Give the port with the bridge port number `number`, None when no port has it."""
        index = self.if_index_at(number)
        return None if index is None else self.ports.get(index)


def layout(tables: Tables, platform: str, notes: Notes) -> Layout:
    """Give the switch's ports: Ethernet and aggregates, and other bridge ports, but no virtual interface."""
    described, named = rows(tables, Oid.IF_DESCR), rows(tables, Oid.IF_NAME)
    types = numbers(tables, Oid.IF_TYPE, notes)
    base_ports = numbers(tables, Oid.BASE_PORT_IF_INDEX, notes)
    bridged = set(base_ports.values())
    indices = {index[0] for index in (*described, *named) if len(index) == 1}
    states = _States(tables, notes)
    by_name: dict[str, int] = {}
    ports: dict[int, Interface] = {}
    same: dict[int, int] = {}
    nameless: list[int] = []
    for index in quirks.real_ones_first(indices, bridged):
        if types.get(index) not in PORT_TYPES and index not in bridged:
            continue
        descr = as_text(described.get((index,)))
        name = port_name(as_text(named.get((index,))), descr, literal=platform in _LITERAL_NAMES)
        if name is None:
            nameless.append(index)
        elif name in by_name:
            same[index] = by_name[name]
        elif name:
            by_name[name] = index
            ports[index] = states.interface(index, name, descr)
    _tell_names(nameless, same, notes)
    return Layout(dict(sorted(ports.items())), base_ports, frozenset(indices), same)


def _tell_names(nameless: list[int], same: dict[int, int], notes: Notes) -> None:
    if nameless:
        listed = ", ".join(map(str, sorted(nameless)[:8]))
        notes.add(t("interfaces without a usable name were left out; their indexes: {indexes}", indexes=listed))
    if same:
        listed = ", ".join(map(str, sorted(same)[:8]))
        notes.add(
            t(
                "{count} interfaces have the name of another one and were read as one port with it; "
                "their indexes: {indexes}",
                count=len(same),
                indexes=listed,
            )
        )


def port_name(named: str, described: str, *, literal: bool) -> str | None:
    """Give the canonical name, ifName first; "" for a virtual interface, None when neither name can be used."""
    for text in (named, described):
        try:
            name = canonical(text, literal=literal)
        except InputError:
            continue
        return "" if not literal and parse_interface(text).kind in _VIRTUAL_KINDS else name
    return None


class _States:
    """Admin and operational state, and alias, by ifIndex."""

    def __init__(self, tables: Tables, notes: Notes) -> None:
        self.admin = numbers(tables, Oid.IF_ADMIN_STATUS, notes)
        self.oper = numbers(tables, Oid.IF_OPER_STATUS, notes)
        self.alias = rows(tables, Oid.IF_ALIAS)

    def interface(self, index: int, name: str, described: str) -> Interface:
        """Put one port together."""
        admin, alias = self.admin.get(index), self.alias.get((index,))
        return Interface(
            index,
            name,
            described,
            None if admin is None else admin == 1,
            _OPER.get(self.oper.get(index, 0), Oper.UNKNOWN),
            None if alias is None else as_text(alias),
        )


Fdb = dict[str, set[Learned]]


def forwarding(tables: Tables, platform: str, where: Layout, notes: Notes) -> Fdb:
    """Give what is learned on each port (by name), from Q-BRIDGE, BRIDGE and Huawei's tables together."""
    found: Fdb = {}
    reader = _FdbReader(where, found)
    _q_bridge(tables, platform, reader, notes)
    _huawei(tables, reader)
    _bridge(tables, quirks.vlan_of_plain_view(platform, bool(rows(tables, Oid.VTP_VLAN_STATE))), reader)
    reader.tell(notes)
    return {port: _without_doubles(entries) for port, entries in found.items()}


def forwarding_of_vlan(tables: Tables, vlan: int, where: Layout, notes: Notes) -> Fdb:
    """Give what a per-VLAN view of BRIDGE-MIB (Cisco) has learned; the view has base ports of its own."""
    base_ports = where.base_ports | numbers(tables, Oid.BASE_PORT_IF_INDEX, notes)
    found: Fdb = {}
    reader = _FdbReader(Layout(where.ports, base_ports, where.if_indices, where.same), found)
    _bridge(tables, vlan, reader)
    reader.tell(notes)
    return found


def merge(into: Fdb, more: Fdb) -> None:
    """Add `more` to `into`; an entry with a VLAN replaces the same MAC without one."""
    for port, entries in more.items():
        into[port] = _without_doubles(into.get(port, set()) | entries)


class _FdbReader:
    """Takes FDB rows in and counts those that cannot be placed."""

    def __init__(self, where: Layout, found: Fdb) -> None:
        self.where = where
        self.found = found
        self.wrong = 0
        self.nowhere = 0
        self.unknown_ports: set[int] = set()

    def take(self, mac: str | None, vlan: int | None, port: Value, status: Value | None) -> None:
        """Put one row at its bridge port `port`."""
        number = as_int(port)
        if mac is None or number is None:
            self.wrong += 1
        elif quirks.not_learned_here(number):
            self.nowhere += 1
        else:
            index = self.where.if_index_at(number)
            if index is None:
                self.unknown_ports.add(number)
            else:
                self.put(mac, vlan, index, as_int(status))

    def put(self, mac: str, vlan: int | None, if_index: int, status: int | None) -> None:
        """Put one row at the port with `if_index`; an address of the switch's own VLAN interface is no port's."""
        interface = self.where.ports.get(self.where.same.get(if_index, if_index))
        if interface is None:
            if if_index not in self.where.if_indices:
                self.unknown_ports.add(if_index)
        elif status != _INVALID:
            kind = _KINDS.get(_LEARNED if status is None else status, "dynamic")
            self.found.setdefault(interface.name, set()).add(Learned(mac, vlan, kind))

    def tell(self, notes: Notes) -> None:
        """Say what could not be placed."""
        notes.wrong("FDB", self.wrong)
        if self.nowhere:
            notes.add(t("{count} MACs are known to the switch but learned on no port (port 0)", count=self.nowhere))
        if self.unknown_ports:
            ports = ", ".join(map(str, sorted(self.unknown_ports)[:8]))
            notes.add(t("MACs are learned on bridge ports that no interface has: {ports}", ports=ports))


def _q_bridge(tables: Tables, platform: str, reader: _FdbReader, notes: Notes) -> None:
    known = rows(tables, Oid.QBRIDGE_FDB_PORT)
    if not known:
        return
    statuses = rows(tables, Oid.QBRIDGE_FDB_STATUS)
    mapping = quirks.vlan_by_fdb_id(platform, fdb_ids(tables))
    if mapping is not None:
        notes.add(t("FDB numbers are not VLAN ids on this switch; they were mapped through dot1qVlanFdbId"))
    strange: set[int] = set()
    for index, port in known.items():
        fdb, mac = (index[0], mac_of(index[1:])) if len(index) == 7 else (0, None)
        vlan = mapping.get(fdb) if mapping is not None else fdb if 1 <= fdb <= 4094 else None
        if vlan is None and mac is not None:
            strange.add(fdb)
        reader.take(mac, vlan, port, statuses.get(index))
    if strange:
        ids = ", ".join(map(str, sorted(strange)[:8]))
        notes.add(t("the FDB has entries of databases that belong to no one VLAN: {ids}", ids=ids))


def fdb_ids(tables: Tables) -> dict[int, int]:
    """Give VLAN → filtering database, where the switch tells it."""
    pairs = ((quirks.vlan_of_time_mark(i), as_int(value)) for i, value in rows(tables, Oid.VLAN_FDB_ID).items())
    return {vlan: fdb for vlan, fdb in pairs if vlan is not None and fdb is not None}


def _bridge(tables: Tables, vlan: int | None, reader: _FdbReader) -> None:
    """Take dot1dTpFdb, which has no VLAN of its own: `vlan` is the view's."""
    statuses = rows(tables, Oid.BRIDGE_FDB_STATUS)
    for index, port in rows(tables, Oid.BRIDGE_FDB_PORT).items():
        reader.take(quirks.bridge_fdb_mac(index), vlan, port, statuses.get(index))


def _huawei(tables: Tables, reader: _FdbReader) -> None:
    """Take HUAWEI-L2MAM: VRP has no dot1qTpFdb, and here the port is an ifIndex, not a base port."""
    types = rows(tables, Oid.HW_STATIC_FDB_TYPE)
    for index, port in rows(tables, Oid.HW_STATIC_FDB_PORT).items():
        if as_int(types.get(index)) != 3:  # blackhole: dropped everywhere, on no port
            _huawei_row(index, port, _MANAGED, reader)
    for index, port in rows(tables, Oid.HW_DYNAMIC_FDB_PORT).items():
        _huawei_row(index, port, _LEARNED, reader)


def _huawei_row(index: Index, port: Value, status: int, reader: _FdbReader) -> None:
    key, if_index = quirks.huawei_fdb_key(index), as_int(port)
    if key is None or if_index is None:
        reader.wrong += 1
    elif quirks.not_learned_here(if_index):
        reader.nowhere += 1
    else:
        reader.put(key[0], key[1] or None, if_index, status)


def _without_doubles(entries: set[Learned]) -> set[Learned]:
    """Drop entries without a VLAN whose MAC is also there with one, and dynamic ones that are also static or self."""
    placed = {entry.mac for entry in entries if entry.vlan is not None}
    named = {(entry.mac, entry.vlan) for entry in entries if entry.kind != "dynamic"}
    return {
        entry
        for entry in entries
        if not (entry.vlan is None and entry.mac in placed)
        and not (entry.kind == "dynamic" and (entry.mac, entry.vlan) in named)
    }

"""LLDP and CDP neighbours. What one says of itself is hostile until proved: it is kept as text, never followed."""

from __future__ import annotations

from drivers.snmp.oids import Oid
from drivers.snmp.tables import Layout
from drivers.snmp.values import Index, Notes, Tables, Value, as_int, as_text, rows
from policies.errors import InputError
from policies.model import Neighbour
from policies.names import canonical
from policies.texts import t

#: lldpRemSysCapEnabled, bits from the most significant on (IEEE 802.1AB).
_CAPABILITIES = ("other", "repeater", "bridge", "wlan-ap", "router", "telephone", "docsis", "station")
_CHASSIS_MAC, _PORT_MAC, _LOCAL = 4, 3, 7
_REMOTE = (
    Oid.LLDP_REMOTE_CHASSIS_SUBTYPE, Oid.LLDP_REMOTE_CHASSIS, Oid.LLDP_REMOTE_PORT_SUBTYPE, Oid.LLDP_REMOTE_PORT,
    Oid.LLDP_REMOTE_NAME, Oid.LLDP_REMOTE_CAPABILITIES,
)  # fmt: skip


def has_lldp(tables: Tables) -> bool:
    """Tell whether any LLDP neighbour was read, so that the local port table is needed."""
    return any(rows(tables, oid) for oid in _REMOTE)


def lldp(tables: Tables, where: Layout, notes: Notes) -> dict[str, list[Neighbour]]:
    """Give LLDP neighbours by local port; index TimeMark.LocalPortNum.RemIndex, any TimeMark.

    LocalPortNum is LLDP's own number: only lldpLocPortTable leads from it to a port.
    """
    indices = {index for oid in _REMOTE for index in rows(tables, oid)}
    local = _local_ports(tables, where)
    found: dict[str, list[Neighbour]] = {}
    lost: set[int] = set()
    wrong = 0
    for index in sorted(indices):
        if len(index) != 3:
            wrong += 1
        elif (name := local.get(index[1])) is None:
            lost.add(index[1])
        else:
            found.setdefault(name, []).append(_remote(tables, index))
    notes.wrong("LLDP", wrong)
    if lost:
        ports = ", ".join(map(str, sorted(lost)[:8]))
        notes.add(t("LLDP neighbours are on local ports that no interface has: {ports}", ports=ports))
    return found


def _local_ports(tables: Tables, where: Layout) -> dict[int, str]:
    """Give LocalPortNum → port name: by the id, then the description; an id of subtype local may be an ifIndex."""
    ids, descriptions = rows(tables, Oid.LLDP_LOCAL_ID), rows(tables, Oid.LLDP_LOCAL_DESCR)
    subtypes = rows(tables, Oid.LLDP_LOCAL_SUBTYPE)
    by_name = {port.name: port.name for port in where.ports.values()}
    by_name |= {port.described: port.name for port in where.ports.values() if port.described}
    found: dict[int, str] = {}
    for index in ids.keys() | descriptions.keys():
        if len(index) != 1:
            continue
        identity = as_text(ids.get(index))
        name = _named(identity, by_name) or _named(as_text(descriptions.get(index)), by_name)
        if name is None and as_int(subtypes.get(index)) == _LOCAL:
            port = where.ports.get(as_int(identity) or 0)
            name = None if port is None else port.name
        if name is not None:
            found[index[0]] = name
    return found


def _named(text: str, by_name: dict[str, str]) -> str | None:
    if text in by_name:
        return by_name[text]
    try:
        return by_name.get(canonical(text))
    except InputError:
        return None


def _remote(tables: Tables, index: Index) -> Neighbour:
    def value(oid: Oid) -> Value | None:
        return rows(tables, oid).get(index)

    return Neighbour(
        as_text(value(Oid.LLDP_REMOTE_NAME)),
        _identity(value(Oid.LLDP_REMOTE_PORT), as_int(value(Oid.LLDP_REMOTE_PORT_SUBTYPE)) == _PORT_MAC),
        _identity(value(Oid.LLDP_REMOTE_CHASSIS), as_int(value(Oid.LLDP_REMOTE_CHASSIS_SUBTYPE)) == _CHASSIS_MAC),
        _capabilities(value(Oid.LLDP_REMOTE_CAPABILITIES)),
    )


def _identity(value: Value | None, is_mac: bool) -> str:
    """Read a chassis or port id: 6 octets are a MAC when the subtype says so; some agents write the MAC as text."""
    if is_mac and isinstance(value, bytes) and len(value) == 6:
        return value.hex(":")
    text = as_text(value)
    return text.lower() if is_mac else text


def _capabilities(value: Value | None) -> str:
    """Read BITS of one or two octets; a longer string is not BITS (recording arubaos-cx holds text there)."""
    if not isinstance(value, bytes) or not 1 <= len(value) <= 2:
        return ""
    return ",".join(name for bit, name in enumerate(_CAPABILITIES) if value[0] & (0x80 >> bit))


def cdp(tables: Tables, where: Layout) -> dict[str, list[Neighbour]]:
    """Give CDP neighbours by port; index ifIndex.deviceIndex."""
    devices, ports = rows(tables, Oid.CDP_DEVICE), rows(tables, Oid.CDP_PORT)
    found: dict[str, list[Neighbour]] = {}
    for index in sorted(devices.keys() | ports.keys()):
        interface = where.ports.get(index[0]) if len(index) == 2 else None
        if interface is not None:
            told = Neighbour(as_text(devices.get(index)), as_text(ports.get(index)))
            found.setdefault(interface.name, []).append(told)
    return found

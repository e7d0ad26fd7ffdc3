"""The rows of a switch that has the standard MIBs only: Q-BRIDGE-MIB (RFC 4363) with its static unicast table.

A port that has static addresses admits these and no others, as such switches do once their ports are locked. Its
bridge port is not its ifIndex.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.switch.dataplane import FdbEntry
from lab.switch.persona import mib
from lab.switch.persona.ber import GAUGE, INTEGER, OCTETS
from lab.switch.persona.mib import BRIDGE, Row, oid
from lab.switch.persona.model import Interface, octets
from lab.switch.persona.ruijie import names
from lab.switch.persona.ruijie.mib import Q_CURRENT, Q_FDB, Q_PORT, Q_STATIC, port_list
from lab.switch.persona.state import Switch

Q_UNICAST = (*BRIDGE, 7, 1, 3, 1, 1)
OBJECT_ID = oid("1.3.6.1.4.1.99999.1.1")
DESCRIPTION = b"Managed switch, 8 ports"
PERMANENT, INVALID = 3, 2


def base(entry: Interface) -> int:
    """Give the bridge port of an interface: numbered from 11, so that nobody takes it for an ifIndex."""
    return names.if_index(entry.name) + 10


def general(switch: Switch, links: dict[str, bool]) -> list[Row]:
    """Build all rows but those that change with what was learned."""
    described = mib.Described(DESCRIPTION, OBJECT_ID)
    rows: list[Row] = [*mib.system(switch, described), (mib.IF_NUMBER, INTEGER, len(switch.running.interfaces))]
    for entry in switch.running.interfaces.values():
        face = mib.Face(names.if_index(entry.name), entry.name, names.short(entry.name))
        rows += mib.interface(switch, entry, face, up=links[entry.name])
    rows += _vlans(switch)
    rows += _unicast(switch)
    return rows


def _vlans(switch: Switch) -> Iterator[Row]:
    for number, name in switch.running.vlans.items():
        members = [entry for entry in switch.running.physical() if entry.carries(number)]
        egress = port_list(base(entry) for entry in members)
        bare = port_list(base(e) for e in members if not e.trunk or e.native_vlan == number)
        yield (*Q_CURRENT, 3, 0, number), GAUGE, number
        yield (*Q_CURRENT, 4, 0, number), OCTETS, egress
        yield (*Q_CURRENT, 5, 0, number), OCTETS, bare
        yield (*Q_STATIC, 1, number), OCTETS, name.encode()
        yield (*Q_STATIC, 2, number), OCTETS, egress
        yield (*Q_STATIC, 4, number), OCTETS, bare
        yield (*Q_STATIC, 5, number), INTEGER, 1
    for entry in switch.running.physical():
        vlan = entry.native_vlan if entry.trunk else entry.access_vlan
        yield (*Q_PORT, 1, base(entry)), GAUGE, vlan


def _unicast(switch: Switch) -> Iterator[Row]:
    for entry in switch.running.physical():
        for held in entry.security.macs.values():
            tail = (entry.vlan_of(held), *octets(held.mac), 0)
            yield (*Q_UNICAST, 3, *tail), OCTETS, port_list([base(entry)])
            yield (*Q_UNICAST, 4, *tail), INTEGER, PERMANENT


def bridge(switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
    """Build the bridge's ports, and the addresses of every VLAN."""
    del vlan
    ports = {entry.port: entry for entry in switch.running.physical() if entry.port}
    rows = mib.bridge_base(switch, {base(entry): names.if_index(entry.name) for entry in ports.values()})
    found = [(row.vlan, row.mac, base(ports[row.port]), 3) for row in learned if row.port in ports]
    for entry in ports.values():
        found += [(entry.vlan_of(held), held.mac, base(entry), 5) for held in entry.security.macs.values()]
    for number, mac, port, status in found:
        rows.append(((*Q_FDB, 2, number, *octets(mac)), INTEGER, port))
        rows.append(((*Q_FDB, 3, number, *octets(mac)), INTEGER, status))
    return rows

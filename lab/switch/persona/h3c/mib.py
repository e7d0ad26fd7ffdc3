"""The MIB objects of a Comware switch as rows: Q-BRIDGE-MIB for VLANs and addresses, HH3C-PORT-SECURITY-MIB.

Layouts are those of the recordings (comware): dot1qPvid goes by ifIndex although the standard says bridge port.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.switch.dataplane import FdbEntry
from lab.switch.persona import mib
from lab.switch.persona.ber import GAUGE, INTEGER, OCTETS, TICKS, Value
from lab.switch.persona.h3c import names
from lab.switch.persona.h3c.model import (
    BLOCK,
    DISABLE,
    INTRUSION_TRAP,
    LEARNED_TRAP,
    PORT_SECURITY,
    TEMPORARILY,
)  # fmt: skip
from lab.switch.persona.h3c.switch import H3cSwitch, port_mode
from lab.switch.persona.mib import BRIDGE, Row, oid
from lab.switch.persona.model import Interface, octets
from lab.switch.persona.state import Switch

Q_FDB = (*BRIDGE, 7, 1, 2, 2, 1)
Q_CURRENT = (*BRIDGE, 7, 1, 4, 2, 1)
Q_STATIC = (*BRIDGE, 7, 1, 4, 3, 1)
Q_PORT = (*BRIDGE, 7, 1, 4, 5, 1)
SECURITY = oid("1.3.6.1.4.1.25506.2.26.1")
SECURITY_ON = (*SECURITY, 1, 1, 0)
SECURITY_PORT = (*SECURITY, 2, 1, 1)
SECURITY_MAC = (*SECURITY, 2, 2, 1)
#: HH3C-CONFIG-MAN-MIB hh3cCfgOperateTable: what to do (1: running to startup) and its row status.
OPERATE = oid("1.3.6.1.4.1.25506.2.4.1.2.4.1")
OBJECT_ID = oid("1.3.6.1.4.1.25506.11.1.387")

DESCRIPTION = (
    b"H3C Comware Platform Software, Software Version 7.1.070, Release 6318P01\r\nH3C S5130S-28S-EI\r\n"
    b"Copyright (c) 2004-2021 New H3C Technologies Co., Ltd. All rights reserved."
)
MODES = {"noRestrictions": 1, "autoLearn": 3, "secure": 4}
INTRUSION = {"": 2, DISABLE: 3, TEMPORARILY: 4, BLOCK: 6}
#: Octets of a PortList: 128 ports.
_OCTETS = 16


def h3c(switch: Switch) -> H3cSwitch:
    """Give the switch as what it is: the agent knows only that it is one."""
    assert isinstance(switch, H3cSwitch)
    return switch


def general(switch: Switch, links: dict[str, bool]) -> list[Row]:
    """Build all rows but those that change with what was learned."""
    own = h3c(switch)
    rows: list[Row] = [
        *mib.system(own, mib.Described(DESCRIPTION, OBJECT_ID, _kept(own, "contact"), _kept(own, "location")))
    ]
    rows += [(mib.IF_NUMBER, INTEGER, len(own.running.interfaces))]
    for entry in own.running.interfaces.values():
        rows += _interface(own, entry, links[entry.name])
    rows += _vlans(own)
    rows += _security(own)
    rows += _lldp(own, links)
    return rows


def _kept(switch: H3cSwitch, word: str) -> str:
    head = f"snmp-agent sys-info {word} "
    return next((line.removeprefix(head) for line in switch.running.extra if line.startswith(head)), "")


def _interface(switch: H3cSwitch, entry: Interface, up: bool) -> Iterator[Row]:
    trap = "undo enable snmp trap updown" not in entry.extra
    index = names.if_index(entry.name)
    for row in mib.interface(switch, entry, mib.Face(index, entry.name, entry.name, trap), up=up):
        alias = row[0] == (*mib.IFX, 18, index) and not row[2]
        yield (row[0], row[1], f"{entry.name} Interface".encode()) if alias else row


def port_list(ports: Iterable[int]) -> bytes:
    """Write a PortList: bridge port 1 is the highest bit of the first octet."""
    value = 0
    for port in ports:
        value |= 1 << (_OCTETS * 8 - port)
    return value.to_bytes(_OCTETS, "big")


def _vlans(switch: H3cSwitch) -> Iterator[Row]:
    running = switch.running
    for number, name in running.vlans.items():
        members = [entry for entry in running.physical() if entry.carries(number)]
        egress = port_list(names.base_port(entry.name) for entry in members)
        untagged = port_list(
            names.base_port(entry.name) for entry in members if not entry.trunk or entry.native_vlan == number
        )
        current: list[tuple[int, int, Value]] = [
            (3, GAUGE, number), (4, OCTETS, egress), (5, OCTETS, untagged), (6, INTEGER, 2), (7, TICKS, 0),
        ]  # fmt: skip
        for column, tag, value in current:
            yield (*Q_CURRENT, column, 0, number), tag, value
        static: list[tuple[int, int, Value]] = [
            (1, OCTETS, name.encode()), (2, OCTETS, egress), (3, OCTETS, port_list([])), (4, OCTETS, untagged),
            (5, INTEGER, 1),
        ]  # fmt: skip
        for column, tag, value in static:
            yield (*Q_STATIC, column, number), tag, value
    for entry in running.physical():
        vlan = entry.native_vlan if entry.trunk else entry.access_vlan
        yield (*Q_PORT, 1, names.if_index(entry.name)), GAUGE, vlan


def _security(switch: H3cSwitch) -> Iterator[Row]:
    flags = switch.running.flags
    yield SECURITY_ON, INTEGER, 1 if PORT_SECURITY in flags else 2
    yield (*SECURITY, 1, 2, 0), INTEGER, switch.running.recovery_interval
    yield (*SECURITY, 1, 3, 0), INTEGER, 1 if LEARNED_TRAP in flags else 2
    yield (*SECURITY, 1, 4, 0), INTEGER, 1 if INTRUSION_TRAP in flags else 2
    for entry in switch.running.physical():
        held, index = entry.security, names.if_index(entry.name)
        columns = (
            (1, MODES[port_mode(entry)]), (2, 2), (3, INTRUSION[held.violation]), (4, held.maximum),
            (5, len(held.macs)), (6, 1024),
        )  # fmt: skip
        for column, value in columns:
            yield (*SECURITY_PORT, column, index), INTEGER, value
        for secure in held.macs.values():
            tail = (index, *octets(secure.mac), secure.vlan or 0)
            yield (*SECURITY_MAC, 3, *tail), INTEGER, 2
            yield (*SECURITY_MAC, 4, *tail), INTEGER, 1


def _lldp(switch: H3cSwitch, links: dict[str, bool]) -> Iterator[Row]:
    if not switch.running.lldp:
        return
    yield from mib.lldp_local(switch, DESCRIPTION)
    ports = {entry.name: names.base_port(entry.name) for entry in switch.running.physical()}
    for name, number in ports.items():
        yield from mib.lldp_port(number, name, f"{name} Interface")
    yield from mib.lldp_remote(switch, links, ports, DESCRIPTION)


def bridge(switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
    """Build the bridge's ports and the addresses of every VLAN: what was learned, secured, or set."""
    del vlan
    own = h3c(switch)
    entries = own.running.physical()
    rows = mib.bridge_base(own, {names.base_port(e.name): names.if_index(e.name) for e in entries})
    ports = {entry.port: names.base_port(entry.name) for entry in entries if entry.port}
    fixed: dict[tuple[int, str], int] = {}
    for entry in entries:
        if entry.security.enabled:
            fixed |= {(m.vlan or 0, m.mac): names.base_port(entry.name) for m in entry.security.macs.values()}
    fixed |= {(held.vlan, held.mac): names.base_port(held.interface) for held in own.own.statics}
    for (number, mac), base in fixed.items():
        rows += _address(number, mac, base, 5)
    for row in learned:
        if row.port in ports and (row.vlan, row.mac) not in fixed:
            rows += _address(row.vlan, row.mac, ports[row.port], 3)
    return rows


def _address(vlan: int, mac: str, base: int, status: int) -> Iterator[Row]:
    tail = (vlan, *octets(mac))
    yield (*Q_FDB, 2, *tail), INTEGER, base
    yield (*Q_FDB, 3, *tail), INTEGER, status

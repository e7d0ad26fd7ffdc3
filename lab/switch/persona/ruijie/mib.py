"""The MIB objects of an RGOS switch as rows, with the oddities of the recording (ruijie).

The bridge port is the ifIndex; the current VLAN table has a time mark that is not 0; dot1qPvid is 0 at ports without a
link; the switch's own address is in the forwarding table at port 0. No MIB of port security was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.switch.dataplane import FdbEntry
from lab.switch.persona import mib
from lab.switch.persona.ber import GAUGE, INTEGER, OCTETS, TICKS, Value
from lab.switch.persona.mib import BRIDGE, Row, oid
from lab.switch.persona.model import Interface, octets
from lab.switch.persona.ruijie import names
from lab.switch.persona.ruijie.show_ports import macs
from lab.switch.persona.ruijie.switch import RuijieSwitch
from lab.switch.persona.state import Switch

Q_FDB = (*BRIDGE, 7, 1, 2, 2, 1)
Q_CURRENT = (*BRIDGE, 7, 1, 4, 2, 1)
Q_STATIC = (*BRIDGE, 7, 1, 4, 3, 1)
Q_PORT = (*BRIDGE, 7, 1, 4, 5, 1)
OBJECT_ID = oid("1.3.6.1.4.1.4881.1.1.10.1.150")
DESCRIPTION = b"Ruijie Gigabit Security & Intelligence Access Switch(S2910-24GT4XS-E) By Ruijie Networks"
_TIME_MARK = 2071
#: Octets of a PortList: 128 ports.
_OCTETS = 16


def ruijie(switch: Switch) -> RuijieSwitch:
    """Give the switch as what it is: the agent knows only that it is one."""
    assert isinstance(switch, RuijieSwitch)
    return switch


def general(switch: Switch, links: dict[str, bool]) -> list[Row]:
    """Build all rows but those that change with what was learned."""
    own = ruijie(switch)
    described = mib.Described(DESCRIPTION, OBJECT_ID, _kept(own, "contact"), _kept(own, "location"))
    rows: list[Row] = [*mib.system(own, described), (mib.IF_NUMBER, INTEGER, len(own.running.interfaces))]
    for entry in own.running.interfaces.values():
        rows += mib.interface(own, entry, _face(entry), up=links[entry.name])
    rows += _vlans(own, links)
    rows += _lldp(own, links)
    return rows


def _kept(switch: RuijieSwitch, word: str) -> str:
    head = f"snmp-server {word} "
    return next((line.removeprefix(head) for line in switch.running.extra if line.startswith(head)), "")


def _face(entry: Interface) -> mib.Face:
    trap = "no snmp trap link-status" not in entry.extra
    return mib.Face(names.if_index(entry.name), entry.name, names.short(entry.name), trap)


def port_list(ports: Iterable[int]) -> bytes:
    """Write a PortList: bridge port 1 is the highest bit of the first octet."""
    value = 0
    for port in ports:
        value |= 1 << (_OCTETS * 8 - port)
    return value.to_bytes(_OCTETS, "big")


def _vlans(switch: RuijieSwitch, links: dict[str, bool]) -> Iterator[Row]:
    running = switch.running
    for number, name in running.vlans.items():
        members = [entry for entry in running.physical() if entry.carries(number)]
        egress = port_list(names.if_index(entry.name) for entry in members)
        untagged = port_list(
            names.if_index(entry.name) for entry in members if not entry.trunk or entry.native_vlan == number
        )
        current: list[tuple[int, int, Value]] = [
            (3, GAUGE, number), (4, OCTETS, egress), (5, OCTETS, untagged), (6, INTEGER, 2), (7, TICKS, 0),
        ]  # fmt: skip
        for column, tag, value in current:
            yield (*Q_CURRENT, column, _TIME_MARK + number, number), tag, value
        static: list[tuple[int, int, Value]] = [
            (1, OCTETS, name.encode()), (2, OCTETS, egress), (3, OCTETS, port_list([])), (4, OCTETS, untagged),
            (5, INTEGER, 1),
        ]  # fmt: skip
        for column, tag, value in static:
            yield (*Q_STATIC, column, number), tag, value
    for entry in running.physical():
        vlan = entry.native_vlan if entry.trunk else entry.access_vlan
        yield (*Q_PORT, 1, names.if_index(entry.name)), GAUGE, vlan if links[entry.name] else 0


def _lldp(switch: RuijieSwitch, links: dict[str, bool]) -> Iterator[Row]:
    if not switch.running.lldp:
        return
    yield from mib.lldp_local(switch, DESCRIPTION)
    ports = {entry.name: names.if_index(entry.name) for entry in switch.running.physical()}
    for name, number in ports.items():
        yield from mib.lldp_port(number, names.short(name), name)
    yield from mib.lldp_remote(switch, links, ports, DESCRIPTION)


def bridge(switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
    """Build the bridge's ports and the addresses of every VLAN."""
    del vlan, learned  # the table of the command line has both what was learned and what is secured
    own = ruijie(switch)
    bases = {names.if_index(entry.name): names.if_index(entry.name) for entry in own.running.physical()}
    rows = mib.bridge_base(own, bases)
    own_mac = own.bridge_mac().hex(":")
    rows += _address(1, own_mac, 0, 4)
    for number, mac, kind, name in macs(own):
        rows += _address(number, mac, names.if_index(name), 3 if kind == "DYNAMIC" else 5)
    return rows


def _address(vlan: int, mac: str, base: int, status: int) -> Iterator[Row]:
    tail = (vlan, *octets(mac))
    yield (*Q_FDB, 2, *tail), INTEGER, base
    yield (*Q_FDB, 3, *tail), INTEGER, status

"""The MIB objects of the switch as rows, built from its state; BRIDGE-MIB is per VLAN as on every Catalyst."""

from __future__ import annotations

from collections.abc import Iterator

from lab.switch.dataplane import FdbEntry
from lab.switch.persona import names, render, security
from lab.switch.persona.ber import COUNTER, COUNTER64, GAUGE, INTEGER, OBJECT, OCTETS, TICKS, Oid, Value
from lab.switch.persona.grammar import text
from lab.switch.persona.model import ACCESS, Interface
from lab.switch.persona.state import Switch

Row = tuple[Oid, int, Value]


def oid(dotted: str) -> Oid:
    """Read 1.3.6.1… ."""
    return tuple(int(part) for part in dotted.split("."))


SYSTEM = oid("1.3.6.1.2.1.1")
UPTIME = (*SYSTEM, 3, 0)
IF_NUMBER = oid("1.3.6.1.2.1.2.1.0")
IF = oid("1.3.6.1.2.1.2.2.1")
IFX = oid("1.3.6.1.2.1.31.1.1.1")
BRIDGE = oid("1.3.6.1.2.1.17")
VTP_VLAN = oid("1.3.6.1.4.1.9.9.46.1.3.1.1")
TRUNK = oid("1.3.6.1.4.1.9.9.46.1.6.1.1")
VM = oid("1.3.6.1.4.1.9.9.68.1.2.2.1")
VOICE = oid("1.3.6.1.4.1.9.9.68.1.5.1.1.1")
CPS_GLOBAL = oid("1.3.6.1.4.1.9.9.315.1.1")
CPS_IF = oid("1.3.6.1.4.1.9.9.315.1.2.1.1")
CPS_OLD = oid("1.3.6.1.4.1.9.9.315.1.2.2.1")
CPS_VLAN = oid("1.3.6.1.4.1.9.9.315.1.2.3.1")
ERR_GLOBAL = oid("1.3.6.1.4.1.9.9.548.1.1")
ERR_IF = oid("1.3.6.1.4.1.9.9.548.1.3.1.1")
LLDP_LOCAL = oid("1.0.8802.1.1.2.1.3")
LLDP_REMOTE = oid("1.0.8802.1.1.2.1.4.1.1")
WRITE_MEM = oid("1.3.6.1.4.1.9.2.1.54.0")
OBJECT_ID = oid("1.3.6.1.4.1.9.1.1208")  # the stackable Catalyst 2960-X/XR (recording ios_2960x)

VIOLATIONS = {"shutdown": 1, "restrict": 2, "protect": 3}
KINDS = {"configured": 1, "dynamic": 2, "sticky": 3}
DYNAMIC_STATES = {"trunk": 1, ACCESS: 2, "dynamic desirable": 3, "dynamic auto": 4}
_PSECURE = 9


def system_description() -> bytes:
    """Give sysDescr: the first lines of `show version` (recording ios_2960x)."""
    return "\r\n".join(text("version.txt").splitlines()[:4]).encode()


def general(switch: Switch, links: dict[str, bool]) -> list[Row]:
    """Build all rows but those of BRIDGE-MIB, in no order."""
    rows: list[Row] = [*_system(switch), (IF_NUMBER, INTEGER, len(switch.running.interfaces))]
    for entry in switch.running.interfaces.values():
        rows += _if_rows(switch, entry, links[entry.name])
        if entry.physical:
            rows += _vlan_rows(switch, entry, links[entry.name])
            rows += _security_rows(switch, entry, links[entry.name])
    rows += _database(switch)
    rows += _lldp(switch, links)
    return rows


def _system(switch: Switch) -> Iterator[Row]:
    yield (*SYSTEM, 1, 0), OCTETS, system_description()
    yield (*SYSTEM, 2, 0), OBJECT, OBJECT_ID
    yield UPTIME, TICKS, 0
    contact = next((line for line in switch.running.extra if line.startswith("snmp-server contact ")), "")
    location = next((line for line in switch.running.extra if line.startswith("snmp-server location ")), "")
    yield (*SYSTEM, 4, 0), OCTETS, contact.removeprefix("snmp-server contact ").encode()
    yield (*SYSTEM, 5, 0), OCTETS, switch.running.hostname.encode()
    yield (*SYSTEM, 6, 0), OCTETS, location.removeprefix("snmp-server location ").encode()
    yield (*SYSTEM, 7, 0), INTEGER, 6
    yield (*CPS_GLOBAL, 1, 0), INTEGER, security.LIMIT
    yield (*CPS_GLOBAL, 2, 0), INTEGER, sum(len(e.security.macs) for e in switch.running.physical())
    yield (*CPS_GLOBAL, 3, 0), INTEGER, 1
    yield (*CPS_GLOBAL, 4, 0), INTEGER, 0
    yield (*CPS_GLOBAL, 5, 0), INTEGER, 1
    yield (*ERR_GLOBAL, 1, 0), GAUGE, switch.running.recovery_interval
    yield (*ERR_GLOBAL, 2, 0), INTEGER, 1


def _if_rows(switch: Switch, entry: Interface, up: bool) -> Iterator[Row]:
    index = names.if_index(entry.name)
    admin, oper = 2 if entry.shutdown else 1, 1 if up else 2
    trap = 2 if "no snmp trap link-status" in entry.extra else 1
    basic: list[tuple[int, int, Value]] = [
        (1, INTEGER, index), (2, OCTETS, entry.name.encode()), (3, INTEGER, 6 if entry.physical else 53),
        (4, INTEGER, 1500), (5, GAUGE, 1_000_000_000 if up else 10_000_000),
        (6, OCTETS, names.octets(switch.mac_of(entry))), (7, INTEGER, admin), (8, INTEGER, oper), (9, TICKS, 0),
        *((column, COUNTER, 0) for column in (10, 11, 13, 14, 15, 16, 17, 19, 20)),
    ]  # fmt: skip
    more: list[tuple[int, int, Value]] = [
        (1, OCTETS, names.short(entry.name).encode()),
        *((column, COUNTER, 0) for column in (2, 3, 4, 5)), *((column, COUNTER64, 0) for column in range(6, 14)),
        (14, INTEGER, trap), (15, GAUGE, 1000 if up else 10), (16, INTEGER, 2), (17, INTEGER, 1),
        (18, OCTETS, entry.description.encode()), (19, TICKS, 0),
    ]  # fmt: skip
    for column, tag, value in basic:
        yield (*IF, column, index), tag, value
    for column, tag, value in more:
        yield (*IFX, column, index), tag, value


def bitmap(numbers: frozenset[int] | None, first: int) -> bytes:
    """Write the VLANs first … first+1023 as Cisco's 128 octets, the lowest number in the highest bit; None is all."""
    if numbers is None:
        numbers = frozenset(range(1, 4095))
    value = 0
    for number in numbers:
        if first <= number < first + 1024:
            value |= 1 << (1023 - (number - first))
    return value.to_bytes(128, "big")


def _vlan_rows(switch: Switch, entry: Interface, up: bool) -> Iterator[Row]:
    index = names.if_index(entry.name)
    trunking = entry.trunk and up
    if not entry.trunk:
        status = 3 if entry.shutdown else 2 if up and entry.access_vlan in switch.running.vlans else 1
        yield (*VM, 1, index), INTEGER, 1
        yield (*VM, 2, index), INTEGER, entry.access_vlan
        yield (*VM, 3, index), INTEGER, status
        yield (*VOICE, index), INTEGER, _voice(entry)
    yield (*TRUNK, 1, index), INTEGER, 1
    yield (*TRUNK, 3, index), INTEGER, 4
    for column, first in ((4, 0), (17, 1024), (18, 2048), (19, 3072)):
        yield (*TRUNK, column, index), OCTETS, bitmap(entry.allowed, first)
    yield (*TRUNK, 5, index), INTEGER, entry.native_vlan
    state = 5 if entry.trunk and entry.nonegotiate else DYNAMIC_STATES.get(entry.mode, 4)
    yield (*TRUNK, 13, index), INTEGER, state
    yield (*TRUNK, 14, index), INTEGER, 1 if trunking else 2
    yield (*TRUNK, 16, index), INTEGER, 4 if trunking else 6


def _voice(entry: Interface) -> int:
    line = next((line for line in entry.extra if line.startswith("switchport voice vlan ")), "")
    word = line.rpartition(" ")[2]
    return int(word) if word.isdigit() else 4096


def _security_rows(switch: Switch, entry: Interface, up: bool) -> Iterator[Row]:
    index, held = names.if_index(entry.name), entry.security
    status = 3 if entry.err_disabled else 1 if held.enabled and up else 2
    columns: list[tuple[int, int, Value]] = [
        (1, INTEGER, 1 if held.enabled else 2), (2, INTEGER, status), (3, INTEGER, held.maximum),
        (4, INTEGER, len(held.macs)), (5, INTEGER, held.aging_time),
        (6, INTEGER, 1 if held.aging_type == "absolute" else 2), (7, INTEGER, 1 if held.aging_static else 2),
        (8, INTEGER, VIOLATIONS[held.violation]), (9, COUNTER, held.violations),
        (10, OCTETS, names.octets(held.last_mac)), (11, INTEGER, 2), (14, INTEGER, 0),
        (15, INTEGER, 1 if held.sticky else 2), (18, GAUGE, held.last_vlan),
    ]  # fmt: skip
    for column, tag, value in columns:
        yield (*CPS_IF, column, index), tag, value
    for secure in held.macs.values():
        mac, vlan = tuple(names.octets(secure.mac)), entry.vlan_of(secure)
        kind = KINDS[secure.kind]
        for table, tail, first in ((CPS_OLD, mac, 2), (CPS_VLAN, (*mac, vlan), 3)):
            yield (*table, first, index, *tail), INTEGER, kind
            yield (*table, first + 1, index, *tail), INTEGER if table is CPS_OLD else GAUGE, 0
            yield (*table, first + 2, index, *tail), INTEGER, 1
    if entry.err_disabled:
        left = 0
        if entry.err_disabled in switch.running.recovery_causes:
            left = max(security.time_left(switch, entry), 0)
        yield (*ERR_IF, 2, index, 0), INTEGER, _PSECURE
        yield (*ERR_IF, 3, index, 0), GAUGE, left


def _database(switch: Switch) -> Iterator[Row]:
    known = {**switch.running.vlans}
    for number, name in ((1002, "fddi"), (1003, "token-ring"), (1004, "fddinet"), (1005, "trnet")):
        known[number] = f"{name}-default"
    for number, name in known.items():
        special = number in range(1002, 1006)
        svi = number if f"Vlan{number}" in switch.running.interfaces else 0
        said = (100000 + number).to_bytes(4, "big")
        columns: list[tuple[int, int, Value]] = [
            (2, INTEGER, 1), (3, INTEGER, number - 1000 if special else 1),
            (4, OCTETS, (name or render.default_vlan_name(number)).encode()), (5, INTEGER, 1500), (6, OCTETS, said),
            (11, INTEGER, 0), (12, INTEGER, 0), (18, INTEGER, svi),
        ]  # fmt: skip
        for column, tag, value in columns:
            yield (*VTP_VLAN, column, 1, number), tag, value


def lldp_ports(switch: Switch) -> dict[str, int]:
    """Number the ports as LLDP does: the last two first (recording ios_c3560), so neither ifIndex nor basePort."""
    ports = [entry.name for entry in switch.running.physical()]
    return {name: at for at, name in enumerate([*ports[-2:], *ports[:-2]], 1)}


def _lldp(switch: Switch, links: dict[str, bool]) -> Iterator[Row]:
    if not switch.running.lldp:
        return
    yield (*LLDP_LOCAL, 1, 0), INTEGER, 4
    yield (*LLDP_LOCAL, 2, 0), OCTETS, switch.bridge_mac()
    yield (*LLDP_LOCAL, 3, 0), OCTETS, switch.running.hostname.encode()
    yield (*LLDP_LOCAL, 4, 0), OCTETS, system_description()
    ports = lldp_ports(switch)
    for name, local in ports.items():
        yield (*LLDP_LOCAL, 7, 1, 2, local), INTEGER, 5
        yield (*LLDP_LOCAL, 7, 1, 3, local), OCTETS, names.short(name).encode()
        yield (*LLDP_LOCAL, 7, 1, 4, local), OCTETS, name.encode()
    for at, (name, seen) in enumerate(switch.config.neighbours.items(), 1):
        if not links.get(name, False):
            continue
        columns: list[tuple[int, int, Value]] = [
            (4, INTEGER, 4), (5, OCTETS, names.octets(seen.chassis)), (6, INTEGER, 5), (7, OCTETS, seen.port.encode()),
            (8, OCTETS, seen.port.encode()), (9, OCTETS, seen.system.encode()), (10, OCTETS, system_description()),
            (11, OCTETS, b"\x28\x00"), (12, OCTETS, b"\x20\x00"),
        ]  # fmt: skip
        for column, tag, value in columns:
            yield (*LLDP_REMOTE, column, 0, ports[name], at), tag, value


def bridge(switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
    """Build BRIDGE-MIB of one VLAN: its member ports, and what was learned or secured in it."""
    members = [e for e in switch.running.physical() if e.carries(vlan)] if vlan in switch.running.vlans else []
    rows: list[Row] = [
        ((*BRIDGE, 1, 1, 0), OCTETS, switch.bridge_mac()),
        ((*BRIDGE, 1, 2, 0), INTEGER, len(members)),
        ((*BRIDGE, 1, 3, 0), INTEGER, 2),
        ((*BRIDGE, 4, 2, 0), INTEGER, 300),
    ]
    ports = {entry.port: names.base_port(entry.name) for entry in members if entry.port}
    for entry in members:
        base = names.base_port(entry.name)
        rows.append(((*BRIDGE, 1, 4, 1, 1, base), INTEGER, base))
        rows.append(((*BRIDGE, 1, 4, 1, 2, base), INTEGER, names.if_index(entry.name)))
        if entry.security.enabled and switch.link(entry):
            for secure in entry.security.macs.values():
                if entry.vlan_of(secure) == vlan:
                    rows += _forwarding(secure.mac, base, 5)
    for row in learned:
        if row.vlan == vlan and row.port in ports:
            rows += _forwarding(row.mac, ports[row.port], 3)
    return rows


def _forwarding(mac: str, base: int, status: int) -> Iterator[Row]:
    octets = names.octets(mac)
    yield (*BRIDGE, 4, 3, 1, 1, *octets), OCTETS, octets
    yield (*BRIDGE, 4, 3, 1, 2, *octets), INTEGER, base
    yield (*BRIDGE, 4, 3, 1, 3, *octets), INTEGER, status

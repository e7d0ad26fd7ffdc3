"""The MIB objects of a Catalyst as rows, built from its state; BRIDGE-MIB is per VLAN as on every Catalyst."""

from __future__ import annotations

from collections.abc import Iterator

from lab.switch.dataplane import FdbEntry
from lab.switch.persona import mib, security
from lab.switch.persona.ber import COUNTER, GAUGE, INTEGER, OCTETS, TICKS, Value
from lab.switch.persona.cisco import names, render
from lab.switch.persona.cisco.language import text
from lab.switch.persona.cisco.secure import LIMIT
from lab.switch.persona.cisco.switch import CiscoSwitch
from lab.switch.persona.mib import Row, bitmap, oid
from lab.switch.persona.model import Interface, octets
from lab.switch.persona.state import Switch

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
COPY = oid("1.3.6.1.4.1.9.9.96.1.1.1.1")
HISTORY = oid("1.3.6.1.4.1.9.9.43.1.1")
WRITE_MEM = oid("1.3.6.1.4.1.9.2.1.54.0")
OBJECT_ID = oid("1.3.6.1.4.1.9.1.1208")  # the stackable Catalyst 2960-X/XR (recording ios_2960x)

VIOLATIONS = {"shutdown": 1, "restrict": 2, "protect": 3}
KINDS = {"configured": 1, "dynamic": 2, "sticky": 3}
DYNAMIC_STATES = {"trunk": 1, names.ACCESS: 2, "dynamic desirable": 3, "dynamic auto": 4}
_PSECURE = 9


def system_description() -> bytes:
    """Give sysDescr: the first lines of `show version` (recording ios_2960x)."""
    return "\r\n".join(text("version.txt").splitlines()[:4]).encode()


def general(switch: Switch, links: dict[str, bool]) -> list[Row]:
    """Build all rows but those of BRIDGE-MIB, in no order."""
    rows: list[Row] = [*_system(switch), (mib.IF_NUMBER, INTEGER, len(switch.running.interfaces))]
    for entry in switch.running.interfaces.values():
        rows += mib.interface(switch, entry, _face(entry), up=links[entry.name])
        if entry.physical:
            rows += _vlan_rows(switch, entry, links[entry.name])
            rows += _security_rows(switch, entry, links[entry.name])
    rows += _database(switch)
    rows += _lldp(switch, links)
    return rows


def _described(switch: Switch) -> mib.Described:
    def kept(word: str) -> str:
        head = f"snmp-server {word} "
        return next((line.removeprefix(head) for line in switch.running.extra if line.startswith(head)), "")

    return mib.Described(system_description(), OBJECT_ID, kept("contact"), kept("location"))


def _system(switch: Switch) -> Iterator[Row]:
    yield from mib.system(switch, _described(switch))
    yield (*CPS_GLOBAL, 1, 0), INTEGER, LIMIT
    yield (*CPS_GLOBAL, 2, 0), INTEGER, sum(len(e.security.macs) for e in switch.running.physical())
    yield (*CPS_GLOBAL, 3, 0), INTEGER, 1
    yield (*CPS_GLOBAL, 4, 0), INTEGER, 0
    yield (*CPS_GLOBAL, 5, 0), INTEGER, 1
    yield (*ERR_GLOBAL, 1, 0), GAUGE, switch.running.recovery_interval
    yield (*ERR_GLOBAL, 2, 0), INTEGER, 1
    yield (*HISTORY, 1, 0), TICKS, _ticks(switch, switch.changed_at)
    yield (*HISTORY, 2, 0), TICKS, _ticks(switch, switch.saved_at)
    yield (*HISTORY, 3, 0), TICKS, _ticks(switch, switch.saved_at)
    assert isinstance(switch, CiscoSwitch)
    for row, copy in switch.copies.items():
        columns = {3: copy.source, 4: copy.target, 10: copy.state, 14: 1}
        if copy.cause:
            columns[13] = copy.cause
        for column, value in columns.items():
            yield (*COPY, column, row), INTEGER, value


def _ticks(switch: Switch, when: float | None) -> int:
    """Give sysUpTime at a moment; 0 for what has not happened since the start."""
    return 0 if when is None else max(1, int((when - switch.booted) * 100))


def _face(entry: Interface) -> mib.Face:
    trap = "no snmp trap link-status" not in entry.extra
    return mib.Face(names.if_index(entry.name), entry.name, names.short(entry.name), trap)


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
    state = 5 if entry.trunk and "nonegotiate" in entry.flags else DYNAMIC_STATES.get(entry.mode, 4)
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
        (10, OCTETS, octets(held.last_mac)), (11, INTEGER, 2), (14, INTEGER, 0),
        (15, INTEGER, 1 if held.sticky else 2), (18, GAUGE, held.last_vlan),
    ]  # fmt: skip
    for column, tag, value in columns:
        yield (*CPS_IF, column, index), tag, value
    for secure in held.macs.values():
        mac, vlan = tuple(octets(secure.mac)), entry.vlan_of(secure)
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
    yield from mib.lldp_local(switch, system_description())
    ports = lldp_ports(switch)
    for name, local in ports.items():
        yield from mib.lldp_port(local, names.short(name), name)
    yield from mib.lldp_remote(switch, links, ports, system_description())


def bridge(switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
    """Build BRIDGE-MIB of one VLAN: its member ports, and what was learned or secured in it."""
    members = [e for e in switch.running.physical() if e.carries(vlan)] if vlan in switch.running.vlans else []
    rows = mib.bridge_base(switch, {names.base_port(e.name): names.if_index(e.name) for e in members})
    ports = {entry.port: names.base_port(entry.name) for entry in members if entry.port}
    for entry in members:
        if entry.security.enabled and switch.link(entry):
            for secure in entry.security.macs.values():
                if entry.vlan_of(secure) == vlan:
                    rows += mib.forwarding(secure.mac, names.base_port(entry.name), 5)
    for row in learned:
        if row.vlan == vlan and row.port in ports:
            rows += mib.forwarding(row.mac, ports[row.port], 3)
    return rows

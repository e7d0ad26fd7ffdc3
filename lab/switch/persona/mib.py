"""The MIB objects that every switch has, as rows: system, interfaces, bridge, LLDP. Numbers are the vendor's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.switch.persona.ber import COUNTER, COUNTER64, GAUGE, INTEGER, OBJECT, OCTETS, TICKS, Oid, Value
from lab.switch.persona.model import Interface, octets
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
SNMP_TRAPS = oid("1.3.6.1.6.3.1.1.5")
LLDP_LOCAL = oid("1.0.8802.1.1.2.1.3")
LLDP_REMOTE = oid("1.0.8802.1.1.2.1.4.1.1")


@dataclass(frozen=True, slots=True)
class Described:
    """sysDescr, sysObjectID, sysContact and sysLocation."""

    description: bytes
    object_id: Oid
    contact: str = ""
    location: str = ""


def system(switch: Switch, what: Described) -> Iterator[Row]:
    """Build the system group."""
    yield (*SYSTEM, 1, 0), OCTETS, what.description
    yield (*SYSTEM, 2, 0), OBJECT, what.object_id
    yield UPTIME, TICKS, 0
    yield (*SYSTEM, 4, 0), OCTETS, what.contact.encode()
    yield (*SYSTEM, 5, 0), OCTETS, switch.running.hostname.encode()
    yield (*SYSTEM, 6, 0), OCTETS, what.location.encode()
    yield (*SYSTEM, 7, 0), INTEGER, 6


@dataclass(frozen=True, slots=True)
class Face:
    """What the interface tables say of one interface: its ifIndex, ifDescr, ifName, and whether it sends link traps."""

    index: int
    description: str
    name: str
    link_trap: bool = True


def interface(switch: Switch, entry: Interface, face: Face, *, up: bool) -> Iterator[Row]:
    """Build the rows of ifTable and ifXTable."""
    admin, oper = 2 if entry.shutdown else 1, 1 if up else 2
    basic: list[tuple[int, int, Value]] = [
        (1, INTEGER, face.index), (2, OCTETS, face.description.encode()), (3, INTEGER, 6 if entry.physical else 53),
        (4, INTEGER, 1500), (5, GAUGE, 1_000_000_000 if up else 10_000_000),
        (6, OCTETS, octets(switch.mac_of(entry))), (7, INTEGER, admin), (8, INTEGER, oper), (9, TICKS, 0),
        *((column, COUNTER, 0) for column in (10, 11, 13, 14, 15, 16, 17, 19, 20)),
    ]  # fmt: skip
    more: list[tuple[int, int, Value]] = [
        (1, OCTETS, face.name.encode()),
        *((column, COUNTER, 0) for column in (2, 3, 4, 5)), *((column, COUNTER64, 0) for column in range(6, 14)),
        (14, INTEGER, 1 if face.link_trap else 2), (15, GAUGE, 1000 if up else 10), (16, INTEGER, 2), (17, INTEGER, 1),
        (18, OCTETS, entry.description.encode()), (19, TICKS, 0),
    ]  # fmt: skip
    for column, tag, value in basic:
        yield (*IF, column, face.index), tag, value
    for column, tag, value in more:
        yield (*IFX, column, face.index), tag, value


def bitmap(numbers: frozenset[int] | None, first: int) -> bytes:
    """Write the VLANs first … first+1023 as 128 octets, the lowest number in the highest bit; None is all."""
    if numbers is None:
        numbers = frozenset(range(1, 4095))
    value = 0
    for number in numbers:
        if first <= number < first + 1024:
            value |= 1 << (1023 - (number - first))
    return value.to_bytes(128, "big")


def lldp_local(switch: Switch, description: bytes) -> Iterator[Row]:
    """Build what the switch says of itself."""
    yield (*LLDP_LOCAL, 1, 0), INTEGER, 4
    yield (*LLDP_LOCAL, 2, 0), OCTETS, switch.bridge_mac()
    yield (*LLDP_LOCAL, 3, 0), OCTETS, switch.running.hostname.encode()
    yield (*LLDP_LOCAL, 4, 0), OCTETS, description


def lldp_port(number: int, identity: str, description: str) -> Iterator[Row]:
    """Build a row of lldpLocPortTable, by the number that LLDP has for the port."""
    yield (*LLDP_LOCAL, 7, 1, 2, number), INTEGER, 5
    yield (*LLDP_LOCAL, 7, 1, 3, number), OCTETS, identity.encode()
    yield (*LLDP_LOCAL, 7, 1, 4, number), OCTETS, description.encode()


def lldp_remote(switch: Switch, links: dict[str, bool], ports: dict[str, int], description: bytes) -> Iterator[Row]:
    """Build lldpRemTable: the neighbours at ports with a link, by the numbers that LLDP has for the ports."""
    for at, (name, seen) in enumerate(switch.config.neighbours.items(), 1):
        if not links.get(name, False):
            continue
        columns: list[tuple[int, int, Value]] = [
            (4, INTEGER, 4), (5, OCTETS, octets(seen.chassis)), (6, INTEGER, 5), (7, OCTETS, seen.port.encode()),
            (8, OCTETS, seen.port.encode()), (9, OCTETS, seen.system.encode()), (10, OCTETS, description),
            (11, OCTETS, b"\x28\x00"), (12, OCTETS, b"\x20\x00"),
        ]  # fmt: skip
        for column, tag, value in columns:
            yield (*LLDP_REMOTE, column, 0, ports[name], at), tag, value


def bridge_base(switch: Switch, ports: dict[int, int]) -> list[Row]:
    """Build dot1dBase of `ports` (bridge port → ifIndex), and the aging time."""
    rows: list[Row] = [
        ((*BRIDGE, 1, 1, 0), OCTETS, switch.bridge_mac()),
        ((*BRIDGE, 1, 2, 0), INTEGER, len(ports)),
        ((*BRIDGE, 1, 3, 0), INTEGER, 2),
        ((*BRIDGE, 4, 2, 0), INTEGER, 300),
    ]
    for base, index in ports.items():
        rows.append(((*BRIDGE, 1, 4, 1, 1, base), INTEGER, base))
        rows.append(((*BRIDGE, 1, 4, 1, 2, base), INTEGER, index))
    return rows


def forwarding(mac: str, base: int, status: int) -> Iterator[Row]:
    """Build a row of dot1dTpFdbTable; status 3 is learned, 5 management."""
    address = octets(mac)
    yield (*BRIDGE, 4, 3, 1, 1, *address), OCTETS, address
    yield (*BRIDGE, 4, 3, 1, 2, *address), INTEGER, base
    yield (*BRIDGE, 4, 3, 1, 3, *address), INTEGER, status


def link_trap(entry: Interface, index: int, *, up: bool) -> tuple[Oid, list[Row]]:
    """Build linkUp or linkDown with the variables that switches send."""
    return (*SNMP_TRAPS, 4 if up else 3), [
        ((*IF, 1, index), INTEGER, index),
        ((*IF, 7, index), INTEGER, 2 if entry.shutdown else 1),
        ((*IF, 8, index), INTEGER, 1 if up else 2),
        ((*IF, 2, index), OCTETS, entry.name.encode()),
    ]

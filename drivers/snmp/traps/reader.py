"""From a notification's variables to hints, without trusting a single type: what does not fit is left out.

A trap that is not in the tables is a hint of kind unknown with the OID for its name; nothing raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from drivers.snmp.traps.arista import ARISTA
from drivers.snmp.traps.cisco import CISCO
from drivers.snmp.traps.h3c import H3C
from drivers.snmp.traps.huawei import HUAWEI
from drivers.snmp.traps.ruijie import RUIJIE
from drivers.snmp.traps.standard import STANDARD
from drivers.snmp.traps.words import Column, Hint, Kind, Role, Trap
from drivers.snmp.values import Value, as_int, as_text, mac_of
from policies.errors import InputError
from policies.names import is_unicast, parse_mac

VENDORS = (STANDARD, CISCO, HUAWEI, H3C, RUIJIE, ARISTA)
_TRAPS = {oid: trap for vendor in VENDORS for oid, trap in vendor.traps.items()}
_COLUMNS = {oid: column for vendor in VENDORS for oid, column in vendor.columns.items()}
_CAUSES = {cause: word for vendor in VENDORS for cause, word in vendor.causes.items()}
_LENGTHS = sorted({oid.count(".") for oid in _COLUMNS}, reverse=True)
_LONGEST_INDEX = 2**31 - 1
_LONGEST_NAME, _LONGEST_CAUSE = 64, 40
#: Changes of one notification that are read: a datagram of 64 KiB could hold thousands.
_MOST_CHANGES = 64
_OPERATION = {1: Kind.MAC_LEARNED, 2: Kind.MAC_REMOVED}
#: Huawei's changes as text: what, ifIndex, type without its leading zero, VLAN, MAC.
_HUAWEI_TEXT = re.compile(rb"(0[12])([0-9a-fA-F]{8})(?:0?([0-9a-fA-F]))([0-9a-fA-F]{4})([0-9a-fA-F]{12})")

Binds = Sequence[tuple[str, Value | None]]


@dataclass(slots=True)
class _Found:
    """What the variables say so far; what stands in values is better than what stands in indices."""

    if_index: int | None = None
    port: str = ""
    base_port: int | None = None
    mac: str = ""
    vlan: int | None = None
    cause: str = ""


def trap_of(oid: str) -> Trap:
    """Give a notification by its OID, also as a proxy spells one that began as SNMPv1 (RFC 3584, 3.1): a 0 more."""
    known = _TRAPS.get(oid)
    if known is None:
        before, _, last = oid.rpartition(".")
        known = _TRAPS.get(f"{before[:-2]}.{last}" if before.endswith(".0") else f"{before}.0.{last}")
    return known or Trap(oid, Kind.UNKNOWN)


def hints(oid: str, binds: Binds) -> tuple[Hint, ...]:
    """Give what a notification says, at least one hint; several where it lists several MACs."""
    trap = trap_of(oid)
    if trap.kind is Kind.UNKNOWN:
        return (Hint(Kind.UNKNOWN, trap.name),)
    found, listed = _Found(), _Found()
    changes: list[Hint] = []
    for name, given in binds:
        split = _split(name)
        if split is None:
            continue
        column, index = split
        _from_index(listed, column.index, index)
        if column.role in _CHANGES:
            changes += _CHANGES[column.role](trap, given)
        elif given is not None and column.role is not Role.ROW:
            _from_value(found, column.role, given)
    if changes:
        return tuple(changes[:_MOST_CHANGES])
    return (
        Hint(
            _kind(trap, binds),
            trap.name,
            found.if_index if found.if_index is not None else listed.if_index,
            found.port,
            found.base_port if found.base_port is not None else listed.base_port,
            found.mac or listed.mac,
            found.vlan or listed.vlan,
            found.cause or trap.cause,
        ),
    )


@lru_cache(maxsize=4096)
def _split(name: str) -> tuple[Column, tuple[int, ...]] | None:
    """Give the variable that an instance's OID belongs to, and its index; None for one that says nothing to us."""
    parts = name.split(".")
    for length in _LENGTHS:
        column = _COLUMNS.get(".".join(parts[: length + 1]))
        if column is not None:
            return column, tuple(map(int, parts[length + 1 :]))
    return None


def _from_index(found: _Found, kinds: Sequence[str], index: tuple[int, ...]) -> None:
    at = 0
    for kind in kinds:
        part = index[at : at + (6 if kind == "mac" else 1)]
        at += 6 if kind == "mac" else 1
        if not part:
            return
        if kind == "mac":
            found.mac = found.mac or _unicast(mac_of(part) or "")
        elif kind == "if":
            found.if_index = found.if_index if found.if_index is not None else _index(part[0])
        elif kind == "port":
            found.base_port = found.base_port if found.base_port is not None else _index(part[0])
        elif kind == "vlan":
            found.vlan = found.vlan or _vlan(part[0])


def _from_value(found: _Found, role: Role, given: Value) -> None:
    if role is Role.IF_INDEX:
        found.if_index = _index(as_int(given))
    elif role is Role.NAME:
        found.port = found.port or as_text(given)[:_LONGEST_NAME]
    elif role is Role.BASE_PORT:
        found.base_port = _index(as_int(given))
    elif role is Role.MAC:
        found.mac = found.mac or mac_in(given)
    elif role is Role.VLAN:
        found.vlan = _vlan(as_int(given))
    elif role is Role.CAUSE:
        found.cause = _cause(given)


def mac_in(given: Value | None) -> str:
    """Give the one device's MAC that a value holds: six octets, or text in any spelling; "" where there is none."""
    if isinstance(given, bytes) and len(given) == 6:
        return _unicast(given.hex(":"))
    text = as_text(given)
    try:
        return _unicast(parse_mac(text))
    except InputError:
        return ""


def _unicast(mac: str) -> str:
    return mac if mac and is_unicast(mac) else ""


def _index(number: int | None) -> int | None:
    return number if number is not None and 1 <= number <= _LONGEST_INDEX else None


def _vlan(number: int | None) -> int | None:
    return number if number is not None and 1 <= number <= 4094 else None


def _cause(given: Value) -> str:
    number = as_int(given)
    if number is not None:
        return _CAUSES.get(number, f"cause {number}")[:_LONGEST_CAUSE]
    return as_text(given)[:_LONGEST_CAUSE]


def _kind(trap: Trap, binds: Binds) -> Kind:
    """Give the kind; Huawei tells in words, beside the MAC, whether it was learned or aged."""
    if trap.kind is Kind.MAC_LEARNED and any(b"aging" in given.lower() for _, given in binds if type(given) is bytes):
        return Kind.MAC_REMOVED
    return trap.kind


def _changes(octets: bytes, size: int, read: Callable[[bytes], Hint | None]) -> Iterator[Hint]:
    for at in range(0, min(len(octets) - size + 1, size * _MOST_CHANGES), size):
        hint = read(octets[at : at + size])
        if hint is not None:
            yield hint


def _cisco_changes(trap: Trap, given: Value | None) -> list[Hint]:
    """Read 11 octets a change: what (0 ends the list), VLAN, MAC, dot1dBasePort (CISCO-MAC-NOTIFICATION-MIB)."""

    def read(one: bytes) -> Hint | None:
        kind, mac = _OPERATION.get(one[0]), _unicast(one[3:9].hex(":"))
        if kind is None or not mac:
            return None
        port = _index(int.from_bytes(one[9:], "big"))
        return Hint(kind, trap.name, base_port=port, mac=mac, vlan=_vlan(int.from_bytes(one[1:3], "big")))

    return list(_changes(given, 11, read)) if isinstance(given, bytes) else []


def _h3c_changes(size: int) -> Callable[[Trap, Value | None], list[Hint]]:
    """Read 12 (or 14) octets a change: what, VLAN, MAC, type, ifIndex in 2 (or 4) octets (HH3C-MAC-INFORMATION-MIB)."""

    def read_all(trap: Trap, given: Value | None) -> list[Hint]:
        def read(one: bytes) -> Hint | None:
            kind, mac = _OPERATION.get(one[0]), _unicast(one[3:9].hex(":"))
            if kind is None or not mac:
                return None
            index = _index(int.from_bytes(one[10:], "big"))
            return Hint(kind, trap.name, index, mac=mac, vlan=_vlan(int.from_bytes(one[1:3], "big")))

        return list(_changes(given, size, read)) if isinstance(given, bytes) else []

    return read_all


def _huawei_changes(trap: Trap, given: Value | None) -> list[Hint]:
    """Read 14 octets a change: what, ifIndex, type, VLAN, MAC; or the same as text (HUAWEI-SWITCH-L2MAM-EXT-MIB)."""
    if not isinstance(given, bytes):
        return []
    found = [bytes.fromhex((b"%s%s0%s%s%s" % match.groups()).decode("ascii")) for match in _HUAWEI_TEXT.finditer(given)]
    octets = b"".join(found) if found else given if len(given) % 14 == 0 else b""

    def read(one: bytes) -> Hint | None:
        kind, mac = _OPERATION.get(one[0]), _unicast(one[8:].hex(":"))
        if kind is None or not mac:
            return None
        index = _index(int.from_bytes(one[1:5], "big"))
        return Hint(kind, trap.name, index, mac=mac, vlan=_vlan(int.from_bytes(one[6:8], "big")))

    return list(_changes(octets, 14, read))


_CHANGES: dict[Role, Callable[[Trap, Value | None], list[Hint]]] = {
    Role.CHANGES_11: _cisco_changes,
    Role.CHANGES_12: _h3c_changes(12),
    Role.CHANGES_14: _h3c_changes(14),
    Role.CHANGES_HUAWEI: _huawei_changes,
}


def resolved(hint: Hint, names: dict[int, str]) -> Hint:
    """Give the hint with its port's name, where only ifIndex is told and `names` (ifIndex → name) knows it."""
    if hint.port or hint.if_index is None:
        return hint
    return replace(hint, port=names.get(hint.if_index, ""))

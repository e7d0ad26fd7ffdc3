"""What an SNMP SET changes: the same functions as the command line's, with RFC 3416 errors for refusals."""

from __future__ import annotations

import copy
from collections.abc import Callable

from lab.switch.persona import ber, mib, names, security
from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.configure import keep_line
from lab.switch.persona.model import ACCESS, Interface, Rejected, SecureMac, restore
from lab.switch.persona.state import Switch

_CREATE_AND_GO, _DESTROY = 4, 6
_MODES = {1: "trunk", 2: ACCESS, 3: "dynamic desirable", 4: "dynamic auto", 5: "trunk"}
_VIOLATIONS = {number: word for word, number in mib.VIOLATIONS.items()}


class SetRefused(Exception):
    """A SET that is refused, with the error status of RFC 3416 and the index of the variable binding."""

    def __init__(self, status: str, index: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.index = index


def apply_sets(switch: Switch, asked: list[tuple[Oid, int, Value]]) -> None:
    """Apply all bindings, or none: after a refusal the configuration is what it was. Raises SetRefused."""
    before = copy.deepcopy(switch.running)
    for at, (oid, tag, value) in enumerate(asked):
        try:
            _apply(switch, oid, tag, value)
        except (SetRefused, Rejected) as refusal:
            restore(switch.running, before)
            switch.program_all()
            status = refusal.status if isinstance(refusal, SetRefused) else "inconsistentValue"
            raise SetRefused(status, at) from None
    switch.touch()


def _apply(switch: Switch, oid: Oid, tag: int, value: Value) -> None:
    if oid in _SCALARS:
        _SCALARS[oid](switch, tag, value)
        return
    for table, setter in _ROWS:
        if oid[: len(table)] == table:
            setter(switch, oid[len(table) :], tag, value)
            return
    for column, cell in _CELLS.items():
        if oid[:-1] == column:
            cell(switch, _port(switch, oid[-1]), tag, value)
            return
    raise SetRefused("notWritable")


def _port(switch: Switch, index: int) -> Interface:
    for entry in switch.running.interfaces.values():
        if names.if_index(entry.name) == index:
            return entry
    raise SetRefused("noCreation")


def _number(tag: int, value: Value, low: int, high: int) -> int:
    if tag not in {ber.INTEGER, ber.GAUGE} or not isinstance(value, int):
        raise SetRefused("wrongType")
    if not low <= value <= high:
        raise SetRefused("wrongValue")
    return value


def _string(tag: int, value: Value, longest: int) -> str:
    if tag != ber.OCTETS or not isinstance(value, bytes):
        raise SetRefused("wrongType")
    if len(value) > longest:
        raise SetRefused("wrongLength")
    return value.decode("utf-8", "replace")


def _hostname(switch: Switch, tag: int, value: Value) -> None:
    switch.running.hostname = _string(tag, value, 63) or "Switch"


def _kept(word: str) -> Callable[[Switch, int, Value], None]:
    def setter(switch: Switch, tag: int, value: Value) -> None:
        lines = switch.running.extra
        lines[:] = [line for line in lines if not line.startswith(f"snmp-server {word} ")]
        given = _string(tag, value, 255)
        if given:
            lines.append(f"snmp-server {word} {given}")

    return setter


def _save(switch: Switch, tag: int, value: Value) -> None:
    if _number(tag, value, 0, 1) == 1:
        switch.save("snmp")


def _interval(switch: Switch, tag: int, value: Value) -> None:
    switch.running.recovery_interval = _number(tag, value, 30, 86400)


def _feature(switch: Switch, tag: int, value: Value) -> None:
    del switch
    if _number(tag, value, 1, 2) == 2:
        raise SetRefused("inconsistentValue")


def _accepted(switch: Switch, tag: int, value: Value) -> None:
    del switch
    _number(tag, value, 0, 1000)


def _admin(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    security.shut(switch, entry, _number(tag, value, 1, 2) == 2)


def _alias(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    entry.description = _string(tag, value, 64)
    switch.touch()


def _link_trap(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    keep_line(entry.extra, "snmp trap link-status", _number(tag, value, 1, 2) == 2, ("snmp trap",))
    switch.touch()


def _access_vlan(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    if entry.trunk or not entry.physical:
        raise SetRefused("noCreation")
    vlan = _number(tag, value, 1, 4094)
    if vlan not in switch.running.vlans:
        raise SetRefused("inconsistentValue")
    security.set_access_vlan(switch, entry, vlan)


def _native(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    entry.native_vlan = _number(tag, value, 1, 4094)
    switch.program(entry)


def _trunk_state(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    state = _number(tag, value, 1, 5)
    entry.nonegotiate = state == 5
    security.set_mode(switch, entry, _MODES[state])


def _enable(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    security.enable(switch, entry, _number(tag, value, 1, 2) == 1)


def _maximum(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    security.set_maximum(switch, entry, _number(tag, value, 1, 8192))


def _violation(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    entry.security.violation = _VIOLATIONS[_number(tag, value, 1, 3)]
    switch.touch()


def _sticky(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    security.set_sticky(switch, entry, _number(tag, value, 1, 2) == 1)


def _clear(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    if _number(tag, value, 1, 2) == 1:
        security.clear(switch, frozenset(mib.KINDS), entry.name)


def _secure_row(switch: Switch, index: Oid, tag: int, value: Value, *, with_vlan: bool) -> None:
    """Create (4) or destroy (6) a secure address: index is ifIndex, six octets, and the VLAN in the newer table."""
    action = _number(tag, value, 1, 6)
    if action not in {_CREATE_AND_GO, _DESTROY}:
        raise SetRefused("wrongValue")
    if len(index) != (8 if with_vlan else 7) or max(index[1:7]) > 255:
        raise SetRefused("noCreation")
    entry, mac = _port(switch, index[0]), names.from_octets(index[1:7])
    own = entry.native_vlan if entry.trunk else entry.access_vlan
    vlan = index[7] if with_vlan else own
    held = entry.security.macs.get(mac)
    if action == _DESTROY:
        if held is not None and entry.vlan_of(held) == vlan:
            security.remove(switch, entry, mac, frozenset(mib.KINDS))
        return
    if not entry.trunk and vlan != own:
        raise SetRefused("inconsistentValue")
    scope = str(vlan) if entry.trunk and vlan != own else ""
    security.add(switch, entry, SecureMac(mac, "configured", vlan if scope else None, scope))


def _secure_vlan_row(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    _secure_row(switch, index, tag, value, with_vlan=True)


def _secure_old_row(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    _secure_row(switch, index, tag, value, with_vlan=False)


_SCALARS: dict[Oid, Callable[[Switch, int, Value], None]] = {
    (*mib.SYSTEM, 4, 0): _kept("contact"),
    (*mib.SYSTEM, 5, 0): _hostname,
    (*mib.SYSTEM, 6, 0): _kept("location"),
    (*mib.CPS_GLOBAL, 3, 0): _feature,
    (*mib.CPS_GLOBAL, 4, 0): _accepted,
    (*mib.CPS_GLOBAL, 5, 0): _accepted,
    (*mib.ERR_GLOBAL, 1, 0): _interval,
    (*mib.ERR_GLOBAL, 2, 0): _accepted,
    mib.WRITE_MEM: _save,
}
_ROWS = (((*mib.CPS_VLAN, 5), _secure_vlan_row), ((*mib.CPS_OLD, 4), _secure_old_row))
_CELLS: dict[Oid, Callable[[Switch, Interface, int, Value], None]] = {
    (*mib.IF, 7): _admin,
    (*mib.IFX, 14): _link_trap,
    (*mib.IFX, 18): _alias,
    (*mib.VM, 2): _access_vlan,
    (*mib.TRUNK, 5): _native,
    (*mib.TRUNK, 13): _trunk_state,
    (*mib.CPS_IF, 1): _enable,
    (*mib.CPS_IF, 3): _maximum,
    (*mib.CPS_IF, 8): _violation,
    (*mib.CPS_IF, 11): _clear,
    (*mib.CPS_IF, 15): _sticky,
}

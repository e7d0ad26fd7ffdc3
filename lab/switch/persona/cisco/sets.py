"""What an SNMP SET changes on a Catalyst: the same functions as the command line's."""

from __future__ import annotations

import asyncio

from lab.switch.persona import security
from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.cisco import mib, names, secure
from lab.switch.persona.cisco.configure import keep_line
from lab.switch.persona.cisco.switch import CiscoSwitch, Copy
from lab.switch.persona.mib import IF, IFX, SYSTEM
from lab.switch.persona.model import Interface, SecureMac, from_octets
from lab.switch.persona.sets import (
    CREATE_AND_GO,
    DESTROY,
    Cell,
    Scalar,
    SetRefused,
    Setters,
    alias,
    number,
    string,
)  # fmt: skip
from lab.switch.persona.state import Switch

_RUNNING, _STARTUP, _ROW_STATUS = 4, 3, 14
#: How long writing the flash takes.
_COPY_S = 0.05
_MODES = {1: "trunk", 2: names.ACCESS, 3: "dynamic desirable", 4: "dynamic auto", 5: "trunk"}
_VIOLATIONS = {number: word for word, number in mib.VIOLATIONS.items()}


def _hostname(switch: Switch, tag: int, value: Value) -> None:
    switch.running.hostname = string(tag, value, 63) or "Switch"


def _kept(word: str) -> Scalar:
    def setter(switch: Switch, tag: int, value: Value) -> None:
        lines = switch.running.extra
        lines[:] = [line for line in lines if not line.startswith(f"snmp-server {word} ")]
        given = string(tag, value, 255)
        if given:
            lines.append(f"snmp-server {word} {given}")

    return setter


def _save(switch: Switch, tag: int, value: Value) -> None:
    if number(tag, value, 0, 1) == 1:
        switch.save("snmp")


def _interval(switch: Switch, tag: int, value: Value) -> None:
    switch.running.recovery_interval = number(tag, value, 30, 86400)


def _feature(switch: Switch, tag: int, value: Value) -> None:
    del switch
    if number(tag, value, 1, 2) == 2:
        raise SetRefused("inconsistentValue")


def _accepted(switch: Switch, tag: int, value: Value) -> None:
    del switch
    number(tag, value, 0, 1000)


def _admin(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.shut(switch, entry, number(tag, value, 1, 2) == 2)


def _link_trap(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    keep_line(entry.extra, "snmp trap link-status", number(tag, value, 1, 2) == 2, ("snmp trap",))
    switch.touch()


def _access_vlan(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    if entry.trunk or not entry.physical:
        raise SetRefused("noCreation")
    vlan = number(tag, value, 1, 4094)
    if vlan not in switch.running.vlans:
        raise SetRefused("inconsistentValue")
    secure.set_access_vlan(switch, entry, vlan)


def _native(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    entry.native_vlan = number(tag, value, 1, 4094)
    switch.program(entry)


def _trunk_state(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    state = number(tag, value, 1, 5)
    entry.flag("nonegotiate", on=state == 5)
    secure.set_mode(switch, entry, _MODES[state])


def _enable(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.enable(switch, entry, number(tag, value, 1, 2) == 1)


def _maximum(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.set_maximum(switch, entry, number(tag, value, 1, 8192))


def _violation(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    entry.security.violation = _VIOLATIONS[number(tag, value, 1, 3)]
    switch.touch()


def _sticky(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    security.set_sticky(switch, entry, number(tag, value, 1, 2) == 1)


def _clear(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    if number(tag, value, 1, 2) == 1:
        security.clear(switch, frozenset(mib.KINDS), entry.name)


def _secure_row(switch: Switch, index: Oid, tag: int, value: Value, *, with_vlan: bool) -> None:
    """Create (4) or destroy (6) a secure address: index is ifIndex, six octets, and the VLAN in the newer table."""
    action = number(tag, value, 1, 6)
    if action not in {CREATE_AND_GO, DESTROY}:
        raise SetRefused("wrongValue")
    if len(index) != (8 if with_vlan else 7) or max(index[1:7]) > 255:
        raise SetRefused("noCreation")
    entry, mac = SETTERS.port(switch, index[0]), from_octets(index[1:7])
    own = entry.native_vlan if entry.trunk else entry.access_vlan
    vlan = index[7] if with_vlan else own
    held = entry.security.macs.get(mac)
    if action == DESTROY:
        if held is not None and entry.vlan_of(held) == vlan:
            security.remove(switch, entry, mac, frozenset(mib.KINDS))
        return
    if not entry.trunk and vlan != own:
        raise SetRefused("inconsistentValue")
    scope = str(vlan) if entry.trunk and vlan != own else ""
    secure.add(switch, entry, SecureMac(mac, "configured", vlan if scope else None, scope))


def _secure_vlan_row(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    _secure_row(switch, index, tag, value, with_vlan=True)


def _secure_old_row(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    _secure_row(switch, index, tag, value, with_vlan=False)


def _copy_cell(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    """Take a cell of ccCopyTable (CISCO-CONFIG-COPY-MIB): column and row. createAndGo begins the copy."""
    assert isinstance(switch, CiscoSwitch)
    if len(index) != 2:
        raise SetRefused("noCreation")
    column, row = index
    given = number(tag, value, 1, 6)
    copy = switch.copies.get(row, Copy())
    if column == _ROW_STATUS and given == DESTROY:
        switch.copies.pop(row, None)
        return
    if column == _ROW_STATUS:
        if given != CREATE_AND_GO or copy.state != 1 or (copy.source, copy.target) != (_RUNNING, _STARTUP):
            raise SetRefused("inconsistentValue")
        copy.state = 2
        asyncio.get_running_loop().call_later(_COPY_S, _copied, switch, copy)
    elif column in {3, 4}:
        setattr(copy, "source" if column == 3 else "target", given)
    elif column != 2:
        raise SetRefused("notWritable")
    switch.copies[row] = copy


def _copied(switch: CiscoSwitch, copy: Copy) -> None:
    """End a copy: done, failed for want of memory, or said to be done."""
    if switch.faults.take("busy-nvram", "copy", "snmp") is not None:
        copy.state, copy.cause = 4, 4
    else:
        copy.state = 3
        if switch.faults.take("lost-save", "copy", "snmp") is None:
            switch.save("snmp")
    switch.touch()


_SCALARS: dict[Oid, Scalar] = {
    (*SYSTEM, 4, 0): _kept("contact"),
    (*SYSTEM, 5, 0): _hostname,
    (*SYSTEM, 6, 0): _kept("location"),
    (*mib.CPS_GLOBAL, 3, 0): _feature,
    (*mib.CPS_GLOBAL, 4, 0): _accepted,
    (*mib.CPS_GLOBAL, 5, 0): _accepted,
    (*mib.ERR_GLOBAL, 1, 0): _interval,
    (*mib.ERR_GLOBAL, 2, 0): _accepted,
    mib.WRITE_MEM: _save,
}
_ROWS = ((mib.COPY, _copy_cell), ((*mib.CPS_VLAN, 5), _secure_vlan_row), ((*mib.CPS_OLD, 4), _secure_old_row))
_CELLS: dict[Oid, Cell] = {
    (*IF, 7): _admin,
    (*IFX, 14): _link_trap,
    (*IFX, 18): alias,
    (*mib.VM, 2): _access_vlan,
    (*mib.TRUNK, 5): _native,
    (*mib.TRUNK, 13): _trunk_state,
    (*mib.CPS_IF, 1): _enable,
    (*mib.CPS_IF, 3): _maximum,
    (*mib.CPS_IF, 8): _violation,
    (*mib.CPS_IF, 11): _clear,
    (*mib.CPS_IF, 15): _sticky,
}
SETTERS = Setters(names.if_index, _SCALARS, _CELLS, _ROWS)

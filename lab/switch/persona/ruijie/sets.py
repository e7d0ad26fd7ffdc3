"""What an SNMP SET changes on an RGOS switch: standard objects only."""

from __future__ import annotations

from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.mib import IF, IFX, SYSTEM
from lab.switch.persona.model import Interface
from lab.switch.persona.ruijie import mib, names, secure
from lab.switch.persona.ruijie.configure import keep_line
from lab.switch.persona.sets import Cell, Scalar, SetRefused, Setters, alias, number, string
from lab.switch.persona.state import Switch


def _hostname(switch: Switch, tag: int, value: Value) -> None:
    switch.running.hostname = string(tag, value, 63) or "Ruijie"


def _kept(word: str) -> Scalar:
    def setter(switch: Switch, tag: int, value: Value) -> None:
        head, given = f"snmp-server {word}", string(tag, value, 255)
        keep_line(switch.running.extra, head, True)
        if given:
            keep_line(switch.running.extra, f"{head} {given}", False)

    return setter


def _admin(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.shut(switch, entry, number(tag, value, 1, 2) == 2)


def _pvid(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    vlan = number(tag, value, 1, 4094)
    if not entry.physical or entry.trunk:
        raise SetRefused("noCreation")
    secure.set_access_vlan(switch, entry, vlan)


_SCALARS: dict[Oid, Scalar] = {
    (*SYSTEM, 4, 0): _kept("contact"),
    (*SYSTEM, 5, 0): _hostname,
    (*SYSTEM, 6, 0): _kept("location"),
}
_CELLS: dict[Oid, Cell] = {(*IF, 7): _admin, (*IFX, 18): alias, (*mib.Q_PORT, 1): _pvid}
SETTERS = Setters(names.if_index, _SCALARS, _CELLS)

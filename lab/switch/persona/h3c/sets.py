"""What an SNMP SET changes on a Comware switch: the same functions as the command line's."""

from __future__ import annotations

from collections.abc import Callable

from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.h3c import configure, mib, names, secure
from lab.switch.persona.h3c.model import AUTOLEARN, INTRUSION_TRAP, LEARNED_TRAP, SECURE
from lab.switch.persona.mib import IF, IFX, SYSTEM
from lab.switch.persona.model import Interface, from_octets
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

_MODES = {1: "", 3: AUTOLEARN, 4: SECURE}
_INTRUSION = {number: word for word, number in mib.INTRUSION.items()}
#: What an entry of the operations table is to do: copy the running configuration over the startup one.
_RUNNING_TO_STARTUP = 1


def _hostname(switch: Switch, tag: int, value: Value) -> None:
    switch.running.hostname = string(tag, value, 64) or "H3C"


def _kept(word: str) -> Scalar:
    def setter(switch: Switch, tag: int, value: Value) -> None:
        head = f"snmp-agent sys-info {word}"
        given = string(tag, value, 255)
        configure.keep_line(switch.running.extra, head, True)
        if given:
            configure.keep_line(switch.running.extra, f"{head} {given}", False)

    return setter


def _security(switch: Switch, tag: int, value: Value) -> None:
    secure.enable(mib.h3c(switch), number(tag, value, 1, 2) == 1)


def _flag(word: str) -> Scalar:
    def setter(switch: Switch, tag: int, value: Value) -> None:
        on = number(tag, value, 1, 2) == 1
        switch.running.flags.add(word) if on else switch.running.flags.discard(word)

    return setter


def _interval(switch: Switch, tag: int, value: Value) -> None:
    switch.running.recovery_interval = number(tag, value, 20, 300)


def _port(action: Callable[[Switch, Interface, int, Value], None]) -> Cell:
    """Refuse a column of the port table at what is no port."""

    def setter(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
        if not entry.physical:
            raise SetRefused("noCreation")
        action(switch, entry, tag, value)

    return setter


def _admin(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.shut(mib.h3c(switch), entry, number(tag, value, 1, 2) == 2)


def _mode(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    wanted = number(tag, value, 1, 255)
    if wanted not in _MODES:
        raise SetRefused("inconsistentValue")
    secure.set_mode(mib.h3c(switch), entry, _MODES[wanted])


def _intrusion(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    wanted = number(tag, value, 1, 255)
    if wanted not in _INTRUSION:
        raise SetRefused("inconsistentValue")
    entry.security.violation = _INTRUSION[wanted]
    switch.touch()


def _limit(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.set_maximum(mib.h3c(switch), entry, number(tag, value, 0, 1024))


def _pvid(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    vlan = number(tag, value, 1, 4094)
    if entry.trunk:
        entry.native_vlan = vlan
        switch.program(entry)
        return
    secure.set_access_vlan(mib.h3c(switch), entry, vlan)


def _secure_row(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    """Create (4) or destroy (6) a security MAC: index is ifIndex, six octets, VLAN."""
    action = number(tag, value, 1, 6)
    if action not in {CREATE_AND_GO, DESTROY}:
        raise SetRefused("wrongValue")
    if len(index) != 8 or max(index[1:7]) > 255:
        raise SetRefused("noCreation")
    entry, mac, vlan = SETTERS.port(switch, index[0]), from_octets(index[1:7]), index[7]
    if action == DESTROY:
        secure.remove(mib.h3c(switch), entry, mac, vlan)
        return
    secure.add(mib.h3c(switch), entry, mac, vlan, sticky=False)


def _operation(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    """Take what an entry is to do; the row's status below starts it, in the same SET."""
    del switch
    if len(index) != 1 or number(tag, value, 1, 6) != _RUNNING_TO_STARTUP:
        raise SetRefused("wrongValue")


def _operate(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    if len(index) != 1 or number(tag, value, 1, 6) != CREATE_AND_GO:
        raise SetRefused("wrongValue")
    switch.save("snmp")


_SCALARS: dict[Oid, Scalar] = {
    (*SYSTEM, 4, 0): _kept("contact"),
    (*SYSTEM, 5, 0): _hostname,
    (*SYSTEM, 6, 0): _kept("location"),
    mib.SECURITY_ON: _security,
    (*mib.SECURITY, 1, 2, 0): _interval,
    (*mib.SECURITY, 1, 3, 0): _flag(LEARNED_TRAP),
    (*mib.SECURITY, 1, 4, 0): _flag(INTRUSION_TRAP),
}
_ROWS = (((*mib.SECURITY_MAC, 4), _secure_row), ((*mib.OPERATE, 2), _operation), ((*mib.OPERATE, 9), _operate))
_CELLS: dict[Oid, Cell] = {
    (*IF, 7): _admin,
    (*IFX, 18): alias,
    (*mib.Q_PORT, 1): _port(_pvid),
    (*mib.SECURITY_PORT, 1): _port(_mode),
    (*mib.SECURITY_PORT, 3): _port(_intrusion),
    (*mib.SECURITY_PORT, 4): _port(_limit),
}
SETTERS = Setters(names.if_index, _SCALARS, _CELLS, _ROWS)

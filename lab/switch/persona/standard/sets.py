"""What an SNMP SET changes on a switch of the standard MIBs (RFC 2863, RFC 4363)."""

from __future__ import annotations

from collections.abc import Iterable

from lab.switch.persona import ber, security
from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.mib import IF, IFX
from lab.switch.persona.model import Interface, SecureMac, from_octets
from lab.switch.persona.ruijie import names, secure
from lab.switch.persona.ruijie.mib import Q_PORT, Q_STATIC
from lab.switch.persona.sets import Cell, SetRefused, Setters, alias, number
from lab.switch.persona.standard.mib import INVALID, PERMANENT, Q_UNICAST, base
from lab.switch.persona.state import Switch


def _admin(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    secure.shut(switch, entry, number(tag, value, 1, 2) == 2)


def _pvid(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    """Set the VLAN of what comes in without a tag; dot1qPvid is an Unsigned32."""
    if tag != ber.GAUGE:
        raise SetRefused("wrongType")
    vlan = number(tag, value, 1, 4094)
    if vlan not in switch.running.vlans:
        raise SetRefused("inconsistentValue")
    secure.set_access_vlan(switch, _of_base(switch, index[-1:]), vlan)


def _members(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    """Take a VLAN's list of ports. Here each port is in its PVID's VLAN only: the list must not contradict that."""
    column, vlan = (*index, 0)[:2]
    if column not in {2, 4} or vlan not in switch.running.vlans:
        raise SetRefused("notWritable")
    wanted = _listed(tag, value)
    for entry in switch.running.physical():
        if (base(entry) in wanted) != entry.carries(vlan):
            raise SetRefused("inconsistentValue")


def _unicast(switch: Switch, index: Oid, tag: int, value: Value) -> None:
    """Take a cell of the static unicast table: column, database, six octets, receiving port."""
    if len(index) != 9 or max(index[2:8]) > 255 or index[8] != 0:
        raise SetRefused("noCreation")
    column, vlan, mac = index[0], index[1], from_octets(index[2:8])
    holder = security.owner(switch, mac, vlan)
    if column == 4:
        status = number(tag, value, 1, 5)
        if status == INVALID:
            if holder is not None:
                _put(switch, holder, mac, None)
            return
        if status != PERMANENT or vlan not in switch.running.vlans:
            raise SetRefused("inconsistentValue")
        return  # the ports come with it, in the same request
    if column != 3:
        raise SetRefused("notWritable")
    ports = [entry for entry in switch.running.physical() if base(entry) in _listed(tag, value)]
    if len(ports) != 1 or not ports[0].carries(vlan):
        raise SetRefused("inconsistentValue")
    if holder is not None:
        _put(switch, holder, mac, None)
    _put(switch, ports[0], mac, SecureMac(mac, "configured", vlan))


def _put(switch: Switch, entry: Interface, mac: str, held: SecureMac | None) -> None:
    if held is None:
        entry.security.macs.pop(mac, None)
    else:
        entry.security.macs[mac] = held
    entry.security.enabled = bool(entry.security.macs)
    entry.security.maximum = max(1, len(entry.security.macs))  # it learns nobody beside them
    switch.program(entry)


def _listed(tag: int, value: Value) -> set[int]:
    if tag != ber.OCTETS or not isinstance(value, bytes):
        raise SetRefused("wrongType")
    return {place * 8 + bit + 1 for place, octet in enumerate(value) for bit in range(8) if octet & (0x80 >> bit)}


def _of_base(switch: Switch, index: Iterable[int]) -> Interface:
    for entry in switch.running.physical():
        if (base(entry),) == tuple(index):
            return entry
    raise SetRefused("noCreation")


_ROWS = (((*Q_PORT, 1), _pvid), (Q_STATIC, _members), (Q_UNICAST, _unicast))
_CELLS: dict[Oid, Cell] = {(*IF, 7): _admin, (*IFX, 18): alias}
SETTERS = Setters(names.if_index, {}, _CELLS, _ROWS)

"""Sets that are certain: what got no answer is read back, never assumed, and never repeated blindly.

A SET whose answer is lost may have been done. Repeated, one that makes a row would be refused for having been done; so
every attempt is followed by a read, and only what is not there yet is asked for again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drivers.snmp import quirks
from drivers.snmp.failures import SetRefused
from drivers.snmp.session import Setting, SnmpSession
from drivers.snmp.values import Value
from policies.errors import EquipmentError

#: Statuses after which an agent promises that nothing was set (RFC 3416, 4.2.5: all errors but these two).
_HALFWAY = frozenset({"commitFailed", "undoFailed"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """One instance to set: its OID, the SNMP types to try, the value, and what a read shows once it is done.

    `shown` None: the instance is gone. `ports` tells that the value is a PortList, whose length does not count.
    `makes` tells that it makes a row, which must not be there.
    """

    oid: str
    kinds: str
    value: int | bytes
    shown: int | bytes | None
    ports: bool = False
    makes: bool = False


def put(reader: SnmpSession, writer: SnmpSession, wanted: Sequence[Wanted], *, line: str, where: str) -> None:
    """Set all of `wanted` in one request; `line` is what it is called in errors, `where` the switch.

    Raises:
        SetRefused: the agent refuses it, or one of the rows is there already.
        Unreachable, DeviceTimeout, AuthenticationFailed, UnparsedOutput: it is not known to be done.

    """
    if any(each.makes for each in wanted):
        _nobody_elses(reader, wanted, line, where)
    last: EquipmentError | None = None
    for _ in range(writer.access.retries + 1):
        try:
            _once(writer, wanted, line, where)
        except SetRefused as refused:
            # The attempt before may have been done in the meantime, and this one refused for it.
            if last is None or refused.status in _HALFWAY or not _done(reader, wanted):
                raise
            return
        except EquipmentError as error:
            last = error
            if _done(reader, wanted):
                return
        else:
            return
    assert last is not None
    raise last


def _once(writer: SnmpSession, wanted: Sequence[Wanted], line: str, where: str) -> None:
    """Ask once; where the agent says wrongType, with the objects' other type, as managers have had to (INTEGER, Gauge).

    Nothing of the first request was done then, so that asking again repeats nothing.
    """
    kinds = [each.kinds for each in wanted]
    for _ in range(max(map(len, kinds))):
        settings: list[Setting] = [(each.oid, kind[0], each.value) for each, kind in zip(wanted, kinds, strict=True)]
        try:
            writer.set(*settings, line=line, where=where)
        except SetRefused as refused:
            other = [kind[1:] or kind for kind in kinds]
            if refused.status != "wrongType" or other == kinds:
                raise
            kinds = other
        else:
            return


def _nobody_elses(reader: SnmpSession, wanted: Sequence[Wanted], line: str, where: str) -> None:
    made = [each.oid for each in wanted if each.makes]
    if reader.get(*made):
        raise SetRefused(where, line, "inconsistentName")


def _done(reader: SnmpSession, wanted: Sequence[Wanted]) -> bool:
    shown = reader.get(*(each.oid for each in wanted))
    return all(_same(each, shown.get(each.oid)) for each in wanted)


def _same(wanted: Wanted, shown: Value | None) -> bool:
    if wanted.ports and isinstance(shown, bytes) and isinstance(wanted.shown, bytes):
        return quirks.port_bits(shown) == quirks.port_bits(wanted.shown)
    return shown == wanted.shown

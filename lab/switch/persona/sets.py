"""How an SNMP SET is done: all its bindings or none, with RFC 3416 errors for refusals."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lab.switch.persona import ber
from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.model import Interface, Rejected, restore
from lab.switch.persona.state import Switch

CREATE_AND_GO, DESTROY = 4, 6
#: Sets a scalar, a cell of a table by interface, or a row by its index.
Scalar = Callable[[Switch, int, Value], None]
Cell = Callable[[Switch, Interface, int, Value], None]
RowSetter = Callable[[Switch, Oid, int, Value], None]


class SetRefused(Exception):
    """A SET that is refused, with the error status of RFC 3416 and the index of the variable binding."""

    def __init__(self, status: str, index: int = 0) -> None:
        super().__init__(status)
        self.status = status
        self.index = index


@dataclass(frozen=True)
class Setters:
    """What can be set: scalars by OID, cells by column (the index is an ifIndex), rows by the head of their OID."""

    if_index: Callable[[str], int]
    scalars: Mapping[Oid, Scalar]
    cells: Mapping[Oid, Cell]
    rows: Sequence[tuple[Oid, RowSetter]] = ()

    def apply(self, switch: Switch, asked: list[tuple[Oid, int, Value]]) -> None:
        """Apply all bindings, or none: after a refusal the configuration is what it was. Raises SetRefused."""
        before = copy.deepcopy(switch.running)
        for at, (oid, tag, value) in enumerate(asked):
            try:
                self._one(switch, oid, tag, value)
            except (SetRefused, Rejected) as refusal:
                restore(switch.running, before)
                switch.program_all()
                status = refusal.status if isinstance(refusal, SetRefused) else "inconsistentValue"
                raise SetRefused(status, at) from None
        switch.touch()

    def _one(self, switch: Switch, oid: Oid, tag: int, value: Value) -> None:
        if oid in self.scalars:
            self.scalars[oid](switch, tag, value)
            return
        for table, setter in self.rows:
            if oid[: len(table)] == table:
                setter(switch, oid[len(table) :], tag, value)
                return
        if oid[:-1] in self.cells:
            self.cells[oid[:-1]](switch, self.port(switch, oid[-1]), tag, value)
            return
        raise SetRefused("notWritable")

    def port(self, switch: Switch, index: int) -> Interface:
        """Find the interface of an ifIndex; raises SetRefused."""
        for entry in switch.running.interfaces.values():
            if self.if_index(entry.name) == index:
                return entry
        raise SetRefused("noCreation")


def number(tag: int, value: Value, low: int, high: int) -> int:
    """Read a number; raises SetRefused."""
    if tag not in {ber.INTEGER, ber.GAUGE} or not isinstance(value, int):
        raise SetRefused("wrongType")
    if not low <= value <= high:
        raise SetRefused("wrongValue")
    return value


def string(tag: int, value: Value, longest: int) -> str:
    """Read a text of at most `longest` octets; raises SetRefused."""
    if tag != ber.OCTETS or not isinstance(value, bytes):
        raise SetRefused("wrongType")
    if len(value) > longest:
        raise SetRefused("wrongLength")
    return value.decode("utf-8", "replace")


def alias(switch: Switch, entry: Interface, tag: int, value: Value) -> None:
    """Set ifAlias."""
    entry.description = string(tag, value, 64)
    switch.touch()

"""The lines of a dialect that is written over SNMP: `object[part, …] = value`, joined by ` & ` into one SET. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from drivers.dialect import SnmpObject, SnmpWrites
from policies.errors import ConfigError
from policies.texts import t

_HEAD = re.compile(r"(?P<name>[A-Za-z]\w*)(?:\[(?P<parts>[^\]]*)\])? (?P<act>=|\+=|-=) ")
_NUMBER = re.compile(r"(?:[A-Za-z]\w*\()?(?P<number>\d{1,10})\)?")
_JOINT = " & "


@dataclass(frozen=True, slots=True)
class Assignment:
    """One object of a line: its name and what the dialect says of it, the parts in brackets, and what becomes of it.

    `act` is =, or += and -= for a port in a PortList; `value` is a number, or the text of a name or a port.
    """

    name: str
    thing: SnmpObject
    parts: tuple[str, ...]
    act: str
    value: int | str


def parse_line(line: str, writes: SnmpWrites, *, where: str) -> tuple[Assignment, ...]:
    """Read a line; ConfigError when it is none, or names an object that the dialect does not have."""
    found: list[Assignment] = []
    at = 0
    while at <= len(line):
        head = _HEAD.match(line, at)
        thing = writes.objects.get(head["name"]) if head is not None else None
        if head is None or thing is None:
            raise _no_set(line, where)
        parts = tuple(part.strip() for part in head["parts"].split(",")) if head["parts"] else ()
        # A text goes to the end of the line, whatever is in it: a description may have an ampersand.
        end = line.find(_JOINT, head.end()) if thing.kinds != "s" else -1
        text = line[head.end() : end if end >= 0 else len(line)]
        value: int | str = text
        if thing.kinds[0] in "iu":
            number = _NUMBER.fullmatch(text)
            if number is None:
                raise _no_set(line, where)
            value = int(number["number"])
        if len(parts) != len(thing.index) or (head["act"] != "=" and thing.kinds != "p"):
            raise _no_set(line, where)
        found.append(Assignment(head["name"], thing, parts, head["act"], value))
        at = end + len(_JOINT) if end >= 0 else len(line) + 1
    return tuple(found)


def _no_set(line: str, where: str) -> ConfigError:
    return ConfigError(
        t("'{line}' is no SNMP set of this platform", line=line[:160]),
        where=where,
        next_step=t("correct the switch's settings in site.toml, or leave the setting out"),
    )

"""The words of Comware: its grammars, and how it writes interfaces, lists of them, MACs and VLAN lists."""

from __future__ import annotations

import re
from functools import cache

from lab.switch.persona.grammar import Grammar, Readers, words
from lab.switch.persona.h3c import names


def _interfaces(text: str) -> list[str] | None:
    """Read `GigabitEthernet 1/0/1 to GigabitEthernet 1/0/4 GE1/0/7` as full names."""
    joined = re.sub(r"(?<=[A-Za-z])\s+(?=\d)", "", re.sub(r"\s+to\s+", "~", text.strip()))
    found: list[str] = []
    for part in joined.split():
        first, _, last = part.partition("~")
        low, high = names.interface(first), names.interface(last or first)
        if low is None or high is None:
            return None
        (kind, one), (other, two) = names.split(low), names.split(high)
        if kind != other or one[:-1] != two[:-1]:
            return None
        head = kind + "".join(f"{number}/" for number in one[:-1])
        found += [f"{head}{number}" for number in range(one[-1], two[-1] + 1)]
    return found or None


_READERS = Readers(
    names.interface,
    names.is_kind,
    {"mac": names.parse_mac},
    {"range": _interfaces, "vlans": names.parse_vlans},
)


@cache
def grammar(name: str) -> Grammar:
    """Give the grammar of a view: any, user, system, interface or vlan."""
    return Grammar(text(f"{name}.txt"), _READERS)


def text(name: str) -> str:
    """Read a file of vendor words."""
    return words(__package__, name)

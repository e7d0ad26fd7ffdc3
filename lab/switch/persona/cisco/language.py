"""The words of IOS: its grammars, and how it writes interfaces, ranges of them, MACs and VLAN lists."""

from __future__ import annotations

from functools import cache

from lab.switch.persona.cisco import names
from lab.switch.persona.grammar import Grammar, Readers, words


def _interfaces(text: str) -> list[str] | None:
    """Read `Gi1/0/1 - 4, gi1/0/7` as full names."""
    found: list[str] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        name = names.interface(first)
        if name is None or (last and not last.strip().isdigit()):
            return None
        kind, numbers = names.split(name)
        head = kind + "".join(f"{number}/" for number in numbers[:-1])
        found += [f"{head}{number}" for number in range(numbers[-1], int(last or numbers[-1]) + 1)]
    return found


_READERS = Readers(
    names.interface, names.is_kind, {"mac": names.parse_mac, "vlans": names.parse_vlans}, {"range": _interfaces}
)


@cache
def grammar(name: str) -> Grammar:
    """Give the grammar of a mode: exec, config, interface or vlan."""
    return Grammar(text(f"{name}.txt"), _READERS)


def text(name: str) -> str:
    """Read a file of vendor words."""
    return words(__package__, name)

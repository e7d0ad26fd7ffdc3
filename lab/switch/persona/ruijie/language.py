"""The words of RGOS: its grammars, and how it writes interfaces, ranges of them, MACs and VLAN lists."""

from __future__ import annotations

from functools import cache

from lab.switch.persona.grammar import Grammar, Readers, words
from lab.switch.persona.ruijie import names


def _interfaces(text: str) -> list[str] | None:
    """Read `GigabitEthernet 0/1-4,0/7`: a kind holds until another is named."""
    found: list[str] = []
    kind = ""
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        name = names.interface(first if first[:1].isalpha() else f"{kind}{first}")
        if name is None or (last and not last.strip().isdigit()):
            return None
        kind, numbers = names.split(name)
        head = "".join(f"{number}/" for number in numbers[:-1])
        found += [f"{kind} {head}{number}" for number in range(numbers[-1], int(last or numbers[-1]) + 1)]
    return found or None


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

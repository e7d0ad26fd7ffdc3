"""The words of VRP: one grammar for each view and software, abbreviations included."""

from __future__ import annotations

from functools import cache

from lab.switch.persona.grammar import Grammar, Readers, words
from lab.switch.persona.huawei import names
from lab.switch.persona.huawei.edition import VRP5, VRP8

#: View → files of patterns. Every view has the display commands; only the user view saves and reboots.
VIEWS = {
    "user": ("anywhere", "display", "user"),
    "system": ("anywhere", "display", "config", "system"),
    "interface": ("anywhere", "display", "config", "interface"),
    "vlan": ("anywhere", "display", "config", "vlan"),
    "section": ("anywhere", "display", "config"),
}


@cache
def grammar(number: int, view: str) -> Grammar:
    """Give the grammar of a view; `number` is the software's (5 or 8)."""
    kinds = (VRP5 if number == 5 else VRP8).kinds
    readers = Readers(kinds.interface, kinds.is_kind, {"mac": names.parse_mac}, {"vlans": names.parse_vlans})
    lines = [_mine(number, line) for name in VIEWS[view] for line in text(f"{name}.txt").splitlines()]
    return Grammar("\n".join(lines), readers)


def _mine(number: int, line: str) -> str:
    """Give a line of patterns without its mark (5: or 8:), or nothing when it is the other software's."""
    mark, colon, rest = line.partition(": ")
    if colon and mark in {"5", "8"}:
        return rest if mark == str(number) else ""
    return line


def text(name: str) -> str:
    """Read a file of vendor words."""
    return words(__package__, name)

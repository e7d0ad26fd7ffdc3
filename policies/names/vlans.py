"""VLAN ids and lists of them, in the spellings of switches and people.

An id is 1 to 4094 (IEEE 802.1Q-2018, table 9-2). Cisco and Ruijie write `1-10,20`, Huawei and H3C `1 to 10 20`.
"""

from __future__ import annotations

import re

from policies.errors import InputError
from policies.names.shown import cleaned, shown
from policies.texts import t

FIRST_VLAN, LAST_VLAN = 1, 4094

_RANGE_WORD = re.compile(r"\s*(?:\bto\b|[-~])\s*", re.IGNORECASE)
_SEPARATOR = re.compile(r"\s*[,;、]\s*|\s+")


def parse_vlan(text: str) -> int:
    """Give the id that `text` says; not a whole number from 1 to 4094 raises InputError."""
    digits = cleaned(text)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 4 and FIRST_VLAN <= int(digits) <= LAST_VLAN):
        raise InputError(
            t("{text} is not a VLAN id", text=shown(text)),
            next_step=t("write a number from {first} to {last}", first=FIRST_VLAN, last=LAST_VLAN),
        )
    return int(digits)


def parse_vlans(text: str) -> frozenset[int]:
    """Give the ids of a list such as `1-10,20`, `1 to 10 20`, `all` or `none` (also empty); InputError otherwise."""
    listed = _RANGE_WORD.sub("-", cleaned(text))
    if listed.casefold() == "all":
        return frozenset(range(FIRST_VLAN, LAST_VLAN + 1))
    if listed.casefold() in {"", "none"}:
        return frozenset()
    found: set[int] = set()
    for item in _SEPARATOR.split(listed):
        low, dash, high = item.partition("-")
        first = parse_vlan(low)
        last = parse_vlan(high) if dash else first
        if last < first:
            raise InputError(
                t("the VLAN range {text} runs backwards", text=shown(item)),
                next_step=t("write the lower number first"),
            )
        found.update(range(first, last + 1))
    return frozenset(found)


def format_vlans(vlans: frozenset[int], *, separator: str = ",", to: str = "-") -> str:
    """Write ids as a sorted list with ranges, `none` for no id; `separator=" ", to=" to "` is Huawei's and H3C's."""
    if not vlans:
        return "none"
    runs: list[list[int]] = []
    for vlan in sorted(vlans):
        if runs and runs[-1][-1] == vlan - 1:
            runs[-1][1:] = [vlan]
        else:
            runs.append([vlan])
    return separator.join(to.join(map(str, run)) for run in runs)

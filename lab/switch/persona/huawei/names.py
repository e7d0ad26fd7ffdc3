"""Interface names, MAC spellings and VLAN lists as VRP writes them."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"^(\d*[A-Za-z-]+)\s*(\d+(?:/\d+)*)$")
_HYPHENED = re.compile(r"^[0-9a-fA-F]{1,4}(?:-[0-9a-fA-F]{1,4}){2}$")


@dataclass(frozen=True)
class Kinds:
    """The interface kinds of one software: full name → the short form of tables; the order settles abbreviations."""

    short: dict[str, str]

    def interface(self, text: str) -> str | None:
        """Give the full name that `text` abbreviates, or None."""
        found = _NAME.match(text.strip())
        if found is None:
            return None
        word, numbers = found[1].lower(), found[2]
        for full in self.short:
            if full.lower().startswith(word):
                return full + numbers
        return None

    def is_kind(self, word: str) -> bool:
        """Tell whether `word` begins the name of an interface kind (for names typed with a space)."""
        return bool(word) and any(full.lower().startswith(word.lower()) for full in self.short)

    def brief(self, name: str) -> str:
        """Give the short form (GE0/0/1) of a full name."""
        kind, _ = split(name)
        return self.short[kind] + name[len(kind) :]


def split(name: str) -> tuple[str, tuple[int, ...]]:
    """Split a full name into its kind and numbers."""
    found = _NAME.match(name)
    if found is None:
        raise ValueError(name)
    return found[1], tuple(int(part) for part in found[2].split("/"))


def parse_mac(text: str) -> str | None:
    """Read H-H-H, where each H may be short, as aa:bb:cc:dd:ee:ff; None when it is not one."""
    if _HYPHENED.match(text) is None:
        return None
    digits = "".join(part.zfill(4) for part in text.lower().split("-"))
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def hyphened(mac: str) -> str:
    """Spell aa:bb:cc:dd:ee:ff as aabb-ccdd-eeff."""
    digits = mac.replace(":", "")
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def parse_vlans(text: str) -> frozenset[int] | None:
    """Read `2 to 4 10` into VLAN numbers; None when it is not such a list or a number is outside 1…4094."""
    words = text.split()
    numbers: set[int] = set()
    while words:
        low = high = words.pop(0)
        if len(words) > 1 and words[0] == "to":
            high = words[1]
            del words[:2]
        if not (low.isdigit() and high.isdigit() and 1 <= int(low) <= int(high) <= 4094):
            return None
        numbers.update(range(int(low), int(high) + 1))
    return frozenset(numbers) or None


def runs(numbers: frozenset[int] | set[int]) -> list[tuple[int, int]]:
    """Give the first and last number of each run of neighbours."""
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and number == found[-1][1] + 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def listed(numbers: frozenset[int] | set[int]) -> str:
    """Write VLAN numbers as a command takes them: 2 to 4 10."""
    return " ".join(str(low) if low == high else f"{low} to {high}" for low, high in runs(numbers))


def ranged(numbers: frozenset[int] | set[int]) -> list[str]:
    """Write VLAN numbers as a table shows them: 2-4 and 10."""
    return [str(low) if low == high else f"{low}-{high}" for low, high in runs(numbers)]

"""Interface names, indexes, MACs and VLAN lists as RGOS writes them: a space stands before the numbers of a port."""

from __future__ import annotations

import re

#: Interface kinds: full name, the short name of tables, offset of its ports inside one member's numbers.
_KINDS = (
    ("GigabitEthernet", "Gi", 0),
    ("TenGigabitEthernet", "Te", 24),
    ("AggregatePort", "Ag", 64),
    ("VLAN", "VL", 4096),
)
_SHORT = {full: short for full, short, _ in _KINDS}
_OFFSET = {full: offset for full, _, offset in _KINDS}
_MEMBER = 64
_NAME = re.compile(r"^([A-Za-z]+)\s*(\d+(?:/\d+)*)$")
_DOTTED = re.compile(r"^[0-9a-fA-F]{1,4}\.[0-9a-fA-F]{1,4}\.[0-9a-fA-F]{1,4}$")


def _kind(word: str) -> str | None:
    word = word.lower()
    return next((full for full, _, _ in _KINDS if full.lower().startswith(word)), None)


def interface(text: str) -> str | None:
    """Give the full name that `text` (gi0/1, GigabitEthernet 0/1) means, or None."""
    found = _NAME.match(text.strip())
    kind = _kind(found[1]) if found is not None else None
    return None if found is None or kind is None else f"{kind} {found[2]}"


def is_kind(word: str) -> bool:
    """Tell whether `word` is the name of an interface kind, whole or not."""
    return word.isalpha() and _kind(word) is not None


def split(name: str) -> tuple[str, tuple[int, ...]]:
    """Split a full name into its kind and numbers."""
    found = _NAME.match(name)
    if found is None:
        raise ValueError(name)
    return found[1], tuple(int(part) for part in found[2].split("/"))


def short(name: str) -> str:
    """Give the short form (Gi0/1) of a full name."""
    kind, numbers = split(name)
    return _SHORT[kind] + "/".join(str(number) for number in numbers)


def if_index(name: str) -> int:
    """Give the ifIndex, which is the bridge port, too (recording ruijie): 4096 and the VLAN's number for a VLAN."""
    kind, numbers = split(name)
    port = _OFFSET[kind] + numbers[-1]
    return (numbers[0] - 1) * _MEMBER + port if len(numbers) > 2 else port


def order(name: str) -> tuple[str, tuple[int, ...]]:
    """Sort key: kind, then numbers."""
    return split(name)


def parse_mac(text: str) -> str | None:
    """Read H.H.H as aa:bb:cc:dd:ee:ff; None when it is not."""
    if _DOTTED.match(text) is None:
        return None
    digits = "".join(part.zfill(4) for part in text.lower().split("."))
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def dotted(mac: str) -> str:
    """Spell aa:bb:cc:dd:ee:ff as aabb.ccdd.eeff."""
    digits = mac.replace(":", "")
    return f"{digits[:4]}.{digits[4:8]}.{digits[8:]}"


def parse_vlans(text: str) -> frozenset[int] | None:
    """Read 10,20-22 into VLAN numbers; None when it is no such list."""
    numbers: set[int] = set()
    for part in text.split(","):
        low, _, high = part.partition("-")
        if not low.isdigit() or (high and not high.isdigit()):
            return None
        first, last = int(low), int(high or low)
        if not 1 <= first <= last <= 4094:
            return None
        numbers.update(range(first, last + 1))
    return frozenset(numbers)


def vlan_ranges(numbers: frozenset[int] | set[int]) -> str:
    """Write VLAN numbers: 10,20-22."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)

"""Interface names, indexes, MACs and VLAN lists as Comware 7 writes them."""

from __future__ import annotations

import re

#: Interface kinds: full name, the short name of tables, offset of its ports inside one IRF member's numbers.
_KINDS = (
    ("GigabitEthernet", "GE", 0),
    ("Ten-GigabitEthernet", "XGE", 48),
    ("Bridge-Aggregation", "BAGG", 0),
    ("Vlan-interface", "Vlan", 0),
)
_SHORT = {full: short for full, short, _ in _KINDS}
_OFFSET = {full: offset for full, _, offset in _KINDS}
_MEMBER = 56
#: The management port, NULL0 and Vlan-interface1 come first (recording comware): ifIndex is not the bridge port.
_FIRST = 3
_NAME = re.compile(r"^([A-Za-z-]+)\s*(\d+(?:/\d+)*)$")
_HYPHENED = re.compile(r"^[0-9a-fA-F]{1,4}-[0-9a-fA-F]{1,4}-[0-9a-fA-F]{1,4}$")


def _kind(word: str) -> str | None:
    word = word.lower()
    for full, short, _ in _KINDS:
        if short.lower() == word:
            return full
    return next((full for full, _, _ in _KINDS if full.lower().startswith(word)), None)


def interface(text: str) -> str | None:
    """Give the full name that `text` (gi1/0/1, GE1/0/1, GigabitEthernet 1/0/1) means, or None."""
    found = _NAME.match(text.strip())
    kind = _kind(found[1]) if found is not None else None
    return None if found is None or kind is None else kind + found[2]


def is_kind(word: str) -> bool:
    """Tell whether `word` is the name of an interface kind, whole or not (for names typed with a space)."""
    return word.replace("-", "").isalpha() and _kind(word) is not None


def split(name: str) -> tuple[str, tuple[int, ...]]:
    """Split a full name into its kind and numbers."""
    found = _NAME.match(name)
    if found is None:
        raise ValueError(name)
    return found[1], tuple(int(part) for part in found[2].split("/"))


def short(name: str) -> str:
    """Give the short form (GE1/0/1) of a full name."""
    kind, numbers = split(name)
    return _SHORT[kind] + "/".join(str(number) for number in numbers)


def base_port(name: str) -> int:
    """Give the dot1dBasePort of a port: 1… for GigabitEthernet1/0/1…."""
    kind, numbers = split(name)
    return (numbers[0] - 1) * _MEMBER + _OFFSET[kind] + numbers[-1]


def if_index(name: str) -> int:
    """Give the ifIndex: 3 for Vlan-interface1, then the ports from 4 on (recording comware)."""
    kind, numbers = split(name)
    if kind == "Vlan-interface":
        return _FIRST if numbers[0] == 1 else 10000 + numbers[0]
    return _FIRST + base_port(name)


def order(name: str) -> tuple[str, tuple[int, ...]]:
    """Sort key: kind, then numbers."""
    return split(name)


def parse_mac(text: str) -> str | None:
    """Read H-H-H, where each H may be shorter than four digits, as aa:bb:cc:dd:ee:ff; None when it is not."""
    if _HYPHENED.match(text) is None:
        return None
    digits = "".join(part.zfill(4) for part in text.lower().split("-"))
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def hyphened(mac: str) -> str:
    """Spell aa:bb:cc:dd:ee:ff as aabb-ccdd-eeff."""
    digits = mac.replace(":", "")
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def parse_vlans(text: str) -> frozenset[int] | None:
    """Read `100 200 to 210` (or `all`) into VLAN numbers; None when it is no such list."""
    if text.strip().lower() == "all":
        return frozenset(range(1, 4095))
    numbers: set[int] = set()
    for part in re.sub(r"\s+to\s+", "-", text.strip()).split():
        low, _, high = part.partition("-")
        if not low.isdigit() or (high and not high.isdigit()):
            return None
        first, last = int(low), int(high or low)
        if not 1 <= first <= last <= 4094:
            return None
        numbers.update(range(first, last + 1))
    return frozenset(numbers) or None


def _runs(numbers: frozenset[int] | set[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def vlan_words(numbers: frozenset[int] | set[int]) -> str:
    """Write VLAN numbers as the configuration does: 100 200 to 210."""
    return " ".join(str(low) if low == high else f"{low} to {high}" for low, high in _runs(numbers))


def vlan_ranges(numbers: frozenset[int] | set[int], own: int = 0) -> str:
    """Write VLAN numbers as tables do: 1(default vlan), 200-210; `own` is the port's own VLAN."""
    parts = []
    for low, high in _runs(numbers):
        if low < own <= high or (low == own and high > own):
            parts += [text for text in _around(low, high, own) if text]
        else:
            parts.append(str(low) if low == high else f"{low}-{high}")
    return ", ".join(f"{part}(default vlan)" if part == str(own) else part for part in parts) or "None"


def _around(low: int, high: int, own: int) -> tuple[str, str, str]:
    """Part a run at the port's own VLAN, which is marked and so stands alone."""

    def run(first: int, last: int) -> str:
        return "" if first > last else str(first) if first == last else f"{first}-{last}"

    return run(low, own - 1), str(own), run(own + 1, high)

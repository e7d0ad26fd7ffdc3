"""Interface names, indexes and MAC spellings of a Catalyst 2960-X, as its command line and its SNMP agent use them."""

from __future__ import annotations

import re

#: Port modes as `show interfaces switchport` names them.
ACCESS, DYNAMIC = "static access", "dynamic auto"
#: Interface kinds: full name, short name, offset of its ports inside one stack member's index range.
_KINDS = (
    ("GigabitEthernet", "Gi", 0),
    ("TenGigabitEthernet", "Te", 50),
    ("FastEthernet", "Fa", 0),
    ("Port-channel", "Po", 0),
    ("Vlan", "Vl", 0),
)
_SHORT = {full: short for full, short, _ in _KINDS}
_OFFSET = {full: offset for full, _, offset in _KINDS}
#: First ifIndex of stack member 1 is 10101 and of member 2 is 10601 (recording ios_2960x).
_IF_BASE, _IF_MEMBER, _BRIDGE_MEMBER = 10100, 500, 56
_NAME = re.compile(r"^([A-Za-z-]+)\s*(\d+(?:/\d+)*)$")
_DOTTED = re.compile(r"^[0-9a-fA-F]{1,4}\.[0-9a-fA-F]{1,4}\.[0-9a-fA-F]{1,4}$")


def interface(text: str) -> str | None:
    """Give the full name that `text` (gi1/0/1, Gi 1/0/1, GigabitEthernet1/0/1) abbreviates, or None."""
    found = _NAME.match(text.strip())
    if found is None:
        return None
    word, numbers = found.group(1).lower(), found.group(2)
    for full, _, _ in _KINDS:
        if full.lower().startswith(word):
            return full + numbers
    return None


def is_kind(word: str) -> bool:
    """Tell whether `word` starts the name of an interface kind (for names typed with a space)."""
    return bool(word) and any(full.lower().startswith(word.lower()) for full, _, _ in _KINDS)


def split(name: str) -> tuple[str, tuple[int, ...]]:
    """Split a full name into its kind and numbers."""
    found = _NAME.match(name)
    if found is None:
        raise ValueError(name)
    return found.group(1), tuple(int(part) for part in found.group(2).split("/"))


def short(name: str) -> str:
    """Give the short form (Gi1/0/1) of a full name."""
    kind, numbers = split(name)
    return _SHORT[kind] + "/".join(str(number) for number in numbers)


def if_index(name: str) -> int:
    """Give the ifIndex of a full name: 10101… for Gi1/0/1…, the VLAN number for an SVI, 5000+n for Port-channel n."""
    kind, numbers = split(name)
    if kind == "Vlan":
        return numbers[0]
    if kind == "Port-channel":
        return 5000 + numbers[0]
    return _IF_BASE + (numbers[0] - 1) * _IF_MEMBER + _OFFSET[kind] + numbers[-1]


def base_port(name: str) -> int:
    """Give the dot1dBasePort of a full name: 1… for 10101…, 57… for 10601… (recording ios_2960x: 81 is 10625)."""
    kind, numbers = split(name)
    return (numbers[0] - 1) * _BRIDGE_MEMBER + _OFFSET[kind] + numbers[-1]


def order(name: str) -> tuple[str, tuple[int, ...]]:
    """Sort key: kind, then numbers."""
    return split(name)


def parse_mac(text: str) -> str | None:
    """Read H.H.H, the only spelling that port-security commands take, as aa:bb:cc:dd:ee:ff; None when it is not."""
    if _DOTTED.match(text) is None:
        return None
    digits = "".join(part.zfill(4) for part in text.lower().split("."))
    return ":".join(digits[at : at + 2] for at in range(0, 12, 2))


def dotted(mac: str) -> str:
    """Spell aa:bb:cc:dd:ee:ff as aabb.ccdd.eeff."""
    digits = mac.replace(":", "")
    return f"{digits[:4]}.{digits[4:8]}.{digits[8:]}"


def vlan_ranges(numbers: frozenset[int] | set[int]) -> str:
    """Write VLAN numbers as IOS does: 10,20-22 (two neighbours stay apart: 10,11)."""
    parts: list[str] = []
    run: list[int] = []
    for number in [*sorted(numbers), -1]:
        if run and number == run[-1] + 1:
            run.append(number)
            continue
        if len(run) > 2:
            parts.append(f"{run[0]}-{run[-1]}")
        else:
            parts.extend(str(member) for member in run)
        run = [number]
    return ",".join(parts)


def parse_vlans(text: str) -> frozenset[int] | None:
    """Read 10,20-22 into VLAN numbers; None when it is not such a list or a number is outside 1…4094."""
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

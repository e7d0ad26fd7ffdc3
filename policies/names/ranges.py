"""Lists and ranges of ports as a site writes them: `Gi1/0/1-24`, `eth1-eth12`, `Gi1/0/1-4,Gi1/0/7`."""

from __future__ import annotations

import re

from policies.errors import InputError
from policies.names.interface import canonical
from policies.names.shown import cleaned, shown
from policies.texts import t

#: More ports than any one switch has: a range beyond it is a typing mistake, and must not fill the memory.
MOST_PORTS = 2048

_LONGEST_PART = 160
_RANGE = re.compile(r"(?P<head>.*?)(?P<first>[0-9]{1,5})\s*(?:[-~]|\bto\b)\s*(?P<again>.*?)(?P<last>[0-9]{1,5})")
_COMMA = re.compile(r"[,;、]")


def expand_ports(text: str, *, literal: bool = False) -> tuple[str, ...]:
    """Give the canonical names of a list of ports and ranges, in its order; InputError names the bad part.

    A range varies the last number only. After the dash stands a number (`Gi1/0/1-24`) or a whole name
    (`Gi1/0/1-Gi1/0/24`, also with `to`). A bare number after a comma is refused: `Gi1/0/1,7` may be a slip.
    With `literal` the names are kept exactly as written (Linux, Open vSwitch); a range works as well, and a name whose
    dash joins two different beginnings (`veth1-br0`) is one name.
    """
    names: list[str] = []
    for part in _COMMA.split(cleaned(text)):
        names += _part(part.strip(), literal)
        if len(names) > MOST_PORTS:
            raise _too_many(text)
    if len({name.isdigit() for name in names}) > 1:
        raise InputError(
            t("{text} mixes port names and bare numbers", text=shown(text)),
            next_step=t("write each port with its whole name, for example Gi1/0/1-4,Gi1/0/7"),
        )
    return tuple(names)


def _part(part: str, literal: bool) -> list[str]:
    match = _RANGE.fullmatch(part) if len(part) <= _LONGEST_PART else None
    if match is None or (literal and match["again"] not in {"", match["head"]}):
        return [canonical(part, literal=literal)]
    if not _one_prefix(match["head"], match["again"]):
        raise InputError(
            t("the two ends of the port range {text} differ in more than the last number", text=shown(part)),
            next_step=t("write ranges as Gi1/0/1-24, and other ports one by one"),
        )
    first, last = int(match["first"]), int(match["last"])
    if last < first:
        raise InputError(
            t("the port range {text} runs backwards", text=shown(part)),
            next_step=t("write the lower number first"),
        )
    if last - first >= MOST_PORTS:
        raise _too_many(part)
    # eth01-eth12 keeps its zeros; in a vendor's name they mean nothing and canonical() drops them.
    width = len(match["first"]) if match["first"].startswith("0") else 1
    return [canonical(f"{match['head']}{number:0{width}d}", literal=literal) for number in range(first, last + 1)]


def _one_prefix(head: str, again: str) -> bool:
    """Tell whether the name after the dash begins as the one before it, in any spelling."""
    if not again or head == again:
        return True
    try:
        return canonical(head + "1") == canonical(again + "1")
    except InputError:
        return False


def _too_many(text: str) -> InputError:
    return InputError(
        t("{text} names more than {count} ports", text=shown(text), count=MOST_PORTS),
        next_step=t("check the range's numbers"),
    )

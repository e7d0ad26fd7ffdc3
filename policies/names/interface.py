"""Interface names: every vendor's spelling in, one canonical name inside, the vendor's word out.

`Gi1/0/1`, `GE1/0/1`, `GigabitEthernet 1/0/1` and `g1/0/1` are one port, GigabitEthernet1/0/1. Names are compared as
(kind, numbers), never as text prefixes. Names outside the vendors' grammar (Linux's `eth1` and `enp3s0f1`, Open
vSwitch's `p1`, ProCurve's `A1`, Aruba CX's `1/1/1`, Junos' `ge-0/0/1`) are literal: kept exactly as they are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from policies.errors import InputError
from policies.names.kinds import KIND_BEFORE_SLASH, KIND_OF, LINUX_WORDS, LONG_WORDS
from policies.names.shown import cleaned, shown
from policies.texts import t

#: word, numbers, breakout channel, sub-interface; VRP adds the speed to names: GigabitEthernet15/1/0(10G).
_VENDOR = re.compile(
    r"(?P<word>[0-9]{2,3}[Gg][A-Za-z]*|[A-Za-z][A-Za-z-]*?)[ \t]*"
    r"(?P<numbers>[0-9]{1,10}(?:/[0-9]{1,5}){0,4})"
    r"(?::(?P<channel>[0-9]{1,5}))?(?:\.(?P<sub>[0-9]{1,10}))?(?:\([0-9]{1,3}GE?\))?"
)
#: A name that Linux could have (15 octets, no slash), front-panel numbers, or Junos' xx-0/0/0.
_LITERAL = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_.@+:-]{0,14}|[A-Za-z]?[0-9]{1,3}(?:/[0-9]{1,3}){0,3}"
    r"|[a-z]{2}-[0-9]{1,3}(?:/[0-9]{1,3}){2}(?::[0-9]{1,3})?(?:\.[0-9]{1,5})?"
)
#: What any operating system could call a port: printable ASCII, no blank; IFNAMSIZ does not bind Open vSwitch patches.
_EXACT = re.compile(r"[!-~]{1,64}")
#: The lengths of words that are compared with the long words for "did you mean".
_SHORTEST_TYPO, _LONGEST_TYPO = 7, 32
_PIECES = re.compile(r"([0-9]+)")
_CACHED_NAMES = 16_384


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface by what it is. A literal name is all `kind`, with no numbers.

    `channel` is the lane of a split port (HundredGigE1/0/1:2), `sub` the sub-interface (GigabitEthernet1/0/1.100).
    """

    kind: str
    numbers: tuple[int, ...] = ()
    sub: int | None = None
    channel: int | None = None

    @property
    def name(self) -> str:
        """The canonical name."""
        return self.kind + self.tail

    @property
    def tail(self) -> str:
        """The numbers as they are written after the kind; empty for a literal name."""
        channel = "" if self.channel is None else f":{self.channel}"
        sub = "" if self.sub is None else f".{self.sub}"
        return "/".join(map(str, self.numbers)) + channel + sub


@lru_cache(maxsize=_CACHED_NAMES)
def parse_interface(text: str) -> Interface:
    """Give the interface that `text` names in any vendor's spelling; text that names none raises InputError."""
    name = cleaned(text)
    match = _VENDOR.fullmatch(name)
    if match is not None:
        kind = _kind(match["word"], match["numbers"])
        if kind is not None:
            numbers = tuple(map(int, match["numbers"].split("/")))
            sub, channel = match["sub"], match["channel"]
            return Interface(
                kind, numbers, None if sub is None else int(sub), None if channel is None else int(channel)
            )
    return _literal(text, name)


@lru_cache(maxsize=_CACHED_NAMES)
def canonical(text: str, *, literal: bool = False) -> str:
    """Give the canonical name of `text`; with `literal` (Linux, Open vSwitch) the name is kept exactly as it is.

    On such a platform every name is its owner's choice: a port called `gi1` is not GigabitEthernet1. Text that cannot
    be an interface's name raises InputError.
    """
    if not literal:
        return parse_interface(text).name
    name = text.strip()
    if not _EXACT.fullmatch(name):
        raise _not_a_name(text)
    return name


def spell(name: str, words: Mapping[str, str]) -> str:
    """Write a canonical `name` with the platform's word for its kind (`words`: kind → word; others stay).

    A word may end in a blank where the platform writes one: Ruijie's `GigabitEthernet 1/0/1`. Without words the name
    is given back as it is, as platforms with literal names need it.
    """
    if not words:
        return name
    interface = parse_interface(name)
    return words.get(interface.kind, interface.kind) + interface.tail


@lru_cache(maxsize=_CACHED_NAMES)
def port_key(name: str) -> tuple[tuple[str, int], ...]:
    """Give the key that sorts names as people count: Gi1/0/2 before Gi1/0/10."""
    pieces = _PIECES.split(name)
    return tuple(zip(pieces[::2], [*map(int, pieces[1::2]), -1], strict=True))


def _kind(word: str, numbers: str) -> str | None:
    folded = word.casefold()
    if "/" not in numbers:
        return None if word in LINUX_WORDS else KIND_OF.get(folded)
    kind = KIND_BEFORE_SLASH.get(folded)
    if kind is not None or len(folded) < 3:
        return kind
    # Cisco takes any unambiguous beginning: `gigabiteth1/0/1`, `tengigabit1/1/1`.
    meant = {KIND_OF[long] for long in LONG_WORDS if long.startswith(folded)}
    return meant.pop() if len(meant) == 1 else None


def _literal(text: str, name: str) -> Interface:
    if name == "lo":
        return Interface(name)
    word = name.rstrip("0123456789/:. ").casefold()
    if word in KIND_OF and word == name.casefold():
        raise InputError(
            t("the interface name {text} has no number", text=shown(text)),
            next_step=t("add the port's number, for example {kind}1/0/1", kind=KIND_OF[word]),
        )
    near = _near(word)
    if near or not _LITERAL.fullmatch(name):
        raise _not_a_name(text, near)
    return Interface(name)


def _near(word: str) -> str:
    """Give the kind that a mistyped long word probably means; short words are too often right as they are."""
    if word in KIND_OF or not _SHORTEST_TYPO <= len(word) <= _LONGEST_TYPO:
        return ""
    near = difflib.get_close_matches(word, LONG_WORDS, n=1, cutoff=0.85)
    return KIND_OF[near[0]] if near else ""


def _not_a_name(text: str, near: str = "") -> InputError:
    what = t("{text} is not an interface name", text=shown(text))
    if near:
        return InputError(what, next_step=t("check the spelling: is {kind} meant?", kind=near))
    return InputError(what, next_step=t("write it as the switch does, for example GigabitEthernet1/0/1 or eth1"))

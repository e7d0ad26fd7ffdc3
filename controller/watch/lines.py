"""What the watch's child says, line by line. It reads hostile frames: what it says is checked as if it were hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from policies.errors import InputError
from policies.texts import t
from policies.watch.identity import LONGEST, Trait
from policies.watch.sighting import CLAUSES, EVIDENCE, OTHERS, Confidence, Kind

#: Octets of a line.
LONGEST_LINE = 65_536
#: Members of a table or a list of facts.
MOST = 32
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}|\*|")
_HEX = re.compile(r"(?:[0-9a-f]{2})*")


@dataclass(frozen=True, slots=True)
class Ready:
    """The rings are open and the privileges gone."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something that should not be, so far: its sub-clause, whom it is about and the evidence.

    `mac` is "*" for all those of one kind beyond its places, "" where nobody sent it. `other` is the second party (a
    MAC, an address, a VLAN id or what was malformed). `device` is who has the MAC in the inventory, and `port` where a
    switch has it (SWITCH/PORT), both "" where not known. `evidence` is the beginning of the first frame. Times are
    aware UTC.
    """

    kind: Kind
    mac: str
    first_at: datetime
    last_at: datetime
    ip: str = ""
    other: str = ""
    vlan: int | None = None
    interface: str = ""
    confidence: Confidence = Confidence.CERTAIN
    facts: Mapping[str, Any] = field(default_factory=dict)
    evidence: bytes = b""
    count: int = 1
    device: str = ""
    port: str = ""
    role: str = ""

    @property
    def clause(self) -> str:
        """The sub-clause; a terminal's way out is 7.2d."""
        return "7.2d" if self.kind is Kind.OUTSIDE and self.role == "terminal" else CLAUSES[self.kind]

    @property
    def subject(self) -> str:
        """Whom it is about: the port where it is known, else the MAC, else the interface."""
        return self.port or self.mac or self.interface or self.kind

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What makes it one cause: the same in every line about it."""
        return (self.kind, self.mac, self.ip, self.other)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A trait that was learned of a MAC."""

    mac: str
    trait: Trait
    value: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """The counters: of each interface what the wire brought, what passed the filter, what had no room; and the child's.

    `unjudged` frames were read but not looked at, for a flood left no time. `left_out` devices had no room in the
    filter: what they send is read.
    """

    at: datetime
    interfaces: tuple[tuple[str, int, int, int], ...]
    read: int
    judged: int
    unjudged: int
    filter: int
    devices: int
    left_out: int
    learned: int


@dataclass(frozen=True, slots=True)
class Failed:
    """It cannot go on: `code` is permission, interface or gone."""

    code: str
    about: str = ""


Event = Ready | Sighting | Fingerprint | Status | Failed


def read_line(line: bytes) -> Event:
    """Read one line; raises InputError, and nothing else."""
    try:
        found = json.loads(line[:LONGEST_LINE])
        return _READERS[found["event"]](found)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError, OSError) as error:
        raise InputError(
            t("the packet watch said what is not understood ({kind})", kind=type(error).__name__),
            next_step=t("start it again, and report it with this line"),
        ) from error


def _sighting(found: Mapping[str, Any]) -> Sighting:
    facts, vlan = found["facts"], found["vlan"]
    if not isinstance(facts, dict) or not _is_plain(facts) or not (vlan is None or type(vlan) is int):
        raise ValueError("facts")
    return Sighting(
        Kind(found["kind"]),
        _matching(_MAC, found["mac"]),
        _time(found["first"]),
        _time(found["last"]),
        _short(found["ip"]),
        _short(found["other"]),
        vlan,
        _short(found["interface"]),
        Confidence(found["confidence"]),
        facts,
        bytes.fromhex(_matching(_HEX, found["evidence"]))[:EVIDENCE],
        _count(found["count"]),
    )


def _fingerprint(found: Mapping[str, Any]) -> Fingerprint:
    mac = _matching(_MAC, found["mac"])
    if mac in ("", OTHERS):
        raise ValueError("mac")
    return Fingerprint(mac, Trait(found["trait"]), _short(found["value"]), _time(found["at"]))


def _status(found: Mapping[str, Any]) -> Status:
    rows = tuple(
        (_short(each["interface"]), _count(each["wire"]), _count(each["passed"]), _count(each["lost"]))
        for each in found["interfaces"]
    )
    names = ("read", "judged", "unjudged", "filter", "devices", "left_out", "learned")
    return Status(_time(found["at"]), rows, *(_count(found[name]) for name in names))


def _failed(found: Mapping[str, Any]) -> Failed:
    return Failed(_short(found["code"]), _short(found.get("interface") or found.get("reason") or ""))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Event]] = {
    "ready": lambda _: Ready(),
    "sighting": _sighting,
    "fingerprint": _fingerprint,
    "status": _status,
    "failed": _failed,
}


def _is_plain(facts: object, depth: int = 0) -> bool:
    """Tell whether facts are what an entry may hold: short texts and whole numbers, in few lists and tables."""
    if isinstance(facts, dict):
        return depth < 2 and len(facts) <= MOST and all(_is_plain(each, depth + 1) for each in facts.values())
    if isinstance(facts, list):
        return depth < 3 and len(facts) <= MOST and all(_is_plain(each, depth + 1) for each in facts)
    return isinstance(facts, str) and len(facts) <= LONGEST if not isinstance(facts, int) else abs(facts) < 1 << 53


def _short(value: object) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or not value.isprintable():
        raise ValueError("text")
    return value


def _matching(pattern: re.Pattern[str], value: object) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise ValueError("text")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError("count")
    return value


def _time(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("time")
    return datetime.fromtimestamp(value, UTC)

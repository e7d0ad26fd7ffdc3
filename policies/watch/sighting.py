"""A sighting: what the watch saw that should not be, once for each cause, with a count; and the book that keeps them.

The book's memory is bounded: who floods the wire with invented addresses fills the places of that kind only, and what
has no place is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What was seen. The value is part of entries' kinds and of JSON: it never changes."""

    UNKNOWN_MAC = "unknown_mac"
    UNKNOWN_IP = "unknown_ip"
    MOVED = "moved"
    DUPLICATE_MAC = "duplicate_mac"
    DUPLICATE_IP = "duplicate_ip"
    ARP_SPOOF = "arp_spoof"
    ROGUE_DHCP = "rogue_dhcp"
    ROGUE_RA = "rogue_ra"
    SECOND_VLAN = "second_vlan"
    HUB = "hub"
    NAT = "nat"
    GATEWAY = "gateway"
    OUTSIDE = "outside"
    FORBIDDEN_FLOW = "forbidden_flow"
    IDENTITY = "identity"
    MALFORMED = "malformed"
    LOST = "lost"


class Confidence(StrEnum):
    """How sure it is: certain is what the frame itself is, the others are conclusions."""

    CERTAIN = "certain"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


#: The sub-clause that each kind speaks to.
CLAUSES: Mapping[Kind, str] = {
    Kind.UNKNOWN_MAC: "7.1a", Kind.UNKNOWN_IP: "7.1c", Kind.MOVED: "7.1c", Kind.DUPLICATE_MAC: "7.1c",
    Kind.DUPLICATE_IP: "7.1c", Kind.ARP_SPOOF: "7.1c", Kind.ROGUE_DHCP: "7.1a", Kind.ROGUE_RA: "7.1a",
    Kind.SECOND_VLAN: "7.1a", Kind.HUB: "7.1b", Kind.NAT: "7.1b", Kind.GATEWAY: "7.1a", Kind.OUTSIDE: "7.1a",
    Kind.FORBIDDEN_FLOW: "7.5", Kind.IDENTITY: "7.1c", Kind.MALFORMED: "7.1a", Kind.LOST: "7.1a",
}  # fmt: skip
#: Octets of a frame that are kept as evidence.
EVIDENCE = 128
#: Places of one kind, and how long (seconds) after its last frame one may be taken by another.
PLACES, STALE = 256, 600.0
#: The MAC of the row in which what has no place is counted.
OTHERS = "*"


@dataclass(slots=True)
class Row:
    """One cause while it lasts; times are seconds since 1970. `other` is the second party: a peer's IP, the other MAC.

    `evidence` is the beginning of the first frame; `facts` are short values by name. `told` is the count that somebody
    was told of last, at `told_at`.
    """

    kind: Kind
    mac: str
    ip: str = ""
    other: str = ""
    vlan: int | None = None
    interface: str = ""
    confidence: Confidence = Confidence.CERTAIN
    facts: dict[str, object] = field(default_factory=dict)
    evidence: bytes = b""
    first: float = 0.0
    last: float = 0.0
    count: int = 0
    told: int = 0
    told_at: float = 0.0

    @property
    def key(self) -> tuple[str, str, str]:
        """What makes it one cause among those of its kind; of a MAC that nobody knows, the MAC alone."""
        return (self.mac, "" if self.kind in _BY_MAC else self.ip, self.other)


#: Kinds that one MAC has one row of, whatever addresses it uses.
_BY_MAC = frozenset({Kind.UNKNOWN_MAC, Kind.SECOND_VLAN, Kind.ROGUE_RA})


@dataclass(frozen=True, slots=True)
class Seen:
    """Where and when: what every sighting of one frame has in common."""

    at: float
    interface: str = ""
    vlan: int | None = None
    data: bytes = b""


class Book:
    """The rows that are open, by cause. `places` is how many of one kind have a row of their own."""

    def __init__(self, places: int = PLACES) -> None:
        self._places = places
        self._rows: dict[Kind, dict[tuple[str, str, str], Row]] = {}

    def __iter__(self) -> Iterator[Row]:
        """Give every row."""
        for rows in self._rows.values():
            yield from rows.values()

    def sight(self, made: Row, seen: Seen) -> Row:
        """Count a sighting in its row: that of the same kind, MAC, IP and other, `made` if there is none yet."""
        rows = self._rows.setdefault(made.kind, {})
        row = rows.get(made.key)
        if row is None:
            row = self._new(rows, made.key, made, seen)
        elif not row.ip and row.mac == made.mac:
            row.ip = made.ip
        row.count += 1
        row.last = seen.at
        return row

    def _new(self, rows: dict[tuple[str, str, str], Row], key: tuple[str, str, str], made: Row, seen: Seen) -> Row:
        if len(rows) >= self._places and not self._make_room(rows, seen.at):
            key = (OTHERS, "", "")
            if key in rows:
                return rows[key]
            made = Row(made.kind, OTHERS, facts={"places": self._places})
        made.first, made.interface, made.vlan = seen.at, seen.interface, seen.vlan
        made.evidence = seen.data[:EVIDENCE]
        rows[key] = made
        return made

    def _make_room(self, rows: dict[tuple[str, str, str], Row], now: float) -> bool:
        """Forget rows of which nothing has come for long and everything was told; the one of all others stays."""
        stale = [
            key for key, row in rows.items() if now - row.last > STALE and row.told == row.count and key[0] != OTHERS
        ]
        for key in stale:
            del rows[key]
        return bool(stale)

    def untold(self, now: float, again: float) -> list[Row]:
        """Give rows that nobody was told of, and those that grew and were told of `again` seconds ago; marks them."""
        found = [row for row in self if row.count > row.told and (not row.told or now - row.told_at >= again)]
        for row in found:
            row.told, row.told_at = row.count, now
        return found

"""What the ledger says of a terminal's openings, over a period: the facts by which clauses 7.2b and 7.2c are judged.

An opening is a lease that the terminal has told of. What decided it is an entry of the controller's: a swipe with the
case that it rests on, or a person's order. No name and no card number is in any of these values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.messages.lock import LockReport
from policies.texts import Text

#: How long after its end a lease may still be told as open: storage is unmounted, and clocks differ a little.
GRACE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Decision:
    """What decided an opening: the entry's number, kind and terminal, and the code that was written down.

    `case` is what a swipe's decision rests on (policies.cards.decide), b"" where no swipe was made; `people` are the
    ids of who ordered it then.
    """

    entry: int
    kind: str
    terminal: str
    code: str = ""
    case: bytes = field(default=b"", repr=False)
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Opening:
    """One lease, of which entry number `entry` tells, written at `at`. The other times are the terminal's.

    `card` is the pseudonym for which the terminal was granted it, `decision` None when no entry decided it. `ends` is
    when it must be over, `ended` when the terminal has told that it is; None: it has not. A `rescue` is the opening by
    a code, of which an incident tells.
    """

    jti: str
    entry: int
    at: datetime
    card: str
    opened: datetime
    ends: datetime
    decision: Decision | None = None
    ended: datetime | None = None
    rescue: bool = False

    def overdue(self, now: datetime) -> bool:
        """Whether it is, or was, open beyond its end; without an end that was told, as `now` has it."""
        return (self.ended or now) > self.ends + GRACE


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that a terminal, or the controller of it, has told: entry, kind, when, and what it is about.

    `about` is the port, the lease, the lock, or the number of missing events; `people` as in :class:`Decision`.
    """

    entry: int
    kind: str
    at: datetime
    about: str = ""
    names: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LockSight:
    """What is known of a terminal's anti-plug lock beside its declaration.

    `attested`: the ledger has an attestation that fits the declaration and the photo now. `report` is what a sensed
    lock said last, at `heard_at` by the controller's clock; `wrong` are codes of what it contradicts now.
    """

    attested: bool = False
    report: LockReport | None = None
    heard_at: datetime | None = None
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TerminalUse:
    """One terminal from `since` on. `heard_at` is its last sign of life by the controller's clock, None: none yet.

    `openings` and `incidents` are in the ledger's order. `codes` are the challenges for which a rescue code was given.
    `stopped`: the last that it told of its agent is that it was stopped.
    """

    terminal: str
    since: datetime
    heard_at: datetime | None = None
    openings: tuple[Opening, ...] = ()
    incidents: tuple[Incident, ...] = ()
    codes: frozenset[str] = frozenset()
    stopped: datetime | None = None
    lock: LockSight = LockSight()
    readers: tuple[str, ...] = ()

    def of(self, *kinds: str) -> tuple[Incident, ...]:
        """Give the incidents of these kinds."""
        return tuple(each for each in self.incidents if each.kind in kinds)


@dataclass(frozen=True, slots=True)
class ListsSight:
    """The access-control system's lists by version: the keyed hash of the file, and the hash of what it says.

    `current` is the version in force (0: none), `problem` what is wrong with their source.
    """

    lists: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    current: int = 0
    problem: Text | None = None

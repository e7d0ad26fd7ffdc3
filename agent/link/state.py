"""What a terminal must not forget: boots, grants, the chain's end, rescue attempts; and how forgetting is noticed.

The state is one value, :class:`AgentState`. It lies in the same database as the events (agent/link/spool.py), so that a
grant's counter and jti and the event `lease.opened` are one commit: there is no moment at which one is durable and the
other is not. Every change is a pure method that gives a new value.

A commit that is lost later (a truncated log, a restored copy) leaves a database that is sound, only older. Two
witnesses notice that: a copy of the chain's end in the run folder (tmpfs: this boot) and one beside the database, both
written after the commit. The second is not synced, for it needs no truth of its own: what it holds was durable before
it was written, so it may lag behind the database, and never leads it unless the database forgot. When both are lost or
restored together, the controller knows: it has acked what the agent does not have (:meth:`Spool.rolled_back_by`).

Fail closed after a loss: a grant counts only with the nonce of this start, which is never stored and is new after every
start and every accepted grant. So no grant from before a loss can be used again, whatever the counter says; the counter
goes on from the highest that is known, else from 0. `lost` names the event that tells of the loss until it is acked:
while it is set, offline rights that hang on the state alone (rescue codes) are not to be given.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent.offline.memory import OfflineMemory
from agent.usb.leases import from_members, to_members
from policies import canonical
from policies.errors import InputError
from policies.grants import Grant, Moment, Standing
from policies.messages import fields
from policies.messages.event import AgentEvent, Head, Origin, stamp_ms
from policies.texts import t
from policies.usb import Lease

_log = logging.getLogger("portseal.link")

#: How many jti of accepted grants are kept; the rising counter refuses older ones anyway.
MAX_USED = 256
#: How many kinds a record of folded events counts apart; all further ones count together.
MAX_FOLDED = 64
#: Bytes of a witness: below a disk's sector, so that a power loss leaves the old or the new one.
WITNESS_SIZE = 512
#: How many used rescue codes are kept.
MAX_CODES = 64

Used = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Folded:
    """Events that had no room: how many of each kind, and when the first and the last of them came."""

    counts: tuple[tuple[str, int], ...] = ()
    first_at: str = ""
    last_at: str = ""

    @property
    def total(self) -> int:
        """How many events it stands for."""
        return sum(count for _, count in self.counts)

    def with_event(self, kind: str, at: str) -> Folded:
        """Count one more."""
        counts = dict(self.counts)
        name = kind if kind in counts or len(counts) < MAX_FOLDED else "other"
        counts[name] = counts.get(name, 0) + 1
        return Folded(tuple(sorted(counts.items())), self.first_at or at, at)

    def data(self) -> dict[str, int | str]:
        """Give what the event `spool.full` says."""
        told: dict[str, int | str] = {f"count.{kind}": count for kind, count in self.counts}
        return told | {"events": self.total, "first_at": self.first_at, "last_at": self.last_at}


@dataclass(frozen=True, slots=True)
class AgentState:
    """All of it, at one moment.

    `boot` counts boots, `boot_id` is the kernel's for the last of them. `counter` is the highest of an accepted grant,
    `used` the (jti, `exp`) of grants whose window may still be open. `wall_ms` is the highest wall clock at which a
    grant was accepted, in milliseconds since 1970: such a moment lay in a window that the controller signed, so a clock
    that ran wild cannot push it beyond every later grant. `head` is the end of the chain, `acked` what the
    controller has in its ledger. `held` and `held_bytes` are the events that wait. `lost` is the number of the event
    that tells of a lost state, 0 without one or when it is acked. `leases` are grants in use: also those of an
    earlier boot stay, to be told of as ended, and each holds the boot for which alone it counts. `rescue_counter` is
    that of the next challenge; `rescue_until_ms` is when the next code may be tried (CLOCK_BOOTTIME of `rescue_boot`).
    `offline` is about openings without a connection.
    """

    terminal: str
    key: str
    boot: int = 0
    boot_id: str = ""
    counter: int = 0
    used: tuple[Used, ...] = ()
    wall_ms: int = 0
    head: Head = field(default_factory=Head)
    acked: Head = field(default_factory=Head)
    held: int = 0
    held_bytes: int = 0
    folded: Folded = field(default_factory=Folded)
    lost: int = 0
    rescue_failed: int = 0
    rescue_last_ms: int = 0
    rescue_used: tuple[str, ...] = ()
    rescue_counter: int = 0
    rescue_boot: str = ""
    rescue_until_ms: int = 0
    leases: tuple[Lease, ...] = ()
    offline: OfflineMemory = field(default_factory=OfflineMemory)

    @property
    def origin(self) -> Origin:
        """Who signs the next event."""
        return Origin(self.terminal, self.boot, self.boot_id)

    def booted(self, boot_id: str) -> AgentState:
        """Count a boot, once per kernel boot id."""
        return self if boot_id == self.boot_id else replace(self, boot=self.boot + 1, boot_id=boot_id)

    def standing(self, site: str, nonce: str, longest: float, skew: float) -> Standing:
        """Give what :func:`policies.grants.judge` asks for; `longest` lease and `skew` are seconds."""
        seen = self.wall_ms / 1000
        return Standing(site, self.terminal, self.boot_id, nonce, self.counter, self.used_jti, seen, longest, skew)

    def accepted(self, grant: Grant, now: Moment) -> AgentState:
        """Remember an accepted grant; raises InputError when it, or a later one, was accepted before."""
        if grant.ctr <= self.counter or grant.jti in self.used_jti:
            raise InputError(
                t("the grant was accepted before"), where=grant.jti, next_step=t("swipe again for a new grant")
            )
        state = self.seen(now)
        used = [each for each in self.used if each[1] * 1000 >= state.wall_ms] + [(grant.jti, grant.exp)]
        return replace(state, counter=grant.ctr, used=tuple(used[-MAX_USED:]))

    def seen(self, now: Moment) -> AgentState:
        """Remember the wall clock, when it is the highest so far.

        Only a time that the controller vouched for belongs here: after one glance at a clock that ran ahead, no grant
        would count until the world has caught up.
        """
        return replace(self, wall_ms=max(self.wall_ms, _ms(now)))

    def raised(self, counter: int) -> AgentState:
        """Let no grant count that has this counter, or a lower one (a revocation may say so)."""
        return replace(self, counter=max(self.counter, counter))

    @property
    def used_jti(self) -> frozenset[str]:
        """The jti that must not come again."""
        return frozenset(jti for jti, _ in self.used)

    def with_event(self, event: AgentEvent) -> AgentState:
        """Move the chain's end on to `event`, which now waits."""
        size = len(event.raw)
        return replace(self, head=event.head, held=self.held + 1, held_bytes=self.held_bytes + size)

    def with_folded(self, kind: str, moment: Moment) -> AgentState:
        """Count an event that has no room."""
        return replace(self, folded=self.folded.with_event(kind, stamp_ms(moment.wall)))

    def with_ack(self, acked: Head, count: int, size: int) -> AgentState:
        """Let go of `count` events (`size` bytes) that the controller has."""
        lost = 0 if acked.seq >= self.lost else self.lost
        return replace(self, acked=acked, held=self.held - count, held_bytes=self.held_bytes - size, lost=lost)

    def rescue_refused(self, now: Moment) -> AgentState:
        """Count a rescue code that was wrong; `rescue_failed` and `rescue_last_ms` let the caller slow guesses down."""
        return replace(self, rescue_failed=self.rescue_failed + 1, rescue_last_ms=_ms(now))

    def rescued(self, code: str, now: Moment) -> AgentState:
        """Remember that a code (by an id or a digest, never itself) was used; raises InputError when it was before."""
        if code in self.rescue_used:
            raise InputError(
                t("the rescue code was used before"), next_step=t("ask the site's two people for a new one")
            )
        used = (*self.rescue_used, code)[-MAX_CODES:]
        return replace(self, rescue_used=used, rescue_failed=0, rescue_last_ms=_ms(now))

    def encode(self) -> bytes:
        """Give the bytes that are stored: canonical JSON. Their SHA-256 is stored beside them."""
        members = {name: getattr(self, name) for name in _SCALARS}
        members |= {"head": [self.head.seq, self.head.digest], "acked": [self.acked.seq, self.acked.digest]}
        folded = self.folded
        members["folded"] = [[list(pair) for pair in folded.counts], folded.first_at, folded.last_at]
        members |= {"used": [list(pair) for pair in self.used], "rescue_used": list(self.rescue_used)}
        members["leases"] = [to_members(each) for each in self.leases]
        if self.offline != OfflineMemory():
            members["offline"] = self.offline.plain()
        return canonical.encode(members)

    @classmethod
    def decode(cls, raw: bytes) -> AgentState:
        """Read what :meth:`encode` wrote; raises InputError for anything else."""
        members = fields.exact(canonical.decode(raw), "", _STATE, _LATER)
        try:
            counts, first, last = members["folded"]
            return cls(
                **{name: _typed(members[name], kind) for name, kind in _SCALARS.items()},
                head=_head(members["head"]),
                acked=_head(members["acked"]),
                folded=Folded(_pairs(counts), _typed(first, str), _typed(last, str)),
                used=_pairs(members["used"]),
                rescue_used=tuple(_typed(each, str) for each in _typed(members["rescue_used"], list)),
                leases=tuple(from_members(_typed(each, dict)) for each in _typed(members["leases"], list)),
                offline=OfflineMemory.read(members["offline"]) if "offline" in members else OfflineMemory(),
            )
        except (TypeError, ValueError):
            raise InputError(t("this is not the state of an agent")) from None


_SCALARS: Mapping[str, type] = {
    "terminal": str, "key": str, "boot": int, "boot_id": str, "counter": int, "wall_ms": int, "held": int,
    "held_bytes": int, "lost": int, "rescue_failed": int, "rescue_last_ms": int, "rescue_counter": int,
    "rescue_boot": str, "rescue_until_ms": int,
}  # fmt: skip
_STATE = frozenset(_SCALARS) | {"head", "acked", "folded", "used", "rescue_used", "leases"}
#: What a state of before does not have.
_LATER = frozenset({"offline"})


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind or (isinstance(value, int) and value < 0):
        raise ValueError
    return value


def _head(value: Any) -> Head:
    seq, digest = value
    return Head(_typed(seq, int), _typed(digest, str))


def _pairs(value: Any) -> tuple[tuple[str, int], ...]:
    return tuple((_typed(name, str), _typed(number, int)) for name, number in _typed(value, list))


def _ms(now: Moment) -> int:
    return max(0, round(now.wall * 1000))


class Witness:
    """A small copy of what the state had reached, in a file of its own. Reading and writing it never raises."""

    def __init__(self, path: Path, terminal: str, key: str) -> None:
        self.path = path
        self._terminal, self._key = terminal, key
        self._file = -1

    def read(self) -> AgentState | None:
        """Give the part of the state that was written last; None when nothing of this terminal and key can be read."""
        try:
            with self.path.open("rb") as file:
                block = file.read(WITNESS_SIZE + 1)
            checksum, raw = block[:64], block[64:].rstrip(b" ")
            if len(block) != WITNESS_SIZE or hashlib.sha256(raw).hexdigest().encode() != checksum:
                return None
            owner, boot, boot_id, counter, wall_ms, seq, digest = canonical.decode(raw)
        except (OSError, InputError, TypeError, ValueError):
            return None
        if owner != self._owner:
            return None
        head = Head(seq, digest)
        return AgentState(self._terminal, self._key, boot, boot_id, counter, wall_ms=wall_ms, head=head)

    def write(self, state: AgentState) -> None:
        """Copy the boot, the counter, the clock and the chain's end out of `state`."""
        reached = [state.boot, state.boot_id, state.counter, state.wall_ms, state.head.seq, state.head.digest]
        raw = canonical.encode([self._owner, *reached])
        block = (hashlib.sha256(raw).hexdigest().encode() + raw).ljust(WITNESS_SIZE)
        try:
            if self._file < 0:
                flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._file = os.open(self.path, flags, 0o600)
            os.pwrite(self._file, block, 0)
        except OSError as error:
            # The event is durable, and only a later roll-back would stay unseen here: no reason to refuse it.
            _log.warning("%s: the witness cannot be written (%s)", self.path, error.strerror)

    @property
    def _owner(self) -> str:
        return hashlib.sha256(f"{self._key} {self._terminal}".encode()).hexdigest()

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = -1


def forgot(state: AgentState, witness: AgentState) -> bool:
    """Tell whether `state` is older than what a witness saw, or at the same number on another branch."""
    if state.head.seq == witness.head.seq and state.head != witness.head:
        return True
    mine = (state.head.seq, state.counter, state.boot)
    return any(has < had for has, had in zip(mine, (witness.head.seq, witness.counter, witness.boot), strict=True))


def merged(states: Iterable[AgentState]) -> AgentState:
    """Give the best that several incomplete memories know together; the first is the fullest, and one is needed."""
    known = list(states)
    last = max(known, key=lambda each: each.boot)
    return replace(
        known[0],
        boot=last.boot,
        boot_id=last.boot_id,
        counter=max(each.counter for each in known),
        wall_ms=max(each.wall_ms for each in known),
        head=max((each.head for each in known), key=lambda head: head.seq),
    )


class Nonce:
    """128 random bits in hex that a grant must carry; new at every start and after every accepted grant."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = secrets.token_hex(16)

    def renew(self) -> str:
        """Make a new one: no grant for the old one is accepted any more."""
        self.value = secrets.token_hex(16)
        return self.value

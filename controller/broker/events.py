"""Events of terminals into the ledger: each once, in the order of its chain, with its signature checked.

An event that is acknowledged is in the ledger. What comes twice is acknowledged again and not written again. An event
that others are missing before it waits for them: the terminal sends all that is not acknowledged again. When they never
come (this controller's memory was restored from an old backup, or theirs was lost), the gap is an entry of its own,
and the chain goes on behind it. Another event under a number that was there before is a fork: it is written down as
one, and never acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from controller.broker.say import Say
from controller.context import Context
from controller.ledger.entry import Draft, Entry
from controller.ledger.guard import check
from controller.store.terminals import has_revoked_key, trusted_key
from controller.store.told import event_digest, last_event, put_event
from policies.errors import InputError, SafetyRefusal
from policies.keys import PublicKey, SigningKey
from policies.messages.ack import Ack, sign
from policies.messages.event import AgentEvent, BrokenChain, Fault, read_event, verify_next
from policies.messages.finding import MAX_SUBJECT, FindingNote
from policies.messages.topics import Kind
from policies.texts import t

#: An event behind a gap is taken when it has come this often, over this long: resending fills what only got lost.
GAP_TIMES, GAP_WAIT = 3, timedelta(seconds=20)
#: What is wrong with events of one terminal is written down again after this long, not each time.
QUIET = timedelta(minutes=10)

_ANOTHER = t("the event is another terminal's")


@dataclass(slots=True)
class _Waiting:
    seq: int
    since: datetime
    times: int = 1


@dataclass(slots=True)
class _Chain:
    """One terminal's chain as far as this process knows; `last` is unknown until the first event."""

    key: PublicKey | None
    last: AgentEvent | None = None
    read: bool = False
    waiting: _Waiting | None = None
    told: dict[str, datetime] = field(default_factory=dict)


class Events:
    """The events of all terminals. `take` belongs into a transaction; after one that failed, call `forget`."""

    def __init__(self, context: Context, key: SigningKey, heard: Callable[[AgentEvent, Entry], list[Say]]) -> None:
        self._context, self._key, self._heard = context, key, heard
        self._chains: dict[str, _Chain] = {}
        self._acks: dict[str, tuple[int, str]] = {}

    def take(self, terminal: str, payload: bytes, now: datetime) -> list[Say]:
        """Write an event down, and give what follows from it; what it is worth to acknowledge: see :meth:`acks`."""
        key = trusted_key(self._context.store, terminal)
        chain = self._chain(terminal, key)
        if key is None:
            gone = has_revoked_key(self._context.store, terminal)
            return self._suspect(chain, terminal, "revoked" if gone else "not_enrolled", payload, now)
        try:
            event = read_event(payload, key)
            if event.terminal != terminal:
                raise BrokenChain(event.seq, Fault.TERMINAL, _ANOTHER, terminal)
        except InputError as error:
            return self._suspect(chain, terminal, getattr(error, "fault", "unreadable"), payload, now)
        known = event_digest(self._context.store, terminal, event.seq)
        if known == event.head.digest:
            self._ack(chain)
            return []
        if known:
            return self._suspect(chain, terminal, Fault.FORK, payload, now)
        return self._follow(chain, event, now)

    def acks(self) -> list[Say]:
        """Give one signed acknowledgement for each terminal of whose events something was taken since the last call."""
        found = [
            Say(Kind.EVENT_ACK, name, _sealed(Ack(self._context.site.name, name, seq, digest), self._key))
            for name, (seq, digest) in self._acks.items()
        ]
        self._acks.clear()
        return found

    def forget(self) -> None:
        """Drop what this process knows of the chains: a transaction that took events was rolled back."""
        self._chains.clear()
        self._acks.clear()

    def _chain(self, terminal: str, key: PublicKey | None) -> _Chain:
        chain = self._chains.get(terminal)
        if chain is None or chain.key != key:
            # An enrolment, perhaps by another process, has made another key the trusted one: its chain begins anew.
            chain = self._chains[terminal] = _Chain(key)
            self._acks.pop(terminal, None)
        if not chain.read:
            chain.last, chain.read = last_event(self._context.store, terminal), True
        return chain

    def _follow(self, chain: _Chain, event: AgentEvent, now: datetime) -> list[Say]:
        said: list[Say] = []
        try:
            verify_next(event, chain.last)
        except BrokenChain as broken:
            if broken.fault is not Fault.GAP:
                return self._suspect(chain, event.terminal, broken.fault, event.raw, now)
            if not _patient(chain, event.seq, now):
                return []
            first = 1 if chain.last is None else chain.last.seq + 1
            said = self._find("gap", event.terminal, {"first": first, "last": event.seq - 1})
        chain.waiting = None
        entry = self._write(event)
        put_event(self._context.store, event, entry.seq)
        chain.last = event
        self._ack(chain)
        return said + self._heard(event, entry)

    def _write(self, event: AgentEvent) -> Entry:
        name = event.terminal
        kind, actor = f"terminal.{event.kind}", f"terminal:{name}"
        try:
            check(event.data, "data.event.data")  # all else of an event has its form
            draft = Draft.make(kind, name, {}, actor, {"event": event.raw.decode("utf-8")})
        except (SafetyRefusal, ValueError):
            # What may not stand in the ledger is not a reason to lose that there was an event, nor to wait for ever.
            told = {"digest": event.head.digest, "seq": event.seq, "withheld": True}
            draft = Draft.make(kind, name, told, actor)
        (entry,) = self._context.ledger.append_many([draft])
        return entry

    def _ack(self, chain: _Chain) -> None:
        if chain.last is not None:
            self._acks[chain.last.terminal] = (chain.last.seq, chain.last.head.digest)

    def _suspect(self, chain: _Chain, terminal: str, fault: str, payload: bytes, now: datetime) -> list[Say]:
        """Write down that something is wrong, at most once in a while for each cause: it may come without end."""
        before = chain.told.get(fault)
        if before is not None and now - before < QUIET:
            return []
        chain.told[fault] = now
        return self._find(str(fault), terminal, {"digest": sha256(payload).hexdigest()})

    def _find(self, what: str, terminal: str, data: dict[str, object]) -> list[Say]:
        return finding(self._context, f"terminal.chain_{what}", terminal, data)


def _sealed(ack: Ack, key: SigningKey) -> Callable[[], bytes]:
    return lambda: sign(ack, key).encode()


def finding(context: Context, kind: str, subject: str, data: dict[str, object]) -> list[Say]:
    """Write something down that somebody should look at, and tell it on the broker."""
    (entry,) = context.ledger.append_many([Draft.make(kind, subject, data, "controller")])
    told = FindingNote(entry.seq, kind, subject[:MAX_SUBJECT], data).encode()
    return [Say(Kind.FINDING, "", lambda: told)]


def _patient(chain: _Chain, seq: int, now: datetime) -> bool:
    """Tell whether an event behind a gap has waited long enough for those before it."""
    waiting = chain.waiting
    if waiting is None or waiting.seq != seq:
        if waiting is None or seq < waiting.seq:
            chain.waiting = _Waiting(seq, now)
        return False
    waiting.times += 1
    return waiting.times >= GAP_TIMES and now - waiting.since >= GAP_WAIT

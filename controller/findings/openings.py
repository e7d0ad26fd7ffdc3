"""What the ledger says of every terminal's openings: read once for a check, and judged by policies/clauses/c72b, c72c.

The entries of a day before the period are read too: a lease that was opened then may still be used in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.cards.sync import last_look
from controller.context import Context
from controller.ledger.entry import Entry
from controller.ledger.query import Filter, entries
from controller.ledger.query import entry as entry_at
from controller.network.attestation import attestation
from controller.store import cards
from controller.store.locks import kept_lock
from controller.store.offline import permit_of
from controller.store.open import Store
from controller.store.told import statuses
from policies import canonical
from policies.errors import InputError
from policies.messages.event import AgentEvent, read_event
from policies.openings import Decision, Incident, ListsSight, LockSight, Opening, TerminalUse
from policies.terminal import Terminal

#: How long before the period an opening may have begun that is used in it: longer than any lease.
_EARLIER = timedelta(days=1)
#: The kinds of entries that decide an opening.
_DECIDING = ("swipe.granted", "lease.extension.granted", "lease.manual")
#: The kinds of terminals' events that are read, or the beginnings of them up to a dot.
_EVENTS = (
    "lease.opened", "offline.opened", "lease.ended", "usb.opened", "usb.relocked", "keeper.relocked", "rescue.used",
    "gate.foreign_authorise", "lock", "tamper", "binding.removed", "state", "spool.full", "agent",
)  # fmt: skip
#: Entries of the controller's own about a terminal, and about its lock.
_OURS = ("terminal.chain_gap", "terminal.chain_fork", "lock", "offline.unexplained")
_CODE = "terminal.rescue.intent"


@dataclass(slots=True)
class _Lease:
    """A lease while its events are read: how it was opened, and what of it was open when."""

    opening: Opening
    open: set[str] = field(default_factory=set)
    used: bool = False
    shut: datetime | None = None
    ended: datetime | None = None
    why: str = ""

    def made(self) -> Opening:
        """Give the opening with its end: when the last device was shut, if that is known, else when it was told over.

        A reboot and a lease that let nothing in leave nothing open behind the end of the lease.
        """
        ended = self.ended
        if ended is not None and (self.why == "reboot" or not self.used):
            ended = min(ended, self.opening.ends)
        if self.shut is not None and not self.open:
            ended = self.shut if ended is None else min(ended, self.shut)
        return replace(self.opening, ended=ended)


@dataclass(frozen=True, slots=True)
class _Told:
    """A terminal's event, and the entry in which it stands."""

    entry: Entry
    event: AgentEvent


@dataclass(slots=True)
class _Reading:
    """One terminal while its entries are read; `decisions` are those of all terminals, by lease."""

    decisions: Mapping[str, Decision]
    leases: dict[str, _Lease] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)
    stopped: datetime | None = None
    last: datetime | None = None


def uses_of(context: Context, since: datetime) -> dict[str, TerminalUse]:
    """Give what the ledger says from `since` on of every terminal that the site declares with an agent."""
    after = _before(context, since - _EARLIER)
    decisions = dict(_decisions(context, after))
    found: dict[str, _Reading] = defaultdict(lambda: _Reading(decisions))
    for entry in sorted(_entries(context, after), key=lambda each: each.seq):
        _read(found[entry.subject], entry)
    heard = {name: each.at for name, each in statuses(context.store).items()}
    return {
        each.name: _use(context, each, found[each.name], heard.get(each.name), since)
        for each in context.site.terminals
        if each.agent
    }


def lists_of(context: Context) -> ListsSight:
    """Give the access-control system's lists that the ledger has imports of, and how the one in force stands."""
    known = {
        entry.data["version"]: (str(entry.data.get("file_mac")), str(entry.data.get("content")))
        for entry in entries(context.store, Filter(kind="cards.import.intent"))
    }
    inforce, look = cards.listing(context.store), last_look(context.store)
    problem = None if look is None or look.state.good else look.problem
    return ListsSight(known, 0 if inforce is None else inforce.version, problem)


def _before(context: Context, at: datetime) -> int:
    """Give the number of the last entry before a time."""
    for entry in entries(context.store, Filter(before=at), newest_first=True, limit=1):
        return entry.seq
    return 0


def _entries(context: Context, after: int) -> Iterable[Entry]:
    for kind in (*(f"terminal.{each}" for each in _EVENTS), *_OURS, _CODE):
        yield from entries(context.store, Filter(kind=kind, after_seq=after))


def _decisions(context: Context, after: int) -> Iterable[tuple[str, Decision]]:
    for kind in _DECIDING:
        for entry in entries(context.store, Filter(kind=kind, after_seq=after)):
            jti, decision = _decision(entry)
            yield jti, decision


def _decision(entry: Entry) -> tuple[str, Decision]:
    """Give the id of the grant (or permit) that an entry decides, and the decision."""
    data, kind = entry.data, entry.kind
    terminal, case = entry.subject if kind == "lease.manual" else str(data.get("terminal")), data.get("case")
    raw = b"" if case is None else canonical.encode(case)
    code, people = str(data.get("code", "")), _names(data.get("people"))
    return str(data.get("jti")), Decision(entry.seq, kind, terminal, code, raw, people)


def _permitted(context: Context, opening: Opening) -> Opening:
    """Give an opening without a connection its decision: it was made long before, and is known by its permit."""
    permit = None if opening.decision is not None else permit_of(context.store, opening.jti)
    if permit is None:
        return opening
    jti, decision = _decision(entry_at(context.store, permit.entry))
    return replace(opening, decision=decision) if jti == opening.jti else opening


def _read(found: _Reading, entry: Entry) -> None:
    data = entry.data
    if entry.kind == _CODE:
        found.codes.add(str(data.get("challenge")))
        return
    told = data.get("event")
    if not isinstance(told, dict):
        found.incidents.append(_own(entry, data))
        return
    try:
        event = read_event(canonical.encode(told), None)
    except InputError:  # of a format that this version does not know
        return
    found.last = entry.at
    kind = entry.kind.removeprefix("terminal.")
    if kind.startswith("agent."):
        found.stopped = event.at if kind == "agent.stopped" else None
    elif (step := _STEPS.get(kind)) is not None:
        step(found, _Told(entry, event))
    else:
        found.incidents.append(_incident(entry, event))


def _own(entry: Entry, data: dict[str, Any]) -> Incident:
    """Make an incident of an entry that the controller wrote by itself."""
    about = str(data.get("lock", ""))
    if entry.kind == "terminal.chain_gap":
        about = str(int(data.get("last", 0)) - int(data.get("first", 0)) + 1)
    return Incident(entry.seq, entry.kind, entry.at, about)


def _incident(entry: Entry, event: AgentEvent) -> Incident:
    data = event.data
    about = next((str(data[key]) for key in ("challenge", "lock", "port") if data.get(key)), "")
    names = _names(data.get("bindings")) or _names([data.get("binding")])
    return Incident(entry.seq, entry.kind, event.at, about, names, _names(data.get("people")))


def _opened(found: _Reading, told: _Told) -> None:
    jti, seconds = str(told.event.data.get("lease")), told.event.data.get("seconds")
    ends = told.event.at + timedelta(seconds=seconds if isinstance(seconds, int) else 0)
    card, decision = str(told.event.data.get("card")), found.decisions.get(jti)
    found.leases[jti] = _Lease(Opening(jti, told.entry.seq, told.entry.at, card, told.event.at, ends, decision))


def _rescued(found: _Reading, told: _Told) -> None:
    """Make one opening for each use of a rescue code, as the terminal has made a lease for each."""
    found.incidents.append(_incident(told.entry, told.event))
    minutes, counter = told.event.data.get("minutes"), told.event.data.get("counter")
    ends = told.event.at + timedelta(minutes=minutes if isinstance(minutes, int) else 0)
    for use in _names(told.event.data.get("uses")):
        jti = f"rescue-{counter}-{use}"
        card = str(told.event.data.get("card"))
        found.leases[jti] = _Lease(Opening(jti, told.entry.seq, told.entry.at, card, told.event.at, ends, rescue=True))


def _let_in(found: _Reading, told: _Told) -> None:
    jti = told.event.data.get("lease")
    if not jti:
        return  # it is bound
    lease = found.leases.get(str(jti))
    if lease is None:
        found.incidents.append(Incident(told.entry.seq, told.entry.kind, told.event.at, str(jti)))
    else:
        lease.open.add(str(told.event.data.get("name")))
        lease.used = True


def _relocked(found: _Reading, told: _Told) -> None:
    lease = found.leases.get(str(told.event.data.get("lease")))
    if lease is not None:
        lease.open.discard(str(told.event.data.get("name")))
        lease.shut = told.event.at


def _kept(found: _Reading, told: _Told) -> None:
    """Take the keeper's word for when it shut a device: it is told by the agent, later."""
    lease, at_ms = found.leases.get(str(told.event.data.get("lease"))), told.event.data.get("at_ms")
    if lease is not None and isinstance(at_ms, int) and told.event.data.get("authorized") is False:
        lease.open.discard(str(told.event.data.get("name")))
        lease.shut = told.event.at - timedelta(milliseconds=max(0, told.event.uptime_ms - at_ms))


def _ended(found: _Reading, told: _Told) -> None:
    lease = found.leases.get(str(told.event.data.get("lease")))
    if lease is not None:
        lease.ended, lease.why = told.event.at, str(told.event.data.get("why"))


_STEPS: dict[str, Callable[[_Reading, _Told], None]] = {
    "lease.opened": _opened, "offline.opened": _opened, "rescue.used": _rescued, "usb.opened": _let_in,
    "usb.relocked": _relocked, "keeper.relocked": _kept, "lease.ended": _ended,
}  # fmt: skip


def _use(
    context: Context, terminal: Terminal, found: _Reading, heard: datetime | None, since: datetime
) -> TerminalUse:  # fmt: skip
    signs = [each for each in (heard, found.last) if each is not None]
    first = _before(context, since)
    made, lock = attestation(context.store, context.site, terminal), sight_of(context.store, terminal)
    return TerminalUse(
        terminal=terminal.name,
        since=since,
        heard_at=max(signs, default=None),
        openings=tuple(_permitted(context, each.made()) for each in found.leases.values()),
        incidents=tuple(each for each in found.incidents if each.entry > first),
        codes=frozenset(found.codes),
        stopped=found.stopped,
        lock=replace(lock, attested=made is not None and made.current),
        readers=tuple(each.name for each in context.site.readers if terminal.name in each.terminals),
    )


def sight_of(store: Store, terminal: Terminal) -> LockSight:
    """Give what a terminal's lock has said last; whether it is attested is not looked up here."""
    kept = kept_lock(store, terminal.name, terminal.lock.id) if terminal.lock.id else None
    return LockSight() if kept is None else LockSight(False, kept.report, kept.heard_at, kept.wrong)


def _names(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value if each) if isinstance(value, (list, tuple)) else ()

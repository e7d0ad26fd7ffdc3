"""The desk: swipes, what operators answer, and what terminals tell of leases; every decision with its entry.

All of it runs inside a transaction of the caller, who sends what is given back once that is on disk. What waits for an
answer is in memory only: after a restart the operator swipes again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controller.broker.presence import Presence
from controller.broker.say import Say
from controller.cards.leases import Leases
from controller.cards.presenting import Presenting
from controller.cards.signing import Opening, Signing
from controller.context import Context
from controller.ledger.entry import Draft, Entry
from controller.ledger.query import entry as read_entry
from controller.store.grants import GrantState, KeptGrant, extensions, grant_of
from policies import canonical
from policies.cards.case import Case, case_of, read_case, rules_of, write_case
from policies.cards.decide import decide
from policies.cards.prolong import prolonging
from policies.cards.rights import Asked, Authority, Kind, Outcome, Presented, TerminalState
from policies.cards.swipe import Swipe
from policies.codec import stamp, to_plain
from policies.grants import Purpose
from policies.messages.request import Request

#: Requests whose repetition is known, at most.
MOST_REQUESTS = 10_000


@dataclass(frozen=True, slots=True)
class Pending:
    """A swipe that waits for an answer at a terminal, until a time; `entry` is that of the question."""

    swipe: Presented
    purpose: Purpose | None
    until: datetime
    entry: int


@dataclass(slots=True)
class Memory:
    """What the desk remembers between messages; small, so that a copy before each batch costs nothing."""

    pending: dict[str, Pending] = field(default_factory=dict)
    chosen: dict[str, tuple[Purpose, datetime]] = field(default_factory=dict)
    requests: dict[tuple[str, str], None] = field(default_factory=dict)

    def copy(self) -> Memory:
        """Give a copy to go back to when the transaction fails."""
        return Memory(dict(self.pending), dict(self.chosen), dict(self.requests))


@dataclass(frozen=True, slots=True)
class Parts:
    """What the desk works with. `authority` gives the list that counts now."""

    context: Context
    presence: Presence
    presenting: Presenting
    signing: Signing
    authority: Callable[[], Authority]


class Desk:
    """The desk of one site; `memory` may be set back by the caller."""

    def __init__(self, parts: Parts, leases: Leases) -> None:
        self._parts, self._leases = parts, leases
        self._context = parts.context
        self._rules = rules_of(parts.context.site)
        self._answer = timedelta(seconds=self._rules.policy.swipe_answer_s)
        self.memory = Memory()

    @property
    def signing(self) -> Signing:
        """What signs this desk's answers."""
        return self._parts.signing

    def swipe(self, swipe: Swipe, received: datetime, now: datetime) -> list[Say]:
        """Decide a swipe that came here at `received`: earlier than `now` when it could not be written down at once."""
        shown = self._parts.presenting.present(swipe, received)
        reader = self._rules.reader(shown.reader)
        terminals = [] if reader is None else [each for each in reader.terminals if self._has_agent(each)]
        if not terminals:
            terminals = [reader.terminals[0]] if reader is not None else [""]
        return self._swiped(shown, terminals, now)

    def request(self, terminal: str, asked: Request, now: datetime) -> list[Say]:
        """Take what the operator said at a terminal: a purpose before or after the swipe, or more time."""
        known = self.memory.requests
        if (terminal, asked.id) in known:
            return []
        known[terminal, asked.id] = None
        if len(known) > MOST_REQUESTS:
            known.pop(next(iter(known)))
        if asked.extend is not None:
            return self._prolong(terminal, asked.extend, now)
        waiting = self.memory.pending.get(terminal)
        if waiting is not None and waiting.until >= now and waiting.purpose is None:
            return self._decide(waiting.swipe, terminal, now, Asked(asked.purpose), waiting.entry)
        until = now + self._answer
        self.memory.chosen[terminal] = (asked.purpose, until)
        # The operator's view shows the choice for as long as it counts here, and only this desk knows how long.
        told = self._parts.signing.notice(terminal, Kind.NEEDS, "chosen", now)
        told = replace(told, purposes=(asked.purpose,), until=int(until.timestamp()))
        return [self._parts.signing.say(told)]

    def tick(self, now: datetime) -> list[Say]:
        """Give up on swipes that nobody answered for."""
        said: list[Say] = []
        for terminal, waiting in list(self.memory.pending.items()):
            if waiting.until >= now:
                continue
            del self.memory.pending[terminal]
            data = {"terminal": terminal, "card": waiting.swipe.card, "question": waiting.entry}
            self._write("swipe.unanswered", waiting.swipe.reader, data)
            told = self._parts.signing.notice(terminal, Kind.DENIED, "answer_late", now)
            said.append(self._parts.signing.say(told))
        for terminal, (_, until) in list(self.memory.chosen.items()):
            if until < now:
                del self.memory.chosen[terminal]
        return said

    def _swiped(self, shown: Presented, terminals: list[str], now: datetime) -> list[Say]:
        for terminal in terminals:
            waiting = self.memory.pending.get(terminal)
            if waiting is None or waiting.until < now or waiting.purpose is None:
                continue
            if waiting.swipe.card != shown.card:
                return self._decide(waiting.swipe, terminal, now, Asked(waiting.purpose, shown), waiting.entry)
        chosen = [each for each in terminals if each in self.memory.chosen and self.memory.chosen[each][1] >= now]
        mine = [each.terminal for each in self._leases.open(now) if shown.card in each.cards] if shown.card else []
        for terminal in (*(each for each in terminals if each in mine), *chosen[:1]):
            return self._fresh(shown, terminal, now)
        return self._first(shown, terminals, now)

    def _fresh(self, shown: Presented, terminal: str, now: datetime) -> list[Say]:
        """Decide a first swipe at one terminal, for the purpose that was chosen before it."""
        purpose, until = self.memory.chosen.get(terminal, (None, now))
        return self._decide(shown, terminal, now, None if purpose is None or until < now else Asked(purpose), 0)

    def _first(self, shown: Presented, terminals: list[str], now: datetime) -> list[Say]:
        """Decide a first swipe at a reader: where several terminals could open, each asks, and the answer chooses."""
        cases = [self._only(self._case(shown, terminal, now, None)) for terminal in terminals]
        hopeful = [(case, outcome) for case, outcome in cases if outcome.kind is not Kind.DENIED]
        if len(hopeful) > 1:
            asking = [self._asking(case) for case, _ in hopeful]
            return [said for case, outcome in asking for said in self._follow(case, outcome, 0)]
        case, outcome = hopeful[0] if hopeful else cases[0]
        said = self._follow(case, outcome, 0)
        if hopeful or not said:
            return said
        # Nobody knows at which of the terminals the operator stands: all of them say why nothing opens.
        return [*said, *(self._parts.signing.answer(each, outcome, now) for each in terminals[1:])]

    def _decide(
        self, shown: Presented, terminal: str, now: datetime, asked: Asked | None, question: int
    ) -> list[Say]:  # fmt: skip
        return self._follow(*self._only(self._case(shown, terminal, now, asked)), question)

    def _case(self, shown: Presented, terminal: str, now: datetime, asked: Asked | None) -> Case:
        return case_of(shown, self._state(terminal, now), self._parts.authority(), self._rules, now, asked)

    @staticmethod
    def _only(case: Case) -> tuple[Case, Outcome]:
        """Decide a case; where the list leaves no choice of a purpose, asking would be a step for nothing."""
        outcome = decide(case)
        if outcome.code == "purpose" and len(outcome.purposes) == 1:
            case = replace(case, purpose=outcome.purposes[0])
            outcome = decide(case)
        return case, outcome

    @staticmethod
    def _asking(case: Case) -> tuple[Case, Outcome]:
        """Decide a case without a purpose: who could open several terminals says at one of them which."""
        asking = replace(case, purpose=None)
        return asking, decide(asking)

    def _follow(self, case: Case, outcome: Outcome, question: int) -> list[Say]:
        """Write the decision down and do what it says."""
        terminal, now, signing = case.terminal.name, case.now, self._parts.signing
        jti = signing.jti() if outcome.kind is Kind.GRANT else ""
        entry = self._record("swipe", case, outcome, jti, {"question": question} if question else {})
        if outcome.kind is Kind.NEEDS:
            return [self._ask(case, outcome, entry)]
        if outcome.kind is Kind.DENIED:
            if case.presented.repeated:
                return []  # a replay is for the ledger; to the operator it would be a riddle
            waiting = self.memory.pending.get(terminal)
            # Whoever else swipes, and a second card that does not count, leave a question open as it is.
            return [signing.answer(terminal, outcome, now, None if waiting is None else waiting.until)]
        self._settle(case.presented.card, terminal)
        if outcome.kind is Kind.GRANT:
            return self._open(case, outcome, jti, entry)
        ended = [each for jti in outcome.relock for each in self._leases.end(jti, "swiped_again", now)]
        return [*ended, signing.answer(terminal, outcome, now)]

    def _ask(self, case: Case, outcome: Outcome, entry: Entry) -> Say:
        until = case.presented.received + self._answer
        name = case.terminal.name
        self.memory.pending[name] = Pending(case.presented, case.purpose, until, entry.seq)
        return self._parts.signing.answer(name, outcome, case.now, until)

    def _settle(self, card: str, terminal: str) -> None:
        """Forget what was asked for this swipe, here and at the other terminals of its reader."""
        for name, waiting in list(self.memory.pending.items()):
            if name == terminal or (card and waiting.swipe.card == card):
                del self.memory.pending[name]
        self.memory.chosen.pop(terminal, None)

    def _open(self, case: Case, outcome: Outcome, jti: str, entry: Entry, extends: str = "") -> list[Say]:
        terminal = case.terminal.name
        status = self._parts.presence.status(terminal)
        assert outcome.scope is not None
        assert status is not None  # decided as online
        cards = (case.presented.card, *([outcome.second] if outcome.second else []))
        opening = Opening(terminal, cards, outcome.scope, outcome.seconds, case.presented.reader, extends)
        return self._parts.signing.grant(opening, jti, status, entry.seq, case.now)

    def _prolong(self, terminal: str, jti: str, now: datetime) -> list[Say]:
        """Prolong an open lease once, if its cards would still open it."""
        store, signing = self._context.store, self._parts.signing
        grant = grant_of(store, jti)
        code = ""
        if grant is None or grant.terminal != terminal or grant.state is not GrantState.OPEN:
            code = "not_open"
        elif grant.extends or extensions(store, jti):
            code = "prolonged_before"
        case = None if grant is None or code else self._case_of(grant)
        if case is None:
            self._write("lease.extension_denied", terminal, {"code": code or "not_open", "jti": jti})
            return [signing.say(signing.notice(terminal, Kind.DENIED, code or "not_open", now))]
        again = prolonging(case, self._state(terminal, now), self._parts.authority(), self._rules, now)
        outcome = decide(again)
        new = signing.jti() if outcome.kind is Kind.GRANT else ""
        entry = self._record("lease.extension", again, outcome, new, {"extends": jti})
        if outcome.kind is Kind.GRANT:
            return self._open(again, outcome, new, entry, jti)
        return [signing.answer(terminal, outcome, now)]

    def _case_of(self, grant: KeptGrant) -> Case | None:
        """Give the case that a grant was decided by; None for one that no swipe made."""
        kept = read_entry(self._context.store, grant.entry).data.get("case")
        return None if kept is None else read_case(canonical.encode(kept))

    def _record(self, kind: str, case: Case, outcome: Outcome, jti: str, more: dict[str, object]) -> Entry:
        data: dict[str, object] = {
            "terminal": case.terminal.name, "card": case.presented.card, "code": outcome.code, **more,
        }  # fmt: skip
        if outcome.because:
            data["because"] = outcome.because
        if outcome.relock:
            data["relock"] = list(outcome.relock)
        if jti and outcome.scope is not None:
            ends = case.now + timedelta(seconds=outcome.seconds)
            data |= {"jti": jti, "expires": stamp(ends), "scope": to_plain(outcome.scope)}
        subject = case.presented.reader or "-"
        written = {"case": write_case(case).decode("utf-8")}
        return self._write(f"{kind}.{_DONE[outcome.kind]}", subject, data, written)

    def _write(
        self, kind: str, subject: str, data: dict[str, object], written: dict[str, str] | None = None
    ) -> Entry:  # fmt: skip
        actor = f"reader:{subject}" if kind.startswith("swipe.") else "controller"
        (entry,) = self._context.ledger.append_many([Draft.make(kind, subject, data, actor, written)])
        return entry

    def _state(self, terminal: str, now: datetime) -> TerminalState:
        return self._parts.presence.state(terminal, now, self._leases.open(now))

    def _has_agent(self, name: str) -> bool:
        found = self._context.site.terminal(name)
        return found is not None and found.agent


#: How the entry of a decision is called.
_DONE = {Kind.GRANT: "granted", Kind.DENIED: "denied", Kind.NEEDS: "asked", Kind.RELOCK: "relocked"}

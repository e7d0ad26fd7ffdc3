"""Permits for terminals that may open without a connection: signed anew in time, withdrawn with what they rest on.

A terminal gets a set: the cards that opened it last and may open it now, each decided as a swipe there would be, and
each decision in the ledger before it is sent. Another set follows when half of the time is over, when the list, the
site's rules or the hours give other rights, when the terminal was away or has started anew, and when it does not tell
that it has the last one. What it opened by them it tells when it is back; then the lease is known here as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.broker.events import finding
from controller.broker.presence import Presence
from controller.broker.say import Say
from controller.cards.leases import Leases
from controller.cards.pseudonyms import CardKey
from controller.cards.verifiers import Verifiers
from controller.cards.wishes import Ground, Wish, wishes
from controller.context import Context
from controller.ledger.entry import Draft
from controller.store.grants import GrantState, KeptGrant, grant_of, put_grant
from controller.store.offline import KeptPermit, may_hold, permit_of, put_permit, put_tag, tags
from policies.cards.case import rules_of, write_case
from policies.cards.number import CardNumber
from policies.cards.rights import Authority, OpenLease
from policies.codec import stamp, to_plain
from policies.keys import SigningKey
from policies.messages.event import AgentEvent
from policies.messages.status import Status
from policies.messages.topics import Kind
from policies.offline.rule import OfflineRule
from policies.offline.tokens import OfflineSet, Permit, sign_permit, sign_set
from policies.offline.verifier import SIZE, tag
from policies.terminal import Terminal

#: Until a set that was not confirmed is signed anew: at first, and at most (it doubles).
UNCONFIRMED, LATEST = timedelta(seconds=30), timedelta(minutes=30)
#: A set is signed anew no sooner than this, however short its permits are.
SOONEST = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class _Held:
    """What a terminal was sent last: for which boot, what, and when it is to be replaced; `gone`: it was away since."""

    boot: str
    wishes: frozenset[Wish]
    number: int
    until: datetime
    again: datetime
    patience: timedelta = UNCONFIRMED
    confirmed: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Parts:
    """What it works with; `jti` makes the id of a permit."""

    context: Context
    presence: Presence
    authority: Callable[[], Authority]
    leases: Leases
    key: SigningKey
    cards: CardKey
    jti: Callable[[], str]


class Offline:
    """The site's; all but `close` belongs into a transaction of the caller. After one that failed, call `forget`."""

    def __init__(self, parts: Parts) -> None:
        self._parts, self._context = parts, parts.context
        self._rules = rules_of(parts.context.site)
        store, now = parts.context.store, parts.context.clock()
        agents = (each for each in parts.context.site.terminals if each.agent)
        # Also those that have no rule any more, as long as they may hold what was signed before.
        self._terminals = tuple(each for each in agents if each.offline or may_hold(store, each.name, now))
        self._verifiers = Verifiers(parts.context.site.name)
        self._held: dict[str, _Held] = {}

    def close(self) -> None:
        """Stop what is computed in the background."""
        self._verifiers.close()

    def forget(self) -> None:
        """Drop what this process knows of what was sent: a transaction that wrote it down was rolled back."""
        self._held.clear()

    def note(self, card: str, reader: str, number: CardNumber) -> None:
        """Keep what stands for a card at the terminals of a reader that may open without a connection."""
        found = self._context.site.reader(reader)
        for name in () if found is None else found.terminals:
            if self._rule(name) is not None:
                cards = self._parts.cards
                sealed = cards.sealed(card, name, tag(number, cards.tags(name)))
                put_tag(self._context.store, card, name, sealed)

    def tick(self, now: datetime) -> list[Say]:
        """Look at every terminal, and sign what is due."""
        return [said for each in self._terminals for said in self._look(each, now)]

    def heard(self, event: AgentEvent, now: datetime) -> list[Say]:
        """Take what a terminal tells: that it has a set, or what it opened by one."""
        if event.kind == "offline.kept":
            held = self._held.get(event.terminal)
            if held is not None and event.data.get("set") == held.number:
                self._held[event.terminal] = replace(held, confirmed=True)
        elif event.kind == "offline.opened":
            return self._opened(event, now)
        return []

    def _look(self, terminal: Terminal, now: datetime) -> list[Say]:
        name, status, held = terminal.name, self._parts.presence.status(terminal.name), self._held.get(terminal.name)
        if status is None or not self._parts.presence.online(name, now):
            if held is not None:
                self._held[name] = replace(held, gone=True)
            return []
        rule = terminal.offline
        wanted = () if rule is None else self._wishes(name, rule, now)
        why = self._due(held, status, frozenset(wanted), now)
        if not why or (held is None and not wanted and not may_hold(self._context.store, name, now)):
            return []
        verifiers = self._ready(name, status.boot, wanted)
        if len(verifiers) < len({each.card for each in wanted}):
            return []  # they are being computed
        return self._sign(terminal, status, wanted, verifiers, why, now)

    def _due(self, held: _Held | None, status: Status, wanted: frozenset[Wish], now: datetime) -> str:
        """Say why a terminal needs another set, or ""."""
        if held is None:
            return "first"
        checks = (
            ("boot", held.boot == status.boot),
            ("changed", held.wishes == wanted),
            ("back", not wanted or not held.gone),
            ("refresh", not wanted or now < held.until),
            ("unconfirmed", held.confirmed or now < held.again),
        )
        return next((why for why, holds in checks if not holds), "")

    def _ready(self, name: str, boot: str, wanted: Iterable[Wish]) -> dict[str, bytes]:
        cards = {each.card for each in wanted}
        self._verifiers.only(name, boot, cards)
        if not cards:
            return {}
        sealed, key = tags(self._context.store, name), self._parts.cards
        asked = {card: self._verifiers.get(name, boot, card, key.sealed(card, name, sealed[card])) for card in cards}
        return {card: found for card, found in asked.items() if found is not None}

    def _wishes(self, name: str, rule: OfflineRule, now: datetime) -> tuple[Wish, ...]:
        return wishes(self._context.store, Ground(self._parts.authority(), self._rules, name, rule, now))

    def _sign(
        self, terminal: Terminal, status: Status, wanted: tuple[Wish, ...], verifiers: dict[str, bytes], why: str,
        now: datetime,
    ) -> list[Say]:  # fmt: skip
        parts, name = self._parts, terminal.name
        rule, begins = terminal.offline or OfflineRule(), int(now.timestamp())
        data: dict[str, object] = {"boot": status.boot, "permits": len(wanted), "why": why}
        # The set's number is that of its entry: it rises, and nothing else has to be remembered for it.
        (entry,) = self._context.ledger.append_many([Draft.make("offline.set", name, data, "controller")])
        made = OfflineSet(
            self._context.site.name, name, begins, status.boot, entry.seq, len(wanted),
            parts.cards.tags(name) if wanted else bytes(SIZE), rule.rule, self._rules.policy.swipe_answer_s,
        )  # fmt: skip
        tokens = [sign_set(made, parts.key)]
        ends = [now + timedelta(minutes=rule.valid_minutes)]
        for wish in wanted:
            permit = Permit(
                made.iss, name, wish.card, parts.jti(), begins, wish.valid(now), status.boot, entry.seq, wish.bearer,
                wish.second, wish.seconds, verifiers[wish.card], wish.scope,
            )  # fmt: skip
            ends.append(self._keep(permit, wish, now))
            tokens.append(sign_permit(permit, parts.key))
        before = self._held.get(name)
        patience = min(2 * before.patience, LATEST) if why == "unconfirmed" and before is not None else UNCONFIRMED
        half = max(now + SOONEST, now + (min(ends) - now) / 2)
        self._held[name] = _Held(status.boot, frozenset(wanted), entry.seq, half, now + patience, patience)
        return [Say(Kind.GRANT, name, token.encode) for token in tokens]

    def _keep(self, permit: Permit, wish: Wish, now: datetime) -> datetime:
        """Write a permit down, with all that it rests on; gives its end."""
        expires = now + timedelta(seconds=permit.valid)
        data: dict[str, object] = {
            "terminal": permit.aud, "card": permit.sub, "code": "granted", "jti": permit.jti, "set": permit.set,
            "expires": stamp(expires), "scope": to_plain(permit.scope), "seconds": permit.seconds,
            "second": permit.second,
        }  # fmt: skip
        written = {"case": write_case(wish.case).decode("utf-8")}
        draft = Draft.make("offline.granted", permit.aud, data, "controller", written)
        (entry,) = self._context.ledger.append_many([draft])
        purpose = permit.scope.purpose
        put_permit(
            self._context.store, KeptPermit(permit.jti, permit.aud, permit.sub, purpose, now, expires, entry.seq)
        )
        return expires

    def _opened(self, event: AgentEvent, now: datetime) -> list[Say]:
        """Know an opening as a lease; one whose cards may not open any more is ended at once."""
        store, jtis, seconds = self._context.store, event.data.get("permits"), event.data.get("seconds")
        found = [permit_of(store, each) for each in jtis] if isinstance(jtis, (list, tuple)) else []
        permits = [each for each in found if each is not None and each.terminal == event.terminal]
        whole = isinstance(seconds, int) and len(permits) == len(found) > 0
        if not whole or not isinstance(seconds, int) or event.data.get("lease") != permits[0].jti:
            # It was signed by this site's key, or the terminal would not have followed it; here nobody knows of it.
            return finding(self._context, "offline.unexplained", event.terminal, {"seq": event.seq})
        first, cards = permits[0], tuple(each.card for each in permits)
        if grant_of(store, first.jti) is None:
            expires = max(event.at, first.signed_at) + timedelta(seconds=seconds)
            put_grant(
                store,
                KeptGrant(first.jti, first.terminal, cards, f"{first.terminal}/offline", first.purpose, 0,
                          first.signed_at, expires, first.entry, state=GrantState.OPEN, state_at=now),
            )  # fmt: skip
            rule = self._rule(event.terminal)
            may = set() if rule is None else {each.card for each in self._wishes(event.terminal, rule, now)}
            if expires > now and not {*cards} <= may:
                lease = OpenLease(first.jti, first.terminal, cards, now)
                return self._parts.leases.revoke(lease, "withdrawn", "controller", now)
        return []

    def _rule(self, name: str) -> OfflineRule | None:
        found = self._context.site.terminal(name)
        return None if found is None else found.offline

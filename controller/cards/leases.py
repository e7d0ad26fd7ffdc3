"""Leases after their grant: what terminals tell of them, how they are ended, and grants that nobody answered.

An end is said to the terminal until it tells that it has obeyed: a revocation that got lost would leave a port open.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from controller.broker.say import ORDER_SECONDS, Say
from controller.cards.signing import Signing
from controller.context import Context
from controller.ledger.entry import Draft, Entry
from controller.store.grants import GrantState, KeptGrant, chain, grant_of, let_end, live_grants, set_state
from policies.cards.rights import Kind, OpenLease
from policies.messages.event import AgentEvent

#: Time between two revocations of one lease, and after which a grant without an answer is withdrawn.
AGAIN, UNANSWERED = timedelta(seconds=5), timedelta(seconds=ORDER_SECONDS + 5)
#: What a terminal's event says of a lease.
_STATES = {
    "lease.opened": GrantState.OPEN, "lease.refused": GrantState.REFUSED, "lease.ended": GrantState.ENDED,
}  # fmt: skip
#: Why a lease was ended, and the code of the notice that the operator reads.
_TOLD = {"revoked": "ended_by_admin", "withdrawn": "withdrawn"}


class Leases:
    """The leases of one site; everything but `open` belongs into a transaction of the caller."""

    def __init__(self, context: Context, signing: Signing) -> None:
        self._context, self._signing = context, signing
        self._said: dict[str, datetime] = {}

    def open(self, now: datetime) -> tuple[OpenLease, ...]:
        """Give what is, or may be, open: one lease for a grant and what prolongs it; those that are to end left out."""
        found: dict[str, OpenLease] = {}
        for each in live_grants(self._context.store, now):
            root = each.extends or each.jti
            if not each.ending and root not in found:
                found[root] = OpenLease(root, each.terminal, each.cards, each.state_at or each.signed_at)
        return tuple(found.values())

    def heard(self, event: AgentEvent, entry: Entry) -> list[Say]:
        """Take what a terminal's event says of a lease."""
        state, jti = _STATES.get(event.kind), event.data.get("lease")
        if state is None or not isinstance(jti, str):
            return []
        store, why = self._context.store, event.data.get("why") or event.data.get("code") or ""
        before = grant_of(store, jti)
        set_state(store, jti, state, entry.at, str(why))
        if state is GrantState.OPEN and before is not None and before.state is GrantState.LAPSED:
            let_end(store, jti, "unanswered")  # nobody waits for it any more
        if state is GrantState.ENDED:
            self._said.pop(jti, None)
        return []

    def end(self, root: str, why: str, now: datetime) -> list[Say]:
        """Let a lease end, and what prolongs it."""
        said = []
        for grant in chain(self._context.store, root, now):
            let_end(self._context.store, grant.jti, why)
            said.append(self._revoke(grant, now))
        return said

    def withdraw(self, cards: Iterable[str], now: datetime) -> list[Say]:
        """End what these cards have open, because the list does not give it any more."""
        gone = set(cards)
        return [
            said
            for lease in self.open(now)
            if gone & {*lease.cards}
            for said in self.revoke(lease, "withdrawn", "controller", now)
        ]

    def revoke(self, lease: OpenLease, why: str, actor: str, now: datetime, reason: str = "") -> list[Say]:
        """End a lease by somebody's order, with an entry and a notice; `why` is "withdrawn" or "revoked"."""
        data = {"jti": lease.jti, "cards": list(lease.cards), "why": why, **({"reason": reason} if reason else {})}
        self._context.ledger.append_many([Draft.make("lease.revoked", lease.terminal, data, actor)])
        told = self._signing.notice(lease.terminal, Kind.RELOCK, _TOLD[why], now)
        return [*self.end(lease.jti, why, now), self._signing.say(replace(told, jti=lease.jti))]

    def tick(self, now: datetime) -> list[Say]:
        """Say again what was not obeyed, and withdraw grants that were not answered."""
        said: list[Say] = []
        for grant in live_grants(self._context.store, now):
            if grant.ending and now - self._said.get(grant.jti, grant.signed_at) >= AGAIN:
                said.append(self._revoke(grant, now))
            elif grant.state is GrantState.SIGNED and now - grant.signed_at >= UNANSWERED:
                said += self._lapse(grant, now)
        return said

    def _lapse(self, grant: KeptGrant, now: datetime) -> list[Say]:
        """Withdraw a grant that the terminal did not answer: arriving later, it would open for nobody."""
        set_state(self._context.store, grant.jti, GrantState.LAPSED, now, "unanswered")
        data = {"jti": grant.jti, "why": "unanswered"}
        self._context.ledger.append_many([Draft.make("lease.lapsed", grant.terminal, data, "controller")])
        told = self._signing.notice(grant.terminal, Kind.DENIED, "offline", now)
        return [self._signing.revoke(grant, now, counter=True), self._signing.say(told)]

    def _revoke(self, grant: KeptGrant, now: datetime) -> Say:
        self._said[grant.jti] = now
        return self._signing.revoke(grant, now, counter=grant.state is GrantState.SIGNED)

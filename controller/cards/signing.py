"""What is signed after a decision: grants with their counter, revocations, and the notices that operators read."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.broker.say import Say
from controller.cards.pseudonyms import pseudonym
from controller.context import Context
from controller.store.grants import KeptGrant, next_counter, put_grant
from policies import grants
from policies.cards.rights import Kind as Came
from policies.cards.rights import Outcome
from policies.grants import Grant, Revoke
from policies.keys import SigningKey
from policies.messages import notice
from policies.messages.notice import Notice, masked
from policies.messages.status import Status
from policies.messages.topics import Kind
from policies.usb import Scope

#: Seconds for which a notice is worth showing.
NOTICE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Opening:
    """A grant to be: for whom, what for, for how long, by which swipe ("" for none), prolonging which."""

    terminal: str
    cards: tuple[str, ...]
    scope: Scope
    seconds: int
    reader: str = ""
    extends: str = ""


class Signing:
    """Signs for one site; `name` gives a holder's name by the card's pseudonym, "" when it is not known."""

    def __init__(self, context: Context, key: SigningKey, name: Callable[[str], str]) -> None:
        self._context, self._key, self._name = context, key, name

    def jti(self) -> str:
        """Make the id of a grant: 128 random bits. As a card's pseudonym, none begins with a hyphen: people type it."""
        return pseudonym()

    def grant(self, opening: Opening, jti: str, status: Status, entry: int, now: datetime) -> list[Say]:
        """Sign and keep a grant that answers a terminal's status; belongs into the transaction of entry `entry`."""
        store, begins = self._context.store, int(now.timestamp())
        counter = next_counter(store, opening.terminal, status.ctr)
        grant = Grant(
            iss=self._context.site.name, aud=opening.terminal, sub=opening.cards[0], jti=jti, iat=begins, nbf=begins,
            exp=begins + opening.seconds, boot=status.boot, nonce=status.nonce, ctr=counter, scope=opening.scope,
        )  # fmt: skip
        token = grants.sign(grant, self._key)
        expires = now + timedelta(seconds=opening.seconds)
        kept = KeptGrant(
            jti, opening.terminal, opening.cards, opening.reader, opening.scope.purpose, counter, now, expires, entry,
            opening.extends,
        )  # fmt: skip
        put_grant(store, kept)
        told = replace(self.notice(opening.terminal, Came.GRANT, "granted", now), jti=jti, who=self.who(opening.cards))
        # The grant first: what the operator is waiting for is that it opens.
        return [Say(Kind.GRANT, opening.terminal, token.encode), self.say(told)]

    def revoke(self, grant: KeptGrant, now: datetime, *, counter: bool = False) -> Say:
        """Sign the end of a lease; with `counter`, also of grants that are still on their way."""
        revoke = Revoke(
            self._context.site.name, grant.terminal, grant.jti, int(now.timestamp()), grant.ctr if counter else None
        )
        return Say(Kind.REVOKE, grant.terminal, grants.sign_revoke(revoke, self._key).encode, expiry=NOTICE_SECONDS)

    def answer(self, terminal: str, outcome: Outcome, now: datetime, until: datetime | None = None) -> Say:
        """Tell an operator what came of a swipe, when that is no grant; `until` is when the waiting ends."""
        ends = 0 if until is None else int(until.timestamp())
        because, purposes = outcome.because, outcome.purposes
        return self.say(Notice(*self._of(terminal, now), outcome.kind, outcome.code, because, purposes, ends))

    def notice(self, terminal: str, kind: Came, code: str, now: datetime) -> Notice:
        """Make a notice, to be completed and said."""
        return Notice(*self._of(terminal, now), kind, code)

    def _of(self, terminal: str, now: datetime) -> tuple[str, str, int, str]:
        return self._context.site.name, terminal, int(now.timestamp()), secrets.token_urlsafe(12)

    def say(self, told: Notice) -> Say:
        """Sign a notice."""
        key = self._key
        return Say(
            Kind.GRANT, told.aud, lambda: notice.sign(told, key).encode(), expiry=NOTICE_SECONDS, shown=True
        )  # fmt: skip

    def who(self, cards: Sequence[str]) -> str:
        """Give the holders' masked names, for the screen of the terminal only."""
        names = [masked(self._name(card)) for card in cards]
        return "、".join(name for name in names if name)[: notice.MAX_WHO]

"""Which cards a terminal is to hold for hours without a connection, and what each of them would open there."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from controller.store.offline import opened_last, tags
from controller.store.open import Store
from policies.cards.case import CardRules, Case, case_of
from policies.cards.decide import decide, end_of
from policies.cards.rights import Asked, Authority, Card, Kind, Presented, Reader, TerminalState, Trust
from policies.grants import Purpose
from policies.offline.judge import needs_second
from policies.offline.rule import OfflineRule
from policies.usb import Scope

#: Seconds that a permit must at least be good for to be worth signing.
LEAST_VALID = 60


@dataclass(frozen=True, slots=True)
class Wish:
    """A permit to be: what card `card` would open for one purpose, for `seconds`. `case` is how that was decided.

    Two wishes are the same when they would open the same, whenever they were decided. `longest` is for how many seconds
    a permit may count, `end` when the card's hours or its validity end (None: never).
    """

    card: str
    bearer: str
    scope: Scope
    seconds: int
    second: bool
    longest: int
    end: datetime | None = field(compare=False)
    case: Case = field(compare=False)

    def valid(self, now: datetime) -> int:
        """Give for how many seconds a permit counts that is signed now: what it opens ends before the card's hours."""
        if self.end is None:
            return self.longest
        return min(self.longest, (self.end - now) // timedelta(seconds=1) - self.seconds)


@dataclass(frozen=True, slots=True)
class Ground:
    """What wishes of a terminal rest on: the list that counts, what the site declares, and the time."""

    authority: Authority
    rules: CardRules
    terminal: str
    rule: OfflineRule
    now: datetime


def wishes(store: Store, on: Ground) -> tuple[Wish, ...]:
    """Give what a terminal is to hold now: the cards that opened it last, and may open it now."""
    known = tags(store, on.terminal)
    found: list[Wish] = []
    kept = 0
    for pseudonym in opened_last(store, on.terminal, on.now - timedelta(days=on.rule.days)):
        card = on.authority.card(pseudonym)
        mine = [] if card is None or pseudonym not in known else _of_card(card, on)
        found += mine
        kept += bool(mine)
        if kept == on.rule.cards:
            break
    return tuple(found)


def _of_card(card: Card, on: Ground) -> list[Wish]:
    found = []
    for purpose in sorted({each for right in card.rights if right.at(on.terminal) for each in right.purposes}):
        case = _alone(card.card, purpose, on)
        outcome, end = decide(case), end_of(case, card)
        if outcome.kind is not Kind.GRANT or outcome.scope is None:
            continue
        two = on.rule.second_person or on.rules.policy.second_person_for_storage
        second = needs_second(outcome.scope, two_people=two)
        longest = on.rule.valid_minutes * 60
        wish = Wish(card.card, card.bearer, outcome.scope, outcome.seconds, second, longest, end, case)
        # Near the end of its hours the lease itself would be cut shorter with every second.
        if wish.valid(on.now) >= LEAST_VALID:
            found.append(wish)
    return found


def _alone(card: str, purpose: Purpose, on: Ground) -> Case:
    """Give the case of a swipe at the terminal's own reader now, as it would be decided if it came alone.

    The reader there is declared by the terminal's table, which vouches for it. Whether a second person is needed is not
    asked here: the permit says it, and the terminal waits for the second card.
    """
    name = f"{on.terminal}/offline"
    reader = Reader(
        name, "native", (on.terminal,), Trust.AUTHENTICATED, on.rule.rule, longest_minutes=on.rule.lease_minutes
    )  # fmt: skip
    policy = replace(on.rules.policy, second_person_for_storage=False)
    shown = Presented(card, name, received=on.now, authenticated=True)
    here = TerminalState(on.terminal, online=True, status_at=on.now)
    return case_of(
        shown, here, on.authority, replace(on.rules, readers=(reader,), policy=policy), on.now, Asked(purpose)
    )

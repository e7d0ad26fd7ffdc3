"""Prolonging a lease: once, by the operator at the terminal, and only as a swipe of the same cards now would open it.

No card is swiped again: who opened stands at the terminal. All else is asked anew, so that a card that was revoked, or
whose hours are over, prolongs nothing. The case that is recorded says of both swipes that they were received now.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from policies.cards.case import CardRules, Case, case_of
from policies.cards.rights import Asked, Authority, Presented, TerminalState


def prolonging(
    case: Case, terminal: TerminalState, authority: Authority, rules: CardRules, now: datetime
) -> Case:  # fmt: skip
    """Give the case of an extension of what `case` opened; `terminal` is as it is now, its own lease included.

    The lease to prolong is left out of those that are open: it would keep its own extension from opening.
    """
    cards = {swipe.card for swipe in (case.presented, case.second) if swipe is not None}
    others = tuple(lease for lease in terminal.leases if lease.terminal != terminal.name or not cards & {*lease.cards})
    asked = Asked(case.purpose, None if case.second is None else _again(case.second, now))
    return case_of(_again(case.presented, now), replace(terminal, leases=others), authority, rules, now, asked)


def _again(swipe: Presented, now: datetime) -> Presented:
    return replace(swipe, received=now, at=None, repeated=False)

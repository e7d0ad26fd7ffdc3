"""What the site declares for openings without a connection: `[terminals.NAME.offline]`, absent where there are none."""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.cards.number import CardRule

#: Bounds that no declaration and no token goes beyond: minutes for which a permit counts, and minutes of its lease.
MOST_VALID_MINUTES, MOST_LEASE_MINUTES = 720, 60
#: Cards that a terminal keeps at most, and days for which an opening makes a card one of them.
MOST_CARDS, MOST_DAYS = 64, 365


@dataclass(frozen=True, slots=True)
class OfflineRule:
    """How a terminal may open while it reaches nobody.

    valid_minutes: a permit counts for so long after it was signed. lease_minutes: no such opening is longer.
    cards: how many cards are kept, those that opened the terminal last; days: how long ago that may be.
    second_person: storage opens for two kept cards of two people only.
    rule: how the terminal's own reader writes card numbers.
    """

    valid_minutes: int = 240
    lease_minutes: int = 10
    cards: int = 16
    days: int = 30
    second_person: bool = True
    rule: CardRule = field(default_factory=CardRule)

"""From what a reader told to what a decision sees: the card's pseudonym, and whether the swipe was there before.

The card number ends here. What names the event is remembered as a keyed hash: by its number for as long as the ledger
is kept, by its time for a day (an older one is refused for its age).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.cards.pseudonyms import CardKey
from controller.store.grants import see_swipe
from controller.store.open import Store
from policies.cards.number import CardNumber
from policies.cards.rights import Presented
from policies.cards.swipe import Swipe

#: How long an event is known by its number, and by its time.
BY_NUMBER, BY_TIME = timedelta(days=400), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Presenting:
    """How swipes become known: `find` gives the pseudonym for a card's index, "" for one that is in no list.

    `note` is told of every card that is known, with its reader and its number: the one place where all three meet.
    """

    store: Store
    key: CardKey
    find: Callable[[str], str]
    note: Callable[[str, str, CardNumber], None] = lambda _card, _reader, _number: None

    def present(self, swipe: Swipe, received: datetime) -> Presented:
        """Give the swipe as a decision sees it; belongs into the transaction that decides."""
        # A native reader's ids are random and never begin anew, and its clock has whole seconds: by the time alone a
        # swipe that shuts, and the next one that opens, would be one.
        told = [key for key in swipe.repeat_keys if key[0] == "id" or swipe.format != "native"]
        keys = [(self._hash(key), received + (BY_NUMBER if key[0] == "id" else BY_TIME)) for key in told]
        card = self.find(self.key.card(swipe.card))
        if card:
            self.note(card, swipe.reader, swipe.card)
        return Presented(
            card=card,
            reader=swipe.reader,
            received=received,
            at=swipe.at,
            granted=swipe.granted,
            authenticated=swipe.authenticated,
            repeated=bool(keys) and see_swipe(self.store, keys),
        )

    def _hash(self, key: tuple[object, ...]) -> str:
        texts = [each.reveal() if isinstance(each, CardNumber) else str(each) for each in key]
        return self.key.event("\x00".join(texts))

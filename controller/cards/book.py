"""The list of cards as the desk looks things up in it: read once for each version of it."""

from __future__ import annotations

from controller.cards.authority import preview
from controller.store.cards import authority, authority_version, name_of, pseudonym_of
from controller.store.open import Store
from policies.cards.rights import Authority, content_hash

#: The list before the first one was imported: nobody may do anything.
NOBODY = Authority(0, "", content_hash(()), ())


class Book:
    """The list that counts now."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version: object = None
        self._authority = NOBODY
        self.look()

    def authority(self) -> Authority:
        """Give the list as it was at the last look."""
        return self._authority

    def find(self, lookup: str) -> str:
        """Give a card's pseudonym by its keyed hash; "" for one that is in no list."""
        return pseudonym_of(self._store, lookup)

    def name(self, card: str) -> str:
        """Give the holder's name; "" when none is kept."""
        return name_of(self._store, card)

    def look(self) -> tuple[str, ...]:
        """Read the list again when another one counts; gives the cards that may open less than before."""
        version = authority_version(self._store)
        if version == self._version:
            return ()
        before, self._authority = self._authority, authority(self._store) or NOBODY
        first, self._version = self._version is None, version
        return () if first else preview(before, self._authority).withdrawn

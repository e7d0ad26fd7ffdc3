"""Acts on the list of cards: a new list, a card revoked or restored here, a person forgotten; each in the ledger.

The ledger gets counts, pseudonyms and hashes that say nothing without the site's key; no number, name or reason, for an
entry cannot be erased (docs/adr/0008-hashes-of-card-lists.md). Entry and change are one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.cards.authority import AuthorityImport, AuthorityPreview, Door, import_bytes, preview
from controller.cards.pseudonyms import card_key
from controller.context import Context
from controller.store import cards
from controller.store.cards import NewList
from policies.cards.number import normalise
from policies.cards.rights import HolderStatus
from policies.errors import NotFound, SafetyRefusal
from policies.texts import Text, t

#: The subject of entries about the list as a whole.
SUBJECT = "cards"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A list that was read and not put in force yet; with problems `preview` is None.

    `active`: cards in force until now; `lost`: those of them that the new list has no more, or not in force. `renamed`:
    cards whose holder's name is another one. `seen` as in :class:`NewList`.
    """

    name: str
    read: AuthorityImport
    preview: AuthorityPreview | None
    active: int
    lost: int
    renamed: int
    seen: int
    first: bool

    @property
    def differs(self) -> bool:
        """Whether it would change anything."""
        found = self.preview
        return found is not None and (self.first or bool(found.added or found.changed or found.removed or self.renamed))

    def shrinks(self, most_percent: int) -> bool:
        """Whether it takes more cards away than may go unasked; one may, unless none may or nobody would be left."""
        if most_percent == 100 or not self.lost:
            return False
        return self.lost == self.active or self.lost > (
            max(1, self.active * most_percent // 100) if most_percent else 0
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many cards it has, adds, changes, removes and withdraws."""
        found = self.preview
        if found is None or self.read.authority is None:
            return {}
        return {
            "cards": len(self.read.authority.cards),
            "added": len(found.added),
            "changed": len(found.changed),
            "removed": len(found.removed),
            "withdrawn": len(found.withdrawn),
        }


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `withdrawn`: what these cards have open is to be relocked at once.

    `written` is False when the list in force says the same already; `version` is then that one's.
    """

    version: int
    written: bool
    counts: dict[str, int]
    withdrawn: tuple[str, ...]
    notes: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure did; `log_empty` is False when a long reading kept the old bytes in the write-ahead log."""

    card: str
    log_empty: bool


def look(context: Context, content: bytes, name: str) -> Incoming:
    """Read a list and compare it with the one in force; `name` is what problems call it.

    Raises InputError when it cannot be read as a list at all.
    """
    seen = cards.authority_version(context.store)
    before = cards.listed(context.store)
    known = cards.known(context.store)
    version = 1 if before is None else before.version + 1
    read = import_bytes(content, name, Door(context.site, card_key(context.site.folder), version, known))
    if read.authority is None:
        return Incoming(name, read, None, 0, 0, 0, seen, before is None)
    there = () if before is None else before.cards
    active = {card.card for card in there if card.status is HolderStatus.ACTIVE}
    still = {card.card for card in read.authority.cards if card.status is HolderStatus.ACTIVE}
    names = {each.card: each.name for each in known.cards.values()}
    renamed = sum(1 for each in read.identities if names.get(each.card, each.name) != each.name)
    return Incoming(
        name, read, preview(before, read.authority), len(active), len(active - still), renamed, seen, before is None
    )


def take(context: Context, incoming: Incoming, source: str = "file", *, force: bool = False) -> Imported:
    """Put a list that was looked at in force; `source` is file, sync or topic.

    Raises:
        InputError: it has problems; nothing was changed.
        SafetyRefusal: it takes too many cards away, and nobody said that it shall (`force`).
        Busy: cards were changed since it was looked at.

    """
    authority, found = incoming.read.require(), incoming.preview
    assert found is not None
    if not incoming.differs:
        return Imported(authority.version - 1, False, incoming.counts, (), incoming.read.notes)
    percent = context.site.list_source.most_removed_percent
    if not force and incoming.shrinks(percent):
        raise shrunk(incoming, percent)
    new = NewList(authority, incoming.read.identities, incoming.read.bearers, source, context.actor, incoming.seen)
    data: dict[str, object] = {
        "version": authority.version, "file_mac": authority.file_mac, "content": authority.content, "source": source,
        "forced": force, "lost": incoming.lost, **incoming.counts,
    }  # fmt: skip
    with context.ledger.act("cards.import", SUBJECT, data, context.actor) as act, context.store.transaction():
        cards.put_list(context.store, new)
        context.ledger.settle(act, {"version": authority.version})
    return Imported(authority.version, True, incoming.counts, found.withdrawn, incoming.read.notes)


def import_list(context: Context, content: bytes, name: str, *, force: bool = False) -> Imported:
    """Import a list from its bytes, whole or not at all; raises as :func:`look` and :func:`take` do."""
    return take(context, look(context, content, name), force=force)


def revoke(context: Context, card: str, reason: str) -> bool:
    """Let a card open nothing from now on, whatever the list says; False when it was revoked here before.

    What it has open is to be relocked at once. The reason stays beside the ledger: it may name people.
    """
    with context.ledger.act("cards.revoke", card, {}, context.actor) as act, context.store.transaction():
        added = cards.revoke(context.store, card, reason, context.actor)
        context.ledger.settle(act, {"changed": added})
    return added


def restore(context: Context, card: str) -> bool:
    """Take the site's own revocation of a card back; False when there was none."""
    with context.ledger.act("cards.restore", card, {}, context.actor) as act, context.store.transaction():
        removed = cards.restore(context.store, card)
        context.ledger.settle(act, {"changed": removed})
    return removed


def erase(context: Context, card: str) -> Erased:
    """Forget whose card a pseudonym is, for good, in every file of the site; what it has open is to be relocked.

    Raises NotFound for a card of which nothing is known, and SafetyRefusal for one that is revoked here and that the
    list still has: the next list would bring it back, under another pseudonym, and in force.
    """
    before = cards.listed(context.store)
    listed = before is not None and before.card(card) is not None
    if listed and card in cards.revocations(context.store):
        raise SafetyRefusal(
            t("the card is revoked here, and the list still has it: erased, the next list would bring it back"),
            where=card,
            next_step=t("take it out of the access-control system's list, import that, then erase it"),
        )
    with context.ledger.act("cards.erase", card, {"listed": listed}, context.actor) as act, context.store.transaction():
        if not cards.erase(context.store, card):
            raise unknown(card)
        context.ledger.settle(act)
    return Erased(card, context.store.empty_log())


def card_by_number(context: Context, text: str) -> str:
    """Give the pseudonym of the card with this number, written as in the list; raises InputError and NotFound."""
    number = normalise(text, context.site.authority)
    card = cards.pseudonym_of(context.store, card_key(context.site.folder).card(number))
    if not card:
        raise unknown("")
    return card


def shrunk(incoming: Incoming, percent: int) -> SafetyRefusal:
    """Say that a list would take too many cards away."""
    return SafetyRefusal(
        t(
            "the list takes away {lost} of {active} cards in force, more than {percent} %; the list before stays",
            lost=incoming.lost,
            active=incoming.active,
            percent=percent,
        ),
        where=incoming.name,
        next_step=t("look whether the export broke off; when it is right, repeat with --force"),
    )


def unknown(card: str) -> NotFound:
    """Say that there is no such card."""
    return NotFound(t("no such card is known"), where=card, next_step=t("look it up with 'portseal card list'"))

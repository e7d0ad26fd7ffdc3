"""Cards, imports and looks at the source in words and as documented JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.cards.keep import Imported, Incoming
from controller.cards.sync import Look, SourceState, Synced
from controller.cli.base import EQUIPMENT, NOT_COMPLIANT, REFUSED, USAGE, Settings
from controller.inventory.cells import Problem
from controller.store.cards import Listing, Revocation
from policies.cards.profile import zone_of
from policies.cards.rights import Card, HolderStatus, Right
from policies.codec import stamp
from policies.grants import EVERY, PURPOSES, Purpose
from policies.messages.notice import masked
from policies.texts import Text, t

#: Characters of a pseudonym that a table shows; a verb takes as many as tell it from the others.
SHORT = 8
_SHOWN = 20

STATUSES: Mapping[HolderStatus, Text] = {
    HolderStatus.ACTIVE: t("in force"),
    HolderStatus.SUSPENDED: t("suspended"),
    HolderStatus.REVOKED: t("revoked"),
}
#: What the verb says of a look, and its exit code.
LOOKS: Mapping[SourceState, tuple[Text, int]] = {
    SourceState.SAME: (t("the list in force is that of the access-control system"), 0),
    SourceState.IMPORTED: (t("a new list was imported"), 0),
    SourceState.OLD: (t("the export is old"), NOT_COMPLIANT),
    SourceState.UNREADABLE: (t("the export has problems; the list before stays in force"), USAGE),
    SourceState.MISSING: (t("the export cannot be read; the list before stays in force"), EQUIPMENT),
    SourceState.WRITING: (
        t("the export is being written; the list before stays in force until the next look"),
        EQUIPMENT,
    ),
    SourceState.REFUSED: (t("the export takes too many cards away; the list before stays in force"), REFUSED),
}


@dataclass(frozen=True, slots=True)
class Shown:
    """How cards are shown: by the site's time, with names in full or masked, and what is revoked here."""

    zone: str
    names: Mapping[str, str]
    revoked: Mapping[str, Revocation]
    in_full: bool = False

    def name(self, card: str) -> str:
        """Give the holder's name as it may be shown."""
        name = self.names.get(card, "")
        return name if self.in_full else masked(name)

    def row(self, card: Card) -> tuple[object, ...]:
        """Give one line of the table."""
        return (
            card.card[:SHORT],
            self.name(card.card) or "-",
            self.status(card),
            self.validity(card),
            rights_words(card.rights),
        )

    def status(self, card: Card) -> Text:
        """Give the status that counts, and whose word it is."""
        return t("revoked here") if card.card in self.revoked else STATUSES[card.status]

    def validity(self, card: Card) -> str:
        """Give first and last day by the site's time; a last day that counts as a whole is shown as that day."""
        begins, ends = card.valid_from, card.valid_until
        if begins is None and ends is None:
            return "-"
        last = None if ends is None else ends - timedelta(microseconds=1)
        return " – ".join("" if each is None else self._day(each) for each in (begins, last)).strip()

    def json(self, card: Card) -> dict[str, object]:
        """Give a card of the list as documented JSON."""
        return {
            "card": card.card,
            "holder": card.bearer or None,
            "name": self.name(card.card),
            "status": card.status.value,
            "revoked_here": self.revocation_json(card.card),
            "valid_from": None if card.valid_from is None else stamp(card.valid_from),
            "valid_until": None if card.valid_until is None else stamp(card.valid_until),
            "rights": [
                {"terminals": list(each.terminals), "purposes": list(each.purposes), "profile": each.profile or None}
                for each in card.rights
            ],
            "minutes": card.limits.seconds // 60,
            "devices": card.limits.devices,
            "classes": list(card.limits.classes),
            "read_only": card.limits.read_only,
        }

    def revocation_json(self, card: str) -> dict[str, object] | None:
        """Give the site's own revocation of a card; null without one."""
        found = self.revoked.get(card)
        if found is None:
            return None
        return {"revoked_at": stamp(found.revoked_at), "actor": found.actor, "reason": found.reason}

    def _day(self, at: datetime) -> str:
        return at.astimezone(zone_of(self.zone)).strftime("%Y-%m-%d")


def rights_words(rights: Iterable[Right]) -> Text | str:
    """Give rights in words: terminals, purposes, and the hours' name."""
    found = [_right_words(each) for each in rights]
    words: Text | str = found[0] if found else "-"
    for each in found[1:]:
        words = t("{one}; {other}", one=words, other=each)
    return words


def _right_words(right: Right) -> Text:
    where: Text | str = t("every terminal") if EVERY in right.terminals else ", ".join(right.terminals)
    purposes = [PURPOSES[each] for each in right.purposes]
    what: Text | str = t("every purpose") if len(purposes) == len(Purpose) else purposes[0] if purposes else "-"
    if 1 < len(purposes) < len(Purpose):
        what = t("{one}, {other}", one=purposes[0], other=purposes[1])
    if right.profile:
        return t("{where}: {what} ({profile})", where=where, what=what, profile=right.profile)
    return t("{where}: {what}", where=where, what=what)


def listing_json(listing: Listing | None) -> dict[str, object] | None:
    """Give which list is in force as documented JSON; null before the first import."""
    if listing is None:
        return None
    return {
        "version": listing.version,
        "imported_at": stamp(listing.imported_at),
        "actor": listing.actor,
        "source": listing.source,
        "cards": listing.cards,
        "file_mac": listing.file_mac,
        "content": listing.content,
    }


def look_json(chosen: Settings, look: Look | None) -> dict[str, object] | None:
    """Give a look at the source as documented JSON; null when there was none."""
    if look is None:
        return None
    return {
        "state": look.state.value,
        "looked_at": stamp(look.looked_at),
        "since": stamp(look.since),
        "written_at": None if look.written_at is None else stamp(look.written_at),
        "version": look.version,
        "text": chosen.text(LOOKS[look.state][0] if look.problem is None else look.problem),
    }


def import_json(chosen: Settings, incoming: Incoming, imported: Imported | None) -> dict[str, object]:
    """Give an import, made or not, as documented JSON."""
    found = incoming.preview
    authority = incoming.read.authority
    return {
        "file": incoming.name,
        "imported": imported is not None and imported.written,
        "version": None if imported is None else imported.version,
        "file_mac": None if authority is None else authority.file_mac,
        "content": None if authority is None else authority.content,
        "counts": incoming.counts or None,
        "changed": [] if found is None else list(found.changed),
        "removed": [] if found is None else list(found.removed),
        "withdrawn": [] if found is None else list(found.withdrawn),
        "problems": problems_json(chosen, incoming.read.problems),
        "notes": [chosen.text(note) for note in incoming.read.notes],
    }


def sync_json(chosen: Settings, synced: Synced, code: int) -> dict[str, object]:
    """Give a look and what it brought as documented JSON."""
    imported = synced.imported
    return {
        **(look_json(chosen, synced.look) or {}),
        "exit_code": code,
        "imported": imported is not None and imported.written,
        "counts": None if imported is None else imported.counts,
        "withdrawn": [] if imported is None else list(imported.withdrawn),
        "problems": problems_json(chosen, synced.problems),
    }


def problems_json(chosen: Settings, problems: Iterable[Problem]) -> list[dict[str, object]]:
    """Give a list's problems as documented JSON."""
    return [
        {"file": each.file, "sheet": each.sheet, "row": each.row, "column": each.column, "text": chosen.text(each.text)}
        for each in problems
    ]


def show_problems(chosen: Settings, problems: tuple[Problem, ...], notes: Iterable[Text] = ()) -> None:
    """List every problem, one line each; nothing was changed."""
    for problem in problems:
        chosen.note(problem.line(chosen.language))
    for note in notes:
        chosen.note(note)
    chosen.note(t("{count} problems; nothing was changed", count=len(problems)))


def show_incoming(chosen: Settings, incoming: Incoming) -> None:
    """Show what a list would change, by pseudonyms."""
    found = incoming.preview
    assert found is not None
    for note in incoming.read.notes:
        chosen.note(note)
    chosen.say(
        t(
            "{cards} cards: {added} added, {changed} changed, {removed} removed, {unchanged} as before",
            unchanged=found.unchanged,
            **incoming.counts,
        )
    )
    if incoming.renamed:
        chosen.say(t("{count} holders have another name", count=incoming.renamed))
    if found.withdrawn:
        chosen.say(t("less than before, or nothing, open now: {cards}", cards=_shortened(found.withdrawn)))


def show_imported(chosen: Settings, imported: Imported) -> None:
    """Say what an import did."""
    if not imported.written:
        chosen.say(t("The list in force says the same already; nothing was changed."))
        return
    chosen.say(
        t("List {version} is in force: {cards} cards.", version=imported.version, cards=imported.counts["cards"])
    )
    if imported.withdrawn:
        chosen.say(t("withdrawn, and relocked where they had opened: {cards}", cards=_shortened(imported.withdrawn)))


def _shortened(cards: tuple[str, ...]) -> str:
    shown = ", ".join(card[:SHORT] for card in cards[:_SHOWN])
    return shown + (f" … ({len(cards)})" if len(cards) > _SHOWN else "")

"""The access-control system's list, from CSV, XLSX or JSON to cards with rights: all of it, or nothing.

A card may have several rows, one for each right; what is the card's own (status, dates, limits, holder) is then the
same in all of them. Card numbers and names stop here: problems name row and column, never what stood there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from controller.cards.columns import REQUIRED, column_of, find_heading, heading_words, looks_binding
from controller.cards.listed import Row, Sheet, read_row
from controller.cards.pseudonyms import CardIdentity, CardKey, Known, identify, pseudonym
from controller.cards.source import read_file, read_list
from controller.inventory.cells import Cells, Problem
from controller.inventory.columns import Heading
from controller.inventory.rows import SheetRow
from policies.cards.rights import Authority, Card, HolderStatus, content_hash
from policies.errors import InputError
from policies.site import Site
from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class Door:
    """What an import needs besides the list. `version` is the new list's, above that of the one before.

    `fresh` makes pseudonyms; they are random but in tests.
    """

    site: Site
    key: CardKey
    version: int
    known: Known = field(default_factory=Known)
    fresh: Callable[[], str] = pseudonym


@dataclass(frozen=True, slots=True)
class AuthorityImport:
    """What a list gives. With any problem `authority` is None and nothing of it counts; notes hold nothing back.

    `identities` (one for each card) and `bearers` (index → pseudonym) are for the table that can be erased.
    """

    authority: Authority | None = None
    identities: tuple[CardIdentity, ...] = ()
    bearers: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()
    notes: tuple[Text, ...] = ()

    def require(self) -> Authority:
        """Give the list, or raise InputError with the first problem and the number of all."""
        if self.authority is not None:
            return self.authority
        first = self.problems[0]
        raise InputError(
            t("{problem} (problems in all: {count})", problem=first.text, count=len(self.problems)),
            where=first.where,
            next_step=t("correct the list and import it again; nothing was changed"),
        )


@dataclass(frozen=True, slots=True)
class AuthorityPreview:
    """What a new list changes, by pseudonyms. `withdrawn`: cards that may open less than before, or nothing.

    What a card of `withdrawn` has open is to be relocked.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: int
    withdrawn: tuple[str, ...]


@dataclass(slots=True)
class _Build:
    """What has been found so far; a number is known by its index only."""

    door: Door
    problems: list[Problem] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)
    rows: dict[str, list[tuple[Row, Cells]]] = field(default_factory=dict)
    identities: dict[str, CardIdentity] = field(default_factory=dict)
    bearers: dict[str, str] = field(default_factory=dict)


def import_file(path: Path, door: Door) -> AuthorityImport:
    """Import a list from a file; raises InputError when it cannot be read as a list at all."""
    return import_bytes(read_file(path), path.name, door)


def import_bytes(content: bytes, name: str, door: Door) -> AuthorityImport:
    """Import a list from its bytes (an upload, a message); `name` is what problems call it.

    Raises InputError when it cannot be read as a list at all; every other problem is in the result.
    """
    build = _Build(door)
    listed = read_list(content, name)
    headed = False
    for (_, sheet), group in groupby(listed, key=lambda row: (row.file, row.sheet)):
        part = list(group)
        heading = find_heading([row.cells for row in part])
        if heading is None:
            build.notes.append(t("'{sheet}' has no headings of a list of cards and was left out", sheet=sheet or name))
            continue
        headed = True
        _sheet(build, part, heading)
    if not headed:
        names = ", ".join(heading_words(column) for column in REQUIRED)
        text = t("no row has the headings of a list of cards ({names})", names=names)
        build.problems.append(Problem(name, "", 0, "", text))
    elif not build.rows and not build.problems:
        build.problems.append(Problem(name, "", 0, "", t("the list has headings but no cards")))
    cards = _cards(build)
    if build.problems:
        ordered = sorted(build.problems, key=lambda item: (item.sheet, item.row))
        return AuthorityImport(problems=tuple(ordered), notes=tuple(build.notes))
    authority = Authority(door.version, door.key.file(content), content_hash(cards), tuple(cards))
    identities = tuple(sorted(build.identities.values(), key=lambda each: each.card))
    return AuthorityImport(authority, identities, tuple(sorted(build.bearers.items())), notes=tuple(build.notes))


def preview(before: Authority | None, after: Authority) -> AuthorityPreview:
    """Compare a new list with the one that counts now."""
    old = {card.card: card for card in (before.cards if before is not None else ())}
    new = {card.card: card for card in after.cards}
    changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    removed = sorted(old.keys() - new.keys())
    return AuthorityPreview(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(changed),
        removed=tuple(removed),
        unchanged=len(old.keys() & new.keys()) - len(changed),
        withdrawn=tuple(sorted([*removed, *(name for name in changed if not _still(old[name], new[name]))])),
    )


def _still(old: Card, new: Card) -> bool:
    """Tell whether a card may open at least what it could: only then may what it has open stay so."""
    if new.status is not HolderStatus.ACTIVE or not set(old.rights) <= set(new.rights) or old.bearer != new.bearer:
        return False
    if new.valid_from is not None and (old.valid_from is None or new.valid_from > old.valid_from):
        return False
    if new.valid_until is not None and (old.valid_until is None or new.valid_until < old.valid_until):
        return False
    return old.limits.meet(new.limits) == old.limits


def _sheet(build: _Build, part: list[SheetRow], heading: Heading) -> None:
    top = part[heading.index]
    before = len(build.problems)
    for column in REQUIRED:
        if column not in heading.places:
            text = t("the column {name} is missing", name=heading_words(column))
            build.problems.append(Problem(top.file, top.sheet, top.number, "", text))
    for doubled in heading.doubled:
        text = t("two columns mean the same; this is the second")
        build.problems.append(Problem(top.file, top.sheet, top.number, doubled, text))
    for unknown in filter(looks_binding, heading.unknown):
        text = t("this column may limit cards and is not understood; rename it, or remove it")
        build.problems.append(Problem(top.file, top.sheet, top.number, unknown, text))
    if len(build.problems) > before:
        return  # without its columns every row would be wrong
    if heading.unknown:
        build.notes.append(t("columns that are not imported: {names}", names=", ".join(heading.unknown)))
    sheet = Sheet(build.door.site, has_status="status" in heading.places)
    for row in part[heading.index + 1 :]:
        cells = Cells(row, heading, build.problems)
        if cells.blank or all(column_of(cells.text(column)) == column for column in heading.places):
            continue
        _row(build, cells, sheet)


def _row(build: _Build, cells: Cells, sheet: Sheet) -> None:
    read = read_row(cells, sheet)
    if read is None:
        return
    number, row = read
    index = build.door.key.card(number)
    if index not in build.identities:
        build.identities[index] = identify(number, row.name, build.door.key, build.door.known, build.door.fresh)
    build.rows.setdefault(index, []).append((row, cells))


def _cards(build: _Build) -> list[Card]:
    by_staff = any(row.staff for rows in build.rows.values() for row, _ in rows)
    cards = [_card(build, index, rows, by_staff=by_staff) for index, rows in build.rows.items()]
    return sorted(cards, key=lambda card: card.card)


def _card(build: _Build, index: str, rows: list[tuple[Row, Cells]], *, by_staff: bool) -> Card:
    """Make one card of its rows; what is its own must be the same in all of them."""
    first, top = rows[0]
    for row, cells in rows[1:]:
        for column in first.differs(row):
            cells.problem(column, t("row {row} says otherwise of the same card", row=top.row.number))
    rights = tuple(sorted({row.right for row, _ in rows}))
    return Card(
        card=build.identities[index].card,
        bearer=_bearer(build, first, by_staff=by_staff),
        status=first.status,
        rights=rights,
        limits=first.limits,
        valid_from=first.valid_from,
        valid_until=first.valid_until,
    )


def _bearer(build: _Build, row: Row, *, by_staff: bool) -> str:
    """Give the holder's pseudonym; "" when the list does not tell whose the card is.

    Where the list has staff numbers they alone count: one person by number here and by name there would be two. Without
    them the name does, and two of one name are one person: that asks for a third, and never lets one person be two.
    """
    identity = row.staff if by_staff else row.name
    if not identity:
        return ""
    index = build.door.key.bearer(f"{'staff' if by_staff else 'name'}:{identity.casefold()}")
    if index not in build.bearers:
        build.bearers[index] = build.door.known.bearers.get(index) or build.door.fresh()
    return build.bearers[index]

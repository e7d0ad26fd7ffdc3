"""The access-control system's list as it is in force, the site's own revocations, and what can be erased of people.

The rest of Portseal knows cards by their pseudonyms. Which number a pseudonym stands for, and whose card it is, is in
the tables `card_identity` and `card_bearer` alone, by keyed hashes; :func:`erase` takes it out of there.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from controller.cards.pseudonyms import CardIdentity, Known
from controller.store.open import Row, Store
from policies.cards.rights import Authority, Card, HolderStatus, Limits, Right
from policies.codec import from_plain, moment_of, stamp, to_plain
from policies.errors import Busy, InputError, StorageFailed
from policies.texts import t

_LISTING = "SELECT version, imported_at, actor, source, file_mac, content, cards FROM card_list"
_CARDS = "SELECT card, bearer, status, rights, limits, valid_from, valid_until FROM card"
_T = TypeVar("_T")
_CardRow = tuple[str, str, str, str, str, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that was imported. `source` is file, sync or topic; `cards` is their number; hashes as in Authority."""

    version: int
    imported_at: datetime
    actor: str
    source: str
    file_mac: str
    content: str
    cards: int


@dataclass(frozen=True, slots=True)
class Revocation:
    """The site's own word that a card opens nothing, whatever the list says. The reason may name people."""

    card: str
    revoked_at: datetime
    actor: str
    reason: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewList:
    """A list to put in place of the one before; `identities` and `bearers` as an import gives them.

    `seen` is the :func:`authority_version` at which the import looked up who is known.
    """

    authority: Authority
    identities: tuple[CardIdentity, ...]
    bearers: tuple[tuple[str, str], ...]
    source: str
    actor: str
    seen: int


def authority_version(store: Store) -> int:
    """Give a number that rises with all that changes what cards open: a list, a revocation, its end, an erasure."""
    row = store.row("SELECT count FROM card_changes")
    return 0 if row is None else int(row["count"])


def authority(store: Store) -> Authority | None:
    """Give the list in force, with the site's own revocations applied; None before the first import.

    Raises StorageFailed when what is kept is damaged. Reads one state, and holds up no one who writes meanwhile.
    """
    return _read(store, revoked=True)


def listed(store: Store) -> Authority | None:
    """Give the list in force as the access-control system wrote it, without the site's own revocations."""
    return _read(store, revoked=False)


def listing(store: Store) -> Listing | None:
    """Say which list is in force, without its cards; None before the first import."""
    row = store.row(_LISTING + " ORDER BY version DESC LIMIT 1")
    return None if row is None else _listing(row)


def known(store: Store) -> Known:
    """Give who is known from lists before, for the import of the next one."""
    rows = store.rows("SELECT card, lookup, commitment, salt, name FROM card_identity")
    cards = {
        row["lookup"]: CardIdentity(row["card"], row["lookup"], row["commitment"], row["salt"], row["name"])
        for row in rows
    }
    return Known(cards, {row["lookup"]: row["bearer"] for row in store.rows("SELECT lookup, bearer FROM card_bearer")})


def pseudonym_of(store: Store, lookup: str) -> str:
    """Give the card with this index (see :meth:`CardKey.card`); "" when none is known by it."""
    row = store.row("SELECT card FROM card_identity WHERE lookup = ?", (lookup,))
    return "" if row is None else str(row["card"])


def name_of(store: Store, card: str) -> str:
    """Give the holder's name; "" when it is not known, or erased. It is personal data, and goes into no entry."""
    row = store.row("SELECT name FROM card_identity WHERE card = ?", (card,))
    return "" if row is None else str(row["name"])


def names(store: Store) -> dict[str, str]:
    """Give the holders' names of all known cards, by pseudonym."""
    return {row["card"]: row["name"] for row in store.rows("SELECT card, name FROM card_identity")}


def matching(store: Store, beginning: str, most: int = 20) -> tuple[str, ...]:
    """Give the known cards whose pseudonyms begin like this; a card that is revoked here counts as known."""
    end = beginning[:-1] + chr(ord(beginning[-1]) + 1) if beginning else "\U0010ffff"
    rows = store.rows(
        """SELECT card FROM card_identity WHERE card >= ? AND card < ? UNION
        SELECT card FROM card_revocation WHERE card >= ? AND card < ? ORDER BY card LIMIT ?""",
        (beginning, end, beginning, end, most),
    )
    return tuple(row["card"] for row in rows)


def put_list(store: Store, new: NewList) -> None:
    """Put a list in force: all of it, or nothing and an error; only what differs is written.

    Raises Busy when cards have changed since the import looked them up, or its version is not the next one.
    """
    rows = {row[0]: row for row in _rows_of(new.authority.cards)}
    with store.transaction() as connection:
        last: int = connection.execute("SELECT COALESCE(MAX(version), 0) FROM card_list").fetchone()[0]
        if authority_version(store) != new.seen or new.authority.version != last + 1:
            raise Busy(t("the list of cards was changed just now by somebody else"), next_step=t("look, and repeat"))
        before = {row[0]: row for row in map(tuple, connection.execute(_CARDS))}
        connection.executemany("DELETE FROM card WHERE card = ?", [(card,) for card in before.keys() - rows.keys()])
        connection.executemany(
            """INSERT OR REPLACE INTO card (card, bearer, status, rights, limits, valid_from, valid_until)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            [row for card, row in rows.items() if before.get(card) != row],
        )
        _put_people(connection, new)
        connection.execute(
            """INSERT INTO card_list (version, imported_at, actor, source, file_mac, content, cards)
            VALUES (?, ?, ?, ?, ?, ?, ?)""",
            (new.authority.version, stamp(store.clock()), new.actor, new.source, new.authority.file_mac,
             new.authority.content, len(rows)),
        )  # fmt: skip
        _changed(connection)


def revocations(store: Store) -> dict[str, Revocation]:
    """Give the site's own revocations, by pseudonym."""
    rows = store.rows("SELECT card, revoked_at, actor, reason FROM card_revocation ORDER BY card")
    return {
        row["card"]: Revocation(row["card"], moment_of(row["revoked_at"]), row["actor"], row["reason"]) for row in rows
    }


def revoke(store: Store, card: str, reason: str, actor: str) -> bool:
    """Let a card open nothing until :func:`restore`, whatever lists say; False when it was revoked here before."""
    with store.transaction() as connection:
        added = connection.execute(
            """INSERT INTO card_revocation (card, revoked_at, actor, reason) VALUES (?, ?, ?, ?)
            ON CONFLICT (card) DO NOTHING""",
            (card, stamp(store.clock()), actor, reason),
        ).rowcount
        if added:
            _changed(connection)
    return bool(added)


def restore(store: Store, card: str) -> bool:
    """Take the site's own revocation back: the list alone counts again. False when there was none."""
    with store.transaction() as connection:
        removed = connection.execute("DELETE FROM card_revocation WHERE card = ?", (card,)).rowcount
        if removed:
            _changed(connection)
    return bool(removed)


def erase(store: Store, card: str) -> bool:
    """Forget whose card this is and by which number it is found; False when nothing of it was known.

    What others have written of its pseudonym stays; nobody can tell any more what it stood for. The card is unknown
    from now on. Call :meth:`Store.empty_log` behind the transaction: the write-ahead log has the old bytes until then.
    """
    with store.transaction() as connection:
        row = connection.execute("SELECT bearer FROM card WHERE card = ?", (card,)).fetchone()
        found = connection.execute("DELETE FROM card_identity WHERE card = ?", (card,)).rowcount
        found += connection.execute("DELETE FROM card WHERE card = ?", (card,)).rowcount
        found += connection.execute("DELETE FROM card_revocation WHERE card = ?", (card,)).rowcount
        found += connection.execute("DELETE FROM offline_tag WHERE card = ?", (card,)).rowcount
        if row is not None and row["bearer"]:
            connection.execute(
                "DELETE FROM card_bearer WHERE bearer = ?1 AND NOT EXISTS (SELECT 1 FROM card WHERE bearer = ?1)",
                (row["bearer"],),
            )
        if found:
            _changed(connection)
    return bool(found)


def _changed(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE card_changes SET count = count + 1")


def _put_people(connection: sqlite3.Connection, new: NewList) -> None:
    """Keep the new list's identities beside those of lists before; of holders' indexes only those of this list."""
    before = {row["card"]: row["name"] for row in connection.execute("SELECT card, name FROM card_identity")}
    connection.executemany(
        "UPDATE card_identity SET name = ? WHERE card = ?",
        [(each.name, each.card) for each in new.identities if before.get(each.card, each.name) != each.name],
    )
    connection.executemany(
        "INSERT INTO card_identity (card, lookup, commitment, salt, name) VALUES (?, ?, ?, ?, ?)",
        [
            (each.card, each.index, each.commitment, each.salt, each.name)
            for each in new.identities
            if each.card not in before
        ],
    )
    bearers = dict(new.bearers)
    kept = {row["lookup"] for row in connection.execute("SELECT lookup FROM card_bearer")}
    gone = [(lookup,) for lookup in kept - bearers.keys()]
    connection.executemany("DELETE FROM card_bearer WHERE lookup = ?", gone)
    added = [pair for pair in bearers.items() if pair[0] not in kept]
    connection.executemany("INSERT INTO card_bearer (lookup, bearer) VALUES (?, ?)", added)


def _rows_of(cards: Iterable[Card]) -> Iterable[_CardRow]:
    """Write cards as rows; many have the same rights and limits, so those are written once."""
    written: dict[object, str] = {}

    def text(value: object) -> str:
        if value not in written:
            written[value] = json.dumps(to_plain(value), ensure_ascii=False, separators=(",", ":"))
        return written[value]

    for card in cards:
        begins = None if card.valid_from is None else stamp(card.valid_from)
        ends = None if card.valid_until is None else stamp(card.valid_until)
        yield card.card, card.bearer, card.status.value, text(card.rights), text(card.limits), begins, ends


def _read(store: Store, *, revoked: bool) -> Authority | None:
    with store.reader() as connection:
        row = connection.execute(_LISTING + " ORDER BY version DESC LIMIT 1").fetchone()
        if row is None:
            return None
        here = {each["card"] for each in connection.execute("SELECT card FROM card_revocation")} if revoked else set()
        # Plain tuples: 50,000 rows by name cost twice as much.
        rows = map(tuple, connection.execute(_CARDS + " ORDER BY card"))
        try:
            cards = tuple(_cards(rows, here))
        except (InputError, ValueError, KeyError) as error:
            raise _damaged(store) from error
    return Authority(row["version"], row["file_mac"], row["content"], cards)


def _cards(rows: Iterable[tuple[Any, ...]], revoked: set[str]) -> Iterable[Card]:
    """Read rows as cards; what many of them have in common is read once."""
    rights = _Once(lambda text: from_plain(_Rights, {"rights": json.loads(text)}).rights)
    limits = _Once(lambda text: from_plain(Limits, json.loads(text)))
    moments = _Once(lambda text: None if text is None else moment_of(text))
    statuses = _Once(HolderStatus)
    for card, bearer, status, of_rights, of_limits, begins, ends in rows:
        counts = HolderStatus.REVOKED if card in revoked else statuses[status]
        yield Card(card, bearer, counts, rights[of_rights], limits[of_limits], moments[begins], moments[ends])


@dataclass(frozen=True, slots=True)
class _Rights:
    rights: tuple[Right, ...]


class _Once(dict[Any, _T]):
    """Remembers what a function makes of each text."""

    def __init__(self, make: Callable[[Any], _T]) -> None:
        self._make = make

    def __missing__(self, key: Any) -> _T:
        made = self[key] = self._make(key)
        return made


def _listing(row: Row) -> Listing:
    found: Mapping[str, Any] = dict(row)
    return Listing(**{**found, "imported_at": moment_of(row["imported_at"])})


def _damaged(store: Store) -> StorageFailed:
    return StorageFailed(
        t("the list of cards in the database is damaged"),
        where=str(store.path),
        next_step=t("import the list again with 'portseal card import'"),
    )

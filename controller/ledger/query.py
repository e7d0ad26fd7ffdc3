"""Reading the ledger: entries by filter, checkpoints, and proofs for auditors and witnesses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from controller.ledger.entry import Entry
from controller.store.open import Row, Store
from policies import merkle
from policies.codec import moment_of, stamp
from policies.errors import NotFound
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Filter:
    """Which entries: all conditions hold.

    `kind` is a kind or the beginning of one up to a dot ("apply" finds apply.intent); `since` and `before` are aware
    times, the latter exclusive; `text` is somewhere in the bytes.
    """

    kind: str | None = None
    subject: str | None = None
    actor: str | None = None
    since: datetime | None = None
    before: datetime | None = None
    text: str | None = None
    after_seq: int = 0


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """A checkpoint as it is kept; `at` is when it was signed, by this machine's clock, and not part of the note."""

    size: int
    at: datetime
    note: str


def entries(
    store: Store, where: Filter | None = None, *, newest_first: bool = False, limit: int | None = None
) -> Iterator[Entry]:
    """Stream the entries that fit, oldest or newest first, from one consistent snapshot."""
    conditions, values = _conditions(where or Filter())
    order = "DESC" if newest_first else "ASC"
    sql = f"SELECT * FROM ledger WHERE {conditions} ORDER BY seq {order} LIMIT ?"  # noqa: S608  # all of it is ours
    with store.reader() as connection:
        for row in connection.execute(sql, (*values, -1 if limit is None else limit)):
            yield _entry(row)


def entry(store: Store, seq: int) -> Entry:
    """Give one entry by its number; raises NotFound."""
    row = store.row("SELECT * FROM ledger WHERE seq = ?", (seq,))
    if row is None:
        raise NotFound(
            t("the ledger has no such entry"),
            where=f"#{seq}",
            next_step=t("see the last ones with 'portseal audit log'"),
        )
    return _entry(row)


def size(store: Store) -> int:
    """Give the number of entries."""
    row = store.row("SELECT COALESCE(MAX(seq), 0) FROM ledger")
    return 0 if row is None else int(row[0])


def checkpoints(store: Store) -> tuple[StoredCheckpoint, ...]:
    """Give the checkpoints that are kept, smallest first."""
    rows = store.rows("SELECT size, at, note FROM checkpoint ORDER BY size")
    return tuple(StoredCheckpoint(row["size"], moment_of(row["at"]), row["note"]) for row in rows)


def latest_checkpoint(store: Store) -> StoredCheckpoint | None:
    """Give the newest checkpoint, if one was ever signed."""
    row = store.row("SELECT size, at, note FROM checkpoint ORDER BY size DESC LIMIT 1")
    return None if row is None else StoredCheckpoint(row["size"], moment_of(row["at"]), row["note"])


def inclusion_proof(store: Store, seq: int, tree_size: int) -> list[bytes]:
    """Prove that entry `seq` is in the tree of the first `tree_size` entries (RFC 9162, 2.1.3); raises NotFound."""
    if not 0 < seq <= tree_size <= size(store):
        raise NotFound(t("the ledger has no such entry"), where=f"#{seq}")
    return _prove(store, merkle.inclusion_ranges(seq - 1, tree_size))


def consistency_proof(store: Store, old: int, new: int) -> list[bytes]:
    """Prove that the first `new` entries extend the first `old` (RFC 9162, 2.1.4); raises NotFound."""
    if not 0 <= old <= new <= size(store):
        raise NotFound(t("the ledger has no such entry"), where=f"#{new}")
    return _prove(store, merkle.consistency_ranges(old, new))


def root(store: Store, tree_size: int) -> bytes:
    """Compute the root hash over the first `tree_size` entries."""
    return _prove(store, [(0, tree_size)])[0]


def _prove(store: Store, ranges: list[merkle.Range]) -> list[bytes]:
    with store.reader() as connection:

        def subtree(start: int, end: int) -> bytes:
            sql = "SELECT leaf FROM ledger WHERE seq > ? AND seq <= ? ORDER BY seq"
            return merkle.tree_hash(row[0] for row in connection.execute(sql, (start, end)))

        return merkle.prove(ranges, subtree)


def _conditions(where: Filter) -> tuple[str, list[object]]:
    parts = ["seq > ?"]
    values: list[object] = [where.after_seq]
    exact: tuple[tuple[str, str | None], ...] = (
        ("subject = ?", where.subject),
        ("actor = ?", where.actor),
        ("at >= ?", None if where.since is None else stamp(where.since)),
        ("at < ?", None if where.before is None else stamp(where.before)),
        ("instr(CAST(bytes AS TEXT), ?) > 0", where.text),
    )
    for condition, value in exact:
        if value is not None:
            parts.append(condition)
            values.append(value)
    if where.kind is not None:
        # "." + 1 = "/": all kinds below one are in this range of the index.
        parts.append("(kind = ? OR (kind > ? AND kind < ?))")
        values += [where.kind, f"{where.kind}.", f"{where.kind}/"]
    return " AND ".join(parts), values


def _entry(row: Row) -> Entry:
    at = moment_of(row["at"], f"#{row['seq']}")
    return Entry(row["seq"], at, row["actor"], row["kind"], row["subject"], row["bytes"], row["leaf"])

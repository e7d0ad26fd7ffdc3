"""The highest version of a list of cards that the access-control system has published, and which list that was."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from controller.store.open import Store
from policies.codec import moment_of, stamp


@dataclass(frozen=True, slots=True)
class Mark:
    """`file_mac` is the list's hash by the site's key, `at` when that version came first."""

    version: int
    file_mac: str
    at: datetime


def last_mark(store: Store) -> Mark | None:
    """Give the mark; None before the first list."""
    row = store.row("SELECT version, file_mac, at FROM card_published")
    return None if row is None else Mark(row["version"], row["file_mac"], moment_of(row["at"]))


def put_mark(connection: sqlite3.Connection, mark: Mark) -> None:
    """Let this version be the highest, in the caller's transaction, who has compared it with the one before."""
    connection.execute(
        "INSERT OR REPLACE INTO card_published (one, version, file_mac, at) VALUES (1, ?, ?, ?)",
        (mark.version, mark.file_mac, stamp(mark.at)),
    )


def forget_mark(connection: sqlite3.Connection) -> int:
    """Let versions begin anew, in the caller's transaction; gives the highest one until then, 0 when there was none."""
    row = connection.execute("SELECT version FROM card_published").fetchone()
    connection.execute("DELETE FROM card_published")
    return 0 if row is None else int(row[0])

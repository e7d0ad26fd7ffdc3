"""Open and finished enrolments: one for each terminal, the last one."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp
from policies.keys import PublicKey
from policies.messages.bundle import Bundle


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment: `token_key` proves the token, `bundle` is the bundle's digest.

    Once it is used, `request` is the digest of what was asked and `answer` what was answered.
    """

    terminal: str
    token_key: PublicKey
    made_at: datetime
    bundle: str
    expires: datetime
    used_at: datetime | None
    request: str
    answer: str

    def open(self, now: datetime) -> bool:
        """Whether it can still be used."""
        return self.used_at is None and now < self.expires


def enrolment(store: Store, terminal: str) -> Enrolment | None:
    """Give the last enrolment of a terminal; None when there never was one, or it was withdrawn."""
    row = store.row("SELECT * FROM enrolment WHERE terminal = ?", (terminal,))
    return None if row is None else _read(row)


def put_enrolment(connection: sqlite3.Connection, bundle: Bundle, now: datetime) -> None:
    """Open an enrolment with this bundle, in the caller's transaction; an earlier token counts no more."""
    connection.execute(
        "INSERT OR REPLACE INTO enrolment (terminal, token_key, made_at, bundle, expires) VALUES (?, ?, ?, ?, ?)",
        (bundle.terminal, bundle.key.public.raw, stamp(now), bundle.digest, stamp(bundle.expires)),
    )


def use_enrolment(connection: sqlite3.Connection, of: Enrolment, now: datetime, request: str, answer: str) -> bool:
    """Say that it is used, in the caller's transaction; False when it is not the open one any more."""
    done = connection.execute(
        """UPDATE enrolment SET used_at = ?, request = ?, answer = ?
        WHERE terminal = ? AND token_key = ? AND used_at IS NULL""",
        (stamp(now), request, answer, of.terminal, of.token_key.raw),
    )
    return done.rowcount == 1


def drop_enrolment(connection: sqlite3.Connection, terminal: str) -> bool:
    """Withdraw a terminal's enrolment, used or not, in the caller's transaction; tells whether one was open."""
    row = connection.execute("SELECT used_at FROM enrolment WHERE terminal = ?", (terminal,)).fetchone()
    connection.execute("DELETE FROM enrolment WHERE terminal = ?", (terminal,))
    return row is not None and row["used_at"] is None


def _read(row: Row) -> Enrolment:
    used = row["used_at"]
    return Enrolment(
        row["terminal"],
        PublicKey(row["token_key"]),
        moment_of(row["made_at"]),
        row["bundle"],
        moment_of(row["expires"]),
        None if used is None else moment_of(used),
        row["request"],
        row["answer"],
    )

"""The last signed census of each terminal, byte for byte, and the key that its documents must be signed by."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp
from policies.errors import Busy, ConfigError, InputError, StorageFailed
from policies.keys import PublicKey
from policies.messages.evidence import SignedCensus, read_evidence
from policies.texts import t

#: How far a census may lie ahead of the clock here: two machines' clocks differ a little.
SKEW = timedelta(minutes=5)

_KEPT = """SELECT census.terminal, census.received_at, census.document, trusted.key
    FROM terminal_census AS census JOIN terminal_key AS trusted USING (terminal)"""

_TRUSTED = """SELECT key FROM terminal_key AS mine WHERE terminal = ? AND NOT EXISTS (
    SELECT 1 FROM terminal_key_revoked AS gone WHERE gone.terminal = mine.terminal AND gone.key = mine.key)"""


@dataclass(frozen=True, slots=True)
class KeptCensus:
    """A census that was taken in; `received_at` is when, by the clock here."""

    signed: SignedCensus
    received_at: datetime


def trusted_key(store: Store, terminal: str) -> PublicKey | None:
    """Give the key that documents of this terminal must be signed by; None before the first, and for a revoked one."""
    row = store.row(_TRUSTED, (terminal,))
    return None if row is None else _key(terminal, row["key"])


def has_revoked_key(store: Store, terminal: str) -> bool:
    """Tell whether a key of this terminal was taken away, and not given back."""
    return bool(store.row("SELECT 1 FROM terminal_key_revoked WHERE terminal = ? LIMIT 1", (terminal,)))


def revoke_key(connection: sqlite3.Connection, terminal: str, now: datetime) -> PublicKey | None:
    """Trust a terminal's key no more, in the caller's transaction; gives it, or None when none was trusted.

    Its row stays, with the chain of what it signed before: a later enrolment of the same machine goes on from there.
    """
    row = connection.execute("SELECT key FROM terminal_key WHERE terminal = ?", (terminal,)).fetchone()
    if row is None:
        return None
    done = connection.execute(
        "INSERT INTO terminal_key_revoked (terminal, key, revoked_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (terminal, row["key"], stamp(now)),
    )
    return _key(terminal, row["key"]) if done.rowcount else None


def trust_key(connection: sqlite3.Connection, terminal: str, key: PublicKey, now: datetime) -> PublicKey | None:
    """Trust this key from now on, in the caller's transaction; gives the other key whose place it takes.

    What another key has signed is not this one's: the kept census and the chain of events end with it, and the next
    ones begin anew. The ledger has them all.
    """
    _give_back(connection, terminal, key)
    row = connection.execute("SELECT key FROM terminal_key WHERE terminal = ?", (terminal,)).fetchone()
    if row is not None and row["key"] == key.raw:
        return None
    if row is not None:
        for table in ("terminal_census", "terminal_event", "terminal_head", "terminal_status"):
            connection.execute(f"DELETE FROM {table} WHERE terminal = ?", (terminal,))  # noqa: S608 - of the line above
    connection.execute(
        """INSERT INTO terminal_key (terminal, key, trusted_at) VALUES (?, ?, ?) ON CONFLICT (terminal)
        DO UPDATE SET key = excluded.key, trusted_at = excluded.trusted_at""",
        (terminal, key.raw, stamp(now)),
    )
    return None if row is None else _key(terminal, row["key"])


def kept_census(store: Store, terminal: str) -> KeptCensus | None:
    """Give the last census of a terminal; raises StorageFailed when what is kept is not what was signed."""
    row = store.row(_KEPT + " WHERE census.terminal = ?", (terminal,))
    return None if row is None else _kept(row)


def kept_censuses(store: Store) -> dict[str, KeptCensus]:
    """Give the last census of every terminal, by name; raises StorageFailed as :func:`kept_census` does."""
    return {row["terminal"]: _kept(row) for row in store.rows(_KEPT + " ORDER BY census.terminal")}


def refuse_older(store: Store, signed: SignedCensus) -> None:
    """Raise InputError when a census that is as new is kept; one from a time to come holds no other one back."""
    row = store.row("SELECT taken_at FROM terminal_census WHERE terminal = ?", (signed.terminal,))
    if row is None or stamp(store.clock() + SKEW) < row["taken_at"] or row["taken_at"] < stamp(signed.taken_at):
        return
    raise InputError(
        t("this census is of {at}, and one of {kept} is kept already", at=stamp(signed.taken_at), kept=row["taken_at"]),
        where=signed.terminal,
        next_step=t(
            "take a new one with 'portseal-agent census --report'; when it is new, set the terminal's clock right"
        ),
    )


def put_census(store: Store, signed: SignedCensus, before: PublicKey | None) -> None:
    """Keep the document and trust its key from now on; all of it, or nothing and an error.

    `before` is the trusted key that the caller has seen: Busy when it is another one by now. InputError as
    :func:`refuse_older`.
    """
    with store.transaction() as connection:
        if trusted_key(store, signed.terminal) != before:
            raise Busy(
                t("another key became the trusted one just now"), where=signed.terminal, next_step=t("look, and repeat")
            )
        refuse_older(store, signed)
        now = stamp(store.clock())
        _give_back(connection, signed.terminal, signed.key)
        if before != signed.key:
            connection.execute(
                """INSERT INTO terminal_key (terminal, key, trusted_at) VALUES (?, ?, ?) ON CONFLICT (terminal)
                DO UPDATE SET key = excluded.key, trusted_at = excluded.trusted_at""",
                (signed.terminal, signed.key.raw, now),
            )
        connection.execute(
            """INSERT INTO terminal_census (terminal, taken_at, received_at, document) VALUES (?, ?, ?, ?)
            ON CONFLICT (terminal) DO UPDATE SET taken_at = excluded.taken_at, received_at = excluded.received_at,
            document = excluded.document""",
            (signed.terminal, stamp(signed.taken_at), now, signed.raw),
        )


def _give_back(connection: sqlite3.Connection, terminal: str, key: PublicKey) -> None:
    """Forget that a key was revoked: somebody has just said that it is the terminal's."""
    connection.execute("DELETE FROM terminal_key_revoked WHERE terminal = ? AND key = ?", (terminal, key.raw))


def _kept(row: Row) -> KeptCensus:
    terminal: str = row["terminal"]
    try:
        signed = read_evidence(row["document"])
        received = moment_of(row["received_at"])
    except InputError as error:
        raise StorageFailed(
            t("the kept census cannot be read ({cause})", cause=error.what), where=terminal, next_step=_ANEW
        ) from error
    if signed.terminal != terminal or signed.key != _key(terminal, row["key"]):
        raise StorageFailed(t("the kept census is another terminal's"), where=terminal, next_step=_ANEW)
    return KeptCensus(signed, received)


def _key(terminal: str, raw: bytes) -> PublicKey:
    try:
        return PublicKey(raw)
    except ConfigError as error:
        raise StorageFailed(error.what, where=terminal, next_step=t("restore it with 'portseal restore'")) from error


_ANEW = t("take a new one in with 'portseal terminal census'")

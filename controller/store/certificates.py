"""The certificates that the site's authority has issued, and which of them are revoked."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp

#: Why certificates are revoked without a person's reason.
REPLACED = "replaced by a new enrolment"


@dataclass(frozen=True, slots=True)
class Certificate:
    """An issued certificate: serial number in hex, whose it is, from when, until when, and since when it is revoked."""

    serial: str
    identity: str
    issued_at: datetime
    expires: datetime
    revoked_at: datetime | None = None
    why: str = ""


def put_certificate(connection: sqlite3.Connection, made: Certificate) -> None:
    """Keep what was issued, in the caller's transaction."""
    connection.execute(
        "INSERT INTO certificate (serial, identity, issued_at, expires) VALUES (?, ?, ?, ?)",
        (made.serial, made.identity, stamp(made.issued_at), stamp(made.expires)),
    )


def certificate(store: Store, serial: str) -> Certificate | None:
    """Give the certificate with this serial number; None when the site has issued none like it."""
    row = store.row("SELECT * FROM certificate WHERE serial = ?", (serial,))
    return None if row is None else _read(row)


def certificates(store: Store, identity: str = "") -> list[Certificate]:
    """Give the certificates of one identity, or all, the oldest first."""
    where, values = (" WHERE identity = ?", (identity,)) if identity else ("", ())
    return [_read(row) for row in store.rows(f"SELECT * FROM certificate{where} ORDER BY issued_at, serial", values)]  # noqa: S608


def good_identities(store: Store) -> list[str]:
    """Name the identities that have a certificate which is not revoked."""
    rows = store.rows("SELECT DISTINCT identity FROM certificate WHERE revoked_at IS NULL ORDER BY identity")
    return [row["identity"] for row in rows]


def revoked_serials(store: Store) -> frozenset[str]:
    """Give the serial numbers (hex) of every revoked certificate."""
    return frozenset(row["serial"] for row in store.rows("SELECT serial FROM certificate WHERE revoked_at IS NOT NULL"))


def certificates_mark(store: Store) -> tuple[object, ...]:
    """Give what is another one whenever a certificate was issued or revoked; cheap to ask often."""
    row = store.row("SELECT count(*), count(revoked_at), max(issued_at), max(revoked_at) FROM certificate")
    return () if row is None else tuple(row)


def revoke_certificates(connection: sqlite3.Connection, identity: str, at: datetime, why: str) -> list[str]:
    """Revoke every certificate of an identity, in the caller's transaction; gives the serials that were not yet."""
    rows = connection.execute(
        "SELECT serial FROM certificate WHERE identity = ? AND revoked_at IS NULL ORDER BY serial", (identity,)
    ).fetchall()
    connection.execute(
        "UPDATE certificate SET revoked_at = ?, why = ? WHERE identity = ? AND revoked_at IS NULL",
        (stamp(at), why, identity),
    )
    return [str(row["serial"]) for row in rows]


def _read(row: Row) -> Certificate:
    revoked = row["revoked_at"]
    return Certificate(
        row["serial"],
        row["identity"],
        moment_of(row["issued_at"]),
        moment_of(row["expires"]),
        None if revoked is None else moment_of(revoked),
        row["why"],
    )

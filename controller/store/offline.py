"""What stands for cards at terminals that may open without a connection, and the permits that were signed for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp

#: Grants of one terminal that are looked at for the cards that opened it last.
_LAST = 500


@dataclass(frozen=True, slots=True)
class KeptPermit:
    """A permit that was signed; `entry` is the number of the ledger's entry that decided it."""

    jti: str
    terminal: str
    card: str
    purpose: str
    signed_at: datetime
    expires: datetime
    entry: int


def put_tag(store: Store, card: str, terminal: str, sealed: bytes) -> None:
    """Keep what stands for a card at a terminal; it is always the same for the two."""
    store.execute(
        "INSERT INTO offline_tag (card, terminal, sealed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (card, terminal, sealed),
    )


def tags(store: Store, terminal: str) -> dict[str, bytes]:
    """Give what is kept for a terminal, by card; sealed."""
    rows = store.rows("SELECT card, sealed FROM offline_tag WHERE terminal = ?", (terminal,))
    return {row["card"]: row["sealed"] for row in rows}


def opened_last(store: Store, terminal: str, since: datetime) -> list[str]:
    """Give the cards that opened a terminal since a time, the last one first; of two people both."""
    rows = store.rows(
        """SELECT cards FROM card_grant WHERE terminal = ? AND signed_at >= ? AND state IN ('open', 'ended')
        ORDER BY signed_at DESC LIMIT ?""",
        (terminal, stamp(since), _LAST),
    )
    return list(dict.fromkeys(card for row in rows for card in json.loads(row["cards"])))


def put_permit(store: Store, permit: KeptPermit) -> None:
    """Keep a permit that was just signed."""
    store.execute(
        """INSERT INTO offline_permit (jti, terminal, card, purpose, signed_at, expires, entry)
        VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (
            permit.jti, permit.terminal, permit.card, permit.purpose, stamp(permit.signed_at), stamp(permit.expires),
            permit.entry,
        ),
    )  # fmt: skip


def permit_of(store: Store, jti: str) -> KeptPermit | None:
    """Give the permit with this id."""
    row = store.row("SELECT * FROM offline_permit WHERE jti = ?", (jti,))
    return None if row is None else _permit(row)


def may_hold(store: Store, terminal: str, now: datetime) -> bool:
    """Tell whether a terminal may still hold a permit that counts."""
    return bool(
        store.row("SELECT 1 FROM offline_permit WHERE terminal = ? AND expires > ? LIMIT 1", (terminal, stamp(now)))
    )


def forget_permits(store: Store, before: datetime) -> int:
    """Let go of permits that ended before a time; gives how many those were."""
    return store.execute("DELETE FROM offline_permit WHERE expires < ?", (stamp(before),))


def _permit(row: Row) -> KeptPermit:
    return KeptPermit(
        jti=row["jti"],
        terminal=row["terminal"],
        card=row["card"],
        purpose=row["purpose"],
        signed_at=moment_of(row["signed_at"]),
        expires=moment_of(row["expires"]),
        entry=row["entry"],
    )

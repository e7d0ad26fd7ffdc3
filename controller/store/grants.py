"""The grants that were signed, what became of each, and the counter that rises with every one for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp

#: How long after its end a lease may still be told as open: the terminal's clock ends it, and says so.
LATE = timedelta(minutes=1)


class GrantState(StrEnum):
    """`signed`: sent, and not answered yet; `lapsed`: never answered, and withdrawn."""

    SIGNED = "signed"
    OPEN = "open"
    REFUSED = "refused"
    ENDED = "ended"
    LAPSED = "lapsed"


#: States in which a grant may have something open.
LIVE = frozenset({GrantState.SIGNED, GrantState.OPEN})


@dataclass(frozen=True, slots=True)
class KeptGrant:
    """One grant. `cards` are pseudonyms of the one or two people, `reader` "" for one that no swipe made.

    `extends` is the jti of the lease that it prolongs, `entry` the number of the ledger's entry that decided it. `why`
    is the terminal's or the controller's word for how it ended; `ending` the reason for which it is to end, until the
    terminal says that it has.
    """

    jti: str
    terminal: str
    cards: tuple[str, ...]
    reader: str
    purpose: str
    ctr: int
    signed_at: datetime
    expires: datetime
    entry: int
    extends: str = ""
    state: GrantState = GrantState.SIGNED
    state_at: datetime | None = None
    why: str = ""
    ending: str = ""


def put_grant(store: Store, grant: KeptGrant) -> None:
    """Keep a grant that was just signed."""
    store.execute(
        """INSERT INTO card_grant (jti, terminal, cards, reader, purpose, ctr, signed_at, expires, extends, state,
        state_at, why, entry) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            grant.jti, grant.terminal, json.dumps(grant.cards), grant.reader, grant.purpose, grant.ctr,
            stamp(grant.signed_at), stamp(grant.expires), grant.extends, grant.state,
            stamp(grant.state_at or grant.signed_at), grant.why, grant.entry,
        ),
    )  # fmt: skip


def grant_of(store: Store, jti: str) -> KeptGrant | None:
    """Give the grant with this id."""
    row = store.row("SELECT * FROM card_grant WHERE jti = ?", (jti,))
    return None if row is None else _grant(row)


def live_grants(store: Store, now: datetime, terminal: str = "") -> list[KeptGrant]:
    """Give what is, or may be, open now, oldest first; of one terminal, or of all."""
    rows = store.rows(
        """SELECT * FROM card_grant WHERE state IN ('signed', 'open') AND expires > ? AND ? IN ('', terminal)
        ORDER BY signed_at, ctr""",
        (stamp(now - LATE), terminal),
    )
    return [_grant(row) for row in rows]


def recent_grants(store: Store, limit: int, terminal: str = "") -> list[KeptGrant]:
    """Give the last grants, newest first."""
    rows = store.rows(
        """SELECT * FROM card_grant WHERE ? IN ('', terminal) ORDER BY signed_at DESC, ctr DESC LIMIT ?""",
        (terminal, limit),
    )
    return [_grant(row) for row in rows]


def chain(store: Store, root: str, now: datetime) -> list[KeptGrant]:
    """Give what is live of a lease: the grant with this id, and the one that prolongs it."""
    return [each for each in live_grants(store, now) if root in (each.jti, each.extends)]


def extensions(store: Store, jti: str) -> int:
    """Give how often a lease was prolonged."""
    row = store.row("SELECT COUNT(*) FROM card_grant WHERE extends = ?", (jti,))
    return 0 if row is None else int(row[0])


#: From which states a grant comes to each. One that was taken for lapsed may have been opened after all: what the
#: terminal tells is the truth. An ended one never opens again.
_BEFORE = {
    GrantState.OPEN: ("signed", "lapsed"),
    GrantState.REFUSED: ("signed", "lapsed"),
    GrantState.ENDED: ("signed", "open", "lapsed"),
    GrantState.LAPSED: ("signed",),
}


def set_state(store: Store, jti: str, state: GrantState, at: datetime, why: str = "") -> bool:
    """Note what became of a grant; False when it is unknown, or has come to its end already."""
    before = (*_BEFORE[state], "signed", "signed")[:3]
    return bool(
        store.execute(
            "UPDATE card_grant SET state = ?, state_at = ?, why = ? WHERE jti = ? AND state IN (?, ?, ?)",
            (state, stamp(at), why[:200], jti, *before),
        )
    )


def let_end(store: Store, jti: str, why: str) -> None:
    """Note that a lease is to end: the terminal is told so until it obeys."""
    store.execute("UPDATE card_grant SET ending = ? WHERE jti = ? AND ending = ''", (why, jti))


def next_counter(store: Store, terminal: str, floor: int) -> int:
    """Take the next counter for a terminal: above every one before, and above `floor`, its own highest."""
    with store.transaction() as connection:
        row = connection.execute("SELECT ctr FROM terminal_counter WHERE terminal = ?", (terminal,)).fetchone()
        counter = max(0 if row is None else int(row[0]), floor) + 1
        connection.execute(
            """INSERT INTO terminal_counter (terminal, ctr) VALUES (?, ?)
            ON CONFLICT (terminal) DO UPDATE SET ctr = excluded.ctr""",
            (terminal, counter),
        )
    return counter


def see_swipe(store: Store, keys: Iterable[tuple[str, datetime]]) -> bool:
    """Remember keyed hashes that name a swipe, each until a time; True when one of them was there before."""
    repeated = False
    with store.transaction() as connection:
        for key, until in keys:
            done = connection.execute(
                "INSERT INTO swipe_seen (key, until) VALUES (?, ?) ON CONFLICT DO NOTHING", (key, stamp(until))
            )
            repeated |= done.rowcount == 0
    return repeated


def forget_swipes(store: Store, now: datetime) -> int:
    """Let go of what needs no remembering any more; gives how many keys those were."""
    return store.execute("DELETE FROM swipe_seen WHERE until < ?", (stamp(now),))


def _grant(row: Row) -> KeptGrant:
    return KeptGrant(
        jti=row["jti"],
        terminal=row["terminal"],
        cards=tuple(json.loads(row["cards"])),
        reader=row["reader"],
        purpose=row["purpose"],
        ctr=row["ctr"],
        signed_at=moment_of(row["signed_at"]),
        expires=moment_of(row["expires"]),
        entry=row["entry"],
        extends=row["extends"],
        state=GrantState(row["state"]),
        state_at=moment_of(row["state_at"]),
        why=row["why"],
        ending=row["ending"],
    )

"""What switches' notifications told: one row for each port, kind and cause while they keep coming, with a count."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp

#: Rows that are kept at most, and for how long after their last notification.
MOST_ROWS, KEPT = 100_000, timedelta(days=400)
#: Senders that are counted one by one; those beyond are counted together, as "*".
MOST_SENDERS = 1000
_ENGINE_BOOTS_MOST = 0x7FFF_FFFE


@dataclass(frozen=True, slots=True)
class Told:
    """One row: what was told of a port, how often, and what a reading of the switch said about it.

    `port` is canonical, a label such as "ifIndex 10101" where nobody knows the name, or "" where none was told. `macs`
    are the first ones, `more_macs` counts those beyond. `said` are the last notification's variables. `reading` is none
    (not needed), waiting, confirmed, unconfirmed, read (there is nothing to confirm) or failed.
    """

    id: int
    switch: str
    port: str
    kind: str
    cause: str
    name: str
    proof: str
    sender: str
    first_at: datetime
    last_at: datetime
    count: int
    macs: tuple[str, ...]
    more_macs: int
    vlan: int | None
    said: list[Any]
    open: bool
    entry: int
    recorded: int
    reading: str
    read_at: datetime | None
    found: dict[str, Any]

    @property
    def subject(self) -> str:
        """The subject of its entries: SWITCH/PORT, or the switch alone."""
        return f"{self.switch}/{self.port}" if self.port else self.switch


@dataclass(frozen=True, slots=True)
class RefusedSender:
    """Datagrams of one sender that were refused for one reason; `switch` is "" for an address that no switch has."""

    sender: str
    reason: str
    switch: str
    first_at: datetime
    last_at: datetime
    count: int
    recorded_at: datetime | None


def open_row(store: Store, switch: str, port: str, kind: str, cause: str) -> Told | None:
    """Give the row that further notifications of a port, kind and cause are counted in."""
    row = store.row(
        "SELECT * FROM trap WHERE open = 1 AND switch = ? AND port = ? AND kind = ? AND cause = ?",
        (switch, port, kind, cause),
    )
    return None if row is None else _told(row)


def open_rows(store: Store, switch: str) -> tuple[Told, ...]:
    """Give the open rows of a switch."""
    return tuple(_told(row) for row in store.rows("SELECT * FROM trap WHERE open = 1 AND switch = ?", (switch,)))


def count_open(store: Store, switch: str) -> int:
    """Count the open rows of a switch."""
    row = store.row("SELECT count(*) FROM trap WHERE open = 1 AND switch = ?", (switch,))
    return 0 if row is None else int(row[0])


def put(store: Store, told: Told) -> Told:
    """Write a row, a new one when its id is 0; gives it with its id."""
    values = (
        told.switch, told.port, told.kind, told.cause, told.name, told.proof, told.sender, stamp(told.first_at),
        stamp(told.last_at), told.count, json.dumps(told.macs), told.more_macs, told.vlan,
        json.dumps(told.said, ensure_ascii=False), int(told.open), told.entry, told.recorded, told.reading,
        None if told.read_at is None else stamp(told.read_at), json.dumps(told.found) if told.found else "",
    )  # fmt: skip
    with store.transaction() as connection:
        if told.id:
            connection.execute(f"UPDATE trap SET {_SET} WHERE id = ?", (*values, told.id))  # noqa: S608 - our columns
            return told
        cursor = connection.execute(f"INSERT INTO trap ({_COLUMNS}) VALUES ({_MARKS})", values)  # noqa: S608 - as above
    row = store.row("SELECT * FROM trap WHERE id = ?", (cursor.lastrowid,))
    assert row is not None
    return _told(row)


def silent_rows(store: Store, before: datetime, begun: datetime) -> tuple[Told, ...]:
    """Give open rows of which nothing came since `before`, or that began before `begun`."""
    sql = "SELECT * FROM trap WHERE open = 1 AND (last_at < ? OR first_at < ?)"
    return tuple(_told(row) for row in store.rows(sql, (stamp(before), stamp(begun))))


def failed_rows(store: Store, before: datetime) -> tuple[Told, ...]:
    """Give open rows whose last reading failed before that time."""
    rows = store.rows("SELECT * FROM trap WHERE open = 1 AND reading = 'failed' AND read_at < ?", (stamp(before),))
    return tuple(_told(row) for row in rows)


def told_rows(
    store: Store, *, switches: Iterable[str] = (), kind: str = "", everything: bool = True, limit: int = 50
) -> tuple[Told, ...]:
    """Give the newest rows, newest first: of `switches` (all when none is named), of one kind, all or open ones."""
    names = list(switches)
    marks = ",".join("?" * len(names))
    sql = f"""SELECT * FROM trap WHERE (? = '' OR kind = ?) AND (? OR open = 1)
        {f"AND switch IN ({marks})" if names else ""} ORDER BY last_at DESC, id DESC LIMIT ?"""  # noqa: S608 - marks only
    return tuple(_told(row) for row in store.rows(sql, (kind, kind, int(everything), *names, limit)))


def told_row(store: Store, number: int) -> Told | None:
    """Give one row by its id."""
    row = store.row("SELECT * FROM trap WHERE id = ?", (number,))
    return None if row is None else _told(row)


def count_refused(store: Store, sender: str, reason: str, switch: str, count: int, now: datetime) -> RefusedSender:
    """Count datagrams that were refused, and give the sum; senders beyond a thousand count together as "*"."""
    known = store.row("SELECT 1 FROM trap_refused WHERE sender = ? AND reason = ?", (sender, reason))
    if known is None and not switch:
        row = store.row("SELECT count(*) FROM trap_refused")
        sender = "*" if row is not None and row[0] >= MOST_SENDERS else sender
    store.execute(
        """INSERT INTO trap_refused (sender, reason, switch, first_at, last_at, count) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (sender, reason) DO UPDATE
        SET count = count + excluded.count, last_at = excluded.last_at, switch = excluded.switch""",
        (sender, reason, switch, stamp(now), stamp(now), count),
    )
    row = store.row("SELECT * FROM trap_refused WHERE sender = ? AND reason = ?", (sender, reason))
    assert row is not None
    return _refused(row)


def refused_recorded(store: Store, refused: RefusedSender, now: datetime) -> None:
    """Note that the ledger was told of a sender."""
    store.execute(
        "UPDATE trap_refused SET recorded_at = ? WHERE sender = ? AND reason = ?",
        (stamp(now), refused.sender, refused.reason),
    )


def refused_senders(store: Store) -> tuple[RefusedSender, ...]:
    """Give who was refused and why, the last first."""
    return tuple(_refused(row) for row in store.rows("SELECT * FROM trap_refused ORDER BY last_at DESC, sender"))


def start_engine(store: Store) -> tuple[bytes, int]:
    """Give our SNMP engine's identity, and how often it has started, this time included; durable before it speaks.

    The identity has the form of RFC 3411 with eight random octets, under the enterprise number 0: we have none.
    """
    with store.transaction() as connection:
        made = b"\x80\x00\x00\x00\x05" + secrets.token_bytes(8)
        connection.execute(
            """INSERT INTO trap_engine (one, identity, boots) VALUES (1, ?, 1)
            ON CONFLICT (one) DO UPDATE SET boots = min(boots + 1, ?)""",
            (made, _ENGINE_BOOTS_MOST),
        )
        row = connection.execute("SELECT identity, boots FROM trap_engine").fetchone()
    return bytes(row["identity"]), int(row["boots"])


def engine_identity(store: Store) -> bytes:
    """Give our SNMP engine's identity; empty before the first start."""
    row = store.row("SELECT identity FROM trap_engine")
    return b"" if row is None else bytes(row["identity"])


def put_peers(store: Store, peers: Iterable[tuple[bytes, int, int]], now: datetime) -> None:
    """Keep the clocks of switches' engines: identity, boots, latest time."""
    with store.transaction() as connection:
        connection.executemany(
            """INSERT INTO trap_peer (engine, boots, latest, heard_at) VALUES (?, ?, ?, ?) ON CONFLICT (engine)
            DO UPDATE SET boots = excluded.boots, latest = excluded.latest, heard_at = excluded.heard_at""",
            [(engine, boots, latest, stamp(now)) for engine, boots, latest in peers],
        )


def peers(store: Store) -> list[tuple[bytes, int, int]]:
    """Give the clocks of switches' engines: identity, boots, latest time."""
    rows = store.rows("SELECT engine, boots, latest FROM trap_peer ORDER BY heard_at")
    return [(bytes(row["engine"]), int(row["boots"]), int(row["latest"])) for row in rows]


def sweep_traps(store: Store, now: datetime) -> None:
    """Forget old rows; an open one is never forgotten, and what the ledger was told stays there."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM trap WHERE open = 0 AND last_at < ?", (stamp(now - KEPT),))
        connection.execute(
            """DELETE FROM trap WHERE open = 0 AND id IN
            (SELECT id FROM trap WHERE open = 0 ORDER BY last_at DESC, id DESC LIMIT -1 OFFSET ?)""",
            (MOST_ROWS,),
        )
        connection.execute("DELETE FROM trap_refused WHERE last_at < ?", (stamp(now - KEPT),))


_NAMES = (
    "switch", "port", "kind", "cause", "name", "proof", "sender", "first_at", "last_at", "count", "macs", "more_macs",
    "vlan", "said", "open", "entry", "recorded", "reading", "read_at", "found",
)  # fmt: skip
_COLUMNS, _MARKS = ", ".join(_NAMES), ", ".join("?" * len(_NAMES))
_SET = ", ".join(f"{name} = ?" for name in _NAMES)


def _told(row: Row) -> Told:
    return Told(
        row["id"], row["switch"], row["port"], row["kind"], row["cause"], row["name"], row["proof"], row["sender"],
        moment_of(row["first_at"]), moment_of(row["last_at"]), row["count"], tuple(json.loads(row["macs"])),
        row["more_macs"], row["vlan"], json.loads(row["said"]), bool(row["open"]), row["entry"], row["recorded"],
        row["reading"], None if row["read_at"] is None else moment_of(row["read_at"]),
        json.loads(row["found"]) if row["found"] else {},
    )  # fmt: skip


def _refused(row: Row) -> RefusedSender:
    return RefusedSender(
        row["sender"], row["reason"], row["switch"], moment_of(row["first_at"]), moment_of(row["last_at"]),
        row["count"], None if row["recorded_at"] is None else moment_of(row["recorded_at"]),
    )  # fmt: skip

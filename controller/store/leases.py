"""One writer per switch: a lease is held by one process until it lets go, dies, or its time is over."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.store.open import Row, Store
from controller.store.process import Process
from policies.codec import moment_of, stamp
from policies.errors import Busy
from policies.texts import t

#: Tokens of leases that this process is done with, though the disk did not let it say so. Without them whoever runs on
#: after a full disk was told to wait for itself.
_done_with: set[str] = set()


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to `switch` until `expires`; `token` proves that it is still this lease."""

    switch: str
    owner: str
    token: str
    acquired: datetime
    expires: datetime


def acquire(store: Store, switch: str, owner: str, ttl: timedelta) -> Lease:
    """Take the switch for `ttl`, in one step; raises Busy that names who holds it and since when.

    A lease is taken over when its process is gone. Its time counts only for a process that cannot be seen from here (in
    another container): clocks are set forward, and a slow switch takes as long as it takes.
    """
    now = store.clock()
    lease = Lease(switch, owner, secrets.token_hex(16), now, now + ttl)
    with store.transaction() as connection:
        row = connection.execute("SELECT * FROM lease WHERE switch = ?", (switch,)).fetchone()
        if row is not None and _held(row, now):
            raise _busy(row)
        connection.execute(
            "INSERT OR REPLACE INTO lease (switch, owner, token, process, acquired, expires) VALUES (?, ?, ?, ?, ?, ?)",
            (switch, owner, lease.token, str(Process.current()), stamp(lease.acquired), stamp(lease.expires)),
        )
    return lease


def renew(store: Store, lease: Lease, ttl: timedelta) -> Lease:
    """Hold on for `ttl` from now; raises Busy when somebody else has taken the lease over: stop writing at once."""
    expires = store.clock() + ttl
    with store.transaction() as connection:
        row = connection.execute("SELECT * FROM lease WHERE switch = ?", (lease.switch,)).fetchone()
        if row is None or row["token"] != lease.token:
            raise _busy(row) if row is not None else _lost(lease)
        connection.execute("UPDATE lease SET expires = ? WHERE switch = ?", (stamp(expires), lease.switch))
    return Lease(lease.switch, lease.owner, lease.token, lease.acquired, expires)


def release(store: Store, lease: Lease) -> None:
    """Let go; a lease that was lost meanwhile stays with who has it."""
    store.execute("DELETE FROM lease WHERE switch = ? AND token = ?", (lease.switch, lease.token))


@contextlib.contextmanager
def hold(store: Store, switch: str, owner: str, ttl: timedelta) -> Iterator[Lease]:
    """Hold the switch inside a `with` block; raises Busy."""
    lease = acquire(store, switch, owner, ttl)
    try:
        yield lease
    finally:
        _done_with.add(lease.token)
        release(store, lease)
        _done_with.discard(lease.token)


def holders(store: Store) -> tuple[Lease, ...]:
    """Give the leases that hold now, by switch; their tokens are blank."""
    rows = store.rows("SELECT * FROM lease WHERE expires > ? ORDER BY switch", (stamp(store.clock()),))
    return tuple(
        Lease(row["switch"], row["owner"], "", moment_of(row["acquired"]), moment_of(row["expires"]))
        for row in rows
        if not Process.parse(row["process"]).gone() and row["token"] not in _done_with
    )


def _held(row: Row, now: datetime) -> bool:
    if row["token"] in _done_with:
        return False
    holder = Process.parse(row["process"])
    return not holder.gone() and (row["expires"] > stamp(now) or holder.runs_here())


def _busy(row: Row) -> Busy:
    pid = Process.parse(row["process"]).pid
    return Busy(
        t(
            "{owner} (process {pid}) has been writing to it since {since}",
            owner=row["owner"],
            pid=pid,
            since=row["acquired"],
        ),
        where=row["switch"],
        next_step=t("wait until it is done, or stop that process"),
    )


def _lost(lease: Lease) -> Busy:
    return Busy(
        t("the lease of {owner} was lost", owner=lease.owner), where=lease.switch, next_step=t("plan and apply again")
    )

"""Ports that a person shut, and why: they stay shut in every plan until a person releases them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.store.open import Row, Store
from policies.codec import moment_of, stamp
from policies.errors import InputError, NotFound
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Block:
    """One blocked port: who shut it, when (aware UTC) and why."""

    switch: str
    port: str
    actor: str
    at: datetime
    reason: str


def block(store: Store, switch: str, port: str, actor: str, reason: str) -> Block:
    """Record that a port is shut.

    Raises:
        InputError: it is blocked already, by whom and why.

    """
    made = Block(switch, port, actor, store.clock(), reason)
    with store.transaction() as connection:
        found = connection.execute("SELECT * FROM block WHERE switch = ? AND port = ?", (switch, port)).fetchone()
        if found is not None:
            old = _block(found)
            raise InputError(
                t("blocked already by {actor}: {reason}", actor=old.actor, reason=old.reason),
                where=f"{switch}/{port}",
                next_step=t("release it with 'portseal port release' first"),
            )
        connection.execute(
            "INSERT INTO block (switch, port, actor, at, reason) VALUES (?, ?, ?, ?, ?)",
            (switch, port, actor, stamp(made.at), reason),
        )
    return made


def release(store: Store, switch: str, port: str) -> Block:
    """Forget the block and give it; raises NotFound when the port is not blocked."""
    with store.transaction() as connection:
        found = connection.execute("SELECT * FROM block WHERE switch = ? AND port = ?", (switch, port)).fetchone()
        if found is None:
            raise NotFound(
                t("the port is not blocked"),
                where=f"{switch}/{port}",
                next_step=t("see 'portseal port show' for what holds it"),
            )
        connection.execute("DELETE FROM block WHERE switch = ? AND port = ?", (switch, port))
    return _block(found)


def blocks(store: Store, switch: str | None = None) -> tuple[Block, ...]:
    """Give the blocked ports, of one switch or of all."""
    rows = store.rows("SELECT * FROM block WHERE ?1 IS NULL OR switch = ?1 ORDER BY switch, port", (switch,))
    return tuple(_block(row) for row in rows)


def reasons(store: Store, switch: str) -> dict[str, str]:
    """Give the reason of each blocked port of a switch."""
    return {block.port: block.reason for block in blocks(store, switch)}


def _block(row: Row) -> Block:
    return Block(row["switch"], row["port"], row["actor"], moment_of(row["at"]), row["reason"])

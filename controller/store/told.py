"""What terminals have told: the end of each chain of events, each event's place in the ledger, the last status."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.store.open import Store
from policies.codec import moment_of, stamp
from policies.messages.event import AgentEvent, read_event
from policies.messages.status import State, Status
from policies.messages.status import parse as parse_status

#: States in which nobody is there to obey a grant.
GONE = frozenset({State.OFFLINE, State.STOPPED})


@dataclass(frozen=True, slots=True)
class Heard:
    """A terminal's last status, and when it came by the clock here."""

    status: Status
    at: datetime


def last_event(store: Store, terminal: str) -> AgentEvent | None:
    """Give the last event of a terminal's chain that is in the ledger."""
    row = store.row("SELECT event FROM terminal_head WHERE terminal = ?", (terminal,))
    return None if row is None else read_event(row["event"], None)


def event_digest(store: Store, terminal: str, seq: int) -> str:
    """Give the digest of an event that is in the ledger; "" for one that is not."""
    row = store.row("SELECT digest FROM terminal_event WHERE terminal = ? AND seq = ?", (terminal, seq))
    return "" if row is None else str(row["digest"])


def put_event(store: Store, event: AgentEvent, entry: int) -> None:
    """Note that an event is in the ledger as entry number `entry`, and that the chain ends with it now."""
    with store.transaction() as connection:
        connection.execute(
            "INSERT INTO terminal_event (terminal, seq, digest, entry) VALUES (?, ?, ?, ?)",
            (event.terminal, event.seq, event.head.digest, entry),
        )
        connection.execute(
            """INSERT INTO terminal_head (terminal, seq, event) VALUES (?, ?, ?) ON CONFLICT (terminal)
            DO UPDATE SET seq = excluded.seq, event = excluded.event""",
            (event.terminal, event.seq, event.raw),
        )


def put_status(store: Store, terminal: str, heard: Heard) -> None:
    """Keep a terminal's last status, for who asks while the controller does not run.

    One that says that nobody is there is no sign of life: the time of the last one before stays.
    """
    store.execute(
        """INSERT INTO terminal_status (terminal, status, heard_at) VALUES (?1, ?2, ?3) ON CONFLICT (terminal)
        DO UPDATE SET status = ?2, heard_at = CASE WHEN ?4 THEN heard_at ELSE ?3 END""",
        (terminal, heard.status.encode(), stamp(heard.at), heard.status.state in GONE),
    )


def statuses(store: Store) -> dict[str, Heard]:
    """Give the last status of every terminal that ever told one."""
    return {
        row["terminal"]: Heard(parse_status(row["status"]), moment_of(row["heard_at"]))
        for row in store.rows("SELECT * FROM terminal_status ORDER BY terminal")
    }

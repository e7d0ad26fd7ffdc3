"""What each anti-plug lock said last, since when its state is so, and what it contradicts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.store.open import Store
from policies.codec import moment_of, stamp
from policies.messages.lock import LockReport, parse_state


@dataclass(frozen=True, slots=True)
class KeptLock:
    """A lock's last message; `heard_at` and `since` are by the clock here, `wrong` are codes of what is wrong now."""

    report: LockReport
    heard_at: datetime
    since: datetime
    wrong: tuple[str, ...] = ()


def put_lock(store: Store, kept: KeptLock) -> None:
    """Keep what a lock said, and what is wrong about it."""
    report = kept.report
    store.execute(
        """INSERT OR REPLACE INTO lock_state (terminal, lock, report, heard_at, since, wrong)
        VALUES (?, ?, ?, ?, ?, ?)""",
        (
            report.terminal, report.lock, report.encode(), stamp(kept.heard_at), stamp(kept.since),
            ",".join(kept.wrong),
        ),
    )  # fmt: skip


def kept_lock(store: Store, terminal: str, lock: str) -> KeptLock | None:
    """Give what a lock said last; None when it was never heard."""
    row = store.row("SELECT * FROM lock_state WHERE terminal = ? AND lock = ?", (terminal, lock))
    if row is None:
        return None
    wrong = tuple(each for each in row["wrong"].split(",") if each)
    return KeptLock(parse_state(row["report"]), moment_of(row["heard_at"]), moment_of(row["since"]), wrong)

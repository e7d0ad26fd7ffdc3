"""The write-ahead journal of applies: what the switch was like, what is meant to change, and every step.

A row is on disk before the first command goes out. A job whose process is gone is found by :func:`unfinished`, so that
the next start can read the switch, and roll back or finish.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from controller.store.open import Row, Store
from controller.store.process import Process
from policies.changeset_json import dump_observed, dump_switch_changes, load_observed, load_switch_changes
from policies.codec import moment_of, stamp
from policies.errors import Busy, InputError, NotFound, StorageFailed
from policies.model import ObservedSwitch, SwitchChanges
from policies.texts import t

#: Jobs (database, number) that this process will not go on with, though their end could not be written: the disk was
#: full. Without them a process that lives on would never recover its own, and tell everybody to wait for it.
_left: set[tuple[Path, int]] = set()


class JobState(StrEnum):
    """Where an apply stands; unknown means that nobody can tell what the switch is like now."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Step:
    """The beginning or end (`phase` begin, end) of one step of the flow."""

    seq: int
    name: str
    phase: str
    at: datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One apply on one switch. `before` is the snapshot that a rollback restores."""

    id: int
    plan: str | None
    switch: str
    state: JobState
    actor: str
    started: datetime
    ended: datetime | None
    process: Process
    before: ObservedSwitch
    intended: SwitchChanges
    reason: str
    steps: tuple[Step, ...] = ()

    @property
    def open_step(self) -> str | None:
        """The step that began last and did not end, if there is one."""
        began: list[str] = []
        for step in self.steps:
            if step.phase == "begin":
                began.append(step.name)
            elif step.name in began:
                began.remove(step.name)
        return began[-1] if began else None


def begin_job(
    store: Store, before: ObservedSwitch, intended: SwitchChanges, *, actor: str, plan: str | None = None
) -> int:
    """Write down what is about to be done, and give the job's number; it is on disk when this returns.

    Raises:
        Busy: another job on the switch is open; a second one would be undone together with it.

    """
    with store.transaction() as connection:
        found = connection.execute(
            "SELECT id, started FROM job WHERE switch = ? AND state = 'running'", (intended.switch,)
        ).fetchone()
        if found is not None:
            raise Busy(
                t("an interrupted apply (job {job}, {at}) is still open on it", job=found["id"], at=found["started"]),
                where=intended.switch,
                next_step=t("run 'portseal doctor', which finishes it or says why it cannot"),
            )
        cursor = connection.execute(
            """INSERT INTO job (plan, switch, state, actor, started, process, before, intended)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            (
                plan,
                intended.switch,
                JobState.RUNNING.value,
                actor,
                stamp(store.clock()),
                str(Process.current()),
                dump_observed(before),
                dump_switch_changes(intended),
            ),
        )
        number = cursor.lastrowid
    assert number is not None
    return number


def note_step(store: Store, job_id: int, name: str, phase: str, note: str = "") -> None:
    """Record that a step begins or ends (`phase` begin, end)."""
    store.execute(
        """INSERT INTO job_step (job, seq, name, phase, at, note)
        SELECT ?, COALESCE(MAX(seq), 0) + 1, ?, ?, ?, ? FROM job_step WHERE job = ?""",
        (job_id, name, phase, stamp(store.clock()), note, job_id),
    )


def end_job(store: Store, job_id: int, state: JobState, reason: str = "") -> None:
    """Say how the job ended; raises NotFound when it is not running (it ends once)."""
    done = store.execute(
        "UPDATE job SET state = ?, ended = ?, reason = ? WHERE id = ? AND state = 'running'",
        (state.value, stamp(store.clock()), reason, job_id),
    )
    if not done:
        raise _unknown(job_id)


def leave_job(store: Store, job_id: int) -> None:
    """Say that this process is done with a job; one that still runs in the journal is then one to be recovered."""
    _left.add((store.path, job_id))


def adopt_job(store: Store, job_id: int) -> bool:
    """Take an unfinished job over for recovery, in one step; False when its process lives or another took it."""
    with store.transaction() as connection:
        row = connection.execute("SELECT id, process FROM job WHERE id = ? AND state = 'running'", (job_id,)).fetchone()
        if row is None or not _abandoned(store, row):
            return False
        connection.execute("UPDATE job SET process = ? WHERE id = ?", (str(Process.current()), job_id))
    _left.discard((store.path, job_id))
    return True


def job(store: Store, job_id: int) -> Job:
    """Give a job with its steps; raises NotFound."""
    row = store.row("SELECT * FROM job WHERE id = ?", (job_id,))
    if row is None:
        raise _unknown(job_id)
    return _job(store, row)


def jobs(store: Store, *, switch: str | None = None, limit: int = 50) -> tuple[Job, ...]:
    """Give the newest jobs, newest first, of all switches or of one."""
    rows = store.rows(
        "SELECT * FROM job WHERE ? IS NULL OR switch = ? ORDER BY id DESC LIMIT ?",
        (switch, switch, limit),
    )
    return tuple(_job(store, row) for row in rows)


def unfinished(store: Store) -> tuple[Job, ...]:
    """Give the running jobs whose process is gone (killed, or the machine was restarted) or has left them, in order."""
    rows = store.rows("SELECT * FROM job WHERE state = 'running' ORDER BY id")
    return tuple(_job(store, row) for row in rows if _abandoned(store, row))


def _abandoned(store: Store, row: Row) -> bool:
    process = Process.parse(row["process"])
    return process.gone() or ((store.path, row["id"]) in _left and process == Process.current())


def _job(store: Store, row: Row) -> Job:
    steps = store.rows("SELECT * FROM job_step WHERE job = ? ORDER BY seq", (row["id"],))
    try:
        return Job(
            id=row["id"],
            plan=row["plan"],
            switch=row["switch"],
            state=JobState(row["state"]),
            actor=row["actor"],
            started=moment_of(row["started"]),
            ended=None if row["ended"] is None else moment_of(row["ended"]),
            process=Process.parse(row["process"]),
            before=load_observed(row["before"]),
            intended=load_switch_changes(row["intended"]),
            reason=row["reason"],
            steps=tuple(Step(s["seq"], s["name"], s["phase"], moment_of(s["at"]), s["note"]) for s in steps),
        )
    except InputError as error:
        raise StorageFailed(
            t("the journal of a job cannot be read ({cause})", cause=error.what),
            where=f"{row['switch']} #{row['id']}",
            next_step=t("look at the switch itself, then run 'portseal check'"),
        ) from error


def _unknown(job_id: int) -> NotFound:
    return NotFound(t("there is no such running job"), where=f"#{job_id}", next_step=t("run 'portseal check'"))

"""Saved plans: the change set exactly as it was shown, and what became of it."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from controller.store.open import Row, Store
from policies.changeset_json import dump_changeset, load_changeset
from policies.codec import moment_of, stamp
from policies.errors import InputError, NotFound, SafetyRefusal, StorageFailed
from policies.model import ChangeSet
from policies.texts import t

#: No vowels and no look-alikes: an id is read out over the telephone and spells no word.
_ALPHABET = "23456789bcdfghjkmnpqrstvwxz"
_ID_LENGTH = 6


class PlanState(StrEnum):
    """What became of a plan; saved is the only state that can be applied."""

    SAVED = "saved"
    APPLIED = "applied"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Plan:
    """A saved plan. `changes` carries each switch's snapshot digest."""

    id: str
    created: datetime
    actor: str
    changes: ChangeSet
    state: PlanState

    @property
    def digests(self) -> dict[str, str]:
        """The digest of the snapshot that the plan was made from, by switch."""
        return {changes.switch: changes.digest for changes in self.changes.switches}


def save_plan(store: Store, changes: ChangeSet, actor: str) -> Plan:
    """Keep a plan under a new short id."""
    created, text = store.clock(), dump_changeset(changes)
    with store.transaction() as connection:
        while True:
            plan_id = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
            try:
                connection.execute(
                    "INSERT INTO plan (id, created, actor, changes, state) VALUES (?, ?, ?, ?, ?)",
                    (plan_id, stamp(created), actor, text, PlanState.SAVED.value),
                )
            except sqlite3.IntegrityError:
                continue  # the id is taken: 387 million of them make this rare
            return Plan(plan_id, created, actor, changes, PlanState.SAVED)


def plan(store: Store, plan_id: str) -> Plan:
    """Give a plan by its id, or by the beginning of one when only one begins so; raises NotFound and InputError."""
    wanted = plan_id.strip().lower()
    rows = []
    if wanted and set(wanted) <= set(_ALPHABET):
        # The alphabet has no wildcard of GLOB's, so the text can stand in the pattern.
        rows = store.rows("SELECT * FROM plan WHERE id GLOB ? LIMIT 2", (wanted + "*",))
    if not rows:
        raise NotFound(t("there is no such plan"), where=plan_id, next_step=t("make one with 'portseal plan'"))
    if len(rows) > 1:
        raise InputError(t("several plans begin like this"), where=plan_id, next_step=t("give the whole id"))
    return _plan(rows[0])


def latest_plan(store: Store) -> Plan | None:
    """Give the newest plan, if there is one."""
    row = store.row("SELECT * FROM plan ORDER BY rowid DESC LIMIT 1")
    return None if row is None else _plan(row)


def plans(store: Store, limit: int = 50) -> tuple[Plan, ...]:
    """Give the newest plans, newest first."""
    return tuple(_plan(row) for row in store.rows("SELECT * FROM plan ORDER BY rowid DESC LIMIT ?", (limit,)))


def settle_plan(store: Store, plan_id: str, state: PlanState) -> None:
    """Say what became of a saved plan; raises SafetyRefusal when it was settled before: a plan is used once."""
    sql = "UPDATE plan SET state = ? WHERE id = ? AND state = 'saved'"
    if not store.execute(sql, (state.value, plan_id)):
        found = plan(store, plan_id)
        raise SafetyRefusal(
            t("the plan was used before ({state})", state=found.state.value),
            where=plan_id,
            next_step=t("make a new one with 'portseal plan'"),
        )


def reopen_plan(store: Store, plan_id: str) -> None:
    """Make an applied plan usable again: every switch refused it before anything was touched."""
    store.execute("UPDATE plan SET state = 'saved' WHERE id = ? AND state = 'applied'", (plan_id,))


def _plan(row: Row) -> Plan:
    try:
        created = moment_of(row["created"])
        changes = load_changeset(row["changes"])
    except InputError as error:
        raise StorageFailed(
            t("a saved plan cannot be read ({cause})", cause=error.what),
            where=row["id"],
            next_step=t("make a new one with 'portseal plan'"),
        ) from error
    return Plan(row["id"], created, row["actor"], changes, PlanState(row["state"]))

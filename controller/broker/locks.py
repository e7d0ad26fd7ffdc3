"""The anti-plug locks of terminals: what they say is kept and held against leases and gate, and they are driven.

A lock is heard when site.toml declares it as sensed, by its id. It is told to open while a lease is open, and to close
otherwise, again and again until it says that it has: a command that got lost would leave it as it was. A lock and a
gate that say different things for longer than they need to follow each other are an alarm, told once while it lasts.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from controller.broker.events import finding
from controller.broker.presence import Presence
from controller.broker.say import ORDER_SECONDS, Say
from controller.context import Context
from controller.ledger.entry import Draft
from controller.store.grants import GrantState, KeptGrant, live_grants, next_counter
from controller.store.locks import KeptLock, kept_lock, put_lock
from policies.keys import SigningKey
from policies.messages.lock import (
    GRACE_SECONDS,
    LONGEST_HOLD,
    LOW_BATTERY,
    SILENT_SECONDS,
    LockOp,
    LockReport,
    LockSet,
    LockState,
    sign_set,
)
from policies.messages.status import State
from policies.messages.topics import Kind
from policies.terminal import LockLevel, Terminal

#: Time that lock and gate have to follow each other, both over the broker; and between two commands to one lock.
GRACE, AGAIN = timedelta(seconds=2 * GRACE_SECONDS), timedelta(seconds=GRACE_SECONDS)
#: A lock that says nothing for this long is silent.
SILENT = timedelta(seconds=SILENT_SECONDS)
#: A message of a lock that nobody declared is written down again after this long, not each time.
QUIET = timedelta(minutes=10)


class Locks:
    """The sensed locks of one site. `heard` and `tick` belong into a transaction; after one that failed, `forget`."""

    def __init__(self, context: Context, key: SigningKey, presence: Presence) -> None:
        self._context, self._key, self._presence = context, key, presence
        self._declared = {
            each.name: each for each in context.site.terminals if each.lock.level is LockLevel.SENSED and each.lock.id
        }
        self._started = context.clock()
        self._read: dict[str, KeptLock | None] = {}
        self._since: dict[tuple[str, str], datetime] = {}
        self._said: dict[str, datetime] = {}
        self._strange: dict[tuple[str, str], datetime] = {}

    def heard(self, terminal: str, report: LockReport, now: datetime) -> list[Say]:
        """Take a message that came on a terminal's topic; one that is older than the last is a repetition."""
        declared = self._declared.get(terminal)
        if declared is None or report.terminal != terminal or report.lock != declared.lock.id:
            return self._stranger(terminal, report, now)
        before = self._kept(declared)
        if before is not None and not report.newer(before.report):
            return []
        same = before is not None and _said(before.report) == _said(report)
        since = before.since if same and before is not None else now
        kept = KeptLock(report, now, since, () if before is None else before.wrong)
        self._keep(terminal, kept)
        if not same:
            data: dict[str, object] = {
                "lock": report.lock, "state": report.state.value, "tamper": report.tamper, "ctr": report.ctr,
            }  # fmt: skip
            self._context.ledger.append_many([Draft.make("lock.state", terminal, data, f"lock:{terminal}")])
        return self._look(declared, now)

    def tick(self, now: datetime) -> list[Say]:
        """Notice what lasts too long, and command the locks."""
        return [said for each in self._declared.values() for said in self._look(each, now)]

    def forget(self) -> None:
        """Drop what is in memory: a transaction that wrote it down was rolled back."""
        self._read.clear()
        self._strange.clear()

    def _look(self, of: Terminal, now: datetime) -> list[Say]:
        """Compare one lock with leases and gate; gives the alarms that are new, and a command when it needs one."""
        kept = self._kept(of)
        if kept is None:
            return self._never(of, now)
        leases = [each for each in live_grants(self._context.store, now, of.name) if not each.ending]
        wrong = tuple(sorted(self._wrong(of, kept, leases, now)))
        said = self._alarms(of, kept, wrong, now)
        return [*said, *self._command(of, kept.report, leases, now)] if "silent" not in wrong else said

    def _wrong(self, of: Terminal, kept: KeptLock, leases: list[KeptGrant], now: datetime) -> Iterable[str]:
        """Give the codes of what is wrong now; what needs a time to follow counts when it has lasted."""
        report = kept.report
        if now - kept.heard_at > SILENT:
            yield "silent"
            return  # what it said last proves nothing any more
        if report.tamper or report.state is LockState.FORCED:
            yield "forced"
        if report.state is LockState.FAULT:
            yield "fault"
        if report.battery is not None and report.battery < LOW_BATTERY:
            yield "battery_low"
        is_open = report.state is not LockState.CLOSED
        known = report.state in (LockState.OPEN, LockState.CLOSED)
        gate = self._gate(of.name, now)
        contradictions = {
            "open_without_lease": known and is_open and not leases,
            "gate_disagrees": known and gate is not None and gate is not is_open,
        }
        for code, holds in contradictions.items():
            if self._lasts(of.name, code, now, holds=holds):
                yield code

    def _lasts(self, terminal: str, code: str, now: datetime, *, holds: bool) -> bool:
        if not holds:
            self._since.pop((terminal, code), None)
            return False
        return now - self._since.setdefault((terminal, code), now) > GRACE

    def _gate(self, terminal: str, now: datetime) -> bool | None:
        """Tell whether the kernel's gate is open for a lease, as the agent says; None while it is not heard."""
        status = self._presence.status(terminal)
        if status is None or not self._presence.online(terminal, now):
            return None
        return status.state is State.OPEN

    def _alarms(self, of: Terminal, kept: KeptLock, wrong: tuple[str, ...], now: datetime) -> list[Say]:
        """Write down what is newly wrong, and what is over; gives the findings to be told."""
        if wrong == kept.wrong:
            return []
        self._keep(of.name, replace(kept, wrong=wrong))
        data: dict[str, object] = {"lock": of.lock.id}
        over = [code for code in kept.wrong if code not in wrong]
        if over:
            told = {**data, "over": over}
            self._context.ledger.append_many([Draft.make("lock.agrees", of.name, told, "controller")])
        fresh = [code for code in wrong if code not in kept.wrong]
        return [said for code in fresh for said in finding(self._context, f"lock.{code}", of.name, data)]

    def _never(self, of: Terminal, now: datetime) -> list[Say]:
        """Tell once of a declared lock that was never heard."""
        if now - self._started <= SILENT or (of.name, "never") in self._since:
            return []
        self._since[of.name, "never"] = now
        return finding(self._context, "lock.silent", of.name, {"lock": of.lock.id})

    def _command(self, of: Terminal, report: LockReport, leases: list[KeptGrant], now: datetime) -> list[Say]:
        """Let the lock follow the leases that the terminal has told as open; a forced one cannot."""
        ends = max((each.expires for each in leases if each.state is GrantState.OPEN), default=now)
        hold = min(int((ends - now).total_seconds()), LONGEST_HOLD)
        wanted = LockState.OPEN if hold > 0 else LockState.CLOSED
        if report.state is wanted or report.state not in (LockState.OPEN, LockState.CLOSED):
            return []
        if now - self._said.get(of.name, now - AGAIN) < AGAIN:
            return []
        self._said[of.name] = now
        op = LockOp.OPEN if wanted is LockState.OPEN else LockOp.CLOSE
        # The slash keeps these counters apart from those of grants: no terminal's name has one.
        counter = next_counter(self._context.store, f"lock/{of.name}", report.ctr)
        issued = int(now.timestamp())
        command = LockSet(
            iss=self._context.site.name, aud=of.name, lock=report.lock, jti=secrets.token_urlsafe(16), iat=issued,
            exp=issued + ORDER_SECONDS, ctr=counter, op=op, hold=hold if op is LockOp.OPEN else 0,
        )  # fmt: skip
        return [Say(Kind.LOCK_SET, of.name, sign_set(command, self._key).encode)]

    def _stranger(self, terminal: str, report: LockReport, now: datetime) -> list[Say]:
        """Write down that a lock speaks that is not declared, once in a while."""
        key = (terminal, report.lock)
        before = self._strange.get(key)
        if before is not None and now - before < QUIET:
            return []
        self._strange = {each: at for each, at in self._strange.items() if now - at < QUIET} | {key: now}
        return finding(self._context, "lock.unknown", terminal, {"lock": report.lock})

    def _kept(self, of: Terminal) -> KeptLock | None:
        if of.name not in self._read:
            self._read[of.name] = kept_lock(self._context.store, of.name, of.lock.id)
        return self._read[of.name]

    def _keep(self, terminal: str, kept: KeptLock) -> None:
        self._read[terminal] = kept
        put_lock(self._context.store, kept)


def _said(report: LockReport) -> tuple[LockState, bool]:
    return report.state, report.tamper

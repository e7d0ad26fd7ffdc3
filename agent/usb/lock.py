"""The anti-plug lock against the kernel's gate and the leases: do the three say the same? A pure function.

Alarms are of the moment: the same call gives them again as long as they hold. :func:`news` makes events of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policies.messages.lock import (
    GRACE_SECONDS,
    LOW_BATTERY,
    SILENT_SECONDS,
    LockLevel,
    LockReport,
    LockState,
    level,
)
from policies.texts import Text, t
from policies.usb import Lease

__all__ = ["CODES", "GRACE_SECONDS", "LOW_BATTERY", "SILENT_SECONDS", "Lock", "LockAlarm", "LockLevel", "disagree",
           "level", "news", "sensed"]  # fmt: skip

#: Every alarm, and its meaning (for docs/agent.md).
CODES = {
    "lock.open_without_lease": "the lock is open, and no lease is, nor has one ended within the grace",
    "lock.closed_during_lease": "a lease is open for longer than the grace, and the lock is closed",
    "lock.forced": "the lock was opened by force, or its case was",
    "lock.fault": "the lock cannot tell its state, or cannot move",
    "lock.silent": "the lock has said nothing for too long",
    "lock.battery_low": "the lock's battery is low",
    "lock.gate_disagrees": "the kernel's gate admits a leased device while the lock is closed, or without a lease",
}


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock of this terminal. `ports` are the port paths that it covers (none: all of them).

    `heard` is CLOCK_BOOTTIME, in seconds, of its last message, or of the moment since which the agent listens when
    `report` is None.
    """

    name: str
    heard: float
    report: LockReport | None = None
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LockAlarm:
    """Something that is wrong now: a key of CODES, the lock ("" for the gate alone), and the sentence."""

    code: str
    lock: str
    reason: Text


def disagree(
    locks: Sequence[Lock], leases: Iterable[Lease], now: float, boot: str, gate_open: frozenset[str]
) -> tuple[LockAlarm, ...]:
    """Compare the locks with the leases and the gate at `now` (seconds of CLOCK_BOOTTIME) of the boot `boot`.

    `leases` are those that are live or ended within the last GRACE_SECONDS; one that was revoked has its `ends` moved
    to that moment. `gate_open` are the port paths at which a device is admitted that is not bound.
    """
    mine = [each for each in leases if each.boot == boot and each.opened <= now]
    alarms = [alarm for lock in locks for alarm in _of(lock, mine, now, gate_open)]
    alone = {
        port for port in gate_open if not any(_covers(each, (port,)) and _within_grace(each, now) for each in mine)
    }
    if alone:
        ports = ", ".join(sorted(alone))
        alarms.append(
            LockAlarm("lock.gate_disagrees", "", t("the gate is open without a lease at {ports}", ports=ports))
        )
    return tuple(alarms)


def sensed(locks: Iterable[Lock], now: float) -> bool:
    """Tell whether the terminal's locks are sensed: there is one, and all speak, know their state and obey commands.

    A lock that never obeyed a command is not driven by a swipe, whatever it says of its state.
    """
    every = tuple(locks)
    return bool(every) and all(
        each.report is not None
        and not _is_silent(each, now)
        and each.report.state in (LockState.OPEN, LockState.CLOSED)
        and not each.report.tamper
        and each.report.ctr > 0
        for each in every
    )


def news(
    before: frozenset[tuple[str, str]], alarms: Iterable[LockAlarm]
) -> tuple[frozenset[tuple[str, str]], tuple[LockAlarm, ...]]:
    """Give what to remember, and the alarms that were not there before: each is told once while it lasts."""
    every = tuple(alarms)
    fresh = {(each.code, each.lock): each for each in every if (each.code, each.lock) not in before}
    return frozenset((each.code, each.lock) for each in every), tuple(fresh.values())


def _of(lock: Lock, leases: Sequence[Lease], now: float, gate_open: frozenset[str]) -> list[LockAlarm]:
    """Give one lock's alarms: what it says of itself, then what the leases and the gate say of it."""
    found: list[tuple[str, Text]] = []
    silent = _is_silent(lock, now)
    if silent:
        found.append(("lock.silent", t("the lock {lock} has said nothing for too long", lock=lock.name)))
    if lock.report is not None:
        found += _own(lock.name, lock.report)
        ours = [each for each in leases if _covers(each, lock.ports)]
        if lock.report.state is LockState.OPEN and not any(_within_grace(each, now) for each in ours):
            found.append(("lock.open_without_lease", t("the lock {lock} is open without a lease", lock=lock.name)))
        # What it last said of being closed proves nothing once it is silent.
        if lock.report.state is LockState.CLOSED and not silent:
            inside = gate_open if not lock.ports else gate_open & frozenset(lock.ports)
            found += _closed(lock.name, ours, now, bool(inside))
    return [LockAlarm(code, lock.name, reason) for code, reason in found]


def _own(name: str, report: LockReport) -> list[tuple[str, Text]]:
    found: list[tuple[str, Text]] = []
    if report.state is LockState.FORCED or report.tamper:
        found.append(("lock.forced", t("the lock {lock} was opened by force", lock=name)))
    if report.state is LockState.FAULT:
        found.append(("lock.fault", t("the lock {lock} reports a fault", lock=name)))
    if report.battery is not None and report.battery < LOW_BATTERY:
        reason = t("the battery of the lock {lock} is at {percent} %", lock=name, percent=report.battery)
        found.append(("lock.battery_low", reason))
    return found


def _closed(name: str, leases: Sequence[Lease], now: float, gate_open: bool) -> list[tuple[str, Text]]:
    found: list[tuple[str, Text]] = []
    if any(each.opened + GRACE_SECONDS < now < each.ends for each in leases):
        found.append(("lock.closed_during_lease", t("the lock {lock} is closed although a lease is open", lock=name)))
    # While a lease begins or ends, one of the two may be ahead.
    changing = any(
        now <= each.opened + GRACE_SECONDS or each.ends <= now < each.ends + GRACE_SECONDS for each in leases
    )
    if gate_open and not changing:
        reason = t("the lock {lock} is closed, and the gate is open behind it", lock=name)
        found.append(("lock.gate_disagrees", reason))
    return found


def _is_silent(lock: Lock, now: float) -> bool:
    # Written so that a clock that is no number counts as silence.
    return not (math.isfinite(now) and now - lock.heard <= SILENT_SECONDS)


def _covers(lease: Lease, ports: Sequence[str]) -> bool:
    """Tell whether a lease concerns any of `ports` (none: all)."""
    return not ports or lease.scope.ports == ("*",) or not frozenset(ports).isdisjoint(lease.scope.ports)


def _within_grace(lease: Lease, now: float) -> bool:
    return now < lease.ends + GRACE_SECONDS

"""The terminal's anti-plug locks, as it hears them: what they say is held against leases and gate at every look.

The controller commands a lock (policies/messages/lock.py); the agent only listens. A lock that says something else than
the kernel's gate is an alarm, once for as long as it lasts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from agent.usb.events import Event
from agent.usb.lock import GRACE_SECONDS, Lock, LockLevel, disagree, level, news, sensed
from policies.messages.lock import LockReport
from policies.usb import Decision, Lease


@dataclass(frozen=True, slots=True)
class DeclaredLock:
    """A lock in agent.toml: its name, and the port paths that it covers (none: every port)."""

    name: str
    ports: tuple[str, ...] = ()


class Locks:
    """All locks of a terminal; one that is not declared is not listened to."""

    def __init__(self, terminal: str, declared: Iterable[DeclaredLock], now: float) -> None:
        self._terminal = terminal
        self._locks = {each.name: Lock(each.name, now, None, each.ports) for each in declared}
        self._told: frozenset[tuple[str, str]] = frozenset()
        self._ended: tuple[Lease, ...] = ()
        self._live: dict[str, Lease] = {}

    def hear(self, report: LockReport, now: float) -> bool:
        """Take a message; False when it is of no lock of ours, or older than what the lock said before."""
        lock = self._locks.get(report.lock)
        if lock is None or report.terminal != self._terminal:
            return False
        if lock.report is not None and not report.newer(lock.report):
            return False
        self._locks[report.lock] = replace(lock, heard=now, report=report)
        return True

    def compare(self, live: Sequence[Lease], decisions: Iterable[Decision], now: float, boot: str) -> tuple[Event, ...]:
        """Give what is newly wrong between locks, leases and gate."""
        if not self._locks:
            return ()
        gone = [each for jti, each in self._live.items() if jti not in {lease.jti for lease in live}]
        self._ended = tuple(
            each
            for each in (*self._ended, *(replace(lease, ends=min(lease.ends, now)) for lease in gone))
            if now < each.ends + GRACE_SECONDS
        )
        self._live = {each.jti: each for each in live}
        opened = frozenset(each.device.port for each in decisions if each.lease and each.device.authorized)
        alarms = disagree(tuple(self._locks.values()), (*live, *self._ended), now, boot, opened)
        self._told, fresh = news(self._told, alarms)
        return tuple(Event(each.code, {"lock": each.lock, "reason": str(each.reason)}) for each in fresh)

    def level(self, now: float) -> LockLevel:
        """Give the level of clause 7.2b that the locks reach by themselves: L3 when sensed and driven, else L1."""
        return level(attested=False, sensed=sensed(self._locks.values(), now))

    def reports(self) -> tuple[LockReport, ...]:
        """Give what each lock said last."""
        return tuple(each.report for each in self._locks.values() if each.report is not None)

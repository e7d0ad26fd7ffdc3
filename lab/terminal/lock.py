"""The reference lock: what the open contract (policies/messages/lock.py) asks of an anti-plug lock's firmware.

It has no clock that survives, so it counts its own seconds: a command holds it open for `hold` of them. The highest
counter that it obeyed is durable before it moves. A hand can force it, its case can be opened, its battery runs down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from policies.messages.lock import (
    EVERY_SECONDS,
    LockOp,
    LockRefused,
    LockReport,
    LockStanding,
    LockState,
    read_set,
    refusal,
)  # fmt: skip
from policies.notes import Verifier


@dataclass(slots=True)
class ReferenceLock:
    """A lock named `name` at `terminal` of `site`; `say` takes each message that it sends.

    `memory` is its flash: one file with the counter and the number of its starts. `now` is its own seconds.
    """

    site: str
    terminal: str
    name: str
    key: Verifier
    memory: Path
    say: Callable[[bytes], None]
    battery: int = 100
    now: float = 0.0
    state: LockState = LockState.CLOSED
    tamper: bool = False
    _counter: int = field(default=0, init=False)
    _boot: int = field(default=0, init=False)
    _seq: int = field(default=0, init=False)
    _until: float = field(default=0.0, init=False)
    _said: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Begin as after a loss of power: closed, with the counter that was stored, one start further."""
        if self.memory.exists():
            self._boot, self._counter = map(int, self.memory.read_text("ascii").split())
        self._boot, self._seq, self.state = self._boot + 1, 0, LockState.CLOSED
        self._store()
        self._report()

    def hear(self, token: bytes) -> str:
        """Obey a command, or give the code of why not; what it does it says."""
        try:
            command = read_set(token, self.key)
        except LockRefused as refused:
            return refused.code
        standing = LockStanding(self.site, self.terminal, self.name, self._counter)
        if code := refusal(command, standing, None):
            return code
        self._counter = command.ctr
        self._store()
        if self.state in (LockState.OPEN, LockState.CLOSED):
            self.state = LockState.OPEN if command.op is LockOp.OPEN else LockState.CLOSED
            self._until = self.now + command.hold
        self._report()
        return ""

    def force(self) -> None:
        """Let a hand open it."""
        self.state = LockState.FORCED
        self._report()

    def pass_by(self, seconds: float) -> None:
        """Let its time pass: it closes when it was held open for long enough, and says that it lives."""
        self.now += seconds
        if self.state is LockState.OPEN and self.now >= self._until:
            self.state = LockState.CLOSED
            self._report()
        elif self.now - self._said >= EVERY_SECONDS:
            self._report()

    def _store(self) -> None:
        beside = self.memory.with_suffix(".new")
        beside.write_text(f"{self._boot} {self._counter}", "ascii")
        beside.replace(self.memory)

    def _report(self) -> None:
        self._seq, self._said = self._seq + 1, self.now
        report = LockReport(
            self.name, self.terminal, self._boot, self._seq, 0, self.state, self.tamper, self._counter, self.battery
        )
        self.say(report.encode())

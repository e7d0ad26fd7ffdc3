"""The reference lock with a whole agent: it follows the lease, and whoever disagrees is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.locks import DeclaredLock
from lab.terminal.lock import ReferenceLock
from policies.keys import SigningKey
from policies.messages.lock import LockOp, LockSet, LockState, parse_state, sign_set
from tests.unit.terminal_bench import KEY, Bench


class Pair:
    """An agent and its lock; what the lock says reaches the agent, and both live in the same time."""

    def __init__(self, root: Path) -> None:
        self.bench = Bench(root, locks=(DeclaredLock("front"),))
        self.heard: list[bytes] = []
        self.connected = True
        self.lock = ReferenceLock("hq", "T1", "front", KEY.public, root / "flash", self._carry)
        self.counter = 0
        self.lock.start()

    def _carry(self, message: bytes) -> None:
        self.heard.append(message)
        if self.connected:
            assert self.bench.ask("lock", report=message.decode())["heard"]

    def command(self, op: LockOp, hold: int = 0, key: SigningKey = KEY, **changes: object) -> str:
        self.counter += 1
        given = {"iss": "hq", "aud": "T1", "lock": "front", "jti": f"c{self.counter}", "iat": 1, "exp": 2,
                 "ctr": self.counter, "op": op, "hold": hold} | changes  # fmt: skip
        return self.lock.hear(sign_set(LockSet(**given), key).encode())  # type: ignore[arg-type]

    def pass_by(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.lock.pass_by(1)
            self.bench.look(1)

    def alarms(self) -> list[str]:
        return [kind for kind in self.bench.kinds() if kind.startswith("lock.")]


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.bench.spool.close()


def test_a_lock_that_follows_the_lease_raises_no_alarm_and_makes_level_3(pair: Pair) -> None:
    assert pair.bench.ask("status")["lock_level"] == "L1"
    assert pair.bench.grant(seconds=60)["ok"]
    # A little longer than the lease: a lock whose own seconds are quick must not close inside it.
    assert pair.command(LockOp.OPEN, hold=62) == ""
    pair.pass_by(100)
    assert pair.lock.state is LockState.CLOSED
    assert pair.alarms() == []
    assert pair.bench.ask("status")["lock_level"] == "L3"


def test_a_lock_that_stays_closed_during_a_lease_is_told(pair: Pair) -> None:
    pair.bench.grant(seconds=60)
    pair.pass_by(10)
    assert "lock.closed_during_lease" in pair.alarms()


def test_a_lock_that_opens_without_a_lease_is_told(pair: Pair) -> None:
    pair.pass_by(10)
    assert pair.alarms() == []
    assert pair.command(LockOp.OPEN, hold=60) == ""
    pair.pass_by(2)
    assert pair.alarms() == ["lock.open_without_lease"]


def test_force_and_silence_are_told(pair: Pair) -> None:
    pair.lock.force()
    pair.pass_by(1)
    assert pair.alarms() == ["lock.forced"]
    pair.connected = False
    pair.pass_by(100)
    assert pair.alarms() == ["lock.forced", "lock.silent"]
    assert pair.bench.ask("status")["lock_level"] == "L1"


def test_an_old_command_and_one_of_another_key_move_nothing(pair: Pair) -> None:
    token = sign_set(LockSet("hq", "T1", "front", "c1", 1, 2, 1, LockOp.OPEN, 60), KEY).encode()
    assert pair.lock.hear(token) == ""
    assert pair.command(LockOp.CLOSE, ctr=2) == ""
    assert pair.lock.hear(token) == "counter"
    assert pair.command(LockOp.OPEN, hold=60, key=SigningKey(bytes(32)), ctr=9) == "signature"
    assert pair.command(LockOp.OPEN, hold=60, aud="T2", ctr=9) == "terminal"
    assert pair.lock.state is LockState.CLOSED


def test_the_counter_survives_a_loss_of_power(pair: Pair) -> None:
    token = sign_set(LockSet("hq", "T1", "front", "c1", 1, 2, 1, LockOp.OPEN, 60), KEY).encode()
    assert pair.lock.hear(token) == ""
    pair.lock.start()
    assert pair.lock.state is LockState.CLOSED
    assert pair.lock.hear(token) == "counter"
    assert parse_state(pair.heard[-1]).boot == 2

"""The controller and an anti-plug lock: leases drive it, what it says is kept, and what contradicts is told once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.broker.authority import identity_of
from controller.broker.locks import AGAIN, GRACE, QUIET, SILENT, Locks
from controller.broker.say import Say
from controller.broker.site import standing
from controller.context import open_context
from controller.findings.openings import sight_of, uses_of
from controller.store.locks import KeptLock, kept_lock, put_lock
from controller.store.open import open_store
from lab.terminal.lock import ReferenceLock
from policies.clauses import c72b
from policies.messages.identities import Identity, Role
from policies.messages.lock import LockReport, LockState, parse_state
from policies.messages.status import State
from policies.messages.topics import Kind
from policies.model import Verdict
from policies.openings import ListsSight
from policies.terminal import LockLevel, PortLock
from tests.unit.card_site import certificate_request
from tests.unit.cli_site import Cli, make_site
from tests.unit.desk_bench import DeskBench
from tests.unit.made_grants import KEY
from tests.unit.test_cli_json import examples, same

LOCK = PortLock(LockLevel.SENSED, "KeyLock S", "front")


class Bench(DeskBench):
    """A desk beside a lock whose messages reach the controller at once, and whose commands reach it when `obeys`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        guard, other = self.site.terminals
        self.site = replace(self.site, terminals=(replace(guard, lock=LOCK), other))
        self.context = replace(self.context, site=self.site)
        self.start()
        self.locks = Locks(self.context, KEY, self.presence)
        self.obeys, self.commands, self.found = True, 0, list[str]()
        self.lock = ReferenceLock("park", "guard-1", "front", KEY.public, folder / "flash", self.hear)

    def hear(self, payload: bytes, terminal: str = "guard-1") -> None:
        self.follow(self.do(lambda: self.locks.heard(terminal, parse_state(payload), self.now)).said)

    def follow(self, said: list[Say]) -> None:
        for each in said:
            if each.kind is Kind.LOCK_SET:
                self.commands += 1
                if self.obeys:
                    assert self.lock.hear(each.payload) == ""
            else:
                assert each.kind is Kind.FINDING
                self.found.append(self.kinds[-1])

    def past(self, seconds: float) -> None:
        """Let time pass, a second at a time, with the terminal's heartbeat."""
        for _ in range(int(seconds)):
            self.wait(1)
            self.lock.pass_by(1)
            self.follow(self.do(lambda: self.locks.tick(self.now)).said)

    def gate(self, state: State) -> None:
        self.status(state=state)

    def alarms(self) -> list[str]:
        return [each for each in self.kinds if each.startswith("lock.") and each not in ("lock.state", "lock.agrees")]

    def is_open(self) -> bool:
        return self.lock.state is LockState.OPEN

    def opened(self) -> None:
        self.open()
        self.gate(State.OPEN)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.lock.start()
    yield made
    made.close()


@pytest.mark.clause("7.2b")
def test_the_lock_follows_the_lease_and_what_it_says_stands_in_the_ledger(bench: Bench) -> None:
    bench.past(2)
    assert bench.commands == 0
    bench.opened()
    bench.past(1)
    assert bench.is_open()
    jti = bench.leases.open(bench.now)[0].jti
    bench.tell("lease.ended", lease=jti, why="expired")
    bench.gate(State.SHUT)
    bench.past(AGAIN.total_seconds())
    assert not bench.is_open()
    assert bench.alarms() == []
    states = [(each.data["state"], each.data["ctr"]) for each in bench.entries if each.kind == "lock.state"]
    assert states == [("closed", 0), ("open", 1), ("closed", 2)]
    assert {each.actor for each in bench.entries if each.kind == "lock.state"} == {"lock:guard-1"}


def test_a_command_that_got_lost_is_said_again_and_its_counter_rises(bench: Bench) -> None:
    bench.obeys = False
    bench.opened()
    bench.past(9)
    assert bench.commands == 2
    assert not bench.is_open()
    bench.obeys = True
    bench.past(AGAIN.total_seconds())
    assert bench.is_open()
    assert bench.lock._counter == 3
    bench.lock.start()  # it lost power: closed again, and its counter kept
    bench.past(AGAIN.total_seconds())
    assert bench.is_open()


@pytest.mark.clause("7.2b")
def test_a_lock_that_stays_closed_while_the_gate_is_open_is_an_alarm_once(bench: Bench) -> None:
    bench.obeys = False
    bench.opened()
    bench.past(GRACE.total_seconds())
    assert bench.alarms() == []
    bench.past(30)
    bench.status(state=State.OPEN)
    assert bench.found == ["lock.gate_disagrees"]
    kept = kept_lock(bench.store, "guard-1", "front")
    assert kept is not None
    assert kept.wrong == ("gate_disagrees",)
    bench.obeys = True
    bench.past(AGAIN.total_seconds() + 1)
    assert bench.entries[-1].data == {"lock": "front", "over": ["gate_disagrees"]}
    kept = kept_lock(bench.store, "guard-1", "front")
    assert kept is not None
    assert kept.wrong == ()


@pytest.mark.clause("7.2b")
def test_a_lock_that_is_open_without_a_lease_is_an_alarm_and_is_told_to_close(bench: Bench) -> None:
    bench.obeys = False
    bench.lock.state = LockState.OPEN
    bench.lock._until = bench.lock.now + 1000
    bench.lock._report()
    bench.past(GRACE.total_seconds() + 1)
    assert sorted(bench.alarms()) == ["lock.gate_disagrees", "lock.open_without_lease"]
    assert bench.commands > 1
    bench.obeys = True
    bench.past(AGAIN.total_seconds())
    assert not bench.is_open()


@pytest.mark.clause("7.2b")
@pytest.mark.parametrize("what", ["forced", "case", "fault", "battery_low"])
def test_what_a_lock_says_of_itself_is_told_at_once(bench: Bench, what: str) -> None:
    bench.lock.tamper = what == "case"
    bench.lock.battery = 19 if what == "battery_low" else 20
    if what in ("forced", "fault"):
        bench.lock.state = LockState(what)
    bench.lock._report()
    assert bench.found == [f"lock.{'forced' if what == 'case' else what}"]
    before = bench.commands
    bench.past(20)
    assert bench.commands == before
    assert len(bench.alarms()) == 1


def test_a_silent_lock_is_told_once_and_also_one_that_was_never_heard(bench: Bench) -> None:
    bench.wait(SILENT.total_seconds())
    bench.follow(bench.do(lambda: bench.locks.tick(bench.now)).said)
    assert bench.alarms() == []
    for _ in range(3):
        bench.wait(1)
        bench.follow(bench.do(lambda: bench.locks.tick(bench.now)).said)
    assert bench.alarms() == ["lock.silent"]
    bench.lock._report()
    assert bench.entries[-1].data["over"] == ["silent"]
    bench.store.execute("DELETE FROM lock_state")
    bench.locks = Locks(bench.context, KEY, bench.presence)
    for _ in range(3):
        bench.wait(SILENT.total_seconds())
        bench.follow(bench.do(lambda: bench.locks.tick(bench.now)).said)
    assert bench.alarms() == ["lock.silent", "lock.silent"]


def test_repetitions_old_messages_and_strangers_change_nothing(bench: Bench) -> None:
    report = LockReport("front", "guard-1", 1, 9, 0, LockState.CLOSED, tamper=False, ctr=0)
    bench.hear(report.encode())
    older = replace(report, seq=8, state=LockState.FORCED)
    for each in (report, older, replace(older, boot=0, seq=99)):
        bench.hear(each.encode())
    assert bench.alarms() == []
    for strange in (replace(older, lock="back"), replace(older, terminal="guard-2")):
        for _ in range(3):
            bench.hear(strange.encode())
    bench.hear(replace(older, terminal="guard-2").encode(), "guard-2")  # it declares no sensed lock
    assert bench.found == ["lock.unknown"] * 3
    bench.now += QUIET + timedelta(seconds=1)
    bench.hear(replace(older, lock="back").encode())
    assert len(bench.found) == 4


def test_after_a_restart_and_after_a_failed_commit_the_store_is_what_counts(bench: Bench) -> None:
    bench.lock.force()
    bench.locks = Locks(bench.context, KEY, bench.presence)
    bench.past(3)
    assert bench.found == ["lock.forced"]

    def broken() -> list[Say]:
        bench.locks.heard("guard-1", LockReport("front", "guard-1", 9, 9, 0, LockState.OPEN, False, 0), bench.now)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        bench.do(broken)
    bench.locks.forget()
    bench.past(1)
    kept = kept_lock(bench.store, "guard-1", "front")
    assert kept is not None
    assert kept.report.state is LockState.FORCED


@pytest.mark.clause("7.2b")
def test_the_clause_is_judged_by_what_the_lock_said(bench: Bench) -> None:
    guard = bench.site.terminals[0]

    def told() -> list[str]:
        use = uses_of(bench.context, bench.now - timedelta(days=1))["guard-1"]
        found = c72b.judge(guard, use, ListsSight(), bench.now)
        return [str(each.text) for each in found if each.verdict is not Verdict.PASS]

    assert "no swipe drives it" in told()[0]
    bench.opened()
    bench.past(1)
    assert not c72b.lacks(sight_of(bench.store, guard), bench.now)
    bench.lock.force()
    assert "opened by force" in told()[0]


class TestVerbs:
    SITE = """
[site]
name = "demo"
[terminals.guard-1]
platform = "linux"
agent = true
place = "guard room"
owner = "office"
[terminals.guard-1.lock]
level = "sensed"
model = "KeyLock S"
id = "front"
[terminals.guard-2]
platform = "linux"
agent = true
place = "guard room"
owner = "office"
"""

    @pytest.fixture
    def demo(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
        return Cli(make_site(tmp_path / "demo", self.SITE), capsys, monkeypatch)

    def kept(self, demo: Cli, *wrong: str, ago: float = 5, ctr: int = 3) -> None:
        report = LockReport("front", "guard-1", 1, 9, 0, LockState.CLOSED, tamper=False, ctr=ctr, battery=93)
        with open_store(demo.folder) as store:
            at = store.clock() - timedelta(seconds=ago)
            put_lock(store, KeptLock(report, at, at, wrong))

    def test_a_lock_that_was_never_heard_counts_for_nothing(self, demo: Cli) -> None:
        assert "front" in demo("lock", "list").out
        ran = demo("lock", "show", "Guard-1")
        assert (ran.code, "level for 7.2b: L1" in ran.out, "none was ever heard" in ran.out) == (1, True, True)
        assert demo("lock", "show", "guard-1", "--json").json["state"] is None
        assert "lock state" not in demo("terminal", "show", "guard-1").out

    def test_a_fresh_one_is_level_three_everywhere_and_a_silent_or_contradicting_one_is_not(self, demo: Cli) -> None:
        self.kept(demo)
        for verb in ("list", "show"):
            told = demo("lock", verb, *(["guard-1"] if verb == "show" else []), "--json").json
            same(examples()[f"lock {verb}"] if verb == "list" else examples()["lock list"]["locks"][0], told,
                 f"lock {verb}", "lock list")  # fmt: skip
        assert demo("lock", "show", "guard-1").code == 0
        shown = demo("terminal", "show", "guard-1", "--json").json
        assert (shown["level"], shown["lock_state"]["state"], shown["lock_state"]["wrong"]) == ("L3", "closed", [])
        assert [each["code"] for each in shown["missing"]] == []
        out = demo("terminal", "show", "guard-1").out
        assert "lock state: closed" in out
        assert "battery: 93 %" in out
        self.kept(demo, ago=96)
        assert demo("terminal", "show", "guard-1", "--json").json["level"] == "L1"
        self.kept(demo, "gate_disagrees")
        assert demo("lock", "show", "guard-1").code == 1
        assert demo("terminal", "list", "--json").json["terminals"][0]["level"] == "L1"

    def test_it_gets_a_certificate_and_other_terminals_locks_do_not(self, demo: Cli, tmp_path: Path) -> None:
        request, out = tmp_path / "lock.csr", tmp_path / "lock.pem"
        request.write_bytes(certificate_request())
        told = demo("lock", "enroll", "guard-1", request, "--out", out, "--json").json
        same(examples()["lock enroll"], told, "lock enroll", "lock enroll")
        assert str(identity_of(out.read_bytes())) == "lock.guard-1"
        assert demo("lock", "enroll", "guard-1", request, "--out", out).code == 0
        with open_context(demo.folder) as context:
            assert Identity(Role.LOCK, "guard-1") in standing(context).identities
        assert "no sensed lock" in demo.refuses(2, "lock", "enroll", "guard-2", request)
        assert "no sensed lock" in demo.refuses(2, "lock", "show", "guard-2")
        (demo.folder / "site.toml").write_text('[site]\nname = "demo"\n', "utf-8")
        assert "declares no sensed lock" in demo("lock", "list").out

"""Openings read out of a real ledger: a desk decides, a terminal tells, and the clauses are judged by the entries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.broker.presence import KEEP
from controller.cards.manual import ManualGrant
from controller.findings.openings import lists_of, uses_of
from controller.ledger.entry import Draft
from controller.store.offline import KeptPermit, put_permit
from controller.store.told import statuses
from policies.clauses import c72b, c72c
from policies.comply import verdict
from policies.grants import Grant, Moment, Purpose
from policies.messages.event import Head, Origin, sign_event
from policies.messages.status import State
from policies.model import Finding, Verdict
from policies.openings import LockSight, Opening, TerminalUse
from policies.terminal import LockLevel, PortLock, TerminalEvidence
from tests.unit.desk_bench import AGENT, DeskBench
from tests.unit.made_grants import BOOT
from tests.unit.test_c72bc import LOCK, SEEN
from tests.unit.test_terminal_register import BOUND, REGISTER, REPORT

DAYS = timedelta(days=30)


class Bench(DeskBench):
    """A desk whose list was imported, and a terminal whose events are taken into the ledger."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        guard, other = self.site.terminals
        self.site = replace(self.site, terminals=(replace(guard, register=REGISTER, lock=LOCK), other))
        self.context = replace(self.context, site=self.site)
        self.start()
        known = {"version": self.list.version, "file_mac": self.list.file_mac, "content": self.list.content}
        self.context.ledger.append("cards.import.intent", "cards", known, "test")
        self.store.execute(
            "INSERT INTO terminal_key (terminal, key, trusted_at) VALUES ('guard-1', ?, '2026-01-01')",
            (AGENT.public.raw,),
        )

    def hear(self, kind: str, **data: Any) -> None:
        raw = self.told(kind, data)
        self.do(lambda: self.events.take("guard-1", raw, self.now))

    def told(self, kind: str, data: dict[str, Any]) -> bytes:
        """Make the next event of the terminal's chain; a device's `name` is data like any other."""
        after = self.heads.get("guard-1", Head())
        made = sign_event(AGENT, Origin("guard-1", 1, BOOT), after, Moment(self.now.timestamp(), 100.0), kind, data)
        self.heads["guard-1"] = made.head
        return made.raw

    def opened(self, grant: Grant, seconds: int = 1800) -> None:
        self.hear("lease.opened", lease=grant.jti, card=grant.sub, seconds=seconds)

    def swiped(self) -> Grant:
        self.ask()
        (grant,) = self.swipe().grants
        self.opened(grant)
        return grant

    def use(self) -> TerminalUse:
        return replace(uses_of(self.context, self.now - DAYS)["guard-1"], lock=SEEN)

    def opening(self) -> Opening:
        (found,) = self.use().openings
        return found

    def judged(self) -> list[Finding]:
        lists = replace(lists_of(self.context), current=self.list.version)
        return list(c72b.judge(self.site.terminals[0], self.use(), lists, self.now))

    def managed(self) -> list[Finding]:
        evidence = TerminalEvidence(replace(REPORT, taken_at=self.now), (BOUND,))
        return list(c72c.judge(self.site.terminals[0], evidence, self.use(), self.now))

    def failed(self) -> list[str]:
        return [str(each.text) for each in self.judged() if each.verdict is Verdict.FAIL]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.mark.clause("7.2b")
@pytest.mark.clause("7.2c")
def test_a_swipe_to_its_relock_passes_by_what_stands_in_the_ledger(bench: Bench) -> None:
    grant = bench.swiped()
    bench.hear("usb.opened", lease=grant.jti, name="1-1", port="p")
    bench.wait(60)
    bench.hear("usb.relocked", lease=grant.jti, name="1-1")
    bench.wait(1)
    bench.hear("lease.ended", lease=grant.jti, why="swiped_again")
    assert verdict(bench.judged()) is Verdict.PASS
    assert verdict(bench.managed()) is Verdict.PASS
    opening = bench.opening()
    assert opening.decision is not None
    assert (opening.decision.kind, opening.decision.code, opening.card) == ("swipe.granted", "granted", "card-wang")
    assert opening.ended == bench.now - timedelta(seconds=1)
    assert opening.ends - opening.opened == timedelta(seconds=1800)


@pytest.mark.clause("7.2b")
def test_a_prolonged_opening_is_by_the_same_swipe(bench: Bench) -> None:
    first = bench.swiped()
    (second,) = bench.ask(extend=first.jti).grants
    bench.opened(second)
    kinds = [each.decision.kind for each in bench.use().openings if each.decision is not None]
    assert kinds == ["swipe.granted", "lease.extension.granted"]
    assert verdict(bench.judged()) is Verdict.PASS


@pytest.mark.clause("7.2b")
def test_an_opening_without_a_connection_is_by_the_permit_that_was_signed_long_before(bench: Bench) -> None:
    bench.ask()
    (grant,) = bench.swipe().grants
    decided = next(each for each in bench.entries if each.kind == "swipe.granted")
    data = {key: decided.data[key] for key in ("terminal", "card", "code", "case")} | {"jti": "permit-1"}
    (entry,) = bench.context.ledger.append_many([Draft.make("offline.granted", "guard-1", data, "controller")])
    kept = KeptPermit("permit-1", "guard-1", grant.sub, "case", bench.now, bench.now + DAYS, entry.seq)
    put_permit(bench.store, kept)
    bench.wait(40 * 86_400)
    bench.hear("offline.opened", lease="permit-1", card=grant.sub, seconds=600, permits=["permit-1"])
    decision = bench.opening().decision
    assert decision is not None
    assert (decision.kind, decision.entry) == ("offline.granted", entry.seq)
    assert verdict(bench.judged()) is Verdict.PASS
    bench.hear("offline.opened", lease="permit-2", card=grant.sub, seconds=600, permits=["permit-2"])
    assert bench.failed()[0] == "it was opened, and no entry before it decided so"


@pytest.mark.clause("7.2b")
def test_an_opening_by_order_fails_and_names_who_ordered_it(bench: Bench) -> None:
    wanted = ManualGrant(bench.site.terminals[0], ("p1", "p2"), Purpose.CASE, 5, "drill")
    with bench.store.transaction():
        jti, _ = bench.manual.grant(wanted, "local:test", bench.now)
    bench.hear("lease.opened", lease=jti, card="manual", seconds=300)
    assert bench.failed()[0] == "it was opened without a swipe, by order of p1 and p2"


@pytest.mark.clause("7.2b")
def test_a_rescue_code_fails_and_its_opening_must_end_too(bench: Bench) -> None:
    event = {
        "challenge": "ch-1", "counter": 4, "card": "rescue", "swipe": False, "fails": "7.2b", "uses": ["storage"],
        "minutes": 10, "people": ["p1", "p2"],
    }  # fmt: skip
    bench.hear("rescue.used", **event)
    bench.hear("usb.opened", lease="rescue-4-storage", name="1-1")
    assert "no entry says who gave the code" in bench.failed()[0]
    bench.context.ledger.append("terminal.rescue.intent", "guard-1", {"challenge": "ch-1"}, "test")
    assert bench.failed()[0] == "a rescue code opened it without a swipe, for p1 and p2"
    assert verdict(bench.managed()) is Verdict.PASS
    bench.wait(60 * 13)
    bench.status()
    bench.hear("agent.enforcing")
    assert verdict(bench.managed()) is Verdict.FAIL
    bench.hear("lease.ended", lease="rescue-4-storage", why="expired")
    assert "and ended at" in str(bench.managed()[0].text)


@pytest.mark.clause("7.2b")
def test_what_nobody_decided_and_what_no_lease_let_in_fails(bench: Bench) -> None:
    bench.hear("lease.opened", lease="from-nowhere", card="card-wang", seconds=60)
    bench.hear("usb.opened", lease="", name="1-2", binding="keyboard")  # bound: no opening
    bench.hear("usb.opened", lease="unknown", name="1-1")
    assert bench.failed()[:2] == [
        "it was opened, and no entry before it decided so", "a device was let in on a lease that was never opened",
    ]  # fmt: skip


class TestEnds:
    def ended(self, bench: Bench) -> float:
        found = bench.opening()
        assert found.ended is not None
        return (found.ended - found.opened).total_seconds()

    def test_a_reboot_and_a_lease_that_let_nothing_in_leave_nothing_open(self, bench: Bench) -> None:
        grant = bench.swiped()
        bench.wait(86_000)
        bench.hear("lease.ended", lease=grant.jti, why="expired")
        assert self.ended(bench) == 1800

    def test_a_terminal_that_was_off_in_between_has_shut_at_its_boot(self, bench: Bench) -> None:
        grant = bench.swiped()
        bench.hear("usb.opened", lease=grant.jti, name="1-1")
        bench.wait(86_000)
        bench.hear("lease.ended", lease=grant.jti, why="reboot")
        assert self.ended(bench) == 1800

    def test_what_the_keeper_has_shut_was_shut_when_it_did_so(self, bench: Bench) -> None:
        grant = bench.swiped()
        bench.hear("usb.opened", lease=grant.jti, name="1-1")
        bench.wait(7200)
        # The bench's clock since boot stands at 100 s: the keeper shut it 40 s before it is told.
        bench.hear("keeper.relocked", lease=grant.jti, name="1-1", authorized=False, at_ms=60_000)
        bench.hear("lease.ended", lease=grant.jti, why="expired")
        assert self.ended(bench) == 7160

    def test_of_two_devices_the_last_one_counts(self, bench: Bench) -> None:
        grant = bench.swiped()
        for name in ("1-1", "1-2"):
            bench.hear("usb.opened", lease=grant.jti, name=name)
        bench.wait(10)
        bench.hear("usb.relocked", lease=grant.jti, name="1-1")
        assert bench.opening().ended is None
        bench.wait(10)
        bench.hear("usb.relocked", lease=grant.jti, name="1-2")
        assert self.ended(bench) == 20


def test_a_gap_in_its_events_and_a_stopped_agent_are_seen(bench: Bench) -> None:
    bench.hear("agent.started")
    for _ in range(3):
        bench.told("agent.enforcing", {})  # lost on the way
    behind = bench.told("agent.stopped", {"why": "test"})
    for _ in range(5):
        bench.do(lambda: bench.events.take("guard-1", behind, bench.now))
        bench.wait(10)
    (gap,) = bench.use().of("terminal.chain_gap")
    assert gap.about == "3"
    assert bench.use().stopped is not None
    bench.hear("agent.started")
    assert bench.use().stopped is None


def test_a_sign_of_life_is_kept_now_and_then_and_the_last_will_is_none(bench: Bench) -> None:
    at = bench.now
    bench.wait(KEEP.total_seconds() - 1)
    bench.status()
    assert statuses(bench.store)["guard-1"].at == at
    bench.wait(1)
    bench.status()
    assert statuses(bench.store)["guard-1"].at == bench.now
    bench.wait(5000)
    bench.status(state=State.OFFLINE)
    assert statuses(bench.store)["guard-1"].at == at + KEEP
    assert statuses(bench.store)["guard-1"].status.state is State.OFFLINE
    assert bench.use().heard_at == at + KEEP


def test_openings_of_the_day_before_the_period_are_read_and_older_ones_are_not(bench: Bench) -> None:
    grant = bench.swiped()
    bench.wait(10)
    bench.hear("usb.opened", lease=grant.jti, name="1-1")

    def use(hours: float) -> TerminalUse:
        return uses_of(bench.context, bench.now + timedelta(hours=hours))["guard-1"]

    assert [each.jti for each in use(1).openings] == [grant.jti]
    assert use(1).of("terminal.usb.opened") == ()
    assert use(25).openings == ()


def test_a_terminal_without_an_agent_has_no_use_and_readers_are_those_of_the_site(bench: Bench) -> None:
    assert set(uses_of(bench.context, bench.now)) == {"guard-1", "guard-2"}
    assert bench.use().readers == ("gate", "cheap", "brief")
    assert uses_of(bench.context, bench.now)["guard-1"].lock == LockSight()
    assert PortLock().level is LockLevel.NONE

"""7.2b and 7.2c: each thing that is wrong with openings, locks and bound devices fails by name, beside a control."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from policies.cards.case import write_case
from policies.clauses import c72b, c72c
from policies.comply import comply_openings, verdict
from policies.messages.lock import LockReport, LockState
from policies.model import Finding, Verdict
from policies.openings import Decision, Incident, ListsSight, LockSight, Opening, TerminalUse
from policies.site import Site
from policies.terminal import LockLevel, PortLock, RegisteredPort, Terminal, TerminalEvidence, TerminalPlatform
from policies.texts import Text, render
from tests.unit.card_cases import NOW as THEN
from tests.unit.card_cases import case, listed
from tests.unit.test_terminal_register import BOUND, CENSUS, REGISTER, REPORT, THREE

NOW = THEN + timedelta(hours=2)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LOCK = PortLock(LockLevel.ATTESTED, "KeyLock U4", "U4-1", "Wang Li", "GA 17", date(2026, 12, 31))
GUARD = Terminal("guard-1", TerminalPlatform.LINUX, agent=True, place="r", owner="o", register=REGISTER, lock=LOCK)
CASE = case()
LIST = listed()
LISTS = ListsSight({CASE.version: (CASE.file_mac, CASE.content)}, CASE.version)
SWIPE = Decision(10, "swipe.granted", "guard-1", "granted", write_case(CASE))
OPENING = Opening("j-1", 11, THEN, "card-wang", THEN, THEN + 30 * MINUTE, SWIPE, THEN + 20 * MINUTE)
SEEN = LockSight(attested=True)
USE = TerminalUse("guard-1", NOW - 30 * DAY, NOW, (OPENING,), lock=SEEN, readers=("gate",))
EVIDENCE = TerminalEvidence(replace(REPORT, taken_at=NOW), (BOUND,))
STATE = LockReport("U4-1", "guard-1", 1, 5, 0, LockState.CLOSED, tamper=False, ctr=3)
SENSED = replace(GUARD, lock=PortLock(LockLevel.SENSED, "KeyLock S", "U4-1"))
HEARD = replace(USE, lock=LockSight(report=STATE, heard_at=NOW))


def b(use: TerminalUse | None = USE, terminal: Terminal = GUARD, lists: ListsSight = LISTS) -> list[Finding]:
    return list(c72b.judge(terminal, use, lists, NOW))


def c(
    use: TerminalUse | None = USE, evidence: TerminalEvidence | None = EVIDENCE, terminal: Terminal = GUARD
) -> list[Finding]:
    return list(c72c.judge(terminal, evidence, use, NOW))


def told(found: list[Finding], wanted: Verdict) -> list[str]:
    return [f"{each.subject}: {render(each.text, 'en')}" for each in found if each.verdict is wanted]


def opened(**changes: object) -> TerminalUse:
    return replace(USE, openings=(replace(OPENING, **changes),))  # type: ignore[arg-type]


def decided(**changes: object) -> TerminalUse:
    return opened(decision=replace(SWIPE, **changes))  # type: ignore[arg-type]


def incident(kind: str, about: str = "", *people: str, names: tuple[str, ...] = (), at: datetime = NOW) -> TerminalUse:
    return replace(USE, incidents=(Incident(12, kind, at, about, names, people),))


def lock(**changes: object) -> TerminalUse:
    return replace(HEARD, lock=replace(HEARD.lock, **changes))  # type: ignore[arg-type]


@pytest.mark.clause("7.2b")
def test_an_opening_by_an_authorised_swipe_under_an_attested_lock_passes() -> None:
    (found,) = b()
    assert found.verdict is Verdict.PASS
    assert "1 openings since 2026-08-08, 0 findings; level L2 (a mechanical lock" in str(found.text)
    assert found.evidence_at == NOW
    assert b(replace(USE, openings=()))[0].verdict is Verdict.PASS


#: What fails 7.2b, and how it says so.
WRONG: dict[str, tuple[Callable[[], TerminalUse], str]] = {
    "nobody decided": (lambda: opened(decision=None), "guard-1/#11: it was opened, and no entry before it decided so"),
    "decided later": (lambda: decided(entry=12), "is later"),
    "another terminal's": (lambda: decided(terminal="guard-2"), "another terminal's"),
    "another card": (lambda: opened(card="card-li"), "for another card or terminal"),
    "another terminal in the case": (
        lambda: decided(case=write_case(replace(CASE, terminal=replace(CASE.terminal, name="guard-2")))),
        "opens nothing",
    ),
    "a card that may not": (
        lambda: decided(case=write_case(replace(CASE, card=None))),
        "decided again, the swipe opens nothing: the card is not in the list",
    ),
    "another code": (lambda: decided(code="denied"), "decided again"),
    "ordered by two": (
        lambda: decided(case=b"", people=("p1", "p2")), "opened without a swipe, by order of p1 and p2",
    ),
    "ordered by one": (lambda: decided(case=b"", people=("p1", "p1")), "without two people"),
    "ordered by nobody": (lambda: decided(case=b""), "without two people"),
    "a code of two": (
        lambda: replace(incident("terminal.rescue.used", "c-1", "p1", "p2"), codes=frozenset({"c-1"})),
        "guard-1/#12: a rescue code opened it without a swipe, for p1 and p2",
    ),
    "a code of one": (
        lambda: replace(incident("terminal.rescue.used", "c-1", "p1"), codes=frozenset({"c-1"})),
        "a rescue code opened it without a swipe, and without two people",
    ),
    "a code of nobody": (
        lambda: incident("terminal.rescue.used", "c-1", "p1", "p2"), "no entry says who gave the code",
    ),
    "let in without a lease": (lambda: incident("terminal.usb.opened", "j-9"), "on a lease that was never opened"),
    "let in by another": (
        lambda: incident("terminal.gate.foreign_authorise", "2-1"),
        "somebody else than the agent let a device in at 2-1",
    ),
    "unexplained": (lambda: incident("offline.unexplained"), "by what nobody here has signed"),
    "lock forced": (lambda: incident("terminal.lock.forced", "U4-1"), "lock U4-1 was opened by force"),
    "lock open": (lambda: incident("lock.open_without_lease", "U4-1"), "lock U4-1 was open without a lease"),
    "lock and gate": (lambda: incident("lock.gate_disagrees"), "lock ? and the kernel's gate said different things"),
    "no reader": (lambda: replace(USE, readers=()), "guard-1: no card reader of the site opens it"),
}  # fmt: skip


@pytest.mark.clause("7.2b")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_authorised_swipe_fails_by_name(name: str) -> None:
    make, says = WRONG[name]
    found = b(make())
    assert any(says in each for each in told(found, Verdict.FAIL)), told(found, Verdict.FAIL)
    assert found[-1].verdict is verdict(found) is Verdict.FAIL
    assert b()[-1].verdict is Verdict.PASS  # the control


@pytest.mark.clause("7.2b")
def test_a_card_of_a_list_that_the_ledger_does_not_know_fails() -> None:
    for lists in ({}, {CASE.version: ("00" * 32, CASE.content)}, {CASE.version + 1: (CASE.file_mac, CASE.content)}):
        (says,) = told(b(lists=ListsSight(lists, CASE.version)), Verdict.FAIL)[:1]
        assert f"authorised by list {CASE.version}, of which the ledger has no import" in says


#: What leaves 7.2b open: evidence is missing, and nothing is proved wrong.
OPEN: dict[str, tuple[Callable[[], TerminalUse | None], str]] = {
    "never heard": (lambda: replace(USE, heard_at=None), "its agent was never heard"),
    "not looked up": (lambda: None, "its agent was never heard"),
    "other rules": (
        lambda: decided(case=write_case(replace(CASE, rules=99))), "its decision cannot be made again",
    ),
    "damaged": (lambda: decided(case=b"{}"), "its decision cannot be made again"),
    "a gap": (lambda: incident("terminal.chain_gap", "7"), "7 of its events are missing"),
    "a fork": (lambda: incident("terminal.chain_fork"), "contradict each other"),
    "memory lost": (lambda: incident("terminal.state.corrupt"), "memory was lost"),
    "memory put back": (lambda: incident("terminal.state.rolled_back"), "memory was put back"),
    "no room": (lambda: incident("terminal.spool.full"), "no room"),
}  # fmt: skip


@pytest.mark.clause("7.2b")
@pytest.mark.parametrize("name", OPEN)
def test_missing_evidence_is_unverified_and_never_a_pass(name: str) -> None:
    make, says = OPEN[name]
    found = b(make())
    assert verdict(found) is Verdict.UNVERIFIED
    assert any(says in each for each in told(found, Verdict.UNVERIFIED))


def test_openings_of_before_the_period_are_not_judged_and_explain_what_was_let_in() -> None:
    before = replace(OPENING, at=USE.since - DAY, decision=None)
    assert verdict(b(replace(USE, openings=(before,)))) is Verdict.PASS
    rescued = replace(OPENING, jti="rescue-1-storage", rescue=True, decision=None)
    assert verdict(b(replace(USE, openings=(rescued,)))) is Verdict.PASS  # its incident fails, not this


#: (declaration, use, verdict, level or sentence)
LOCKS: dict[str, tuple[Terminal, TerminalUse, Verdict, str]] = {
    "none": (replace(GUARD, lock=PortLock()), USE, Verdict.FAIL, "the clause names an anti-plug device"),
    "attested": (GUARD, USE, Verdict.PASS, "level L2"),
    "not attested": (GUARD, replace(USE, lock=LockSight()), Verdict.FAIL, "the ledger has no attestation of it"),
    "expired": (
        replace(GUARD, lock=replace(LOCK, expires=date(2026, 9, 6))), USE, Verdict.FAIL, "has expired on 2026-09-06",
    ),
    "last day": (replace(GUARD, lock=replace(LOCK, expires=date(2026, 9, 7))), USE, Verdict.PASS, "level L2"),
    "sensed": (SENSED, HEARD, Verdict.PASS, "level L3 (a sensed lock that the swipe drives)"),
    "sensed, open": (SENSED, lock(report=replace(STATE, state=LockState.OPEN)), Verdict.PASS, "level L3"),
    "never heard": (SENSED, USE, Verdict.UNVERIFIED, "none was ever heard"),
    "silent": (SENSED, lock(heard_at=NOW - 96 * MINUTE / 60), Verdict.UNVERIFIED, "its last state is of"),
    "not silent yet": (SENSED, lock(heard_at=NOW - 95 * MINUTE / 60), Verdict.PASS, "level L3"),
    "fault": (SENSED, lock(report=replace(STATE, state=LockState.FAULT)), Verdict.UNVERIFIED, "reports a fault"),
    "not driven": (SENSED, lock(report=replace(STATE, ctr=0)), Verdict.UNVERIFIED, "no swipe drives it"),
    "forced": (SENSED, lock(report=replace(STATE, state=LockState.FORCED)), Verdict.FAIL, "opened by force"),
    "case open": (SENSED, lock(report=replace(STATE, tamper=True)), Verdict.FAIL, "opened by force"),
    "open alone": (SENSED, lock(wrong=("open_without_lease",)), Verdict.FAIL, "is open, and no lease is"),
    "and the gate": (SENSED, lock(wrong=("gate_disagrees",)), Verdict.FAIL, "gate say different things"),
    "battery": (SENSED, lock(wrong=("battery_low",)), Verdict.PASS, "level L3"),
    "silent, attested": (
        replace(SENSED, lock=replace(LOCK, level=LockLevel.SENSED)),
        lock(heard_at=NOW - DAY, attested=True), Verdict.PASS, "level L2",
    ),
    "forced, attested": (
        replace(SENSED, lock=replace(LOCK, level=LockLevel.SENSED)),
        lock(report=replace(STATE, tamper=True), attested=True), Verdict.FAIL, "opened by force",
    ),
}  # fmt: skip


@pytest.mark.clause("7.2b")
@pytest.mark.parametrize("name", LOCKS)
def test_the_level_of_the_lock_is_what_is_there_and_not_what_is_claimed(name: str) -> None:
    terminal, use, wanted, says = LOCKS[name]
    found = b(use, terminal)
    assert verdict(found) is wanted, [str(each.text) for each in found]
    assert any(says in each for each in told(found, wanted)), told(found, wanted)


@pytest.mark.clause("7.2b")
@pytest.mark.clause("7.2c")
def test_a_terminal_without_an_agent_is_attested_or_fails() -> None:
    recorder = replace(GUARD, agent=False, photo="photos/1.jpg")
    for judge in (b, c):
        assert verdict(judge(None, terminal=recorder)) is Verdict.MANUAL
        for wrong in (replace(recorder, photo=""), replace(recorder, register=()), replace(recorder, lock=PortLock())):
            assert verdict(judge(None, terminal=wrong)) is Verdict.FAIL


@pytest.mark.clause("7.2b")
def test_the_authority_is_the_access_control_systems_own_list() -> None:
    assert c72b.judge_lists("park", LISTS).verdict is Verdict.PASS
    assert c72b.judge_lists("park", ListsSight()).verdict is Verdict.FAIL
    wrong = c72b.judge_lists("park", replace(LISTS, problem=Text("the export is not there")))
    assert wrong.verdict is Verdict.UNVERIFIED
    assert "may not be what the access-control system says: the export is not there" in str(wrong.text)


class TestBoundAndManaged:
    @pytest.mark.clause("7.2c")
    def test_a_bound_device_at_its_port_and_openings_that_ended_pass(self) -> None:
        (found,) = c()
        assert found.verdict is Verdict.PASS
        assert str(found.text).startswith("1 devices are bound to their ports; since 2026-08-08 0 alarms were told")
        assert "1 of 1 openings have ended" in str(found.text)

    def test_without_a_census_or_a_word_of_the_agent_it_is_unverified(self) -> None:
        assert verdict(c(evidence=None)) is Verdict.UNVERIFIED
        assert verdict(c(None)) is Verdict.UNVERIFIED
        assert verdict(c(replace(USE, heard_at=None))) is Verdict.UNVERIFIED

    @pytest.mark.clause("7.2c")
    @pytest.mark.parametrize("kind", ["removed", "moved", "swapped", "hub"])
    def test_a_bound_device_that_is_away_fails_until_it_is_back(self, kind: str) -> None:
        away = Incident(12, f"terminal.tamper.{kind}", NOW, "2-1", ("keyboard", "mouse"))
        back = Incident(13, "terminal.tamper.returned", NOW + MINUTE, "2-1", ("keyboard",))
        (says,) = told(c(replace(USE, incidents=(away,))), Verdict.FAIL)[:1]
        assert says.startswith("guard-1/keyboard: the bound device was pulled, moved or swapped at 2026-09-07T04:00")
        found = c(replace(USE, incidents=(away, back)))
        assert verdict(found) is Verdict.PASS
        assert "1 alarms were told" in str(found[-1].text)
        again = replace(away, entry=14, at=NOW + 2 * MINUTE)
        assert verdict(c(replace(USE, incidents=(away, back, again)))) is Verdict.FAIL
        # The census came after the alarm, and shows it in its place.
        assert verdict(c(replace(USE, incidents=(replace(away, at=NOW - MINUTE),)))) is Verdict.PASS

    @pytest.mark.clause("7.2c")
    def test_a_bound_device_that_the_census_does_not_show_fails_unless_it_came_back_later(self) -> None:
        empty = replace(CENSUS, ports=tuple(replace(each, device=None) for each in CENSUS.ports))
        gone = TerminalEvidence(replace(REPORT, taken_at=NOW, census=empty), (BOUND,))
        assert any("the census does not show the bound device" in each for each in told(c(evidence=gone), Verdict.FAIL))
        back = incident("terminal.tamper.returned", names=("keyboard",), at=NOW + MINUTE)
        assert verdict(c(back, gone)) is Verdict.PASS

    def test_a_device_bound_at_a_port_that_is_not_registered_fails(self) -> None:
        guard = replace(GUARD, register=(RegisteredPort(f"{THREE}2", "front left"),))
        assert any("which the register does not name" in each for each in told(c(terminal=guard), Verdict.FAIL))

    @pytest.mark.clause("7.2c")
    def test_openings_expire(self) -> None:
        late = c(opened(ended=OPENING.ends + 3 * MINUTE))
        assert "was to end at 2026-09-07T02:30:00" in told(late, Verdict.FAIL)[0]
        assert verdict(c(opened(ended=OPENING.ends + 2 * MINUTE))) is Verdict.PASS
        assert "no end was told" in told(c(opened(ended=None)), Verdict.FAIL)[0]
        silent = replace(opened(ended=None), heard_at=OPENING.ends - MINUTE)
        assert verdict(c(silent)) is Verdict.UNVERIFIED
        still = opened(ended=None, ends=NOW + MINUTE)
        assert verdict(c(still)) is Verdict.PASS
        assert "0 of 1 openings have ended" in str(c(still)[-1].text)

    def test_a_stopped_agent_is_unverified(self) -> None:
        found = c(replace(USE, stopped=NOW - MINUTE))
        assert verdict(found) is Verdict.UNVERIFIED
        assert "a bound device that is pulled is no event" in told(found, Verdict.UNVERIFIED)[0]


def test_old_evidence_is_no_pass_and_every_terminal_is_judged() -> None:
    site = Site("park", Path("/nowhere"), terminals=(GUARD, replace(GUARD, name="guard-2")))

    def judged(use: TerminalUse) -> dict[tuple[str, str], Verdict]:
        found = comply_openings(site, {"guard-1": EVIDENCE}, {"guard-1": use}, LISTS, NOW)
        return {(each.clause, each.subject): each.verdict for each in found}

    fresh = judged(USE)
    assert fresh == {
        ("7.2b", "guard-1"): Verdict.PASS, ("7.2c", "guard-1"): Verdict.PASS,
        ("7.2b", "guard-2"): Verdict.UNVERIFIED, ("7.2c", "guard-2"): Verdict.UNVERIFIED,
        ("7.2b", "park"): Verdict.PASS,
    }  # fmt: skip
    old = judged(replace(USE, heard_at=NOW - 2 * DAY))
    assert (old["7.2b", "guard-1"], old["7.2c", "guard-1"]) == (Verdict.UNVERIFIED, Verdict.UNVERIFIED)
    assert comply_openings(Site("park", Path("/nowhere")), {}, {}, ListsSight(), NOW) == []

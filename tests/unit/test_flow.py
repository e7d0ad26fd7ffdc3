"""The flow, step by step failing in turn: rolled back, verified, and said; nothing is sent that may not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from drivers.flow import FORWARD, Event, Flow, Outcome, State, Step
from policies.errors import (
    ConfigError,
    EquipmentError,
    PortsealError,
    StalePlan,
    StorageFailed,
    Unexpected,
    Unreachable,
    VerifyFailed,
)
from policies.model import ObservedSwitch, PortChange, PortConfig, PortMode, SecureMac, SwitchChanges, VlanChange
from policies.plan import plan_switch, snapshot_digest
from policies.texts import t
from tests.unit.model_switch import ModelEquipment, ModelSwitch, Refused, model
from tests.unit.switch_states import CAM, CAM2, FACTORY, bound, expected, merged, sealed

FULL = StorageFailed(t("the disk is full"), where="journal")
CUT = Unreachable(t("the connection was closed"), where="model")


@dataclass
class Book:
    """A safeguard that keeps what it is told; `fails` names the call that raises, and what it raises."""

    fails: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    closed: list[Outcome] = field(default_factory=list)

    def _do(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise self.fails[name]

    def journal(self, before: ObservedSwitch, changes: SwitchChanges) -> None:
        """Keep the call."""
        self._do("journal")

    def arm(self) -> None:
        """Keep the call."""
        self._do("arm")

    def disarm(self) -> None:
        """Keep the call."""
        self._do("disarm")

    def close(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self._do("close")
        self.closed.append(outcome)


@dataclass
class Run:
    """One run of the flow over the model: Gi1 and Gi2 are to be sealed, VLAN 100 to be made."""

    switch: ModelSwitch = field(default_factory=lambda: model("Gi1", "Gi2", "Gi3"))
    book: Book = field(default_factory=Book)
    events: list[Event] = field(default_factory=list)
    hears: Callable[[Event], None] = lambda _: None

    def __post_init__(self) -> None:
        self.old = self.switch.running()
        self.saved = self.switch.startup
        wanted = expected(bound("Gi1", CAM), bound("Gi2", CAM2), vlans={100: "face"})
        self.changes, refusals = plan_switch(wanted, self.switch.observed())
        assert {refusal.port for refusal in refusals} <= {"Gi3"}  # nobody declares it

    def listen(self, event: Event) -> None:
        self.events.append(event)
        self.hears(event)

    def run(self, changes: SwitchChanges | None = None) -> Outcome:
        return Flow(ModelEquipment(self.switch), self.book, self.listen).run(changes or self.changes)

    def steps(self, phase: str = "begin") -> list[Step]:
        return [event.step for event in self.events if event.phase == phase]

    def restored(self, outcome: Outcome, cause: str) -> None:
        """The switch runs and starts as before, and the outcome says so and why."""
        assert self.switch.running() == self.old
        assert self.switch.startup == self.saved
        assert outcome.state is State.ROLLED_BACK
        assert outcome.error is not None
        assert cause in str(outcome.error)
        assert self.book.closed == [outcome]
        assert self.book.calls[-2:] == ["disarm", "close"]

    def unknown(self, outcome: Outcome, *words: str) -> None:
        """Nobody claims to know; the rollback stays armed."""
        assert outcome.state is State.UNKNOWN
        assert "disarm" not in self.book.calls
        assert all(word in str(outcome.error) for word in words)


def nth(number: int, then: Callable[[str], bool]) -> Callable[[str], bool]:
    """Do `then` at the nth configuration line, once."""
    count = iter(range(1, 10_000))
    return lambda line: then(line) if next(count) == number else True


def refuse(line: str) -> bool:
    raise Refused("% Invalid input detected at '^' marker.")


def cut(line: str) -> bool:
    raise CUT


def gone(number: int = 0) -> None:
    raise CUT


def broken(line: str) -> bool:
    raise RuntimeError("a mistake of ours\nin two lines")


# -- one walk a step ---------------------------------------------------------------------------------------------------


def snapshot_fails(run: Run) -> None:
    run.switch.when_observed = gone
    with pytest.raises(Unreachable):
        run.run()
    assert run.switch.typed == []
    assert run.book.calls == []


def journal_fails(run: Run) -> None:
    run.book.fails["journal"] = FULL
    with pytest.raises(StorageFailed):
        run.run()
    assert run.switch.typed == []
    assert run.book.calls == ["journal"]


def arming_fails(run: Run) -> None:
    run.book.fails["arm"] = FULL
    run.restored(run.run(), "the disk is full")
    assert run.switch.typed == []


def applying_fails(run: Run) -> None:
    run.switch.before_line = nth(5, refuse)
    run.restored(run.run(), "rejected")


def reading_back_fails(run: Run) -> None:
    def second(number: int) -> None:
        if number == 2:
            raise CUT

    run.switch.before_login = second
    run.restored(run.run(), "closed")


def verifying_fails(run: Run) -> None:
    run.switch.before_line = lambda line: "violation" not in line
    run.restored(run.run(), "violation")


def disarming_fails(run: Run) -> None:
    run.book.fails["disarm"] = OSError("no pipe")
    outcome = run.run()
    assert run.switch.running() == run.old
    assert outcome.state is State.UNKNOWN
    assert "no pipe" in str(outcome.error)


def saving_fails(run: Run) -> None:
    def full() -> bool:
        raise Refused("%Error opening nvram:/startup-config (No space left on device)")

    run.switch.before_save = full
    run.restored(run.run(), "No space left")


def startup_is_not_what_was_said(run: Run) -> None:
    run.switch.before_save = lambda: False
    run.restored(run.run(), "startup still differs")


def ledger_fails(run: Run) -> None:
    run.book.fails["close"] = FULL
    outcome = run.run()
    assert outcome.state is State.UNKNOWN
    assert "the disk is full" in str(outcome.error)
    assert run.switch.running() != run.old
    assert run.switch.startup == run.switch.running()
    assert Step.ROLL_BACK not in run.steps()


def rolling_back_fails(run: Run) -> None:
    def never_again(number: int) -> None:
        if number > 1:
            raise CUT

    run.switch.before_line = nth(5, refuse)
    run.switch.before_login = never_again
    run.unknown(run.run(), "rejected", "rollback failed too", "closed")


def rollback_does_not_hold(run: Run) -> None:
    run.switch.before_line = lambda line: (
        not line.startswith("no switchport port-security violation") and line != "ip verify source"
    )
    run.unknown(run.run(), "source_guard", "rollback failed too", "violation")


WALKS: dict[Step, Callable[[Run], None]] = {
    Step.SNAPSHOT: snapshot_fails,
    Step.JOURNAL: journal_fails,
    Step.ARM: arming_fails,
    Step.APPLY: applying_fails,
    Step.READ_BACK: reading_back_fails,
    Step.VERIFY: verifying_fails,
    Step.DISARM: disarming_fails,
    Step.SAVE: saving_fails,
    Step.READ_STARTUP: startup_is_not_what_was_said,
    Step.LEDGER: ledger_fails,
    Step.ROLL_BACK: rolling_back_fails,
    Step.VERIFY_ROLL_BACK: rollback_does_not_hold,
}


@pytest.mark.parametrize("step", Step)
def test_a_failure_in_each_step_ends_in_a_known_state_or_says_that_it_does_not(step: Step) -> None:
    run = Run()
    WALKS[step](run)
    if step is not Step.DISARM:  # there the rollback's own disarm fails again, after the step
        assert step in run.steps("failed")


def test_a_new_step_needs_a_walk_of_its_own() -> None:
    assert set(WALKS) == set(Step)


# -- what goes well ----------------------------------------------------------------------------------------------------


@pytest.mark.clause("7.1c")
def test_a_change_goes_through_every_step_in_order_and_is_saved() -> None:
    run = Run()
    outcome = run.run()
    assert outcome.state is State.DONE
    assert outcome.error is None
    assert tuple(run.steps()) == tuple(run.steps("end")) == FORWARD
    assert run.book.calls == ["journal", "arm", "disarm", "close"]
    assert run.switch.ports["Gi1"] == merged(FACTORY, sealed(CAM))
    assert run.switch.ports["Gi3"] == FACTORY
    assert run.switch.startup == run.switch.running()
    assert outcome.observed == run.switch.observed()


def test_every_line_that_is_sent_is_announced_before_and_after() -> None:
    run = Run()
    run.run()
    told = [(event.phase, event.line) for event in run.events if event.step is Step.APPLY and event.line]
    assert [line for phase, line in told if phase == "before"][1:] == run.switch.typed
    assert told == [(phase, line) for _, line in told[::2] for phase in ("before", "after")]


def test_the_read_back_uses_a_login_of_its_own() -> None:
    run = Run()
    run.run()
    assert run.switch.sessions == 2


def test_a_change_set_without_save_saves_nothing() -> None:
    run = Run()
    assert run.run(replace(run.changes, save=False)).state is State.DONE
    assert run.switch.startup == run.saved
    assert Step.SAVE not in run.steps()


def test_saving_alone_is_a_change_set_too() -> None:
    run = Run()
    run.switch.vlans[7] = "unsaved"
    digest = snapshot_digest(run.switch.observed())
    assert run.run(SwitchChanges("sw1", digest, save=True)).state is State.DONE
    assert run.switch.startup == run.switch.running()


def test_a_port_that_the_switch_had_shut_is_opened_again() -> None:
    run = Run(model("Gi2", "Gi3", Gi1=merged(FACTORY, sealed(CAM))))
    run.switch.blocked.add("Gi1")
    change = PortChange("Gi1", run.switch.ports["Gi1"], PortConfig(), t("recover"), recover=True)
    changes = SwitchChanges("sw1", snapshot_digest(run.switch.observed()), (), (change,))
    assert run.run(changes).state is State.DONE
    assert run.switch.blocked == set()


# -- what is refused before anything is sent ---------------------------------------------------------------------------


@pytest.mark.clause("7.1c")
@pytest.mark.parametrize("other", ["a port of the plan", "another port", "a VLAN"])
def test_a_plan_for_a_switch_that_has_changed_since_is_refused_and_nothing_is_sent(other: str) -> None:
    run = Run()
    if other == "a VLAN":
        run.switch.vlans[300] = "somebody's"
    else:
        name = "Gi1" if other == "a port of the plan" else "Gi3"
        run.switch.ports[name] = replace(FACTORY, description="somebody's")
    with pytest.raises(StalePlan):
        run.run()
    assert run.switch.typed == []
    assert run.book.calls == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (FACTORY, PortConfig(mode=PortMode.ROUTED)),
        (replace(FACTORY, mode=PortMode.ROUTED), PortConfig(mode=PortMode.ACCESS)),
    ],
    ids=["cannot be written", "could not be written back"],
)
def test_what_the_dialect_cannot_write_there_or_back_is_refused_and_nothing_is_sent(
    before: PortConfig, after: PortConfig
) -> None:
    run = Run()
    run.switch.ports["Gi1"] = before
    digest = snapshot_digest(run.switch.observed())
    with pytest.raises(ConfigError, match="mode"):
        run.run(SwitchChanges("sw1", digest, (), (PortChange("Gi1", before, after, t("x")),)))
    assert run.switch.typed == []
    assert run.book.calls == []


# -- failures half-way -------------------------------------------------------------------------------------------------


def lines_of_an_apply() -> int:
    run = Run()
    count = 0

    def counted(line: str) -> bool:
        nonlocal count
        count += 1
        return True

    run.switch.before_line = counted
    run.run()
    return count


LINES = range(1, lines_of_an_apply() + 1)


@pytest.mark.clause("7.1c")
@pytest.mark.parametrize("number", LINES)
@pytest.mark.parametrize(("fault", "cause"), [(refuse, "rejected"), (cut, "closed"), (broken, "RuntimeError")])
def test_whichever_line_fails_the_switch_is_given_back_as_it_was(
    number: int, fault: Callable[[str], bool], cause: str
) -> None:
    run = Run()
    run.switch.before_line = nth(number, fault)
    outcome = run.run()
    run.restored(outcome, cause)
    assert "\n" not in str(outcome.error)


@pytest.mark.parametrize("number", LINES)
def test_a_line_that_the_switch_ignores_in_silence_is_found_when_it_is_read_back(number: int) -> None:
    run = Run()
    run.switch.before_line = nth(number, lambda line: line.startswith("name "))  # a VLAN's name is nobody's demand
    outcome = run.run()
    if outcome.state is not State.DONE:
        run.restored(outcome, "")


def test_a_failure_of_no_known_kind_is_one_line_that_asks_for_a_report() -> None:
    run = Run()
    run.switch.before_line = nth(3, broken)
    outcome = run.run()
    assert isinstance(outcome.error, Unexpected)
    assert "RuntimeError" in str(outcome.error)
    assert outcome.error.where == "sw1"


class TestSomebodyElse:
    """Another administrator works on the switch while the plan is carried out."""

    def run(self, meddle: Callable[[ModelSwitch], None]) -> tuple[Run, Outcome]:
        run = Run()

        def meanwhile(line: str) -> bool:
            meddle(run.switch)
            return True

        run.switch.before_line = nth(4, meanwhile)
        return run, run.run()

    def test_a_change_on_another_port_is_found_and_left_there(self) -> None:
        def meddle(switch: ModelSwitch) -> None:
            switch.ports["Gi3"] = replace(FACTORY, description="mine")

        run, outcome = self.run(meddle)
        assert outcome.state is State.ROLLED_BACK
        assert "Gi3 description" in str(outcome.error)
        assert run.switch.ports["Gi3"].description == "mine"
        assert run.switch.ports["Gi1"] == run.switch.ports["Gi2"] == FACTORY

    def test_a_port_of_the_plan_that_is_shut_meanwhile_is_found_and_stays_shut(self) -> None:
        def meddle(switch: ModelSwitch) -> None:
            switch.ports["Gi1"] = replace(switch.ports["Gi1"], admin_up=False)

        run, outcome = self.run(meddle)
        assert outcome.state is State.ROLLED_BACK
        assert "Gi1 admin_up" in str(outcome.error)
        assert run.switch.ports["Gi1"] == replace(FACTORY, admin_up=False)
        assert run.switch.ports["Gi2"] == FACTORY

    def test_a_mac_that_a_port_learned_by_itself_is_no_change_of_somebody(self) -> None:
        learning = replace(FACTORY, mode=PortMode.ACCESS, secure=True, sticky=True, maximum=3)
        run = Run(model("Gi1", "Gi2", Gi3=learning))

        def learn(line: str) -> bool:
            stuck = frozenset({SecureMac("02:aa:00:00:00:01", 1, sticky=True)})
            run.switch.ports["Gi3"] = replace(learning, secure_macs=stuck)
            return True

        run.switch.before_line = nth(4, learn)
        assert run.run().state is State.DONE

    def test_a_port_that_disappears_is_said_and_the_others_are_given_back(self) -> None:
        def meddle(switch: ModelSwitch) -> None:
            del switch.ports["Gi2"]

        run, outcome = self.run(meddle)
        assert outcome.state is State.UNKNOWN
        assert "Gi2" in str(outcome.error)
        assert run.switch.ports["Gi1"] == FACTORY


class TestSaved:
    """The startup configuration is part of what is given back."""

    def test_a_startup_that_already_holds_the_change_is_saved_again_after_the_rollback(self) -> None:
        run = Run()

        def saved_then_cut() -> bool:
            run.switch.before_save = lambda: True
            run.switch.startup = run.switch.running()
            raise CUT

        run.switch.before_save = saved_then_cut
        run.restored(run.run(), "closed")

    def test_a_save_after_the_rollback_that_lies_is_not_believed(self) -> None:
        run = Run()

        def saved_once() -> bool:
            run.switch.before_save = lambda: False
            run.switch.startup = run.switch.running()
            raise CUT

        run.switch.before_save = saved_once
        outcome = run.run()
        assert outcome.state is State.UNKNOWN
        assert "startup still differs" in str(outcome.error)

    def test_what_was_not_saved_before_is_not_saved_by_a_rollback(self) -> None:
        run = Run()
        run.switch.vlans[7] = "unsaved"
        run.old = run.switch.running()
        changes = replace(run.changes, digest=snapshot_digest(run.switch.observed()))
        run.switch.before_line = nth(5, refuse)
        run.restored(run.run(changes), "rejected")


class TestFullDisk:
    """The journal fails in the middle: the switch is given back all the same."""

    def full_from(self, run: Run, step: Step) -> None:
        broke = False

        def hears(event: Event) -> None:
            nonlocal broke
            broke = broke or (event.step is step and event.phase == "begin")
            if broke:
                raise FULL

        run.hears = hears

    @pytest.mark.parametrize("step", [Step.ARM, Step.APPLY, Step.READ_BACK, Step.VERIFY, Step.SAVE])
    def test_a_journal_that_fails_from_a_step_on_does_not_stop_the_rollback(self, step: Step) -> None:
        run = Run()
        self.full_from(run, step)
        outcome = run.run()
        assert run.switch.running() == run.old
        assert run.switch.startup == run.saved
        assert outcome.state is State.UNKNOWN  # the job could not be closed: the next start looks again
        assert "the disk is full" in str(outcome.error)

    def test_a_journal_that_fails_at_a_line_stops_before_it_is_sent(self) -> None:
        run = Run()

        def hears(event: Event) -> None:
            if event.phase == "before" and event.line == "switchport port-security" and event.step is Step.APPLY:
                raise FULL

        run.hears = hears
        run.restored(run.run(), "the disk is full")
        assert "switchport port-security" not in run.switch.typed

    def test_the_cause_is_kept_when_closing_fails_after_a_rollback(self) -> None:
        run = Run()
        run.switch.before_line = nth(5, refuse)
        run.book.fails["close"] = FULL
        outcome = run.run()
        assert run.switch.running() == run.old
        assert outcome.state is State.UNKNOWN
        assert "rejected" in str(outcome.error)
        assert "the disk is full" in str(outcome.error)


class TestResume:
    """The next start finds what a killed apply left."""

    def left(self, lines: int) -> tuple[Run, ObservedSwitch]:
        """Give a run whose process died after `lines` configuration lines, and its snapshot."""
        run = Run()
        before = run.switch.observed()

        class Killed(BaseException):
            """As a signal would end it."""

        def killed(line: str) -> bool:
            raise Killed

        run.switch.before_line = nth(lines + 1, killed)
        with pytest.raises(Killed):
            run.run()
        run.switch.before_line = lambda _: True
        run.book = Book()
        return run, before

    def resume(self, run: Run, before: ObservedSwitch) -> Outcome:
        return Flow(ModelEquipment(run.switch), run.book, run.listen).resume(before, run.changes)

    @pytest.mark.parametrize("lines", [0, *LINES[:-1]])
    def test_a_half_written_switch_is_given_back(self, lines: int) -> None:
        run, before = self.left(lines)
        outcome = self.resume(run, before)
        assert outcome.state is State.ROLLED_BACK
        assert run.switch.running() == run.old
        assert run.switch.startup == run.saved
        assert run.book.closed == [outcome]

    def test_a_switch_that_is_as_asked_is_finished_and_saved(self) -> None:
        run = Run()
        before = run.switch.observed()
        run.run(replace(run.changes, save=False))
        outcome = self.resume(run, before)
        assert outcome.state is State.DONE
        assert run.switch.startup == run.switch.running()

    def test_when_finishing_fails_it_is_given_back(self) -> None:
        run = Run()
        before = run.switch.observed()
        run.run(replace(run.changes, save=False))
        run.switch.before_save = lambda: False
        outcome = self.resume(run, before)
        assert outcome.state is State.ROLLED_BACK
        assert isinstance(outcome.error, VerifyFailed)
        assert run.switch.running() == run.old

    def test_a_switch_that_cannot_be_reached_stays_unfinished(self) -> None:
        run, before = self.left(3)
        run.switch.before_login = gone
        with pytest.raises(Unreachable):
            self.resume(run, before)
        assert run.book.calls == []


def test_a_vlan_that_the_plan_made_is_taken_away_again_and_one_that_was_there_stays() -> None:
    run = Run()
    run.switch.vlans[100] = "face"
    run.switch.startup = run.saved = run.old = run.switch.running()
    changes = replace(run.changes, digest=snapshot_digest(run.switch.observed()), vlans=(VlanChange(300, None, "x"),))
    run.switch.before_line = nth(7, refuse)
    run.restored(run.run(changes), "rejected")
    assert run.switch.vlans == {1: "default", 100: "face"}


def test_every_way_to_fail_is_an_error_with_a_next_step_or_a_place() -> None:
    def failures() -> Iterator[PortsealError]:
        for fault in (refuse, cut, broken):
            run = Run()
            run.switch.before_line = nth(4, fault)
            error = run.run().error
            assert error is not None
            yield error

    for error in failures():
        assert isinstance(error, EquipmentError | Unexpected)
        assert error.where

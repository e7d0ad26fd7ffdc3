"""The flow when something fails half-way: a line, the connection, the disk, the process, or somebody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.flow import Event, Flow, Outcome, State, Step
from policies.errors import EquipmentError, PortsealError, Unexpected, Unreachable, VerifyFailed
from policies.model import ObservedSwitch, PortChange, PortConfig, PortMode, SecureMac, SwitchChanges, VlanChange
from policies.plan import exact_differences, snapshot_digest
from policies.texts import t
from tests.unit.flow_runs import CUT, FULL, Book, Run, broken, cut, gone, nth, refuse
from tests.unit.model_switch import ModelEquipment, ModelSwitch, model
from tests.unit.switch_states import CAM, CAM2, FACTORY, KNOWN, merged, sealed

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
        assert "Gi1 administrative state" in str(outcome.error)
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

    def test_a_port_that_is_as_asked_but_still_open_is_given_back(self) -> None:
        run, before = Run(), merged(FACTORY, sealed(CAM))
        run.switch.ports["Gi1"] = before
        run.old = run.switch.running()
        run.switch.startup = run.saved = run.old
        seen = run.switch.observed()
        after = PortConfig(access_vlan=100, secure_macs=sealed(CAM2).secure_macs)
        changes = SwitchChanges("sw1", snapshot_digest(seen), (), (PortChange("Gi1", before, after, t("a test")),))
        # Killed between the new MAC and `switchport port-security`: all that was asked for is there.
        run.switch.ports["Gi1"] = replace(before, secure=False, secure_macs=sealed(CAM2).secure_macs)
        outcome = Flow(ModelEquipment(run.switch), run.book, run.listen).resume(seen, changes)
        assert outcome.state is State.ROLLED_BACK
        assert run.switch.ports["Gi1"] == before

    @pytest.mark.parametrize("asked", [True, False], ids=["all is as asked", "half-way"])
    def test_what_looks_like_others_work_is_read_again_before_the_job_is_ended_for_it(self, asked: bool) -> None:
        run = Run()
        before = run.switch.observed()
        port = "Gi3" if asked else "Gi1"
        if asked:
            run.run(replace(run.changes, save=False))
        else:
            run, before = self.left(3)
        run.book, garbled = Book(), iter([True])

        def garble() -> None:
            now = run.switch.ports[port]
            run.switch.ports[port] = replace(now, access_vlan=77 if next(garbled, False) else truth.access_vlan)

        truth = run.switch.ports[port]
        run.switch.when_observed = garble
        with pytest.raises(EquipmentError, match="not the same"):
            self.resume(run, before)
        assert run.book.closed == []
        assert self.resume(run, before).state is (State.DONE if asked else State.ROLLED_BACK)

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


# -- any states at all -------------------------------------------------------------------------------------------------


@st.composite
def possible(draw: st.DrawFn) -> dict[str, PortConfig]:
    """Give three ports as a real switch may have them: no MAC twice, no more MACs than the maximum."""
    free = draw(st.permutations([f"02:ca:00:00:00:{number:02x}" for number in range(1, 5)]))
    ports = {}
    for name in ("Gi1", "Gi2", "Gi3"):
        config = draw(KNOWN)
        vlan = draw(st.sampled_from([100, 100, 100, 200]))
        count = draw(st.integers(0, 2))
        mine, free = free[:count], free[count:]
        ports[name] = replace(
            config,
            access_vlan=vlan,
            mode=PortMode.ACCESS if config.secure and config.mode is PortMode.DYNAMIC else config.mode,
            secure_macs=frozenset(SecureMac(mac, vlan, config.sticky is True and draw(st.booleans())) for mac in mine),
            maximum=max(config.maximum or 1, count),
            ip_bindings=frozenset(),
        )
    return ports


def between(before: dict[str, PortConfig], after: dict[str, PortConfig]) -> tuple[PortChange, ...]:
    changes = []
    for name, old in before.items():
        new = after[name]
        given = {setting: getattr(new, setting) for setting in exact_differences(old, new)}
        if "secure_macs" in given or "access_vlan" in given:  # a plan gives the VLAN and its members together
            given |= {"access_vlan": new.access_vlan, "secure_macs": new.secure_macs}
        if "sticky" in given:  # what was learned is kept or forgotten by the switch; a plan never asks for it
            given.pop("sticky")
            learned = frozenset(replace(mac, sticky=False) for mac in new.secure_macs or ())
            given |= {"secure_macs": learned, "access_vlan": new.access_vlan}
        if given:
            changes.append(PortChange(name, old, PortConfig(**given), t("a test")))
    return tuple(changes)


@pytest.mark.clause("7.1c")
@settings(max_examples=120)
@given(
    before=possible(), after=possible(), fault_at=st.none() | st.integers(1, 25), fault=st.sampled_from([refuse, cut])
)
def test_from_any_state_to_any_other_or_back_again(
    before: dict[str, PortConfig],
    after: dict[str, PortConfig],
    fault_at: int | None,
    fault: Callable[[str], bool],
) -> None:
    switch = model(**before)
    start, saved = switch.running(), switch.startup
    changes = SwitchChanges("sw1", snapshot_digest(switch.observed()), (), between(before, after), save=True)
    if fault_at is not None:
        switch.before_line = nth(fault_at, fault)
    book = Book()
    outcome = Flow(ModelEquipment(switch), book, lambda _: None).run(changes)
    if outcome.state is State.DONE:
        assert switch.startup == switch.running()
        for change in changes.ports:
            assert not PortChange(change.port, switch.ports[change.port], change.after, t("x")).fields
    else:
        assert outcome.state is State.ROLLED_BACK, outcome.error
        assert fault_at is not None, outcome.error
        assert switch.running() == start
        assert switch.startup == saved

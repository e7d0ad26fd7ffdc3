"""The flow, step by step failing in turn: rolled back, verified, and said; nothing is sent that may not be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from drivers.flow import FORWARD, State, Step
from policies.errors import ConfigError, StalePlan, StorageFailed, Unreachable
from policies.model import PortChange, PortConfig, PortMode, SwitchChanges
from policies.plan import snapshot_digest
from policies.texts import t
from tests.unit.flow_runs import CUT, FULL, Run, gone, nth, refuse
from tests.unit.model_switch import Refused, model
from tests.unit.switch_states import CAM, FACTORY, merged, sealed

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
    run.unknown(run.run(), "IP source guard", "rollback failed too", "violation action")


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

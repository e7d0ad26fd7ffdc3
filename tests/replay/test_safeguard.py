"""The armed rollback as a process: it says that it watches before anything is sent, and goes home when told."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.context import Context, open_context
from controller.network.safeguard import JobSafeguard
from controller.store.jobs import JobState, job
from drivers.flow import Event, Outcome, State, Step
from policies.errors import StorageFailed
from policies.model import ObservedSwitch, SwitchChanges
from policies.texts import t
from tests.unit.switch_states import READ_AT

BEFORE = ObservedSwitch("sw1", "cisco_ios", READ_AT)
CHANGES = SwitchChanges("sw1", "digest", save=True)


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    (tmp_path / "site.toml").write_text(
        '[site]\nname = "demo"\n[switches.sw1]\nplatform = "cisco_ios"\nhost = "127.0.0.1"\n'
    )
    with open_context(tmp_path, actor="test") as opened:
        yield opened


@pytest.fixture
def safeguard(context: Context) -> JobSafeguard:
    made = JobSafeguard(context, None)
    made.journal(BEFORE, CHANGES)
    return made


def test_arming_starts_a_process_that_ends_when_it_is_disarmed(safeguard: JobSafeguard) -> None:
    safeguard.arm()
    watchdog = safeguard._watchdog
    assert watchdog is not None
    assert watchdog.poll() is None
    safeguard.disarm()
    assert watchdog.wait(30) == 0
    safeguard.disarm()


def test_a_watchdog_that_cannot_run_is_not_armed(safeguard: JobSafeguard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(StorageFailed, match="watchdog does not start"):
        safeguard.arm()
    safeguard.disarm()


def test_a_watchdog_that_ends_before_it_watches_is_not_armed(
    safeguard: JobSafeguard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    with pytest.raises(StorageFailed, match="watchdog does not start") as error:
        safeguard.arm()
    assert error.value.where == "/bin/true"
    safeguard.disarm()


def test_a_watchdog_that_was_killed_meanwhile_does_not_keep_anybody_from_disarming(safeguard: JobSafeguard) -> None:
    safeguard.arm()
    watchdog = safeguard._watchdog
    assert watchdog is not None
    watchdog.kill()
    watchdog.wait(30)
    safeguard.disarm()


@pytest.mark.parametrize(
    ("state", "ended"),
    [(State.DONE, JobState.DONE), (State.ROLLED_BACK, JobState.ROLLED_BACK), (State.UNKNOWN, JobState.RUNNING)],
)
def test_a_job_ends_as_the_outcome_says_and_stays_open_when_nobody_knows(
    safeguard: JobSafeguard, context: Context, state: State, ended: JobState
) -> None:
    safeguard.close(Outcome("sw1", state, None, StorageFailed(t("x"))))
    assert safeguard.job is not None
    assert job(context.store, safeguard.job).state is ended


def test_the_journal_keeps_steps_and_not_lines(safeguard: JobSafeguard, context: Context) -> None:
    for step, phase in [
        (Step.SNAPSHOT, "begin"),
        (Step.APPLY, "begin"),
        (Step.APPLY, "before"),
        (Step.APPLY, "after"),
        (Step.APPLY, "failed"),
        (Step.ROLL_BACK, "begin"),
        (Step.LEDGER, "begin"),
    ]:
        safeguard.note(Event("sw1", step, phase, "shutdown"))
    assert safeguard.job is not None
    noted = [(step.name, step.phase) for step in job(context.store, safeguard.job).steps]
    assert noted == [("apply", "begin"), ("apply", "failed"), ("roll_back", "begin")]


def test_before_there_is_a_job_nothing_is_noted(context: Context) -> None:
    JobSafeguard(context, None).note(Event("sw1", Step.ARM, "begin"))

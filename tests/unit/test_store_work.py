"""Plans, jobs, leases and observations."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.store import jobs, leases, observations, plans
from controller.store.jobs import JobState
from controller.store.open import Store, open_store
from controller.store.plans import PlanState
from controller.store.process import Process
from policies.errors import Busy, InputError, NotFound, SafetyRefusal, StorageFailed
from policies.model import ChangeSet, ObservedSwitch, PortChange, PortConfig, SwitchChanges
from policies.texts import t

START = datetime(2025, 1, 31, 2, 0, tzinfo=UTC)
INTENDED = SwitchChanges(
    "sw1", "digest-1", (), (PortChange("p1", PortConfig(), PortConfig(access_vlan=20), t("bound")),), save=True
)
BEFORE = ObservedSwitch("sw1", "huawei_vrp", START)
CHANGES = ChangeSet((INTENDED,))


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with open_store(tmp_path, clock=clock) as opened:
        yield opened


@pytest.fixture
def killed() -> Process:
    """A process that was alive, held something, and was killed."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        process = Process.of(child.pid)
        assert not process.gone()
        child.send_signal(signal.SIGKILL)
        child.wait()
    return process


def test_a_plan_is_found_by_its_short_id_or_its_beginning(store: Store) -> None:
    saved = plans.save_plan(store, CHANGES, "admin")
    assert plans.plan(store, saved.id) == saved == plans.plan(store, saved.id[:5].upper() + saved.id[5:])
    assert plans.plan(store, saved.id[:3]) == saved
    assert saved.digests == {"sw1": "digest-1"}
    assert plans.latest_plan(store) == saved and plans.plans(store) == (saved,)


@pytest.mark.parametrize("wanted", ["", "*", "?", "zzzzzzz", "[2-9]*"])
def test_a_plan_that_is_not_there_is_not_found(store: Store, wanted: str) -> None:
    plans.save_plan(store, CHANGES, "admin")
    with pytest.raises(NotFound):
        plans.plan(store, wanted)


def test_a_beginning_that_fits_two_plans_is_refused(store: Store) -> None:
    first = {plans.save_plan(store, CHANGES, "admin").id[0] for _ in range(28)}
    assert len(first) < 28
    with pytest.raises(InputError, match="whole id"):
        for letter in first:
            plans.plan(store, letter)


def test_the_newest_plan_comes_first_even_in_the_same_microsecond(store: Store, clock: Clock) -> None:
    made = [plans.save_plan(store, CHANGES, "admin") for _ in range(3)]
    clock.now += timedelta(seconds=1)
    made.append(plans.save_plan(store, CHANGES, "admin"))
    assert plans.plans(store, limit=3) == tuple(reversed(made[1:]))
    assert plans.latest_plan(store) == made[-1]


def test_a_plan_is_used_once(store: Store) -> None:
    assert plans.latest_plan(store) is None
    saved = plans.save_plan(store, CHANGES, "admin")
    plans.settle_plan(store, saved.id, PlanState.APPLIED)
    assert plans.plan(store, saved.id).state is PlanState.APPLIED
    with pytest.raises(SafetyRefusal, match="used before"):
        plans.settle_plan(store, saved.id, PlanState.FAILED)
    with pytest.raises(NotFound):
        plans.settle_plan(store, "nothing", PlanState.FAILED)


def test_a_plan_that_was_tampered_with_is_told(store: Store) -> None:
    saved = plans.save_plan(store, CHANGES, "admin")
    store.execute("UPDATE plan SET changes = '{}x'")
    with pytest.raises(StorageFailed, match=saved.id):
        plans.plan(store, saved.id)


def test_a_job_is_on_disk_with_what_was_and_what_is_meant_before_it_begins(store: Store, clock: Clock) -> None:
    saved = plans.save_plan(store, CHANGES, "admin")
    number = jobs.begin_job(store, BEFORE, INTENDED, actor="admin", plan=saved.id)
    with open_store(store.path.parent, read_only=True) as other:
        job = jobs.job(other, number)
    assert (job.before, job.intended, job.plan, job.state) == (BEFORE, INTENDED, saved.id, JobState.RUNNING)
    assert job.process == Process.current() and job.ended is None and job.open_step is None


def test_steps_are_numbered_and_the_open_one_is_known(store: Store, clock: Clock) -> None:
    number = jobs.begin_job(store, BEFORE, INTENDED, actor="admin")
    jobs.note_step(store, number, "arm", "begin")
    jobs.note_step(store, number, "arm", "end", "device timer 120 s")
    clock.now += timedelta(seconds=2)
    jobs.note_step(store, number, "apply", "begin")
    job = jobs.job(store, number)
    assert [(s.seq, s.name, s.phase) for s in job.steps] == [
        (1, "arm", "begin"),
        (2, "arm", "end"),
        (3, "apply", "begin"),
    ]
    assert job.steps[1].note == "device timer 120 s" and job.steps[2].at == clock.now
    assert job.open_step == "apply"


def test_a_job_ends_once(store: Store) -> None:
    number = jobs.begin_job(store, BEFORE, INTENDED, actor="admin")
    jobs.end_job(store, number, JobState.ROLLED_BACK, "verify failed")
    job = jobs.job(store, number)
    assert (job.state, job.reason, job.ended) == (JobState.ROLLED_BACK, "verify failed", START)
    for missing in (number, 99):
        with pytest.raises(NotFound):
            jobs.end_job(store, missing, JobState.DONE)
    with pytest.raises(NotFound):
        jobs.job(store, 99)
    assert jobs.jobs(store) == jobs.jobs(store, switch="sw1") == (job,)
    assert jobs.jobs(store, switch="sw2") == ()


def test_jobs_of_dead_processes_are_unfinished_and_one_recoverer_gets_them(store: Store, killed: Process) -> None:
    mine = jobs.begin_job(store, BEFORE, INTENDED, actor="admin")
    assert jobs.unfinished(store) == ()
    orphan = jobs.begin_job(store, BEFORE, replace(INTENDED, switch="sw2"), actor="admin")
    store.execute("UPDATE job SET process = ? WHERE id = ?", (str(killed), orphan))
    assert [job.id for job in jobs.unfinished(store)] == [orphan]
    assert jobs.adopt_job(store, orphan)
    assert not jobs.adopt_job(store, orphan)
    assert not jobs.adopt_job(store, mine)
    assert jobs.unfinished(store) == ()


def test_a_job_that_this_process_has_left_is_one_to_be_recovered(store: Store) -> None:
    mine = jobs.begin_job(store, BEFORE, INTENDED, actor="admin")
    assert not jobs.adopt_job(store, mine)
    jobs.leave_job(store, mine)
    assert [each.id for each in jobs.unfinished(store)] == [mine]
    assert jobs.adopt_job(store, mine)
    assert not jobs.adopt_job(store, mine)


def test_a_switch_has_one_open_job_at_a_time(store: Store) -> None:
    first = jobs.begin_job(store, BEFORE, INTENDED, actor="admin")
    with pytest.raises(Busy, match=rf"sw1: an interrupted apply \(job {first}, .*portseal doctor"):
        jobs.begin_job(store, BEFORE, INTENDED, actor="admin")
    jobs.end_job(store, first, jobs.JobState.DONE)
    assert jobs.begin_job(store, BEFORE, INTENDED, actor="admin") > first


def test_a_journal_that_cannot_be_read_names_switch_and_job(store: Store) -> None:
    number = jobs.begin_job(store, BEFORE, INTENDED, actor="admin")
    store.execute("UPDATE job SET before = '[]'")
    with pytest.raises(StorageFailed, match=f"sw1 #{number}"):
        jobs.job(store, number)


def test_one_writer_holds_a_switch_and_the_other_is_told_who_and_since_when(store: Store) -> None:
    with leases.hold(store, "sw1", "apply k3m9p2", timedelta(minutes=5)):
        with pytest.raises(Busy, match=rf"sw1: apply k3m9p2 \(process {os.getpid()}\).* since 2025-01-31T02:00:00"):
            leases.acquire(store, "sw1", "swap", timedelta(minutes=5))
        with leases.hold(store, "sw2", "swap", timedelta(minutes=5)):
            assert [(item.switch, item.token) for item in leases.holders(store)] == [("sw1", ""), ("sw2", "")]
    assert leases.holders(store) == ()


def test_a_lease_is_let_go_when_the_work_fails(store: Store) -> None:
    with pytest.raises(RuntimeError), leases.hold(store, "sw1", "apply", timedelta(minutes=5)):
        raise RuntimeError
    leases.release(store, leases.acquire(store, "sw1", "next", timedelta(minutes=5)))


def test_a_lease_of_a_dead_process_is_taken_over(store: Store, killed: Process) -> None:
    leases.acquire(store, "sw1", "dead", timedelta(hours=5))
    store.execute("UPDATE lease SET process = ?", (str(killed),))
    assert leases.holders(store) == ()
    assert leases.acquire(store, "sw1", "next", timedelta(minutes=5)).owner == "next"


def test_a_living_holder_keeps_its_lease_whatever_the_clock_says(store: Store, clock: Clock) -> None:
    leases.acquire(store, "sw1", "slow", timedelta(minutes=5))
    clock.now += timedelta(days=1)
    with pytest.raises(Busy, match="slow"):
        leases.acquire(store, "sw1", "quick", timedelta(minutes=5))


def test_the_lease_of_a_process_out_of_sight_runs_out_and_its_holder_learns_it(store: Store, clock: Clock) -> None:
    old = leases.acquire(store, "sw1", "slow", timedelta(minutes=5))
    elsewhere = replace(Process.current(), namespace="another container")
    store.execute("UPDATE lease SET process = ?", (str(elsewhere),))
    clock.now += timedelta(minutes=4)
    old = leases.renew(store, old, timedelta(minutes=5))
    clock.now += timedelta(minutes=4)
    with pytest.raises(Busy):
        leases.acquire(store, "sw1", "quick", timedelta(minutes=5))
    clock.now += timedelta(minutes=2)
    new = leases.acquire(store, "sw1", "quick", timedelta(minutes=5))
    with pytest.raises(Busy, match="quick"):
        leases.renew(store, old, timedelta(minutes=5))
    leases.release(store, old)
    assert [item.owner for item in leases.holders(store)] == ["quick"]
    leases.release(store, new)
    with pytest.raises(Busy, match="lost"):
        leases.renew(store, new, timedelta(minutes=5))


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_only_one_of_many_processes_gets_the_lease(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    code = """
import sys
from datetime import timedelta
from pathlib import Path
from controller.store import leases
from controller.store.open import open_store
from policies.errors import Busy
with open_store(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    input()
    try:
        leases.acquire(store, "sw1", "racer", timedelta(minutes=5))
        print("won", flush=True)
    except Busy:
        print("busy", flush=True)
    input()
"""
    racers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=-1, stdout=-1, text=True) for _ in range(3)
    ]
    try:
        assert [line_of(racer) for racer in racers] == ["ready"] * 3
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("\n")
            racer.stdin.flush()
        assert sorted(line_of(racer) for racer in racers) == ["busy", "busy", "won"]
    finally:
        for racer in racers:
            racer.communicate("\n")


def test_a_process_is_known_by_more_than_its_number() -> None:
    me = Process.current()
    assert Process.parse(str(me)) == me and not me.gone()
    assert Process(me.pid, me.start + 1, me.boot, me.namespace).gone()
    assert Process(me.pid, me.start, "another boot", me.namespace).gone()
    assert not Process(999_999_999, 1, me.boot, "pid[1]").gone()
    for text in ("", "x:y:z:n", "12", "1:2:3"):
        assert Process.parse(text).gone()


def test_the_latest_snapshot_of_each_switch_is_kept(store: Store) -> None:
    newer = ObservedSwitch("sw1", "huawei_vrp", START + timedelta(minutes=1), hostname="new")
    other = ObservedSwitch("sw0", "huawei_vrp", START)
    assert observations.observation(store, "sw1") is None
    assert observations.put_observation(store, newer)
    assert not observations.put_observation(store, BEFORE)
    assert observations.put_observation(store, other)
    assert observations.observation(store, "sw1") == newer
    assert observations.observations(store) == (other, newer)
    observations.forget_observation(store, "sw1")
    assert observations.observation(store, "sw1") is None


def test_a_snapshot_that_cannot_be_read_names_the_switch(store: Store) -> None:
    observations.put_observation(store, BEFORE)
    store.execute("UPDATE observation SET observed = '7'")
    with pytest.raises(StorageFailed, match="sw1"):
        observations.observation(store, "sw1")

"""Finishing what a killed apply left: forward when the switch is as asked, else back to what it was."""

from __future__ import annotations

from dataclasses import dataclass

from controller.context import Context
from controller.network.admission import unprotected
from controller.network.apply import LEASE
from controller.network.equipment import SwitchEquipment
from controller.network.safeguard import JobSafeguard
from controller.store.jobs import Job, JobState, adopt_job, end_job, leave_job, unfinished
from controller.store.leases import hold
from controller.store.observations import put_observation
from drivers.flow import Event, Flow, Outcome, State
from policies.errors import Busy, PortsealError, SafetyRefusal, StorageFailed
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of one unfinished job; `error` when the switch could not be brought to a known state now."""

    job: int
    switch: str
    state: State
    error: PortsealError | None = None


def recover(context: Context) -> list[Recovered]:
    """Take up every unfinished job whose process is gone, and close what it left open in the ledger."""
    context.ledger.close_orphans()
    return [result for job in unfinished(context.store) if (result := recover_job(context, job)) is not None]


def recover_job(context: Context, job: Job, *, adopted: bool = False) -> Recovered | None:
    """Take up one job; None when another process was faster. `adopted` says that this process took it before."""
    if not adopted and not adopt_job(context.store, job.id):
        return None
    switch = context.site.switch(job.switch)
    if switch is None:
        end_job(context.store, job.id, JobState.UNKNOWN, "the site no longer declares the switch")
        error = StorageFailed(
            t("an apply on it was interrupted, and the site no longer declares it"),
            where=job.switch,
            next_step=t("look at the switch by hand"),
        )
        return Recovered(job.id, job.switch, State.UNKNOWN, error)
    try:
        with hold(context.store, switch.name, context.actor, LEASE):
            outcome = _resume(context, SwitchEquipment(context.site, switch, context.clock), job)
    except Busy as error:
        return Recovered(job.id, job.switch, State.UNKNOWN, error)
    except SafetyRefusal as error:
        # Not ours to undo any more: the job ends as it stands, and the next plan starts from what is there.
        end_job(context.store, job.id, JobState.UNKNOWN, str(error))
        return Recovered(job.id, job.switch, State.UNKNOWN, error)
    except PortsealError as error:
        return Recovered(job.id, job.switch, State.UNKNOWN, error)
    finally:
        leave_job(context.store, job.id)
    return Recovered(job.id, job.switch, outcome.state, outcome.error)


def _resume(context: Context, equipment: SwitchEquipment, job: Job) -> Outcome:
    safeguard = JobSafeguard(context, job.plan, job.id)
    subject = job.switch
    with context.ledger.act("recover", subject, {"job": job.id, "plan": job.plan}, context.actor) as act:
        flow = Flow(equipment, safeguard, _quiet, unprotected(context, equipment.switch))
        outcome = flow.resume(job.before, job.intended)
        if outcome.observed is not None:
            put_observation(context.store, outcome.observed)
        if outcome.state is State.UNKNOWN:
            act.fail(outcome.error.what if outcome.error is not None else "unknown", {"job": job.id})
        else:
            act.done({"job": job.id, "state": outcome.state.value})
    return outcome


def _quiet(event: Event) -> None:
    """Nobody watches a recovery step by step."""

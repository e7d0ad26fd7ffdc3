"""Carrying out a saved plan: one lease and one flow a switch, every act in the ledger."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from controller.context import Context
from controller.network.admission import allow_writing, as_planned, unprotected
from controller.network.equipment import SwitchEquipment
from controller.network.pool import Answers, on_each
from controller.network.safeguard import JobSafeguard
from controller.store.jobs import leave_job
from controller.store.leases import hold
from controller.store.observations import put_observation
from controller.store.plans import Plan, PlanState, reopen_plan, settle_plan
from drivers.flow import Admission, Event, Flow, Listener, Outcome, State
from policies.errors import NotFound, PortsealError, SafetyRefusal
from policies.model import SwitchChanges
from policies.site import Switch
from policies.texts import t

#: A lease lasts longer than any flow; a dead holder's is taken over at once.
LEASE = timedelta(minutes=30)


def apply_plan(
    context: Context,
    plan: Plan,
    listener: Listener,
    finished: Callable[[str, PortsealError | None], None] | None = None,
) -> Answers[Outcome]:
    """Apply every non-empty switch of `plan`, in parallel; a plan is used once.

    What fails on one switch is in the answers' errors and leaves the others alone.

    Raises:
        SafetyRefusal: the plan was used before.
        NotFound: the plan names a switch that the site no longer declares.

    """
    work = {changes.switch: changes for changes in plan.changes.switches if not changes.empty}
    switches = [_declared(context, name) for name in work]
    settle_plan(context.store, plan.id, PlanState.APPLIED)
    answers = on_each(
        switches,
        lambda switch: _apply(
            context, switch, _Work(work[switch.name], as_planned(context, switch), plan.id), listener
        ),
        finished,
    )
    if not answers.results and all(error.exit_code == SafetyRefusal.exit_code for error in answers.errors.values()):
        reopen_plan(context.store, plan.id)  # refused everywhere before anything was touched
    return answers


def apply_changes(context: Context, switch: Switch, changes: SwitchChanges, kind: str, listener: Listener) -> Outcome:
    """Carry out changes that need no saved plan (port block and release); `kind` names the act in the ledger."""
    return _apply(context, switch, _Work(changes, unprotected(context, switch), kind=kind), listener)


@dataclass(frozen=True, slots=True)
class _Work:
    """What is to be done on one switch, what admits it, from which plan, and what the ledger calls it."""

    changes: SwitchChanges
    admit: Admission
    plan: str | None = None
    kind: str = "apply"


def _apply(context: Context, switch: Switch, work: _Work, listener: Listener) -> Outcome:
    equipment = SwitchEquipment(context.site, switch, context.clock)
    safeguard = JobSafeguard(context, work.plan)

    def told(event: Event) -> None:
        safeguard.note(event)
        listener(event)

    with (
        hold(context.store, switch.name, context.actor, LEASE),
        context.ledger.act(work.kind, switch.name, _summary(work), context.actor) as act,
    ):
        allow_writing(switch)
        try:
            outcome = Flow(equipment, safeguard, told, work.admit).run(work.changes)
        finally:
            if safeguard.job is not None:
                leave_job(context.store, safeguard.job)
        if outcome.observed is not None:
            put_observation(context.store, outcome.observed)
        if outcome.state is State.DONE:
            act.done({"job": safeguard.job})
        else:
            reason = outcome.error.what if outcome.error is not None else outcome.state.value
            act.fail(reason, {"job": safeguard.job, "state": outcome.state.value})
    return outcome


def _summary(work: _Work) -> dict[str, object]:
    """Say in the ledger what is about to change: ports with their settings, VLANs, and the snapshot's digest."""
    changes = work.changes
    return {
        "plan": work.plan,
        "snapshot": changes.digest,
        "ports": [
            {
                "port": change.port,
                "settings": list(change.fields),
                "macs": sorted(entry.mac for entry in change.after.secure_macs or ()),
                "reason": str(change.reason),
            }
            for change in changes.ports
        ],
        "vlans": [vlan.vlan for vlan in changes.vlans],
        "save": changes.save,
    }


def _declared(context: Context, name: str) -> Switch:
    switch = context.site.switch(name)
    if switch is None:
        raise NotFound(t("the site no longer declares the switch of this plan"), where=name, next_step=t("plan again"))
    return switch

"""Opening the site for a verb: recovery of what a killed run left, and the line that says so."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from controller.cli.base import Settings
from controller.context import Context, open_context
from drivers.flow import State
from policies.errors import PortsealError
from policies.texts import Text, t


@contextlib.contextmanager
def site_context(chosen: Settings, *, recovering: bool = True) -> Iterator[Context]:
    """Open the site of this run; with `recovering`, first finish or roll back what an interrupted apply left.

    Verbs that only read say that there is such an apply, and leave the switch alone.
    """
    with open_context(chosen.site) as context:
        if recovering:
            _recover(chosen, context)
        else:
            _report(chosen, context)
        yield context


def _report(chosen: Settings, context: Context) -> None:
    from controller.store.jobs import unfinished

    for job in unfinished(context.store):
        chosen.note(
            t(
                "{switch}: an interrupted apply (job {job}) is open; 'portseal doctor' takes it up",
                switch=job.switch,
                job=job.id,
            )
        )


def _recover(chosen: Settings, context: Context) -> None:
    from controller.network.recover import recover

    for result in recover(context):
        if result.state is State.UNKNOWN:
            reason = result.error.what if result.error is not None else t("unknown")
            chosen.note(
                t(
                    "{switch}: an interrupted apply (job {job}) could not be finished or rolled back: {reason}",
                    switch=result.switch,
                    job=result.job,
                    reason=reason,
                )
            )
        else:
            chosen.note(
                t(
                    "{switch}: an interrupted apply (job {job}) was found: {state}",
                    switch=result.switch,
                    job=result.job,
                    state=STATES[result.state],
                )
            )


#: How a flow ended, in words.
STATES: dict[State, Text] = {
    State.DONE: t("finished as planned"),
    State.ROLLED_BACK: t("rolled back, the switch is as it was"),
    State.UNKNOWN: t("state unknown"),
}


def worked(chosen: Settings, what: Text) -> Callable[[str, PortsealError | None], None]:
    """Give a callback that tells, switch by switch, that `what` is done or why it failed."""

    def finished(name: str, error: PortsealError | None) -> None:
        if error is not None:
            chosen.note(error.line(chosen.language))
        elif not chosen.json:
            chosen.note(t("{switch}: {what}", switch=name, what=what))

    return finished

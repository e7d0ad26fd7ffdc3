"""What outlives an apply: the journal in the store, and the watchdog process that rolls back when this one dies."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
import threading

from controller.context import Context
from controller.store.jobs import JobState, begin_job, end_job, note_step
from drivers.flow import Event, Outcome, State, Step
from policies.errors import StorageFailed
from policies.model import ObservedSwitch, SwitchChanges
from policies.texts import t

#: What the watchdog says once it watches, and the seconds that it may take until then on a busy machine.
READY = b"ready\n"
READY_S = 60.0

_ENDED = {State.DONE: JobState.DONE, State.ROLLED_BACK: JobState.ROLLED_BACK}


class JobSafeguard:
    """A :class:`drivers.flow.Safeguard` for one job; `job` is its number once the journal has it."""

    def __init__(self, context: Context, plan: str | None, job: int | None = None) -> None:
        self.context, self.plan, self.job = context, plan, job
        self._watchdog: subprocess.Popen[bytes] | None = None

    def journal(self, before: ObservedSwitch, changes: SwitchChanges) -> None:
        """See :class:`drivers.flow.Safeguard`."""
        self.job = begin_job(self.context.store, before, changes, actor=self.context.actor, plan=self.plan)

    def note(self, event: Event) -> None:
        """Write a step's begin or end into the journal; single lines and the snapshot are not journalled."""
        journalled = event.phase in ("begin", "end", "failed") and event.step not in (Step.SNAPSHOT, Step.LEDGER)
        if self.job is not None and journalled:
            note_step(self.context.store, self.job, event.step.value, event.phase)

    def arm(self) -> None:
        """Start the watchdog: it holds the read end of a pipe, and acts when the pipe closes without a word.

        Raises:
            StorageFailed: it does not start, or ends before it watches; nothing may be sent then.

        """
        command = [
            sys.executable,
            "-P",
            "-m",
            "controller.network.watchdog",
            str(self.context.site.folder),
            str(self.job),
        ]
        try:
            self._watchdog = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        except OSError as error:
            raise _not_started(error.strerror or "") from error
        assert self._watchdog.stdout is not None
        with self._watchdog.stdout as said:
            poll = select.poll()
            poll.register(said, select.POLLIN)
            if not poll.poll(READY_S * 1000) or said.readline() != READY:
                self.disarm()
                raise _not_started("-")

    def disarm(self) -> None:
        """Send the watchdog home; may be called twice. The word waits in the pipe for a watchdog that is slow."""
        if self._watchdog is None:
            return
        watchdog, self._watchdog = self._watchdog, None
        assert watchdog.stdin is not None
        with contextlib.suppress(BrokenPipeError), watchdog.stdin as pipe:
            pipe.write(b"disarm\n")
        threading.Thread(target=watchdog.wait, name="reaper", daemon=True).start()

    def close(self, outcome: Outcome) -> None:
        """End the job; one whose state is not known stays open, so that watchdog or next start take it up."""
        if self.job is not None and outcome.state in _ENDED:
            reason = str(outcome.error) if outcome.error is not None else ""
            end_job(self.context.store, self.job, _ENDED[outcome.state], reason)


def _not_started(reason: str) -> StorageFailed:
    return StorageFailed(
        t("the watchdog does not start: {reason}", reason=reason),
        where=sys.executable,
        next_step=t("free memory and processes on this machine, then apply again"),
    )

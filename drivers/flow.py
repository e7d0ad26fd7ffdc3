"""The one flow that changes a switch; no dialect overrides it.

snapshot → journal → arm → apply → read back → verify → disarm → save → read the startup back → ledger
                                └── any failure: roll back, verify the rollback, say so ──┘

A change set is refused when the snapshot is not the one it was planned on. The read-back uses a session of its own,
which also proves that the management path still works before the rollback is disarmed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from drivers.dialect import Dialect
from drivers.render import Command, check_undo, commands
from drivers.session import WriteListener
from drivers.undo import own_work
from drivers.verify import differences, left_off, verify_applied, verify_fresh, verify_kept, verify_restored
from policies.errors import EquipmentError, PortsealError, SafetyRefusal, Unexpected, VerifyFailed
from policies.model import ObservedSwitch, SwitchChanges
from policies.plan import restore, snapshot_digest
from policies.texts import t


class Step(StrEnum):
    """The steps, in order; the last two run after a failure only."""

    SNAPSHOT = "snapshot"
    JOURNAL = "journal"
    ARM = "arm"
    APPLY = "apply"
    READ_BACK = "read_back"
    VERIFY = "verify"
    DISARM = "disarm"
    SAVE = "save"
    READ_STARTUP = "read_startup"
    LEDGER = "ledger"
    ROLL_BACK = "roll_back"
    VERIFY_ROLL_BACK = "verify_roll_back"


#: The steps of a change that succeeds.
FORWARD = tuple(Step)[: tuple(Step).index(Step.ROLL_BACK)]
#: The steps after a failure.
BACK = frozenset({Step.ROLL_BACK, Step.VERIFY_ROLL_BACK})

_log = logging.getLogger("portseal.flow")


class State(StrEnum):
    """How a run ended: as asked, as it was before, or not known (then the next start finds out)."""

    DONE = "done"
    ROLLED_BACK = "rolled_back"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Event:
    """Progress: a step begins or ends, or a line is about to be sent ("before") or was answered ("after")."""

    switch: str
    step: Step
    phase: str
    line: str = ""


Listener = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run: the state, the switch as last read, and the error that caused a rollback."""

    switch: str
    state: State
    observed: ObservedSwitch | None
    error: PortsealError | None = None


#: Judges a change set against the state that was just read; raises SafetyRefusal when it may not be carried out.
Admission = Callable[[ObservedSwitch, SwitchChanges], None]


class Conversation(Protocol):
    """What the flow says to a switch, in commands (:class:`drivers.session.Session`) or in SNMP sets."""

    dialect: Dialect

    @property
    def parameters(self) -> Mapping[str, str]:
        """What fills the site's own names in the dialect's lines."""
        ...

    @property
    def tried(self) -> bool:
        """Whether something was committed on trial through it, confirmed or not."""
        ...

    def configure(
        self, commands: Sequence[Command], listener: WriteListener | None = None, *, trial: bool = False
    ) -> None:
        """Let `commands` take effect; with `trial`, until :meth:`confirm` only, where the switch can."""
        ...

    def confirm(self, listener: WriteListener | None = None) -> None:
        """Make lasting what is on trial."""
        ...

    def withdraw(self, listener: WriteListener | None = None) -> None:
        """End a trial that Portseal left on the switch."""
        ...

    def save(self, listener: WriteListener | None = None) -> None:
        """Make the running configuration the startup one."""
        ...


S = TypeVar("S", bound=Conversation)


class Equipment(Protocol[S]):
    """How the flow reaches one switch."""

    def session(self) -> AbstractContextManager[S]:
        """Open a new session."""
        ...

    def observe(self, session: S) -> ObservedSwitch:
        """Read the state of the switch through `session`."""
        ...


class Safeguard(Protocol):
    """What outlives the flow: the journal, the rollback that is armed, the ledger."""

    def journal(self, before: ObservedSwitch, changes: SwitchChanges) -> None:
        """Make the intent durable before anything is sent."""

    def arm(self) -> None:
        """Arm the rollback that works without this process."""

    def disarm(self) -> None:
        """Disarm it: the change has been verified."""

    def close(self, outcome: Outcome) -> None:
        """Make the outcome durable, in journal and ledger."""


class Flow(Generic[S]):
    """One run over one switch."""

    def __init__(
        self, equipment: Equipment[S], safeguard: Safeguard, listener: Listener, admit: Admission | None = None
    ) -> None:
        self.equipment, self.safeguard, self.listener = equipment, safeguard, listener
        self.admit = admit or _anything
        self.switch = ""

    def run(self, changes: SwitchChanges) -> Outcome:
        """Carry `changes` out; whatever fails once the journal is written is rolled back, and is the outcome's error.

        Raises:
            StalePlan: the switch changed since the plan; nothing was touched.
            SafetyRefusal: the change set is not admitted any more; nothing was touched.
            ConfigError: the dialect cannot write a setting, or could not write it back; nothing was touched.
            EquipmentError: the switch could not be read, or the journal not written; nothing was touched.

        """
        self.switch = changes.switch
        outcome: Outcome | None = None
        cause: PortsealError | None = None
        with ExitStack() as stack:
            with self._step(Step.SNAPSHOT):
                session = stack.enter_context(self.equipment.session())
                before = self.equipment.observe(session)
                verify_fresh(before, changes)
                self.admit(before, changes)
                commands(session.dialect, changes, session.parameters)
                check_undo(session.dialect, changes, session.parameters)
            with self._step(Step.JOURNAL):
                self.safeguard.journal(before, changes)
            try:
                with self._step(Step.ARM):
                    self.safeguard.arm()
                self._apply(session, changes)
                outcome = self._confirm(session, before, changes)
            except Exception as error:  # noqa: BLE001 - whatever it was, a half-changed switch is not left behind
                cause = self._known(error)
        # The session is closed first: its mode is not known, and a switch has few lines to log in on.
        return self._end(outcome or self.roll_back(before, changes, cause))

    def resume(self, before: ObservedSwitch, changes: SwitchChanges) -> Outcome:
        """Finish what an interrupted run left: forward when all is as asked, else back.

        Raises:
            EquipmentError: the switch could not be read; nothing was touched.
            SafetyRefusal: others have changed what would be taken back, or it may not be touched any more.

        """
        self.switch = changes.switch
        outcome: Outcome | None = None
        cause: PortsealError | None = None
        with self.equipment.session() as session:
            session.withdraw(self._writes(Step.ROLL_BACK))
            now = self.equipment.observe(session)
            if differences(now, changes) or left_off(before, now, changes):
                try:
                    own_work(before, now, changes)
                    self.admit(now, restore(before, now, changes))
                except SafetyRefusal:
                    self._read_twice(session, now)
                    raise
            elif (others := self._others(session, before, now, changes)) is not None:
                outcome = Outcome(self.switch, State.DONE, now, others)
            else:
                try:
                    outcome = self._save(session, changes, now)
                except Exception as error:  # noqa: BLE001 - as in run
                    cause = self._known(error)
        return self._end(outcome or self.roll_back(before, changes, cause))

    def _others(
        self, session: S, before: ObservedSwitch, now: ObservedSwitch, changes: SwitchChanges
    ) -> VerifyFailed | None:
        """Name what others have changed since an interrupted run had applied all; that is not ours to save."""
        try:
            verify_applied(before, now, changes)
        except VerifyFailed as others:
            self._read_twice(session, now)
            return others
        return None

    def _read_twice(self, session: S, now: ObservedSwitch) -> None:
        """Make sure that others' work was read, and no garbled answer: a job is ended, half-way perhaps, for it."""
        if snapshot_digest(self.equipment.observe(session)) != snapshot_digest(now):
            raise EquipmentError(
                t("two readings in a row are not the same"),
                where=self.switch,
                next_step=t("see whether somebody else is changing the switch, then try again"),
            )

    def roll_back(self, before: ObservedSwitch, changes: SwitchChanges, cause: PortsealError | None) -> Outcome:
        """Bring the touched ports back to `before`, and verify it through a fresh session."""
        try:
            with ExitStack() as stack:
                with self._step(Step.ROLL_BACK):
                    session = stack.enter_context(self.equipment.session())
                    session.withdraw(self._writes(Step.ROLL_BACK))
                    now = self.equipment.observe(session)
                    undo = restore(before, now, changes)
                    lines = commands(session.dialect, undo, session.parameters, exact=True)
                    session.configure(lines, self._writes(Step.ROLL_BACK))
                with self._step(Step.VERIFY_ROLL_BACK):
                    now = self.equipment.observe(session)
                    verify_restored(before, now, changes)
                    if set(now.startup_differs or ()) - set(before.startup_differs or ()):
                        now = self._save_again(session, before)
            self.safeguard.disarm()
        except Exception as error:  # noqa: BLE001 - the state is not known, and that is what is said
            known = self._known(error)
            return Outcome(self.switch, State.UNKNOWN, None, known if cause is None else _both(cause, known))
        return Outcome(self.switch, State.ROLLED_BACK, now, cause)

    def _save_again(self, session: S, before: ObservedSwitch) -> ObservedSwitch:
        """Save what was restored: the startup configuration holds what has just been rolled back."""
        session.save(self._writes(Step.VERIFY_ROLL_BACK))
        now = self.equipment.observe(session)
        if set(now.startup_differs or ()) - set(before.startup_differs or ()):
            raise self._unsaved(now)
        return now

    def _apply(self, session: S, changes: SwitchChanges) -> None:
        with self._step(Step.APPLY):
            lines = commands(session.dialect, changes, session.parameters)
            session.configure(lines, self._writes(Step.APPLY), trial=True)

    def _confirm(self, session: S, before: ObservedSwitch, changes: SwitchChanges) -> Outcome:
        with self._step(Step.READ_BACK), self.equipment.session() as fresh:
            after = self.equipment.observe(fresh)
        with self._step(Step.VERIFY):
            verify_applied(before, after, changes)
        with self._step(Step.DISARM):
            # The switch's own timer first: whoever is killed in between finds the change in force, and finishes it.
            session.confirm(self._writes(Step.DISARM))
            self.safeguard.disarm()
        return self._save(session, changes, after)

    def _save(self, session: S, changes: SwitchChanges, after: ObservedSwitch) -> Outcome:
        if changes.save:
            with self._step(Step.SAVE):
                session.save(self._writes(Step.SAVE))
            with self._step(Step.READ_STARTUP):
                after = self.equipment.observe(session)
                if after.startup_differs:
                    raise self._unsaved(after)
                if session.tried:
                    verify_kept(after, changes)
        return Outcome(self.switch, State.DONE, after)

    def _unsaved(self, now: ObservedSwitch) -> VerifyFailed:
        line = (now.startup_differs or ("",))[0]
        return VerifyFailed(
            t("after saving, startup still differs from running: {line}", line=line),
            where=self.switch,
            next_step=t("check the switch's flash, then plan again"),
        )

    def _end(self, outcome: Outcome) -> Outcome:
        """Close the journal. When that fails the switch stays as it is: the next start finds the job and ends it."""
        try:
            with self._step(Step.LEDGER):
                self.safeguard.close(outcome)
        except Exception as error:  # noqa: BLE001 - a full disk here is no reason to undo what was verified
            known = self._known(error)
            cause = known if outcome.error is None else _after(outcome.error, known)
            return Outcome(self.switch, State.UNKNOWN, outcome.observed, cause)
        return outcome

    def _known(self, error: Exception) -> PortsealError:
        if isinstance(error, PortsealError):
            return error
        _log.debug("%s: unexpected", self.switch, exc_info=error)
        return Unexpected(error, where=self.switch)

    def _tell(self, event: Event) -> None:
        try:
            self.listener(event)
        except Exception:
            if event.step not in BACK:
                raise
            # On the way back nothing may come between the switch and its rollback, a full disk least of all.
            _log.debug("%s: %s of %s was not noted", self.switch, event.phase, event.step, exc_info=True)

    def _writes(self, step: Step) -> Callable[[str, str], None]:
        return lambda phase, line: self._tell(Event(self.switch, step, phase, line))

    def _step(self, step: Step) -> _Announced:
        return _Announced(self._tell, self.switch, step)


def _anything(observed: ObservedSwitch, changes: SwitchChanges) -> None:
    """Admit every change set: its maker has judged it."""


class _Announced:
    """Tells the listener that a step begins, and ends when it succeeded."""

    def __init__(self, listener: Listener, switch: str, step: Step) -> None:
        self.listener, self.switch, self.step = listener, switch, step

    def __enter__(self) -> None:
        self.listener(Event(self.switch, self.step, "begin"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.listener(Event(self.switch, self.step, "end"))
            return
        try:
            self.listener(Event(self.switch, self.step, "failed"))
        except Exception:  # noqa: BLE001 - the failure that is under way says more
            _log.debug("%s: the failure of %s was not noted", self.switch, self.step, exc_info=True)


def _both(cause: PortsealError, error: PortsealError) -> EquipmentError:
    return EquipmentError(
        t("{cause}; and the rollback failed too: {error}", cause=cause.what, error=error.what),
        where=error.where,
        next_step=t("the rollback is tried again by the watchdog and by the next start; look at the switch"),
    )


def _after(cause: PortsealError, error: PortsealError) -> EquipmentError:
    what = t("{first}; then {second}", first=cause.what, second=error.what)
    return EquipmentError(what, where=error.where, next_step=error.next_step)

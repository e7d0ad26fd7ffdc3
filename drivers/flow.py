"""The one flow that changes a switch; no dialect overrides it.

snapshot → journal → arm → apply → read back → verify → disarm → save → read the startup back → ledger
                                └── any failure: roll back, verify the rollback, say so ──┘

A change set is refused when the snapshot is not the one it was planned on. The read-back uses a session of its own,
which also proves that the management path still works before the rollback is disarmed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from drivers.render import commands
from drivers.session import Session
from policies.errors import EquipmentError, PortsealError, StalePlan, VerifyFailed
from policies.model import ObservedSwitch, Oper, SwitchChanges, changed_fields
from policies.plan import exact_differences, restore, snapshot_digest
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


class Equipment(Protocol):
    """How the flow reaches one switch."""

    def session(self) -> AbstractContextManager[Session]:
        """Open a new session."""

    def observe(self, session: Session) -> ObservedSwitch:
        """Read the state of the switch through `session`."""


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


class Flow:
    """One run over one switch."""

    def __init__(self, equipment: Equipment, safeguard: Safeguard, listener: Listener) -> None:
        self.equipment, self.safeguard, self.listener = equipment, safeguard, listener
        self.switch = ""

    def run(self, changes: SwitchChanges) -> Outcome:
        """Carry `changes` out.

        Raises:
            StalePlan: the switch changed since the plan; nothing was touched.
            EquipmentError: the switch could not be read; nothing was touched.

        """
        self.switch = changes.switch
        with self.equipment.session() as session:
            with self._step(Step.SNAPSHOT):
                before = self.equipment.observe(session)
                _fresh(before, changes)
            with self._step(Step.JOURNAL):
                self.safeguard.journal(before, changes)
            try:
                with self._step(Step.ARM):
                    self.safeguard.arm()
                self._apply(session, changes)
                return self._confirm(session, before, changes)
            except EquipmentError as error:
                return self._end(self.roll_back(before, changes, error))

    def resume(self, before: ObservedSwitch, changes: SwitchChanges) -> Outcome:
        """Finish what an interrupted run left: forward when all is as asked, else back."""
        self.switch = changes.switch
        with self.equipment.session() as session:
            now = self.equipment.observe(session)
            if differences(now, changes):
                return self._end(self.roll_back(before, changes, None))
            try:
                return self._save(session, changes, now)
            except EquipmentError as error:
                return self._end(self.roll_back(before, changes, error))

    def roll_back(self, before: ObservedSwitch, changes: SwitchChanges, cause: PortsealError | None) -> Outcome:
        """Bring the touched ports back to `before`, and verify it through a fresh session."""
        try:
            with self.equipment.session() as session:
                with self._step(Step.ROLL_BACK):
                    now = self.equipment.observe(session)
                    undo = restore(before, now, changes)
                    lines = commands(session.dialect, undo, session.parameters, exact=True)
                    session.configure(lines, self._writes(Step.ROLL_BACK))
                with self._step(Step.VERIFY_ROLL_BACK):
                    now = self.equipment.observe(session)
                    _verify_restored(before, now, changes)
                    if now.startup_differs and not before.startup_differs:
                        session.save(self._writes(Step.VERIFY_ROLL_BACK))
                        now = self.equipment.observe(session)
            self.safeguard.disarm()
            return Outcome(self.switch, State.ROLLED_BACK, now, cause)
        except EquipmentError as error:
            return Outcome(self.switch, State.UNKNOWN, None, error if cause is None else _both(cause, error))

    def _apply(self, session: Session, changes: SwitchChanges) -> None:
        with self._step(Step.APPLY):
            lines = commands(session.dialect, changes, session.parameters)
            session.configure(lines, self._writes(Step.APPLY))

    def _confirm(self, session: Session, before: ObservedSwitch, changes: SwitchChanges) -> Outcome:
        with self._step(Step.READ_BACK), self.equipment.session() as fresh:
            after = self.equipment.observe(fresh)
        with self._step(Step.VERIFY):
            _verify(before, after, changes)
        with self._step(Step.DISARM):
            self.safeguard.disarm()
        return self._save(session, changes, after)

    def _save(self, session: Session, changes: SwitchChanges, after: ObservedSwitch) -> Outcome:
        if changes.save:
            with self._step(Step.SAVE):
                session.save(self._writes(Step.SAVE))
            with self._step(Step.READ_STARTUP):
                after = self.equipment.observe(session)
                if after.startup_differs:
                    raise VerifyFailed(
                        t(
                            "after saving, startup still differs from running: {line}",
                            line=after.startup_differs[0],
                        ),
                        where=self.switch,
                        next_step=t("check the switch's flash, then plan again"),
                    )
        return self._end(Outcome(self.switch, State.DONE, after))

    def _end(self, outcome: Outcome) -> Outcome:
        with self._step(Step.LEDGER):
            self.safeguard.close(outcome)
        return outcome

    def _writes(self, step: Step) -> Callable[[str, str], None]:
        return lambda phase, line: self.listener(Event(self.switch, step, phase, line))

    def _step(self, step: Step) -> _Announced:
        return _Announced(self.listener, self.switch, step)


class _Announced:
    """Tells the listener that a step begins, and ends when it succeeded."""

    def __init__(self, listener: Listener, switch: str, step: Step) -> None:
        self.listener, self.switch, self.step = listener, switch, step

    def __enter__(self) -> None:
        self.listener(Event(self.switch, self.step, "begin"))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.listener(Event(self.switch, self.step, "end" if kind is None else "failed"))


def differences(observed: ObservedSwitch, changes: SwitchChanges) -> tuple[str, ...]:
    """Name what `changes` demands and `observed` does not show, as "port setting" or "vlan N"."""
    found = [
        f"{change.port} {setting}"
        for change in changes.ports
        for setting in changed_fields(observed.ports[change.port].config, change.after)
    ]
    found.extend(
        f"{change.port} blocked"
        for change in changes.ports
        if change.recover and observed.ports[change.port].oper is Oper.BLOCKED
    )
    found.extend(
        f"vlan {vlan.vlan}"
        for vlan in changes.vlans
        if (vlan.vlan in (observed.vlans or {})) != (vlan.after is not None)
    )
    return tuple(found)


def _fresh(before: ObservedSwitch, changes: SwitchChanges) -> None:
    if snapshot_digest(before) != changes.digest:
        raise StalePlan(
            t("the switch changed since the plan was made"),
            where=changes.switch,
            next_step=t("run 'portseal plan' again and look at what is different"),
        )


def _verify(before: ObservedSwitch, after: ObservedSwitch, changes: SwitchChanges) -> None:
    wrong = list(differences(after, changes))
    touched = {change.port for change in changes.ports}
    wrong.extend(
        f"{name} {setting}"
        for name, port in before.ports.items()
        if name not in touched and name in after.ports
        for setting in exact_differences(after.ports[name].config, port.config)
    )
    if wrong:
        raise VerifyFailed(
            t("read back, these are not as planned: {settings}", settings=", ".join(wrong[:6])),
            where=changes.switch,
            next_step=t("see whether somebody else is changing the switch, then plan again"),
        )


def _verify_restored(before: ObservedSwitch, now: ObservedSwitch, changes: SwitchChanges) -> None:
    wrong = [
        f"{change.port} {setting}"
        for change in changes.ports
        for setting in exact_differences(now.ports[change.port].config, before.ports[change.port].config)
    ]
    if wrong:
        raise VerifyFailed(
            t("the rollback left these unlike before: {settings}", settings=", ".join(wrong[:6])),
            where=changes.switch,
            next_step=t("look at these ports now; 'portseal plan' shows the difference"),
        )


def _both(cause: PortsealError, error: PortsealError) -> EquipmentError:
    return EquipmentError(
        t("{cause}; and the rollback failed too: {error}", cause=cause.what, error=error.what),
        where=error.where,
        next_step=t("the rollback is tried again by the watchdog and by the next start; look at the switch"),
    )

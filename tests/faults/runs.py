"""One run of the flow with one fault, what is left of it, and the walk over all places where a fault can strike.

A run is a flow over a fresh switch; what a killed or a lost one leaves is taken up as watchdog and next start do. Then
the switch itself is judged: what it forwards, runs and has saved, and what a fresh session reads. It must be the old
state or the new one, all of it, and the one that was claimed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from drivers.dialects import dialect
from drivers.flow import Event, Flow, Outcome, State, Step
from drivers.reading import read_state
from drivers.session import Session
from policies.errors import PortsealError, SafetyRefusal
from policies.expected import expected
from policies.model import Binding, Device, DeviceRole, ExpectedSwitch, ObservedSwitch, SwitchChanges
from policies.plan import plan_switch, snapshot_digest
from policies.site import Site, Switch, Uplink
from tests.faults.bed import NAME, PORTS, Bed, bed_of, session
from tests.faults.kinds import LATE, Killed, Kind, Struck
from tests.unit.switch_states import SITE

NOW = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
CAMERAS = [Device(f"cam{n}", DeviceRole.CAMERA, f"02:ca:00:00:00:0{n}", f"198.18.100.{n}") for n in (1, 2, 3)]
#: Seconds after which a switch has taken back by itself what was on trial.
_DEVICE_S = 400.0
_TRIES = 3
#: Lines that a rollback leaves where they do nothing by themselves: docs/adr/0010-comware-static-macs.md, "Price".
LEFT = {"h3c_comware": frozenset({" port-security enable"})}


@dataclass
class Book:
    """A safeguard that remembers: whether a job is open, and on what it was begun."""

    begun: tuple[ObservedSwitch, SwitchChanges] | None = None
    closed: Outcome | None = None

    def journal(self, before: ObservedSwitch, changes: SwitchChanges) -> None:
        """See :class:`drivers.flow.Safeguard`."""
        self.begun = (before, changes)

    def arm(self) -> None:
        """See :class:`drivers.flow.Safeguard`."""

    def disarm(self) -> None:
        """See :class:`drivers.flow.Safeguard`."""

    def close(self, outcome: Outcome) -> None:
        """See :class:`drivers.flow.Safeguard`."""
        if outcome.state is not State.UNKNOWN:
            self.closed = outcome


class BedEquipment:
    """An :class:`drivers.flow.Equipment` over a bed, with what strikes its lines."""

    def __init__(self, bed: Bed, struck: Struck | None = None) -> None:
        self.bed, self.struck = bed, struck or Struck(bed)

    def session(self) -> AbstractContextManager[Session]:
        """Log in."""
        return session(self.bed, self.struck.line)

    def observe(self, session: Session) -> ObservedSwitch:
        """Read."""
        return read_state(session, NAME, NOW)


def look(bed: Bed) -> ObservedSwitch:
    """Read through a fresh session, without any fault."""
    equipment = BedEquipment(bed)
    with equipment.session() as opened:
        return equipment.observe(opened)


@dataclass(frozen=True)
class Seen:
    """All that can be said of a switch."""

    digest: str
    forwarding: object
    running: tuple[str, ...]
    saved: tuple[str, ...]


def seen(bed: Bed) -> Seen:
    """Look at the switch from outside and from inside."""
    return Seen(snapshot_digest(look(bed)), bed.forwarding(), bed.running(), bed.saved())


#: What is done → which camera (by number) is at which port then; all but the first begin where the first has ended.
JOBS = {
    "first": {1: 1, 2: 2},
    "move": {2: 3, 3: 1},
    "cross": {1: 2, 2: 1},
    "forget": {},
}


def wanted(bed: Bed, places: dict[int, int]) -> ExpectedSwitch:
    """Give what the site wants of the switch: cameras at ports, and ports without one shut in a VLAN of their own."""
    ports = tuple(bed.port(number) for number in range(1, PORTS + 1))
    switch = Switch(NAME, bed.platform, "", ports=ports, uplinks=(Uplink(ports[-1], frozenset({100})),))
    site = Site("faults", Path("/nowhere"), vlans=SITE.vlans, switches=(switch,))
    bindings = [Binding(f"cam{camera}", NAME, ports[port - 1], 100) for port, camera in places.items()]
    return expected(site, switch, {camera.name: camera for camera in CAMERAS}, bindings, NOW.date())


@dataclass(frozen=True)
class Undisturbed:
    """A job as it goes without a fault: what was typed, up to where it wrote last, and the switch before and after."""

    configuration: str
    changes: SwitchChanges
    typed: tuple[str, ...]
    old: Seen
    new: Seen
    last_line: int


@cache
def undisturbed(platform: str, job: str) -> Undisturbed:
    """Do a job once."""
    configuration = "" if job == "first" else _after_first(platform)
    bed = bed_of(platform, configuration)
    before = look(bed)
    changes, _ = plan_switch(wanted(bed, JOBS[job]), before)
    old, struck, book = seen(bed), Struck(bed), Book()
    lines: list[int] = []

    def told(event: Event) -> None:
        if event.step is Step.APPLY and event.phase == "before":
            lines.append(len(struck.typed) + 1)

    outcome = Flow(BedEquipment(bed, struck), book, told).run(changes)
    assert outcome.state is State.DONE, (platform, job, outcome.error)
    new = seen(bed)
    assert new.digest != old.digest
    assert look(bed).startup_differs == ()
    return Undisturbed(configuration, changes, tuple(struck.typed), old, new, lines[-1])


def _after_first(platform: str) -> str:
    bed = bed_of(platform)
    changes, _ = plan_switch(wanted(bed, JOBS["first"]), look(bed))
    outcome = Flow(BedEquipment(bed), Book(), lambda _: None).run(changes)
    assert outcome.state is State.DONE, outcome.error
    return bed.configuration()


@dataclass(frozen=True)
class Case:
    """Where what strikes: in the job itself, on its way back (from a refusal late in it), or while it is taken up."""

    platform: str
    job: str
    phase: str
    kind: Kind
    nth: int

    def __str__(self) -> str:
        return f"{self.platform}, {self.job}, {self.phase} {self.nth}: {self.kind}"


PHASES = ("forward", "back", "resume")


@dataclass
class Ended:
    """What became of a run: what was claimed in the end, how often it had to be taken up, and what is wrong, if any."""

    case: Case
    claimed: State | None
    taken_up: int
    wrong: list[str] = field(default_factory=list)

    @property
    def stranded(self) -> bool:
        """Tell whether the switch is left in between, or not as it was claimed."""
        return bool(self.wrong)


class _Run:
    def __init__(self, case: Case) -> None:
        self.case = case
        self.base = undisturbed(case.platform, case.job)
        self.bed = bed_of(case.platform, self.base.configuration)
        self.book = Book()
        self.wrong: list[str] = []
        self.taken_up = 0

    def go(self) -> Ended:
        """Run, take up what is left, and judge."""
        if self.case.phase == "forward":
            self._forward(Struck(self.bed, self.case.kind, self.case.nth))
        elif self.case.phase == "back":
            self._forward(_Back(self.bed, self.case.kind, self.case.nth, self.base.last_line))
        else:
            self._forward(Struck(self.bed, Kind.KILLED_DONE, self.base.last_line))
            self._take_up(Struck(self.bed, self.case.kind, self.case.nth))
        if self.case.kind in LATE:
            self.bed.advance(_DEVICE_S)
            if dialect(self.case.platform).rollback == "device" and not self._whole():
                self.wrong.append("the switch did not go back by itself")
        while self.book.begun is not None and self.book.closed is None and self.taken_up < _TRIES:
            self._take_up(Struck(self.bed))
        claimed = self.book.closed.state if self.book.closed is not None else None
        self._judge(claimed)
        return Ended(self.case, claimed, self.taken_up, self.wrong)

    def _forward(self, struck: Struck) -> None:
        try:
            Flow(BedEquipment(self.bed, struck), self.book, lambda _: None).run(self.base.changes)
        except (PortsealError, Killed) as error:
            if self.book.begun is not None and not isinstance(error, Killed):
                self.wrong.append(f"an error after the journal was begun: {error}")
        self.bed.faults.clear()

    def _take_up(self, struck: Struck) -> None:
        """Take the job up, as the watchdog or the next start does."""
        self.taken_up += 1
        assert self.book.begun is not None
        try:
            Flow(BedEquipment(self.bed, struck), self.book, lambda _: None).resume(*self.book.begun)
        except SafetyRefusal as error:
            self.wrong.append(f"left as it is: {error}")
        except (PortsealError, Killed):
            pass  # it stays open, and is taken up again
        self.bed.faults.clear()

    def _whole(self) -> bool:
        return self.bed.forwarding() in (self.base.old.forwarding, self.base.new.forwarding)

    def _judge(self, claimed: State | None) -> None:
        self.bed.advance(_DEVICE_S)  # whatever the switch had in mind to do by itself, it has done
        now = seen(self.bed)
        expected = {State.DONE: self.base.new, State.ROLLED_BACK: self.base.old}
        if self.book.begun is None:
            self._compare(now, self.base.old, "nothing was begun")
        elif claimed is None:
            self.wrong.append("the job could not be ended")
        else:
            self._compare(now, expected[claimed], claimed.value)

    def _compare(self, now: Seen, then: Seen, claimed: str) -> None:
        for name in ("digest", "forwarding", "running", "saved"):
            if self._without_left(getattr(now, name)) != self._without_left(getattr(then, name)):
                self.wrong.append(f"{claimed}, but not so: {name} {_unlike(getattr(now, name), getattr(then, name))}")

    def _without_left(self, value: object) -> object:
        left = LEFT.get(self.case.platform, frozenset())
        return tuple(line for line in value if line not in left) if isinstance(value, tuple) else value


def _unlike(now: object, then: object) -> str:
    if isinstance(now, tuple) and isinstance(then, tuple):
        return f"+{sorted(set(now) - set(then))} -{sorted(set(then) - set(now))}"
    return f"{now} / {then}"


class _Back(Struck):
    """Refuses the last line of the job, and strikes at the nth exchange after that."""

    def __init__(self, bed: Bed, kind: Kind | None, nth: int, refused: int) -> None:
        super().__init__(bed, kind, refused + nth if nth else 0)
        self.refused = refused

    def next(self, typed: str) -> Kind | None:
        """See :class:`Struck`."""
        if len(self.typed) + 1 == self.refused:
            super().next(typed)
            return Kind.ERROR
        return super().next(typed)


def run(case: Case) -> Ended:
    """Do one run."""
    return _Run(case).go()


@cache
def exchanges(platform: str, job: str, phase: str) -> int:
    """Count the exchanges of a phase."""
    base = undisturbed(platform, job)
    if phase == "forward":
        return len(base.typed)
    bed, book = bed_of(platform, base.configuration), Book()
    struck: Struck = _Back(bed, None, 0, base.last_line)
    if phase == "back":
        outcome = Flow(BedEquipment(bed, struck), book, lambda _: None).run(base.changes)
        assert outcome.state is State.ROLLED_BACK, (platform, job, outcome.error)
        return len(struck.typed) - base.last_line
    try:
        Flow(BedEquipment(bed, Struck(bed, Kind.KILLED_DONE, base.last_line)), book, lambda _: None).run(base.changes)
    except Killed:
        struck = Struck(bed)
        assert book.begun is not None
        Flow(BedEquipment(bed, struck), book, lambda _: None).resume(*book.begun)
    return len(struck.typed)


def cases(platform: str, jobs: tuple[str, ...] = tuple(JOBS)) -> Iterator[Case]:
    """Give every place and kind of fault of a platform."""
    for job in jobs:
        for phase in PHASES:
            for nth in range(1, exchanges(platform, job, phase) + 1):
                for kind in Kind:
                    yield Case(platform, job, phase, kind, nth)

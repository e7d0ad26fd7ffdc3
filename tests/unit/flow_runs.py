"""What the tests of the flow share: a safeguard that keeps what it is told, one run over the model, and faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from drivers.flow import Event, Flow, Outcome, State, Step
from policies.errors import StorageFailed, Unreachable
from policies.model import ObservedSwitch, SwitchChanges
from policies.plan import plan_switch
from policies.texts import t
from tests.unit.model_switch import ModelEquipment, ModelSwitch, Refused, model
from tests.unit.switch_states import CAM, CAM2, bound, expected

FULL = StorageFailed(t("the disk is full"), where="journal")
CUT = Unreachable(t("the connection was closed"), where="model")


@dataclass
class Book:
    """A safeguard that keeps what it is told; `fails` names the call that raises, and what it raises."""

    fails: dict[str, Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    closed: list[Outcome] = field(default_factory=list)

    def _do(self, name: str) -> None:
        self.calls.append(name)
        if name in self.fails:
            raise self.fails[name]

    def journal(self, before: ObservedSwitch, changes: SwitchChanges) -> None:
        """Keep the call."""
        self._do("journal")

    def arm(self) -> None:
        """Keep the call."""
        self._do("arm")

    def disarm(self) -> None:
        """Keep the call."""
        self._do("disarm")

    def close(self, outcome: Outcome) -> None:
        """Keep the outcome."""
        self._do("close")
        self.closed.append(outcome)


@dataclass
class Run:
    """One run of the flow over the model: Gi1 and Gi2 are to be sealed, VLAN 100 to be made."""

    switch: ModelSwitch = field(default_factory=lambda: model("Gi1", "Gi2", "Gi3"))
    book: Book = field(default_factory=Book)
    events: list[Event] = field(default_factory=list)
    hears: Callable[[Event], None] = lambda _: None

    def __post_init__(self) -> None:
        self.old = self.switch.running()
        self.saved = self.switch.startup
        wanted = expected(bound("Gi1", CAM), bound("Gi2", CAM2), vlans={100: "face"})
        self.changes, refusals = plan_switch(wanted, self.switch.observed())
        assert {refusal.port for refusal in refusals} <= {"Gi3"}  # nobody declares it

    def listen(self, event: Event) -> None:
        self.events.append(event)
        self.hears(event)

    def run(self, changes: SwitchChanges | None = None) -> Outcome:
        return Flow(ModelEquipment(self.switch), self.book, self.listen).run(changes or self.changes)

    def steps(self, phase: str = "begin") -> list[Step]:
        return [event.step for event in self.events if event.phase == phase]

    def restored(self, outcome: Outcome, cause: str) -> None:
        """The switch runs and starts as before, and the outcome says so and why."""
        assert self.switch.running() == self.old
        assert self.switch.startup == self.saved
        assert outcome.state is State.ROLLED_BACK
        assert outcome.error is not None
        assert cause in str(outcome.error)
        assert self.book.closed == [outcome]
        assert self.book.calls[-2:] == ["disarm", "close"]

    def unknown(self, outcome: Outcome, *words: str) -> None:
        """Nobody claims to know; the rollback stays armed."""
        assert outcome.state is State.UNKNOWN
        assert "disarm" not in self.book.calls
        assert all(word in str(outcome.error) for word in words)


def nth(number: int, then: Callable[[str], bool]) -> Callable[[str], bool]:
    """Do `then` at the nth configuration line, once."""
    count = iter(range(1, 10_000))
    return lambda line: then(line) if next(count) == number else True


def refuse(line: str) -> bool:
    raise Refused("% Invalid input detected at '^' marker.")


def cut(line: str) -> bool:
    raise CUT


def gone(number: int = 0) -> None:
    raise CUT


def broken(line: str) -> bool:
    raise RuntimeError("a mistake of ours\nin two lines")

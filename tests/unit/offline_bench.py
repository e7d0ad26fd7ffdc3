"""A terminal with an outlet that can be cut, and what the controller signs in advance, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.answers import Answers
from agent.link.broker import Order, Sent
from agent.offline.cache import FILE
from policies.errors import Unreachable
from policies.messages.topics import Kind as TopicKind
from policies.offline.tokens import OfflineSet, Permit
from policies.texts import t
from tests.unit.made_permits import WANG, made_set, signed
from tests.unit.terminal_bench import BOOT, Bench

OTHER_BOOT = "1f8fad5b-d9cb-469f-a165-70867728950e"


@dataclass
class Line:
    """The way to the controller, which is up or down."""

    connected: bool = True

    def request(self, payload: bytes) -> Callable[[], Sent]:
        if not self.connected:
            raise Unreachable(t("the connection to the controller is down"))
        return lambda: Sent.CONFIRMED


class Alone(Bench):
    """A terminal that has heard a set and loses its connection."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.line = Line()
        self.answers = Answers(self.terminal, self.line)
        self.number = 0

    def restart(self, boot: str = BOOT) -> None:
        super().restart(boot)
        self.answers = Answers(self.terminal, self.line)

    def hear(self, made: OfflineSet | Permit | bytes, *, retained: bool = False) -> None:
        payload = made if isinstance(made, bytes) else signed(made)
        self.answers.obey(Order(TopicKind.GRANT, payload, retained))

    def keep(self, *permits: Permit, **changes: Any) -> None:
        """Let a new set come, with these permits."""
        self.number += 1
        self.hear(made_set(self.now, self.number, len(permits), **changes))
        for each in permits:
            self.hear(replace(each, set=self.number))

    def cut(self) -> None:
        """Lose the connection, and be sure of it."""
        self.line.connected = False
        self.tick(0.0)
        self.tick(11.0)

    def tick(self, seconds: float = 1.0, **clocks: float) -> None:
        self.clock.pass_by(seconds, **clocks)
        self.terminal.look()
        self.answers.forget()

    def present(self, card: str = WANG) -> Mapping[str, Any]:
        return self.ask("present", card=card)

    def refused(self) -> list[str]:
        return [str(each["code"]) for each in self.told("offline.refused")]

    @property
    def now(self) -> float:
        return self.clock.now.wall

    @property
    def file(self) -> Path:
        return self.config.run / FILE

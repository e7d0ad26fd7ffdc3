"""A trial run of a configuration (commit trial): who began it, when it ends, and what it goes back to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from lab.switch.persona.model import Running


@dataclass(slots=True)
class Trial:
    """A trial run; `persist` is the name under which it outlives its session, empty when it does not."""

    before: Running
    session: int
    persist: str
    deadline: float
    timer: asyncio.TimerHandle

    def over(self) -> None:
        """Stop the clock."""
        self.timer.cancel()

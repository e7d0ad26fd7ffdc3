"""A trial run of a configuration (commit trial): who began it, when it ends, and what it goes back to."""

from __future__ import annotations

from dataclasses import dataclass

from lab.switch.persona.model import Running


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial run; `persist` is the name under which it outlives its session, empty when it does not."""

    before: Running
    session: int
    persist: str
    deadline: float

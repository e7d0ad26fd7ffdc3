"""What a handler of an exec command is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lab.switch.persona.cisco.switch import CiscoSwitch
from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.model import Interface


class Terminal(Protocol):
    """What an exec command may do to the session it was typed in."""

    user: str
    privileged: bool
    length: int
    monitoring: bool
    commands: list[str]

    async def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Print `prompt` and read a line."""
        ...

    async def confirm(self, prompt: str) -> bool:
        """Print `prompt` and read one key; Enter and y mean yes."""
        ...

    def configure(self) -> str:
        """Enter configuration mode."""
        ...

    def leave(self) -> None:
        """End the session."""
        ...

    def restart(self) -> None:
        """Reboot the switch, which ends every session."""
        ...

    def schedule(self, seconds: float, reason: str) -> str:
        """Reboot the switch later; give the moment."""
        ...

    def unschedule(self) -> bool:
        """Forget a scheduled reboot; tell whether there was one."""
        ...

    def scheduled(self) -> str:
        """Describe a scheduled reboot; empty without one."""
        ...


@dataclass(slots=True)
class ExecCall:
    """One exec command."""

    switch: CiscoSwitch
    terminal: Terminal
    faults: Faults
    match: Match
    line: str

    def interface(self, name: str) -> Interface | None:
        """Find the interface that was named, None when none was; raises SyntaxProblem when there is no such."""
        given = self.match.values.get(name)
        if given is None:
            return None
        entry = self.switch.running.interfaces.get(str(given))
        if entry is None:
            raise SyntaxProblem("invalid", len(self.line.rstrip()) - 1)
        return entry

    def number(self, name: str = "n", default: int = 0) -> int:
        """Give a value that the grammar made a number."""
        value = self.match.values.get(name, default)
        assert isinstance(value, int)
        return value


ExecHandler = Callable[[ExecCall], "str | Awaitable[str]"]

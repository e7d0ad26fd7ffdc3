"""What a handler of a command is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.h3c.switch import H3cSwitch
from lab.switch.persona.model import Interface, Rejected


class Terminal(Protocol):
    """What a command may do to the session it was typed in."""

    user: str
    length: int
    monitoring: bool
    commands: list[str]
    faults: Faults

    async def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Print `prompt` and read a line."""
        ...

    def show(self, text: str) -> None:
        """Print at once, before the command has ended."""
        ...

    def leave(self) -> None:
        """End the session."""
        ...

    def restart(self) -> None:
        """Reboot the switch, which ends every session."""
        ...


class View:
    """Where a session is: a view and what it is about. `mode` is user, system, interface, range, vlan or section."""

    def __init__(self, mode: str = "user") -> None:
        self.mode = mode
        self.entries: list[Interface] = []
        self.vlans: frozenset[int] = frozenset()
        self.section = ""

    @property
    def prompt(self) -> str:
        """Give what stands in the prompt behind the name of the switch."""
        if self.mode == "interface":
            return f"-{self.entries[0].name}"
        if self.mode == "range":
            return "-if-range"
        if self.mode == "vlan":
            return f"-vlan{min(self.vlans)}"
        if self.mode == "section":
            word, _, rest = self.section.partition(" ")
            if word == "line":
                return f"-line-{rest.replace(' ', '', 1).replace(' ', '-')}"
            head = {"local-user": "luser", "user-group": "ugroup", "domain": "isp"}.get(word, word)
            return f"-{head}-{rest.replace(' ', '-')}"
        return ""

    def go(self, mode: str) -> None:
        """Change to the user view or the system view."""
        self.mode = mode


@dataclass(slots=True)
class Call:
    """One command: what was recognised, what was typed, where; `terminal` None while the switch boots."""

    switch: H3cSwitch
    view: View
    match: Match
    line: str
    terminal: Terminal | None = None

    @property
    def no(self) -> bool:
        """Tell whether this is the `undo` form."""
        return self.match.no

    @property
    def session(self) -> Terminal:
        """Give the session; commands of a configuration file do not ask for it."""
        assert self.terminal is not None
        return self.terminal

    def number(self, name: str = "n", default: int = 0) -> int:
        """Give a value that the grammar made a number."""
        value = self.match.values.get(name, default)
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """Give a value that is text, empty when it was not given."""
        return str(self.match.values.get(name, ""))

    def vlans(self) -> frozenset[int]:
        """Give the VLANs that were named: a list, a range, or one."""
        values = self.match.values
        listed = values.get("vlans")
        if isinstance(listed, frozenset):
            return frozenset(number for number in listed if isinstance(number, int))
        if "low" in values:
            return frozenset(range(self.number("low"), self.number("high") + 1))
        return frozenset({self.number("vlan")})

    def interface(self, name: str = "if") -> Interface | None:
        """Find the interface that was named, None when none was; raises SyntaxProblem when there is no such."""
        given = self.match.values.get(name)
        if given is None:
            return None
        entry = self.switch.running.interfaces.get(str(given))
        if entry is None:
            at = len(self.line.rstrip()) - 1
            raise SyntaxProblem("invalid", at, at, "value")
        return entry

    def port(self) -> Interface:
        """Find the port that was named; raises SyntaxProblem, or Rejected for what is no port."""
        entry = self.interface()
        if entry is None or not entry.physical:
            raise Rejected("Error: The operation is not supported on the interface.")
        return entry

    def kept(self) -> str:
        """Give the line with its keywords in full and without `undo`, as a configuration shows it."""
        words = [word for word in self.match.words if word != "undo"]
        rest = self.text("rest").strip()
        return " ".join([*words, rest] if rest else words)


#: What a command prints, now or after it asked something.
Handler = Callable[[Call], "str | Awaitable[str] | None"]

"""What a handler of a command is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.model import Interface, Rejected
from lab.switch.persona.ruijie.switch import RuijieSwitch


class Terminal(Protocol):
    """What a command may do to the session it was typed in."""

    user: str
    privileged: bool
    length: int
    monitoring: bool
    commands: list[str]
    faults: Faults

    async def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Print `prompt` and read a line."""
        ...

    def leave(self) -> None:
        """End the session."""
        ...

    def restart(self) -> None:
        """Reboot the switch, which ends every session."""
        ...


class Mode:
    """Where a session is, and what it is about. `word` is exec, config, interface, range, vlan or section."""

    def __init__(self, word: str = "exec") -> None:
        self.word = word
        self.entries: list[Interface] = []
        self.vlans: frozenset[int] = frozenset()
        self.section = ""

    @property
    def prompt(self) -> str:
        """Give what stands in brackets in the prompt; empty outside of configuration."""
        if self.word == "interface":
            return f"config-if-{self.entries[0].name}"
        section = f"config-{self.section.split()[0]}" if self.section else ""
        return {"config": "config", "range": "config-if-range", "vlan": "config-vlan", "section": section}.get(
            self.word, ""
        )

    def go(self, word: str) -> None:
        """Change to exec or to global configuration."""
        self.word = word


@dataclass(slots=True)
class Call:
    """One command: what was recognised, what was typed, where; `terminal` None while the switch boots."""

    switch: RuijieSwitch
    mode: Mode
    match: Match
    line: str
    terminal: Terminal | None = None

    @property
    def no(self) -> bool:
        """Tell whether this is the `no` form."""
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
        """Give the VLANs that were named: a list, or one."""
        listed = self.match.values.get("vlans")
        if isinstance(listed, frozenset):
            return frozenset(number for number in listed if isinstance(number, int))
        return frozenset({self.number("vlan")})

    def interface(self, name: str = "if") -> Interface | None:
        """Find the interface that was named, None when none was; raises SyntaxProblem when there is no such."""
        given = self.match.values.get(name)
        if given is None:
            return None
        entry = self.switch.running.interfaces.get(str(given))
        if entry is None:
            raise SyntaxProblem("invalid", len(self.line.rstrip()) - 1)
        return entry

    def port(self) -> Interface:
        """Find the port that was named; raises SyntaxProblem, or Rejected for what is no port."""
        entry = self.interface()
        if entry is None or not entry.physical:
            raise Rejected("% The interface is not a switch port.")
        return entry

    def kept(self) -> str:
        """Give the line with its keywords in full and without `no`, as a configuration shows it."""
        words = [word for word in self.match.words if word != "no"]
        rest = self.text("rest").strip()
        return " ".join([*words, rest] if rest else words)


#: What a command prints, now or after it asked something.
Handler = Callable[[Call], "str | Awaitable[str] | None"]

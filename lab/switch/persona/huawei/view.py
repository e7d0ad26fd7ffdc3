"""Where a session is in the configuration, and what a configuration command is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.huawei import names
from lab.switch.persona.huawei.edition import Edition
from lab.switch.persona.huawei.language import grammar
from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.model import Interface, Rejected, Security


class View:
    """Where one session (or the boot loader) is in the configuration of `switch`."""

    def __init__(self, switch: HuaweiSwitch, commands: Mapping[str, Handler]) -> None:
        self.switch = switch
        self.commands = commands
        self.name = "system"
        self.subject = ""

    @property
    def edition(self) -> Edition:
        """Give the software."""
        return self.switch.edition

    @property
    def suffix(self) -> str:
        """Give what the prompt says behind the name."""
        if self.name == "system":
            return ""
        if self.name == "vlan":
            return f"-vlan{self.subject}"
        if self.name == "section":
            words = self.subject.split()
            return "-aaa" if words[0] == "aaa" else f"-ui-{words[1]}{'-'.join(words[2:])}"
        return f"-{self.subject}"

    @property
    def entry(self) -> Interface:
        """Give the interface of an interface view; Rejected when another session removed it."""
        entry = self.switch.running.interfaces.get(self.subject)
        if entry is None:
            raise Rejected("Error: The interface does not exist.")
        return entry

    def go(self, name: str, subject: str = "") -> None:
        """Enter a view."""
        self.name, self.subject = name, subject

    def interface(self, name: str, line: str) -> Interface:
        """Find an interface, making a VLAN's when the VLAN is there; raises Rejected or SyntaxProblem."""
        running = self.switch.running
        entry = running.interfaces.get(name)
        if entry is None and name.startswith("Vlanif"):
            if names.split(name)[1][0] not in running.vlans:
                raise Rejected("Error: The VLAN does not exist.")
            entry = running.interfaces[name] = Interface(name, security=Security(violation="restrict"))
        if entry is None:
            raise SyntaxProblem("invalid", len(line.rstrip()), expected="value")
        return entry

    def run(self, match: Match, line: str) -> str:
        """Do a recognised command; give what the switch prints."""
        try:
            printed = self.commands[match.handler](Call(self, match, line)) or ""
        except Rejected as refusal:
            printed = str(refusal)
        self.switch.touch()
        return printed

    def take(self, line: str) -> str:
        """Recognise and do one configuration line; raises SyntaxProblem."""
        try:
            match = grammar(self.edition.number, self.name).match(line)
        except SyntaxProblem:
            if self.name == "section":
                return self.keep_section(line)
            raise
        if match.handler not in self.commands:
            raise SyntaxProblem("invalid")
        return self.run(match, line)

    def keep_section(self, line: str) -> str:
        """Keep a line of a section that has no effect here."""
        lines, text = self.switch.running.lines.setdefault(self.subject, []), line.strip()
        if text.startswith("undo "):
            lines[:] = [kept for kept in lines if not kept.startswith(text[5:])]
        elif text not in lines:
            lines.append(text)
        return ""


@dataclass(slots=True)
class Call:
    """One configuration command: what was recognised, what was typed, and where."""

    view: View
    match: Match
    line: str

    @property
    def switch(self) -> HuaweiSwitch:
        """Give the switch."""
        return self.view.switch

    @property
    def on(self) -> bool:
        """Tell whether this is the form without `undo`."""
        return not self.match.no

    def text(self, name: str) -> str:
        """Give a value as text, empty when it was not given."""
        return str(self.match.values.get(name, ""))

    def number(self, name: str) -> int:
        """Give a value that the grammar made a number, 0 when it was not given."""
        value = self.match.values.get(name, 0)
        assert isinstance(value, int)
        return value

    def vlans(self) -> frozenset[int]:
        """Give a list of VLANs; `all` is all."""
        if "all" in self.match.words:
            return frozenset(range(1, 4095))
        value = self.match.values["vlans"]
        assert isinstance(value, frozenset)
        return value

    def kept(self) -> str:
        """Give the line with its keywords in full and without `undo`, as a configuration shows it."""
        words = [word for word in self.match.words if word != "undo"]
        rest = self.text("rest").strip()
        return " ".join([*words, rest] if rest else words)


Handler = Callable[[Call], "str | None"]


def keep_line(lines: list[str], text: str, *, on: bool) -> None:
    """Keep a line that has no effect here, or take it away; `undo` of what is not there is kept as a line itself."""
    kept = [line for line in lines if line not in {text, f"undo {text}"} and not (not on and line.startswith(text))]
    if on:
        kept.append(text)
    elif len(kept) == len(lines):
        kept.append(f"undo {text}")
    lines[:] = kept

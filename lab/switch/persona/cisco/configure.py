"""Global configuration: modes, and the commands that are not an interface's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.switch.persona.cisco import names, render
from lab.switch.persona.cisco.language import grammar
from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.model import Binding, Interface, Rejected
from lab.switch.persona.state import Switch

#: What the prompt says in each mode, and in each section.
_PROMPTS = {
    "config": "config", "interface": "config-if", "range": "config-if-range", "vlan": "config-vlan",
}  # fmt: skip
_SECTIONS = {
    "line": "config-line", "archive": "config-archive", "ip access-list extended": "config-ext-nacl",
    "ip access-list": "config-std-nacl",
}  # fmt: skip
_RESERVED = frozenset(range(1002, 1006))
#: Features that are on in a switch without configuration, so that their `no` form is a line of its own.
_DEFAULT_ON = ("service", "ip http", "ip domain-lookup", "ip domain lookup", "logging console", "cdp run", "ip routing")
#: Commands that end a section (line vty …) because they are global.
_LEAVES_SECTION = frozenset(
    {"interface", "interface_range", "vlan", "no_vlan", "section", "end", "hostname", "source_binding"}
)


@dataclass(slots=True)
class Call:
    """One configuration command: what was recognised, what was typed, and where it applies."""

    mode: ConfigMode
    match: Match
    line: str

    @property
    def switch(self) -> Switch:
        """Give the switch."""
        return self.mode.switch

    @property
    def no(self) -> bool:
        """Tell whether this is the `no` form."""
        return self.match.no

    def number(self, name: str = "n") -> int:
        """Give a value that the grammar made a number."""
        value = self.match.values[name]
        assert isinstance(value, int)
        return value

    def text(self, name: str) -> str:
        """Give a value that is text, empty when it was not given."""
        return str(self.match.values.get(name, ""))

    def vlans(self, name: str = "vlans") -> frozenset[int]:
        """Give a VLAN list."""
        value = self.match.values[name]
        assert isinstance(value, frozenset)
        return value

    def kept(self) -> str:
        """Give the line with its keywords in full and without `no`, as a configuration shows it."""
        words = [word for word in self.match.words if word != "no"]
        rest = self.text("rest").strip()
        return " ".join([*words, rest] if rest else words)


Handler = Callable[[Call], "str | None"]


class ConfigMode:
    """The configuration mode of one session, or of the boot loader."""

    def __init__(self, switch: Switch, interface_commands: dict[str, Handler]) -> None:
        self.switch = switch
        self.mode = "config"
        self.entries: list[Interface] = []
        self.vlans: frozenset[int] = frozenset()
        self.section = ""
        self.done = False
        self._interface_commands = interface_commands

    @property
    def prompt(self) -> str:
        """Give what stands in brackets in the prompt."""
        if self.mode == "section":
            return next(word for head, word in _SECTIONS.items() if self.section.startswith(head))
        return _PROMPTS[self.mode]

    def run(self, line: str) -> str:
        """Do one command; give what the switch prints. Raises SyntaxProblem."""
        try:
            match, commands = self._recognise(line)
        except SyntaxProblem:
            if self.mode == "section":
                return self._section_line(line)
            raise
        if self.mode == "section" and match.handler not in {*_LEAVES_SECTION, "leave"}:
            return self._section_line(line)
        call = Call(self, match, line)
        try:
            printed = commands[match.handler](call) or ""
        except Rejected as refusal:
            printed = str(refusal)
        self.switch.touch()
        return printed

    def _recognise(self, line: str) -> tuple[Match, dict[str, Handler]]:
        here = {"interface": "interface", "range": "interface", "vlan": "vlan"}.get(self.mode)
        problem: SyntaxProblem | None = None
        if here is not None:
            try:
                return grammar(here).match(line), self._interface_commands
            except SyntaxProblem as caught:
                problem = caught
        try:
            match = grammar("config").match(line)
        except SyntaxProblem as caught:
            if problem is not None and (problem.kind == "incomplete" or problem.at >= caught.at):
                raise problem from None
            raise
        if self.mode in {"interface", "range", "vlan"}:
            self.mode = "config"
        return match, COMMANDS

    def _section_line(self, line: str) -> str:
        text, lines = line.strip(), self.switch.running.lines[self.section]
        if text.startswith("no "):
            lines[:] = [kept for kept in lines if not kept.startswith(text[3:])]
        elif text not in lines:
            lines.append(text)
        return ""

    def interface(self, name: str, line: str) -> Interface:
        """Find an interface, making an SVI that is new; raises SyntaxProblem for a port that the switch has not."""
        entry = self.switch.running.interfaces.get(name)
        if entry is None and name.startswith("Vlan") and 1 <= names.split(name)[1][0] <= 4094:
            entry = self.switch.running.interfaces[name] = Interface(name, extra=["no ip address"])
        if entry is None:
            raise SyntaxProblem("invalid", len(line.rstrip()) - 1)
        return entry


def _end(call: Call) -> None:
    call.mode.done = True


def _leave(call: Call) -> None:
    if call.mode.mode == "config":
        call.mode.done = True
    call.mode.mode = "config"


def _hostname(call: Call) -> None:
    call.switch.running.hostname = call.text("name")


def _no_hostname(call: Call) -> None:
    call.switch.running.hostname = "Switch"


def create_vlans(switch: Switch, numbers: frozenset[int]) -> None:
    """Add VLANs to the database."""
    new = [number for number in numbers if number not in switch.running.vlans and number not in _RESERVED]
    for number in new:
        switch.running.vlans[number] = render.default_vlan_name(number)
    if new:
        switch.program_all()


def delete_vlans(switch: Switch, numbers: frozenset[int]) -> None:
    """Take VLANs out of the database; their access ports become inactive. Raises Rejected for VLAN 1."""
    if 1 in numbers:
        raise Rejected("%Default VLAN 1 may not be deleted.")
    if numbers & _RESERVED:
        raise Rejected(f"%Default VLAN {min(numbers & _RESERVED)} may not be deleted.")
    for number in numbers:
        switch.running.vlans.pop(number, None)
    switch.program_all()


def _vlan(call: Call) -> None:
    create_vlans(call.switch, call.vlans())
    call.mode.mode, call.mode.vlans = "vlan", call.vlans()


def _no_vlan(call: Call) -> None:
    delete_vlans(call.switch, call.vlans())


def _interface(call: Call) -> None:
    call.mode.entries = [call.mode.interface(call.text("if"), call.line)]
    call.mode.mode = "interface"


def _interface_range(call: Call) -> None:
    wanted = call.match.values["range"]
    assert isinstance(wanted, list)
    call.mode.entries = [call.mode.interface(name, call.line) for name in wanted]
    call.mode.mode = "range"


def _no_interface(call: Call) -> None:
    name = call.text("if")
    if not name.startswith("Vlan"):
        raise Rejected("% Removal of physical interfaces is not permitted")
    if name != "Vlan1":
        call.switch.running.interfaces.pop(name, None)


def _source_binding(call: Call) -> None:
    entry = call.mode.interface(call.text("if"), call.line)
    wanted = Binding(call.text("mac"), call.number("vlan"), call.text("ip"), entry.name)
    bindings = call.switch.running.bindings
    same = [b for b in bindings if (b.mac, b.vlan) == (wanted.mac, wanted.vlan) or b == wanted]
    if call.no:
        call.switch.running.bindings = [b for b in bindings if b != wanted]
    else:  # one entry per address and VLAN: a new one replaces the old one
        call.switch.running.bindings = [*(b for b in bindings if b not in same), wanted]
    for name in {entry.name, *(b.interface for b in same)}:
        call.switch.program(call.switch.running.interfaces[name])


def _snooping(call: Call) -> None:
    call.switch.running.snooping = not call.no
    call.switch.program_all()


def _snooping_vlan(call: Call) -> None:
    held = call.switch.running.snooping_vlans
    held.difference_update(call.vlans()) if call.no else held.update(call.vlans())
    call.switch.program_all()


_CAUSES = frozenset(
    {
        "all", "arp-inspection", "bpduguard", "channel-misconfig", "dhcp-rate-limit", "dtp-flap", "gbic-invalid",
        "inline-power", "link-flap", "loopback", "mac-limit", "pagp-flap", "port-mode-failure", "pppoe-ia-rate-limit",
        "psecure-violation", "psp", "security-violation", "sfp-config-mismatch", "small-frame", "storm-control", "udld",
        "vmps",
    }
)  # fmt: skip


def _recovery_cause(call: Call) -> None:
    fits = [cause for cause in _CAUSES if cause.startswith(call.text("cause").lower())]
    if len(fits) != 1:
        at = call.line.rstrip().rfind(" ") + 1
        raise SyntaxProblem("ambiguous" if fits else "invalid", at)
    held = call.switch.running.recovery_causes
    chosen = _CAUSES - {"all"} if fits == ["all"] else set(fits)
    held.difference_update(chosen) if call.no else held.update(chosen)


def _recovery_interval(call: Call) -> None:
    call.switch.running.recovery_interval = call.number()


def _no_recovery(call: Call) -> None:
    call.switch.running.recovery_interval = 300


def _lldp(call: Call) -> None:
    call.switch.running.lldp = not call.no


def _vtp_mode(call: Call) -> str:
    if "transparent" in call.match.words:
        return "Device mode already VTP Transparent for VLANS."
    return "% VTP mode of this switch is fixed to transparent"


def _section(call: Call) -> None:
    words = call.match.words
    rest = call.text("rest") or call.text("range")
    head = " ".join([*("con" if word == "console" else word for word in words), rest] if rest else words)
    call.switch.running.lines.setdefault(head, [])
    call.mode.mode, call.mode.section = "section", head


def keep_line(lines: list[str], text: str, no: bool, default_on: tuple[str, ...]) -> None:
    """Keep a line that has no effect here, or take it away; `no` of what is on by default is a line itself."""
    negative = f"no {text}"
    if not no:
        if negative in lines:
            lines.remove(negative)
        elif text not in lines:
            lines.append(text)
        return
    kept = [line for line in lines if line != text and not line.startswith(text + " ")]
    if len(kept) == len(lines) and text.startswith(default_on) and negative not in lines:
        kept.append(negative)
    lines[:] = kept


def _keep(call: Call) -> None:
    keep_line(call.switch.running.extra, call.kept(), call.no, _DEFAULT_ON)


COMMANDS: dict[str, Handler] = {
    "end": _end,
    "leave": _leave,
    "hostname": _hostname,
    "no_hostname": _no_hostname,
    "vlan": _vlan,
    "no_vlan": _no_vlan,
    "interface": _interface,
    "interface_range": _interface_range,
    "no_interface": _no_interface,
    "source_binding": _source_binding,
    "snooping": _snooping,
    "snooping_vlan": _snooping_vlan,
    "recovery_cause": _recovery_cause,
    "recovery_interval": _recovery_interval,
    "no_recovery": _no_recovery,
    "lldp": _lldp,
    "vtp_mode": _vtp_mode,
    "section": _section,
    "keep": _keep,
}

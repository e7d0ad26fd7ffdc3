"""The modes of RGOS: which commands each has, and the configuration file as a boot loader reads it."""

from __future__ import annotations

import re
from inspect import isawaitable

from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.model import Rejected
from lab.switch.persona.ruijie import configure, configure_port, operate, show_ports, show_security, show_system
from lab.switch.persona.ruijie.call import Call, Handler, Mode, Terminal
from lab.switch.persona.ruijie.language import grammar
from lab.switch.persona.ruijie.switch import RuijieSwitch

#: Which grammars are tried in each mode, its own first: exec commands are understood in every one (RGOS 11).
GRAMMARS = {
    "exec": ("exec",),
    "config": ("config", "exec"),
    "interface": ("interface", "config", "exec"),
    "range": ("interface", "config", "exec"),
    "vlan": ("vlan", "config", "exec"),
    "section": ("config", "exec"),
}
COMMANDS: dict[str, Handler] = {
    **configure.COMMANDS,
    **configure_port.COMMANDS,
    **operate.COMMANDS,
    **show_ports.COMMANDS,
    **show_security.COMMANDS,
    **show_system.COMMANDS,
}
_LEAVES_SECTION = frozenset({"interface", "vlan", "exit", "end", "hostname", "show", "write", "line"})


def recognise(mode: Mode, line: str) -> Match:
    """Find the command in the grammars of the mode; raises the SyntaxProblem of the one that came farthest."""
    worst: SyntaxProblem | None = None
    for name in GRAMMARS[mode.word]:
        try:
            match = grammar(name).match(line)
        except SyntaxProblem as problem:
            if worst is None or _far(problem, line) > _far(worst, line):
                worst = problem
            continue
        if name == "config" and match.handler not in {"exit", "end"}:
            mode.go("config")
        return match
    assert worst is not None
    raise worst


def _far(problem: SyntaxProblem, line: str) -> int:
    return len(line) + 1 if problem.kind == "incomplete" else problem.at


async def run(switch: RuijieSwitch, mode: Mode, line: str, terminal: Terminal) -> str:
    """Do one command and give what it prints; raises SyntaxProblem."""
    if mode.word == "section" and _section_line(switch, mode, line):
        return ""
    match = recognise(mode, line)
    if mode.word == "exec" and not match.user and not terminal.privileged:
        tokens = [found.start() for found in re.finditer(r"\S+", line)]
        raise SyntaxProblem("invalid", tokens[min(1, len(tokens) - 1)])
    try:
        given = COMMANDS[match.handler](Call(switch, mode, match, line, terminal))
        printed = await given if isawaitable(given) else given
    except Rejected as refusal:
        printed = str(refusal)
    if mode.word != "exec":
        switch.touch()
    return printed or ""


def _section_line(switch: RuijieSwitch, mode: Mode, line: str) -> bool:
    """Keep a line of a section that is kept as it was typed; tell whether this was one."""
    text = line.strip()
    if text.split()[0] in _LEAVES_SECTION:
        return False
    lines = switch.running.lines[mode.section]
    if text.startswith("no "):
        lines[:] = [kept for kept in lines if not kept.startswith(text[3:])]
    elif text not in lines:
        lines.append(text)
    return True


def apply_text(switch: RuijieSwitch, text: str) -> None:
    """Apply a configuration text: lines that it does not know are passed over."""
    mode = Mode("config")
    for line in text.splitlines():
        words = line.strip()
        if words in {"", "end"}:
            continue
        if not line.startswith(" "):
            mode.go("config")
        if words.startswith("!"):
            continue
        if mode.word == "section" and _section_line(switch, mode, words):
            continue
        try:
            match = recognise(mode, words)
            COMMANDS[match.handler](Call(switch, mode, match, words))
        except SyntaxProblem:
            switch.log(f"%SYS-4-CONFIG_LOAD: line passed over at boot: {words.split()[0]}")
        except Rejected as refusal:
            switch.log(f"%SYS-4-CONFIG_LOAD: {words}: {refusal}")

"""The views of Comware: which commands each has, and the configuration file as a boot loader reads it."""

from __future__ import annotations

from inspect import isawaitable

from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.h3c import configure, configure_port, operate, show_ports, show_security, show_system
from lab.switch.persona.h3c.call import Call, Handler, Terminal, View
from lab.switch.persona.h3c.language import grammar
from lab.switch.persona.h3c.switch import H3cSwitch
from lab.switch.persona.model import Rejected

#: Which grammars are tried in each view, the view's own first.
GRAMMARS = {
    "user": ("user", "any"),
    "system": ("system", "any"),
    "interface": ("interface", "system", "any"),
    "range": ("interface", "system", "any"),
    "vlan": ("vlan", "system", "any"),
    "section": ("system", "any"),
}
COMMANDS: dict[str, Handler] = {
    **configure.COMMANDS,
    **configure_port.COMMANDS,
    **operate.COMMANDS,
    **show_ports.COMMANDS,
    **show_security.COMMANDS,
    **show_system.COMMANDS,
}


def recognise(view: View, line: str) -> Match:
    """Find the command in the grammars of the view; raises the SyntaxProblem of the one that came farthest."""
    worst: SyntaxProblem | None = None
    for name in GRAMMARS[view.mode]:
        try:
            match = grammar(name).match(line)
        except SyntaxProblem as problem:
            if worst is None or _far(problem, line) > _far(worst, line):
                worst = problem
            continue
        if name == "system" and match.handler != "quit":
            view.go("system")
        return match
    assert worst is not None
    raise worst


def _far(problem: SyntaxProblem, line: str) -> int:
    return len(line) + 1 if problem.kind == "incomplete" else problem.at


async def run(switch: H3cSwitch, view: View, line: str, terminal: Terminal) -> str:
    """Do one command and give what it prints; raises SyntaxProblem."""
    if view.mode == "section" and _section_line(switch, view, line):
        return ""
    call = Call(switch, view, recognise(view, line), line, terminal)
    try:
        given = COMMANDS[call.match.handler](call)
        printed = await given if isawaitable(given) else given
    except Rejected as refusal:
        printed = str(refusal)
    if view.mode != "user":
        switch.touch()
    return printed or ""


def _section_line(switch: H3cSwitch, view: View, line: str) -> bool:
    """Keep a line of a section that is kept as it was typed; tell whether this was one."""
    text = line.strip()
    if text.split()[0] in {"quit", "return", "display", "save", "interface", "vlan", "sysname"}:
        return False
    lines = switch.running.lines[view.section]
    if text.startswith("undo "):
        lines[:] = [kept for kept in lines if not kept.startswith(text[5:])]
    elif text not in lines:
        lines.append(text)
    return True


def apply_text(switch: H3cSwitch, text: str) -> None:
    """Apply a configuration text: lines that it does not know are passed over."""
    view = View("system")
    for line in text.splitlines():
        words = line.strip()
        if words in {"", "return"}:
            continue
        if words == "#" or not line.startswith(" "):
            view.go("system")
        if words == "#":
            continue
        try:
            _apply(switch, view, words)
        except SyntaxProblem:
            switch.log(f"CFGMAN/4/CFGMAN_OPTCOMPLETION: line passed over at boot: {words.split()[0]}")


def _apply(switch: H3cSwitch, view: View, words: str) -> None:
    if view.mode == "section" and _section_line(switch, view, words):
        return
    call = Call(switch, view, recognise(view, words), words)
    try:
        COMMANDS[call.match.handler](call)
    except Rejected as refusal:
        switch.log(f"CFGMAN/4/CFGMAN_OPTCOMPLETION: {words}: {refusal}")

"""Views with all their commands, for sessions and for the boot loader."""

from __future__ import annotations

from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.huawei import configure, configure_port, render
from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.huawei.view import Handler, View
from lab.switch.persona.model import SecureMac

COMMANDS: dict[str, Handler] = {**configure.COMMANDS, **configure_port.COMMANDS}


def config_view(switch: HuaweiSwitch) -> View:
    """Enter the system view."""
    return View(switch, COMMANDS)


def apply_text(switch: HuaweiSwitch, text: str) -> None:
    """Apply a configuration text as the boot loader does: lines that it does not know are passed over."""
    view = config_view(switch)
    for line in text.splitlines():
        words = line.strip()
        if words.startswith(render.TABLE):
            _restore_sticky(switch, words.split())
        elif words and not words.startswith(("!", "#")) and words != "return":
            if not line.startswith(" "):
                view.go("system")
            try:
                view.take(words)
            except SyntaxProblem:
                switch.log(f"CFM/4/CFG_LINE(l):A line was passed over at start. (Line={words.split()[0]})")


def _restore_sticky(switch: HuaweiSwitch, fields: list[str]) -> None:
    """Take an address from the table file: name, MAC, VLAN, and `configured` for one that was typed."""
    entry = switch.running.interfaces.get(fields[1])
    if entry is not None and entry.security.sticky:
        scope = fields[4] if len(fields) > 4 else ""
        entry.security.macs[fields[2]] = SecureMac(fields[2], "sticky", int(fields[3]), scope, switch.now())

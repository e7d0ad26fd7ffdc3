"""Commands that operate the switch: enable, configure, write, reload, clear, the terminal."""

from __future__ import annotations

import re

from lab.switch.persona import security
from lab.switch.persona.model import Rejected
from lab.switch.persona.ruijie.call import Call, Handler

_ENTER = "Enter configuration commands, one per line.  End with CNTL/Z."
_STARTUP = "config.text"


async def enable(call: Call) -> str:
    """Enter privileged exec with the enable password; three wrong ones end the attempt."""
    expected = call.switch.config.credentials.enable
    if call.session.privileged or not expected:
        call.session.privileged = True
        return ""
    for _ in range(3):
        given = await call.session.ask("\nPassword:", secret=True)
        if given == expected and call.session.faults.take("wrong-password", "enable") is None:
            call.session.privileged = True
            return ""
    return "% Access denied"


def disable(call: Call) -> None:
    """Go back to user exec."""
    call.session.privileged = False


def logout(call: Call) -> None:
    """End the session."""
    call.session.leave()


def configure(call: Call) -> str:
    """Enter configuration mode."""
    call.mode.go("config")
    return _ENTER


def write(call: Call) -> str:
    """Save the running configuration."""
    faults = call.session.faults
    if faults.take("busy-nvram") is not None:
        return "Building configuration...\n% Failed to write the configuration file."
    if faults.take("lost-save") is None:
        call.switch.save(call.session.user)
    return "Building configuration...\n[OK]"


async def _yes(call: Call, question: str) -> bool:
    return (await call.session.ask(question)).strip().lower() in {"y", "yes"}


async def reload(call: Call) -> str:
    """Reboot after a question."""
    if await _yes(call, "Reload system?(Y/N)"):
        call.session.restart()
    return ""


async def delete(call: Call) -> str:
    """Delete the startup configuration after a question."""
    found = re.fullmatch(r"(?:flash:/?)?([\w.-]+)", call.text("file"))
    if found is None or found[1] != _STARTUP or not call.switch.startup:
        raise Rejected(f"% Delete failed: no such file {call.text('file')}")
    if not await _yes(call, f"Do you want to delete [flash:/{_STARTUP}]? [Y/N]:"):
        return ""
    call.switch.erase_startup()
    return "Delete success."


def clear_security(call: Call) -> None:
    """Clear secure addresses: of a kind, of a port, or one."""
    word = call.match.words[2]
    kinds = {"configured", "dynamic", "sticky"} if word == "all" else {word}
    entry, mac = call.interface(), call.match.values.get("mac")
    name = None if entry is None else entry.name
    security.clear(call.switch, frozenset(kinds), name, None if mac is None else str(mac))


def clear_mac_table(call: Call) -> None:
    """Forget learned addresses of one port or of all."""
    entry = call.interface()
    for each in call.switch.running.physical() if entry is None else [entry]:
        if each.port:
            call.switch.dataplane.set_admission(each.port, call.switch.admission(each))
    call.switch.touch()


def terminal_length(call: Call) -> None:
    """Set the page length; 0 does not page, `no` gives back 24."""
    call.session.length = call.number("n", 24)


def terminal_monitor(call: Call) -> None:
    """Print log lines in this session, or stop it."""
    call.session.monitoring = "no" not in call.match.words


def accept(call: Call) -> None:
    """Take a command that has no effect here."""
    del call


COMMANDS: dict[str, Handler] = {
    "enable": enable,
    "disable": disable,
    "logout": logout,
    "configure": configure,
    "write": write,
    "reload": reload,
    "delete": delete,
    "clear_security": clear_security,
    "clear_mac_table": clear_mac_table,
    "terminal_length": terminal_length,
    "terminal_monitor": terminal_monitor,
    "accept": accept,
}

"""Exec commands that do something, and the small show commands."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from lab.switch.persona import security
from lab.switch.persona.cisco import names, show_ports, show_security
from lab.switch.persona.cisco.call import ExecCall, ExecHandler
from lab.switch.persona.cisco.configure_port import apply_text
from lab.switch.persona.cisco.language import text
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.state import Switch

_ARP = "Protocol  Address          Age (min)  Hardware Addr   Type   Interface"
_BUSY = "startup-config file open failed (Device or resource busy)"


async def enable(call: ExecCall) -> str:
    """Enter privileged exec with the enable password; three wrong ones end the attempt."""
    expected = call.switch.config.credentials.enable
    if call.terminal.privileged or not expected:
        call.terminal.privileged = True
        return ""
    for _ in range(3):
        given = await call.terminal.ask("Password: ", secret=True)
        if given == expected and call.faults.take("wrong-password", "enable") is None:
            call.terminal.privileged = True
            return ""
    return "% Bad secrets\n"


def disable(call: ExecCall) -> str:
    """Go back to user exec."""
    call.terminal.privileged = False
    return ""


def logout(call: ExecCall) -> str:
    """End the session."""
    call.terminal.leave()
    return ""


def terminal_length(call: ExecCall) -> str:
    """Set the page length; 0 does not page, `no` gives back 24."""
    call.terminal.length = call.number("n", 24)
    return ""


def terminal_width(call: ExecCall) -> str:
    """Take a width; output here is never wrapped."""
    del call
    return ""


def terminal_monitor(call: ExecCall) -> str:
    """Print log lines in this session, or stop it."""
    call.terminal.monitoring = "no" not in call.match.words
    return ""


def accept(call: ExecCall) -> str:
    """Take a command that has no effect here."""
    del call
    return ""


def uptime(switch: Switch) -> str:
    """Write the time since boot as `show version` does."""
    minutes = int(switch.now() - switch.booted) // 60
    parts: list[str] = []
    for word, size in (("week", 10080), ("day", 1440), ("hour", 60), ("minute", 1)):
        count, minutes = divmod(minutes, size)
        if count or (word == "minute" and not parts):
            parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return ", ".join(parts)


def show_version(call: ExecCall) -> str:
    """Show what the switch is."""
    running, mac = call.switch.running, call.switch.bridge_mac()
    return text("version.txt").format(
        hostname=running.hostname,
        uptime=uptime(call.switch),
        reason="Reload Command" if call.switch.version > 1 else "power-on",
        ports=48 if len(running.physical()) > 28 else 24,
        serial=f"FOC{mac.hex().upper()[-8:]}",
        mac=mac.hex(":").upper(),
    )


def show_clock(call: ExecCall) -> str:
    """Show the time."""
    del call
    now = datetime.now(UTC)
    return f"*{now:%H:%M:%S}.{now.microsecond // 1000:03} UTC {now:%a %b} {now.day} {now.year}"


def show_users(call: ExecCall) -> str:
    """Show who is logged in (only oneself)."""
    return (
        "    Line       User       Host(s)              Idle       Location\n"
        f"*  1 vty 0     {call.terminal.user:<10} idle                 00:00:00"
    )


def show_privilege(call: ExecCall) -> str:
    """Show the privilege level."""
    return f"Current privilege level is {15 if call.terminal.privileged else 1}"


def show_history(call: ExecCall) -> str:
    """Show the last commands."""
    return "\n".join(f"  {line}" for line in call.terminal.commands[-20:])


def show_logging(call: ExecCall) -> str:
    """Show the log buffer."""
    lines = call.switch.log_lines
    head = "Syslog logging: enabled\n    Console logging: disabled\n"
    head += f"    Buffer logging:  level debugging, {len(lines)} messages"
    return "\n".join([head, "", "Log Buffer (4096 bytes):", "", *lines])


def show_reload(call: ExecCall) -> str:
    """Show whether a reload is scheduled."""
    return call.terminal.scheduled() or "No reload is scheduled."


def show_snmp_user(call: ExecCall) -> str:
    """Show the SNMPv3 user."""
    user = call.switch.config.snmp.v3_user
    if not user:
        return ""
    return (
        f"\nUser name: {user}\nEngine ID: 8000000903{call.switch.bridge_mac().hex().upper()}\n"
        "storage-type: nonvolatile\t active\nAuthentication Protocol: SHA\n"
        "Privacy Protocol: AES128\nGroup-name: portseal"
    )


def show_arp(call: ExecCall) -> str:
    """Show the ARP table: the switch's own address, and what its network namespace knows."""
    own = names.dotted(call.switch.mac_of(call.switch.running.interfaces["Vlan1"]))
    rows = [(call.switch.config.listen, "-", own)]
    if call.switch.config.bridge is not None:
        for line in Path("/proc/net/arp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and re.fullmatch(r"(?!00:00:00:00:00:00)[0-9a-f:]{17}", fields[3]):
                rows.append((fields[0], "0", names.dotted(fields[3])))
    shown = [f"Internet  {ip:<15} {age:>9}   {mac}  ARPA   Vlan1" for ip, age, mac in rows]
    return "\n".join([_ARP, *shown])


def configure(call: ExecCall) -> str:
    """Enter configuration mode."""
    return call.terminal.configure()


def _save(call: ExecCall) -> str:
    if call.faults.take("busy-nvram") is not None:
        return _BUSY
    if call.faults.take("lost-save") is None:
        call.switch.save(call.terminal.user)
    return "Building configuration...\n[OK]"


def write_memory(call: ExecCall) -> str:
    """Save the running configuration."""
    return _save(call)


async def copy_running(call: ExecCall) -> str:
    """Save the running configuration after asking for the file name."""
    name = await call.terminal.ask("Destination filename [startup-config]? ")
    if name not in {"", "startup-config"}:
        return f"%Error opening nvram:/{name} (Permission denied)"
    return _save(call)


async def copy_startup(call: ExecCall) -> str:
    """Merge the startup configuration into the running one."""
    await call.terminal.ask("Destination filename [running-config]? ")
    startup = call.switch.startup or ""
    apply_text(call.switch, startup)
    return f"{len(startup)} bytes copied in 0.310 secs"


async def write_erase(call: ExecCall) -> str:
    """Erase the startup configuration after a confirmation."""
    question = "Erasing the nvram filesystem will remove all configuration files! Continue? [confirm]"
    if not await call.terminal.confirm(question):
        return ""
    call.switch.erase_startup()
    return "[OK]\nErase of nvram: complete"


async def reload(call: ExecCall) -> str:
    """Reboot after asking whether to save and whether to go on."""
    if not await _ready(call):
        return ""
    call.terminal.restart()
    return ""


async def _ready(call: ExecCall) -> bool:
    if call.switch.unsaved():
        answer = ""
        while answer not in {"y", "yes", "n", "no"}:
            answer = (
                (await call.terminal.ask("System configuration has been modified. Save? [yes/no]: ")).strip().lower()
            )
        if answer.startswith("y"):
            call.switch.save(call.terminal.user)
    return await call.terminal.confirm("Proceed with reload? [confirm]")


async def reload_in(call: ExecCall) -> str:
    """Schedule a reboot in minutes (MM or HH:MM)."""
    found = re.fullmatch(r"(?:(\d{1,3}):)?(\d{1,3})", str(call.match.values["delay"]))
    if found is None:
        raise SyntaxProblem("invalid", call.line.rstrip().rfind(" ") + 1)
    minutes = int(found.group(1) or 0) * 60 + int(found.group(2))
    if not await _ready(call):
        return ""
    moment = call.terminal.schedule(minutes * 60.0, str(call.match.values.get("reason", "")))
    return f"Reload scheduled for {moment} (in {minutes} minutes) by {call.terminal.user} on vty0"


def reload_cancel(call: ExecCall) -> str:
    """Forget a scheduled reboot."""
    if not call.terminal.unschedule():
        return "%No reload is scheduled."
    return "\n\n***\n*** --- SHUTDOWN ABORTED ---\n***\n"


def clear_security(call: ExecCall) -> str:
    """Clear secure addresses."""
    word = call.match.words[2]
    kinds = frozenset({"configured", "dynamic", "sticky"} if word == "all" else {word})
    entry, mac = call.interface("if"), call.match.values.get("mac")
    security.clear(call.switch, kinds, None if entry is None else entry.name, None if mac is None else str(mac))
    return ""


def clear_mac_table(call: ExecCall) -> str:
    """Forget learned addresses of one port or of all."""
    entry = call.interface("if")
    for each in call.switch.running.physical() if entry is None else [entry]:
        if each.port:
            call.switch.dataplane.set_admission(each.port, call.switch.admission(each))
    call.switch.touch()
    return ""


def clear_binding(call: ExecCall) -> str:
    """Clear the (empty) DHCP snooping table."""
    del call
    return ""


COMMANDS: dict[str, ExecHandler] = {
    "enable": enable,
    "disable": disable,
    "logout": logout,
    "terminal_length": terminal_length,
    "terminal_width": terminal_width,
    "terminal_monitor": terminal_monitor,
    "accept": accept,
    "show_version": show_version,
    "show_clock": show_clock,
    "show_users": show_users,
    "show_privilege": show_privilege,
    "show_history": show_history,
    "show_logging": show_logging,
    "show_reload": show_reload,
    "show_snmp_user": show_snmp_user,
    "show_arp": show_arp,
    "configure": configure,
    "write_memory": write_memory,
    "copy_running": copy_running,
    "copy_startup": copy_startup,
    "write_erase": write_erase,
    "reload": reload,
    "reload_in": reload_in,
    "reload_cancel": reload_cancel,
    "clear_security": clear_security,
    "clear_mac_table": clear_mac_table,
    "clear_binding": clear_binding,
    **show_ports.COMMANDS,
    **show_security.COMMANDS,
}

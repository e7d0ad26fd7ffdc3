"""What a display command is given, and the small ones."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.huawei import render
from lab.switch.persona.huawei.language import text
from lab.switch.persona.huawei.names import hyphened
from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.huawei.view import View
from lab.switch.persona.model import Interface
from lab.switch.persona.session import Reboots


class Terminal(Protocol):
    """What a display command may ask of the session."""

    user: str
    view: View | None
    reboots: Reboots


@dataclass(slots=True)
class Shown:
    """One display command: of the running configuration, whatever is waiting for a commit."""

    switch: HuaweiSwitch
    terminal: Terminal
    match: Match
    line: str

    def interface(self) -> Interface | None:
        """Find the interface that was named, None when none was; raises SyntaxProblem when there is no such."""
        given = self.match.values.get("if")
        if given is None:
            return None
        entry = self.switch.running.interfaces.get(str(given))
        if entry is None:
            raise SyntaxProblem("invalid", len(self.line.rstrip()), expected="value")
        return entry

    def ports(self) -> list[Interface]:
        """List the port that was named, or all."""
        entry = self.interface()
        return self.switch.running.physical() if entry is None else [entry]

    def brief(self, entry: Interface) -> str:
        """Give the short name of an interface."""
        return self.switch.edition.kinds.brief(entry.name)


Display = Callable[[Shown], "str | Awaitable[str]"]


def uptime(switch: HuaweiSwitch) -> str:
    """Write the time since boot."""
    minutes = int(switch.now() - switch.booted) // 60
    days, minutes = divmod(minutes, 1440)
    parts = [(days // 7, "week"), (days % 7, "day"), (minutes // 60, "hour"), (minutes % 60, "minute")]
    if switch.edition.two_stage:
        parts = [(days, "day"), *parts[2:]]
    return ", ".join(f"{count} {word}{'' if count in {0, 1} else 's'}" for count, word in parts)


def display_version(call: Shown) -> str:
    """Show what the switch is."""
    edition = call.switch.edition
    return (
        text(f"version{edition.number}.txt")
        .format(model=edition.model, version=edition.version, uptime=uptime(call.switch))
        .rstrip("\n")
    )


def display_device(call: Shown) -> str:
    """Show the one board."""
    edition = call.switch.edition
    if edition.two_stage:
        return (
            "Device status:\n" + "-" * 79 + "\nSlot  Card   Type                     Online   Power Register     "
            "Alarm     Primary\n" + "-" * 79 + f"\n1     -      {edition.model:<24} Present  On    Registered   "
            "Normal    Master\n" + "-" * 79
        )
    head = f"{edition.model}'s Device status:\nSlot Sub  Type                   Online    Power    Register       "
    row = f"0    -    {edition.model:<22} Present   PowerOn  Registered     Normal     Master"
    return f"{head}Status     Role\n{'-' * 79}\n{row}"


def display_clock(call: Shown) -> str:
    """Show the time."""
    now = datetime.now(UTC)
    zone = "Time Zone(UTC) : UTC" if call.switch.edition.two_stage else "Time Zone(DefaultZoneName) : UTC+00:00"
    return f"{now:%Y-%m-%d %H:%M:%S}{'' if call.switch.edition.two_stage else '+00:00'}\n{now:%A}\n{zone}"


def display_users(call: Shown) -> str:
    """Show who is logged in (only oneself)."""
    return (
        "  User-Intf    Delay    Type   Network Address     AuthenStatus    AuthorcmdFlag\n"
        f"+ 34  VTY 0   00:00:00  SSH    -                         pass                   \n"
        f"  Username : {call.terminal.user}"
    )


def display_startup(call: Shown) -> str:
    """Show what the next start uses."""
    edition = call.switch.edition
    saved = "flash:/vrpcfg.zip" if call.switch.startup else "NULL"
    rows = {
        "Configured startup system software": f"flash:/{edition.version.lower()}.cc",
        "Startup system software": f"flash:/{edition.version.lower()}.cc",
        "Next startup system software": f"flash:/{edition.version.lower()}.cc",
        "Startup saved-configuration file": saved,
        "Next startup saved-configuration file": saved,
    }
    return "\n".join(["MainBoard:", *(f"  {name + ':':<41}{value}" for name, value in rows.items())])


def display_logbuffer(call: Shown) -> str:
    """Show the log buffer, the newest line first."""
    lines = list(call.switch.log_lines)
    return "\n".join(
        [
            "Logging buffer configuration and contents : enabled",
            "Allowed max buffer size : 1024",
            "Actual buffer size : 512",
            "Channel number : 4 , Channel name : logbuffer",
            "Dropped messages : 0",
            "Overwritten messages : 0",
            f"Current messages : {len(lines)}",
            "",
            *reversed(lines),
        ]
    )


def display_arp(call: Shown) -> str:
    """Show the switch's own address, and what its network namespace knows."""
    own = call.switch.mac_of(call.switch.running.interfaces["Vlanif1"])
    rows = [f"{call.switch.config.listen:<15} {hyphened(own)}            I -         Vlanif1"]
    if call.switch.config.bridge is not None:
        for line in Path("/proc/net/arp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and re.fullmatch(r"(?!00:00:00:00:00:00)[0-9a-f:]{17}", fields[3]):
                rows.append(f"{fields[0]:<15} {hyphened(fields[3])}  20        D-0         MEth0/0/1")
    head = "IP ADDRESS      MAC ADDRESS     EXPIRE(M) TYPE        INTERFACE   VPN-INSTANCE\n" + " " * 36
    dynamic = len(rows) - 1
    total = f"Total:{len(rows):<10}Dynamic:{dynamic:<8}Static:0     Interface:1"
    return "\n".join([f"{head}VLAN/CEVLAN(SIP/DIP)", "-" * 78, *rows, "-" * 78, total])


def display_schedule(call: Shown) -> str:
    """Show whether a reboot is scheduled."""
    found = call.terminal.reboots.scheduled()
    if found is None:
        return "Info: No schedule reboot is set."
    moment = datetime.now(UTC) + timedelta(seconds=found[0])
    minutes = round(found[0] / 60)
    return (
        f"Info: System will reboot at {moment:%H:%M:%S} {moment:%Y/%m/%d} UTC "
        f"(in {minutes // 60} hours and {minutes % 60} minutes)."
    )


def display_snmp(call: Shown) -> str:
    """Show contact, location and version of SNMP."""

    def kept(word: str) -> str:
        head = f"snmp-agent sys-info {word} "
        return next((line.removeprefix(head) for line in call.switch.running.extra if line.startswith(head)), "")

    return "\n".join(
        [
            "   The contact person for this managed node:", f"           {kept('contact')}", "",
            "   The physical location of this node:", f"           {kept('location')}", "",
            "   SNMP version running in the system:", "           SNMPv2c SNMPv3",
        ]
    )  # fmt: skip


# -- configuration ----------------------------------------------------------------------------------------------


def _headed(switch: HuaweiSwitch, body: str) -> str:
    """Put the comment lines of VRP 8 behind the first line."""
    if not switch.edition.two_stage:
        return body
    first, _, rest = body.partition("\n")
    for word, when in (("updated", switch.changed), ("saved", switch.saved)):
        if when is not None:
            first += f"\n!Last configuration was {word} at {when[0]:%Y-%m-%d %H:%M:%S+00:00} by {when[1]}"
    return f"{first}\n{rest}"


def display_current(call: Shown) -> str:
    """Show the running configuration."""
    return _headed(call.switch, render.shown(call.switch.body()))


def display_current_intf(call: Shown) -> str:
    """Show the section of one interface, or of all."""
    entry = call.interface()
    entries = list(call.switch.running.interfaces.values()) if entry is None else [entry]
    sections = ["\n".join(["#", *render.interface(each, call.switch.edition)]) for each in entries]
    return "\n".join([*sections, "#", "return"])


def display_saved(call: Shown) -> str:
    """Show the saved configuration."""
    saved = call.switch.startup
    if not saved:
        return "Info: There is no correct configuration file in FLASH."
    return _headed(call.switch, render.shown(saved))


def display_this(call: Shown) -> str:
    """Show the running configuration of the view that the session is in."""
    view, switch = call.terminal.view, call.switch
    if view is None or view.name == "system":
        return render.shown(switch.body()) if view is None else f"#\nsysname {switch.running.hostname}\n#\nreturn"
    if view.name == "interface":
        entry = switch.running.interfaces.get(view.subject)
        lines = render.interface(entry, switch.edition) if entry is not None else []
    elif view.name == "vlan":
        number = int(view.subject)
        lines = render.vlan(switch.running, number, switch.edition) if number in switch.running.vlans else []
        lines = lines or [f"vlan {number}"]
    else:
        lines = [view.subject, *(f" {line}" for line in switch.running.lines.get(view.subject, []))]
    return "\n".join(["#", *lines, "#", "return"])


COMMANDS: dict[str, Display] = {
    "display_version": display_version, "display_device": display_device, "display_clock": display_clock,
    "display_users": display_users, "display_startup": display_startup, "display_logbuffer": display_logbuffer,
    "display_arp": display_arp, "display_schedule": display_schedule, "display_snmp": display_snmp,
    "display_current": display_current, "display_current_intf": display_current_intf,
    "display_saved": display_saved, "display_this": display_this,
}  # fmt: skip

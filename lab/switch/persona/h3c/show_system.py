"""display version, device, current-configuration, saved-configuration and what else tells of the switch itself."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime
from pathlib import Path

from lab.switch.persona.h3c import names, render
from lab.switch.persona.h3c.call import Call, Handler
from lab.switch.persona.h3c.language import text
from lab.switch.persona.h3c.switch import H3cSwitch


def uptime(switch: H3cSwitch) -> str:
    """Write the time since boot as `display version` does."""
    minutes = int(switch.now() - switch.booted) // 60
    parts = []
    for word, size in (("week", 10080), ("day", 1440), ("hour", 60), ("minute", 1)):
        count, minutes = divmod(minutes, size)
        parts.append(f"{count} {word}{'' if count == 1 else 's'}")
    return ", ".join(parts)


def show_version(call: Call) -> str:
    """Show what the switch is."""
    again = call.switch.boots > 1
    return (
        text("version.txt")
        .format(
            uptime=uptime(call.switch),
            reason="User reboot" if again else "Cold reboot",
            cause="UserReboot" if again else "ColdReboot",
        )
        .rstrip("\n")
    )


def show_clock(call: Call) -> str:
    """Show the time."""
    del call
    now = datetime.now(UTC)
    return f"{now:%H:%M:%S} UTC {now:%a %m/%d/%Y}"


def show_device(call: Call) -> str:
    """Show the members of the fabric."""
    del call
    return (
        "Slot Type             State    Subslot  Soft Ver             Patch Ver\n"
        "1    S5130S-28S-EI    Master   0        S5130S-28S-EI-6318P01  None"
    )


def show_manuinfo(call: Call) -> str:
    """Show the electronic label."""
    mac = call.switch.bridge_mac()
    return (
        "Slot 1 CPU 0:\nDEVICE_NAME          : S5130S-28S-EI\n"
        f"DEVICE_SERIAL_NUMBER : 219801A1{mac.hex().upper()[-8:]}0001\nMAC_ADDRESS          : "
        f"{names.hyphened(mac.hex(':')).upper()}\nMANUFACTURING_DATE   : 2021-03-01\nVENDOR_NAME          : H3C"
    )


def show_startup_names(call: Call) -> str:
    """Show from which files the switch starts."""
    held = "flash:/startup.cfg" if call.switch.startup else "NULL"
    return (
        f"MainBoard:\n Current startup saved-configuration file: {held}\n"
        f" Next main startup saved-configuration file: {held}\n Next backup startup saved-configuration file: NULL"
    )


def show_history(call: Call) -> str:
    """Show the last commands."""
    return "\n".join(f"  {line}" for line in call.session.commands[-10:])


def show_users(call: Call) -> str:
    """Show who is logged in (only oneself)."""
    return (
        "  Idx  Line     Idle       Time              Pid     Type\n"
        f"+ 10   VTY 0    00:00:00   {datetime.now(UTC):%b %d %H:%M:%S}   1000    SSH\n\n"
        f"Following are more details.\nVTY 0   :\n        User name: {call.session.user}\n"
        " +    : Current operation user.\n F    : Current operation user works in async mode."
    )


def show_logbuffer(call: Call) -> str:
    """Show the log buffer."""
    lines = call.switch.log_lines
    head = "Log buffer: Enabled\nMax buffer size: 1024\nActual buffer size: 512\nDropped messages: 0\n"
    return "\n".join([f"{head}Overwritten messages: 0\nCurrent messages: {len(lines)}", *lines])


def show_config(call: Call) -> str:
    """Show the running configuration."""
    return call.switch.body()


def show_config_if(call: Call) -> str:
    """Show the sections of the interfaces, or of one."""
    only = call.interface()
    entries = call.switch.running.interfaces.values() if only is None else [only]
    out: list[str] = []
    for entry in entries:
        out += ["#", *render.interface(entry, call.switch.running)]
    return "\n".join([*out, "#", "return"])


def show_saved(call: Call) -> str:
    """Show the startup configuration."""
    return call.switch.startup or "The saved configuration does not exist."


def show_this(call: Call) -> str:
    """Show what is configured in this view."""
    view, running = call.view, call.switch.running
    if view.mode in {"interface", "range"}:
        return "\n".join(["#", *render.interface(view.entries[0], running), "#", "return"])
    if view.mode == "vlan":
        number = min(view.vlans)
        return f"#\nvlan {number}\n name {running.vlans[number]}\n#\nreturn"
    return call.switch.body()


def show_diff(call: Call) -> str:
    """Show what the running configuration has and the next startup's has not, and the other way round."""
    before, after = (call.switch.startup or "").splitlines(), call.switch.body().splitlines()
    lines = difflib.unified_diff(before, after, "Startup-Configuration", "Current-Configuration", lineterm="")
    return "\n".join(lines)


def show_arp(call: Call) -> str:
    """Show the ARP table that the switch's network namespace has."""
    head = "  Type: S-Static   D-Dynamic   O-Openflow   R-Rule   M-Multiport  I-Invalid\n"
    head += "IP address      MAC address    VLAN/VSI name Interface                Aging Type"
    rows = []
    if call.switch.config.bridge is not None:
        for line in Path("/proc/net/arp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and re.fullmatch(r"(?!00:00:00:00:00:00)[0-9a-f:]{17}", fields[3]):
                rows.append(
                    f"{fields[0]:<15} {names.hyphened(fields[3])} 1             M-GE0/0/0                1200  D"
                )
    return "\n".join([head, *rows])


def show_snmp_user(call: Call) -> str:
    """Show the SNMPv3 user."""
    user = call.switch.config.snmp.v3_user
    if not user:
        return "No SNMPv3 users configured."
    return (
        f"Username: {user}\nGroup name: portseal\n"
        f"Engine ID: 800063A280{call.switch.bridge_mac().hex().upper()}00000001\n"
        "Storage-type: nonVolatile\nUserStatus: active"
    )


COMMANDS: dict[str, Handler] = {
    "show_version": show_version,
    "show_clock": show_clock,
    "show_device": show_device,
    "show_manuinfo": show_manuinfo,
    "show_startup_names": show_startup_names,
    "show_history": show_history,
    "show_users": show_users,
    "show_logbuffer": show_logbuffer,
    "show_config": show_config,
    "show_config_if": show_config_if,
    "show_saved": show_saved,
    "show_this": show_this,
    "show_diff": show_diff,
    "show_arp": show_arp,
    "show_snmp_user": show_snmp_user,
}

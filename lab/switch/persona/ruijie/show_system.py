"""show version, running-config and what else tells of the switch itself."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from lab.switch.persona.ruijie import names, render
from lab.switch.persona.ruijie.call import Call, Handler
from lab.switch.persona.ruijie.language import text


def show_version(call: Call) -> str:
    """Show what the switch is."""
    minutes = int(call.switch.now() - call.switch.booted) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    return (
        text("version.txt")
        .rstrip("\n")
        .format(
            uptime=f"{days}:{hours:02}:{minutes % 60:02}:00",
            version=render.VERSION,
            serial=f"G1{call.switch.bridge_mac().hex().upper()[-8:]}D",
        )
    )


def show_clock(call: Call) -> str:
    """Show the time."""
    del call
    now = datetime.now(UTC)
    return f"{now:%H:%M:%S} UTC {now:%a, %b} {now.day}, {now.year}"


def show_users(call: Call) -> str:
    """Show who is logged in (only oneself)."""
    return (
        "    Line          User            Host(s)            Idle       Location\n"
        f"*   1 vty 0       {call.session.user:<15} idle               00:00:00"
    )


def show_history(call: Call) -> str:
    """Show the last commands."""
    return "\n".join(f" {line}" for line in call.session.commands[-10:])


def _sized(body: str) -> str:
    return f"\nBuilding configuration...\nCurrent configuration : {len(body)} bytes\n\n{body}"


def show_running(call: Call) -> str:
    """Show the running configuration."""
    return _sized(call.switch.body())


def show_running_if(call: Call) -> str:
    """Show one interface's section."""
    entry = call.interface()
    assert entry is not None
    return _sized("\n".join(render.interface(entry, call.switch.own.secured)))


def show_startup(call: Call) -> str:
    """Show the startup configuration."""
    return call.switch.startup or "% The startup configuration does not exist."


def show_logging(call: Call) -> str:
    """Show the log buffer."""
    lines = call.switch.log_lines
    head = "Syslog logging: enabled\n  Console logging: level debugging, 0 messages logged\n"
    return "\n".join([f"{head}  Buffer logging: level debugging, {len(lines)} messages logged", *lines])


def show_arp(call: Call) -> str:
    """Show the ARP table: the switch's own address, and what its network namespace knows."""
    own = names.dotted(call.switch.mac_of(call.switch.running.interfaces["VLAN 1"]))
    rows = [(call.switch.config.listen, "--", own)]
    if call.switch.config.bridge is not None:
        for line in Path("/proc/net/arp").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if len(fields) > 3 and re.fullmatch(r"(?!00:00:00:00:00:00)[0-9a-f:]{17}", fields[3]):
                rows.append((fields[0], "0", names.dotted(fields[3])))
    shown = [f"Internet  {ip:<15}  {age:<9}  {mac:<16}  arpa   VLAN 1" for ip, age, mac in rows]
    head = "Protocol  Address          Age(min)   Hardware          Type   Interface"
    return "\n".join([f"Total Numbers of Arp: {len(rows)}", head, *shown])


def show_snmp_user(call: Call) -> str:
    """Show the SNMPv3 user."""
    user = call.switch.config.snmp.v3_user
    if not user:
        return ""
    engine = f"8000131103{call.switch.bridge_mac().hex()}"
    return (
        f"User name: {user}\nEngine ID: {engine}\nstorage-type: permanent     active\n"
        "Security level: auth priv\nAuth protocol: SHA\nPriv protocol: AES\nGroup-name: portseal"
    )


COMMANDS: dict[str, Handler] = {
    "show_version": show_version,
    "show_clock": show_clock,
    "show_users": show_users,
    "show_history": show_history,
    "show_running": show_running,
    "show_running_if": show_running_if,
    "show_startup": show_startup,
    "show_logging": show_logging,
    "show_arp": show_arp,
    "show_snmp_user": show_snmp_user,
}

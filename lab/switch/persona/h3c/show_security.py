"""display port-security …, display ip source binding: layouts of H3C's command references."""

from __future__ import annotations

from lab.switch.persona.h3c import names
from lab.switch.persona.h3c.call import Call, Handler
from lab.switch.persona.h3c.language import text
from lab.switch.persona.h3c.model import (
    BLOCK,
    DISABLE,
    DYNAMIC_MACS,
    INTRUSION_TRAP,
    LEARNED_TRAP,
    PORT_SECURITY,
    TEMPORARILY,
)  # fmt: skip
from lab.switch.persona.h3c.switch import H3cSwitch, port_mode
from lab.switch.persona.model import Interface, SecureMac

_INTRUSION = {
    "": "NoAction", BLOCK: "BlockMacAddress", DISABLE: "DisablePort", TEMPORARILY: "DisablePortTemporarily",
}  # fmt: skip
_SECURITY = " MAC ADDR         VLAN ID  STATE          PORT INDEX                      AGING TIME"
_BLOCKED = " MAC ADDR              Port                        VLAN ID"
_BINDINGS = "IP Address      MAC Address    Interface                VLAN Type"


def _word(on: bool) -> str:
    return "Enabled" if on else "Disabled"


def show_port_security(call: Call) -> str:
    """Show the feature's settings, of the switch and of its ports."""
    running, only = call.switch.running, call.interface()
    head = text("port_security.txt").format(
        enabled=_word(PORT_SECURITY in running.flags),
        aging=call.switch.own.sticky_aging,
        timeout=running.recovery_interval,
        intrusion=_word(INTRUSION_TRAP in running.flags),
        learned=_word(LEARNED_TRAP in running.flags),
    )
    ports = running.physical() if only is None else [only]
    return (head + "".join(_port(call.switch, entry) for entry in ports)).rstrip("\n")


def _port(switch: H3cSwitch, entry: Interface) -> str:
    held = entry.security
    return text("port_security_port.txt").format(
        name=entry.name,
        link="link-up" if switch.link(entry) else "link-down",
        mode=port_mode(entry),
        intrusion=_INTRUSION[held.violation],
        learning="Dynamic" if DYNAMIC_MACS in entry.flags else "Sticky",
        maximum=held.maximum or "Not configured",
        current=len(held.macs),
    )


def show_secure_macs(call: Call) -> str:
    """Show the security MACs."""
    only, vlan = call.interface(), call.number("vlan")
    rows = [
        (held, entry)
        for entry in call.switch.running.physical()
        for held in entry.security.macs.values()
        if only in (None, entry) and vlan in {0, held.vlan}
    ]
    end = f" ---  {len(rows)} mac address(es) found  ---"
    if "count" in call.match.words:
        return end
    shown = [
        f" {names.hyphened(held.mac):<17}{held.vlan:<9}Security       {names.short(entry.name):<32}" + _left(call, held)
        for held, entry in rows
    ]
    return "\n".join([_SECURITY, *shown, end])


def _left(call: Call, held: SecureMac) -> str:
    aging = call.switch.own.sticky_aging
    if not aging or held.kind == "configured":
        return "NOAGED"
    return str(max(int(aging - (call.switch.now() - held.since) / 60), 0))


def show_blocked(call: Call) -> str:
    """Show the addresses that intrusion protection blocks."""
    only, vlan = call.interface(), call.number("vlan")
    rows = [
        (mac, name, held[0])
        for (name, mac), held in call.switch.blocked.items()
        if (only is None or only.name == name) and vlan in {0, held[0]}
    ]
    ends = [f" --- On slot 1, {len(rows) or 'no'} MAC address{'(es)' if rows else ''} found ---"]
    ends.append(f" --- {len(rows)} mac address(es) found ---")
    if "count" in call.match.words:
        return "\n".join(ends)
    shown = [f" {names.hyphened(mac):<20}  {names.short(name):<28}{number}" for mac, name, number in rows]
    return "\n".join([_BLOCKED, *shown, "", ends[0], "", ends[1]])


def show_bindings(call: Call) -> str:
    """Show the static bindings; there are no others here."""
    values, only = call.match.values, call.interface()
    rows = [
        b
        for b in call.switch.running.bindings
        if values.get("ip", b.ip) == b.ip
        and values.get("mac", b.mac) == b.mac
        and values.get("vlan", b.vlan) == b.vlan
        and (only is None or only.name == b.interface)
    ]
    shown = [
        f"{b.ip:<15} {names.hyphened(b.mac):<14} "
        f"{names.short(b.interface) if b.interface else 'N/A':<24} {b.vlan or 'N/A':<4} Static"
        for b in rows
    ]
    return "\n".join([f"Total entries found: {len(rows)}", _BINDINGS, *shown])


COMMANDS: dict[str, Handler] = {
    "show_port_security": show_port_security,
    "show_secure_macs": show_secure_macs,
    "show_blocked": show_blocked,
    "show_bindings": show_bindings,
}

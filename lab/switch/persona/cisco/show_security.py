"""show port-security …, show ip source binding, show ip verify source, show errdisable …, show running-config."""

from __future__ import annotations

from lab.switch.persona import security
from lab.switch.persona.cisco import names, render
from lab.switch.persona.cisco.call import ExecCall, ExecHandler
from lab.switch.persona.cisco.secure import LIMIT
from lab.switch.persona.model import Interface, SecureMac
from lab.switch.persona.state import Switch

_TABLE = """Secure Port  MaxSecureAddr  CurrentAddr  SecurityViolation  Security Action
                (Count)       (Count)          (Count)
---------------------------------------------------------------------------"""
_ADDRESSES = """               Secure Mac Address Table
-------------------------------------------------------------------------------
Vlan    Mac Address       Type                          Ports   Remaining Age
                                                                   (mins)\x20\x20\x20\x20
----    -----------       ----                          -----   -------------"""
_BINDINGS = """MacAddress          IpAddress        Lease(sec)  Type           VLAN  Interface
------------------  ---------------  ----------  -------------  ----  --------------------"""
_GUARD = """Interface  Filter-type  Filter-mode  IP-address       Mac-address        Vlan
---------  -----------  -----------  ---------------  -----------------  ----"""
_KIND = {"configured": "SecureConfigured", "sticky": "SecureSticky", "dynamic": "SecureDynamic"}
_CAUSES = (
    "arp-inspection", "bpduguard", "channel-misconfig (STP)", "dhcp-rate-limit", "dtp-flap", "gbic-invalid",
    "inline-power", "link-flap", "mac-limit", "loopback", "pagp-flap", "port-mode-failure", "pppoe-ia-rate-limit",
    "psecure-violation", "security-violation", "sfp-config-mismatch", "small-frame", "storm-control", "udld", "vmps",
    "psp",
)  # fmt: skip


def _secured(switch: Switch) -> list[Interface]:
    return [entry for entry in switch.running.physical() if entry.security.enabled]


def _totals(switch: Switch) -> list[str]:
    extra = sum(max(len(entry.security.macs) - 1, 0) for entry in _secured(switch))
    return [
        f"Total Addresses in System (excluding one mac per port)     : {extra}",
        f"Max Addresses limit in System (excluding one mac per port) : {LIMIT}",
    ]


def show_port_security(call: ExecCall) -> str:
    """Show the ports with port security."""
    out = [_TABLE]
    for entry in _secured(call.switch):
        held = entry.security
        out.append(
            f"{names.short(entry.name):>11}{held.maximum:>15}{len(held.macs):>13}{held.violations:>19}"
            f"{held.violation.capitalize():>17}"
        )
    return "\n".join([*out, "-" * 75, *_totals(call.switch)])


def show_secure_addresses(call: ExecCall) -> str:
    """Show all secure addresses."""
    return _addresses(call.switch, _secured(call.switch))


def _addresses(switch: Switch, entries: list[Interface]) -> str:
    rows = [
        (entry.vlan_of(secure), secure.mac, secure, entry)
        for entry in entries
        for secure in entry.security.macs.values()
    ]
    out = [_ADDRESSES]
    for vlan, mac, secure, entry in sorted(rows, key=lambda row: row[:2]):
        out.append(
            f"{vlan:>4}    {names.dotted(mac)}    {_KIND[secure.kind]:<28}  {names.short(entry.name):<10}"
            f"{_remaining(switch, entry, secure):>4}"
        )
    return "\n".join([*out, "-" * 79, *_totals(switch)])


def _remaining(switch: Switch, entry: Interface, secure: SecureMac) -> str:
    held = entry.security
    if not held.aging_time or secure.kind == "sticky" or (secure.kind == "configured" and not held.aging_static):
        return "-"
    left = held.aging_time - int((switch.now() - secure.since) / 60)
    return f"{max(left, 0)}{' (I)' if held.aging_type == 'inactivity' else ''}"


def show_secure_port(call: ExecCall) -> str:
    """Show one port's state of port security, or its addresses."""
    entry = call.interface("if")
    assert entry is not None
    if "address" in call.match.words:
        return _addresses(call.switch, [entry] if entry.security.enabled else [])
    held = entry.security
    status = "Secure-shutdown" if entry.err_disabled else "Secure-down"
    if held.enabled and call.switch.link(entry):
        status = "Secure-up"
    rows = {
        "Port Security": "Enabled" if held.enabled else "Disabled",
        "Port Status": status,
        "Violation Mode": held.violation.capitalize(),
        "Aging Time": f"{held.aging_time} mins",
        "Aging Type": held.aging_type.capitalize(),
        "SecureStatic Address Aging": "Enabled" if held.aging_static else "Disabled",
        "Maximum MAC Addresses": held.maximum,
        "Total MAC Addresses": len(held.macs),
        "Configured MAC Addresses": held.count("configured"),
        "Sticky MAC Addresses": held.count("sticky"),
        "Last Source Address:Vlan": f"{names.dotted(held.last_mac)}:{held.last_vlan}",
        "Security Violation Count": held.violations,
    }
    return "\n".join(f"{name:<26} : {value}" for name, value in rows.items()) + "\n"


def show_source_binding(call: ExecCall) -> str:
    """Show the IP source binding table."""
    only, vlan = call.interface("if"), call.match.values.get("vlan")
    rows = [
        f"{b.mac.upper():<18}  {b.ip:<15}  {'infinite':<10}  {'static':<13}   {b.vlan:<4}  {b.interface}"
        for b in call.switch.running.bindings
        if (only is None or only.name == b.interface) and vlan in {None, b.vlan}
    ]
    if "dhcp-snooping" in call.match.words:
        rows = []
    return "\n".join([_BINDINGS, *rows, f"Total number of bindings: {len(rows)}"])


def show_verify_source(call: ExecCall) -> str:
    """Show what IP source guard filters on each port."""
    only = call.interface("if")
    out = [_GUARD]
    for entry in call.switch.running.physical():
        if entry.verify and (only is None or only.name == entry.name):
            out += _guard_rows(call.switch, entry)
    return "\n".join(out) if len(out) > 1 else ""


def _guard_rows(switch: Switch, entry: Interface) -> list[str]:
    kind = "ip" if entry.verify == "ip" else "ip-mac"
    head = f"{names.short(entry.name):<9}  {kind:<11}  "
    if not switch.guard_active(entry):
        return [f"{head}inactive-no-snooping-vlan"]
    rows = [
        f"{head}{'active':<11}  {b.ip:<15}  {b.mac.upper() if kind == 'ip-mac' else '':<17}  {b.vlan:<4}"
        for b in switch.running.bindings
        if b.interface == entry.name
    ]
    mac = "deny-all" if kind == "ip-mac" else ""
    return rows or [f"{head}{'active':<11}  {'deny-all':<15}  {mac:<17}  {entry.access_vlan:<4}"]


def show_snooping(call: ExecCall) -> str:
    """Show the state of DHCP snooping."""
    running = call.switch.running
    trusted = [e for e in running.physical() if "ip dhcp snooping trust" in e.extra]
    vlans = names.vlan_ranges(running.snooping_vlans) or "none"
    return "\n".join(
        [
            f"Switch DHCP snooping is {'enabled' if running.snooping else 'disabled'}",
            "Switch DHCP gleaning is disabled",
            "DHCP snooping is configured on following VLANs:",
            vlans,
            "DHCP snooping is operational on following VLANs:",
            vlans if running.snooping else "none",
            "DHCP snooping trust/rate is configured on the following Interfaces:",
            "",
            "Interface                  Trusted    Allow option    Rate limit (pps)",
            "-----------------------    -------    ------------    ----------------",
            *(f"{e.name:<27}{'yes':<11}{'yes':<16}unlimited" for e in trusted),
        ]
    )


def show_snooping_binding(call: ExecCall) -> str:
    """Show the (empty) table of bindings that DHCP made."""
    del call
    return _BINDINGS + "\nTotal number of bindings: 0"


def show_recovery(call: ExecCall) -> str:
    """Show which causes recover by themselves, and which ports are about to."""
    running = call.switch.running
    out = ["ErrDisable Reason            Timer Status", "-----------------            --------------"]
    for cause in _CAUSES:
        word = "Enabled" if cause.split(" ")[0] in running.recovery_causes else "Disabled"
        out.append(f"{cause:<28} {word}")
    out += ["", f"Timer interval: {running.recovery_interval} seconds", ""]
    out += ["Interfaces that will be enabled at the next timeout:", ""]
    waiting = [e for e in running.physical() if e.err_disabled in running.recovery_causes]
    if waiting:
        out += [
            "Interface       Errdisable reason       Time left(sec)",
            "---------       -----------------       --------------",
        ]
    for entry in waiting:
        left = max(security.time_left(call.switch, entry), 0)
        out.append(f"{names.short(entry.name):>9}       {entry.err_disabled:>17}       {left:>8}")
    return "\n".join(out)


def show_running(call: ExecCall) -> str:
    """Show the running configuration."""
    text = render.body(call.switch.running)
    out = ["Building configuration...", "", f"Current configuration : {len(text)} bytes", "!"]
    return "\n".join([*out, *_ages(call.switch), text, ""])


def _ages(switch: Switch) -> list[str]:
    out = []
    if switch.changed is not None:
        out.append(f"! Last configuration change at {render.when(switch.changed[0])} by {switch.changed[1]}")
    if switch.saved is not None:
        out.append(f"! NVRAM config last updated at {render.when(switch.saved[0])} by {switch.saved[1]}")
    return [*out, "!"] if out else []


def show_running_intf(call: ExecCall) -> str:
    """Show one interface's section."""
    entry = call.interface("if")
    assert entry is not None
    text = "\n".join(render.interface(entry))
    out = ["Building configuration...", "", f"Current configuration : {len(text)} bytes", "!", text, "end", ""]
    return "\n".join(out)


def show_running_vlan(call: ExecCall) -> str:
    """Show the VLANs' sections."""
    only = call.match.values.get("vlan")
    known = {n: name for n, name in call.switch.running.vlans.items() if n != 1 and only in {None, n}}
    text = "\n".join(line for n, name in sorted(known.items()) for line in (f"vlan {n}", f" name {name}", "!"))
    out = ["Building configuration...", "", f"Current configuration : {len(text)} bytes", text, "end", ""]
    return "\n".join(out)


def show_startup(call: ExecCall) -> str:
    """Show the startup configuration."""
    text = call.switch.startup
    if not text:
        return "startup-config is not present"
    ages = []
    if call.switch.saved is not None:
        ages = [f"! NVRAM config last updated at {render.when(call.switch.saved[0])} by {call.switch.saved[1]}", "!"]
    return "\n".join([f"Using {len(text)} out of 524288 bytes", "!", *ages, text, ""])


COMMANDS: dict[str, ExecHandler] = {
    "show_port_security": show_port_security,
    "show_secure_addresses": show_secure_addresses,
    "show_secure_port": show_secure_port,
    "show_source_binding": show_source_binding,
    "show_verify_source": show_verify_source,
    "show_snooping": show_snooping,
    "show_snooping_binding": show_snooping_binding,
    "show_recovery": show_recovery,
    "show_running": show_running,
    "show_running_intf": show_running_intf,
    "show_running_vlan": show_running_vlan,
    "show_startup": show_startup,
}

"""show port-security …, ip source binding, ip verify source: layouts of the guides, of which no recording was found."""

from __future__ import annotations

from lab.switch.persona.model import Interface, SecureMac
from lab.switch.persona.ruijie import names
from lab.switch.persona.ruijie.call import Call, Handler
from lab.switch.persona.ruijie.switch import RuijieSwitch

_SUMMARY = """Secure Port  MaxSecureAddr(count) CurrentAddr(count) Security Action
------------ -------------------- ------------------ ----------------"""
_ADDRESSES = """Vlan Mac Address     IP Address      Type       Port     Remaining Age(mins)
---- --------------- --------------- ---------- -------- -------------------"""
_BINDINGS = """NO.   MACADDRESS       IPADDRESS       LEASE(SEC)   TYPE          VLAN  INTERFACE
----- ---------------- --------------- ------------ ------------- ----- --------------------"""
_VERIFY = """NO.   INTERFACE            FilterType   FilterStatus  IPADDRESS       MACADDRESS     VLAN  TYPE
----- -------------------- ------------ ------------- --------------- -------------- ----- ----------"""
_KINDS = {"configured": "Configured", "sticky": "Sticky", "dynamic": "Dynamic"}


def show_port_security(call: Call) -> str:
    """Show the ports that have the feature, a line each."""
    rows = [
        f"{names.short(e.name):<12} {e.security.maximum:<20} {len(e.security.macs):<18} "
        f"{e.security.violation.capitalize()}"
        for e in call.switch.running.physical()
        if e.security.enabled
    ]
    return "\n".join([_SUMMARY, *rows])


def _addresses(switch: RuijieSwitch, ports: list[Interface]) -> list[str]:
    rows = []
    for entry in ports:
        port = names.short(entry.name)
        for held in entry.security.macs.values():
            row = f"{entry.vlan_of(held):<4} {names.dotted(held.mac):<15} {'':<15} {_KINDS[held.kind]:<10} {port:<8}"
            rows.append(f"{row} {_left(switch, entry, held)}")
        for pair in switch.own.secured:
            if pair.interface == entry.name:
                mac, vlan = (names.dotted(pair.mac), str(pair.vlan)) if pair.mac else ("", "")
                rows.append(f"{vlan:<4} {mac:<15} {pair.ip:<15} {'Configured':<10} {port:<8} -")
    return rows


def _left(switch: RuijieSwitch, entry: Interface, held: SecureMac) -> str:
    aging = entry.security.aging_time
    if not aging or (held.kind != "dynamic" and not entry.security.aging_static):
        return "-"
    return str(max(int(aging - (switch.now() - held.since) / 60), 0))


def show_secure_addresses(call: Call) -> str:
    """Show the secure addresses, MACs and IPs."""
    only = call.interface()
    ports = call.switch.running.physical() if only is None else [only]
    return "\n".join([_ADDRESSES, *_addresses(call.switch, ports)])


def show_security_all(call: Call) -> str:
    """Show the ports and the addresses."""
    return f"{show_port_security(call)}\n\n{show_secure_addresses(call)}"


def show_security_bindings(call: Call) -> str:
    """Show the secure IP addresses."""
    only = call.interface()
    ports = [e for e in call.switch.running.physical() if only in (None, e)]
    rows = [row for row in _addresses(call.switch, ports) if row[21:36].strip()]
    return "\n".join([_ADDRESSES, *rows])


def show_secure_port(call: Call) -> str:
    """Show the feature at one port."""
    entry = call.port()
    held = entry.security
    status = "err-disabled" if entry.err_disabled else "up" if call.switch.link(entry) else "down"
    rows = (
        ("Interface", entry.name),
        ("Port Security", "Enabled" if held.enabled else "Disabled"),
        ("Port status", status),
        ("Violation mode", held.violation.capitalize()),
        ("Maximum MAC Addresses", held.maximum),
        ("Total MAC Addresses", len(held.macs)),
        ("Configured MAC Addresses", len(held.macs) - held.count("dynamic")),
        ("Aging time", f"{held.aging_time} mins"),
        ("SecureStatic address aging", "Enabled" if held.aging_static else "Disabled"),
    )
    return "\n".join(f"{name:<26} : {value}" for name, value in rows)


def show_source_binding(call: Call) -> str:
    """Show the static bindings; there are no others here."""
    only, vlan = call.interface(), call.match.values.get("vlan")
    held = [
        b
        for b in call.switch.running.bindings
        if (only is None or only.name == b.interface) and vlan in {None, b.vlan} and "dhcp-snooping" not in call.line
    ]
    rows = [
        f"{at:<5} {names.dotted(b.mac):<16} {b.ip:<15} {'Infinite':<12} {'Static':<13} {b.vlan:<5} {b.interface}"
        for at, b in enumerate(held, 1)
    ]
    return "\n".join([f"Total number of bindings: {len(rows)}", _BINDINGS, *rows])


def show_verify_source(call: Call) -> str:
    """Show what source guard lets in at each port where it is on, and that it denies the rest."""
    only = call.interface()
    rows: list[str] = []
    for entry in call.switch.running.physical():
        if not entry.verify or only not in (None, entry):
            continue
        kind = "IP+MAC" if entry.verify == "port-security" else "IP-ONLY"
        bound = [b for b in call.switch.running.bindings if b.interface == entry.name]
        seen = [(b.ip, names.dotted(b.mac), str(b.vlan), "Static") for b in bound]
        for ip, mac, vlan, source in [*seen, ("Deny-All", "Deny-All", "", "")]:
            row = f"{len(rows) + 1:<5} {entry.name:<20} {kind:<12} {'Active':<13} {ip:<15} {mac:<14} {vlan:<5} {source}"
            rows.append(row.rstrip())
    return "\n".join([_VERIFY, *rows])


def show_recovery(call: Call) -> str:
    """Show whether ports that a violation shut come back by themselves."""
    running = call.switch.running
    return f"errdisable recovery interval : {running.recovery_interval if running.recovery_causes else 'Disabled'}"


COMMANDS: dict[str, Handler] = {
    "show_port_security": show_port_security,
    "show_security_all": show_security_all,
    "show_secure_addresses": show_secure_addresses,
    "show_security_bindings": show_security_bindings,
    "show_secure_port": show_secure_port,
    "show_source_binding": show_source_binding,
    "show_verify_source": show_verify_source,
    "show_recovery": show_recovery,
}

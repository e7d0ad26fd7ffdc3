"""display mac-address …, display port-security, bindings, error-down."""

from __future__ import annotations

from dataclasses import dataclass

from lab.switch.persona.huawei import names
from lab.switch.persona.huawei.display import Display, Shown
from lab.switch.persona.huawei.switch import HuaweiSwitch, learned
from lab.switch.persona.model import Binding, Interface

_LINE = "-" * 79
_TYPES = {"configured": "sec-config", "sticky": "sticky", "dynamic": "security"}


@dataclass(frozen=True, slots=True, order=True)
class _Row:
    vlan: int
    mac: str
    name: str
    kind: str
    age: int


def mac_rows(switch: HuaweiSwitch) -> list[_Row]:
    """List the MAC table: what is learned, and what port security holds."""
    ports = {entry.port: entry.name for entry in switch.running.physical()}
    rows = [_Row(row.vlan, row.mac, ports[row.port], "dynamic", row.age) for row in switch.learned()]
    for entry in switch.running.physical():
        if entry.security.enabled:
            held = entry.security.macs.values()
            rows += [_Row(entry.vlan_of(each), each.mac, entry.name, _TYPES[each.kind], 0) for each in held]
    return sorted(rows)


def display_mac(call: Shown) -> str:
    """Show the MAC table, or a part of it."""
    switch, values = call.switch, call.match.values
    entry = call.interface()
    kinds = {"dynamic", "static", "security", "sticky", "sec-config"} & set(call.match.words)
    rows = [
        row
        for row in mac_rows(switch)
        if (not kinds or row.kind in kinds)
        and values.get("vlan", row.vlan) == row.vlan
        and values.get("mac", row.mac) == row.mac
        and (entry is None or entry.name == row.name)
    ]
    if switch.edition.two_stage:
        return _macs8(rows)
    out = [_LINE, "MAC Address    VLAN/VSI/BD                       Learned-From        Type", _LINE]
    for row in rows:
        name = switch.edition.kinds.brief(row.name)
        out.append(f"{names.hyphened(row.mac)} {f'{row.vlan}/-/-':<34}{name:<20}{row.kind:<10}")
    return "\n".join([*out, "", _LINE, f"Total items displayed = {len(rows)}"])


def _macs8(rows: list[_Row]) -> str:
    out = [
        "Flags: * - Backup", "       # - forwarding logical interface, operations cannot be performed based",
        "           on the interface.", "BD   : bridge-domain   Age : dynamic MAC learned time in seconds", _LINE,
        "MAC Address    VLAN/VSI/BD   Learned-From        Type                Age", _LINE,
    ]  # fmt: skip
    for row in rows:
        age = str(row.age) if row.kind == "dynamic" else "-"
        out.append(f"{names.hyphened(row.mac)} {f'{row.vlan}/-/-':<14}{row.name:<20}{row.kind:<15}{age:>8}")
    return "\n".join([*out, _LINE, f"Total items: {len(rows)}"])


def display_mac_number(call: Shown) -> str:
    """Count the MAC table."""
    rows = mac_rows(call.switch)
    return f"Total number of mac-address : {len(rows)}"


def display_mac_aging(call: Shown) -> str:
    """Show the aging time."""
    del call
    return "  Aging time: 300 second(s)"


def display_port_security(call: Shown) -> str:
    """Show the ports with port security, or one port's state."""
    entry = call.interface()
    if entry is not None:
        return _port_security(call.switch, entry)
    line = "-" * 80
    secured = [e for e in call.switch.running.physical() if e.security.enabled]
    out = [
        line, "SecurePort           MaxSecureAddr CurrentAddr SecurityViolation ProtectAction",
        "                           (count)     (count)           (count)", line,
    ]  # fmt: skip
    for each in secured:
        held = each.security
        row = f"{each.name:<21}{held.maximum:>13} {learned(each):>11} {held.violations:>17} "
        out.append(f"{row}{held.violation.capitalize():<17}")
    total = sum(learned(each) for each in secured)
    return "\n".join([*out, line, f"Total Secured MAC Addresses in System: {total}", ""])


def _port_security(switch: HuaweiSwitch, entry: Interface) -> str:
    held = entry.security
    up = held.enabled and switch.link(entry)
    dynamic = [secure for secure in held.macs.values() if secure.kind == "dynamic"]
    last = max(dynamic, key=lambda secure: secure.since, default=None)
    typed = sum(1 for secure in held.macs.values() if secure.kind == "sticky" and secure.scope)
    rows = {
        "Port Security": "Enabled" if held.enabled else "Disabled",
        "Port Status": "Secure-up" if up else "Secure-down",
        "Protect Action": held.violation.capitalize(),
        "Aging Time(minutes)": held.aging_time or "-",
        "Aging Type": held.aging_type.capitalize() if held.aging_time else "-",
        "Maximum MAC Addresses": held.maximum,
        "Total MAC Addresses": learned(entry),
        "Configured MAC Addresses": typed + held.count("configured"),
        "Sticky MAC Addresses": held.count("sticky") - typed,
        "Last Source MAC Address": names.hyphened(last.mac) if last else "-",
        "Last Source VLAN ID": entry.vlan_of(last) if last else "-",
        "Security Violation Count": held.violations,
    }
    return "\n".join(f"{name:<26} : {value}" for name, value in rows.items()) + "\n"


# -- bindings ---------------------------------------------------------------------------------------------------


def display_user_bind(call: Shown) -> str:
    """Show the static binding table."""
    values, edition = call.match.values, call.switch.edition
    entry = call.interface()
    rows = [
        bound
        for bound in call.switch.running.bindings
        if (entry is None or bound.interface == entry.name)
        and values.get("vlan", bound.vlan) == bound.vlan
        and values.get("mac", bound.mac) == bound.mac
        and values.get("ip", bound.ip) == bound.ip
    ]
    if not rows:
        return "Info: The number of static bind-table is zero."
    line = "-" * 80
    if edition.two_stage:
        head = "IP Address           MAC Address   VLAN(O/I)         Interface"
        flags = "Flags:O - outer vlan ,I - inner vlan"
        shown = [_bound8(bound) for bound in rows]
        count = f"Print count:{len(rows):>7}     Total count:{len(rows):>7}"
    else:
        head = "IP Address                      MAC Address     VSI/VLAN(O/I/P) Interface"
        flags = "Flags:O - outer vlan ,I - inner vlan ,P - Vlan-mapping"
        shown = [_bound5(call, bound) for bound in rows]
        count = f"Print count:{len(rows):>12}          Total count:{len(rows):>12}"
    return "\n".join(["DHCP static Bind-table:", flags, head, line, *shown, line, count])


def _bound5(call: Shown, bound: Binding) -> str:
    vlan = str(bound.vlan) if bound.vlan else "--"
    name = call.switch.edition.kinds.brief(bound.interface) if bound.interface else "--"
    return f"{bound.ip:<32}{names.hyphened(bound.mac):<16}{vlan:<4}/--  /--    {name}"


def _bound8(bound: Binding) -> str:
    vlan = f"{bound.vlan or '--'}/--"
    return f"{bound.ip:<20}{names.hyphened(bound.mac)} {vlan:<17} {bound.interface or '--'}"


def display_guard(call: Shown) -> str:
    """Show which bindings are in force: the Status column says IPv4 where a check uses them."""
    only = call.interface()
    line = "-" * 80
    head = "IP Address                MAC Address         Vlan(O/I)        Interface\n" + " " * 46
    out = ["DHCP Bind-table on slot 1:", line, f"{head}Type             Status", line]
    rows = [b for b in call.switch.running.bindings if only is None or b.interface == only.name]
    for bound in rows:
        vlan = f"{bound.vlan or '-':<5}/-"
        out.append(f"{bound.ip:<26}{names.hyphened(bound.mac):<20}{vlan:<17}{bound.interface or '-'}")
        status = "IPv4/-" if _in_force(call.switch, bound) else "-/-"
        out.append(f"{'':<46}{'Static':<17}{status}")
    return "\n".join([*out, line, f"Total count:{len(rows):>12}"])


def _in_force(switch: HuaweiSwitch, bound: Binding) -> bool:
    return any(
        switch.guard_active(entry)
        for entry in switch.running.physical()
        if bound.interface in {"", entry.name} and (not bound.vlan or entry.carries(bound.vlan))
    )


def display_error_down(call: Shown) -> str:
    """Show which ports are in error-down, and when they come back."""
    switch = call.switch
    down = [entry for entry in call.ports() if entry.err_disabled]
    if not down:
        return "Info: No error-down interface exists."
    out = [
        "interface                    error-down cause         recovery   remainder",
        "                                                      time(sec)  time(sec)", "-" * 76,
    ]  # fmt: skip
    for entry in down:
        moment = switch.recover_at.get(entry.name)
        recovery, left = "--", "--"
        if moment is not None:
            recovery, left = str(switch.running.recovery_interval), str(max(int(moment - switch.now() + 0.999), 0))
        out.append(f"{entry.name:<29}{entry.err_disabled:<25}{recovery:<11}{left}")
    return "\n".join(out)


COMMANDS: dict[str, Display] = {
    "display_mac": display_mac, "display_mac_number": display_mac_number, "display_mac_aging": display_mac_aging,
    "display_port_security": display_port_security, "display_user_bind": display_user_bind,
    "display_guard": display_guard, "display_error_down": display_error_down,
}  # fmt: skip

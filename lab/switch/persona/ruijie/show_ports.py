"""show interfaces …, vlan, mac-address-table, lldp: layouts of recordings of RGOS switches."""

from __future__ import annotations

from lab.switch.persona.model import Interface
from lab.switch.persona.ruijie import names
from lab.switch.persona.ruijie.call import Call, Handler
from lab.switch.persona.ruijie.language import text
from lab.switch.persona.ruijie.switch import RuijieSwitch

_STATUS = """Interface                        Status    Vlan   Duplex   Speed     Type  
-------------------------------- --------  ----   -------  --------- ------"""  # noqa: W291 - as the switch prints it
_SWITCHPORT = """Interface                        Switchport Mode      Access Native Protected VLAN lists
-------------------------------- ---------- --------- ------ ------ --------- ----------------------"""
_DESCRIPTION = "Interface                                Status   Administrative Description"
_TRUNK = """Interface                Mode     Native VLAN VLAN lists
------------------------ -------- ----------- ----------------------"""
_MAC = """Vlan        MAC Address          Type     Interface
----------  -------------------- -------- -------------------"""
_VLAN = """VLAN Name                             Status    Ports     
---- -------------------------------- --------- -----------------------------------"""  # noqa: W291 - as it is printed
_LLDP = """Capability codes:
    (R) Router, (B) Bridge, (T) Telephone, (C) DOCSIS Cable Device
    (W) WLAN Access Point, (P) Repeater, (S) Station, (O) Other
System Name        Local Intf            Port ID            Capability    Aging-time"""


def _chosen(call: Call) -> list[Interface]:
    only = call.interface()
    return call.switch.running.physical() if only is None else [only]


def _status(switch: RuijieSwitch, entry: Interface) -> str:
    if entry.shutdown:
        return "disable"
    return "up" if switch.link(entry) else "down"


def show_status(call: Call) -> str:
    """Show the state of the ports, a line each."""
    rows = []
    for entry in _chosen(call):
        state = _status(call.switch, entry)
        duplex, speed = ("Full", "1000M") if state == "up" else ("Unknown", "Unknown")
        vlan = "trunk" if entry.trunk else str(entry.access_vlan)
        rows.append(f"{entry.name:<32} {state:<8}  {vlan:<5}  {duplex:<7}  {speed:<9} copper")
    return "\n".join([_STATUS, *rows])


def show_err_disabled(call: Call) -> str:
    """Show the ports that a violation shut."""
    rows = [f"{e.name:<32} {'err-disabled':<13} {e.err_disabled}" for e in _chosen(call) if e.err_disabled]
    head = f"{'Interface':<32} {'Status':<13} Reason\n{'-' * 32} {'-' * 13} {'-' * 20}"
    return "\n".join([head, *rows])


def show_switchport(call: Call) -> str:
    """Show the modes and VLANs of the ports."""
    rows = []
    for entry in _chosen(call):
        mode = "TRUNK" if entry.trunk else "ACCESS"
        lists = names.vlan_ranges(entry.allowed) if entry.trunk and entry.allowed is not None else "ALL"
        vlans = f"{entry.access_vlan:<6} {entry.native_vlan if entry.trunk else 1:<6}"
        rows.append(f"{entry.name:<32} {'enabled':<10} {mode:<9} {vlans} {'Disabled':<9} {lists}")
    return "\n".join([_SWITCHPORT, *rows])


def show_description(call: Call) -> str:
    """Show the descriptions of the ports."""
    rows = []
    for entry in _chosen(call):
        state, admin = "up" if call.switch.link(entry) else "down", "down" if entry.shutdown else "up"
        rows.append(f"{entry.name:<40} {state:<8} {admin:<14} {entry.description}".rstrip())
    return "\n".join([_DESCRIPTION, "-" * 40 + " " + "-" * 8 + " " + "-" * 14 + " " + "-" * 11, *rows])


def show_trunk(call: Call) -> str:
    """Show the trunks, and which ports are none."""
    rows = []
    for entry in _chosen(call):
        lists = "ALL" if entry.allowed is None else names.vlan_ranges(entry.allowed)
        rows.append(f"{entry.name:<24} {'On' if entry.trunk else 'Off':<8} {entry.native_vlan:<11} {lists}")
    return "\n".join([_TRUNK, *rows])


def show_interfaces(call: Call) -> str:
    """Show interfaces in full."""
    only = call.interface()
    entries = call.switch.running.physical() if only is None else [only]
    line = "=" * 26
    blocks = [f"{line} {e.name} {line}\n{_interface(call.switch, e)}" if only is None else "" for e in entries]
    return "\n".join(blocks) if only is None else _interface(call.switch, only)


def _interface(switch: RuijieSwitch, entry: Interface) -> str:
    up = switch.link(entry)
    state = "administratively down" if entry.shutdown else "UP" if up else "DOWN"
    if entry.err_disabled:
        state = "DOWN (err-disabled)"
    if entry.trunk:
        allowed = "1-4094" if entry.allowed is None else names.vlan_ranges(entry.allowed)
        active = frozenset(number for number in switch.running.vlans if entry.carries(number))
        vlans = f"    Native vlan: {entry.native_vlan}\n    Allowed vlan lists: {allowed}\n"
        vlans += f"    Active vlan lists: {names.vlan_ranges(active)}\n"
    else:
        vlans = f"    Vlan id: {entry.access_vlan}\n"
    return text("interface_state.txt").rstrip("\n").format(
        index=names.if_index(entry.name), name=entry.name, state=state, protocol="UP" if up else "DOWN",
        mac=names.dotted(switch.mac_of(entry)), description=entry.description,
        duplex="Full" if up else "Unknown", speed="1000M" if up else "Unknown",
        kind="trunk" if entry.trunk else "access", vlans=vlans,
    )  # fmt: skip


# -- MAC addresses and VLANs --------------------------------------------------------------------------------------


def macs(switch: RuijieSwitch) -> list[tuple[int, str, str, str]]:
    """List (VLAN, MAC, type, port) of what is secured and what was learned."""
    rows: list[tuple[int, str, str, str]] = []
    ports = {entry.port: entry.name for entry in switch.running.physical()}
    for entry in switch.running.physical():
        if entry.security.enabled:
            held = entry.security.macs.values()
            rows += [
                (entry.vlan_of(m), m.mac, "DYNAMIC" if m.kind == "dynamic" else "STATIC", entry.name) for m in held
            ]
    known = {row[:2] for row in rows}
    learned = [row for row in switch.learned() if (row.vlan, row.mac) not in known]
    return [*rows, *((row.vlan, row.mac, "DYNAMIC", ports[row.port]) for row in learned)]


def show_mac_table(call: Call) -> str:
    """Show the MAC address table."""
    values, words, only = call.match.values, call.match.words, call.interface()
    wanted = [word.upper() for word in ("dynamic", "static") if word in words]
    rows = [
        f"{vlan:<10}  {names.dotted(mac):<20} {kind:<8} {name}"
        for vlan, mac, kind, name in sorted(macs(call.switch))
        if (not wanted or kind in wanted)
        and values.get("vlan", vlan) == vlan
        and values.get("mac", mac) == mac
        and (only is None or only.name == name)
    ]
    return "\n".join([_MAC, *rows])


def show_mac_count(call: Call) -> str:
    """Count the addresses."""
    rows = macs(call.switch)
    dynamic = sum(row[2] == "DYNAMIC" for row in rows)
    return (
        f"Dynamic Address Count  : {dynamic}\nStatic  Address Count  : {len(rows) - dynamic}\n"
        f"Filter  Address Count  : 0\nTotal Mac Addresses    : {len(rows)}"
    )


def show_mac_aging(call: Call) -> str:
    """Show the aging time."""
    del call
    return "Aging time    : 300"


def show_vlan(call: Call) -> str:
    """Show the VLANs with the ports in them."""
    only = call.match.values.get("vlan")
    running, out = call.switch.running, [_VLAN]
    for number, name in sorted(running.vlans.items()):
        if only not in {None, number}:
            continue
        ports = [names.short(entry.name) for entry in running.physical() if entry.carries(number)]
        rows = [", ".join(ports[at : at + 4]) for at in range(0, len(ports), 4)] or [""]
        rows = [f"{row}, " if at < len(rows) - 1 else row for at, row in enumerate(rows)]
        out.append(f"{number:>4} {name:<32} STATIC    {rows[0]}")
        out += [" " * 48 + row for row in rows[1:]]
    return "\n".join(out)


# -- LLDP ---------------------------------------------------------------------------------------------------------


def show_lldp(call: Call) -> str:
    """List the neighbours."""
    only, seen = call.interface(), call.switch.config.neighbours
    rows = [
        f"{held.system:<18} {names.short(name):<21} {held.port:<18} {'B, R':<13} 30seconds"
        for name, held in seen.items()
        if (only is None or only.name == name) and _reached(call.switch, name)
    ]
    return "\n".join([_LLDP, *rows, f"Total entries displayed: {len(rows)}"])


def _reached(switch: RuijieSwitch, name: str) -> bool:
    entry = switch.running.interfaces.get(name)
    return switch.running.lldp and entry is not None and switch.link(entry)


def show_lldp_detail(call: Call) -> str:
    """Show the neighbours in full."""
    only = call.interface()
    return "\n".join(
        text("lldp_detail.txt")
        .rstrip("\n")
        .format(local=name, index=1, chassis=names.dotted(seen.chassis), port=seen.port, system=seen.system)
        for name, seen in call.switch.config.neighbours.items()
        if (only is None or only.name == name) and _reached(call.switch, name)
    )


def show_lldp_status(call: Call) -> str:
    """Show whether LLDP runs."""
    return f"Global status of LLDP : {'Enable' if call.switch.running.lldp else 'Disable'}"


COMMANDS: dict[str, Handler] = {
    "show_status": show_status,
    "show_err_disabled": show_err_disabled,
    "show_switchport": show_switchport,
    "show_description": show_description,
    "show_trunk": show_trunk,
    "show_interfaces": show_interfaces,
    "show_mac_table": show_mac_table,
    "show_mac_count": show_mac_count,
    "show_mac_aging": show_mac_aging,
    "show_vlan": show_vlan,
    "show_lldp": show_lldp,
    "show_lldp_detail": show_lldp_detail,
    "show_lldp_status": show_lldp_status,
}

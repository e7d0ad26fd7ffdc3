"""show interfaces …, show vlan, show mac address-table, show lldp …: layouts of the recordings."""

from __future__ import annotations

from lab.switch.persona.cisco import names
from lab.switch.persona.cisco.call import ExecCall, ExecHandler
from lab.switch.persona.cisco.language import text
from lab.switch.persona.cisco.names import ACCESS
from lab.switch.persona.cisco.switch import CiscoSwitch
from lab.switch.persona.model import Interface
from lab.switch.persona.state import Switch

_STATUS = "Port      Name               Status       Vlan       Duplex  Speed Type"
_ERR_DISABLED = "Port      Name               Status       Reason"
_MAC_HEAD = """          Mac Address Table
-------------------------------------------

Vlan    Mac Address       Type        Ports
----    -----------       --------    -----"""
#: Addresses that every Catalyst of the family lists for its own processor (shortened by none: 20 in all).
_CPU = [
    "0100.0ccc.cccc", "0100.0ccc.cccd", *(f"0180.c200.{at:04x}" for at in range(0x11)), "ffff.ffff.ffff",
]  # fmt: skip


def _ports(call: ExecCall) -> list[Interface]:
    entry = call.interface("if")
    return call.switch.running.physical() if entry is None else [entry]


def show_status(call: ExecCall) -> str:
    """Show the status table, or only err-disabled ports with the reason."""
    if "err-disabled" in call.match.words:
        rows = [
            f"{names.short(e.name):<9} {e.description[:18]:<18} {'err-disabled':<12} {e.err_disabled}"
            for e in _ports(call)
            if e.err_disabled
        ]
        return "\n".join(["", _ERR_DISABLED, *rows]) if rows else ""
    rows = [_status_row(call.switch, entry) for entry in _ports(call) if entry.physical]
    return "\n".join(["", _STATUS, *rows])


def _status_row(switch: CiscoSwitch, entry: Interface) -> str:
    status = switch.status(entry)
    up = status in {"connected", "inactive"}
    vlan = "trunk" if entry.trunk else str(entry.access_vlan)
    duplex, speed = ("a-full", "a-1000") if up else ("auto", "auto")
    name = f"{names.short(entry.name):<9} {entry.description[:18]:<18}"
    return f"{name} {status:<12} {vlan:<10} {duplex:>6} {speed:>6} 10/100/1000BaseTX"


def show_switchport(call: ExecCall) -> str:
    """Show modes and VLANs."""
    return "\n".join(_switchport(call.switch, entry) for entry in _ports(call) if entry.physical)


def _switchport(switch: Switch, entry: Interface) -> str:
    up = switch.link(entry)
    oper = ("trunk" if entry.trunk else ACCESS) if up else "down"
    voice = next((line.split()[-1] for line in entry.extra if line.startswith("switchport voice vlan")), "none")
    encapsulation = f"Operational Trunking Encapsulation: {'dot1q' if entry.trunk else 'native'}\n" if up else ""
    return text("switchport.txt").format(
        short=names.short(entry.name),
        mode=entry.mode,
        oper=oper,
        oper_encapsulation=encapsulation,
        negotiation="Off" if "nonegotiate" in entry.flags or entry.mode == ACCESS else "On",
        access=_vlan_words(switch, entry.access_vlan),
        native=_vlan_words(switch, entry.native_vlan),
        voice=voice,
        allowed="ALL" if entry.allowed is None else names.vlan_ranges(entry.allowed) or "NONE",
    )


def _vlan_words(switch: Switch, number: int) -> str:
    return f"{number} ({switch.running.vlans.get(number, 'Inactive')})"


def show_trunk(call: ExecCall) -> str:
    """Show the trunks; nothing when there is none."""
    trunks = [e for e in _ports(call) if e.physical and e.trunk and call.switch.link(e)]
    if not trunks:
        return ""
    alive = set(call.switch.running.vlans)
    out = ["", "Port        Mode             Encapsulation  Status        Native vlan"]
    out += [f"{names.short(e.name):<12}{'on':<17}{'802.1q':<15}{'trunking':<14}{e.native_vlan}" for e in trunks]
    for head, inside in (
        ("Vlans allowed on trunk", None),
        ("Vlans allowed and active in management domain", alive),
        ("Vlans in spanning tree forwarding state and not pruned", alive),
    ):
        out += ["", f"Port        {head}"]
        for entry in trunks:
            carried = set(range(1, 4095)) if entry.allowed is None else set(entry.allowed)
            shown = carried if inside is None else carried & inside
            out.append(f"{names.short(entry.name):<12}{names.vlan_ranges(shown) or 'none'}")
    return "\n".join(out)


def show_description(call: ExecCall) -> str:
    """Show descriptions."""
    out = ["Interface                      Status         Protocol Description"]
    entries = list(call.switch.running.interfaces.values()) if call.interface("if") is None else _ports(call)
    for entry in entries:
        up = call.switch.link(entry)
        status = "admin down" if entry.shutdown else "up" if up else "down"
        row = f"{names.short(entry.name):<30} {status:<14} {'up' if up else 'down':<8} {entry.description}"
        out.append(row.rstrip())
    return "\n".join(out)


def show_interfaces(call: ExecCall) -> str:
    """Show interfaces in full."""
    one = call.interface("if")
    entries = list(call.switch.running.interfaces.values()) if one is None else [one]
    return "".join(_interface(call.switch, entry) for entry in entries).rstrip("\n")


def _interface(switch: CiscoSwitch, entry: Interface) -> str:
    status = switch.status(entry)
    up = switch.link(entry)
    line = "administratively down" if entry.shutdown else "up" if up else "down"
    protocol = "up" if up else "down"
    if entry.physical:
        protocol += f" ({status}) "
    return text("interface_state.txt").format(
        name=entry.name,
        line=line,
        protocol=protocol,
        hardware="Gigabit Ethernet" if entry.physical else "EtherSVI",
        mac=names.dotted(switch.mac_of(entry)),
        description=f"  Description: {entry.description}\n" if entry.description else "",
        bandwidth=1000000 if up else 10000,
        duplex="Full-duplex" if up else "Auto-duplex",
        speed="1000Mb/s" if up else "Auto-speed",
    )


def show_ip_interfaces(call: ExecCall) -> str:
    """Show addresses in brief."""
    out = ["Interface              IP-Address      OK? Method Status                Protocol"]
    for entry in call.switch.running.interfaces.values():
        address = next((line.split()[2] for line in entry.extra if line.startswith("ip address ")), "unassigned")
        up = call.switch.link(entry)
        status = "administratively down" if entry.shutdown else "up" if up else "down"
        out.append(f"{entry.name:<22} {address:<15} YES unset  {status:<21} {'up' if up else 'down'}")
    return "\n".join(out)


def show_mac_table(call: ExecCall) -> str:
    """Show the MAC address table: processor, secure (STATIC) and learned (DYNAMIC) addresses."""
    rows: list[tuple[int, str, str, str]] = []
    for entry in call.switch.running.physical():
        if entry.security.enabled and call.switch.link(entry):
            rows += [(entry.vlan_of(s), s.mac, "STATIC", entry.name) for s in entry.security.macs.values()]
    ports = {entry.port: entry.name for entry in call.switch.running.physical()}
    rows += [(row.vlan, row.mac, "DYNAMIC", ports[row.port]) for row in call.switch.learned()]
    wanted = [row for row in sorted(rows) if _chosen(call, row)]
    words = set(call.match.words)
    cpu = [] if call.match.values or "dynamic" in words else _CPU
    out = [_MAC_HEAD]
    out += [f" All    {mac}    STATIC      CPU" for mac in cpu]
    out += [f"{vlan:>4}    {names.dotted(mac)}    {kind:<11} {names.short(name)}" for vlan, mac, kind, name in wanted]
    out.append(f"Total Mac Addresses for this criterion: {len(cpu) + len(wanted)}")
    return "\n".join(out)


def _chosen(call: ExecCall, row: tuple[int, str, str, str]) -> bool:
    values, words = call.match.values, set(call.match.words)
    vlan, mac, kind, name = row
    if {"dynamic", "static"} & words and kind.lower() not in words:
        return False
    return (
        values.get("vlan", vlan) == vlan
        and values.get("mac", mac) == mac
        and (call.interface("if") is None or values["if"] == name)
    )


def show_mac_count(call: ExecCall) -> str:
    """Count the addresses by VLAN."""
    out = []
    secured = [entry for entry in call.switch.running.physical() if entry.security.enabled]
    secure = [(entry.vlan_of(held), held.mac) for entry in secured for held in entry.security.macs.values()]
    learned = [(row.vlan, row.mac) for row in call.switch.learned()]
    for number in sorted(call.switch.running.vlans):
        dynamic = sum(1 for vlan, _ in learned if vlan == number)
        static = sum(1 for vlan, _ in secure if vlan == number)
        out += [
            "", f"Mac Entries for Vlan {number}:", "---------------------------",
            f"Dynamic Address Count  : {dynamic}", f"Static  Address Count  : {static}",
            f"Total Mac Addresses    : {dynamic + static}",
        ]  # fmt: skip
    return "\n".join([*out, "", "Total Mac Address Space Available: 15923"])


def show_mac_aging(call: ExecCall) -> str:
    """Show the aging time."""
    del call
    return "Global Aging Time:  300\nVlan    Aging Time\n----    ----------"


def show_vlan(call: ExecCall) -> str:
    """Show the VLAN database with the access ports of each VLAN."""
    only = call.match.values.get("vlan")
    known = dict(sorted(call.switch.running.vlans.items()))
    if only is not None and only not in known:
        return f"VLAN id {only} not found in current VLAN database"
    out = [
        "",
        "VLAN Name                             Status    Ports",
        "---- -------------------------------- --------- -------------------------------",
    ]
    for number, name in known.items():
        if only in {None, number}:
            out += _vlan_rows(call.switch, number, name)
    if only is None:
        for number, name in ((1002, "fddi"), (1003, "token-ring"), (1004, "fddinet"), (1005, "trnet")):
            out.append(f"{number:<4} {name + '-default':<32} act/unsup ")
    if "brief" not in call.match.words:
        out += _vlan_details([number for number in known if only in {None, number}])
    return "\n".join(out)


def _vlan_rows(switch: Switch, number: int, name: str) -> list[str]:
    ports = [names.short(e.name) for e in switch.running.physical() if not e.trunk and e.access_vlan == number]
    lines: list[str] = []
    for port in ports:
        if lines and len(lines[-1]) + 2 + len(port) <= 31:
            lines[-1] += f", {port}"
        else:
            lines.append(port)
    first = f"{number:<4} {name[:32]:<32} {'active':<9} {lines[0] if lines else ''}"
    return [first, *(" " * 48 + line for line in lines[1:])]


def _vlan_details(numbers: list[int]) -> list[str]:
    out = [
        "",
        "VLAN Type  SAID       MTU   Parent RingNo BridgeNo Stp  BrdgMode Trans1 Trans2",
        "---- ----- ---------- ----- ------ ------ -------- ---- -------- ------ ------",
    ]
    rest = "1500  -      -      -        -    -        0      0   "
    out += [f"{number:<4} enet  {100000 + number:<10} {rest}" for number in numbers]
    return [
        *out, "", "Remote SPAN VLANs", "-" * 78, "", "", "Primary Secondary Type              Ports",
        "------- --------- ----------------- ------------------------------------------", "",
    ]  # fmt: skip


def show_lldp(call: ExecCall) -> str:
    """Show the state of LLDP."""
    if not call.switch.running.lldp:
        return "% LLDP is not enabled"
    return (
        "\nGlobal LLDP Information:\n    Status: ACTIVE\n    LLDP advertisements are sent every 30 seconds\n"
        "    LLDP hold time advertised is 120 seconds\n    LLDP interface reinitialisation delay is 2 seconds"
    )


def show_lldp_neighbors(call: ExecCall) -> str:
    """Show LLDP neighbours, in brief or in detail."""
    if not call.switch.running.lldp:
        return "% LLDP is not enabled"
    only = call.interface("if")
    interfaces = call.switch.running.interfaces
    heard = {
        name: seen
        for name, seen in call.switch.config.neighbours.items()
        if (only is None or only.name == name) and name in interfaces and call.switch.link(interfaces[name])
    }
    total = f"\nTotal entries displayed: {len(heard)}"
    if "detail" in call.match.words:
        blocks = [
            text("lldp_detail.txt").format(
                local=names.short(name), chassis=names.dotted(seen.chassis), port=seen.port, system=seen.system,
                remaining=105,
            )
            for name, seen in heard.items()
        ]  # fmt: skip
        return "".join(blocks) + total
    head = (
        "Capability codes:\n    (R) Router, (B) Bridge, (T) Telephone, (C) DOCSIS Cable Device\n"
        "    (W) WLAN Access Point, (P) Repeater, (S) Station, (O) Other\n\n"
        "Device ID           Local Intf     Hold-time  Capability      Port ID"
    )
    rows = [
        f"{seen.system[:20]:<20}{names.short(name):<15}{120:<11}{'B':<16}{seen.port}" for name, seen in heard.items()
    ]
    return "\n".join([head, *rows, total])


COMMANDS: dict[str, ExecHandler] = {
    "show_status": show_status,
    "show_switchport": show_switchport,
    "show_trunk": show_trunk,
    "show_description": show_description,
    "show_interfaces": show_interfaces,
    "show_ip_interfaces": show_ip_interfaces,
    "show_mac_table": show_mac_table,
    "show_mac_count": show_mac_count,
    "show_mac_aging": show_mac_aging,
    "show_vlan": show_vlan,
    "show_lldp": show_lldp,
    "show_lldp_neighbors": show_lldp_neighbors,
}

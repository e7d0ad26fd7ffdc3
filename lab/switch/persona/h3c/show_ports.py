"""display interface …, vlan …, mac-address, lldp …: layouts of the recordings (hp_comware)."""

from __future__ import annotations

from lab.switch.persona.h3c import names
from lab.switch.persona.h3c.call import Call, Handler
from lab.switch.persona.h3c.language import text
from lab.switch.persona.h3c.switch import H3cSwitch
from lab.switch.persona.model import Interface

_ROUTE = """Brief information on interfaces in route mode:
Link: ADM - administratively down; Stby - standby
Protocol: (s) - spoofing
Interface            Link Protocol Primary IP      Description"""
_BRIDGE = """Brief information on interfaces in bridge mode:
Link: ADM - administratively down; Stby - standby
Speed: (a) - auto
Duplex: (a)/A - auto; H - half; F - full
Type: A - access; T - trunk; H - hybrid
Interface            Link Speed   Duplex Type PVID Description"""
_MAC = "MAC Address      VLAN ID    State            Port/Nickname            Aging"
_LLDP = """Chassis ID : * -- -- Nearest nontpmr bridge neighbor
             # -- -- Nearest customer bridge neighbor
             Default -- -- Nearest bridge neighbor
Local Interface Chassis ID      Port ID                    System Name"""


def address(entry: Interface) -> str:
    """Give the IP address of a VLAN's interface; empty without one."""
    line = next((line for line in entry.extra if line.startswith("ip address ")), "")
    return line.split()[2] if len(line.split()) > 2 else ""


def show_brief(call: Call) -> str:
    """Show the interfaces, a line each: routed ones first."""
    only = call.interface()
    entries = list(call.switch.running.interfaces.values()) if only is None else [only]
    if "down" in call.match.words:
        return _down([entry for entry in entries if not call.switch.link(entry)])
    routed = [entry for entry in entries if not entry.physical]
    ports = [entry for entry in entries if entry.physical]
    blocks = []
    if routed or only is None:
        spoofed = ["NULL0                UP   UP(s)    --"] if only is None else []
        blocks.append("\n".join([_ROUTE, *spoofed, *(_routed(call.switch, entry) for entry in routed)]))
    if ports:
        blocks.append("\n".join([_BRIDGE, *(_bridged(call.switch, entry) for entry in ports)]))
    return "\n\n".join(blocks)


def _down(entries: list[Interface]) -> str:
    """Show what is down, and why: a table of its own (HP 3100 v2 command reference, display interface brief down)."""
    tables = ((_ROUTE, False), (_BRIDGE, True))
    blocks = []
    for head, physical in tables:
        rows = [_cause(entry) for entry in entries if entry.physical is physical]
        legend = head.splitlines()[:2]
        blocks += ["\n".join([*legend, "Interface            Link Cause", *rows])] if rows else []
    return "\n\n".join(blocks)


def _cause(entry: Interface) -> str:
    link = "ADM" if entry.shutdown else "DOWN"
    cause = (
        "Administratively" if entry.shutdown else "Port Security Disabled" if entry.err_disabled else "Not connected"
    )
    return f"{names.short(entry.name):<20} {link:<4} {cause}"


def _routed(switch: H3cSwitch, entry: Interface) -> str:
    link = "ADM" if entry.shutdown else "UP" if switch.link(entry) else "DOWN"
    up = "UP" if link == "UP" else "DOWN"
    name = names.short(entry.name)
    return f"{name:<20} {link:<4} {up:<8} {address(entry) or '--':<15} {entry.description}".rstrip()


def _bridged(switch: H3cSwitch, entry: Interface) -> str:
    up = switch.link(entry)
    link = "ADM" if entry.shutdown else "UP" if up else "DOWN"
    speed, duplex = ("1G(a)", "F(a)") if up else ("auto", "A")
    kind, pvid = ("T", entry.native_vlan) if entry.trunk else ("A", entry.access_vlan)
    row = f"{names.short(entry.name):<20} {link:<4} {speed:<7} {duplex:<6} {kind:<4} {pvid:<4} {entry.description[:27]}"
    return row.rstrip()


def show_interface(call: Call) -> str:
    """Show interfaces in full."""
    only = call.interface()
    entries = call.switch.running.physical() if only is None else [only]
    return "\n".join(_interface(call.switch, entry) for entry in entries).rstrip("\n")


def _interface(switch: H3cSwitch, entry: Interface) -> str:
    up = switch.link(entry)
    state = "Administratively DOWN" if entry.shutdown else "UP" if up else "DOWN"
    if entry.err_disabled:
        state = "DOWN ( Port Security Disabled )"
    description = entry.description or f"{entry.name} Interface"
    if not entry.physical:
        return f"{entry.name}\nCurrent state: {state}\nLine protocol state: {state}\nDescription: {description}\n"
    return text("interface_state.txt").format(
        name=entry.name,
        state=state,
        protocol="UP" if up else "DOWN",
        mac=names.hyphened(switch.mac_of(entry)),
        description=description,
        speed="1000Mbps" if up else "Unknown",
        duplex="full" if up else "unknown",
        pvid=entry.native_vlan if entry.trunk else entry.access_vlan,
        link=_link_type(switch, entry),
    )


def _link_type(switch: H3cSwitch, entry: Interface) -> str:
    if not entry.trunk:
        return f"Port link-type: Access\n Tagged VLANs:   None\n Untagged VLANs: {entry.access_vlan}\n"
    permitted = frozenset(range(1, 4095)) if entry.allowed is None else entry.allowed
    passing = names.vlan_ranges(permitted & switch.running.vlans.keys(), entry.native_vlan)
    return (
        "Port link-type: Trunk\n"
        f" VLAN Passing:   {passing}\n"
        f" VLAN permitted: {names.vlan_ranges(permitted, entry.native_vlan)}\n"
        " Trunk port encapsulation: IEEE 802.1q\n"
    )


def show_trunks(call: Call) -> str:
    """Show the trunks."""
    alive = call.switch.running.vlans.keys()
    rows = [
        f"{names.short(e.name):<19} {e.native_vlan:<7} {names.vlan_ranges((e.allowed or frozenset()) & alive)}"
        for e in call.switch.running.physical()
        if e.trunk
    ]
    return "\n".join(["Interface           PVID    VLAN Passing", *rows])


# -- MAC addresses ------------------------------------------------------------------------------------------------


def _macs(switch: H3cSwitch) -> list[tuple[str, int, str, str, str]]:
    """List (MAC, VLAN, state, port, aging)."""
    rows: list[tuple[str, int, str, str, str]] = []
    ports = {entry.port: entry.name for entry in switch.running.physical()}
    for entry in switch.running.physical():
        if entry.security.enabled:
            rows += [(held.mac, held.vlan or 0, "Security", entry.name, "N") for held in entry.security.macs.values()]
    rows += [(held.mac, held.vlan, "Static", held.interface, "N") for held in switch.own.statics]
    known = {(row[0], row[1]) for row in rows}
    learned = [row for row in switch.learned() if (row.mac, row.vlan) not in known]
    return [*rows, *((row.mac, row.vlan, "Learned", ports[row.port], "Y") for row in learned)]


def show_mac(call: Call) -> str:
    """Show the MAC address table."""
    values, words, only = call.match.values, set(call.match.words), call.interface()
    states = {"dynamic": "Learned", "static": "Static", "security": "Security"}
    wanted = {states[word] for word in words & states.keys()}
    rows = [
        row
        for row in sorted(_macs(call.switch))
        if (not wanted or row[2] in wanted)
        and values.get("vlan", row[1]) == row[1]
        and values.get("mac", row[0]) == row[0]
        and (only is None or only.name == row[3])
    ]
    shown = [
        f"{names.hyphened(mac):<16} {vlan:<10} {state:<16} {names.short(name):<24} {aging}"
        for mac, vlan, state, name, aging in rows
    ]
    return "\n".join([_MAC, *shown])


def show_mac_count(call: Call) -> str:
    """Count the addresses."""
    return f"{len(_macs(call.switch))} mac address(es) found."


def show_mac_aging(call: Call) -> str:
    """Show the aging time."""
    del call
    return "MAC address aging time: 300s."


# -- VLANs --------------------------------------------------------------------------------------------------------


def show_vlan(call: Call) -> str:
    """Count and list the VLANs."""
    numbers = sorted(call.switch.running.vlans)
    listed = ", ".join(f"{number}(default)" if number == 1 else str(number) for number in numbers)
    return f" Total VLANs: {len(numbers)}\n The VLANs include:\n {listed}"


def show_vlan_one(call: Call) -> str:
    """Show one VLAN with its ports."""
    number = call.number("vlan")
    if number not in call.switch.running.vlans:
        return "The VLAN does not exist."
    return _vlan(call.switch, number)


def show_vlan_all(call: Call) -> str:
    """Show every VLAN with its ports."""
    return "\n\n".join(_vlan(call.switch, number) for number in sorted(call.switch.running.vlans))


def _members(switch: H3cSwitch, number: int) -> tuple[list[str], list[str]]:
    """Give the tagged and the untagged ports of a VLAN."""
    ports = [entry for entry in switch.running.physical() if entry.carries(number)]
    tagged = [entry.name for entry in ports if entry.trunk and entry.native_vlan != number]
    return tagged, [entry.name for entry in ports if entry.name not in tagged]


def _vlan(switch: H3cSwitch, number: int) -> str:
    tagged, untagged = _members(switch, number)
    has = f"Vlan-interface{number}" in switch.running.interfaces
    return "\n".join(
        [
            f" VLAN ID: {number}",
            " VLAN type: Static",
            f" Route interface: {'Configured' if has else 'Not configured'}",
            f" Description: VLAN {number:04}",
            f" Name: {switch.running.vlans[number]}",
            *_listed("Tagged ports:  ", tagged),
            *_listed("Untagged ports:", untagged),
        ]
    )


def _listed(head: str, ports: list[str]) -> list[str]:
    if not ports:
        return [f" {head} None"]
    rows = ["    " + "".join(f"{name:<30}" for name in ports[at : at + 2]) for at in range(0, len(ports), 2)]
    return [f" {head}", *rows]


def show_vlan_brief(call: Call) -> str:
    """Show the VLANs with the short names of their ports."""
    out = [
        "Brief information about all VLANs:", "Supported Minimum VLAN ID: 1", "Supported Maximum VLAN ID: 4094",
        "Default VLAN ID: 1", "VLAN ID   Name                             Port",
    ]  # fmt: skip
    for number, name in sorted(call.switch.running.vlans.items()):
        ports = [names.short(port) for group in _members(call.switch, number) for port in group]
        rows = ["  ".join(ports[at : at + 3]) for at in range(0, len(ports), 3)] or [""]
        out.append(f"{number:<9} {name[:32]:<32} {rows[0]}".rstrip())
        out += [" " * 43 + row for row in rows[1:]]
    return "\n".join(out)


# -- LLDP ---------------------------------------------------------------------------------------------------------


def show_lldp_list(call: Call) -> str:
    """List the neighbours."""
    if not call.switch.running.lldp:
        return "LLDP is not configured."
    rows = [
        f"{names.short(name):<15} {names.hyphened(seen.chassis):<15} {seen.port[:26]:<26} {seen.system}"
        for name, seen in call.switch.neighbours().items()
    ]
    return "\n".join([_LLDP, *rows])


def show_lldp(call: Call) -> str:
    """Show the neighbours in full."""
    if not call.switch.running.lldp:
        return "LLDP is not configured."
    only = call.interface()
    return "\n".join(
        text("lldp_verbose.txt").format(
            number=names.base_port(name), local=name, index=1, chassis=names.hyphened(seen.chassis), port=seen.port,
            system=seen.system,
        )
        for name, seen in call.switch.neighbours().items()
        if only is None or only.name == name
    ).rstrip("\n")  # fmt: skip


def show_lldp_status(call: Call) -> str:
    """Show whether LLDP runs."""
    state = "Enable" if call.switch.running.lldp else "Disable"
    return f"Global status of LLDP: {state}\nBridge mode of LLDP: customer-bridge"


COMMANDS: dict[str, Handler] = {
    "show_brief": show_brief,
    "show_brief_down": show_brief,
    "show_interface": show_interface,
    "show_trunks": show_trunks,
    "show_mac": show_mac,
    "show_mac_count": show_mac_count,
    "show_mac_aging": show_mac_aging,
    "show_vlan": show_vlan,
    "show_vlan_one": show_vlan_one,
    "show_vlan_all": show_vlan_all,
    "show_vlan_brief": show_vlan_brief,
    "show_lldp_list": show_lldp_list,
    "show_lldp": show_lldp,
    "show_lldp_status": show_lldp_status,
}

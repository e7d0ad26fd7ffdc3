"""display interface …, display port vlan, display vlan, display lldp …: layouts of the recordings and references."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.switch.persona.config import Neighbour
from lab.switch.persona.huawei import names
from lab.switch.persona.huawei.display import Display, Shown
from lab.switch.persona.huawei.language import text
from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.model import Interface

_VLAN_LEGEND5 = """\
U: Up;         D: Down;         TG: Tagged;         UT: Untagged;
MP: Vlan-mapping;               ST: Vlan-stacking;
#: ProtocolTransparent-vlan;    *: Management-vlan;"""
_VLAN_LEGEND8 = f"""{_VLAN_LEGEND5}
MAC-LRN: MAC-address learning;  STAT: Statistic;
BC: Broadcast; MC: Multicast;   UC: Unknown-unicast;
FWD: Forward;  DSD: Discard;"""
_LINE = "-" * 80


def physical(switch: HuaweiSwitch, entry: Interface) -> str:
    """Give the word of the PHY column: error-down shows as down on VRP 5, and says so on VRP 8."""
    if entry.shutdown:
        return "*down"
    if entry.err_disabled and switch.edition.two_stage:
        return "down(ed)"
    return "up" if switch.link(entry) else "down"


def display_brief(call: Shown) -> str:
    """Show all interfaces in brief."""
    switch = call.switch
    wide = switch.edition.two_stage
    name, phy = (26, 8) if wide else (27, 5)
    head = f"{'Interface':<{name}} {'PHY':<{phy}} {'Protocol':<9} InUti OutUti   inErrors  outErrors"
    out = [text(f"brief{switch.edition.number}.txt").rstrip("\n"), head]
    for entry in [*switch.running.physical(), *_vlanifs(switch)]:
        up = switch.link(entry)
        uti = ["--", "--"] if not entry.physical else ["0%", "0%"]
        row = f"{entry.name:<{name}} {physical(switch, entry):<{phy}} {'up' if up else 'down':<9}"
        out.append(f"{row} {uti[0]:>5} {uti[1]:>6} {0:>10} {0:>10}")
    out.append(f"{'NULL0':<{name}} {'up':<{phy}} {'up(s)':<9} {'0%':>5} {'0%':>6} {0:>10} {0:>10}")
    return "\n".join(out)


def _vlanifs(switch: HuaweiSwitch) -> list[Interface]:
    return [entry for entry in switch.running.interfaces.values() if not entry.physical]


def display_description(call: Shown) -> str:
    """Show descriptions."""
    switch = call.switch
    legend = text(f"brief{switch.edition.number}.txt").splitlines()[:-1]
    out = [*legend, f"{'Interface':<30}{'PHY':<8}{'Protocol':<9}Description"]
    entries = call.ports() if call.interface() else [*switch.running.physical(), *_vlanifs(switch)]
    for entry in entries:
        up = "up" if switch.link(entry) else "down"
        out.append(f"{entry.name:<30}{physical(switch, entry):<8}{up:<9}{entry.description}".rstrip())
    return "\n".join(out)


def display_interface(call: Shown) -> str:
    """Show interfaces in full."""
    one = call.interface()
    entries = [*call.switch.running.physical(), *_vlanifs(call.switch)] if one is None else [one]
    return "\n".join(_interface(call.switch, entry) for entry in entries).rstrip("\n")


def _interface(switch: HuaweiSwitch, entry: Interface) -> str:
    up = switch.link(entry)
    state = "UP" if up else "DOWN"
    if entry.err_disabled:
        state = f"ERROR DOWN({entry.err_disabled})"
    elif entry.shutdown:
        state = "Administratively DOWN"
    if switch.edition.two_stage:
        state += f" (ifindex: {switch.edition.if_index(entry.name)})"
    if not entry.physical:
        protocol = "UP" if up else "DOWN"
        return (
            f"{entry.name} current state : {state}\nLine protocol current state : {protocol}\n"
            f"Description:{entry.description}\nRoute Port,The Maximum Transmit Unit is 1500\n"
        )
    return text("interface_state.txt").format(
        name=entry.name,
        state=state,
        protocol="UP" if up else "DOWN",
        description=entry.description,
        link_type=entry.mode,
        how="configured" if entry.mode != switch.edition.default_mode else "negotiated",
        pvid=pvid(entry),
        mac=names.hyphened(switch.mac_of(entry)),
        now=f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
        speed=1000 if up else 10,
        duplex="FULL" if up else "HALF",
    )


def pvid(entry: Interface) -> int:
    """Give the VLAN of a port's untagged frames."""
    return entry.native_vlan if entry.trunk else entry.access_vlan


def display_ip_brief(call: Shown) -> str:
    """Show addresses in brief."""
    out = ["*down: administratively down", "^down: standby", "(l): loopback", "(s): spoofing", "(E): E-Trunk down"]
    rows = []
    for entry in _vlanifs(call.switch):
        address = next((line.split()[2] for line in entry.extra if line.startswith("ip address ")), "unassigned")
        up = "up" if call.switch.link(entry) else "down"
        rows.append(f"{entry.name:<34}{address:<21}{physical(call.switch, entry):<11}{up}")
    head = f"{'Interface':<34}{'IP Address/Mask':<21}{'Physical':<11}Protocol"
    return "\n".join([*out, head, *rows])


def display_port_vlan(call: Shown) -> str:
    """Show link types and VLANs; a list that does not fit goes on below itself."""
    eight = call.switch.edition.two_stage
    active = "active" in call.match.words
    if active:
        out = ["T=TAG U=UNTAG", "Port                    Link Type    PVID        VLAN List", "-" * 79]
    elif eight:
        out = [f"{'Port':<24}{'Link Type':<13}PVID  {'Trunk VLAN List':<37}Port Description", "-" * 111]
    else:
        out = [f"{'Port':<28}{'Link Type':<13}PVID  Trunk VLAN List", "-" * 79]
    for entry in call.ports():
        if entry.physical:
            out += _active(call.switch, entry) if active else _port_vlan(entry, eight)
    return "\n".join(out)


def _active(switch: HuaweiSwitch, entry: Interface) -> list[str]:
    carried = {number for number in switch.running.vlans if entry.carries(number)}
    tagged = carried - {pvid(entry)} if entry.trunk else set()
    words = [
        f"{mark}:{' '.join(names.ranged(some))}" for mark, some in (("U", carried - tagged), ("T", tagged)) if some
    ]
    return [f"{entry.name:<24}{entry.mode:<13}{pvid(entry):<12}{' '.join(words) or '-'}"]


def _port_vlan(entry: Interface, eight: bool) -> list[str]:
    allowed = frozenset(range(1, 4095)) if entry.allowed is None else entry.allowed
    lists = _wrapped(names.ranged(allowed)) if entry.trunk else ["-"]
    width = 24 if eight else 28
    first = f"{entry.name:<{width}}{entry.mode:<13}{pvid(entry):<6}"
    if not eight:
        return [first + lists[0], *(" " * 47 + more for more in lists[1:])]
    rows = [f"{first}{lists[0]:<37}{entry.description}".rstrip()]
    return rows + [" " * 43 + more for more in lists[1:]]


def _wrapped(parts: list[str]) -> list[str]:
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(part) + 1 <= 32:
            lines[-1] += f" {part}"
        else:
            lines.append(part)
    return [f"{line} " for line in lines[:-1]] + lines[-1:] or ["-"]


def display_vlan(call: Shown) -> str:
    """Show the VLANs with their ports, or one."""
    switch, only = call.switch, call.match.values.get("vlan")
    numbers = sorted(switch.running.vlans)
    if only is not None:
        if only not in switch.running.vlans:
            return "Error: The VLAN does not exist."
        numbers = [number for number in numbers if number == only]
    if switch.edition.two_stage:
        return _vlans8(switch, numbers, ports=only is not None)
    out = [] if only is not None else [f"The total number of VLANs is: {len(numbers)}"]
    out += [_LINE, _VLAN_LEGEND5, _LINE, "", "VID  Type    Ports", _LINE]
    for number in numbers:
        out += _members(switch, number, f"{number:<5}common  ")
    out += ["", "VID  Status  Property      MAC-LRN Statistics Description", _LINE]
    out += [f"{number:<5}enable  default       enable  disable    {_described(switch, number)}" for number in numbers]
    return "\n".join(out)


def _vlans8(switch: HuaweiSwitch, numbers: list[int], *, ports: bool) -> str:
    out = [f"The total number of vlans is : {len(numbers)}"]
    if ports:
        out = [_LINE, _VLAN_LEGEND8, _LINE, "", "VID          Ports", _LINE]
        for number in numbers:
            out += _members(switch, number, f"{number:>4}         ")
        out.append("")
    out += ["VID  Type     Status  Property  MAC-LRN STAT    BC  MC  UC  Description", _LINE]
    for number in numbers:
        head = f"{number:>4} common   " if ports else f"{number:<5}common   "
        out.append(f"{head}enable  default   enable  disable FWD FWD FWD {_described(switch, number)}")
    return "\n".join(out)


def _described(switch: HuaweiSwitch, number: int) -> str:
    line = next((line for line in switch.running.lines.get(f"vlan {number}", [])), "")
    return line.removeprefix("description ") or f"VLAN {number:04}"


def _members(switch: HuaweiSwitch, number: int, head: str) -> list[str]:
    untagged = [e for e in switch.running.physical() if e.carries(number) and pvid(e) == number]
    tagged = [e for e in switch.running.physical() if e.carries(number) and pvid(e) != number]
    out: list[str] = []
    for mark, members in (("UT:", untagged), ("TG:", tagged)):
        words = [f"{switch.edition.kinds.brief(e.name)}({'U' if switch.link(e) else 'D'})" for e in members]
        for at in range(0, len(words), 4):
            row = "".join(f"{word:<16}" for word in words[at : at + 4]).rstrip()
            before = f"{'' if out else head:<13}{mark}" if at == 0 else " " * 16
            out.append(f"{before}{row}")
    return out or [head.rstrip()]


def display_vlan_summary(call: Shown) -> str:
    """Show how many VLANs there are."""
    numbers = call.switch.running.vlans
    word = "Number of static VLAN" if call.switch.edition.two_stage else "Total number of static vlans"
    return f"{word}: {len(numbers)}\nVLAN ID: {' '.join(names.ranged(set(numbers)))}"


# -- LLDP -------------------------------------------------------------------------------------------------------


def _heard(call: Shown) -> dict[str, Neighbour]:
    only, interfaces = call.interface(), call.switch.running.interfaces
    return {
        name: seen
        for name, seen in call.switch.config.neighbours.items()
        if (only is None or only.name == name) and name in interfaces and call.switch.link(interfaces[name])
    }


def display_lldp(call: Shown) -> str:
    """Show neighbours in full, port by port."""
    if not call.switch.running.lldp:
        return "Info: Global LLDP is not enabled."
    heard, number, out = _heard(call), call.switch.edition.number, []
    for entry in call.ports():
        seen = heard.get(entry.name)
        if seen is None:
            out.append(f"{entry.name} has 0 neighbor(s)\n")
            continue
        told = text(f"lldp{number}.txt").format(
            chassis=names.hyphened(seen.chassis), port=seen.port, system=seen.system
        )
        out.append(f"{entry.name} has 1 neighbor(s):\n\n{told}")
    return "\n".join(out).rstrip("\n")


def display_lldp_brief(call: Shown) -> str:
    """Show neighbours in brief (the column order is each software's own)."""
    if not call.switch.running.lldp:
        return "Info: Global LLDP is not enabled."
    kinds, rows = call.switch.edition.kinds, []
    for name, seen in _heard(call).items():
        if call.switch.edition.two_stage:
            rows.append(f"{name:<24}{105:>9}  {seen.port:<23} {seen.system}")
        else:
            rows.append(f"{kinds.brief(name):<17}{seen.system:<25}{seen.port:<26}{105}")
    if call.switch.edition.two_stage:
        head = "Local Interface         Exptime(s) Neighbor Interface      Neighbor Device"
        return "\n".join([head, "-" * 79, *rows])
    return "\n".join(["Local Intf       Neighbor Dev             Neighbor Intf             Exptime(s)", *rows])


COMMANDS: dict[str, Display] = {
    "display_brief": display_brief, "display_description": display_description,
    "display_interface": display_interface, "display_ip_brief": display_ip_brief,
    "display_port_vlan": display_port_vlan, "display_vlan": display_vlan, "display_vlan_summary": display_vlan_summary,
    "display_lldp": display_lldp, "display_lldp_brief": display_lldp_brief,
}  # fmt: skip

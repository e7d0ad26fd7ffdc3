"""The running configuration as text, in the order of IOS 15.2 on a Catalyst 2960-X."""

from __future__ import annotations

from datetime import datetime

from lab.switch.persona.cisco import names
from lab.switch.persona.cisco.names import ACCESS, DYNAMIC
from lab.switch.persona.model import Interface, Running, SecureMac

_FIRST = ("version", "no service", "service")
#: Global lines in the order in which they stand before the interfaces; what is not named stands after them.
_BEFORE = (
    "boot", "enable", "username", "aaa", "clock", "switch ", "system", "ip routing", "no ip routing", "ip domain",
    "no ip domain", "vtp", "mls", "ip arp inspection", "device-sensor", "spanning-tree", "no spanning-tree",
    "errdisable", "archive", "lldp", "no lldp", "cdp", "no cdp", "mac address-table",
)  # fmt: skip


def body(running: Running) -> str:
    """Write the configuration from `version` to `end`, without the lines about its size and age."""
    before = [line for line in running.extra if line.startswith(_BEFORE)]
    first = [line for line in running.extra if line.startswith(_FIRST)]
    after = [line for line in running.extra if line not in before and line not in first]
    out = ["version 15.2", *(first or _default_services()), "!", f"hostname {running.hostname}", "!"]
    out += [*before, *_features(running), "!", "vtp mode transparent", "!"]
    out += _vlans(running)
    for entry in running.interfaces.values():
        out += [*interface(entry), "!"]
    out += [_binding(b.mac, b.vlan, b.ip, b.interface) for b in running.bindings]
    out += after
    out.append("!")
    for head, lines in running.lines.items():
        out += [head, *(f" {line}" for line in lines), "!"]
    out.append("end")
    return "\n".join(out)


def _default_services() -> list[str]:
    return [
        "no service pad",
        "service timestamps debug datetime msec",
        "service timestamps log datetime msec",
        "no service password-encryption",
    ]


def _features(running: Running) -> list[str]:
    out = []
    if running.snooping_vlans:
        out.append(f"ip dhcp snooping vlan {names.vlan_ranges(running.snooping_vlans)}")
    if running.snooping:
        out.append("ip dhcp snooping")
    out += [f"errdisable recovery cause {cause}" for cause in sorted(running.recovery_causes)]
    if running.recovery_interval != 300:
        out.append(f"errdisable recovery interval {running.recovery_interval}")
    if running.lldp:
        out.append("lldp run")
    return out


def _vlans(running: Running) -> list[str]:
    out: list[str] = []
    unnamed = {number for number, name in running.vlans.items() if name == default_vlan_name(number)} - {1}
    for number, name in sorted(running.vlans.items()):
        if number == 1 or number in unnamed:
            continue
        out += [f"vlan {number}", f" name {name}", "!"]
    if unnamed:
        out += [f"vlan {names.vlan_ranges(unnamed)} ", "!"]
    return out


def default_vlan_name(number: int) -> str:
    """Give the name that a VLAN has until it is given one."""
    return "default" if number == 1 else f"VLAN{number:04}"


def _binding(mac: str, vlan: int, ip: str, name: str) -> str:
    octets = names.dotted(mac).upper()
    return f"ip source binding {octets} vlan {vlan} {ip} interface {names.short(name)}"


def interface(entry: Interface) -> list[str]:
    """Write one interface's section (head and indented lines)."""
    out = [f"interface {entry.name}"]
    if entry.description:
        out.append(f" description {entry.description}")
    if entry.physical:
        out += _switchport(entry)
        out += _security(entry)
    out += [f" {line}" for line in entry.extra]
    if entry.verify:
        out.append(f" ip verify source{'' if entry.verify == 'ip' else ' ' + entry.verify}")
    if entry.shutdown:
        out.append(" shutdown")
    return out


def _switchport(entry: Interface) -> list[str]:
    out = []
    if entry.access_vlan != 1:
        out.append(f" switchport access vlan {entry.access_vlan}")
    if entry.native_vlan != 1:
        out.append(f" switchport trunk native vlan {entry.native_vlan}")
    if entry.allowed is not None:
        out.append(f" switchport trunk allowed vlan {names.vlan_ranges(entry.allowed) or 'none'}")
    if entry.mode != DYNAMIC:
        out.append(f" switchport mode {'access' if entry.mode == ACCESS else entry.mode}")
    if "nonegotiate" in entry.flags:
        out.append(" switchport nonegotiate")
    return out


def _security(entry: Interface) -> list[str]:
    secure = entry.security
    word = " switchport port-security"
    out = []
    if secure.maximum != 1:
        out.append(f"{word} maximum {secure.maximum}")
    if secure.violation != "shutdown":
        out.append(f"{word} violation {secure.violation}")
    if secure.aging_time:
        out.append(f"{word} aging time {secure.aging_time}")
    if secure.aging_type != "absolute":
        out.append(f"{word} aging type {secure.aging_type}")
    if secure.aging_static:
        out.append(f"{word} aging static")
    if secure.sticky:
        out.append(f"{word} mac-address sticky")
    out += [_mac_line(mac) for mac in secure.macs.values() if mac.kind != "dynamic"]
    if secure.enabled:
        out.append(word)
    return out


def _mac_line(entry: SecureMac) -> str:
    sticky = "sticky " if entry.kind == "sticky" else ""
    vlan = f" vlan {entry.scope}" if entry.scope else ""
    return f" switchport port-security mac-address {sticky}{names.dotted(entry.mac)}{vlan}"


def when(moment: datetime) -> str:
    """Write a time as the comment lines of a configuration do."""
    return f"{moment:%H:%M:%S} UTC {moment:%a %b} {moment.day} {moment.year}"

"""The running configuration as text, in the order of RGOS 11."""

from __future__ import annotations

from lab.switch.persona.model import Binding, Interface, Running
from lab.switch.persona.ruijie import names

VERSION = "S2910_RGOS 11.4(1)B12P11"


def body(running: Running, secured: list[Binding]) -> str:
    """Write the configuration from `version` to `end`, without the lines about its size."""
    out = ["!", f"version {VERSION}", f"hostname {running.hostname}", "!"]
    out += [*running.extra, *_features(running), "!"]
    out += _vlans(running)
    for entry in sorted(running.interfaces.values(), key=lambda entry: not entry.physical):
        out += [*interface(entry, secured), "!"]
    out += [_binding(b) for b in running.bindings]
    for head, lines in running.lines.items():
        if not head.startswith("vlan "):
            out += [head, *(f" {line}" for line in lines), "!"]
    return "\n".join([*out, "end"])


def _features(running: Running) -> list[str]:
    out = []
    if running.recovery_causes:
        out.append(f"errdisable recovery interval {running.recovery_interval}")
    if not running.lldp:
        out.append("no lldp enable")
    return out


def _vlans(running: Running) -> list[str]:
    out: list[str] = []
    for number, name in sorted(running.vlans.items()):
        out.append(f"vlan {number}")
        if name != default_vlan_name(number):
            out.append(f" name {name}")
        out += [f" {line}" for line in running.lines.get(f"vlan {number}", [])]
        out.append("!")
    return out


def default_vlan_name(number: int) -> str:
    """Give the name that a VLAN has until it is given one."""
    return f"VLAN{number:04}"


def _binding(held: Binding) -> str:
    return f"ip source binding {names.dotted(held.mac)} vlan {held.vlan} {held.ip} interface {held.interface}"


def interface(entry: Interface, secured: list[Binding]) -> list[str]:
    """Write one interface's section (head and indented lines)."""
    out = [f"interface {entry.name}"]
    if entry.physical:
        out += _switchport(entry)
        out += _security(entry)
        out += [_secured(held) for held in secured if held.interface == entry.name]
    if entry.verify:
        out.append(" ip verify source" + (" port-security" if entry.verify == "port-security" else ""))
    out += [f" {line}" for line in entry.extra]
    if entry.shutdown:
        out.append(" shutdown")
    if entry.description:
        out.append(f" description {entry.description}")
    return out


def _switchport(entry: Interface) -> list[str]:
    out = []
    if entry.trunk:
        out.append(" switchport mode trunk")
    if entry.native_vlan != 1:
        out.append(f" switchport trunk native vlan {entry.native_vlan}")
    if entry.allowed is not None:
        out.append(f" switchport trunk allowed vlan only {names.vlan_ranges(entry.allowed)}")
    if entry.access_vlan != 1:
        out.append(f" switchport access vlan {entry.access_vlan}")
    return out


def _security(entry: Interface) -> list[str]:
    held, word = entry.security, " switchport port-security"
    out = [word] if held.enabled else []
    if held.maximum != 128:
        out.append(f"{word} maximum {held.maximum}")
    if held.violation != "protect":
        out.append(f"{word} violation {held.violation}")
    if held.aging_time:
        out.append(f"{word} aging time {held.aging_time}")
    if held.aging_static:
        out.append(f"{word} aging static")
    if held.sticky:
        out.append(f"{word} mac-address sticky")
    for mac in held.macs.values():
        if mac.kind != "dynamic":
            sticky = "sticky " if mac.kind == "sticky" else ""
            out.append(f"{word} mac-address {sticky}{names.dotted(mac.mac)} vlan {entry.vlan_of(mac)}")
    return out


def _secured(held: Binding) -> str:
    pair = f"{names.dotted(held.mac)} vlan {held.vlan} " if held.mac else ""
    return f" switchport port-security binding {pair}{held.ip}"

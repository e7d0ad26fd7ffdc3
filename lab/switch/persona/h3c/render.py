"""The configuration as text, in the order and with the section marks of Comware 7."""

from __future__ import annotations

from lab.switch.persona.h3c import names
from lab.switch.persona.h3c.model import (
    AUTOLEARN,
    DYNAMIC_MACS,
    INTRUSION_TRAP,
    LEARNED_TRAP,
    PORT_SECURITY,
    SECURE,
    H3cRunning,
)  # fmt: skip
from lab.switch.persona.model import Binding, Interface, Running

VERSION = "7.1.070, Release 6318P01"


def body(running: H3cRunning) -> str:
    """Write the configuration from the first mark to `return`."""
    out = [*_block([f"version {VERSION}"]), *_block([f"sysname {running.hostname}"])]
    out += _block(_global(running))
    for line in running.extra:
        out += _block([line])
    out += _vlans(running)
    out += ["#", "interface NULL0"]
    for entry in sorted(running.interfaces.values(), key=lambda entry: entry.physical):
        out += ["#", *interface(entry, running)]
    out += _block([_binding(held) for held in running.bindings if not held.interface])
    out += _block([_static(mac, vlan, name) for mac, vlan, name in _statics(running)])
    for head, lines in running.lines.items():
        if not head.startswith("vlan "):
            out += ["#", head, *(f" {line}" for line in lines)]
    return "\n".join([*out, "#", "return"])


def _block(lines: list[str]) -> list[str]:
    return ["#", *(f" {line}" for line in lines)] if lines else []


def _global(running: H3cRunning) -> list[str]:
    out = []
    if PORT_SECURITY in running.flags:
        out.append("port-security enable")
    if running.recovery_interval != 20:
        out.append(f"port-security timer disableport {running.recovery_interval}")
    if running.sticky_aging:
        out.append(f"port-security timer autolearn aging {running.sticky_aging}")
    traps = [flag.removeprefix("trap ") for flag in (LEARNED_TRAP, INTRUSION_TRAP) if flag in running.flags]
    out += [f"snmp-agent trap enable port-security {word}" for word in traps]
    if running.lldp:
        out.append("lldp global enable")
    return out


def _statics(running: H3cRunning) -> list[tuple[str, int, str]]:
    return [(held.mac, held.vlan, held.interface) for held in running.statics]


def _static(mac: str, vlan: int, name: str) -> str:
    return f"mac-address static {names.hyphened(mac)} interface {name} vlan {vlan}"


def _vlans(running: H3cRunning) -> list[str]:
    out: list[str] = []
    inside = {number: _vlan(running, number) for number in sorted(running.vlans)}
    for low, high in _together([number for number, lines in inside.items() if not lines]):
        out += ["#", f"vlan {low}" if low == high else f"vlan {low} to {high}"]
    for number, lines in inside.items():
        if lines:
            out += ["#", f"vlan {number}", *lines]
    return out


def _vlan(running: H3cRunning, number: int) -> list[str]:
    name = running.vlans[number]
    named = [] if name == default_vlan_name(number) else [f" name {name}"]
    return [*named, *(f" {line}" for line in running.lines.get(f"vlan {number}", []))]


def _together(numbers: list[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def default_vlan_name(number: int) -> str:
    """Give the name that a VLAN has until it is given one."""
    return f"VLAN {number:04}"


def interface(entry: Interface, running: Running) -> list[str]:
    """Write one interface's section (head and indented lines)."""
    out = [f"interface {entry.name}"]
    if entry.physical:
        out.append(" port link-mode bridge")
    if entry.description:
        out.append(f" description {entry.description}")
    if entry.physical:
        out += _link(entry)
    if entry.shutdown:
        out.append(" shutdown")
    out += [f" {line}" for line in entry.extra]
    if entry.physical:
        out += _security(entry)
    if entry.verify:
        out.append(f" ip verify source {entry.verify}")
    out += [f" {_binding(held)}" for held in running.bindings if held.interface == entry.name]
    return out


def _link(entry: Interface) -> list[str]:
    if not entry.trunk:
        return [] if entry.access_vlan == 1 else [f" port access vlan {entry.access_vlan}"]
    out = [" port link-type trunk"]
    allowed = frozenset(range(1, 4095)) if entry.allowed is None else entry.allowed
    if 1 not in allowed:
        out.append(" undo port trunk permit vlan 1")
    if allowed == frozenset(range(1, 4095)):
        out.append(" port trunk permit vlan all")
    elif allowed - {1}:
        out.append(f" port trunk permit vlan {names.vlan_words(allowed)}")
    if entry.native_vlan != 1:
        out.append(f" port trunk pvid vlan {entry.native_vlan}")
    return out


def _security(entry: Interface) -> list[str]:
    held, word = entry.security, " port-security"
    out = []
    if held.violation:
        out.append(f"{word} intrusion-mode {held.violation}")
    if held.maximum:
        out.append(f"{word} max-mac-count {held.maximum}")
    out += [f"{word} port-mode {mode}" for mode in (AUTOLEARN, SECURE) if mode in entry.flags]
    if DYNAMIC_MACS in entry.flags:
        out.append(f"{word} mac-address dynamic")
    for mac in held.macs.values():
        if mac.kind != "volatile":
            sticky = "sticky " if mac.kind == "sticky" else ""
            out.append(f"{word} mac-address security {sticky}{names.hyphened(mac.mac)} vlan {mac.vlan}")
    return out


def _binding(held: Binding) -> str:
    vlan = f" vlan {held.vlan}" if held.vlan else ""
    return f"ip source binding ip-address {held.ip} mac-address {names.hyphened(held.mac)}{vlan}"

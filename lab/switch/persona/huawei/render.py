"""The configuration as text: sections between `#` lines, `return` at the end."""

from __future__ import annotations

from lab.switch.persona.huawei import names
from lab.switch.persona.huawei.edition import Edition
from lab.switch.persona.model import Binding, Interface, Running, SecureMac

#: Marks the lines that a save puts into the table file and that no command shows.
TABLE = "@sticky"


def body(running: Running, edition: Edition) -> str:
    """Write the whole configuration, and the table file behind it."""
    sections = [[f"sysname {running.hostname}"]]
    batch = running.vlans.keys() - {1}
    if batch:
        sections.append([f"vlan batch {names.listed(set(batch))}"])
    if running.lldp:
        sections.append(["lldp enable"])
    sections += [[flag] for flag in sorted(running.flags) if not flag.startswith("guard ")]
    if running.bindings:
        sections.append([binding(bound) for bound in running.bindings])
    for cause in sorted(running.recovery_causes):
        sections.append([f"error-down auto-recovery cause {cause} interval {running.recovery_interval}"])
    sections += [vlan(running, number, edition) for number in sorted(running.vlans)]
    sections += [[head, *(f" {line}" for line in lines)] for head, lines in running.lines.items() if head == "aaa"]
    sections += [interface(entry, edition) for entry in running.interfaces.values()]
    sections += [[line] for line in running.extra]
    sections += [[head, *(f" {line}" for line in lines)] for head, lines in running.lines.items() if head != "aaa"]
    out = [f"!Software Version {edition.version}"]
    for section in sections:
        if section:
            out += ["#", *section]
    return "\n".join([*out, "#", "return", *_table(running, edition)])


def shown(text: str) -> str:
    """Give what a command shows of a saved text."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(TABLE))


def _table(running: Running, edition: Edition) -> list[str]:
    if not edition.two_stage:
        return []
    return [
        f"{TABLE} {entry.name} {held.mac} {entry.vlan_of(held)} {held.scope}".rstrip()
        for entry in running.physical()
        for held in entry.security.macs.values()
        if held.kind == "sticky"
    ]


def binding(bound: Binding) -> str:
    """Write a static binding."""
    interface = f" interface {bound.interface}" if bound.interface else ""
    vlan = f" vlan {bound.vlan}" if bound.vlan else ""
    return f"user-bind static ip-address {bound.ip} mac-address {names.hyphened(bound.mac)}{interface}{vlan}"


def vlan(running: Running, number: int, edition: Edition) -> list[str]:
    """Write a VLAN's section; empty when it has nothing of its own."""
    name, guarded = running.vlans[number], f"guard vlan {number}" in running.flags
    described = [f" {line}" for line in running.lines.get(f"vlan {number}", [])]
    if not (name or guarded or described):
        return []
    lines = [f"vlan {number}", *([f" name {name}"] if name else []), *described]
    return [*lines, *([f" {edition.guard}"] if guarded else [])]


def interface(entry: Interface, edition: Edition) -> list[str]:
    """Write one interface's section."""
    out = [f"interface {entry.name}"]
    if entry.description:
        out.append(f" description {entry.description}")
    if entry.shutdown:
        out.append(" shutdown")
    if entry.physical:
        out += [*_switchport(entry, edition), *_security(entry, edition)]
    if entry.verify:
        out.append(f" {edition.guard}")
    return [*out, *(f" {line}" for line in entry.extra)]


def _switchport(entry: Interface, edition: Edition) -> list[str]:
    out = [f" port link-type {entry.mode}"] if entry.mode != edition.default_mode else []
    if entry.access_vlan != 1:
        out.append(f" port default vlan {entry.access_vlan}")
    if entry.native_vlan != 1:
        out.append(f" port trunk pvid vlan {entry.native_vlan}")
    if entry.trunk and entry.allowed != frozenset({1}):
        allowed = frozenset(range(1, 4095)) if entry.allowed is None else entry.allowed
        if 1 not in allowed:
            out.append(" undo port trunk allow-pass vlan 1")
        carried = allowed - {1}
        if carried:
            out.append(f" port trunk allow-pass vlan {names.listed(carried)}")
    return out


def _security(entry: Interface, edition: Edition) -> list[str]:
    secure = entry.security
    if not secure.enabled:
        return []
    word = " port-security"
    limited = secure.maximum != 1
    out = [f"{word} enable" + (f" maximum {secure.maximum}" if limited and edition.two_stage else "")]
    if secure.violation != "restrict":
        out.append(f"{word} protect-action {secure.violation}")
    if limited and not edition.two_stage:
        out.append(f"{word} max-mac-num {secure.maximum}")
    if secure.aging_time:
        out.append(f"{word} aging-time {secure.aging_time}" + _aging_type(secure.aging_type))
    if secure.sticky:
        out.append(f"{word} mac-address sticky")
    kinds = {"configured"} if edition.two_stage else {"configured", "sticky"}
    return out + [_mac(entry, held) for held in secure.macs.values() if held.kind in kinds]


def _aging_type(kind: str) -> str:
    return "" if kind == "absolute" else f" type {kind}"


def _mac(entry: Interface, held: SecureMac) -> str:
    sticky = "sticky " if held.kind == "sticky" else ""
    return f" port-security mac-address {sticky}{names.hyphened(held.mac)} vlan {entry.vlan_of(held)}"

"""Commands of the system view and of a VLAN's."""

from __future__ import annotations

from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.h3c import names, render, secure
from lab.switch.persona.h3c.call import Call, Handler
from lab.switch.persona.h3c.model import INTRUSION_TRAP, LEARNED_TRAP, StaticMac
from lab.switch.persona.h3c.switch import H3cSwitch
from lab.switch.persona.model import Binding, Interface, Rejected


def _quit(call: Call) -> None:
    if call.view.mode == "user":
        call.session.leave()
    call.view.go("user" if call.view.mode == "system" else "system")


def _return(call: Call) -> None:
    if call.view.mode == "user":
        raise SyntaxProblem("invalid", 0, 0)
    call.view.go("user")


def _system_view(call: Call) -> str:
    call.view.go("system")
    return "System View: return to User View with Ctrl+Z."


def _sysname(call: Call) -> None:
    call.switch.running.hostname = call.text("name")[:64]


def _no_sysname(call: Call) -> None:
    call.switch.running.hostname = "H3C"


def _interface(call: Call) -> None:
    name = call.text("if")
    interfaces = call.switch.running.interfaces
    if name.startswith("Vlan-interface") and name not in interfaces:
        if names.split(name)[1][0] not in call.switch.running.vlans:
            raise Rejected("The VLAN does not exist.")
        interfaces[name] = Interface(name)
    entry = call.interface()
    assert entry is not None
    call.view.entries, call.view.mode = [entry], "interface"


def _interface_range(call: Call) -> None:
    wanted = call.match.values["range"]
    assert isinstance(wanted, list)
    known = call.switch.running.interfaces
    at = len(call.line.rstrip()) - 1
    if any(name not in known for name in wanted):
        raise SyntaxProblem("invalid", at, at, "value")
    call.view.entries, call.view.mode = [known[name] for name in wanted], "range"


def _null(call: Call) -> None:
    call.view.entries, call.view.mode = [Interface("NULL0")], "interface"


def _no_interface(call: Call) -> None:
    entry = call.interface()
    if entry is None or entry.physical:
        raise Rejected("Error: The interface cannot be deleted.")
    del call.switch.running.interfaces[entry.name]


def create_vlans(switch: H3cSwitch, numbers: frozenset[int]) -> None:
    """Add VLANs to the database."""
    new = [number for number in numbers if number not in switch.running.vlans]
    for number in new:
        switch.running.vlans[number] = render.default_vlan_name(number)
    if new:
        switch.program_all()


def _vlan(call: Call) -> None:
    create_vlans(call.switch, call.vlans())
    call.view.vlans, call.view.mode = call.vlans(), "vlan"


def _vlans(call: Call) -> None:
    create_vlans(call.switch, call.vlans())


def _no_vlan(call: Call) -> None:
    """Delete VLANs: their access ports go back to VLAN 1 (H3C VLAN command reference)."""
    gone = call.vlans()
    if 1 in gone:
        raise Rejected("Error: The default VLAN cannot be deleted.")
    running = call.switch.running
    for entry in running.physical():
        if not entry.trunk and entry.access_vlan in gone:
            entry.access_vlan = 1
    for number in gone:
        running.vlans.pop(number, None)
    call.switch.program_all()


def _vlan_name(call: Call) -> None:
    number = min(call.view.vlans)
    given = render.default_vlan_name(number) if call.no else call.text("text").strip()[:32]
    call.switch.running.vlans[number] = given


# -- port security and source guard -----------------------------------------------------------------------------


def _security(call: Call) -> None:
    secure.enable(call.switch, not call.no)


def _timer(call: Call) -> None:
    call.switch.running.recovery_interval = 20 if call.no else call.number()


def _aging(call: Call) -> None:
    call.switch.own.sticky_aging = 0 if call.no else call.number()


def _secure_mac(call: Call) -> None:
    sticky = "sticky" in call.match.words
    secure.add(call.switch, call.port(), call.text("mac"), call.number("vlan"), sticky=sticky)


def _no_secure_mac(call: Call) -> None:
    mac, vlan, only = call.text("mac"), call.number("vlan"), call.interface()
    holders = [e for e in call.switch.running.physical() if mac in e.security.macs and only in (None, e)]
    if not holders:
        raise Rejected("Error: The secure MAC address does not exist.")
    for entry in holders:
        secure.remove(call.switch, entry, mac, vlan)


def _no_secure_all(call: Call) -> None:
    only = call.interface()
    for entry in call.switch.running.physical() if only is None else [only]:
        entry.security.macs.clear()
        call.switch.program(entry)


def set_static(switch: H3cSwitch, entry: Interface, mac: str, vlan: int) -> None:
    """Make a static entry of the MAC table; one of the same address and VLAN elsewhere moves here."""
    if vlan not in switch.running.vlans or not entry.carries(vlan):
        raise Rejected("Error: The VLAN is not permitted on the interface.")
    others = [held for held in switch.own.statics if (held.mac, held.vlan) != (mac, vlan)]
    switch.own.statics = [*others, StaticMac(mac, vlan, entry.name)]
    switch.program_all()


def clear_static(switch: H3cSwitch, mac: str, vlan: int) -> None:
    """Take a static entry away; raises Rejected when there is none."""
    kept = [held for held in switch.own.statics if (held.mac, held.vlan) != (mac, vlan)]
    if len(kept) == len(switch.own.statics):
        raise Rejected("Error: The MAC address entry does not exist.")
    switch.own.statics = kept
    switch.program_all()


def _static_mac(call: Call) -> None:
    set_static(call.switch, call.port(), call.text("mac"), call.number("vlan"))


def _no_static_mac(call: Call) -> None:
    clear_static(call.switch, call.text("mac"), call.number("vlan"))


def bind(call: Call, wanted: Binding) -> None:
    """Bind an address pair, or take the binding away; raises Rejected for one that is there (or is not)."""
    held = call.switch.running.bindings
    if call.no and wanted not in held:
        raise Rejected("Error: The binding does not exist.")
    if not call.no and wanted in held:
        raise Rejected("Error: The binding already exists.")
    call.switch.running.bindings = [b for b in held if b != wanted] if call.no else [*held, wanted]
    call.switch.program_all()


def _binding(call: Call) -> None:
    bind(call, Binding(call.text("mac"), 0, call.text("ip"), ""))


def _security_trap(call: Call) -> None:
    words = set(call.match.words)
    every = not words & {"address-learned", "intrusion"}
    for word, flag in (("address-learned", LEARNED_TRAP), ("intrusion", INTRUSION_TRAP)):
        if every or word in words:
            flags = call.switch.running.flags
            flags.discard(flag) if call.no else flags.add(flag)


def _lldp(call: Call) -> None:
    call.switch.running.lldp = not call.no


# -- what is kept as it was typed -------------------------------------------------------------------------------


def _section(call: Call) -> None:
    head = call.kept()
    call.switch.running.lines.setdefault(head, [])
    call.view.section, call.view.mode = head, "section"


def keep_line(lines: list[str], text: str, undo: bool) -> None:
    """Keep a line that has no effect here, or take it away."""
    if not undo:
        if text not in lines:
            lines.append(text)
        return
    lines[:] = [line for line in lines if line != text and not line.startswith(text + " ")]


def _keep(call: Call) -> None:
    keep_line(call.switch.running.extra, call.kept(), call.no)


def _keep_vlan(call: Call) -> None:
    keep_line(call.switch.running.lines.setdefault(f"vlan {min(call.view.vlans)}", []), call.kept(), call.no)


COMMANDS: dict[str, Handler] = {
    "quit": _quit,
    "return": _return,
    "system_view": _system_view,
    "sysname": _sysname,
    "no_sysname": _no_sysname,
    "interface": _interface,
    "interface_range": _interface_range,
    "null": _null,
    "no_interface": _no_interface,
    "vlan": _vlan,
    "vlans": _vlans,
    "no_vlan": _no_vlan,
    "no_vlans": _no_vlan,
    "vlan_name": _vlan_name,
    "no_vlan_name": _vlan_name,
    "security": _security,
    "security_timer": _timer,
    "no_security_timer": _timer,
    "security_aging": _aging,
    "no_security_aging": _aging,
    "secure_mac": _secure_mac,
    "no_secure_mac": _no_secure_mac,
    "no_secure_all": _no_secure_all,
    "static_mac": _static_mac,
    "no_static_mac": _no_static_mac,
    "binding": _binding,
    "security_trap": _security_trap,
    "lldp": _lldp,
    "section": _section,
    "keep": _keep,
    "keep_vlan": _keep_vlan,
}

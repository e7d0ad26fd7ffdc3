"""Commands of global configuration and of a VLAN's mode."""

from __future__ import annotations

from lab.switch.persona import security
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.model import Binding, Interface, Rejected
from lab.switch.persona.ruijie import names, render
from lab.switch.persona.ruijie.call import Call, Handler
from lab.switch.persona.ruijie.switch import RuijieSwitch


def _end(call: Call) -> None:
    call.mode.go("exec")


def _exit(call: Call) -> None:
    call.mode.go("exec" if call.mode.word == "config" else "config")


def _hostname(call: Call) -> None:
    call.switch.running.hostname = "Ruijie" if call.no else call.text("name")[:63]


def _interface(call: Call) -> None:
    name, interfaces = call.text("if"), call.switch.running.interfaces
    if name.startswith("VLAN ") and name not in interfaces and 1 <= names.split(name)[1][0] <= 4094:
        interfaces[name] = Interface(name)
    entry = call.interface()
    assert entry is not None
    call.mode.entries, call.mode.word = [entry], "interface"


def _interface_range(call: Call) -> None:
    wanted, known = call.match.values["range"], call.switch.running.interfaces
    assert isinstance(wanted, list)
    if any(name not in known for name in wanted):
        raise SyntaxProblem("invalid", len(call.line.rstrip()) - 1)
    call.mode.entries, call.mode.word = [known[name] for name in wanted], "range"


def _no_interface(call: Call) -> None:
    entry = call.interface()
    if entry is None or entry.physical:
        raise Rejected("% The interface cannot be deleted.")
    del call.switch.running.interfaces[entry.name]


def create_vlans(switch: RuijieSwitch, numbers: frozenset[int]) -> None:
    """Add VLANs to the database."""
    new = [number for number in numbers if number not in switch.running.vlans]
    for number in new:
        switch.running.vlans[number] = render.default_vlan_name(number)
    if new:
        switch.program_all()


def _vlan(call: Call) -> None:
    create_vlans(call.switch, call.vlans())
    call.mode.vlans, call.mode.word = call.vlans(), "vlan"


def _no_vlan(call: Call) -> None:
    """Delete VLANs: their access ports go back to VLAN 1."""
    gone = call.vlans()
    if 1 in gone:
        raise Rejected("% The default VLAN cannot be deleted.")
    for entry in call.switch.running.physical():
        if entry.access_vlan in gone:
            entry.access_vlan = 1
    for number in gone:
        call.switch.running.vlans.pop(number, None)
    call.switch.program_all()


def _vlan_name(call: Call) -> None:
    for number in call.mode.vlans:
        given = render.default_vlan_name(number) if call.no else call.text("text").strip()[:32]
        call.switch.running.vlans[number] = given


def _source_binding(call: Call) -> None:
    entry = call.port()
    wanted = Binding(call.text("mac"), call.number("vlan"), call.text("ip"), entry.name)
    held = call.switch.running.bindings
    same = [b for b in held if (b.mac, b.vlan, b.ip) == (wanted.mac, wanted.vlan, wanted.ip)]
    kept = [b for b in held if b not in same]
    call.switch.running.bindings = kept if call.no else [*kept, wanted]
    call.switch.program_all()


def _recover(call: Call) -> None:
    """Take the ports back that a violation shut, now or, with an interval, always after that time."""
    running = call.switch.running
    interval = call.match.values.get("n")
    if isinstance(interval, int):
        running.recovery_interval, running.recovery_causes = interval, {call.switch.violation_cause}
        return
    for entry in running.physical():
        security.recover(call.switch, entry)


def _no_recovery(call: Call) -> None:
    call.switch.running.recovery_causes.clear()


def _lldp(call: Call) -> None:
    call.switch.running.lldp = not call.no


def _section(call: Call) -> None:
    head = call.kept()
    call.switch.running.lines.setdefault(head, [])
    call.mode.section, call.mode.word = head, "section"


def keep_line(lines: list[str], text: str, no: bool) -> None:
    """Keep a line that has no effect here, or take it away."""
    if not no:
        if text not in lines:
            lines.append(text)
        return
    lines[:] = [line for line in lines if line != text and not line.startswith(text + " ")]


def _keep(call: Call) -> None:
    keep_line(call.switch.running.extra, call.kept(), call.no)


def _keep_vlan(call: Call) -> None:
    for number in call.mode.vlans:
        keep_line(call.switch.running.lines.setdefault(f"vlan {number}", []), call.kept(), call.no)


COMMANDS: dict[str, Handler] = {
    "end": _end,
    "exit": _exit,
    "hostname": _hostname,
    "interface": _interface,
    "interface_range": _interface_range,
    "no_interface": _no_interface,
    "vlan": _vlan,
    "no_vlan": _no_vlan,
    "vlan_name": _vlan_name,
    "source_binding": _source_binding,
    "recover": _recover,
    "no_recovery": _no_recovery,
    "lldp": _lldp,
    "section": _section,
    "keep": _keep,
    "keep_vlan": _keep_vlan,
}

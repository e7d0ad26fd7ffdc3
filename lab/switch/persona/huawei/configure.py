"""What the commands of the system view and of a VLAN's view do."""

from __future__ import annotations

from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.huawei import secure
from lab.switch.persona.huawei.switch import HuaweiSwitch
from lab.switch.persona.huawei.view import Call, Handler, keep_line
from lab.switch.persona.model import Binding, Interface, Rejected

#: Causes that have nothing behind them here, beside the one that has.
_CAUSES = (
    "auto-defend", "bpdu-protection", "efm-threshold-event", "error-statistics", "link-flap", "loopback-detect",
    "mac-address-flapping", "storm-control", "transceiver-power-low",
)  # fmt: skip


def _sysname(call: Call) -> None:
    call.switch.running.hostname = call.text("name")


def _no_sysname(call: Call) -> None:
    call.switch.running.hostname = "HUAWEI"


def _create(switch: HuaweiSwitch, numbers: frozenset[int]) -> None:
    new = numbers - switch.running.vlans.keys()
    for number in sorted(new):
        switch.running.vlans[number] = ""
    if new:
        switch.program_all()


def _delete(switch: HuaweiSwitch, numbers: frozenset[int]) -> None:
    """Delete VLANs; the ports that had them fall back to VLAN 1."""
    if 1 in numbers:
        raise Rejected("Error: The default VLAN can not be deleted.")
    for number in numbers:
        if f"Vlanif{number}" in switch.running.interfaces:
            raise Rejected("Error: The VLAN has a L3 interface. Please delete it first.")
    for number in numbers & switch.running.vlans.keys():
        del switch.running.vlans[number]
        switch.running.lines.pop(f"vlan {number}", None)
        switch.running.flags.discard(f"guard vlan {number}")
        for entry in switch.running.physical():
            if not switch.edition.two_stage and entry.access_vlan == number:
                entry.access_vlan = 1
    switch.program_all()


def _vlan(call: Call) -> None:
    _create(call.switch, frozenset({call.number("vlan")}))
    call.view.go("vlan", str(call.number("vlan")))


def _vlan_batch(call: Call) -> None:
    _create(call.switch, call.vlans())


def _no_vlan(call: Call) -> None:
    number = call.number("vlan")
    if number not in call.switch.running.vlans:
        raise Rejected("Error: The VLAN does not exist.")
    _delete(call.switch, frozenset({number}))


def _no_vlan_batch(call: Call) -> None:
    _delete(call.switch, call.vlans())


def _interface(call: Call) -> None:
    call.view.go("interface", call.view.interface(call.text("if"), call.line).name)


def _no_interface(call: Call) -> None:
    name = call.text("if")
    if not name.startswith("Vlanif") or name == "Vlanif1":
        raise Rejected("Error: The interface can not be deleted.")
    call.switch.running.interfaces.pop(name, None)


def _user_bind(call: Call) -> str:
    interface = call.text("if")
    if interface:
        interface = call.view.interface(interface, call.line).name
    bound = Binding(call.text("mac"), call.number("vlan"), call.text("ip"), interface)
    bindings = call.switch.running.bindings
    if bound in bindings:
        raise Rejected("Error: The static user-bind item already exists.")
    call.switch.running.bindings = [*bindings, bound]
    call.switch.program_all()
    return "" if call.view.edition.two_stage else "Info: 1 static user-bind item(s) added."


def _no_user_bind(call: Call) -> str:
    values, bindings = call.match.values, call.switch.running.bindings

    def meant(bound: Binding) -> bool:
        given = {"ip": bound.ip, "mac": bound.mac, "vlan": bound.vlan, "if": bound.interface}
        return all(values.get(name, value) == value for name, value in given.items())

    gone = [bound for bound in bindings if meant(bound)]
    if not gone:
        raise Rejected("Error: The static user-bind item does not exist.")
    call.switch.running.bindings = [bound for bound in bindings if bound not in gone]
    call.switch.program_all()
    return "" if call.view.edition.two_stage else f"Info: {len(gone)} static user-bind item(s) deleted."


def _cause(call: Call) -> str:
    known = (call.view.edition.cause, *_CAUSES)
    fits = [cause for cause in known if cause.startswith(call.text("cause").lower())]
    if len(fits) != 1:
        at = call.line.index(call.text("cause"))
        raise SyntaxProblem("ambiguous" if fits else "invalid", at)
    return fits[0]


def _recovery(call: Call) -> None:
    call.switch.running.recovery_causes.add(_cause(call))
    call.switch.running.recovery_interval = call.number("n")


def _no_recovery(call: Call) -> None:
    call.switch.running.recovery_causes.discard(_cause(call))


def _lldp(call: Call) -> None:
    call.switch.running.lldp = call.on


def _flag(call: Call) -> None:
    flags = call.switch.running.flags
    flags.add(call.kept()) if call.on else flags.discard(call.kept())


def _clear_macs(call: Call) -> None:
    kind = {"security": "dynamic", "sticky": "sticky", "sec-config": "configured"}[call.match.words[2]]
    secure.clear(call.switch, kind, call.text("if"), call.number("vlan"))


def _clear_interface(call: Call) -> str:
    entry = call.view.interface(call.text("if"), call.line)
    fresh = Interface(entry.name, entry.port, mode=call.view.edition.default_mode, allowed=frozenset({1}))
    for attribute in ("description", "mode", "access_vlan", "native_vlan", "allowed", "verify", "flags", "extra"):
        setattr(entry, attribute, getattr(fresh, attribute))
    secure.disable(call.switch, entry)
    secure.shut(call.switch, entry, down=True)
    return ""


def _section(call: Call) -> None:
    head = " ".join([*call.match.words, call.text("rest")]).strip()
    call.switch.running.lines.setdefault(head, [])
    call.view.go("section", head)


def _keep(call: Call) -> None:
    keep_line(call.switch.running.extra, call.kept(), on=call.on)


def _vlan_name(call: Call) -> None:
    call.switch.running.vlans[int(call.view.subject)] = call.text("name")


def _no_vlan_name(call: Call) -> None:
    if call.match.words[-1] == "name":
        call.switch.running.vlans[int(call.view.subject)] = ""
    else:
        call.switch.running.lines.pop(f"vlan {call.view.subject}", None)


def _vlan_description(call: Call) -> None:
    call.switch.running.lines[f"vlan {call.view.subject}"] = [f"description {call.text('text').strip()}"]


def _vlan_guard(call: Call) -> None:
    flag = f"guard vlan {call.view.subject}"
    call.switch.running.flags.add(flag) if call.on else call.switch.running.flags.discard(flag)
    call.switch.program_all()


def _accept(call: Call) -> None:
    del call


COMMANDS: dict[str, Handler] = {
    "sysname": _sysname, "no_sysname": _no_sysname,
    "vlan": _vlan, "vlan_batch": _vlan_batch, "no_vlan": _no_vlan, "no_vlan_batch": _no_vlan_batch,
    "interface": _interface, "no_interface": _no_interface, "clear_interface": _clear_interface,
    "user_bind": _user_bind, "no_user_bind": _no_user_bind,
    "recovery": _recovery, "no_recovery": _no_recovery,
    "lldp": _lldp, "flag": _flag, "clear_macs": _clear_macs, "section": _section, "keep": _keep, "accept": _accept,
    "vlan_name": _vlan_name, "no_vlan_name": _no_vlan_name, "vlan_description": _vlan_description,
    "vlan_guard": _vlan_guard,
}  # fmt: skip

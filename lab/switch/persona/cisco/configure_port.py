"""Interface and VLAN configuration commands."""

from __future__ import annotations

from collections.abc import Callable

from lab.switch.persona import security
from lab.switch.persona.cisco import render, secure
from lab.switch.persona.cisco.configure import Call, ConfigMode, Handler, create_vlans, keep_line
from lab.switch.persona.cisco.names import ACCESS, DYNAMIC
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.model import TRUNK, Interface, Rejected, SecureMac
from lab.switch.persona.state import Switch

#: Lines of which an interface has one at a time.
_SINGLE = (
    "ip address",
    "speed",
    "duplex",
    "switchport voice",
    "spanning-tree portfast",
    "spanning-tree bpduguard",
    "mtu",
)
_DEFAULT_ON = ("cdp enable", "lldp transmit", "lldp receive", "snmp trap link-status", "ip address", "ip route-cache")
_ALL_VLANS = frozenset(range(1, 4095))


def _each(action: Callable[[Call, Interface], str | None], *, physical: bool = True) -> Handler:
    """Make a handler which acts on every selected interface; a refusal of one does not keep it from the others."""

    def handler(call: Call) -> str:
        printed = []
        for entry in call.mode.entries:
            if physical and not entry.physical:
                raise SyntaxProblem("invalid", 0)
            try:
                printed.append(action(call, entry) or "")
            except Rejected as refusal:
                printed.append(str(refusal))
        return "\n".join(text for text in dict.fromkeys(printed) if text)

    return handler


def _leave_interface(call: Call) -> None:
    call.mode.mode = "config"


def _description(call: Call, entry: Interface) -> None:
    entry.description = "" if call.no else call.text("text").strip()[:240]


def _shutdown(call: Call, entry: Interface) -> None:
    secure.shut(call.switch, entry, not call.no)


def _switchport(call: Call, entry: Interface) -> str | None:
    del entry
    return "% Incomplete command.\n" if not call.no else "Command rejected: this platform has no routed ports."


def _mode(call: Call, entry: Interface) -> None:
    words = call.match.words
    mode = " ".join(words[2:])
    secure.set_mode(call.switch, entry, {"access": ACCESS, "trunk": TRUNK}.get(mode, mode))


def _no_mode(call: Call, entry: Interface) -> None:
    secure.set_mode(call.switch, entry, DYNAMIC)


def _access_vlan(call: Call, entry: Interface) -> str:
    vlan = 1 if call.no else call.number("vlan")
    printed = ""
    if vlan not in call.switch.running.vlans:
        printed = f"% Access VLAN does not exist. Creating vlan {vlan}"
        create_vlans(call.switch, frozenset({vlan}))
    secure.set_access_vlan(call.switch, entry, vlan)
    return printed


def _native(call: Call, entry: Interface) -> None:
    entry.native_vlan = 1 if call.no else call.number("vlan")
    call.switch.program(entry)


def _allowed(call: Call, entry: Interface) -> str | None:
    words = set(call.match.words)
    held = _ALL_VLANS if entry.allowed is None else entry.allowed
    if "add" in words:
        wanted = held | call.vlans()
    elif "remove" in words:
        wanted = held - call.vlans()
    elif "except" in words:
        wanted = _ALL_VLANS - call.vlans()
    elif "none" in words:
        wanted = frozenset()
    else:
        wanted = _ALL_VLANS if "all" in words or call.no else call.vlans()
    entry.allowed = None if wanted == _ALL_VLANS else wanted
    call.switch.program(entry)
    return None


def _nonegotiate(call: Call, entry: Interface) -> None:
    if not call.no and entry.mode.startswith("dynamic"):
        raise Rejected("Command rejected: Conflict between 'nonegotiate' and 'dynamic' status.")
    entry.flag("nonegotiate", on=not call.no)
    call.switch.touch()


def _security(call: Call, entry: Interface) -> None:
    secure.enable(call.switch, entry, not call.no)


def _maximum(call: Call, entry: Interface) -> None:
    secure.set_maximum(call.switch, entry, 1 if call.no else call.number())


def _violation(call: Call, entry: Interface) -> None:
    entry.security.violation = "shutdown" if call.no else call.match.words[-1]
    call.switch.touch()


def _scope(call: Call, entry: Interface) -> tuple[int | None, str]:
    """Read `vlan access|voice|N`: the VLAN when it is not the port's own, and the word of the configuration."""
    vlan = call.match.values.get("vlan")
    if isinstance(vlan, int):
        if not entry.trunk and not call.switch.booting:
            raise Rejected(f"Command rejected: {entry.name} is not a trunk port.")
        return vlan, str(vlan)
    return None, next((word for word in ("access", "voice") if word in call.match.words), "")


def _secure_mac(call: Call, entry: Interface) -> None:
    _secure(call, entry, "configured")


def _secure_sticky(call: Call, entry: Interface) -> None:
    _secure(call, entry, "sticky")


def _secure(call: Call, entry: Interface, kind: str) -> None:
    mac = call.text("mac")
    if call.no:
        security.remove(call.switch, entry, mac, frozenset({kind}))
        return
    if int(mac[:2], 16) & 1:
        raise Rejected("Command rejected: Multicast mac-address cannot be secured.")
    vlan, scope = _scope(call, entry)
    secure.add(call.switch, entry, SecureMac(mac, kind, vlan, scope))


def _sticky(call: Call, entry: Interface) -> None:
    security.set_sticky(call.switch, entry, not call.no)


def _aging_time(call: Call, entry: Interface) -> None:
    entry.security.aging_time = 0 if call.no else call.number()


def _aging_type(call: Call, entry: Interface) -> None:
    entry.security.aging_type = "absolute" if call.no else call.match.words[-1]


def _aging_static(call: Call, entry: Interface) -> None:
    entry.security.aging_static = not call.no


def _verify_source(call: Call, entry: Interface) -> None:
    word = call.match.words[-1]
    entry.verify = "" if call.no else {"source": "ip"}.get(word, word)
    call.switch.program(entry)


def _portfast(call: Call, entry: Interface) -> str:
    _keep_here(call, entry)
    if "disable" in call.match.words or call.switch.booting:
        return ""
    return (
        "%Warning: portfast should only be enabled on ports connected to a single\n"
        " host. Connecting hubs, concentrators, switches, bridges, etc... to this\n"
        " interface  when portfast is enabled, can cause temporary bridging loops.\n"
        " Use with CAUTION\n\n"
        f"%Portfast has been configured on {entry.name} but will only\n"
        " have effect when the interface is in a non-trunking mode."
    )


def _keep_here(call: Call, entry: Interface) -> None:
    text = call.kept()
    single = next((head for head in _SINGLE if text.startswith(head)), None)
    if single is not None:
        entry.extra = [line for line in entry.extra if not line.removeprefix("no ").startswith(single)]
    keep_line(entry.extra, text, call.no, _DEFAULT_ON if not entry.physical or "address" not in text else ())


def _vlan_name(call: Call) -> None:
    if len(call.mode.vlans) != 1:
        raise Rejected("%Name may not be set for a range of VLANs")
    number = min(call.mode.vlans)
    name = render.default_vlan_name(number) if call.no else call.text("name")
    taken = [other for other, held in call.switch.running.vlans.items() if held == name and other != number]
    if taken:
        raise Rejected(f"VLAN #{number} and #{taken[0]} have an identical name: {name}")
    call.switch.running.vlans[number] = name


def _accept(call: Call) -> None:
    del call


COMMANDS: dict[str, Handler] = {
    "leave_interface": _leave_interface,
    "description": _each(_description, physical=False),
    "no_description": _each(_description, physical=False),
    "shutdown": _each(_shutdown, physical=False),
    "switchport": _each(_switchport),
    "mode": _each(_mode),
    "no_mode": _each(_no_mode),
    "access_vlan": _each(_access_vlan),
    "no_access_vlan": _each(_access_vlan),
    "native": _each(_native),
    "no_native": _each(_native),
    "allowed": _each(_allowed),
    "no_allowed": _each(_allowed),
    "nonegotiate": _each(_nonegotiate),
    "security": _each(_security),
    "maximum": _each(_maximum),
    "no_maximum": _each(_maximum),
    "violation": _each(_violation),
    "no_violation": _each(_violation),
    "secure_mac": _each(_secure_mac),
    "sticky": _each(_sticky),
    "secure_sticky": _each(_secure_sticky),
    "aging_time": _each(_aging_time),
    "no_aging_time": _each(_aging_time),
    "aging_type": _each(_aging_type),
    "no_aging_type": _each(_aging_type),
    "aging_static": _each(_aging_static),
    "verify_source": _each(_verify_source),
    "no_verify_source": _each(_verify_source),
    "portfast": _each(_portfast),
    "keep_here": _each(_keep_here, physical=False),
    "vlan_name": _vlan_name,
    "no_vlan_name": _vlan_name,
    "accept": _accept,
}


def config_mode(switch: Switch) -> ConfigMode:
    """Enter configuration mode."""
    return ConfigMode(switch, COMMANDS)


def apply_text(switch: Switch, text: str) -> None:
    """Apply a configuration text as the boot loader does: lines that it does not know are passed over."""
    mode = config_mode(switch)
    for line in text.splitlines():
        words = line.strip()
        if not words or words.startswith(("!", "version ")) or words == "end":
            continue
        if not line.startswith(" ") and mode.mode != "config":
            mode.mode = "config"
        try:
            mode.run(words)
        except SyntaxProblem:
            switch.log(f"%PARSER-3-CFG_INVALID: line passed over at boot: {words.split()[0]}")

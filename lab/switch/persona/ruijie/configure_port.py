"""Commands of an interface's mode."""

from __future__ import annotations

from collections.abc import Callable

from lab.switch.persona import security
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.model import TRUNK, Binding, Interface, Rejected, SecureMac
from lab.switch.persona.ruijie import secure
from lab.switch.persona.ruijie.call import Call, Handler
from lab.switch.persona.ruijie.configure import keep_line
from lab.switch.persona.ruijie.switch import MAXIMUM, PROTECT

_ALL = frozenset(range(1, 4095))
_KINDS = frozenset({"configured", "sticky", "dynamic"})


def _each(action: Callable[[Call, Interface], None], *, physical: bool = True) -> Handler:
    """Make a handler which acts on every selected interface; a refusal of one does not keep it from the others."""

    def handler(call: Call) -> str:
        printed = []
        for entry in call.mode.entries:
            if physical and not entry.physical:
                raise SyntaxProblem("invalid", 0)
            try:
                action(call, entry)
            except Rejected as refusal:
                printed.append(str(refusal))
        return "\n".join(dict.fromkeys(printed))

    return handler


def _description(call: Call, entry: Interface) -> None:
    entry.description = "" if call.no else call.text("text").strip()[:80]


def _shutdown(call: Call, entry: Interface) -> None:
    secure.shut(call.switch, entry, not call.no)


def _mode(call: Call, entry: Interface) -> None:
    trunk = not call.no and call.match.words[-1] == TRUNK
    secure.set_mode(call.switch, entry, TRUNK if trunk else "access")


def _access_vlan(call: Call, entry: Interface) -> None:
    secure.set_access_vlan(call.switch, entry, 1 if call.no else call.number("vlan"))


def _native(call: Call, entry: Interface) -> None:
    entry.native_vlan = 1 if call.no else call.number("vlan")
    call.switch.program(entry)


def _allowed(call: Call, entry: Interface) -> None:
    words, held = call.match.words, _ALL if entry.allowed is None else entry.allowed
    if call.no or "all" in words:
        held = _ALL
    elif "only" in words:
        held = call.vlans()
    elif "except" in words:
        held = _ALL - call.vlans()
    else:
        held = held | call.vlans() if "add" in words else held - call.vlans()
    entry.allowed = None if held == _ALL else held
    call.switch.program(entry)


# -- port security ------------------------------------------------------------------------------------------------


def _security(call: Call, entry: Interface) -> None:
    secure.enable(call.switch, entry, not call.no)


def _maximum(call: Call, entry: Interface) -> None:
    secure.set_maximum(call.switch, entry, MAXIMUM if call.no else call.number())


def _violation(call: Call, entry: Interface) -> None:
    entry.security.violation = PROTECT if call.no else call.match.words[-1]
    call.switch.touch()


def _mac(call: Call, entry: Interface) -> None:
    mac, vlan = call.text("mac"), call.match.values.get("vlan")
    kind = "sticky" if "sticky" in call.match.words else "configured"
    if call.no:
        held = entry.security.macs.get(mac)
        if held is None or (isinstance(vlan, int) and entry.vlan_of(held) != vlan):
            raise Rejected("% The secure address does not exist.")
        security.remove(call.switch, entry, mac, _KINDS)
        return
    secure.add(call.switch, entry, SecureMac(mac, kind, vlan if isinstance(vlan, int) else None))


def _sticky(call: Call, entry: Interface) -> None:
    security.set_sticky(call.switch, entry, not call.no)


def _security_binding(call: Call, entry: Interface) -> None:
    wanted = Binding(call.text("mac"), call.number("vlan"), call.text("ip"), entry.name)
    secure.bind(call.switch, entry, wanted, on=not call.no)


def _aging(call: Call, entry: Interface) -> None:
    if "static" in call.match.words:
        entry.security.aging_static = not call.no
    else:
        entry.security.aging_time = 0 if call.no else call.number()
    call.switch.touch()


def _verify(call: Call, entry: Interface) -> None:
    entry.verify = "" if call.no else "port-security" if "port-security" in call.match.words else "ip"
    call.switch.program(entry)


def _keep_here(call: Call, entry: Interface) -> None:
    keep_line(entry.extra, call.kept(), call.no)


COMMANDS: dict[str, Handler] = {
    "description": _each(_description, physical=False),
    "shutdown": _each(_shutdown, physical=False),
    "port_mode": _each(_mode),
    "access_vlan": _each(_access_vlan),
    "native": _each(_native),
    "allowed": _each(_allowed),
    "security": _each(_security),
    "maximum": _each(_maximum),
    "violation": _each(_violation),
    "secure_mac": _each(_mac),
    "sticky": _each(_sticky),
    "security_binding": _each(_security_binding),
    "aging": _each(_aging),
    "verify": _each(_verify),
    "keep_here": _each(_keep_here, physical=False),
}

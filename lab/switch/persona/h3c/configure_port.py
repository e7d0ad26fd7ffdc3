"""Commands of an interface's view."""

from __future__ import annotations

from collections.abc import Callable

from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.h3c import secure
from lab.switch.persona.h3c.call import Call, Handler
from lab.switch.persona.h3c.configure import bind, clear_static, keep_line, set_static
from lab.switch.persona.h3c.model import DYNAMIC_MACS
from lab.switch.persona.model import TRUNK, Binding, Interface, Rejected

_ALL = frozenset(range(1, 4095))


def _each(action: Callable[[Call, Interface], None], *, physical: bool = True) -> Handler:
    """Make a handler which acts on every selected interface; a refusal of one does not keep it from the others."""

    def handler(call: Call) -> str:
        printed = []
        for entry in call.view.entries:
            if physical and not entry.physical:
                raise SyntaxProblem("invalid", 0, 0)
            try:
                action(call, entry)
            except Rejected as refusal:
                printed.append(str(refusal))
        return "\n".join(dict.fromkeys(printed))

    return handler


def _leave(call: Call) -> None:
    call.view.go("system")


def _description(call: Call, entry: Interface) -> None:
    entry.description = "" if call.no else call.text("text").strip()[:255]


def _shutdown(call: Call, entry: Interface) -> None:
    secure.shut(call.switch, entry, not call.no)


def _link_type(call: Call, entry: Interface) -> None:
    trunk = not call.no and call.match.words[-1] == "trunk"
    secure.set_link_type(call.switch, entry, TRUNK if trunk else "access")


def _access_vlan(call: Call, entry: Interface) -> None:
    secure.set_access_vlan(call.switch, entry, 1 if call.no else call.number("vlan"))


def _permit(call: Call, entry: Interface) -> None:
    if not entry.trunk:
        raise Rejected("Error: The port is not a trunk port.")
    held = _ALL if entry.allowed is None else entry.allowed
    entry.allowed = held - call.vlans() if call.no else held | call.vlans()
    call.switch.program(entry)


def _pvid(call: Call, entry: Interface) -> None:
    if not entry.trunk:
        raise Rejected("Error: The port is not a trunk port.")
    entry.native_vlan = 1 if call.no else call.number("vlan")
    call.switch.program(entry)


def _maximum(call: Call, entry: Interface) -> None:
    secure.set_maximum(call.switch, entry, 0 if call.no else call.number())


def _port_mode(call: Call, entry: Interface) -> None:
    secure.set_mode(call.switch, entry, "" if call.no else call.match.words[-1])


def _intrusion(call: Call, entry: Interface) -> None:
    entry.security.violation = "" if call.no else call.match.words[-1]
    call.switch.touch()


def _secure_here(call: Call, entry: Interface) -> None:
    sticky = "sticky" in call.match.words
    secure.add(call.switch, entry, call.text("mac"), call.number("vlan"), sticky=sticky)


def _no_secure_here(call: Call, entry: Interface) -> None:
    secure.remove(call.switch, entry, call.text("mac"), call.number("vlan"))


def _dynamic(call: Call, entry: Interface) -> None:
    entry.flag(DYNAMIC_MACS, on=not call.no)
    secure.set_dynamic(call.switch, entry, not call.no)


def _static_here(call: Call, entry: Interface) -> None:
    set_static(call.switch, entry, call.text("mac"), call.number("vlan"))


def _no_static_here(call: Call, entry: Interface) -> None:
    del entry
    clear_static(call.switch, call.text("mac"), call.number("vlan"))


def _bind_here(call: Call, entry: Interface) -> None:
    bind(call, Binding(call.text("mac"), call.number("vlan"), call.text("ip"), entry.name))


def _verify(call: Call, entry: Interface) -> None:
    entry.verify = "" if call.no else " ".join(call.match.words[3:])
    call.switch.program(entry)


def _keep_here(call: Call, entry: Interface) -> None:
    keep_line(entry.extra, call.kept(), call.no)


def _accept(call: Call) -> None:
    del call


COMMANDS: dict[str, Handler] = {
    "leave": _leave,
    "description": _each(_description, physical=False),
    "no_description": _each(_description, physical=False),
    "shutdown": _each(_shutdown, physical=False),
    "link_type": _each(_link_type),
    "no_link_type": _each(_link_type),
    "access_vlan": _each(_access_vlan),
    "no_access_vlan": _each(_access_vlan),
    "permit": _each(_permit),
    "no_permit": _each(_permit),
    "pvid": _each(_pvid),
    "no_pvid": _each(_pvid),
    "maximum": _each(_maximum),
    "no_maximum": _each(_maximum),
    "port_mode": _each(_port_mode),
    "no_port_mode": _each(_port_mode),
    "intrusion": _each(_intrusion),
    "no_intrusion": _each(_intrusion),
    "secure_here": _each(_secure_here),
    "no_secure_here": _each(_no_secure_here),
    "dynamic": _each(_dynamic),
    "static_here": _each(_static_here),
    "no_static_here": _each(_no_static_here),
    "bind_here": _each(_bind_here),
    "verify": _each(_verify),
    "no_verify": _each(_verify),
    "keep_here": _each(_keep_here, physical=False),
    "accept": _accept,
}

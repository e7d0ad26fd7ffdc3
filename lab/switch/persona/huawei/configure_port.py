"""What the commands of an interface view do."""

from __future__ import annotations

from collections.abc import Callable

from lab.switch.persona.huawei import secure
from lab.switch.persona.huawei.view import Call, Handler, keep_line
from lab.switch.persona.model import Interface, Rejected

_ALL_VLANS = frozenset(range(1, 4095))


def _port(action: Callable[[Call, Interface], str | None], *, physical: bool = True) -> Handler:
    """Make a handler of a command that only a switch port has."""

    def handler(call: Call) -> str | None:
        entry = call.view.entry
        if physical and not entry.physical:
            raise Rejected("Error: The interface does not support this command.")
        return action(call, entry)

    return handler


def _description(call: Call, entry: Interface) -> None:
    entry.description = call.text("text").strip()[:242]


def _no_description(call: Call, entry: Interface) -> None:
    del call
    entry.description = ""


def _shutdown(call: Call, entry: Interface) -> str:
    return secure.shut(call.switch, entry, down=call.on)


def _restart(call: Call, entry: Interface) -> None:
    secure.restart(call.switch, entry)


def _link_type(call: Call, entry: Interface) -> None:
    secure.set_mode(call.switch, entry, call.match.words[-1] if call.on else call.view.edition.default_mode)


def _default_vlan(call: Call, entry: Interface) -> None:
    secure.set_vlan(call.switch, entry, call.number("vlan") if call.on else 1)


def _trunk(entry: Interface) -> frozenset[int]:
    if not entry.trunk:
        raise Rejected("Error: The link type of the interface is not trunk.")
    return _ALL_VLANS if entry.allowed is None else entry.allowed


def _allow_pass(call: Call, entry: Interface) -> None:
    allowed = _trunk(entry)
    allowed = allowed | call.vlans() if call.on else allowed - call.vlans()
    entry.allowed = None if allowed == _ALL_VLANS else allowed
    call.switch.program(entry)


def _pvid(call: Call, entry: Interface) -> None:
    _trunk(entry)
    entry.native_vlan = call.number("vlan") if call.on else 1
    call.switch.program(entry)


def _security(call: Call, entry: Interface) -> None:
    maximum = call.match.values.get("n")
    secure.enable(call.switch, entry, maximum if isinstance(maximum, int) else None)


def _no_security(call: Call, entry: Interface) -> None:
    secure.disable(call.switch, entry)


def _maximum(call: Call, entry: Interface) -> None:
    secure.set_maximum(call.switch, entry, call.number("n"))


def _no_maximum(call: Call, entry: Interface) -> None:
    secure.set_maximum(call.switch, entry, 1)


def _action(call: Call, entry: Interface) -> None:
    secure.required(entry).violation = call.match.words[-1] if call.on else "restrict"


def _sticky(call: Call, entry: Interface) -> None:
    secure.set_sticky(call.switch, entry, on=call.on)


def _bound(kind: str) -> Callable[[Call, Interface], None]:
    def handler(call: Call, entry: Interface) -> None:
        act = secure.add if call.on else secure.remove
        act(call.switch, entry, call.text("mac"), call.number("vlan"), kind)

    return handler


def _aging(call: Call, entry: Interface) -> None:
    held = secure.required(entry)
    held.aging_time = call.number("n")
    held.aging_type = "inactivity" if "inactivity" in call.match.words else "absolute"


def _guard(call: Call, entry: Interface) -> None:
    entry.verify = "ip-mac" if call.on else ""
    call.switch.program(entry)


def _keep_here(call: Call, entry: Interface) -> None:
    keep_line(entry.extra, call.kept(), on=call.on)


COMMANDS: dict[str, Handler] = {
    "description": _port(_description, physical=False), "no_description": _port(_no_description, physical=False),
    "shutdown": _port(_shutdown, physical=False), "restart": _port(_restart, physical=False),
    "link_type": _port(_link_type), "no_link_type": _port(_link_type),
    "default_vlan": _port(_default_vlan), "no_default_vlan": _port(_default_vlan),
    "allow_pass": _port(_allow_pass), "no_allow_pass": _port(_allow_pass),
    "pvid": _port(_pvid), "no_pvid": _port(_pvid),
    "security": _port(_security), "no_security": _port(_no_security),
    "maximum": _port(_maximum), "no_maximum": _port(_no_maximum),
    "action": _port(_action), "no_action": _port(_action), "sticky": _port(_sticky),
    "sticky_mac": _port(_bound("sticky")), "no_sticky_mac": _port(_bound("sticky")),
    "static_mac": _port(_bound("configured")), "no_static_mac": _port(_bound("configured")),
    "aging": _port(_aging), "no_aging": _port(_aging),
    "guard": _port(_guard), "keep_here": _port(_keep_here, physical=False),
}  # fmt: skip

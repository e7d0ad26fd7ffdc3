"""What the port-security and VLAN commands of VRP do, and what they refuse."""

from __future__ import annotations

from lab.switch.persona import security
from lab.switch.persona.huawei.names import hyphened
from lab.switch.persona.huawei.switch import HuaweiSwitch, learned
from lab.switch.persona.model import Interface, Rejected, SecureMac, Security, forget_dynamic

_RENEW = "Error: Please renew the default configurations."
_DISABLED = "Error: Port security is not enabled on this interface."
_ONLY_VLAN_1 = frozenset({1})


def enable(switch: HuaweiSwitch, entry: Interface, maximum: int | None) -> None:
    """Turn port security on (what was learned is learned anew), and set the limit when one is given."""
    if maximum is not None:
        set_maximum(switch, entry, maximum, needs=False)
    entry.security.enabled = True
    switch.program(entry)


def disable(switch: HuaweiSwitch, entry: Interface) -> None:
    """Turn port security off: its other commands need it, so they go with it."""
    violations = entry.security.violations
    entry.security = Security(violation="restrict", violations=violations)
    switch.recover(entry)
    switch.program(entry)


def required(entry: Interface) -> Security:
    """Give the feature of a port where it is enabled; raises Rejected."""
    if not entry.security.enabled:
        raise Rejected(_DISABLED)
    return entry.security


def set_maximum(switch: HuaweiSwitch, entry: Interface, maximum: int, *, needs: bool = True) -> None:
    """Set the limit; raises Rejected below what is learned now."""
    secure = required(entry) if needs else entry.security
    if maximum < learned(entry):
        raise Rejected("Error: The maximum number is smaller than the number of MAC addresses on this interface.")
    secure.maximum = maximum
    switch.touch()


def set_sticky(switch: HuaweiSwitch, entry: Interface, on: bool) -> None:
    """Turn sticky MACs on (dynamic ones become sticky) or off (sticky ones become dynamic)."""
    required(entry)
    for held in entry.security.macs.values():
        held.scope = "" if held.kind == "sticky" else held.scope
    security.set_sticky(switch, entry, on)


def add(switch: HuaweiSwitch, entry: Interface, mac: str, vlan: int, kind: str) -> None:
    """Bind an address: kind is sticky (counted) or configured (not counted); raises Rejected."""
    secure = required(entry)
    if kind == "sticky" and not secure.sticky:
        raise Rejected("Error: The sticky MAC function is not enabled on this interface.")
    if int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
        raise Rejected(f"Error: The MAC address {hyphened(mac)} is invalid.")
    if vlan not in switch.running.vlans:
        raise Rejected("Error: The VLAN does not exist.")
    if not entry.carries(vlan):
        raise Rejected("Error: The interface does not belong to the VLAN.")
    holder = security.owner(switch, mac, vlan)
    before = secure.macs.get(mac)
    if holder is not None and holder is not entry:
        raise Rejected("Error: The MAC address is already bound to another interface.")
    counted = learned(entry) - (before is not None and before.kind in {"dynamic", "sticky"})
    if kind == "sticky" and counted >= secure.maximum:
        raise Rejected("Error: The number of MAC addresses on this interface has reached the maximum.")
    secure.macs[mac] = SecureMac(mac, kind, vlan, "configured", switch.now())
    switch.program(entry)


def remove(switch: HuaweiSwitch, entry: Interface, mac: str, vlan: int, kind: str) -> None:
    """Unbind an address; raises Rejected when there is no such binding."""
    held = entry.security.macs.get(mac)
    if held is None or held.kind != kind or entry.vlan_of(held) != vlan:
        raise Rejected("Error: The MAC address does not exist.")
    del entry.security.macs[mac]
    switch.program(entry)


def clear(switch: HuaweiSwitch, kind: str, name: str, vlan: int) -> None:
    """Clear addresses of a kind, on one interface and of one VLAN when given (empty, 0: all)."""
    for entry in switch.running.physical():
        if name and entry.name != name:
            continue
        macs = entry.security.macs
        gone = [mac for mac, held in macs.items() if held.kind == kind and vlan in {0, entry.vlan_of(held)}]
        for mac in gone:
            del macs[mac]
        if gone:
            switch.program(entry)


def set_mode(switch: HuaweiSwitch, entry: Interface, mode: str) -> None:
    """Change the link type; raises Rejected while VLANs of the old one are configured."""
    if mode == entry.mode:
        return
    if entry.access_vlan != 1 or entry.native_vlan != 1 or (entry.trunk and entry.allowed != _ONLY_VLAN_1):
        raise Rejected(_RENEW)
    entry.mode, entry.allowed = mode, _ONLY_VLAN_1
    forget_dynamic(entry)
    switch.program(entry)


def set_vlan(switch: HuaweiSwitch, entry: Interface, vlan: int) -> None:
    """Set the VLAN of an access port; raises Rejected. Addresses bound in the old VLAN stay, and let nothing in."""
    if entry.mode != "access":
        raise Rejected("Error: The link type of the interface is not access.")
    if vlan not in switch.running.vlans and not switch.edition.two_stage:
        raise Rejected("Error: The VLAN does not exist.")
    forget_dynamic(entry)
    entry.access_vlan = vlan
    switch.program(entry)


def shut(switch: HuaweiSwitch, entry: Interface, down: bool) -> str:
    """Shut or open a port; gives what is said when there is nothing to do."""
    if down == entry.shutdown:
        return "" if down else f"Info: Interface {entry.name} is not shutdown."
    entry.shutdown = down
    if down:
        forget_dynamic(entry)
        if entry.err_disabled:
            switch.recover_at.pop(entry.name, None)
            entry.err_disabled = ""
            switch.event("errRecover", entry)
    switch.program(entry)
    switch.poll_links()
    return ""


def restart(switch: HuaweiSwitch, entry: Interface) -> None:
    """Shut a port and open it again."""
    if not entry.shutdown:
        shut(switch, entry, down=True)
    shut(switch, entry, down=False)

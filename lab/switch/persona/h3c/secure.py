"""What the port-security commands of Comware do, and what they refuse.

The rules are those of H3C's command reference (port security): a security MAC is accepted only while the feature is
on, the port learns (autoLearn) and is in the VLAN; the maximum cannot change in autoLearn; one mode is left by `undo`
before another is set. Two refusals have the words of the guides' troubleshooting sections; the others are ours.
"""

from __future__ import annotations

from lab.switch.persona import security
from lab.switch.persona.h3c.model import AUTOLEARN, PORT_SECURITY, SECURE
from lab.switch.persona.h3c.switch import H3cSwitch, port_mode
from lab.switch.persona.model import Interface, Rejected, SecureMac

_CHANGE = "Error:When we change port-mode, we should first change it to noRestrictions, then change it to the other."
_CONFIGURE = "Error: Security MAC address configuration failed."


def enable(switch: H3cSwitch, on: bool) -> None:
    """Turn the feature on or off; off, every security MAC goes."""
    if on:
        switch.running.flags.add(PORT_SECURITY)
    else:
        switch.running.flags.discard(PORT_SECURITY)
        for entry in switch.running.physical():
            entry.security.macs.clear()
    switch.secure_everywhere()


def set_maximum(switch: H3cSwitch, entry: Interface, maximum: int) -> None:
    """Set the maximum (0: none); raises Rejected in autoLearn, or below what is secured now."""
    if AUTOLEARN in entry.flags and not switch.booting:
        raise Rejected("Error: Can't change the maximum number of secure MAC addresses in autoLearn mode.")
    if 0 < maximum < len(entry.security.macs):
        raise Rejected("Error: The maximum number is less than the number of existing secure MAC addresses.")
    entry.security.maximum = maximum
    switch.touch()


def set_mode(switch: H3cSwitch, entry: Interface, mode: str) -> None:
    """Set the mode, or leave it (empty), with which every security MAC goes; raises Rejected."""
    now = next((word for word in (AUTOLEARN, SECURE) if word in entry.flags), "")
    if mode == now:
        return
    if mode and now:
        raise Rejected(_CHANGE)
    if mode == AUTOLEARN and not entry.security.maximum:
        raise Rejected("Error: Please set the maximum number of secure MAC addresses on the port first.")
    entry.flags -= {AUTOLEARN, SECURE}
    if mode:
        entry.flags.add(mode)
    else:
        entry.security.macs.clear()
        entry.err_disabled = ""
    switch.secure_everywhere()


def add(switch: H3cSwitch, entry: Interface, mac: str, vlan: int, *, sticky: bool) -> None:
    """Secure an address; raises Rejected."""
    held = entry.security
    learns = PORT_SECURITY in switch.running.flags and port_mode(entry) == "autoLearn"
    if not learns or vlan not in switch.running.vlans or not entry.carries(vlan) or int(mac[:2], 16) & 1:
        raise Rejected(_CONFIGURE)
    if mac in held.macs or security.owner(switch, mac, vlan) is not None:
        raise Rejected(_CONFIGURE)
    held.macs[mac] = SecureMac(mac, "sticky" if sticky else "configured", vlan, since=switch.now())
    switch.program(entry)


def remove(switch: H3cSwitch, entry: Interface, mac: str, vlan: int) -> None:
    """Take an address away; raises Rejected when the port has no such."""
    held = entry.security.macs.get(mac)
    if held is None or held.vlan != vlan:
        raise Rejected("Error: The secure MAC address does not exist.")
    del entry.security.macs[mac]
    switch.program(entry)


def set_dynamic(switch: H3cSwitch, entry: Interface, on: bool) -> None:
    """Turn the sticky addresses of a port into volatile (dynamic) ones, which no configuration file keeps, or back."""
    before, after = ("sticky", "volatile") if on else ("volatile", "sticky")
    for held in entry.security.macs.values():
        if held.kind == before:
            held.kind = after
    switch.touch()


def shut(switch: H3cSwitch, entry: Interface, down: bool) -> None:
    """Shut or open a port; opening one ends what intrusion protection did to it."""
    if down == entry.shutdown and not entry.err_disabled:
        return
    entry.shutdown = down
    entry.err_disabled = ""
    switch.program(entry)
    switch.poll_links()


def set_link_type(switch: H3cSwitch, entry: Interface, mode: str) -> None:
    """Make the port an access port or a trunk; either starts in VLAN 1 as if nothing had been set."""
    if mode == entry.mode:
        return
    entry.mode = mode
    entry.access_vlan = entry.native_vlan = 1
    entry.allowed = frozenset({1})
    switch.program(entry)


def set_access_vlan(switch: H3cSwitch, entry: Interface, vlan: int) -> None:
    """Set the access VLAN. Security MACs of the old one stay where they are, and admit nothing any more."""
    if entry.trunk:
        raise Rejected("Error: The port is not an access port.")
    if vlan not in switch.running.vlans:
        raise Rejected("The VLAN does not exist.")
    entry.access_vlan = vlan
    switch.program(entry)

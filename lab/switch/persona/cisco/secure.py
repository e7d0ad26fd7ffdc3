"""What the port-security commands of IOS do, and what they refuse, in its own words."""

from __future__ import annotations

from lab.switch.persona import security
from lab.switch.persona.cisco import names
from lab.switch.persona.model import Interface, Rejected, SecureMac, forget_dynamic
from lab.switch.persona.state import Switch

LIMIT = 4096


def enable(switch: Switch, entry: Interface, on: bool) -> None:
    """Turn the feature on or off; raises Rejected on a dynamic port."""
    if on and entry.mode.startswith("dynamic"):
        raise Rejected(f"Command rejected: {entry.name} is a dynamic port.")
    entry.security.enabled = on
    if not on:
        forget_dynamic(entry)
        security.recover(switch, entry)
    switch.program(entry)


def set_maximum(switch: Switch, entry: Interface, maximum: int) -> None:
    """Set the maximum; raises Rejected below the number of addresses that are secured now."""
    if maximum < len(entry.security.macs):
        raise Rejected("Maximum is less than number of currently secured mac-addresses.")
    entry.security.maximum = maximum
    switch.program(entry)


def add(switch: Switch, entry: Interface, secure: SecureMac) -> None:
    """Secure an address; raises Rejected for a duplicate in the VLAN, beyond the maximum, or sticky without sticky."""
    held = entry.security
    if secure.kind == "sticky" and not held.sticky:
        raise Rejected(f"Command rejected: Sticky learning is not enabled on {entry.name}.")
    secure.since = switch.now()
    if security.owner(switch, secure.mac, entry.vlan_of(secure)) is not None or secure.mac in held.macs:
        raise Rejected(f"Found duplicate mac-address {names.dotted(secure.mac)}.")
    if len(held.macs) >= held.maximum:
        raise Rejected(f"Total secure mac-addresses on interface {entry.name} has reached maximum limit.")
    held.macs[secure.mac] = secure
    switch.program(entry)


def set_mode(switch: Switch, entry: Interface, mode: str) -> None:
    """Set the port mode; a secure port cannot become dynamic."""
    if mode.startswith("dynamic") and entry.security.enabled:
        raise Rejected(f"Command rejected: {entry.name} is a secure port.")
    if mode != entry.mode:
        forget_dynamic(entry)
    entry.mode = mode
    switch.program(entry)


def set_access_vlan(switch: Switch, entry: Interface, vlan: int) -> None:
    """Set the access VLAN; dynamic secure addresses of the old one go, configured ones follow the port.

    Raises Rejected when one of them is secured on another port of the new VLAN.
    """
    if vlan == entry.access_vlan:
        return
    for mac, held in entry.security.macs.items():
        other = security.owner(switch, mac, vlan) if held.vlan is None and held.kind != "dynamic" else None
        if other is not None and other is not entry:
            raise Rejected(f"Found duplicate mac-address {names.dotted(mac)}.")
    forget_dynamic(entry)
    entry.access_vlan = vlan
    switch.program(entry)


def shut(switch: Switch, entry: Interface, down: bool) -> None:
    """Shut or open a port; shutting one ends its err-disable and sets its violation count to zero."""
    if down == entry.shutdown and not entry.err_disabled:
        return
    if not down and entry.err_disabled:
        return  # no shutdown alone does not recover a port: shutdown comes first
    entry.shutdown = down
    if down:
        entry.err_disabled = ""
        entry.security.violations = 0
        forget_dynamic(entry)
        switch.log(f"%LINK-5-CHANGED: Interface {entry.name}, changed state to administratively down")
    switch.program(entry)
    switch.poll_links()

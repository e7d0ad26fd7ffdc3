"""What the port-security commands of RGOS do, and what they refuse, in words of ours: no guide has them."""

from __future__ import annotations

from lab.switch.persona import security
from lab.switch.persona.model import Binding, Interface, Rejected, SecureMac, forget_dynamic
from lab.switch.persona.ruijie import names
from lab.switch.persona.ruijie.switch import RuijieSwitch
from lab.switch.persona.state import Switch


def enable(switch: Switch, entry: Interface, on: bool) -> None:
    """Turn the feature on or off."""
    entry.security.enabled = on
    if not on:
        forget_dynamic(entry)
    switch.program(entry)


def set_maximum(switch: Switch, entry: Interface, maximum: int) -> None:
    """Set the maximum; raises Rejected below the number of addresses that are secured now."""
    if maximum < len(entry.security.macs):
        raise Rejected("% The maximum is less than the number of secure addresses.")
    entry.security.maximum = maximum
    switch.program(entry)


def add(switch: Switch, entry: Interface, secure: SecureMac) -> None:
    """Secure an address; raises Rejected for one that is secured already, or beyond the maximum."""
    held, vlan = entry.security, entry.vlan_of(secure)
    if not entry.carries(vlan):
        raise Rejected(f"% Interface {entry.name} is not in VLAN {vlan}.")
    if security.owner(switch, secure.mac, vlan) is not None or secure.mac in held.macs:
        raise Rejected(f"% Secure address {names.dotted(secure.mac)} already exists.")
    if len(held.macs) >= held.maximum:
        raise Rejected(f"% The number of secure addresses on interface {entry.name} has reached the maximum.")
    secure.since = switch.now()
    held.macs[secure.mac] = secure
    switch.program(entry)


def bind(switch: RuijieSwitch, entry: Interface, wanted: Binding, *, on: bool) -> None:
    """Give a port a secure IP address (with a MAC, or of any secure one), or take it away; raises Rejected."""
    held = switch.own.secured
    if on == (wanted in held):
        raise Rejected(f"% The binding {'already exists' if on else 'does not exist'}.")
    switch.own.secured = [*held, wanted] if on else [b for b in held if b != wanted]
    switch.program(entry)


def set_mode(switch: Switch, entry: Interface, mode: str) -> None:
    """Make the port an access port or a trunk; dynamic secure addresses go."""
    if mode != entry.mode:
        forget_dynamic(entry)
    entry.mode = mode
    switch.program(entry)


def set_access_vlan(switch: Switch, entry: Interface, vlan: int) -> None:
    """Set the access VLAN, making it when it is new; dynamic secure addresses of the old one go."""
    if vlan != entry.access_vlan:
        forget_dynamic(entry)
    entry.access_vlan = vlan
    if vlan not in switch.running.vlans:
        switch.running.vlans[vlan] = f"VLAN{vlan:04}"
        switch.program_all()
    switch.program(entry)


def shut(switch: Switch, entry: Interface, down: bool) -> None:
    """Shut or open a port; what a violation shut stays shut until `errdisable recovery` (RGOS guides)."""
    if down == entry.shutdown:
        return
    entry.shutdown = down
    if down:
        forget_dynamic(entry)
        switch.log(f"%LINK-5-CHANGED: Interface {entry.name}, changed state to administratively down.")
    switch.program(entry)
    switch.poll_links()

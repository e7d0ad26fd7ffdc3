"""Port security as Cisco documents it: learning up to the maximum, violations and what they do, recovery.

Catalyst 2960-X and 3650 command references: a violation is a frame from an address that is not secured while the
maximum is reached, or from one that is secured on another secure port of the VLAN. protect drops silently; restrict
drops, counts, logs and traps; shutdown counts, logs and puts the port into err-disable.
"""

from __future__ import annotations

from lab.switch.persona import names
from lab.switch.persona.model import Interface, Rejected, SecureMac
from lab.switch.persona.state import Switch, forget_dynamic

CAUSE = "psecure-violation"
LIMIT = 4096
#: Seconds between two log lines about violations of one port.
_LOG_EVERY = 5.0


def owner(switch: Switch, mac: str, vlan: int) -> Interface | None:
    """Find the secure port on which `mac` is secured in `vlan`."""
    for entry in switch.running.physical():
        secure = entry.security.macs.get(mac)
        if secure is not None and entry.vlan_of(secure) == vlan:
            return entry
    return None


def foreign_frame(switch: Switch, port: str, mac: str, vlan: int) -> None:
    """Handle a frame that a port did not admit: learn its address, or act on a violation."""
    entry = switch.on_port(port)
    if entry is None or not entry.security.enabled or entry.err_disabled or entry.shutdown:
        return
    secure = entry.security
    if mac in secure.macs or (not entry.trunk and vlan != entry.access_vlan):
        return  # admitted meanwhile, or dropped by IP source guard, which does not count as a violation
    if len(secure.macs) < secure.maximum and owner(switch, mac, vlan) is None:
        kind = "sticky" if secure.sticky else "dynamic"
        secure.macs[mac] = SecureMac(
            mac, kind, vlan if entry.trunk else None, str(vlan) if entry.trunk else "", since=switch.now()
        )
        switch.program(entry)
        return
    violate(switch, entry, mac, vlan)


def violate(switch: Switch, entry: Interface, mac: str, vlan: int) -> None:
    """Do what the violation mode says."""
    secure = entry.security
    if secure.violation == "protect":
        return
    secure.violations += 1
    secure.last_mac, secure.last_vlan = mac, vlan
    switch.touch()
    if secure.violation == "shutdown":
        _err_disable(switch, entry)
    if entry.logged[0] != mac or switch.now() - entry.logged[1] >= _LOG_EVERY:
        entry.logged = (mac, switch.now())
        switch.log(
            "%PORT_SECURITY-2-PSECURE_VIOLATION: Security violation occurred, caused by MAC address "
            f"{names.dotted(mac)} on port {entry.name}."
        )
    if secure.violation == "restrict":
        switch.event("secureViolation", entry)
    if entry.err_disabled:
        switch.poll_links()


def _err_disable(switch: Switch, entry: Interface) -> None:
    """Put a port into err-disable: the link goes down and stays down until it is recovered."""
    entry.err_disabled, entry.err_since = CAUSE, switch.now()
    forget_dynamic(entry)
    short = names.short(entry.name)
    switch.log(f"%PM-4-ERR_DISABLE: {CAUSE} error detected on {short}, putting {short} in err-disable state")
    switch.program(entry)
    switch.event("errDisable", entry)


def recover(switch: Switch, entry: Interface) -> None:
    """Take a port out of err-disable."""
    if not entry.err_disabled:
        return
    entry.err_disabled = ""
    switch.program(entry)
    switch.poll_links()


def tick(switch: Switch) -> None:
    """Do what time does: recovery of err-disabled ports, aging of secure addresses, links."""
    now = switch.now()
    for entry in switch.running.physical():
        if entry.err_disabled in switch.running.recovery_causes and time_left(switch, entry) <= 0:
            short = names.short(entry.name)
            switch.log(f"%PM-4-ERR_RECOVER: Attempting to recover from {CAUSE} err-disable state on {short}")
            recover(switch, entry)
        _age(switch, entry, now)
    switch.poll_links()


def time_left(switch: Switch, entry: Interface) -> int:
    """Give the seconds until an err-disabled port recovers by itself."""
    return int(entry.err_since + switch.running.recovery_interval - switch.now() + 0.999)


def _age(switch: Switch, entry: Interface, now: float) -> None:
    secure = entry.security
    if not secure.enabled or not secure.aging_time:
        return
    aging = {"dynamic", "configured"} if secure.aging_static else {"dynamic"}
    limit = now - secure.aging_time * 60
    old = [mac for mac, held in secure.macs.items() if held.kind in aging and held.since <= limit]
    for mac in old:
        del secure.macs[mac]
    if old:
        switch.program(entry)


# -- configuration ----------------------------------------------------------------------------------------------


def enable(switch: Switch, entry: Interface, on: bool) -> None:
    """Turn the feature on or off; raises Rejected on a dynamic port."""
    if on and entry.mode.startswith("dynamic"):
        raise Rejected(f"Command rejected: {entry.name} is a dynamic port.")
    entry.security.enabled = on
    if not on:
        forget_dynamic(entry)
        recover(switch, entry)
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
    if owner(switch, secure.mac, entry.vlan_of(secure)) is not None or secure.mac in held.macs:
        raise Rejected(f"Found duplicate mac-address {names.dotted(secure.mac)}.")
    if len(held.macs) >= held.maximum:
        raise Rejected(f"Total secure mac-addresses on interface {entry.name} has reached maximum limit.")
    held.macs[secure.mac] = secure
    switch.program(entry)


def remove(switch: Switch, entry: Interface, mac: str, kinds: frozenset[str]) -> None:
    """Remove a secure address of one of `kinds`; silent when there is none, as IOS is."""
    held = entry.security.macs.get(mac)
    if held is not None and held.kind in kinds:
        del entry.security.macs[mac]
        switch.program(entry)


def set_sticky(switch: Switch, entry: Interface, on: bool) -> None:
    """Turn sticky learning on (dynamic addresses become sticky) or off (sticky ones become dynamic)."""
    entry.security.sticky = on
    before, after = ("dynamic", "sticky") if on else ("sticky", "dynamic")
    for held in entry.security.macs.values():
        if held.kind == before:
            held.kind = after
    switch.program(entry)


def clear(switch: Switch, kinds: frozenset[str], name: str | None = None, mac: str | None = None) -> None:
    """Clear secure addresses of `kinds`, on one interface or of one address when given."""
    for entry in switch.running.physical():
        if name is not None and entry.name != name:
            continue
        macs = entry.security.macs
        gone = [key for key, held in macs.items() if held.kind in kinds and mac in {None, key}]
        for key in gone:
            del macs[key]
        if gone:
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
        other = owner(switch, mac, vlan) if held.vlan is None and held.kind != "dynamic" else None
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

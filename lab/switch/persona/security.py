"""Port security: learning up to the maximum, violations and what they do, recovery.

What the vendors' documents agree on: a violation is a frame from an address that is not secured while the maximum is
reached, or from one that is secured on another secure port of the VLAN. protect drops silently; restrict drops, counts,
logs and traps; shutdown counts, logs and shuts the port until it is recovered. Where a vendor differs, its switch
overrides `violated`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.switch.persona.model import Interface, SecureMac, forget_dynamic

if TYPE_CHECKING:
    from lab.switch.persona.state import Switch

#: Seconds between two log lines about violations of one port.
_LOG_EVERY = 5.0


def owner(switch: Switch, mac: str, vlan: int) -> Interface | None:
    """Find the secure port on which `mac` is secured in `vlan`."""
    for entry in switch.running.physical():
        secure = entry.security.macs.get(mac)
        if secure is not None and entry.vlan_of(secure) == vlan:
            return entry
    return None


def foreign_frame(switch: Switch, entry: Interface, mac: str, vlan: int) -> None:
    """Handle a frame that a port did not admit: learn its address, or act on a violation."""
    if not entry.security.enabled or entry.err_disabled or entry.shutdown:
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
    switch.violated(entry, mac, vlan)


def count(switch: Switch, entry: Interface, mac: str, vlan: int) -> bool:
    """Count a violation and keep who it was; tell whether it is worth a log line."""
    secure = entry.security
    secure.violations += 1
    secure.last_mac, secure.last_vlan = mac, vlan
    switch.touch()
    if entry.logged[0] == mac and switch.now() - entry.logged[1] < _LOG_EVERY:
        return False
    entry.logged = (mac, switch.now())
    return True


def shut(switch: Switch, entry: Interface) -> None:
    """Shut a port because of a violation: the link goes down and stays down until the port is recovered."""
    entry.err_disabled, entry.err_since = switch.violation_cause, switch.now()
    forget_dynamic(entry)
    switch.shut_by_violation(entry)
    switch.program(entry)


def recover(switch: Switch, entry: Interface) -> None:
    """Take a port back that a violation shut."""
    if not entry.err_disabled:
        return
    entry.err_disabled = ""
    switch.program(entry)
    switch.poll_links()


def tick(switch: Switch) -> None:
    """Do what time does: recovery of ports that were shut, aging of secure addresses, links."""
    now = switch.now()
    for entry in switch.running.physical():
        if entry.err_disabled in switch.running.recovery_causes and time_left(switch, entry) <= 0:
            switch.recovering(entry)
            recover(switch, entry)
        age(switch, entry, now)
    switch.poll_links()


def time_left(switch: Switch, entry: Interface) -> int:
    """Give the seconds until a port that was shut recovers by itself."""
    return int(entry.err_since + switch.running.recovery_interval - switch.now() + 0.999)


def age(switch: Switch, entry: Interface, now: float) -> None:
    """Take away the addresses of a port whose time is over."""
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


def remove(switch: Switch, entry: Interface, mac: str, kinds: frozenset[str]) -> None:
    """Remove a secure address of one of `kinds`; silent when there is none."""
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

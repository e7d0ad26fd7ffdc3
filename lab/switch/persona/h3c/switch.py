"""A Comware 7 switch: its default configuration, its port security, its log lines, its addresses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import datetime

from lab.switch.dataplane import Admission, DataPlane
from lab.switch.persona import security
from lab.switch.persona.config import Config, Neighbour
from lab.switch.persona.h3c import names, render
from lab.switch.persona.h3c.model import (
    AUTOLEARN,
    BLOCK,
    BLOCKED_S,
    DYNAMIC_MACS,
    PORT_SECURITY,
    TEMPORARILY,
    H3cRunning,
)  # fmt: skip
from lab.switch.persona.model import Interface, SecureMac, restore
from lab.switch.persona.state import Switch


class H3cSwitch(Switch):
    """An H3C S5130S-28S-EI."""

    oui = "703d15"

    def __init__(self, config: Config, dataplane: DataPlane, now: Callable[[], float] | None = None) -> None:
        #: Configuration files by name, beside startup.cfg; a power cut loses them here.
        self.files: dict[str, str] = {}
        #: (port, MAC) → (VLAN, until when) of what `blockmac` blocks.
        self.blocked: dict[tuple[str, str], tuple[int, float]] = {}
        #: When `configuration commit delay` ends, and the configuration that comes back then.
        self.uncommitted: tuple[float, str] | None = None
        #: How often it started since the power came.
        self.boots = 0
        super().__init__(config, dataplane, *([now] if now else []))

    def boot(self) -> None:
        """Start from the startup configuration."""
        super().boot()
        self.boots += 1

    def factory_default(self) -> H3cRunning:
        """Make the configuration of a switch without one."""
        ports = sorted(self.config.ports.items(), key=lambda item: names.order(item[0]))
        interfaces = {name: Interface(name, port, mode="access") for name, port in ports}
        for entry in interfaces.values():
            entry.allowed = frozenset({1})
            entry.security.maximum = 0
            entry.security.sticky = True
        interfaces["Vlan-interface1"] = Interface("Vlan-interface1")
        running = H3cRunning(self.config.hostname, interfaces, {1: "VLAN 0001"})
        running.recovery_causes = {TEMPORARILY}
        running.recovery_interval = 20
        return running

    @property
    def own(self) -> H3cRunning:
        """Give the running configuration as what it is."""
        assert isinstance(self.running, H3cRunning)
        return self.running

    def load(self, text: str) -> None:
        """Apply a configuration text as the boot loader does."""
        from lab.switch.persona.h3c.views import apply_text

        self.blocked.clear()
        self.uncommitted = None
        apply_text(self, text)

    def body(self) -> str:
        """Write the running configuration."""
        return render.body(self.own)

    def replace(self, text: str) -> None:
        """Bring the running configuration to what `text` says, without a reboot (configuration replace file)."""
        live = self.running
        shut = {entry.name: (entry.err_disabled, entry.err_since) for entry in live.physical()}
        uncommitted, self.running, self.booting = self.uncommitted, self.factory_default(), True
        self.load(text)
        self.booting, self.uncommitted = False, uncommitted
        wanted, self.running = self.running, live
        live.interfaces = {name: live.interfaces.get(name, entry) for name, entry in wanted.interfaces.items()}
        restore(live, wanted)
        for attribute in fields(H3cRunning):
            if attribute.name != "interfaces":
                setattr(live, attribute.name, getattr(wanted, attribute.name))
        for entry in live.physical():
            entry.err_disabled, entry.err_since = shut.get(entry.name, ("", 0.0))
        self.program_all()

    # -- port security ----------------------------------------------------------------------------------------------

    def secure_everywhere(self) -> None:
        """Put port security in force where the switch and the port both have it."""
        on = PORT_SECURITY in self.running.flags
        with self.batch():
            for entry in self.running.physical():
                entry.security.enabled = on and port_mode(entry) != "noRestrictions"
                self.program(entry)

    def admission(self, entry: Interface) -> Admission:
        """Say which frames a port admits: secure addresses of its VLANs, static addresses of its own, bound pairs."""
        if not entry.trunk and entry.access_vlan not in self.running.vlans:
            return Admission(macs=frozenset())
        pairs = self.bound_pairs(entry) if self.guard_active(entry) else None
        if not entry.security.enabled:
            return Admission(None, pairs)
        secured = {mac for mac, held in entry.security.macs.items() if entry.carries(entry.vlan_of(held))}
        static = {held.mac for held in self.own.statics if held.interface == entry.name}
        return Admission(frozenset(secured | static), pairs)

    def bound_pairs(self, entry: Interface) -> frozenset[tuple[str, str]]:
        """Give the pairs bound at the port and, from the system view, at every port."""
        return frozenset((b.mac, b.ip) for b in self.running.bindings if b.interface in {entry.name, ""})

    def foreign_frame(self, port: str, mac: str, vlan: int) -> None:
        """Learn the address of a frame that was not admitted in autoLearn mode, or act on the intrusion."""
        entry = self.on_port(port)
        if entry is None or not entry.security.enabled or entry.err_disabled or entry.shutdown:
            return
        macs = self.admission(entry).macs
        if (macs is not None and mac in macs) or not entry.carries(vlan):
            return  # admitted meanwhile, or dropped by IP source guard, which is no intrusion
        held = entry.security
        if port_mode(entry) == "autoLearn" and mac not in held.macs and security.owner(self, mac, vlan) is None:
            kind = "volatile" if DYNAMIC_MACS in entry.flags else "sticky"
            held.macs[mac] = SecureMac(mac, kind, vlan, since=self.now())
            held.last_mac, held.last_vlan = mac, vlan
            self.program(entry)
            self.event("secureLearned", entry)
            return
        self.violated(entry, mac, vlan)

    def violated(self, entry: Interface, mac: str, vlan: int) -> None:
        """Do what the intrusion mode says; the frame itself was dropped already."""
        action = entry.security.violation
        worth_a_line = security.count(self, entry, mac, vlan)
        if action == BLOCK:
            self.blocked[entry.name, mac] = (vlan, self.now() + BLOCKED_S)
        elif action:
            entry.err_disabled, entry.err_since = action, self.now()
            self.program(entry)
        if worth_a_line and action:
            state = "Down" if entry.err_disabled else "Up"
            where = f"-IfName={entry.name}-MACAddr={names.hyphened(mac)}-VLANID={vlan}-IfStatus={state}"
            self.log(f"PORTSEC/5/PORTSEC_VIOLATION:{where}; Intrusion protection was triggered.")
        if worth_a_line:
            self.event("secureViolation", entry)
        if entry.err_disabled:
            self.poll_links()

    def shut_by_violation(self, entry: Interface) -> None:
        """Log nothing more: `violated` does."""

    def recovering(self, entry: Interface) -> None:
        """Log nothing: the link's lines say it."""

    def tick(self) -> None:
        """Do what time does: blocks and sticky addresses end, uncommitted settings go, shut ports come back."""
        now = self.now()
        self.blocked = {key: held for key, held in self.blocked.items() if held[1] > now}
        if self.own.sticky_aging:
            self._age(now - self.own.sticky_aging * 60)
        if self.uncommitted is not None and self.uncommitted[0] <= now:
            text, self.uncommitted = self.uncommitted[1], None
            self.replace(text)
        super().tick()

    def _age(self, limit: float) -> None:
        for entry in self.running.physical():
            macs = entry.security.macs
            old = [mac for mac, held in macs.items() if held.kind != "configured" and held.since <= limit]
            for mac in old:
                del macs[mac]
            if old:
                self.program(entry)

    def restore_startup(self, text: str) -> None:
        """Make `text` the startup configuration."""
        self._write_state(text)

    def neighbours(self) -> dict[str, Neighbour]:
        """Give the LLDP neighbours at ports with a link."""
        known = self.running.interfaces
        return {name: seen for name, seen in self.config.neighbours.items() if name in known and self.link(known[name])}

    # -- what it says -----------------------------------------------------------------------------------------------

    def port_number(self, entry: Interface) -> int:
        """Give the number that makes the port's own MAC."""
        return names.base_port(entry.name) if entry.physical else 0xF0

    def stamped(self, message: str, now: datetime) -> str:
        """Write a log line with its time and the switch's name."""
        time = f"{now:%b} {now.day:2} {now:%H:%M:%S}:{now.microsecond // 1000:03} {now.year}"
        return f"%{time} {self.running.hostname} {message}"

    def link_changed(self, entry: Interface, up: bool) -> None:
        """Log that a link came or went."""
        word = "up" if up else "down"
        self.log(f"IFNET/3/PHY_UPDOWN: Physical state on the interface {entry.name} changed to {word}.")
        self.log(f"IFNET/5/LINK_UPDOWN: Line protocol state on the interface {entry.name} changed to {word}.")


def port_mode(entry: Interface) -> str:
    """Give the port mode as it is reported: autoLearn becomes secure while the port has as many addresses as it may."""
    if AUTOLEARN in entry.flags:
        return "autoLearn" if len(entry.security.macs) < entry.security.maximum else "secure"
    return "secure" if "secure" in entry.flags else "noRestrictions"

"""An RGOS switch: its default configuration, its port security, its log lines, its addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from lab.switch.dataplane import Admission
from lab.switch.persona import security
from lab.switch.persona.model import Binding, Interface, Running
from lab.switch.persona.ruijie import names, render
from lab.switch.persona.state import Switch

#: What a port does with a foreign frame until it is told otherwise, and how many addresses it may have (RGOS guides).
PROTECT, MAXIMUM = "protect", 128


@dataclass(slots=True)
class RuijieRunning(Running):
    """The running configuration; `secured` are the addresses that `switchport port-security binding` gives a port."""

    secured: list[Binding] = field(default_factory=list)


class RuijieSwitch(Switch):
    """An RG-S2910-24GT4XS."""

    oui = "58696c"
    violation_cause = "port-security"

    def factory_default(self) -> RuijieRunning:
        """Make the configuration of a switch without one."""
        ports = sorted(self.config.ports.items(), key=lambda item: names.order(item[0]))
        interfaces = {name: Interface(name, port, mode="access") for name, port in ports}
        for entry in interfaces.values():
            entry.security.violation, entry.security.maximum = PROTECT, MAXIMUM
        interfaces["VLAN 1"] = Interface("VLAN 1")
        return RuijieRunning(self.config.hostname, interfaces, {1: "VLAN0001"}, lldp=True)

    @property
    def own(self) -> RuijieRunning:
        """Give the running configuration as what it is."""
        assert isinstance(self.running, RuijieRunning)
        return self.running

    def load(self, text: str) -> None:
        """Apply a configuration text as the boot loader does."""
        from lab.switch.persona.ruijie.modes import apply_text

        apply_text(self, text)

    def body(self) -> str:
        """Write the running configuration."""
        return render.body(self.running, self.own.secured)

    def admission(self, entry: Interface) -> Admission:
        """Say which frames a port admits: those of its secure addresses, and of its bound pairs where it has some."""
        if not entry.trunk and entry.access_vlan not in self.running.vlans:
            return Admission(macs=frozenset())
        macs = frozenset(entry.security.macs) if entry.security.enabled else None
        pairs = self.bound_pairs(entry) if entry.verify else None
        if entry.security.enabled and pairs is None:
            pairs = self.secured_pairs(entry)
        return Admission(macs, pairs)

    def secured_pairs(self, entry: Interface) -> frozenset[tuple[str, str]] | None:
        """Give the pairs of the port's secure IP addresses; None when it has none. Without a MAC, any secure one is."""
        held = [b for b in self.own.secured if b.interface == entry.name]
        if not held:
            return None
        return frozenset((mac, b.ip) for b in held for mac in ([b.mac] if b.mac else entry.security.macs))

    def violated(self, entry: Interface, mac: str, vlan: int) -> None:
        """Do what the port's violation mode says; the frame itself was dropped already."""
        action = entry.security.violation
        if action == PROTECT:
            return
        if security.count(self, entry, mac, vlan):
            self.log(
                "%PORT_SECURITY-2-PSECURE_VIOLATION: Security violation occurred, "
                f"caused by MAC address {names.dotted(mac)} on port {entry.name}."
            )
            self.event("secureViolation", entry)
        if action == "shutdown":
            security.shut(self, entry)
            self.poll_links()

    def shut_by_violation(self, entry: Interface) -> None:
        """Log nothing more: `violated` and the link do."""

    def recovering(self, entry: Interface) -> None:
        """Log nothing: the link's lines say it."""

    def link_changed(self, entry: Interface, up: bool) -> None:
        """Log that a link came or went."""
        word = "up" if up else "down"
        self.log(f"%LINK-3-UPDOWN: Interface {entry.name}, changed state to {word}.")
        self.log(f"%LINEPROTO-5-UPDOWN: Line protocol on Interface {entry.name}, changed state to {word}.")

    def port_number(self, entry: Interface) -> int:
        """Give the number that makes the port's own MAC."""
        return names.if_index(entry.name) if entry.physical else 0xF0

    def stamped(self, message: str, now: datetime) -> str:
        """Write a log line with its time."""
        return f"*{now:%b} {now.day:2} {now:%H:%M:%S}: {message}"

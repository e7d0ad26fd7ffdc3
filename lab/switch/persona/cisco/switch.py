"""A Catalyst as a switch: its default configuration, its log lines, its addresses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from lab.switch.dataplane import DataPlane
from lab.switch.persona import security
from lab.switch.persona.cisco import names, render
from lab.switch.persona.config import Config
from lab.switch.persona.model import Interface, Running
from lab.switch.persona.state import Switch


@dataclass(slots=True)
class Copy:
    """A row of ccCopyTable: from which configuration to which (4 running, 3 startup), its state, why it failed."""

    source: int = 0
    target: int = 0
    state: int = 1
    cause: int = 0


class CiscoSwitch(Switch):
    """A Catalyst 2960-X."""

    def __init__(self, config: Config, dataplane: DataPlane, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(config, dataplane, now)
        self.copies: dict[int, Copy] = {}

    oui = "ac7e8a"  # Cisco's prefix of the recording
    violation_cause = "psecure-violation"

    def factory_default(self) -> Running:
        """Make the configuration of a switch without one."""
        ports = sorted(self.config.ports.items(), key=lambda item: names.order(item[0]))
        interfaces = {name: Interface(name, port, mode=names.DYNAMIC) for name, port in ports}
        for entry in interfaces.values():
            entry.security.violation = "shutdown"
        interfaces["Vlan1"] = Interface("Vlan1", extra=["no ip address"])
        return Running(self.config.hostname, interfaces)

    def load(self, text: str) -> None:
        """Apply a configuration text as the boot loader does."""
        from lab.switch.persona.cisco.configure_port import apply_text

        apply_text(self, text)

    def body(self) -> str:
        """Write the running configuration."""
        return render.body(self.running)

    def guard_active(self, entry: Interface) -> bool:
        """Tell whether IP source guard is in force: without DHCP snooping on the VLAN it is configured but inactive."""
        if not entry.verify or not self.running.snooping:
            return False
        return entry.trunk or entry.access_vlan in self.running.snooping_vlans

    def port_number(self, entry: Interface) -> int:
        """Give the number that makes the port's own MAC (recording ios_2960x)."""
        return names.base_port(entry.name) if entry.physical else 0x40

    def status(self, entry: Interface) -> str:
        """Give the word of `show interfaces status`."""
        if entry.err_disabled:
            return "err-disabled"
        if entry.shutdown:
            return "disabled"
        if not self.link(entry):
            return "notconnect"
        if not entry.trunk and entry.access_vlan not in self.running.vlans:
            return "inactive"
        return "connected"

    # -- what happens ---------------------------------------------------------------------------------------------

    def link_changed(self, entry: Interface, up: bool) -> None:
        """Log that a link came or went."""
        word = "up" if up else "down"
        lines = [
            f"%LINK-3-UPDOWN: Interface {entry.name}, changed state to {word}",
            f"%LINEPROTO-5-UPDOWN: Line protocol on Interface {entry.name}, changed state to {word}",
        ]
        for line in lines if up else reversed(lines):
            self.log(line)

    def violated(self, entry: Interface, mac: str, vlan: int) -> None:
        """Do what the violation mode says (Catalyst 2960-X and 3650 command references)."""
        mode = entry.security.violation
        if mode == "protect":
            return
        worth_a_line = security.count(self, entry, mac, vlan)
        if mode == "shutdown":
            security.shut(self, entry)
        if worth_a_line:
            self.log(
                "%PORT_SECURITY-2-PSECURE_VIOLATION: Security violation occurred, caused by MAC address "
                f"{names.dotted(mac)} on port {entry.name}."
            )
        if mode == "restrict":
            self.event("secureViolation", entry)
        if entry.err_disabled:
            self.poll_links()

    def shut_by_violation(self, entry: Interface) -> None:
        """Log that a port goes into err-disable."""
        short, cause = names.short(entry.name), self.violation_cause
        self.log(f"%PM-4-ERR_DISABLE: {cause} error detected on {short}, putting {short} in err-disable state")
        self.event("errDisable", entry)

    def recovering(self, entry: Interface) -> None:
        """Log that a port leaves err-disable."""
        short, cause = names.short(entry.name), self.violation_cause
        self.log(f"%PM-4-ERR_RECOVER: Attempting to recover from {cause} err-disable state on {short}")

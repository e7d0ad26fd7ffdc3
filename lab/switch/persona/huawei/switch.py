"""A Huawei switch: default configuration, what port security and error-down do, log lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from lab.switch.dataplane import Admission, DataPlane
from lab.switch.persona import security
from lab.switch.persona.config import Config
from lab.switch.persona.huawei import render
from lab.switch.persona.huawei.edition import VRP5, VRP8, Edition
from lab.switch.persona.huawei.names import split
from lab.switch.persona.huawei.trial import Trial
from lab.switch.persona.model import Interface, Running, SecureMac, restore
from lab.switch.persona.state import Switch

#: The numbers that alarms and the MIB have for the action (alarm pages: 1 restrict, 2 protect, 3 error-down).
ACTIONS = {"restrict": 1, "protect": 2, "shutdown": 3, "error-down": 3}


class HuaweiSwitch(Switch):
    """What both softwares have."""

    edition: ClassVar[Edition]
    oui = "488eef"  # Huawei's prefix of the recording vrp_5720-vrf

    def __init__(self, config: Config, dataplane: DataPlane, now: Callable[[], float] | None = None) -> None:
        super().__init__(config, dataplane, now) if now else super().__init__(config, dataplane)
        #: Port → when it recovers by itself; only for ports that went down while recovery was configured.
        self.recover_at: dict[str, float] = {}
        self.trial: Trial | None = None
        self.commits: list[tuple[datetime, str, str]] = []
        self._logged = 0

    # -- configuration ------------------------------------------------------------------------------------------

    def factory_default(self) -> Running:
        """Make the configuration of a switch without one."""
        ports = sorted(self.config.ports.items(), key=lambda item: split(item[0]))
        mode = self.edition.default_mode
        interfaces = {"Vlanif1": Interface("Vlanif1")}
        interfaces |= {name: Interface(name, port, mode=mode, allowed=frozenset({1})) for name, port in ports}
        for entry in interfaces.values():
            entry.security.violation = "restrict"
        return Running(self.config.hostname, interfaces, {1: ""})

    def load(self, text: str) -> None:
        """Apply a configuration text as the boot loader does."""
        from lab.switch.persona.huawei.load import apply_text

        self.recover_at.clear()
        self.trial = None
        apply_text(self, text)

    def body(self) -> str:
        """Write the running configuration, and below it what a save keeps in the table file (VRP 8's sticky MACs)."""
        return render.body(self.running, self.edition)

    # -- what lets a frame in -----------------------------------------------------------------------------------

    def admission(self, entry: Interface) -> Admission:
        """Say which frames a port admits; a secure address counts in its own VLAN only."""
        admitted = super().admission(entry)
        if admitted.macs:
            macs = {mac for mac, held in entry.security.macs.items() if entry.carries(entry.vlan_of(held))}
            admitted = replace(admitted, macs=frozenset(macs))
        return admitted

    def guard_active(self, entry: Interface) -> bool:
        """Tell whether the check of source addresses is in force: on the port, or on the VLAN of an access port."""
        return bool(entry.verify) or (not entry.trunk and f"guard vlan {entry.access_vlan}" in self.running.flags)

    def bound_pairs(self, entry: Interface) -> frozenset[tuple[str, str]]:
        """Give the pairs that a port lets in: a binding without an interface or a VLAN is good for every one."""
        return frozenset(
            (bound.mac, bound.ip)
            for bound in self.running.bindings
            if bound.interface in {"", entry.name} and (not bound.vlan or entry.carries(bound.vlan))
        )

    def foreign_frame(self, port: str, mac: str, vlan: int) -> None:
        """Learn an address that a port did not admit, or act on it.

        The limit counts dynamic and sticky addresses (configuration guide V600R024C10, table of secure MACs: only these
        two "can be limited"), so a port with a static secure MAC still learns. An address that is bound elsewhere is
        dropped; it is acted on only when static MAC flapping is watched.
        """
        entry = self.on_port(port)
        if entry is None or not entry.security.enabled or entry.err_disabled or entry.shutdown:
            return
        secure = entry.security
        held = secure.macs.get(mac)
        if not entry.carries(vlan) or (held is not None and entry.vlan_of(held) == vlan):
            return
        if held is not None:
            self.violated(entry, mac, vlan)
            return
        holder = security.owner(self, mac, vlan)
        if holder is not None:
            static = holder.security.macs[mac].kind != "dynamic"
            if static and "port-security static-flapping protect" in self.running.flags:
                self.violated(entry, mac, vlan)
        elif learned(entry) < secure.maximum:
            kind = "sticky" if secure.sticky else "dynamic"
            secure.macs[mac] = SecureMac(mac, kind, vlan, since=self.now())
            self.program(entry)
        else:
            self.violated(entry, mac, vlan)

    # -- what happens -------------------------------------------------------------------------------------------

    def violated(self, entry: Interface, mac: str, vlan: int) -> None:
        """Do what the protect action says."""
        action = entry.security.violation
        if action == "protect":
            return
        if security.count(self, entry, mac, vlan):
            index = self.edition.if_index(entry.name)
            self.log(
                "L2IFPPI/4/PORTSEC_ACTION_ALARM:OID 1.3.6.1.4.1.2011.5.25.42.2.1.7.6 Interface "
                f"({index}/{index}) {entry.name} receive insecure MAC address, and the port status is: "
                f"{ACTIONS[action]}. (1:restrict;2:protect;3:error-down)"
            )
        self.event("secureViolation", entry)
        if self.edition.two_stage:
            self.event("secureMac", entry)
        if action == self.edition.action:
            security.shut(self, entry)
            self.poll_links()

    def shut_by_violation(self, entry: Interface) -> None:
        """Put a port into error-down; it recovers by itself only when that was configured before."""
        if self.violation_cause in self.running.recovery_causes:
            self.recover_at[entry.name] = self.now() + self.running.recovery_interval
        cause = self.violation_cause
        if self.edition.two_stage:
            index = self.edition.if_index(entry.name)
            self.log(
                "ERROR-DOWN/4/hwErrordown_active(l):CID=0x80310469;Error-down occurred. "
                f"(Ifindex={index}, Ifname={entry.name}, Cause={cause})"
            )
        else:
            self.log(
                "%%01ERRDOWN/4/ERRDOWN_DOWNNOTIFY(l):Notify interface to change status to error-down. "
                f"(InterfaceName={entry.name}, Cause={cause})"
            )
        self.event("errDisable", entry)

    def recovering(self, entry: Interface) -> None:
        """Say that a port comes back."""
        self.log(f"%%01ERRDOWN/4/ERRDOWN_DOWNRECOVER(l):Notify interface to recover. (InterfaceName={entry.name})")
        self.event("errRecover", entry)

    def recover(self, entry: Interface) -> None:
        """Bring a port back from error-down."""
        if entry.err_disabled:
            self.recover_at.pop(entry.name, None)
            self.recovering(entry)
            security.recover(self, entry)

    def tick(self) -> None:
        """Do what time does: a trial that nobody confirmed, error-down ports whose time has come, aging, links."""
        if self.trial is not None and self.trial.deadline <= self.now():
            self.roll_back()
        for name in [name for name, moment in self.recover_at.items() if moment <= self.now()]:
            self.recover(self.running.interfaces[name])
        for entry in self.running.physical():
            security.age(self, entry, self.now())
        self.poll_links()

    def roll_back(self) -> None:
        """End a trial run: the configuration is again what it was before."""
        trial, self.trial = self.trial, None
        if trial is None:
            return
        restore(self.running, trial.before)
        self.program_all()
        self.poll_links()
        self.configured("trial")
        self.log("CONFIGURATION/4/hwCfgTrialRollback(l):The trial configuration was rolled back.")

    def link_changed(self, entry: Interface, up: bool) -> None:
        """Log that a link came or went."""
        module = "IFPDT" if entry.physical else "IFNET"
        self.log(f"%%01{module}/4/IF_STATE(l):Interface {entry.name} has turned into {'UP' if up else 'DOWN'} state.")

    def stamped(self, message: str, now: datetime) -> str:
        """Write a log line: time, name, and the number of the line in its parentheses."""
        self._logged += 1
        head = f"{now:%b} {now.day} {now:%Y %H:%M:%S}+00:00 {self.running.hostname}"
        return f"{head} {message.replace('(l):', f'(l)[{self._logged}]:')}"

    def port_number(self, entry: Interface) -> int:
        """Give the number that makes the port's own MAC."""
        return self.edition.base_port(entry.name) if entry.physical else 0


def learned(entry: Interface) -> int:
    """Count the addresses that the limit counts: dynamic and sticky ones."""
    return entry.security.count("dynamic") + entry.security.count("sticky")


class Vrp5Switch(HuaweiSwitch):
    """An S5720: what is typed takes effect at once."""

    edition = VRP5
    violation_cause = VRP5.cause


class Vrp8Switch(HuaweiSwitch):
    """A CloudEngine: what is typed waits for a commit."""

    edition = VRP8
    violation_cause = VRP8.cause

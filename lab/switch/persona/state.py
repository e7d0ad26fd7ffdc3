"""The switch itself: running and startup configuration, and the data plane that follows them.

What every vendor's switch does is here; what only one vendor's does is in its subclass (cisco/switch.py, …).
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from lab.switch.dataplane import Admission, DataPlane, FdbEntry
from lab.switch.persona import security
from lab.switch.persona.config import Config
from lab.switch.persona.faults import Faults
from lab.switch.persona.model import Interface, Running, forget_dynamic

#: What one port was last told; only differences go to the data plane, because each one forgets what was learned.
_Told = tuple[bool, tuple[int, frozenset[int]] | int, Admission]
#: (kind, interface, values) of an event that may become a trap: see traps.py.
Event = Callable[[str, Interface | None], None]


class Switch(ABC):
    """One switch. All methods are called in the persona's event loop; `now` gives monotonic seconds."""

    #: The first three octets of the addresses of its own, and the cause that a port gives which port security shut.
    oui = ""
    violation_cause = ""

    def __init__(self, config: Config, dataplane: DataPlane, now: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self.dataplane = dataplane
        self.now = now
        self.booted = now()
        self.running: Running = self.factory_default()
        self.startup: str | None = None
        self.version = 0
        self.changed: tuple[datetime, str] | None = None
        self.saved: tuple[datetime, str] | None = None
        self.changed_at: float = self.booted
        self.saved_at: float | None = None
        #: What a test asked for; the persona puts its own here.
        self.faults = Faults()
        self.log_lines: deque[str] = deque(maxlen=1000)
        self.log_listeners: list[Callable[[str], None]] = []
        self.event_listeners: list[Event] = []
        self.boot_listeners: list[Callable[[], None]] = []
        self.booting = False
        self._told: dict[str, _Told] = {}
        self._links: dict[str, bool] = {}

    # -- what a vendor says -------------------------------------------------------------------------------------

    @abstractmethod
    def factory_default(self) -> Running:
        """Make the configuration of a switch without one, with all its ports."""

    @abstractmethod
    def load(self, text: str) -> None:
        """Apply a configuration text as the boot loader does: lines that it does not know are passed over."""

    @abstractmethod
    def body(self) -> str:
        """Write the running configuration as it is saved; `load` reads it."""

    @abstractmethod
    def link_changed(self, entry: Interface, up: bool) -> None:
        """Log that a link came or went."""

    @abstractmethod
    def violated(self, entry: Interface, mac: str, vlan: int) -> None:
        """Act on a frame from a foreign address at a port under port security (security.violate does most of it)."""

    @abstractmethod
    def shut_by_violation(self, entry: Interface) -> None:
        """Log that port security shut a port, and tell the trap sender."""

    @abstractmethod
    def recovering(self, entry: Interface) -> None:
        """Log that a port which port security shut recovers by itself."""

    @abstractmethod
    def port_number(self, entry: Interface) -> int:
        """Give the number that makes the port's own MAC: below 256."""

    def guard_active(self, entry: Interface) -> bool:
        """Tell whether the check of source addresses is in force at a port, and not only configured."""
        return bool(entry.verify)

    def bound_pairs(self, entry: Interface) -> frozenset[tuple[str, str]]:
        """Give the (MAC, IP) pairs that the check of source addresses lets in at a port."""
        return frozenset((b.mac, b.ip) for b in self.running.bindings if b.interface == entry.name)

    def stamped(self, message: str, now: datetime) -> str:
        """Write a log line with its time."""
        return f"*{stamp(now)}: {message}"

    # -- configuration ------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start as a rebooted switch does: from the startup configuration, or the first time from `initial`."""
        first = False
        if self.startup is None:
            self.startup = self._read_state()
            first = self.startup is None and bool(self.config.initial)
        self.running = self.factory_default()
        self.booting = True
        self.load(self.config.initial if first else self.startup or "")
        self.booting = False
        self.booted = self.changed_at = self.now()
        self.changed = self.saved_at = None
        self._told.clear()
        self.touch()
        with self.batch():
            for entry in self.running.interfaces.values():
                self._program(entry)
        self._links = self.links()
        if first:
            self.save("boot")
        for listener in self.boot_listeners:
            listener()
        self.event("coldStart", None)

    def configured(self, who: str) -> None:
        """Note who changed the running configuration."""
        self.changed = (datetime.now(UTC), who)
        self.changed_at = self.now()
        self.touch()

    def touch(self) -> None:
        """Say that something a reader could see has changed (tables are built anew)."""
        self.version += 1

    def save(self, who: str) -> None:
        """Copy the running configuration over the startup configuration, on disk when there is a state file."""
        self.saved = (datetime.now(UTC), who)
        self.saved_at = self.now()
        self.touch()
        self._write_state(self.body())

    def erase_startup(self) -> None:
        """Erase the startup configuration; the next boot is that of a switch without one."""
        self._write_state("")

    def _write_state(self, text: str) -> None:
        self.startup = text
        if self.config.state is not None:  # whole or not at all: the lab cuts the power
            new = self.config.state.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(json.dumps({"startup": text}), encoding="utf-8")
            new.replace(self.config.state)

    def unsaved(self) -> bool:
        """Tell whether the running configuration differs from the startup configuration."""
        return self.body() != self.startup

    def _read_state(self) -> str | None:
        if self.config.state is None or not self.config.state.exists():
            return None
        text = json.loads(self.config.state.read_text(encoding="utf-8")).get("startup")
        return str(text) if text is not None else None

    # -- data plane ---------------------------------------------------------------------------------------------

    def program(self, entry: Interface) -> None:
        """Bring the data plane's port to what the configuration and the state of `entry` say."""
        self.touch()
        if not self.booting:
            self._program(entry)

    def program_all(self) -> None:
        """Program every port (after a change of the VLAN database or of DHCP snooping)."""
        with self.batch():
            for entry in self.running.physical():
                self.program(entry)

    def batch(self) -> AbstractContextManager[object]:
        """Collect changes where the data plane can (Open vSwitch applies them in one transaction)."""
        batch: Callable[[], AbstractContextManager[object]] = getattr(self.dataplane, "batch", nullcontext)
        return batch()

    def _program(self, entry: Interface) -> None:
        if not entry.port:
            return
        up = not entry.shutdown and not entry.err_disabled
        vlans: tuple[int, frozenset[int]] | int = entry.access_vlan
        if entry.trunk:
            vlans = (entry.native_vlan, frozenset(number for number in self.running.vlans if entry.carries(number)))
        told: _Told = (up, vlans, self.admission(entry))
        before = self._told.get(entry.port)
        if told == before:
            return
        if not up and (before is None or before[0]):
            self.dataplane.set_admin(entry.port, up=False)
        if before is None or before[1] != vlans:
            if isinstance(vlans, int):
                self.dataplane.set_access(entry.port, vlans)
            else:
                self.dataplane.set_trunk(entry.port, *vlans)
        if before is None or before[2] != told[2]:
            self.dataplane.set_admission(entry.port, told[2])
        if up and (before is None or not before[0]):
            self.dataplane.set_admin(entry.port, up=True)
        self._told[entry.port] = told

    def admission(self, entry: Interface) -> Admission:
        """Say which frames a port admits: secure addresses, IP source guard pairs, nothing in a missing VLAN."""
        if not entry.trunk and entry.access_vlan not in self.running.vlans:
            return Admission(macs=frozenset())
        macs = frozenset(entry.security.macs) if entry.security.enabled else None
        return Admission(macs, self.bound_pairs(entry) if self.guard_active(entry) else None)

    # -- state of ports -----------------------------------------------------------------------------------------

    def link(self, entry: Interface) -> bool:
        """Tell whether a port has a link."""
        if not entry.physical:
            return not entry.shutdown
        if entry.shutdown or entry.err_disabled or not entry.port:
            return False
        return self.dataplane.link_up(entry.port)

    def links(self) -> dict[str, bool]:
        """Read the link of every interface."""
        return {name: self.link(entry) for name, entry in self.running.interfaces.items()}

    def on_port(self, port: str) -> Interface | None:
        """Find the interface of a data plane port."""
        return next((entry for entry in self.running.interfaces.values() if entry.port == port), None)

    def poll_links(self) -> None:
        """Notice links that came and went, with the log lines, events and flushed addresses that follow."""
        if self.booting:
            return
        now = self.links()
        before, self._links = self._links, now
        for name, up in now.items():
            if before.get(name) == up:
                continue
            entry = self.running.interfaces[name]
            self.touch()
            if not up:
                forget_dynamic(entry)
                self._program(entry)
            self.link_changed(entry, up)
            self.event("linkUp" if up else "linkDown", entry)

    def learned(self) -> list[FdbEntry]:
        """List learned addresses of ports without port security (secure addresses are entries of their own)."""
        ports = {entry.port: entry for entry in self.running.physical() if entry.port}
        return [row for row in self.dataplane.fdb() if row.port in ports and not ports[row.port].security.enabled]

    def foreign_frame(self, port: str, mac: str, vlan: int) -> None:
        """Handle a frame that a port did not admit."""
        entry = self.on_port(port)
        if entry is not None:
            security.foreign_frame(self, entry, mac, vlan)

    def tick(self) -> None:
        """Do what time does."""
        security.tick(self)

    # -- messages -----------------------------------------------------------------------------------------------

    def log(self, message: str) -> None:
        """Log a line to the buffer and to monitoring sessions."""
        line = self.stamped(message, datetime.now(UTC))
        self.log_lines.append(line)
        for listener in list(self.log_listeners):
            listener(line)

    def event(self, kind: str, entry: Interface | None) -> None:
        """Tell the trap sender what happened."""
        if not self.booting:
            for listener in list(self.event_listeners):
                listener(kind, entry)

    def mac_of(self, entry: Interface) -> str:
        """Give an interface's own MAC (recording ios_2960x: bridge address plus the port number)."""
        base = int.from_bytes(self.bridge_mac(), "big")
        return (base + self.port_number(entry)).to_bytes(6, "big").hex(":")

    def bridge_mac(self) -> bytes:
        """Give the bridge address: the vendor's prefix, and two octets made from the name."""
        digest = sum((at + 1) * byte for at, byte in enumerate(self.config.name.encode())) % 256
        return bytes.fromhex(self.oui) + bytes((0x19, digest, 0x00))


def stamp(moment: datetime) -> str:
    """Write a time as `Nov  3 12:00:00.123`."""
    return f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}.{moment.microsecond // 1000:03}"

"""The switch itself: running and startup configuration, and the data plane that follows them."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from lab.switch.dataplane import Admission, DataPlane
from lab.switch.persona import names, render
from lab.switch.persona.config import Config
from lab.switch.persona.model import Interface, Running, factory_default

#: What one port was last told; only differences go to the data plane, because each one forgets what was learned.
_Told = tuple[bool, tuple[int, frozenset[int]] | int, Admission]
#: (kind, interface, values) of an event that may become a trap: see traps.py.
Event = Callable[[str, Interface | None], None]


class Switch:
    """One switch. All methods are called in the persona's event loop; `now` gives monotonic seconds."""

    def __init__(self, config: Config, dataplane: DataPlane, now: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self.dataplane = dataplane
        self.now = now
        self.booted = now()
        self.running: Running = factory_default(config.hostname, config.ports)
        self.startup: str | None = None
        self.version = 0
        self.changed: tuple[datetime, str] | None = None
        self.saved: tuple[datetime, str] | None = None
        self.log_lines: deque[str] = deque(maxlen=1000)
        self.log_listeners: list[Callable[[str], None]] = []
        self.event_listeners: list[Event] = []
        self.boot_listeners: list[Callable[[], None]] = []
        self.booting = False
        self._told: dict[str, _Told] = {}
        self._links: dict[str, bool] = {}

    # -- configuration ------------------------------------------------------------------------------------------

    def boot(self, apply: Callable[[Switch, str], None]) -> None:
        """Start as a rebooted switch does: from the startup configuration, or the first time from `initial`."""
        first = False
        if self.startup is None:
            self.startup = self._read_state()
            first = self.startup is None and bool(self.config.initial)
        self.running = factory_default(self.config.hostname, self.config.ports)
        self.booting = True
        apply(self, self.config.initial if first else self.startup or "")
        self.booting = False
        self.booted = self.now()
        self.changed = None
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

    def touch(self) -> None:
        """Say that something a reader could see has changed (tables are built anew)."""
        self.version += 1

    def save(self, who: str) -> None:
        """Copy the running configuration over the startup configuration, on disk when there is a state file."""
        self.saved = (datetime.now(UTC), who)
        self._write_state(render.body(self.running))

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
        return render.body(self.running) != self.startup

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
        pairs = None
        if self.guard_active(entry):
            pairs = frozenset((b.mac, b.ip) for b in self.running.bindings if b.interface == entry.name)
        return Admission(macs, pairs)

    def guard_active(self, entry: Interface) -> bool:
        """Tell whether IP source guard is in force: without DHCP snooping on the VLAN it is configured but inactive."""
        if not entry.verify or not self.running.snooping:
            return False
        return entry.trunk or entry.access_vlan in self.running.snooping_vlans

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
            word = "up" if up else "down"
            self.touch()
            if not up:
                forget_dynamic(entry)
                self._program(entry)
            lines = [
                f"%LINK-3-UPDOWN: Interface {name}, changed state to {word}",
                f"%LINEPROTO-5-UPDOWN: Line protocol on Interface {name}, changed state to {word}",
            ]
            for line in lines if up else reversed(lines):
                self.log(line)
            self.event("linkUp" if up else "linkDown", entry)

    # -- messages -----------------------------------------------------------------------------------------------

    def log(self, message: str) -> None:
        """Log a syslog line (%FACILITY-SEVERITY-MNEMONIC: text) to the buffer and to monitoring sessions."""
        line = f"*{stamp(datetime.now(UTC))}: {message}"
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
        offset = 0x40 if not entry.physical else names.base_port(entry.name)
        return (base + offset).to_bytes(6, "big").hex(":")

    def bridge_mac(self) -> bytes:
        """Give the bridge address: Cisco's prefix of the recording and two octets made from the name."""
        digest = sum((at + 1) * byte for at, byte in enumerate(self.config.name.encode())) % 256
        return bytes.fromhex("ac7e8a") + bytes((0x19, digest, 0x00))


def forget_dynamic(entry: Interface) -> None:
    """Forget the dynamic secure addresses of a port, as IOS does when its link goes down."""
    macs = entry.security.macs
    for mac in [mac for mac, secure in macs.items() if secure.kind == "dynamic"]:
        del macs[mac]


def stamp(moment: datetime) -> str:
    """Write a time as `service timestamps log datetime msec` does."""
    return f"{moment:%b} {moment.day:2} {moment:%H:%M:%S}.{moment.microsecond // 1000:03}"

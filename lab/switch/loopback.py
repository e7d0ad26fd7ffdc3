"""A data plane without frames: it keeps in memory what it was told and what was said to have arrived.

It forwards nothing. It serves tests of a command line or an SNMP agent, and benches; what a frame really does is
tested on the Open vSwitch data plane.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.switch.dataplane import Admission, FdbEntry, ForeignFrame


@dataclass(slots=True)
class PortState:
    """What one port was told: `access` or `trunk` (native, allowed), admin state, admission; `peer` is its far end."""

    access: int | None = 1
    trunk: tuple[int, frozenset[int] | None] | None = None
    admin: bool = True
    peer: bool = True
    admission: Admission = field(default_factory=Admission)


class LoopbackDataPlane:
    """A DataPlane that keeps its state in memory; safe to use from several threads."""

    def __init__(self, ports: list[str], now: Callable[[], float] = time.monotonic) -> None:
        self._ports = {port: PortState() for port in ports}
        self._fdb: dict[tuple[int, str], tuple[str, float]] = {}
        self._watchers: list[ForeignFrame] = []
        self._lock = threading.Lock()
        self._now = now
        self.closed = False

    def ports(self) -> list[str]:
        """Name the ports, in order."""
        return list(self._ports)

    def state(self, port: str) -> PortState:
        """Give what `port` was told, for a test to compare with what a command line said."""
        return self._ports[port]

    def set_access(self, port: str, vlan: int) -> None:
        """Make `port` an access port of `vlan`."""
        with self._lock:
            self._ports[port].access, self._ports[port].trunk = vlan, None
            self._forget(port)

    def set_trunk(self, port: str, native: int, allowed: frozenset[int] | None) -> None:
        """Make `port` a trunk; `allowed` None carries all VLANs."""
        with self._lock:
            self._ports[port].access, self._ports[port].trunk = None, (native, allowed)
            self._forget(port)

    def set_admin(self, port: str, up: bool) -> None:
        """Shut or open `port`."""
        with self._lock:
            self._ports[port].admin = up
            if not up:
                self._forget(port)

    def set_admission(self, port: str, admission: Admission) -> None:
        """Set which frames `port` admits and forget what was learned there."""
        with self._lock:
            self._ports[port].admission = admission
            self._forget(port)

    def set_peer(self, port: str, up: bool) -> None:
        """Plug or unplug the far end of `port` (not part of the DataPlane contract)."""
        with self._lock:
            self._ports[port].peer = up
            if not up:
                self._forget(port)

    def link_up(self, port: str) -> bool:
        """Tell whether the port is open here and plugged at the far end."""
        return self._ports[port].admin and self._ports[port].peer

    def fdb(self) -> list[FdbEntry]:
        """Read what was learned from injected frames."""
        with self._lock:
            now = self._now()
            return [
                FdbEntry(vlan, mac, port, int(now - since)) for (vlan, mac), (port, since) in sorted(self._fdb.items())
            ]

    def watch(self, foreign: ForeignFrame) -> None:
        """Call `foreign` in the thread that injects a frame which its port does not admit."""
        self._watchers.append(foreign)

    def inject(self, port: str, mac: str, vlan: int | None = None, ip: str | None = None) -> bool:
        """Let a frame from `mac` (and IPv4 `ip`) arrive at `port`; True when the port admitted it.

        `vlan` None is the port's own: its access VLAN, or the native VLAN of a trunk. A frame in a VLAN that the port
        does not carry, or at a port without a link, vanishes.
        """
        with self._lock:
            state = self._ports[port]
            own = state.access if state.trunk is None else state.trunk[0]
            vlan = own if vlan is None else vlan
            if vlan is None or not self.link_up(port) or not _carried(state, vlan):
                return False
            if _admitted(state.admission, mac, ip):
                self._fdb[vlan, mac] = (port, self._now())
                return True
        for foreign in self._watchers:
            foreign(port, mac, vlan)
        return False

    def _forget(self, port: str) -> None:
        self._fdb = {key: value for key, value in self._fdb.items() if value[0] != port}

    def close(self) -> None:
        """Note that the persona let go."""
        self.closed = True


def _carried(state: PortState, vlan: int) -> bool:
    if state.trunk is None:
        return state.access == vlan
    allowed = state.trunk[1]
    return allowed is None or vlan in allowed


def _admitted(admission: Admission, mac: str, ip: str | None) -> bool:
    if admission.macs is not None and mac not in admission.macs:
        return False
    return admission.pairs is None or ip is None or (mac, ip) in admission.pairs

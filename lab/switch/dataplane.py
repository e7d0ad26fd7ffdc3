"""What a lab switch's command line and SNMP agent may ask of the frames' real way through Open vSwitch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class FdbEntry:
    """A MAC (aa:bb:cc:dd:ee:ff) that the data plane learned on a port, with its VLAN and age in seconds."""

    vlan: int
    mac: str
    port: str
    age: int


@dataclass(frozen=True, slots=True)
class Admission:
    """Which frames a port admits. `macs` None: all. `pairs` (mac, ip): IPv4 and ARP only from these; None: any IP."""

    macs: frozenset[str] | None = None
    pairs: frozenset[tuple[str, str]] | None = None


#: (port, source mac, vlan) of a frame that arrived on a port whose Admission does not admit it.
ForeignFrame = Callable[[str, str, int], None]


class DataPlane(Protocol):
    """The forwarding of one lab switch; ports are named as the data plane names them (p1, p2, …)."""

    def ports(self) -> list[str]:
        """Name the ports, in order."""
        ...

    def set_access(self, port: str, vlan: int) -> None:
        """Make `port` an access port of `vlan`."""

    def set_trunk(self, port: str, native: int, allowed: frozenset[int] | None) -> None:
        """Make `port` a trunk; `allowed` None carries all VLANs."""

    def set_admin(self, port: str, up: bool) -> None:
        """Shut or open `port`: a shut port neither receives nor sends, and its peer sees the link go down."""

    def set_admission(self, port: str, admission: Admission) -> None:
        """Set which frames `port` admits; takes effect at once and forgets what was learned there."""

    def link_up(self, port: str) -> bool:
        """Tell whether the port has a link (admin up here and the peer's end up)."""
        ...

    def fdb(self) -> list[FdbEntry]:
        """Read the forwarding database."""
        ...

    def watch(self, foreign: ForeignFrame) -> None:
        """Call `foreign` (from a thread of the data plane) for frames that a port does not admit.

        At most 50 a second per port and MAC.
        """

    def close(self) -> None:
        """Release what was opened; forwarding itself goes on until the switch is stopped."""

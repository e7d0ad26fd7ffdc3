"""What a switch holds: its running configuration and the volatile state of its ports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields

#: The port mode that every vendor has; the words of the others are the vendor's own.
TRUNK = "trunk"


class Rejected(Exception):
    """The switch refuses a setting; the message is the switch's own words (may have several lines)."""


@dataclass(slots=True)
class SecureMac:
    """A secure address: `kind` is configured, sticky or dynamic; `vlan` only where one was given; `since` s."""

    mac: str
    kind: str
    vlan: int | None = None
    scope: str = ""
    since: float = 0.0


@dataclass(slots=True)
class Security:
    """The port-security feature of one port with its counters; `violation` is the vendor's word for what happens."""

    enabled: bool = False
    maximum: int = 1
    violation: str = ""
    sticky: bool = False
    aging_time: int = 0
    aging_type: str = "absolute"
    aging_static: bool = False
    macs: dict[str, SecureMac] = field(default_factory=dict)
    violations: int = 0
    last_mac: str = "00:00:00:00:00:00"
    last_vlan: int = 0

    def count(self, kind: str) -> int:
        """Count the secure addresses of one kind."""
        return sum(1 for entry in self.macs.values() if entry.kind == kind)


@dataclass(slots=True)
class Interface:
    """One interface; `port` is the data plane's name of it, empty for a VLAN's or a port that leads nowhere.

    `flags` and `extra` hold what only the vendor's own code reads: settings that are on, and lines as they were typed.
    """

    name: str
    port: str = ""
    description: str = ""
    mode: str = ""
    access_vlan: int = 1
    native_vlan: int = 1
    allowed: frozenset[int] | None = None
    shutdown: bool = False
    verify: str = ""
    flags: set[str] = field(default_factory=set)
    extra: list[str] = field(default_factory=list)
    security: Security = field(default_factory=Security)
    err_disabled: str = ""
    err_since: float = 0.0
    logged: tuple[str, float] = ("", 0.0)

    @property
    def physical(self) -> bool:
        """Tell a switch port from a VLAN's interface (Vlan1, Vlanif1, Vlan-interface1)."""
        return not self.name.lower().startswith("vlan")

    @property
    def trunk(self) -> bool:
        """Tell whether the port forwards as a trunk."""
        return self.mode == TRUNK

    def flag(self, word: str, *, on: bool) -> None:
        """Turn a setting of the vendor's own on or off."""
        self.flags.add(word) if on else self.flags.discard(word)

    def vlan_of(self, entry: SecureMac) -> int:
        """Give the VLAN of a secure address: its own, else the port's."""
        if entry.vlan is not None:
            return entry.vlan
        return self.native_vlan if self.trunk else self.access_vlan

    def carries(self, vlan: int) -> bool:
        """Tell whether the port is a member of `vlan`."""
        if not self.trunk:
            return self.access_vlan == vlan
        return self.allowed is None or vlan in self.allowed


@dataclass(frozen=True, slots=True)
class Binding:
    """A static entry of the IP source binding table; `vlan` 0 where none was given."""

    mac: str
    vlan: int
    ip: str
    interface: str


def _default_vlans() -> dict[int, str]:
    return {1: "default"}


@dataclass(slots=True)
class Running:
    """The running configuration (and, in each Interface, what the port went through since).

    `flags`, `extra` and `lines` (sections by their head) hold what only the vendor's own code reads.
    """

    hostname: str
    interfaces: dict[str, Interface]
    vlans: dict[int, str] = field(default_factory=_default_vlans)
    bindings: list[Binding] = field(default_factory=list)
    snooping: bool = False
    snooping_vlans: set[int] = field(default_factory=set)
    recovery_causes: set[str] = field(default_factory=set)
    recovery_interval: int = 300
    lldp: bool = False
    flags: set[str] = field(default_factory=set)
    extra: list[str] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def physical(self) -> list[Interface]:
        """List the switch ports in order."""
        return [entry for entry in self.interfaces.values() if entry.physical]


def restore(live: Running, saved: Running) -> None:
    """Bring `live` back to what `saved` (a deep copy of it) was, in place: open sessions hold its interfaces."""
    for name in live.interfaces.keys() - saved.interfaces.keys():
        del live.interfaces[name]
    for name, before in saved.interfaces.items():
        entry = live.interfaces.setdefault(name, before)
        for attribute in fields(Interface):
            setattr(entry, attribute.name, getattr(before, attribute.name))
    for attribute in fields(Running):
        if attribute.name != "interfaces":
            setattr(live, attribute.name, getattr(saved, attribute.name))


def forget_dynamic(entry: Interface) -> None:
    """Forget the dynamic secure addresses of a port, as a switch does when the link goes down."""
    macs = entry.security.macs
    for mac in [mac for mac, secure in macs.items() if secure.kind == "dynamic"]:
        del macs[mac]


def octets(mac: str) -> bytes:
    """Give the six octets of a MAC."""
    return bytes.fromhex(mac.replace(":", ""))


def from_octets(raw: bytes | Iterable[int]) -> str:
    """Spell six octets as aa:bb:cc:dd:ee:ff."""
    return bytes(raw).hex(":")

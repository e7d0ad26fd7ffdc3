"""Who a device is by its manners: traits that it shows by itself, kept over time, and what differs from them.

The first value of a trait is taken as the device's own. A MAC that later shows another value is a sighting with both
side by side. This makes an impostor's work harder and its discovery likelier; it never excludes a clone, for whoever
knows the manners can copy them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Trait(StrEnum):
    """One manner. The values are kept in the database: they never change."""

    TTL_TCP = "ttl_tcp"
    TTL_UDP = "ttl_udp"
    SYN = "syn"
    DHCP_PARAMETERS = "dhcp_parameters"
    DHCP_VENDOR = "dhcp_vendor"
    DHCP_HOST = "dhcp_host"
    LLDP = "lldp"
    CDP = "cdp"
    RTSP = "rtsp"
    ONVIF = "onvif"


#: Characters of a value that are kept.
LONGEST = 200
#: How long (seconds) both values of a trait count as "now": within it the first one again means two at work.
BOTH = 120.0

Fingerprint = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Learned:
    """A trait that was not known of the MAC before."""

    mac: str
    trait: Trait
    value: str


@dataclass(frozen=True, slots=True)
class Drift:
    """A trait that is otherwise than known. `both`: the known value was seen again after the other one."""

    mac: str
    trait: Trait
    known: str
    value: str
    both: bool


class Identities:
    """What is known of each MAC of the inventory; others are not kept."""

    def __init__(self, macs: Iterable[str], kept: Mapping[str, Fingerprint] | None = None) -> None:
        kept = kept or {}
        self._known: dict[str, dict[str, str]] = {mac: dict(kept.get(mac, {})) for mac in macs}
        self._other: dict[tuple[str, Trait], tuple[str, float]] = {}
        self._fresh: list[Learned] = []

    def show(self, mac: str, trait: Trait, value: str, at: float) -> Drift | None:
        """Take a value that a MAC shows; gives what differs from what is known."""
        known = self._known.get(mac)
        value = "".join(c if c.isprintable() else "?" for c in value[:LONGEST]).strip()
        if known is None or not value:
            return None
        if trait not in known:
            known[trait] = value
            self._fresh.append(Learned(mac, trait, value))
            return None
        if known[trait] != value:
            self._other[mac, trait] = (value, at)
            return Drift(mac, trait, known[trait], value, both=False)
        other = self._other.get((mac, trait))
        if other is None or at - other[1] > BOTH:
            return None
        return Drift(mac, trait, value, other[0], both=True)

    @property
    def any_doubt(self) -> bool:
        """Whether any MAC has ever shown another value than its own."""
        return bool(self._other)

    def doubted(self, mac: str, now: float) -> bool:
        """Tell whether a MAC has shown another TTL than its own a short while ago."""
        return any(
            now - other[1] <= BOTH
            for trait in (Trait.TTL_TCP, Trait.TTL_UDP)
            if (other := self._other.get((mac, trait))) is not None
        )

    def learned(self) -> list[Learned]:
        """Give what was learned since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def fingerprint(self, mac: str) -> dict[str, str]:
        """Give what is known of a MAC."""
        return dict(self._known.get(mac, {}))

"""What a device tells of itself in a protocol of its own: DHCP, LLDP, CDP, router advertisements. Plain values.

Who dissects the frame makes them; what they mean for the site is judged in :mod:`policies.watch.wire`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DhcpTold:
    """A DHCP message (RFC 2131, 2132): `kind` is the value of option 53; what is not told is empty.

    `parameters` is option 55 as numbers in their order, `server` and `router` are options 54 and 3.
    """

    kind: int
    parameters: tuple[int, ...] = ()
    vendor: str = ""
    host: str = ""
    server: str = ""
    router: str = ""


@dataclass(frozen=True, slots=True)
class NeighbourTold:
    """What LLDP (IEEE 802.1AB) or CDP says of who sends it."""

    protocol: str
    system: str = ""
    description: str = ""
    capabilities: str = ""


@dataclass(frozen=True, slots=True)
class RouterTold:
    """A router advertisement (RFC 4861): for how many seconds it offers itself as a way out, and for which prefixes."""

    lifetime: int
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BannerTold:
    """The software that an RTSP answer or a WS-Discovery message names."""

    protocol: str
    text: str


Told = DhcpTold | NeighbourTold | RouterTold | BannerTold

"""What the watch goes by: the devices that belong on the wire, the site's networks, its peers, and what may talk.

A value of this module crosses a process boundary as JSON (:func:`dump`, :func:`load`): the child that reads hostile
frames has no other way to the site.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from policies.watch.flows import FlowRule, Matrix, default_rules, matrix

#: The networks of a site that declares none: what the internet does not route (RFC 1918, RFC 3927, RFC 4193, RFC 4291).
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
#: Groups within which known devices may send as much as they like: administratively scoped (RFC 2365).
GROUPS = ("239.0.0.0/8",)


@dataclass(frozen=True, slots=True)
class Known:
    """A device that belongs on the wire: where it is bound (`switch` "" when nowhere), and what it is."""

    name: str
    role: str
    mac: str
    ip: str | None = None
    switch: str = ""
    port: str = ""
    vlan: int | None = None


@dataclass(frozen=True, slots=True)
class Peer:
    """Somebody outside the inventory with whom devices may talk, such as an integration platform (7.5)."""

    name: str
    networks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """All of it. `vlans` are ids that frames may be tagged with; `gateways` are MACs that may route and advertise.

    `dhcp_servers` are addresses that may answer. `networks` are those of the site, as prefixes.
    """

    devices: tuple[Known, ...] = ()
    networks: tuple[str, ...] = PRIVATE
    vlans: frozenset[int] = frozenset()
    gateways: frozenset[str] = frozenset()
    dhcp_servers: frozenset[str] = frozenset()
    peers: tuple[Peer, ...] = ()
    flows: tuple[FlowRule, ...] = field(default_factory=default_rules)


class Index:
    """The rules, laid out for looking up."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.by_mac: Mapping[str, Known] = {each.mac: each for each in rules.devices}
        self.by_ip: Mapping[str, Known] = {each.ip: each for each in rules.devices if each.ip is not None}
        self.matrix: Matrix = matrix(rules.flows)
        self._networks = tuple(ip_network(each, strict=False) for each in rules.networks)
        self._peers = tuple(
            (peer.name, tuple(ip_network(each, strict=False) for each in peer.networks)) for peer in rules.peers
        )

    def inside(self, ip: str) -> bool:
        """Tell whether an address is of the site's networks; a link-local one stays on the wire in any case."""
        address = ip_address(ip)
        return address.is_link_local or any(address in network for network in self._networks)

    def role(self, ip: str) -> str | None:
        """Give the role of who has the address: a device's, a peer's name, None for an address that nobody has."""
        device = self.by_ip.get(ip)
        if device is not None:
            return device.role
        address = ip_address(ip)
        for name, networks in self._peers:
            if any(address in network for network in networks):
                return name
        return None


def dump(rules: Rules) -> dict[str, Any]:
    """Give the rules as JSON values."""
    return json.loads(json.dumps(asdict(rules), default=sorted))  # type: ignore[no-any-return]


def load(data: Mapping[str, Any]) -> Rules:
    """Read what :func:`dump` gave."""
    return Rules(
        tuple(Known(**each) for each in data["devices"]),
        tuple(data["networks"]),
        frozenset(data["vlans"]),
        frozenset(data["gateways"]),
        frozenset(data["dhcp_servers"]),
        tuple(Peer(each["name"], tuple(each["networks"])) for each in data["peers"]),
        tuple(FlowRule(each["source"], each["target"], tuple(each["ports"])) for each in data["flows"]),
    )

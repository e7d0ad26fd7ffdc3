"""Routes and addresses that lead outside, in what iproute2 prints as JSON (ip-route(8), ip-address(8)). Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_address, ip_network
from typing import Any

from agent.egress.declared import GuardRule, Network
from policies.errors import EquipmentError
from policies.texts import t

#: Kinds of routes that lead nowhere, or to this machine itself (ip-route(8), "route types").
_HARMLESS = frozenset({"local", "broadcast", "multicast", "anycast", "unreachable", "blackhole", "prohibit", "throw"})
_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


def foreign_routes(raw: bytes, family: int, rule: GuardRule) -> tuple[str, ...]:
    """Give the routes of every table (`ip -j -4 route show table all`) that lead outside; raises EquipmentError."""
    return tuple(_told(each) for each in _read(raw) if _leads_out(each, family, rule))


def foreign_addresses(raw: bytes, rule: GuardRule) -> dict[str, bool]:
    """Give the interfaces with an address outside the networks (`ip -j address show`), and whether each is up.

    Loopback and link-local addresses are every machine's own; raises EquipmentError.
    """
    found = {}
    for link in _read(raw):
        flags, name = link.get("flags", ()), str(link.get("ifname", "?"))
        if "LOOPBACK" in flags:
            continue
        addresses = [ip_address(each["local"]) for each in link.get("addr_info", ()) if "local" in each]
        if any(not rule.allows(each) and not each.is_link_local for each in addresses):
            found[name] = "UP" in flags
    return found


def addresses_networks(raw: bytes) -> list[Network]:
    """Give the networks of a machine's addresses in the output of `ip -j address show`; raises EquipmentError."""
    found = [
        ip_network(f"{each['local']}/{each['prefixlen']}", strict=False)
        for link in _read(raw)
        if "LOOPBACK" not in link.get("flags", ())
        for each in link.get("addr_info", ())
    ]
    return list(dict.fromkeys(each for each in found if not each.is_link_local))


def _leads_out(route: Mapping[str, Any], family: int, rule: GuardRule) -> bool:
    if route.get("type", "unicast") in _HARMLESS or route.get("dev") == "lo":
        return False
    to = str(route.get("dst", "default"))
    network = ip_network(_DEFAULT[family] if to == "default" else to, strict=False)
    if network.is_multicast or network.is_link_local:
        return False
    return not any(_within(network, each) for each in rule.networks)


def _within(network: Network, allowed: Network) -> bool:
    return network.version == allowed.version and network.subnet_of(allowed)  # type: ignore[arg-type]


def _told(route: Mapping[str, Any]) -> str:
    """Write a route as `ip route` would, with its table unless that is the main one."""
    via = route.get("gateway") or (route.get("via") or {}).get("host")
    hops = [str(each.get("gateway") or each.get("dev")) for each in route.get("nexthops", ())]
    words = [str(route.get("dst", "default"))]
    words += [f"via {via}"] if via else []
    words += [f"nexthop {','.join(hops)}"] if hops else []
    words += [f"dev {route['dev']}"] if "dev" in route else []
    words += [f"table {route['table']}"] if str(route.get("table", "main")) not in ("main", "254") else []
    return " ".join(words)


def _read(raw: bytes) -> Iterator[Mapping[str, Any]]:
    items: object = None
    with suppress(ValueError, RecursionError):
        items = json.loads(raw or b"[]")
    if not isinstance(items, list) or not all(isinstance(each, dict) for each in items):
        raise EquipmentError(t("ip printed what cannot be read"), next_step=t("look at 'ip -j route'"))
    return iter(items)

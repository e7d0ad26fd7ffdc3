"""The guard's rules as nftables reads them, made of what is declared, and what must be found in the kernel. Pure.

One table, `inet portseal`, with a base chain for each of input, forward and output that drops what it does not accept.
A drop ends the packet whatever other tables say (nft(8), "Verdict statements"), so other firewalls may stand beside it.
Nothing rests on connection tracking: a connection that was open to the outside before the rules came is cut as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any

from agent.egress.declared import GuardRule
from policies.egress import PROBE_MARK
from policies.errors import EquipmentError
from policies.texts import t

TABLE = "portseal"
CHAINS = ("input", "forward", "output")
#: The counters of what was dropped, by direction.
COUNTERS = {"input": "denied_in", "forward": "denied_forward", "output": "denied_out"}

_Line = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """What the kernel has: `shape` is what it must be, `digest` changes with any change, `denied` counts drops."""

    shape: Mapping[str, object]
    digest: str
    denied: int


def script(rule: GuardRule) -> str:
    """Give the whole table as `nft -f` reads it: one transaction that replaces what was there, without a gap."""
    lines = [
        "# Made by the Portseal guard out of guard.toml. Changes here or in the kernel are undone: edit that file.",
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        f"table inet {TABLE} {{",
        *(_set(name, kind, elements) for name, (kind, elements) in _sets(rule).items()),
        *(f"\tcounter {name} {{ }}" for name in COUNTERS.values()),
    ]
    for chain in CHAINS:
        lines += [f"\tchain {chain} {{", f"\t\ttype filter hook {chain} priority 0; policy drop;"]
        lines += [f'\t\t{match} comment "{tag}"' for match, tag in _chain(rule, chain)]
        lines.append("\t}")
    return "\n".join([*lines, "}", ""])


def digest(rule: GuardRule) -> str:
    """Give the SHA-256 of the script, in hex: what a proof says is in force."""
    return sha256(script(rule).encode()).hexdigest()


def shape(rule: GuardRule) -> Mapping[str, object]:
    """Give what the kernel must have: sets with elements, chains with hook, priority, policy, tags and verdicts."""
    chains = {
        chain: (chain, 0, "drop", tuple((tag, _verdict(match)) for match, tag in _chain(rule, chain)))
        for chain in CHAINS
    }
    return {"chains": chains, "sets": {name: _spans(elements) for name, (_, elements) in _sets(rule).items()}}


def read_listing(raw: bytes) -> Found | None:
    """Read what `nft -j list table inet portseal` printed; None when the table is empty of our chains.

    Raises EquipmentError for what is no such listing (libnftables-json(5)).
    """
    try:
        items = [each for each in json.loads(raw)["nftables"] if "metainfo" not in each]
        found: dict[str, Any] = {"chains": {}, "sets": {}}
        rules: dict[str, list[_Line]] = {}
        denied = 0
        for each in items:
            ((kind, body),) = each.items()
            if kind == "rule":
                rules.setdefault(body["chain"], []).append((str(body.get("comment", "")), _judged(body["expr"])))
            elif kind == "set":
                found["sets"][body["name"]] = _elements(body.get("elem", []))
            elif kind == "chain":
                found["chains"][body["name"]] = (body.get("hook"), body.get("prio"), body.get("policy"))
            elif kind == "counter":
                denied += int(body["packets"])
        found["chains"] = {name: (*base, tuple(rules.get(name, ()))) for name, base in found["chains"].items()}
        plain = json.dumps(_normal(items), sort_keys=True)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise EquipmentError(
            t("nft printed what cannot be read"), next_step=t("look at 'nft -j list table inet portseal'")
        ) from None
    return Found(found, sha256(plain.encode()).hexdigest(), denied)


def _sets(rule: GuardRule) -> dict[str, tuple[str, list[str]]]:
    four, six = ([str(each) for each in rule.networks if each.version == family] for family in (4, 6))
    time4, time6 = ([str(each) for each in rule.time if each.version == family] for family in (4, 6))
    return {
        "networks4": ("ipv4_addr", four), "networks6": ("ipv6_addr", six),
        "time4": ("ipv4_addr", time4), "time6": ("ipv6_addr", time6),
    }  # fmt: skip


def _set(name: str, kind: str, elements: list[str]) -> str:
    filled = f" elements = {{ {', '.join(elements)} }}" if elements else ""
    return f"\tset {name} {{ type {kind}; flags interval;{filled} }}"


def _chain(rule: GuardRule, chain: str) -> list[_Line]:
    """Give a chain's rules with their tags; every one but `log` ends in its verdict."""
    denied = (f"counter name {COUNTERS[chain]} drop", "denied")
    if chain == "forward":  # a terminal is nobody's router
        return [denied]
    way, lo = ("saddr", 'iif "lo"') if chain == "input" else ("daddr", 'oif "lo"')
    lines = [
        (f"{lo} accept", "loopback"),
        (f"ip {way} @networks4 accept", "site"),
        (f"ip6 {way} @networks6 accept", "site"),
        *_time(chain),
        *(_dhcp(chain) if rule.dhcp else ()),
    ]
    if any(each.version == 6 for each in rule.networks):
        lines += [*_neighbours(chain), *(_dhcp6(chain) if rule.dhcp else ())]
    if chain == "output":
        lines += [
            (f"meta mark {PROBE_MARK:#x} drop", "probes"),
            ('limit rate 6/minute burst 6 packets log prefix "portseal-denied: "', "log"),
        ]
    return [*lines, denied]


def _time(chain: str) -> list[_Line]:
    """Allow NTP with the site's source, where that is outside the networks (RFC 5905: port 123)."""
    match = "saddr @time{0} udp sport 123" if chain == "input" else "daddr @time{0} udp dport 123"
    return [(f"{ip} {match.format(family)} accept", "time") for ip, family in (("ip", 4), ("ip6", 6))]


def _dhcp(chain: str) -> list[_Line]:
    """Let a client ask before it has an address (RFC 2131); the server's answer comes from the site's networks."""
    if chain == "input":
        return []
    return [("ip daddr 255.255.255.255 udp sport 68 udp dport 67 accept", "dhcp")]


def _dhcp6(chain: str) -> list[_Line]:
    """RFC 8415: a client asks the link's servers, which answer from a link-local address."""
    if chain == "input":
        return [("ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept", "dhcp")]
    return [("ip6 daddr ff02::1:2 udp sport 546 udp dport 547 accept", "dhcp")]


def _neighbours(chain: str) -> list[_Line]:
    """Let IPv6 find its neighbours (RFC 4861: hop limit 255, so never from beyond a router) and its listeners (MLD).

    A router's advertisement is heard because addresses come by it; a route that it brings leads into a drop, and the
    proof names it. A packet that was too big is told by a router of the networks.
    """
    if chain == "input":
        kinds = "{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert }"
        return [
            (f"icmpv6 type {kinds} ip6 hoplimit 255 accept", "neighbours"),
            ("ip6 saddr fe80::/10 icmpv6 type mld-listener-query accept", "neighbours"),
        ]
    kinds = "{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit }"
    return [
        (f"ip6 daddr {{ fe80::/10, ff02::/16 }} icmpv6 type {kinds} ip6 hoplimit 255 accept", "neighbours"),
        ("ip6 daddr ff02::16 icmpv6 type mld2-listener-report accept", "neighbours"),
    ]


def _verdict(match: str) -> str:
    last = match.rpartition(" ")[2]
    return last if last in ("accept", "drop") else ""


def _judged(expressions: Iterable[Mapping[str, Any]]) -> str:
    """Give a rule's verdict: accept, drop, another one by its name, or "" for a rule without any."""
    for each in expressions:
        for word in ("accept", "drop", "jump", "goto", "queue", "return", "reject", "continue"):
            if word in each:
                return word
    return ""


def _spans(elements: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((str(net[0]), str(net[-1])) for net in map(ip_network, elements)))


def _elements(elements: Iterable[Any]) -> tuple[tuple[str, str], ...]:
    """Give a listed set's elements as first and last address, sorted."""
    spans = []
    for each in elements:
        if isinstance(each, str):
            spans.append((str(ip_address(each)), str(ip_address(each))))
        elif "prefix" in each:
            network = ip_network(f"{each['prefix']['addr']}/{each['prefix']['len']}")
            spans.append((str(network[0]), str(network[-1])))
        else:
            first, last = each["range"]
            spans.append((str(ip_address(first)), str(ip_address(last))))
    return tuple(sorted(spans))


def _normal(value: Any) -> Any:
    """Drop what changes by itself: handles and counts."""
    if isinstance(value, dict):
        return {key: _normal(each) for key, each in value.items() if key not in ("handle", "packets", "bytes")}
    return [_normal(each) for each in value] if isinstance(value, list) else value

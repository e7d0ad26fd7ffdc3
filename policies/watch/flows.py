"""Which role may talk to which: the allowed-flow matrix (clauses 7.3 to 7.5), as data and as a judgement.

A rule allows a conversation that `source` begins with `target`, on ports of the target ("tcp/554", "udp/123"; none:
any protocol and port). Answers are part of the conversation: they come from that port. A role is a device role of the
inventory, or the name of a peer that site.toml declares.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from policies.watch.frame import TCP, UDP

#: It ships with the package, so a fault in it is a fault of the build.
_FILE = Path(__file__).parents[1] / "data" / "flows.toml"
#: How protocols are written in a rule.
PROTOCOLS = {"tcp": TCP, "udp": UDP}


@dataclass(frozen=True, slots=True)
class FlowRule:
    """One line of the matrix."""

    source: str
    target: str
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gate:
    """What one direction between two roles may be: anything, or (protocol, side, port); side 0 is the source."""

    anything: bool = False
    ports: frozenset[tuple[int, int, int]] = frozenset()


Matrix = Mapping[tuple[str, str], Gate]


def matrix(rules: Iterable[FlowRule]) -> Matrix:
    """Expand rules into what frames may be, by direction; a direction that is missing is forbidden."""
    open_, ports = set[tuple[str, str]](), dict[tuple[str, str], set[tuple[int, int, int]]]()
    for rule in rules:
        there, back = (rule.source, rule.target), (rule.target, rule.source)
        if not rule.ports:
            open_ |= {there, back}
        for text in rule.ports:
            protocol, port = parse_port(text)
            ports.setdefault(there, set()).add((protocol, 1, port))
            ports.setdefault(back, set()).add((protocol, 0, port))
    return {pair: Gate(pair in open_, frozenset(ports.get(pair, ()))) for pair in open_ | set(ports)}


def allowed(found: Matrix, pair: tuple[str, str], protocol: int, ports: tuple[int, int] | None) -> bool:
    """Tell whether a frame from one role to another may be; one without ports (a fragment, ICMP) where any is allowed.

    ICMP serves a conversation that is allowed, on whatever ports.
    """
    gate = found.get(pair)
    if gate is None:
        return False
    if gate.anything or protocol not in (TCP, UDP) or ports is None:
        return True
    return (protocol, 0, ports[0]) in gate.ports or (protocol, 1, ports[1]) in gate.ports


def parse_port(text: str) -> tuple[int, int]:
    """Read "tcp/554" as protocol number and port; raises ValueError."""
    name, _, digits = text.partition("/")
    plain = digits.isascii() and digits.isdecimal() and len(digits) <= len("65535")
    if name not in PROTOCOLS or not plain or not 1 <= int(digits) <= 65_535:
        raise ValueError(text)
    return PROTOCOLS[name], int(digits)


@cache
def default_rules() -> tuple[FlowRule, ...]:
    """Give the matrix that ships; a site that declares one of its own replaces it."""
    table = tomllib.loads(_FILE.read_text("utf-8"))
    return tuple(FlowRule(row["from"], row["to"], tuple(row.get("ports", ()))) for row in table["flows"])

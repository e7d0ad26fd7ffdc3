"""One round of the proof: look at everything, send every probe, and put together what an event will say."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.egress import rules
from agent.egress.declared import GuardRule, Target
from agent.egress.probes import Probe, planned, probe_all
from agent.egress.sight import look
from policies.messages.proof import GuardState, Probed, ProbeKind, Proof, Result, Role

#: How many resolvers are asked for the outside name at most: more stand in no file (resolv.conf(5) knows three).
_MOST_RESOLVERS = 4

Send = Callable[[Sequence[Probe]], tuple[Probed, ...]]


def prove(rule: GuardRule, guard: GuardState, root: Path = Path("/"), send: Send = probe_all) -> Proof:
    """Make one round; it takes a few seconds, blocks, and raises nothing. `denied` is the caller's to add."""
    seen = look(rule, root)
    resolvers = [
        Target(ProbeKind.NAME, each, 53)
        for each in seen.asked[:_MOST_RESOLVERS]
        if rule.allows(each) or each.is_loopback
    ]
    probes = planned(rule.controls, rule.canaries, resolvers if rule.outside_name else [], rule.outside_name)
    results = send(probes)
    # One lost packet is no proof of anything: a control that was silent is asked once more.
    again = [place for place, each in enumerate(results) if each.role is Role.CONTROL and each.result is Result.SILENT]
    if again:
        second = dict(zip(again, send([probes[place] for place in again]), strict=True))
        results = tuple(second.get(place, each) for place, each in enumerate(results))
    return Proof(
        guard=guard,
        rules=rules.digest(rule),
        networks=tuple(str(each) for each in rule.networks),
        at_ms=round(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000),
        probes=results,
        routes=tuple(seen.routes),
        links=tuple(seen.links),
        modems=tuple(seen.modems),
        resolvers=tuple(seen.resolvers),
        proxies=tuple(seen.proxies),
        sockets=tuple(seen.sockets),
        unseen=tuple(each for each in seen.unseen),
    )

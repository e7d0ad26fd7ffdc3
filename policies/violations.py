"""What a reading of a switch says about a violation that was told of: pure, so that a trap alone never is a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.model import ObservedPort, ObservedSwitch, Oper


class Evidence(StrEnum):
    """What it shows: the switch shut the port, its counter rose, it names the MAC, the MAC is learned there."""

    BLOCKED = "blocked"
    COUNTED = "counted"
    OFFENDER = "offender"
    LEARNED = "learned"


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a reading shows of one port. `macs` are foreign ones; `before` and `count` are the switch's own counters."""

    port: str
    evidence: tuple[Evidence, ...]
    macs: tuple[str, ...] = ()
    cause: str = ""
    before: int | None = None
    count: int | None = None


def sightings(
    before: ObservedSwitch | None, after: ObservedSwitch, bound: Mapping[str, frozenset[str]], told: Iterable[str]
) -> dict[str, Sighting]:
    """Give what a reading shows of violations, by port; `before` is the reading before it, if there was one.

    `bound` is port → the MACs that belong there; `told` are MACs that notifications named. A MAC that is learned on a
    port counts only when it was told of, for a reading alone is judged by the clauses.
    """
    named = frozenset(told)
    found = {}
    for name, port in after.ports.items():
        earlier = None if before is None else before.ports.get(name)
        seen = _sighting(port, earlier, bound.get(name, frozenset()), named)
        if seen is not None:
            found[name] = seen
    return found


def _sighting(
    port: ObservedPort, earlier: ObservedPort | None, bound: frozenset[str], named: frozenset[str]
) -> Sighting | None:
    evidence: list[Evidence] = []
    foreign = sorted((port.present & named) - bound)
    last = port.last_violator if port.last_violator and port.last_violator not in bound else ""
    if port.oper is Oper.BLOCKED:
        evidence.append(Evidence.BLOCKED)
    if _rose(port, earlier):
        evidence.append(Evidence.COUNTED)
    if last and last in named:
        evidence.append(Evidence.OFFENDER)
    if foreign:
        evidence.append(Evidence.LEARNED)
    if not evidence:
        return None
    macs = [*foreign, last] if last and last not in foreign else foreign
    cause = port.blocked_cause if port.oper is Oper.BLOCKED else ""
    return Sighting(
        port.name, tuple(evidence), tuple(macs), cause, None if earlier is None else earlier.violations, port.violations
    )


def _rose(port: ObservedPort, earlier: ObservedPort | None) -> bool:
    """Tell whether the port's counter is higher than before; one without a reading before it says nothing.

    A counter that is lower has begun anew (the port was shut and opened, the switch has restarted).
    """
    if not port.violations or earlier is None:
        return False
    old = earlier.violations or 0
    return port.violations > old or port.violations < old


def newly(sighting: Sighting, earlier: ObservedPort | None) -> bool:
    """Tell whether a sighting is news that no notification need have told: the counter rose, or the port was shut."""
    if Evidence.COUNTED in sighting.evidence:
        return True
    return Evidence.BLOCKED in sighting.evidence and earlier is not None and earlier.oper is not Oper.BLOCKED


def changed_ports(before: ObservedSwitch, after: ObservedSwitch) -> list[str]:
    """Name the ports whose managed settings are otherwise than in the reading before, new ports included."""
    return [
        name
        for name, port in after.ports.items()
        if (earlier := before.ports.get(name)) is None or earlier.config != port.config
    ]

"""What the switches' own tables say of the watch's devices: where a MAC is, and what is not where it is bound.

Readings tell what no frame can: the port. They are as old as the last reading of each switch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.model import ObservedSwitch
from policies.watch.rules import Index
from policies.watch.sighting import Confidence, Kind, Row

#: Two readings that are at most so far apart speak of the same time.
_SAME_TIME = timedelta(minutes=5)
_MOST_MACS = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a MAC is learned, and when that was read."""

    switch: str
    port: str
    read_at: datetime

    def __str__(self) -> str:
        """Give SWITCH/PORT."""
        return f"{self.switch}/{self.port}"


def places(observed: Iterable[ObservedSwitch], uplinks: Mapping[str, frozenset[str]]) -> dict[str, tuple[Place, ...]]:
    """Give the edge ports on which each MAC is; uplinks and trunks carry everybody's, and are none."""
    found: dict[str, tuple[Place, ...]] = {}
    for switch in observed:
        for name, port in switch.ports.items():
            if port.is_trunk or name in uplinks.get(switch.switch, frozenset()):
                continue
            for mac in port.present:
                found[mac] = (*found.get(mac, ()), Place(switch.switch, name, switch.read_at))
    return found


def misplaced(index: Index, found: Mapping[str, tuple[Place, ...]]) -> list[Row]:
    """Give what readings alone show: bound MACs on other ports, or on several, and several MACs behind one port."""
    rows: list[Row] = []
    for mac, where in sorted(found.items()):
        known = index.by_mac.get(mac)
        if known is None or not known.switch:
            continue
        bound = f"{known.switch}/{known.port}"
        at = [each for each in where if str(each) != bound]
        at.sort(key=lambda each: each.read_at)
        facts: dict[str, object] = {"bound": bound, "places": sorted(str(each) for each in where)}
        if at:
            rows.append(_row(Kind.MOVED, mac, known.ip, at[-1], facts, Confidence.CERTAIN))
        if len(where) > 1 and max(e.read_at for e in where) - min(e.read_at for e in where) <= _SAME_TIME:
            rows.append(_row(Kind.DUPLICATE_MAC, mac, known.ip, where[0], facts, Confidence.HIGH))
    return rows + _hubs(index, found)


def _hubs(index: Index, found: Mapping[str, tuple[Place, ...]]) -> list[Row]:
    behind: dict[str, tuple[Place, list[str]]] = {}
    for mac, where in found.items():
        for place in where:
            behind.setdefault(str(place), (place, []))[1].append(mac)
    rows = []
    for _, (place, macs) in sorted(behind.items()):
        bound = [each.mac for each in index.rules.devices if (each.switch, each.port) == (place.switch, place.port)]
        if len(macs) > max(1, len(bound)):
            strangers = sorted(set(macs) - set(bound), key=lambda mac: (mac in index.by_mac, mac))
            facts: dict[str, object] = {"macs": sorted(macs)[:_MOST_MACS], "bound": len(bound)}
            rows.append(_row(Kind.HUB, strangers[0], None, place, facts, Confidence.HIGH))
    return rows


def _row(
    kind: Kind, mac: str, ip: str | None, place: Place, facts: dict[str, object], confidence: Confidence
) -> Row:  # fmt: skip
    return Row(kind, mac, ip or "", other=str(place), confidence=confidence, facts=facts)

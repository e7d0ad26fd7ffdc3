"""Bindings proposed from what is on the wire, each with how sure it is and why; ports that lead on, with the evidence.

A MAC that several switches have learned is at home where it has the fewest neighbours; on the other ports it passes
through. Proposals are for a person to read and complete: the wire cannot tell what a device is, nor whether it may be
there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from policies.model import ObservedPort, ObservedSwitch, Oper, PortMode
from policies.plan import likely_uplink
from policies.site import Site
from policies.texts import Text, t

#: (switch, port)
Place = tuple[str, str]


class Confidence(StrEnum):
    """How sure a proposal is: alone at a quiet edge port; something is unusual; others are at the same port."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A MAC that could be bound to a port of a switch, in the VLAN in which it was learned (None: not told)."""

    mac: str
    switch: str
    port: str
    vlan: int | None
    confidence: Confidence
    reason: Text


@dataclass(frozen=True, slots=True)
class LeadsOn:
    """A port that nobody declared and behind which other switches are, as far as the evidence goes."""

    switch: str
    port: str
    reason: Text


@dataclass(frozen=True, slots=True)
class Proposals:
    """What is proposed: bindings and uplinks, by switch and port in the order of the readings."""

    bindings: tuple[Proposal, ...]
    uplinks: tuple[LeadsOn, ...]


def propose(site: Site, observed: Mapping[str, ObservedSwitch], known: Collection[str] = ()) -> Proposals:
    """Propose bindings for MACs that are not `known`, from fresh readings of the site's switches (by name).

    Declared uplinks and management ports lead on, and nothing is proposed for what passes through them.
    """
    ports = {(name, port.name): port for name, switch in observed.items() for port in switch.ports.values()}
    macs = {place: _dynamic(port) for place, port in ports.items()}
    declared = {place for place in ports if _declared(site, *place)}
    owners = {mac: name for name, switch in observed.items() for mac in _own(switch)}
    uplinks = {}
    for place, port in ports.items():
        if place not in declared and (why := _leads_on(place, port, macs, owners)) is not None:
            uplinks[place] = why
    found = [
        proposal
        for place, port in ports.items()
        if place not in declared and place not in uplinks
        for proposal in _at(place, port, macs)
        if proposal.mac not in known
    ]
    return Proposals(tuple(found), tuple(LeadsOn(place[0], place[1], why) for place, why in uplinks.items()))


def _dynamic(port: ObservedPort) -> frozenset[str]:
    return frozenset(entry.mac for entry in port.learned if entry.kind != "self")


def _own(switch: ObservedSwitch) -> Iterator[str]:
    """Give the switch's own addresses, as it tells them."""
    for port in switch.ports.values():
        yield from (entry.mac for entry in port.learned if entry.kind == "self")


def _declared(site: Site, switch: str, port: str) -> bool:
    found = site.switch(switch)
    return found is not None and (found.uplink(port) is not None or port in found.management_ports)


def _leads_on(
    place: Place, port: ObservedPort, macs: Mapping[Place, frozenset[str]], owners: Mapping[str, str]
) -> Text | None:
    """Say by which evidence other switches are behind a port, the strongest first; None for an edge port."""
    if (why := likely_uplink(port, devices=len(macs[place]))) is not None:
        return why
    for mac in sorted(macs[place]):
        if owners.get(mac, place[0]) != place[0]:
            return t("the address of {switch} itself, {mac}, is behind it", switch=owners[mac], mac=mac)
    for other, there in macs.items():
        shared = macs[place] & there
        if other[0] != place[0] and shared and len(there) < len(macs[place]):
            return t(
                "{mac} is at home on {place}, which has fewer neighbours",
                mac=min(shared),
                place="/".join(other),
            )
    return None


def _at(place: Place, port: ObservedPort, macs: Mapping[Place, frozenset[str]]) -> Iterator[Proposal]:
    vlans = {entry.mac: entry.vlan for entry in port.learned}
    here = macs[place]
    for mac in sorted(here):
        confidence, reason = _judge(mac, place, port, macs)
        vlan = vlans[mac] if vlans[mac] is not None else port.config.access_vlan
        yield Proposal(mac, place[0], place[1], vlan, confidence, reason)


def _judge(mac: str, place: Place, port: ObservedPort, macs: Mapping[Place, frozenset[str]]) -> tuple[Confidence, Text]:
    others = len(macs[place]) - 1
    if others:
        return Confidence.LOW, t("{count} more are at this port: behind a hub or an unmanaged switch", count=others)
    elsewhere = sorted("/".join(each) for each, there in macs.items() if each != place and there == {mac})
    if elsewhere:
        return Confidence.LOW, t("it is alone on {places} too: moved just now, or copied", places=", ".join(elsewhere))
    if port.oper is Oper.DOWN:
        return Confidence.MEDIUM, t("alone at the port, but the link is down")
    if port.config.mode not in (None, PortMode.ACCESS):
        return Confidence.MEDIUM, t("alone at the port, but the port is no access port")
    return Confidence.HIGH, t("alone at an access port, link up")

"""An import held against what the switches have learned, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from controller.inventory.build import ImportResult
from policies.model import Binding, Device, ObservedSwitch
from policies.site import Site


@dataclass(frozen=True, slots=True, order=True)
class Sighting:
    """A MAC that a switch learned on a port; `uplink` when the device is somewhere behind another switch."""

    switch: str
    port: str
    vlan: int
    uplink: bool = False


@dataclass(frozen=True, slots=True)
class Placed:
    """A device of the list, where it is to be bound (None: nowhere), and where its MAC was seen."""

    device: Device
    binding: Binding | None
    seen: tuple[Sighting, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """A MAC on the wire that no row of the list has."""

    mac: str
    seen: Sighting


@dataclass(frozen=True, slots=True)
class Preview:
    """The four bins. A device is in exactly one of the first three.

    matched: seen on the port that it is bound to (`seen` may name more ports: then somebody copies its MAC).
    elsewhere: seen on another port, or seen and not bound.
    on_paper_only: seen on no edge port; `seen` holds sightings on uplinks. `unread` names switches without a snapshot.
    unknown_on_wire: MACs on edge ports which are in no row.
    """

    matched: tuple[Placed, ...]
    elsewhere: tuple[Placed, ...]
    on_paper_only: tuple[Placed, ...]
    unknown_on_wire: tuple[Unknown, ...]
    unread: tuple[str, ...] = ()


def preview(result: ImportResult, observed: Iterable[ObservedSwitch], site: Site) -> Preview:
    """Sort the devices of an import by where their MACs are; uplinks and management ports are not edge ports."""
    snapshots = list(observed)
    sightings = _sightings(snapshots, site)
    bindings = {binding.device: binding for binding in result.bindings}
    bins: dict[str, list[Placed]] = {"matched": [], "elsewhere": [], "paper": []}
    for device in result.devices:
        placed = Placed(device, bindings.get(device.name), tuple(sorted(sightings.get(device.mac, ()))))
        bins[_bin(placed)].append(placed)
    listed = {device.mac for device in result.devices}
    unknown = sorted(
        ((place, mac) for mac, places in sightings.items() if mac not in listed for place in places if not place.uplink)
    )
    read = {item.switch for item in snapshots}
    return Preview(
        matched=tuple(bins["matched"]),
        elsewhere=tuple(bins["elsewhere"]),
        on_paper_only=tuple(bins["paper"]),
        unknown_on_wire=tuple(Unknown(mac, place) for place, mac in unknown),
        unread=tuple(switch.name for switch in site.switches if switch.name not in read),
    )


def _bin(placed: Placed) -> str:
    edges = {(place.switch, place.port) for place in placed.seen if not place.uplink}
    if not edges:
        return "paper"
    binding = placed.binding
    return "matched" if binding is not None and (binding.switch, binding.port) in edges else "elsewhere"


def _sightings(observed: Iterable[ObservedSwitch], site: Site) -> dict[str, set[Sighting]]:
    found: dict[str, set[Sighting]] = {}
    for snapshot in observed:
        declared = site.switch(snapshot.switch)
        for name, port in snapshot.ports.items():
            uplink = declared is not None and (declared.uplink(name) is not None or name in declared.management_ports)
            for learned in port.learned:
                if learned.mac in port.present:
                    place = Sighting(snapshot.switch, name, learned.vlan or 0, uplink)
                    found.setdefault(learned.mac, set()).add(place)
    return found

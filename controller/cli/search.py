"""Where a MAC is on the wire, by the latest readings, and what else a query of any spelling finds."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controller.cli.subjects import known_ports, port_name
from controller.cli.words import age
from controller.context import Context
from controller.store import inventory
from controller.store.cards import matching
from controller.store.observations import observations
from policies.errors import InputError
from policies.model import Binding, Device, ObservedPort, ObservedSwitch
from policies.names import parse_mac, port_key
from policies.names.shown import cleaned
from policies.plan import likely_uplink
from policies.site import Switch
from policies.texts import Text, t

#: How sure a place is, best first.
CONFIDENCE = ("high", "medium", "low")

_MARKS = str.maketrans("", "", ":.- ")
_HEX = re.compile(r"[0-9a-f]{4,12}")
_CARD_LETTERS = 4


@dataclass(frozen=True, slots=True)
class Seen:
    """A MAC on a port. `kind` is dynamic, static or secure (learned), bound (admitted, not learned) or violator.

    `uplink` is declared, likely or empty; `fresh` tells whether the reading still counts as evidence.
    """

    mac: str
    switch: str
    port: str
    vlan: int | None
    kind: str
    uplink: str
    read_at: datetime
    fresh: bool

    @property
    def learned(self) -> bool:
        """Whether frames from it arrived there lately."""
        return self.kind not in ("bound", "violator")

    @property
    def confidence(self) -> str:
        """High: learned on an edge port, read lately. Low: behind a declared uplink, or not learned at all."""
        if not self.learned or self.uplink == "declared":
            return "low"
        return "high" if self.fresh and not self.uplink else "medium"

    def sentence(self, now: datetime) -> Text:
        """Say where it is and how sure that is."""
        values: dict[str, object] = {
            "mac": self.mac,
            "place": f"{self.switch}/{self.port}",
            "vlan": self.vlan if self.vlan is not None else "?",
            "age": age(self.read_at, now),
        }
        if self.kind == "violator":
            return t("{mac} was the last foreign MAC on {place} ({age})", **values)
        if self.kind == "bound":
            return t("{mac} is admitted on {place}, but was not learned there ({age})", **values)
        if self.uplink == "declared":
            return t("{mac} is behind the uplink {place}, VLAN {vlan} ({age})", **values)
        if self.uplink:
            return t("{mac} is on {place}, VLAN {vlan}, or behind it: it looks like an uplink ({age})", **values)
        if not self.fresh:
            return t("{mac} was on {place}, VLAN {vlan}, when that was read long ago ({age})", **values)
        return t("{mac} is on {place}, VLAN {vlan} ({age})", **values)


def sightings(site: Context, snapshots: Sequence[ObservedSwitch] | None = None) -> list[Seen]:
    """Give every MAC on every declared switch by its latest reading: edge ports first, then the less certain."""
    bound = Counter((binding.switch, binding.port) for binding in inventory.bindings(site.store))
    found: list[Seen] = []
    for snapshot in observations(site.store) if snapshots is None else snapshots:
        switch = site.site.switch(snapshot.switch)
        if switch is None:
            continue
        fresh = is_fresh(site, snapshot)
        for name, port in snapshot.ports.items():
            uplink = _uplink(switch, port, bound[switch.name, name])
            for mac, vlan, kind in _macs(port):
                found.append(Seen(mac, switch.name, name, vlan, kind, uplink, snapshot.read_at, fresh))
    return sorted(found, key=_rank)


def is_fresh(site: Context, snapshot: ObservedSwitch) -> bool:
    """Tell whether a reading is young enough to count as evidence."""
    return site.clock() - snapshot.read_at <= timedelta(seconds=site.site.parameters.evidence_max_age_s)


def seen_json(seen: Seen) -> dict[str, object]:
    """Give a sighting as documented JSON."""
    from policies.codec import stamp

    return {
        "mac": seen.mac,
        "switch": seen.switch,
        "port": seen.port,
        "vlan": seen.vlan,
        "kind": seen.kind,
        "uplink": seen.uplink or None,
        "confidence": seen.confidence,
        "read_at": stamp(seen.read_at),
        "fresh": seen.fresh,
    }


def _uplink(switch: Switch, port: ObservedPort, devices: int) -> str:
    if switch.uplink(port.name) is not None or port.name in switch.management_ports:
        return "declared"
    return "likely" if port.name not in switch.edge_ports and likely_uplink(port, devices) is not None else ""


def _macs(port: ObservedPort) -> Iterator[tuple[str, int | None, str]]:
    known = set()
    for entry in port.learned:
        if entry.kind != "self":
            known.add(entry.mac)
            yield entry.mac, entry.vlan, entry.kind
    for admitted in port.config.secure_macs or ():
        if admitted.mac not in known:
            known.add(admitted.mac)
            yield admitted.mac, admitted.vlan, "bound"
    if port.last_violator and port.last_violator not in known:
        yield port.last_violator, None, "violator"


def _rank(seen: Seen) -> tuple[object, ...]:
    return CONFIDENCE.index(seen.confidence), seen.switch, port_key(seen.port), seen.mac, seen.vlan or 0


@dataclass(frozen=True, slots=True)
class DeviceHit:
    """A device of the inventory, and the fields in which the query was found."""

    device: Device
    binding: Binding | None
    matched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hits:
    """All that a query found. `ports` are (switch, port) pairs, `switches` names, `names` device names by MAC.

    `cards` are pseudonyms that begin with the query.
    """

    devices: tuple[DeviceHit, ...] = ()
    seen: tuple[Seen, ...] = ()
    ports: tuple[tuple[str, str], ...] = ()
    switches: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    cards: tuple[str, ...] = ()

    @property
    def any(self) -> bool:
        """Whether anything was found."""
        return bool(self.devices or self.seen or self.ports or self.switches or self.cards)


def search(site: Context, query: str) -> Hits:
    """Find a MAC (or four digits of one), IP, name, place, serial, switch, port, or card by its pseudonym."""
    text = cleaned(query)
    folded, digits = text.casefold(), mac_digits(text)
    bound = {binding.device: binding for binding in inventory.bindings(site.store)}
    snapshots = observations(site.store)
    ports = _ports(site, text, {each.switch: frozenset(each.ports) for each in snapshots})
    devices, names = [], {}
    for device in inventory.devices(site.store):
        names[device.mac] = device.name
        binding = bound.get(device.name)
        matched = _matched(device, folded, digits)
        if binding is not None and (binding.switch, binding.port) in ports:
            matched = (*matched, "binding")
        if matched:
            devices.append(DeviceHit(device, binding, matched))
    macs = {hit.device.mac for hit in devices}
    seen = tuple(
        each
        for each in sightings(site, snapshots)
        if each.mac in macs
        or (digits and digits in each.mac.translate(_MARKS))
        or ((each.switch, each.port) in ports and each.learned)
    )
    switches = tuple(
        switch.name for switch in site.site.switches if folded and folded in (switch.name.casefold(), switch.host)
    )
    devices.sort(key=lambda hit: (hit.device.name.casefold() != folded, hit.device.name))
    cards = matching(site.store, text) if len(text) >= _CARD_LETTERS else ()
    return Hits(tuple(devices), seen, ports, switches, names, cards)


def mac_digits(text: str) -> str:
    """Give the hex digits of a MAC or of a part of one with four digits or more, in any spelling; else nothing."""
    try:
        return parse_mac(text).translate(_MARKS)
    except InputError:
        plain = text.casefold().removeprefix("0x").translate(_MARKS)
        return plain if _HEX.fullmatch(plain) else ""


def _matched(device: Device, folded: str, digits: str) -> tuple[str, ...]:
    if not folded:
        return ()
    found = ["mac"] if digits and digits in device.mac.translate(_MARKS) else []
    if device.ip is not None and (folded == device.ip or _begins(device.ip, folded)):
        found.append("ip")
    for name in ("name", "place", "serial", "vendor", "model"):
        value = cleaned(str(getattr(device, name))).casefold()
        if folded in value:
            found.append(name)
    return tuple(found)


def _begins(ip: str, text: str) -> bool:
    """Tell whether `text` is the beginning of an address, by whole numbers: 10.1. but not 10.1 of 10.10.0.1."""
    return text.count(".") >= 1 and ip.startswith(text if text.endswith(".") else text + ".")


def _ports(site: Context, text: str, observed: Mapping[str, frozenset[str]]) -> tuple[tuple[str, str], ...]:
    found = []
    head, slash, rest = text.partition("/")
    for switch in site.site.switches:
        own = bool(slash) and head.strip().casefold() == switch.name.casefold()
        try:
            name = port_name(switch, rest if own else text)
        except InputError:
            continue
        if name in known_ports(switch) or name in observed.get(switch.name, ()):
            found.append((switch.name, name))
            if own:
                return ((switch.name, name),)
    return tuple(found)

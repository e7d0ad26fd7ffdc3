"""What `explain` tells of a device, a MAC, a port or a switch: the reasons, in the order in which one asks for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from controller.cli.base import Settings
from controller.cli.portview import RECENT, PortView, port_views, recent_sentences
from controller.cli.proposing import proposal_json, proposal_sentence, proposals_of
from controller.cli.search import Seen, seen_json, sightings
from controller.cli.subjects import device_json, device_of, port_name, switch_of
from controller.cli.words import DEVICE_ROLES, PORT_ROLES, age, entry_json
from controller.context import Context
from controller.ledger.entry import Entry
from controller.ledger.query import Filter, entries
from controller.store import inventory
from controller.store.observations import observations
from policies.errors import InputError, NotFound
from policies.model import Device, PortRole
from policies.names import parse_mac
from policies.names.shown import cleaned, shown
from policies.propose import Proposal
from policies.site import Switch
from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is told: sentences first, then the ports that matter. `kind` is device, mac, port or switch."""

    subject: str
    kind: str
    sentences: tuple[Text, ...]
    ports: tuple[PortView, ...]
    entries: dict[str, list[Entry]]
    facts: dict[str, object]
    proposals: tuple[Proposal, ...] = ()

    @property
    def _new(self) -> bool:
        """Whether proposals belong to it: what is bound already needs none."""
        return self.kind in ("mac", "port")

    def json(self, chosen: Settings) -> dict[str, object]:
        """Give it as documented JSON."""
        return {
            "subject": self.subject,
            "kind": self.kind,
            **self.facts,
            **({"proposals": [proposal_json(chosen, each) for each in self.proposals]} if self._new else {}),
            "statements": [chosen.text(sentence).strip() for sentence in self.sentences],
            "ports": [port.json(chosen, self.entries.get(port.place, [])) for port in self.ports],
        }


def explanation(site: Context, subject: str) -> Explanation:
    """Explain a SWITCH/PORT, SWITCH, device name or MAC; raises NotFound for anything else."""
    text = cleaned(subject)
    head, slash, rest = text.partition("/")
    switches = {switch.name.casefold(): switch for switch in site.site.switches}
    if slash and head.strip().casefold() in switches:
        return _port(site, switches[head.strip().casefold()], rest)
    if text.casefold() in switches:
        return _switch(site, switches[text.casefold()])
    names = {device.name.casefold() for device in inventory.devices(site.store)}
    if text.casefold() in names:
        return _device(site, device_of(site.store, text))
    try:
        mac = parse_mac(text)
    except InputError:
        raise NotFound(
            t("nothing of the site is called {name}", name=shown(subject)),
            next_step=t("look for it with 'portseal find', then give a device, MAC, SWITCH/PORT or SWITCH"),
        ) from None
    return _mac(site, mac)


def _port(site: Context, switch: Switch, text: str) -> Explanation:
    name = port_name(switch, text)
    view = port_views(site, switch).get(name)
    if view is None:
        raise NotFound(
            t("the switch has no such port, and the site declares none"),
            where=f"{switch.name}/{name}",
            next_step=t("see 'portseal port show {switch}'", switch=switch.name),
        )
    proposed = [each for each in _proposed(site) if (each.switch, each.port) == (switch.name, name)]
    told = [t("{mac} is not in the inventory; {sentence}", mac=each.mac, sentence=proposal_sentence(each))
            for each in proposed]  # fmt: skip
    return replace(_made(site, view.place, "port", told, [view], {}), proposals=tuple(proposed))


def _proposed(site: Context) -> tuple[Proposal, ...]:
    """Give what could be bound, by the last readings."""
    return proposals_of(site, {each.switch: each for each in observations(site.store)}).bindings


def _switch(site: Context, switch: Switch) -> Explanation:
    views = port_views(site, switch)
    roles = Counter(view.wanted.role for view in views.values() if view.wanted is not None)
    told = [
        t("{switch}: {platform} at {host}", switch=switch.name, platform=switch.platform, host=switch.host),
        *(t("  {count} ports {role}", count=roles[role], role=PORT_ROLES[role]) for role in PortRole if roles[role]),
    ]
    snapshot = next((view.snapshot for view in views.values() if view.snapshot is not None), None)
    if snapshot is None:
        told.append(t("  the switch was never read. Next: portseal discover {switch}", switch=switch.name))
    else:
        told.append(
            t(
                "  read {age}: {model} {version}",
                age=age(snapshot.read_at, site.clock()),
                model=snapshot.model,
                version=snapshot.version,
            )
        )
        if snapshot.startup_differs:
            told.append(t("  not saved: a reboot would lose {count} lines", count=len(snapshot.startup_differs)))
    wrong = [view for view in views.values() if view.change is not None or view.refusals or view.block is not None]
    recent = list(entries(site.store, Filter(subject=switch.name), newest_first=True, limit=RECENT))
    if not wrong and snapshot is not None:
        told.append(t("  every declared port is as it must be"))
    told += recent_sentences(recent)
    facts: dict[str, object] = {
        "switch": switch.name,
        "roles": {role.value: roles[role] for role in PortRole},
        "entries": [entry_json(entry) for entry in recent],
    }
    return _made(site, switch.name, "switch", told, wrong, facts)


def _device(site: Context, device: Device) -> Explanation:
    binding = inventory.binding_of(site.store, device.name)
    seen = [each for each in sightings(site) if each.mac == device.mac]
    told = [
        t(
            "{name}: {role}, MAC {mac}, IP {ip}, place {place}",
            name=device.name,
            role=DEVICE_ROLES[device.role],
            mac=device.mac,
            ip=device.ip or "-",
            place=device.place or "-",
        )
    ]
    if binding is None:
        told.append(t("  bound nowhere: no port admits it once its port is sealed. Next: portseal bind"))
    else:
        place = f"{binding.switch}/{binding.port}"
        told.append(t("  bound to {place}, VLAN {vlan}", place=place, vlan=binding.vlan))
        told += _moved(seen, binding.switch, binding.port)
    told += _sightings(site, seen)
    views = [] if binding is None else _views(site, [(binding.switch, binding.port)])
    facts: dict[str, object] = {"device": device_json(device, binding), "seen": [seen_json(each) for each in seen]}
    return _made(site, device.name, "device", told, views, facts)


def _mac(site: Context, mac: str) -> Explanation:
    device = inventory.device_by_mac(site.store, mac)
    if device is not None:
        return _device(site, device)
    seen = [each for each in sightings(site) if each.mac == mac]
    if not seen:
        raise NotFound(
            t("{mac} is neither in the inventory nor on any switch as last read", mac=mac),
            next_step=t("read the switches again with 'portseal discover'"),
        )
    proposed = [each for each in _proposed(site) if each.mac == mac]
    told = [
        t("{mac} is not in the inventory", mac=mac),
        *_sightings(site, seen),
        *(t("  {sentence}", sentence=proposal_sentence(each)) for each in proposed),
    ]
    best = [each for each in seen if each.learned and each.uplink != "declared"]
    views = _views(site, [(each.switch, each.port) for each in best])
    facts: dict[str, object] = {"device": None, "seen": [seen_json(each) for each in seen]}
    return replace(_made(site, mac, "mac", told, views, facts), proposals=tuple(proposed))


def _moved(seen: list[Seen], switch: str, port: str) -> list[Text]:
    others = [each for each in seen if each.confidence == "high" and (each.switch, each.port) != (switch, port)]
    return [
        t("  it is seen on {place} instead: moved, or somebody uses its MAC", place=f"{each.switch}/{each.port}")
        for each in others
    ]


def _sightings(site: Context, seen: list[Seen]) -> list[Text]:
    if not seen:
        return [t("  no switch has learned its MAC, as far as they were read")]
    return [t("  {sentence}", sentence=each.sentence(site.clock())) for each in seen]


def _views(site: Context, places: list[tuple[str, str]]) -> list[PortView]:
    found = []
    for name, port in dict.fromkeys(places):
        if site.site.switch(name) is not None:
            view = port_views(site, switch_of(site.site, name)).get(port)
            found += [] if view is None else [view]
    return found


def _made(
    site: Context, subject: str, kind: str, told: list[Text], views: list[PortView], facts: dict[str, object]
) -> Explanation:
    recent = {view.place: view.recent(site) for view in views}
    return Explanation(subject, kind, tuple(told), tuple(views), recent, facts)

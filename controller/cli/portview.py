"""One port from every side: what it must be and why, what was read, what differs, what a plan would do, who acted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from controller.cli.base import Settings
from controller.cli.search import is_fresh
from controller.cli.subjects import known_ports
from controller.cli.words import LINKS, PORT_ROLES, age, difference, entry_json, local_time
from controller.context import Context
from controller.ledger.entry import Entry
from controller.ledger.query import Filter, entries
from controller.network.planning import expected_states
from controller.network.reading import own_macs
from controller.store.blocks import Block, blocks
from controller.store.observations import observation
from policies.codec import stamp, to_plain
from policies.model import (
    ExpectedPort,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortChange,
    PortConfig,
    Refusal,
    changed_fields,
)
from policies.names import port_key
from policies.plan import able, plan_switch
from policies.settings import SETTING_WORDS
from policies.site import Switch
from policies.texts import Text, listed, t

#: How many ledger entries are shown with a port or switch.
RECENT = 5


@dataclass(frozen=True, slots=True)
class PortView:
    """One port by the latest reading. `wanted` is None for a port that the site does not declare."""

    switch: str
    port: str
    wanted: ExpectedPort | None
    seen: ObservedPort | None
    snapshot: ObservedSwitch | None
    fresh: bool
    change: PortChange | None
    refusals: tuple[Refusal, ...]
    block: Block | None

    @property
    def place(self) -> str:
        """The port as a subject: SWITCH/PORT."""
        return f"{self.switch}/{self.port}"

    @property
    def demanded(self) -> PortConfig:
        """What must be, as far as the platform can."""
        if self.wanted is None or self.snapshot is None:
            return PortConfig()
        return able(self.wanted.config, self.snapshot)

    @property
    def differences(self) -> tuple[str, ...]:
        """The settings that are not as they must be."""
        return () if self.seen is None else changed_fields(self.seen.config, self.demanded)

    def sentences(self, site: Context) -> list[Text]:
        """Tell all of it in plain words, the recent ledger entries at the end."""
        return [
            *self._expectation(),
            *self._reading(site.clock()),
            *self._differing(),
            *self._planned(),
            *recent_sentences(self.recent(site)),
        ]

    def recent(self, site: Context) -> list[Entry]:
        """Give the newest ledger entries about this port, newest first."""
        own = entries(site.store, Filter(subject=self.place), newest_first=True, limit=RECENT)
        named = Filter(subject=self.switch, text=f'"{self.port}"')
        found = {entry.seq: entry for entry in own}
        found |= {entry.seq: entry for entry in entries(site.store, named, newest_first=True, limit=RECENT)}
        return [found[seq] for seq in sorted(found, reverse=True)[:RECENT]]

    def _expectation(self) -> list[Text]:
        if self.wanted is None:
            return [t("{place}: the site does not declare this port; nothing touches it", place=self.place)]
        told = [
            t(
                "{place}: {role}; {reason}",
                place=self.place,
                role=PORT_ROLES[self.wanted.role],
                reason=self.wanted.reason,
            )
        ]
        told += [
            t("  device {name}: {mac} {ip} {place}", name=each.name, mac=each.mac, ip=each.ip or "", place=each.place)
            for each in self.wanted.devices
        ]
        if self.block is not None:
            told.append(
                t(
                    "  blocked by {actor} since {since}: {reason}",
                    actor=self.block.actor,
                    since=local_time(self.block.at),
                    reason=self.block.reason,
                )
            )
        return told

    def _reading(self, now: datetime) -> list[Text]:
        if self.snapshot is None:
            return [t("  the switch was never read. Next: portseal discover {switch}", switch=self.switch)]
        told = [t("  read {age} ({at})", age=age(self.snapshot.read_at, now), at=local_time(self.snapshot.read_at))]
        if not self.fresh:
            told.append(t("  that is too old to count as evidence. Next: portseal check {switch}", switch=self.switch))
        if self.seen is None:
            return [*told, t("  the switch has no such port")]
        link = t("  link: {state}", state=LINKS[self.seen.oper])
        if self.seen.blocked_cause:
            link = t("  link: {state} ({cause})", state=LINKS[self.seen.oper], cause=self.seen.blocked_cause)
        told.append(link)
        macs = sorted({entry.mac for entry in self.seen.learned if entry.kind != "self"})
        told.append(t("  learned there: {macs}", macs=", ".join(macs)) if macs else t("  no MAC is learned there"))
        if self.seen.violations:
            told.append(
                t(
                    "  violations: {count}, the last from {mac}",
                    count=self.seen.violations,
                    mac=self.seen.last_violator or "?",
                )
            )
        told += [t("  LLDP: {system} {port}", system=each.system, port=each.port) for each in self.seen.neighbours]
        return told

    def _differing(self) -> list[Text]:
        if self.seen is None or self.wanted is None:
            return []
        if not self.differences:
            return [t("  it is as it must be")]
        return [
            t("  differs: {difference}", difference=difference(name, self.demanded, self.seen.config))
            for name in self.differences
        ]

    def _planned(self) -> list[Text]:
        told = []
        if self.change is not None:
            words = [SETTING_WORDS[name] for name in self.change.fields]
            if words:
                told.append(
                    t("  a plan would change: {settings} ({reason})", settings=listed(words), reason=self.change.reason)
                )
            if self.change.recover:
                told.append(t("  a plan would open it again: the switch has shut it"))
        for refusal in self.refusals:
            if refusal.question:
                told.append(t("  a plan asks: {reason}", reason=refusal.reason))
            else:
                told.append(t("  a plan does not touch it: {reason}", reason=refusal.reason))
        return told

    def json(self, chosen: Settings, recent: Sequence[Entry] | None = None) -> dict[str, object]:
        """Give the port as documented JSON; `entries` only where they were asked for."""
        seen, wanted, block = self.seen, self.wanted, self.block
        found: dict[str, object] = {
            "switch": self.switch,
            "port": self.port,
            "role": None if wanted is None else wanted.role.value,
            "reason": None if wanted is None else chosen.text(wanted.reason),
            "protected": None if wanted is None or wanted.protected is None else chosen.text(wanted.protected),
            "devices": [] if wanted is None else [each.name for each in wanted.devices],
            "blocked": None if block is None else {"actor": block.actor, "at": stamp(block.at), "reason": block.reason},
            "read_at": None if self.snapshot is None else stamp(self.snapshot.read_at),
            "fresh": self.fresh,
            "observed": None if seen is None else _observed(seen),
            "differences": [self._difference(name) for name in self.differences],
            "plan": self._plan(chosen),
        }
        if recent is not None:
            found["entries"] = [entry_json(entry) for entry in recent]
        return found

    def _difference(self, name: str) -> dict[str, object]:
        assert self.seen is not None
        return {
            "setting": name,
            "expected": to_plain(getattr(self.demanded, name)),
            "observed": to_plain(getattr(self.seen.config, name)),
        }

    def _plan(self, chosen: Settings) -> dict[str, object]:
        return {
            "changes": [] if self.change is None else list(self.change.fields),
            "recover": self.change is not None and self.change.recover,
            "refusals": [{"question": each.question, "reason": chosen.text(each.reason)} for each in self.refusals],
        }


def port_views(site: Context, switch: Switch) -> dict[str, PortView]:
    """Give every port of a switch by name, as people count: the declared ones, and those that were read."""
    wanted = expected_states(site, [switch])[switch.name]
    snapshot = observation(site.store, switch.name)
    blocked = {each.port: each for each in blocks(site.store, switch.name)}
    changes: dict[str, PortChange] = {}
    refusals: dict[str, list[Refusal]] = {}
    if snapshot is not None:
        planned, refused = plan_switch(wanted, snapshot, own_macs())
        changes = {change.port: change for change in planned.ports}
        for refusal in refused:
            refusals.setdefault(refusal.port, []).append(refusal)
    names = known_ports(switch) | (frozenset() if snapshot is None else frozenset(snapshot.ports))
    return {
        name: PortView(
            switch=switch.name,
            port=name,
            wanted=wanted.ports.get(name),
            seen=None if snapshot is None else snapshot.ports.get(name),
            snapshot=snapshot,
            fresh=snapshot is not None and is_fresh(site, snapshot),
            change=changes.get(name),
            refusals=tuple(refusals.get(name, ())),
            block=blocked.get(name),
        )
        for name in sorted(names, key=port_key)
    }


def recent_sentences(found: Sequence[Entry]) -> list[Text]:
    """Tell ledger entries in one line each."""
    return [
        t(
            "  ledger #{seq}: {at} {kind} by {actor}",
            seq=entry.seq,
            at=local_time(entry.at),
            kind=entry.kind,
            actor=entry.actor,
        )
        for entry in found
    ]


def _observed(seen: ObservedPort) -> dict[str, object]:
    return {
        "link": seen.oper.value,
        "blocked_cause": seen.blocked_cause if seen.oper is Oper.BLOCKED else "",
        "settings": {
            name: to_plain(value)
            for name in PortConfig.__dataclass_fields__
            if (value := getattr(seen.config, name)) is not None
        },
        "learned": [
            {"mac": each.mac, "vlan": each.vlan, "kind": each.kind}
            for each in sorted(seen.learned, key=lambda each: (each.mac, each.vlan or 0, each.kind))
        ],
        "violations": seen.violations,
        "last_violator": seen.last_violator or None,
    }

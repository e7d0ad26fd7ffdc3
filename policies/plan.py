"""plan(expected, observed) → ChangeSet: the minimal change, or the reason why a port is not touched. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from functools import lru_cache
from operator import attrgetter, itemgetter

from policies.model import (
    ChangeSet,
    ExpectedPort,
    ExpectedSwitch,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortChange,
    PortConfig,
    PortMode,
    PortRole,
    Refusal,
    SwitchChanges,
    VlanChange,
    demands,
)
from policies.names import format_vlans
from policies.settings import SETTING_WORDS
from policies.texts import Text, listed, t

#: Settings of a port, in the order of PortConfig.
SETTINGS = tuple(field.name for field in fields(PortConfig))
_settings_of = attrgetter(*SETTINGS)
_ALL = frozenset(SETTINGS)
#: Where the settings that are sets stand in a row of name and settings.
_SETS = tuple(1 + SETTINGS.index(name) for name in ("allowed_vlans", "secure_macs", "ip_bindings"))

#: What IP source guard consists of.
_GUARD = frozenset({"ip_bindings", "source_guard"})
#: Settings that a change of mode takes away on some platforms.
_OF_MODE = ("access_vlan", "native_vlan", "allowed_vlans")
#: Settings that belong to a VLAN, or are in force on some VLANs only.
_OF_VLAN = ("secure_macs", "ip_bindings", "source_guard")
_SECURITY = frozenset({"secure", "maximum", "violation", "sticky", "secure_macs"})

#: LLDP capabilities of equipment that forwards for others (IEEE 802.1AB: bridge, router, WLAN access point, repeater).
_FORWARDS = frozenset("BRWP")


def plan(
    expected: Mapping[str, ExpectedSwitch],
    observed: Mapping[str, ObservedSwitch],
    own_macs: frozenset[str] = frozenset(),
) -> ChangeSet:
    """Compare what must be with what was read, switch by switch (both by name; an unread switch is refused).

    `own_macs` are the controller's own addresses: a port that learned one is the management path.
    """
    switches: list[SwitchChanges] = []
    refusals: list[Refusal] = []
    for name, wanted in expected.items():
        seen = observed.get(name)
        if seen is None:
            refusals.append(Refusal(name, "", t("the switch was not read, so nothing is planned for it")))
            continue
        changes, refused = plan_switch(wanted, seen, own_macs)
        switches.append(changes)
        refusals.extend(refused)
    return ChangeSet(tuple(switches), tuple(refusals))


def plan_switch(
    expected: ExpectedSwitch, observed: ObservedSwitch, own_macs: frozenset[str] = frozenset()
) -> tuple[SwitchChanges, list[Refusal]]:
    """Plan one switch; see :func:`plan`."""
    changes: list[PortChange] = []
    refusals: list[Refusal] = []
    for name, wanted in expected.ports.items():
        seen = observed.ports.get(name)
        if seen is None:
            refusals.append(Refusal(expected.switch, name, t("the switch has no such port; correct site.toml")))
            continue
        change = _change(wanted, seen, observed)
        if change is None:
            continue
        refusal = (
            _refuse(expected, wanted, seen, own_macs)
            or _no_way_back(expected.switch, change, observed.capabilities)
            or _no_vlan(change, observed)
        )
        if refusal is not None:
            refusals.append(refusal)
        else:
            changes.append(change)
    refusals.extend(_undeclared(expected, observed))
    vlans = _missing_vlans(expected, observed, changes)
    unsaved = bool(observed.startup_differs)
    save = "startup" in observed.capabilities and bool(changes or vlans or unsaved)
    return SwitchChanges(expected.switch, snapshot_digest(observed), vlans, tuple(changes), save), refusals


def able(config: PortConfig, observed: ObservedSwitch, port: str = "") -> PortConfig:
    """Keep only the demands that the switch can meet; what falls away is a finding of comply, never a silence."""
    lacking = unable(config, observed, port)
    if not lacking:
        return config
    dropped = {name: None for name in lacking if getattr(config, name) is not None}
    return replace(config, **dropped) if dropped else config


def unable(config: PortConfig, observed: ObservedSwitch, port: str = "") -> frozenset[str]:
    """Name the settings that the switch cannot give this port, or would accept without enforcing them."""
    lacking = _lacking(observed.capabilities)
    if config.source_guard is True and (port in observed.trusted_ports or unguarded(config, observed)):
        return lacking | _GUARD
    return lacking


@lru_cache(maxsize=64)
def _lacking(capabilities: frozenset[str]) -> frozenset[str]:
    return _ALL - capabilities


def unguarded(config: PortConfig, observed: ObservedSwitch) -> bool:
    """Tell whether source guard is demanded on a VLAN on which the switch would accept it and enforce nothing."""
    return (
        config.source_guard is True
        and observed.guarded_vlans is not None
        and config.access_vlan not in observed.guarded_vlans
    )


def snapshot_digest(observed: ObservedSwitch) -> str:
    """Hash (SHA-256, hex) name, managed settings of all ports, and VLANs: a plan is stale when this has changed."""
    ports = [_plain(name, port.config) for name, port in sorted(observed.ports.items(), key=itemgetter(0))]
    blocked = sorted(name for name, port in observed.ports.items() if port.oper is Oper.BLOCKED)
    vlans = sorted((observed.vlans or {}).items())
    text = json.dumps([SETTINGS, observed.hostname, ports, blocked, vlans], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def restore(before: ObservedSwitch, now: ObservedSwitch, touched: SwitchChanges) -> SwitchChanges:
    """Give the changes that bring the ports and VLANs of `touched` back from `now` to what they were in `before`."""
    ports = []
    for change in reversed(touched.ports):
        old, new = before.ports[change.port], now.ports.get(change.port)
        if new is None:  # the port has gone, with its module perhaps; whoever verifies the rollback says so
            continue
        # A port that was shut stays shut: recovering it would open it, with its security already taken back.
        recover = new.oper is Oper.BLOCKED and old.oper is not Oper.BLOCKED and old.config.admin_up is not False
        differing = [name for name in exact_differences(new.config, old.config) if name in within(change)]
        if differing or recover:
            after = replace(old.config, **{name: None for name in SETTINGS if name not in differing})
            ports.append(PortChange(change.port, new.config, after, t("roll back"), recover))
    vlans = tuple(
        change.inverse()
        for change in reversed(touched.vlans)
        if (before.vlans or {}).get(change.vlan) != (now.vlans or {}).get(change.vlan)
        and not (change.before is None and _in_use(change.vlan, now, touched))
    )
    return SwitchChanges(touched.switch, snapshot_digest(now), vlans, tuple(ports))


def _in_use(vlan: int, now: ObservedSwitch, touched: SwitchChanges) -> bool:
    """Tell whether a port that is not the job's own is in a VLAN: without the VLAN it would go dark."""
    own = {change.port for change in touched.ports}
    return any(
        port.config.access_vlan == vlan or (port.config.native_vlan == vlan and port.config.mode is PortMode.TRUNK)
        for name, port in now.ports.items()
        if name not in own
    )


def along(change: PortChange) -> frozenset[str]:
    """Name the settings that a change demands, and those that may look different on a port once it is done."""
    demanded = frozenset(name for name in SETTINGS if getattr(change.after, name) is not None)
    moved = demanded & {"mode", "access_vlan"}
    return demanded.union(_OF_MODE if "mode" in demanded else (), _OF_VLAN if moved else ())


def within(change: PortChange) -> frozenset[str]:
    """Name the settings that a change may leave different when it ends half-way: what is not among them is others'."""
    names = set(along(change))
    if names & _SECURITY or names & {"mode", "access_vlan"}:
        names |= _SECURITY  # security is off while its members change
    if names & _GUARD:
        names |= _GUARD
    if change.recover:
        names.add("admin_up")
    return frozenset(names)


def exact_differences(before: PortConfig, after: PortConfig) -> tuple[str, ...]:
    """Name the settings known in `after` that `before` lacks word for word: a rollback accepts no equivalents."""
    return tuple(
        name for name in SETTINGS if getattr(after, name) is not None and getattr(after, name) != getattr(before, name)
    )


def likely_uplink(port: ObservedPort, devices: int = 0) -> Text | None:
    """Say why a port looks like an uplink (LLDP neighbour that forwards, trunk, more MACs than devices), else None."""
    if port.is_trunk:
        return t("it is a trunk")
    for neighbour in port.neighbours:
        capabilities = {word[0].upper() for word in neighbour.capabilities.replace(",", " ").split()}
        if not capabilities or _FORWARDS & capabilities:
            return t("LLDP says that {system} is behind it", system=neighbour.system or neighbour.chassis)
    if len(port.learned) > max(devices, 1):
        macs = {entry.mac for entry in port.learned if entry.kind != "self"}
        if len(macs) > max(devices, 1):
            return t("{count} MACs are learned on it", count=len(macs))
    return None


def _change(wanted: ExpectedPort, seen: ObservedPort, observed: ObservedSwitch) -> PortChange | None:
    target = able(wanted.config, observed, wanted.name)
    recover = seen.oper is Oper.BLOCKED and target.admin_up is True
    settings = demands(seen.config, target)
    if not settings and not recover:
        return None
    if "secure_macs" in settings:
        # The templates need the VLAN beside the MAC, and VLAN-scoped secure MACs are orphaned when the VLAN moves.
        settings["access_vlan"] = target.access_vlan
    return PortChange(wanted.name, seen.config, PortConfig(**settings), _with_cut_off(wanted, seen), recover)


def _with_cut_off(wanted: ExpectedPort, seen: ObservedPort) -> Text:
    if seen.config.secure or not seen.learned:
        return wanted.reason
    foreign = {entry.mac for entry in seen.learned if entry.kind == "dynamic"}
    foreign.difference_update([device.mac for device in wanted.devices])
    if not foreign:
        return wanted.reason
    return t("{reason}; cuts off {macs}, seen there now", reason=wanted.reason, macs=", ".join(sorted(foreign)))


def _refuse(
    expected: ExpectedSwitch, wanted: ExpectedPort, seen: ObservedPort, own_macs: frozenset[str]
) -> Refusal | None:
    switch = expected.switch
    if wanted.protected is not None:
        return Refusal(switch, wanted.name, wanted.protected)
    if seen.channel:
        return Refusal(switch, wanted.name, _of_channel(expected, seen.channel))
    if seen.learned and not own_macs.isdisjoint([entry.mac for entry in seen.learned]):
        return Refusal(
            switch, wanted.name, t("it carries the management path: the controller's own MAC is learned on it")
        )
    sealed = seen.config.secure or seen.config.admin_up is False
    if sealed or wanted.edge or wanted.role is PortRole.UPLINK:
        return None
    why = likely_uplink(seen, len(wanted.devices))
    if why is None:
        return None
    question = t(
        "is it an uplink? {why}. Declare it in site.toml under uplinks, or under edge_ports if it is not", why=why
    )
    return Refusal(switch, wanted.name, question, question=True)


def _of_channel(expected: ExpectedSwitch, channel: str) -> Text:
    """Say why a member of a port-channel is left alone: unlike its channel it is suspended, and the link is lost."""
    whole = expected.ports.get(channel)
    if whole is not None and whole.protected is not None:
        return t("it is a member of {channel}: {why}", channel=channel, why=whole.protected)
    return t("it is a member of {channel}; bind or shut the channel instead", channel=channel)


def _no_way_back(switch: str, change: PortChange, capabilities: frozenset[str]) -> Refusal | None:
    """Refuse to change what could not be given back: what a rollback cannot write must not be lost."""
    if "access_vlan" in change.fields and change.before.mode is PortMode.TRUNK and "mode" not in capabilities:
        return Refusal(switch, change.port, t("it is a trunk, and its mode cannot be set here; set it by hand"))
    moded = change.after.mode is not None
    if moded and change.before.mode is PortMode.ROUTED:
        return Refusal(switch, change.port, t("it is a routed port; make it a switch port by hand, or leave it out"))
    unknown = [name for name in _unknown(change) if name in capabilities]
    if _learns(change, capabilities):
        unknown.append("sticky")
    if unknown:
        why = t(
            "what is set now could not be given back: {settings}; set it by hand, or leave the port out",
            settings=listed([SETTING_WORDS[name] for name in unknown]),
        )
        return Refusal(switch, change.port, why)
    if not moded:
        return None
    lost = [name for name in _OF_MODE if name not in capabilities and getattr(change.before, name) is not None]
    if not lost:
        return None
    return Refusal(
        switch,
        change.port,
        t(
            "its mode would change, and {settings} could not be given back",
            settings=listed([SETTING_WORDS[name] for name in lost]),
        ),
    )


def _no_vlan(change: PortChange, observed: ObservedSwitch) -> Refusal | None:
    """Refuse to put a port into a VLAN that the switch does not have, where a plan cannot make it."""
    vlan = change.after.access_vlan
    if vlan is None or "vlans" in observed.capabilities or observed.vlans is None or vlan in observed.vlans:
        return None
    why = t("the switch has no VLAN {vlan}, and it cannot be made here; make it by hand", vlan=vlan)
    return Refusal(observed.switch, change.port, why)


def _learns(change: PortChange, capabilities: frozenset[str]) -> bool:
    """Tell whether the port learns its MACs by itself, in a mode that would end and could not be written back.

    Comware forgets what a port learned when its mode changes, and a MAC that goes makes room for whoever comes first.
    """
    altered = _SECURITY.union(("mode", "access_vlan")).intersection(change.fields)
    return change.before.sticky is True and "sticky" not in capabilities and bool(altered)


def _unknown(change: PortChange) -> Iterable[str]:
    """Name the settings that a change would alter and that were read without being understood, or not at all."""
    if None not in _settings_of(change.before):
        return ()
    fields = set(change.fields)
    altered = fields | ({"secure_macs"} if {"mode", "access_vlan"} & fields else set())
    # Some platforms keep no access VLAN with a trunk, and no trunk's VLANs with an access port: None is then none.
    idle = {PortMode.TRUNK: _OF_MODE[:1], PortMode.ACCESS: _OF_MODE[1:]}.get(change.before.mode or PortMode.DYNAMIC, ())
    return [name for name in SETTINGS if name in altered - set(idle) and getattr(change.before, name) is None]


def _undeclared(expected: ExpectedSwitch, observed: ObservedSwitch) -> Iterable[Refusal]:
    for name, port in observed.ports.items():
        if name not in expected.ports and port.oper is Oper.UP:
            yield Refusal(expected.switch, name, t("the site does not declare this port, so it is not touched"))


def _missing_vlans(
    expected: ExpectedSwitch, observed: ObservedSwitch, changes: list[PortChange]
) -> tuple[VlanChange, ...]:
    if observed.vlans is None or "vlans" not in observed.capabilities:
        return ()
    needed = {change.after.access_vlan for change in changes} | set(expected.vlans)
    return tuple(
        VlanChange(vlan, None, expected.vlans.get(vlan, f"vlan{vlan}"))
        for vlan in sorted(v for v in needed if v is not None)
        if vlan not in observed.vlans
    )


def _plain(name: str, config: PortConfig) -> list[object]:
    """Give a port's settings as JSON; a trunk's 4094 VLANs are written as ranges, once for all ports that have them."""
    row: list[object] = [name, *_settings_of(config)]
    for place in _SETS:
        values = row[place]
        if isinstance(values, frozenset):
            row[place] = _written_set(values)
    return row


@lru_cache(maxsize=1024)
def _written_set(values: frozenset[object]) -> list[str]:
    numbers = frozenset(value for value in values if isinstance(value, int))
    return [format_vlans(numbers)] if numbers else sorted(repr(value) for value in values)

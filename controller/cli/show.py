"""How observations, plans, outcomes and findings look: in words, and as documented JSON (docs/json.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from controller.cli.base import EQUIPMENT, Settings
from controller.cli.words import LINKS, setting_value
from controller.context import Context
from controller.network.planning import dialogue
from controller.store.plans import Plan
from drivers.dialects import spoken as spoken_to
from drivers.observed_json import observed_to_json
from policies.errors import PortsealError
from policies.model import (
    ChangeSet,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortChange,
    SwitchChanges,
)
from policies.settings import SETTING_WORDS
from policies.texts import Text, t


def show_one(chosen: Settings, switch: ObservedSwitch) -> int:
    """Show one switch that was read by address; its JSON also has the FDB and the neighbours as flat lists."""
    if not chosen.json:
        return show_observed(chosen, [switch])
    flat = {
        "fdb": [
            {"mac": entry.mac, "vlan": entry.vlan, "port": name, "kind": entry.kind}
            for name, port in switch.ports.items()
            for entry in sorted(port.learned, key=lambda each: (each.mac, each.vlan or 0))
        ],
        "neighbours": [
            {
                "port": name,
                "system": each.system,
                "neighbour_port": each.port,
                "chassis": each.chassis,
                "capabilities": each.capabilities,
            }
            for name, port in switch.ports.items()
            for each in port.neighbours
        ],
    }
    chosen.give({**observed_to_json(switch, chosen.language), **flat})
    return 0


def show_observed(
    chosen: Settings,
    switches: Sequence[ObservedSwitch],
    errors: Mapping[str, PortsealError] | None = None,
    more: Mapping[str, object] | None = None,
) -> int:
    """Show what was read; gives the exit code. `more` are further members of the JSON."""
    failed = errors or {}
    if chosen.json:
        chosen.give(
            {
                "switches": [observed_to_json(each, chosen.language) for each in switches],
                "errors": {name: error.line(chosen.language) for name, error in failed.items()},
                **(more or {}),
            }
        )
        return EQUIPMENT if failed else 0
    for switch in switches:
        learned = sum(len(port.learned) for port in switch.ports.values())
        chosen.say(
            t(
                "{switch}: {platform} {model} {version}, {ports} ports, {learned} MACs learned",
                switch=switch.switch,
                platform=switch.platform or "?",
                model=switch.model,
                version=switch.version,
                ports=len(switch.ports),
                learned=learned,
            )
        )
        rows = [_port_row(port) for port in switch.ports.values() if port.oper is not Oper.DOWN or port.learned]
        chosen.table((t("port"), t("link"), t("VLAN"), t("security"), t("MACs"), t("neighbour")), rows)
        for oddity in switch.oddities:
            chosen.note(oddity)
    return EQUIPMENT if failed else 0


def _port_row(port: ObservedPort) -> tuple[object, ...]:
    config = port.config
    vlan = config.access_vlan if config.mode is None or config.mode.value != "trunk" else config.mode.value
    macs = sorted({entry.mac for entry in port.learned})
    shown = ", ".join(macs[:3]) + (f" +{len(macs) - 3}" if len(macs) > 3 else "")
    neighbours = ", ".join(each.system or each.chassis for each in port.neighbours)
    secure = {True: t("on"), False: t("off"), None: "?"}[config.secure]
    return port.name, LINKS[port.oper], vlan if vlan is not None else "?", secure, shown, neighbours


def show_preview(chosen: Settings, context: Context, observed: Mapping[str, ObservedSwitch]) -> None:
    """Say which MACs of the inventory were seen where they belong, and which are not in it."""
    from controller.store.inventory import bindings, devices

    bound = {binding.device: (binding.switch, binding.port) for binding in bindings(context.store)}
    seen: dict[str, set[tuple[str, str]]] = {}
    for switch in observed.values():
        declared = context.site.switch(switch.switch)
        for name, port in switch.ports.items():
            if declared is not None and declared.uplink(name) is None:
                for mac in port.present:
                    seen.setdefault(mac, set()).add((switch.switch, name))
    known = {device.mac: device for device in devices(context.store)}
    matched = [mac for mac, device in known.items() if bound.get(device.name) in seen.get(mac, set())]
    unknown = sorted(set(seen) - set(known))
    chosen.say(
        t(
            "{matched} of {known} devices are where they belong, {unknown} MACs are not in the inventory",
            matched=len(matched),
            known=len(known),
            unknown=len(unknown),
        )
    )
    for mac in unknown:
        places = ", ".join(f"{switch}/{port}" for switch, port in sorted(seen[mac]))
        chosen.say(t("  unknown: {mac} on {places}", mac=mac, places=places))


def show_plan(
    chosen: Settings,
    context: Context,
    changes: ChangeSet,
    saved: Plan | None,
    errors: Mapping[str, PortsealError],
    *,
    commands: bool,
) -> None:
    """Show a plan in plain words, with the exact commands, and what it refuses."""
    spoken = {
        each.switch: dialogue(switch, each)
        for each in changes.switches
        if not each.empty and (switch := context.site.switch(each.switch)) is not None
    }
    if chosen.json:
        chosen.give(_plan_json(chosen, changes, saved, spoken, errors))
        return
    for each in changes.switches:
        if each.empty:
            chosen.say(t("{switch}: nothing to change", switch=each.switch))
            continue
        switch = context.site.switch(each.switch)
        rollback = spoken_to(switch).rollback if switch is not None else "?"
        chosen.say(
            t(
                "{switch}: {count} ports change (rollback: {rollback})",
                switch=each.switch,
                count=len(each.ports),
                rollback=rollback,
            )
        )
        for line in _lines(each):
            chosen.say(line)
        if commands:
            for command in spoken[each.switch]:
                chosen.say(f"      {command}")
    for refusal in changes.refusals:
        mark = t("question") if refusal.question else t("not touched")
        where = f"{refusal.switch}/{refusal.port}" if refusal.port else refusal.switch
        chosen.say(t("  {mark}: {where}: {reason}", mark=mark, where=where, reason=refusal.reason))
    if saved is not None:
        chosen.say(
            t("{count} changes, saved as plan {plan}. Next: portseal apply {plan}", count=changes.count, plan=saved.id)
        )
    else:
        chosen.say(t("Nothing to change."))


def note_unsaved(chosen: Settings, context: Context, switches: Sequence[SwitchChanges]) -> None:
    """Say which changes nothing will save: over SNMP, only some switches tell what is saved and can be made to."""
    for each in switches:
        switch = context.site.switch(each.switch)
        if switch is not None and switch.write == "snmp" and (each.ports or each.vlans) and not each.save:
            chosen.note(
                t(
                    "{switch}: these changes are not saved, since it does not tell over SNMP what is saved; "
                    "save by hand once they are applied, or its next start takes them back",
                    switch=each.switch,
                )
            )


def _lines(changes: SwitchChanges) -> list[Text]:
    lines = [
        t("  + VLAN {vlan} ({name})", vlan=vlan.vlan, name=vlan.after or "")
        if vlan.after is not None
        else t("  - VLAN {vlan}", vlan=vlan.vlan)
        for vlan in changes.vlans
    ]
    for words, ports in groupby(changes.ports, key=_words):
        names = [change.port for change in ports]
        if len(names) == 1:
            lines.append(t("  {port}: {told}", port=names[0], told=words))
        else:
            lines.append(
                t(
                    "  {first} … {last} ({count} ports): {told}",
                    first=names[0],
                    last=names[-1],
                    count=len(names),
                    told=words,
                )
            )
    if changes.save:
        lines.append(t("  then save running as startup"))
    return lines


def _words(change: PortChange) -> Text:
    told = [_setting(change, name) for name in change.fields]
    if change.recover:
        told.append(t("recover it from the shutdown by the switch"))
    return t("{told} ({reason})", told=_joined(told), reason=change.reason)


def _joined(told: Sequence[Text]) -> Text | str:
    if len(told) < 2:
        return told[0] if told else ""
    return t("{first}; {rest}", first=told[0], rest=_joined(told[1:]))


def _setting(change: PortChange, name: str) -> Text:
    before, after = getattr(change.before, name), getattr(change.after, name)
    return t(
        "{setting} {before} → {after}",
        setting=SETTING_WORDS[name],
        before=setting_value(before),
        after=setting_value(after),
    )


def _plan_json(
    chosen: Settings,
    changes: ChangeSet,
    saved: Plan | None,
    spoken: Mapping[str, list[str]],
    errors: Mapping[str, PortsealError],
) -> dict[str, object]:
    return {
        "plan": saved.id if saved is not None else None,
        "changes": changes.count,
        "switches": [
            {
                "switch": each.switch,
                "digest": each.digest,
                "save": each.save,
                "vlans": [{"vlan": vlan.vlan, "before": vlan.before, "after": vlan.after} for vlan in each.vlans],
                "ports": [_change_json(chosen, change) for change in each.ports],
                "commands": spoken.get(each.switch, []),
            }
            for each in changes.switches
        ],
        "refusals": [
            {
                "switch": refusal.switch,
                "port": refusal.port or None,
                "question": refusal.question,
                "reason": chosen.text(refusal.reason),
            }
            for refusal in changes.refusals
        ],
        "errors": {name: error.line(chosen.language) for name, error in errors.items()},
    }


def _change_json(chosen: Settings, change: PortChange) -> dict[str, object]:
    from policies.codec import to_plain

    return {
        "port": change.port,
        "reason": chosen.text(change.reason),
        "recover": change.recover,
        "settings": {
            name: {"before": to_plain(getattr(change.before, name)), "after": to_plain(getattr(change.after, name))}
            for name in change.fields
        },
    }

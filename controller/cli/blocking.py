"""Shutting and opening one port by hand, on the switch: act in the ledger → flow on the switch → row in the store.

A row says that a person keeps the port shut, so it is written only when the switch was read back like that. A crash in
between leaves the intent in the ledger without an outcome; the next start closes it, and the plan shows the port.
"""

from __future__ import annotations

from dataclasses import dataclass

from controller.cli.session import STATES
from controller.cli.subjects import known_ports, port_name
from controller.context import Context
from controller.network.apply import apply_changes
from controller.network.reading import Finished, own_macs, read_switches
from controller.store import blocks, inventory
from drivers.flow import Listener, State
from policies.errors import EquipmentError, InputError, NotFound, SafetyRefusal
from policies.expected import expected
from policies.model import ExpectedPort, ObservedPort, ObservedSwitch, Oper, PortChange, PortConfig, SwitchChanges
from policies.plan import snapshot_digest
from policies.site import Switch
from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class Acted:
    """What was done: `changed` tells whether the switch had to be changed, `open` whether the port is open now."""

    switch: str
    port: str
    reason: str
    changed: bool
    open: bool


def touchable(switch: Switch, text: str) -> str:
    """Give the canonical name of a port that a person may shut or open; raises SafetyRefusal for all others."""
    name = port_name(switch, text)
    where = f"{switch.name}/{name}"
    if name not in known_ports(switch):
        raise SafetyRefusal(
            t("the site does not declare this port, so it is not touched"),
            where=where,
            next_step=t("correct the name, or add it to 'ports' of the switch in site.toml"),
        )
    if switch.uplink(name) is not None:
        raise SafetyRefusal(
            t("it is a declared uplink, and is never touched"), where=where, next_step=t("block edge ports only")
        )
    if name in switch.management_ports:
        raise SafetyRefusal(
            t("it carries the management path, and is never touched"), where=where, next_step=t("block edge ports only")
        )
    return name


def not_blocked(site: Context, switch: Switch, port: str) -> None:
    """Refuse a second block of one port; raises InputError that says by whom it is blocked, and why."""
    found = next((each for each in blocks.blocks(site.store, switch.name) if each.port == port), None)
    if found is not None:
        raise InputError(
            t("blocked already by {actor}: {reason}", actor=found.actor, reason=found.reason),
            where=f"{switch.name}/{port}",
            next_step=t("release it with 'portseal port release' first"),
        )


def block_port(site: Context, switch: Switch, port: str, reason: str, listener: Listener, finished: Finished) -> Acted:
    """Shut a port on the switch and keep it shut; its binding stays.

    Raises:
        SafetyRefusal: the management path is behind the port; nothing was touched.
        EquipmentError: the switch could not be read, or was rolled back; there is no block then.

    """
    observed, seen = _read(site, switch, port, finished)
    _not_our_way(switch, seen)
    change = PortChange(
        port, seen.config, PortConfig(admin_up=False), t("blocked by a person: {reason}", reason=reason)
    )
    changes = _changes(switch, observed, change) if seen.config.admin_up is not False else None
    with site.ledger.act("port.block", f"{switch.name}/{port}", {"reason": reason}, site.actor) as act:
        _carry_out(site, switch, changes, "port.block.apply", listener)
        blocks.block(site.store, switch.name, port, site.actor, reason)
        act.done({"changed": changes is not None})
    return Acted(switch.name, port, reason, changes is not None, open=False)


def release_port(
    site: Context, switch: Switch, port: str, reason: str, listener: Listener, finished: Finished
) -> Acted:
    """Forget the block of a port and open it, when the inventory expects it open; recover it when the switch shut it.

    Raises:
        NotFound: nobody blocked it, and the switch has not shut it.
        EquipmentError: the switch could not be read, or was rolled back; the block stays then.

    """
    held = any(each.port == port for each in blocks.blocks(site.store, switch.name))
    observed, seen = _read(site, switch, port, finished)
    if not held and seen.oper is not Oper.BLOCKED:
        raise NotFound(
            t("the port is not blocked"),
            where=f"{switch.name}/{port}",
            next_step=t("see 'portseal port show {switch} {port}' for what holds it", switch=switch.name, port=port),
        )
    _not_our_way(switch, seen)
    is_open = _without_block(site, switch, port).config.admin_up is not False
    recover = is_open and seen.oper is Oper.BLOCKED
    changes = None
    if recover or (is_open and seen.config.admin_up is not True):
        why = t("released by a person: {reason}", reason=reason)
        change = PortChange(port, seen.config, PortConfig(admin_up=True), why, recover)
        changes = _changes(switch, observed, change)
    with site.ledger.act("port.release", f"{switch.name}/{port}", {"reason": reason}, site.actor) as act:
        _carry_out(site, switch, changes, "port.release.apply", listener)
        if held:
            blocks.release(site.store, switch.name, port)
        act.done({"changed": changes is not None, "open": is_open})
    return Acted(switch.name, port, reason, changes is not None, open=is_open)


def _read(site: Context, switch: Switch, port: str, finished: Finished) -> tuple[ObservedSwitch, ObservedPort]:
    answers = read_switches(site, [switch], finished)
    if (error := answers.worst()) is not None:
        raise error
    observed = answers.results[switch.name]
    seen = observed.ports.get(port)
    if seen is None:
        raise NotFound(
            t("the switch has no such port; correct site.toml"),
            where=f"{switch.name}/{port}",
            next_step=t("see 'portseal discover {switch}'", switch=switch.name),
        )
    if "admin_up" not in observed.capabilities:
        raise EquipmentError(
            t("this platform cannot shut and open ports: {platform}", platform=observed.platform),
            where=switch.name,
            next_step=t("do it by hand on the switch"),
        )
    return observed, seen


def _not_our_way(switch: Switch, seen: ObservedPort) -> None:
    if any(entry.mac in own_macs() for entry in seen.learned):
        raise SafetyRefusal(
            t("it carries the management path: the controller's own MAC is learned on it"),
            where=f"{switch.name}/{seen.name}",
            next_step=t("declare it under management_ports; block edge ports only"),
        )


def _changes(switch: Switch, observed: ObservedSwitch, change: PortChange) -> SwitchChanges:
    save = "startup" in observed.capabilities
    return SwitchChanges(switch.name, snapshot_digest(observed), (), (change,), save)


def _carry_out(site: Context, switch: Switch, changes: SwitchChanges | None, kind: str, listener: Listener) -> None:
    if changes is None:
        return
    outcome = apply_changes(site, switch, changes, kind, listener)
    if outcome.state is State.DONE:
        return
    cause: Text = outcome.error.what if outcome.error is not None else t("the read-back was not as asked")
    raise EquipmentError(
        t("{cause} ({state})", cause=cause, state=STATES[outcome.state]),
        where=switch.name,
        next_step=outcome.error.next_step if outcome.error is not None else t("look at the switch"),
    )


def _without_block(site: Context, switch: Switch, port: str) -> ExpectedPort:
    reasons = blocks.reasons(site.store, switch.name)
    reasons.pop(port, None)
    devices = {device.name: device for device in inventory.devices(site.store)}
    bindings = inventory.bindings(site.store, switch.name)
    return expected(site.site, switch, devices, bindings, site.clock().date(), reasons).ports[port]

"""Inventory and readings → a plan, and the verdict on the present state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.context import Context
from controller.network.reading import own_macs
from controller.store import blocks, inventory
from drivers.dialects import dialect
from drivers.render import commands, fill, script
from policies.comply import comply
from policies.expected import expected
from policies.model import ChangeSet, ExpectedSwitch, Finding, ObservedSwitch, SwitchChanges
from policies.plan import plan
from policies.site import Switch


def expected_states(context: Context, switches: Sequence[Switch]) -> dict[str, ExpectedSwitch]:
    """Give the expected state of each switch, from inventory, declaration and the ports that a person blocked."""
    devices = {device.name: device for device in inventory.devices(context.store)}
    bindings = inventory.bindings(context.store)
    today = context.clock().date()
    return {
        switch.name: expected(
            context.site, switch, devices, bindings, today, blocks.reasons(context.store, switch.name)
        )
        for switch in switches
    }


def plan_for(context: Context, switches: Sequence[Switch], observed: Mapping[str, ObservedSwitch]) -> ChangeSet:
    """Plan what would bring `switches` from what was read to what is expected."""
    return plan(expected_states(context, switches), observed, own_macs())


def findings_for(context: Context, switches: Sequence[Switch], observed: Mapping[str, ObservedSwitch]) -> list[Finding]:
    """Judge `switches` by what was read from them."""
    return comply(
        context.site,
        expected_states(context, switches),
        observed,
        inventory.devices(context.store),
        context.clock(),
    )


def dialogue(switch: Switch, changes: SwitchChanges) -> list[str]:
    """Give the exact lines that an apply will send to `switch`, the save included."""
    spoken = dialect(switch.platform)
    lines = script(spoken, commands(spoken, changes, dict(switch.settings)))
    if changes.save and spoken.save is not None:
        lines.append(fill(spoken.save.command, {**spoken.parameters, **dict(switch.settings)}))
    return lines

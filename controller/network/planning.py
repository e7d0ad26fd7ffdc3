"""Inventory and readings → a plan, and the verdict on the present state."""

from __future__ import annotations

import contextlib
import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from controller.context import Context
from controller.network.reading import own_macs
from controller.store import blocks, inventory
from drivers.dialects import spoken as spoken_to
from drivers.render import commands, fill, script
from policies.comply import comply
from policies.errors import ConfigError
from policies.expected import expected, stray_bindings
from policies.model import (
    Binding,
    ChangeSet,
    Device,
    ExpectedSwitch,
    Finding,
    ObservedSwitch,
    SwitchChanges,
)
from policies.plan import plan
from policies.site import Switch
from policies.texts import t


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector out: rules make no cycles, and it would walk thousands of readings again and again.

    That was a third of the time that a site of 5,000 ports took to judge.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


@dataclass(frozen=True, slots=True)
class _Inventory:
    """The whole inventory, read once for everything that is asked of it."""

    devices: tuple[Device, ...]
    bindings: tuple[Binding, ...]

    @classmethod
    def of(cls, context: Context) -> Self:
        return cls(inventory.devices(context.store), inventory.bindings(context.store))


def expected_states(context: Context, switches: Sequence[Switch]) -> dict[str, ExpectedSwitch]:
    """Give the expected state of each switch, from inventory, declaration and the ports that a person blocked."""
    return _expected(context, switches, _Inventory.of(context))


def _expected(context: Context, switches: Sequence[Switch], known: _Inventory) -> dict[str, ExpectedSwitch]:
    devices = {device.name: device for device in known.devices}
    bindings: dict[str, list[Binding]] = defaultdict(list)
    for binding in known.bindings:
        bindings[binding.switch].append(binding)
    today = context.clock().date()
    return {
        switch.name: expected(
            context.site, switch, devices, bindings[switch.name], today, blocks.reasons(context.store, switch.name)
        )
        for switch in switches
    }


def plan_for(context: Context, switches: Sequence[Switch], observed: Mapping[str, ObservedSwitch]) -> ChangeSet:
    """Plan what would bring `switches` from what was read to what is expected.

    Raises:
        ConfigError: a binding is in force nowhere. The device may sit on a port that now looks unused, under a switch's
            or a port's new name, and the plan would shut it.

    """
    with _uncollected():
        known = _Inventory.of(context)
        _refuse_strays(context, switches, known.bindings)
        return plan(_expected(context, switches, known), observed, own_macs())


def _refuse_strays(context: Context, switches: Sequence[Switch], bindings: Iterable[Binding]) -> None:
    """Refuse when a binding names a switch that nobody declares, or a port of `switches` that cannot be bound."""
    declared = {switch.name for switch in context.site.switches}
    planned = {switch.name for switch in switches}
    for stray in stray_bindings(context.site, bindings):
        if stray.binding.switch in declared - planned:
            continue
        device = stray.binding.device
        raise ConfigError(
            t(
                "{device} is bound to {where}, and that is not in force: {why}",
                device=device,
                where=stray.where,
                why=stray.why,
            ),
            where="site.toml",
            next_step=t(
                "correct the names in site.toml, or bind it anew with 'portseal bind {device} SWITCH PORT --move'",
                device=device,
            ),
        )


def findings_for(context: Context, switches: Sequence[Switch], observed: Mapping[str, ObservedSwitch]) -> list[Finding]:
    """Judge `switches` by what was read from them."""
    with _uncollected():
        known = _Inventory.of(context)
        wanted = _expected(context, switches, known)
        return comply(context.site, wanted, observed, known.devices, known.bindings, context.clock())


def dialogue(switch: Switch, changes: SwitchChanges) -> list[str]:
    """Give the exact lines that an apply will send to `switch`, the save included."""
    spoken = spoken_to(switch)
    given = dict(switch.settings)
    lines = script(spoken, commands(spoken, changes, given), given)
    if changes.save and spoken.save is not None:
        lines.append(fill(spoken.save.command, {**spoken.parameters, **dict(switch.settings)}))
    return lines

"""Replacing a dead device: by an administrator in the inventory, or by somebody with a one-time code on the switch.

A code is good for one device and two hours. Who has it chooses nothing: the replacement is what the switch sees at the
device's own port, of the same make. Inventory, switch and ledger change together: when the switch is rolled back, the
old device has its place again, and the code is good again.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.context import Context
from controller.network.apply import apply_changes
from controller.network.planning import expected_states
from controller.network.reading import Finished, own_macs, read_switches
from controller.store import inventory, swaps
from controller.store.swaps import SwapPermit
from drivers.flow import Listener, State
from policies.errors import EquipmentError, InputError, NotFound, SafetyRefusal
from policies.model import Binding, Device, ObservedSwitch, SwitchChanges
from policies.plan import plan_switch
from policies.site import Switch
from policies.swap import replacement
from policies.texts import t

#: For how long a code is good, at most.
LONGEST = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Found:
    """What would be done: the new device in the old one's place, by which permit, as the switch was read."""

    old: Device
    new: Device
    binding: Binding
    permit: SwapPermit
    observed: ObservedSwitch


def in_inventory(site: Context, old: Device, new: Device, reason: str) -> None:
    """Put `new` in the place of `old` (same name) by an administrator's word; plan and apply bring it to the switch."""
    if new.mac == old.mac:
        raise InputError(t("it has this MAC already"), where=old.name, next_step=t("give the replacement's MAC"))
    with site.ledger.act("swap", old.name, {"before": old.mac, "after": new.mac, "reason": reason}, site.actor) as act:
        with site.store.transaction():
            inventory.put_device(site.store, new)
            swaps.retire(site.store, old.mac, old.name)
        act.done()


def allow(site: Context, device: Device, reason: str, length: timedelta) -> tuple[str, datetime]:
    """Allow one swap of a device; gives the code, and until when it is good.

    Raises NotFound when the device is bound nowhere.
    """
    binding = _bound(site, device)
    until = site.clock() + min(length, LONGEST)
    data = {"mac": device.mac, "port": f"{binding.switch}/{binding.port}", "reason": reason, "until": until.isoformat()}
    with site.store.transaction():
        code = swaps.make_permit(site.store, device.name, device.mac, site.actor, reason, until)
        site.ledger.append("swap.allowed", device.name, data, site.actor)
    return code, until


def find(site: Context, device: Device, code: str, finished: Finished) -> Found:
    """Check the code, read the switch, and say what takes the device's place; nothing is changed.

    Raises:
        SafetyRefusal: the code is not good, or what is there may not take the place.
        EquipmentError: the switch could not be read.

    """
    binding = _bound(site, device)
    permit = swaps.permit_of(site.store, device.name, site.clock())
    if permit is None or permit.mac != device.mac or not swaps.fits(site.store, permit, code):
        site.ledger.append("swap.code_refused", device.name, {}, site.actor)
        raise SafetyRefusal(
            t("the code is not good for this device"),
            where=device.name,
            next_step=t(
                "compare it letter by letter, or ask for a new one: portseal swap {device} --allow", device=device.name
            ),
        )
    switch = site.site.switch(binding.switch)
    if switch is None:
        raise NotFound(
            t("the site no longer declares the switch"), where=binding.switch, next_step=t("correct site.toml")
        )
    answers = read_switches(site, [switch], finished)
    if (error := answers.worst()) is not None:
        raise error
    observed, where = answers.results[switch.name], f"{switch.name}/{binding.port}"
    seen = observed.ports.get(binding.port)
    if seen is None:
        raise NotFound(
            t("the switch has no such port; correct site.toml"), where=where, next_step=t("correct site.toml")
        )
    known = {each.mac for each in inventory.devices(site.store)}
    mac = replacement(device, seen, where, known, swaps.retired(site.store))
    return Found(device, replace(device, mac=mac, serial=""), binding, permit, observed)


def carry_out(site: Context, found: Found, listener: Listener) -> None:
    """Swap on the switch, at this one port, and in the inventory.

    Raises:
        SafetyRefusal: the port may not be touched; nothing was.
        EquipmentError: the switch was rolled back; the inventory is as before, and the code is good again.

    """
    switch = site.site.switch(found.binding.switch)
    assert switch is not None  # it was just read
    data = {
        "before": found.old.mac, "after": found.new.mac, "port": f"{switch.name}/{found.binding.port}",
        "reason": found.permit.reason, "allowed_by": found.permit.actor,
    }  # fmt: skip
    with site.ledger.act("swap", found.old.name, data, site.actor) as act:
        with site.store.transaction():
            swaps.use_permit(site.store, found.old.name)
            inventory.put_device(site.store, found.new)
            swaps.retire(site.store, found.old.mac, found.old.name)
        try:
            _on_the_switch(site, switch, found, listener)
        except BaseException:
            with site.store.transaction():
                inventory.put_device(site.store, found.old)
                swaps.give_back(site.store, found.permit)
            raise
        act.done()


def _on_the_switch(site: Context, switch: Switch, found: Found, listener: Listener) -> None:
    outcome = apply_changes(site, switch, _changes(site, switch, found), "swap.apply", listener)
    if outcome.state is State.DONE:
        return
    error = outcome.error
    raise EquipmentError(
        t("the read-back was not as asked") if error is None else error.what,
        where=switch.name,
        next_step=t("look at the switch") if error is None else error.next_step,
    )


def _bound(site: Context, device: Device) -> Binding:
    binding = inventory.binding_of(site.store, device.name)
    if binding is None:
        raise NotFound(
            t("the device is bound nowhere"), where=device.name, next_step=t("see 'portseal inventory list'")
        )
    return binding


def _changes(site: Context, switch: Switch, found: Found) -> SwitchChanges:
    """Plan the switch with the new device, and keep what concerns its port."""
    port = found.binding.port
    wanted = expected_states(site, [switch])[switch.name]
    planned, refusals = plan_switch(wanted, found.observed, own_macs())
    refused = next((each for each in refusals if each.port == port), None)
    if refused is not None:
        raise SafetyRefusal(
            refused.reason, where=f"{switch.name}/{port}", next_step=t("have an administrator look at it")
        )
    return replace(planned, vlans=(), ports=tuple(each for each in planned.ports if each.port == port))

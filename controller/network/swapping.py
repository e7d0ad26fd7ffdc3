"""Replacing a dead device: by an administrator in the inventory, or by somebody else, allowed before, on the switch.

That is whoever has a one-time code, or swipes the card that was named: for one device, within two hours. Who has it
chooses nothing: the replacement is what the switch sees at the
device's own port, of the same make. Inventory, switch and ledger change together: when the switch is rolled back, the
old device has its place again, and code or card are good again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from controller.context import Context
from controller.ledger.query import Filter, entries
from controller.network.apply import apply_changes
from controller.network.planning import expected_states
from controller.network.reading import Finished, own_macs, read_switches
from controller.store import inventory, swaps
from controller.store.swaps import SwapPermit
from drivers.flow import Listener, State
from policies import canonical
from policies.cards.case import Case, read_case
from policies.errors import EquipmentError, InputError, NotFound, SafetyRefusal
from policies.model import Binding, Device, ObservedSwitch, SwitchChanges
from policies.plan import plan_switch
from policies.site import Switch
from policies.swap import SWIPE_COUNTS, replacement, swiped
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


def allow(site: Context, device: Device, reason: str, length: timedelta, card: str = "") -> tuple[str, datetime]:
    """Allow one swap of a device; gives the code ("" with `card`: its holder swipes), and until when it is good.

    `card` is a pseudonym. Raises NotFound when the device is bound nowhere.
    """
    binding = _bound(site, device)
    until = site.clock() + min(length, LONGEST)
    data = {"mac": device.mac, "port": f"{binding.switch}/{binding.port}", "reason": reason, "until": until.isoformat()}
    data |= {"card": card} if card else {}
    with site.store.transaction():
        given = swaps.Allowance(device.name, device.mac, site.actor, reason, until, card)
        code = swaps.make_permit(site.store, given)
        site.ledger.append("swap.allowed", device.name, data, site.actor)
    return "" if card else code, until


def find(site: Context, device: Device, code: str | None, finished: Finished) -> Found:
    """Check the code (None: the swipe of the card that was named), read the switch, and say what takes the place.

    Nothing is changed.

    Raises:
        SafetyRefusal: code or swipe are not good, or what is there may not take the place.
        EquipmentError: the switch could not be read.

    """
    binding = _bound(site, device)
    permit = permit_by_card(site, device) if code is None else _by_code(site, device, code)
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


def _by_code(site: Context, device: Device, code: str) -> SwapPermit:
    permit = _permit(site, device)
    if permit is None or permit.card or not swaps.fits(site.store, permit, code):
        site.ledger.append("swap.code_refused", device.name, {}, site.actor)
        raise SafetyRefusal(
            t("the code is not good for this device"),
            where=device.name,
            next_step=t(
                "compare it letter by letter, or ask for a new one: portseal swap {device} --allow", device=device.name
            ),
        )
    return permit


def permit_by_card(site: Context, device: Device) -> SwapPermit:
    """Give the permit for a device whose card was just swiped; raises SafetyRefusal, and the ledger tells of it."""
    permit, now = _permit(site, device), site.clock()
    if permit is None or not permit.card:
        raise SafetyRefusal(
            t("no card is allowed to replace this device now"),
            where=device.name,
            next_step=t(
                "have an administrator allow it: portseal swap {device} --allow --card CARD", device=device.name
            ),
        )
    if not swiped(_swipes(site, now), permit.card, permit.made_at, now):
        site.ledger.append("swap.card_refused", device.name, {"card": permit.card}, site.actor)
        raise SafetyRefusal(
            t("the card that is allowed to replace this device was not swiped in the last minutes"),
            where=device.name,
            next_step=t("swipe it at a reader of this site, then repeat it"),
        )
    return permit


def _permit(site: Context, device: Device) -> SwapPermit | None:
    """Give the permit that is good now for the device as it is in the inventory."""
    permit = swaps.permit_of(site.store, device.name, site.clock())
    return permit if permit is not None and permit.mac == device.mac else None


def _swipes(site: Context, now: datetime) -> Iterator[Case]:
    """Give the last minutes' swipes as they were decided, newest first."""
    where = Filter(kind="swipe", since=now - SWIPE_COUNTS)
    for each in entries(site.store, where, newest_first=True):
        if (case := each.data.get("case")) is not None:
            with suppress(InputError):  # decided by other rules, before an upgrade
                yield read_case(canonical.encode(case))


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

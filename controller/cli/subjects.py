"""What a person typed, as what the site knows: switches, ports, devices; and the question before an act."""

from __future__ import annotations

import difflib
import sys

import click

from controller.cli.base import Settings
from controller.inventory.columns import role_of
from controller.store import inventory
from controller.store.open import Store
from policies.errors import InputError, NotFound, SafetyRefusal, UsageError
from policies.model import Binding, Device, DeviceRole
from policies.names import canonical, parse_interface
from policies.names.shown import cleaned, shown
from policies.platforms import literal_names
from policies.site import Site, Switch
from policies.texts import Text, t

_LONGEST_REASON = 500


def switch_of(site: Site, text: str) -> Switch:
    """Give the declared switch called `text`, in any case; raises NotFound with the nearest name."""
    wanted = cleaned(text)
    found = site.switch(wanted) or next(
        (each for each in site.switches if each.name.casefold() == wanted.casefold()), None
    )
    if found is not None:
        return found
    what = t("the site has no switch called {name}", name=shown(text))
    names = [each.name for each in site.switches]
    if near := difflib.get_close_matches(wanted[:64], names, n=1):
        raise NotFound(what, next_step=t("is {near} meant?", near=near[0]))
    raise NotFound(
        what, next_step=t("choose one of {names}, or declare it in site.toml", names=", ".join(names) or "-")
    )


def known_ports(switch: Switch) -> frozenset[str]:
    """Give every port that the declaration names, uplinks and management ports included."""
    return frozenset(switch.ports) | {each.port for each in switch.uplinks} | switch.management_ports


def port_name(switch: Switch, text: str) -> str:
    """Give the canonical name of a port as people write it (Gi1/0/7, GE1/0/7, 1/0/7); raises InputError."""
    literal = literal_names(switch.platform)
    name = canonical(cleaned(text), literal=literal)
    known = known_ports(switch)
    if name in known or literal:
        return name
    # "1/0/7" is enough when one port of the switch has these numbers.
    same = [each for each in known if parse_interface(each).tail == name]
    return same[0] if len(same) == 1 else name


def declared_port(switch: Switch, text: str) -> str:
    """Give the canonical name of a port that the site declares; raises NotFound."""
    name = port_name(switch, text)
    if name not in known_ports(switch):
        raise NotFound(
            t("the site does not declare this port"),
            where=f"{switch.name}/{name}",
            next_step=t("correct the name, or add it to 'ports' of the switch in site.toml"),
        )
    return name


def device_of(store: Store, text: str) -> Device:
    """Give the device called `text`, in any case; raises NotFound with the nearest name."""
    wanted = cleaned(text)
    known = {each.name: each for each in inventory.devices(store)}
    if wanted in known:
        return known[wanted]
    folded = [name for name in known if name.casefold() == wanted.casefold()]
    if len(folded) == 1:
        return known[folded[0]]
    what = t("the inventory has no device called {name}", name=shown(text))
    if near := difflib.get_close_matches(wanted[:100], known, n=1):
        raise NotFound(what, next_step=t("is {near} meant?", near=near[0]))
    raise NotFound(what, next_step=t("look it up with 'portseal inventory list'"))


def role_given(text: str, where: str) -> DeviceRole:
    """Give the role that a word of either language names; raises InputError."""
    role = role_of(text)
    if role is None:
        raise InputError(
            t("{text} is not a role of a device", text=shown(text)),
            where=where,
            next_step=t("choose one of {names}", names=", ".join(DeviceRole)),
        )
    return role


def reason_given(text: str) -> str:
    """Give a reason as it is kept, on one line; raises UsageError for an empty or endless one."""
    reason = " ".join(text.split())
    if not reason:
        raise UsageError(t("the reason is empty"), where="--reason", next_step=t("say why in a few words"))
    if len(reason) > _LONGEST_REASON:
        raise UsageError(
            t("the reason is longer than {limit} characters", limit=_LONGEST_REASON),
            where="--reason",
            next_step=t("say why in a few words"),
        )
    return reason


def agree(chosen: Settings, question: Text, *, yes: bool) -> None:
    """Ask before an act; raises SafetyRefusal when nobody is there to answer, or the answer is no."""
    if yes:
        return
    if sys.stdin is None or sys.stdin.closed or not sys.stdin.isatty():
        raise SafetyRefusal(t("nobody is here to agree; nothing was done"), next_step=t("add --yes in a script"))
    if not click.confirm(chosen.text(question), err=True):
        raise SafetyRefusal(t("not agreed to; nothing was done"))


def device_json(device: Device, binding: Binding | None) -> dict[str, object]:
    """Give a device of the inventory as documented JSON: empty texts for what is not known, null without IP."""
    return {
        "name": device.name,
        "role": device.role.value,
        "mac": device.mac,
        "ip": device.ip,
        "place": device.place,
        "serial": device.serial,
        "vendor": device.vendor,
        "model": device.model,
        "binding": binding_json(binding),
    }


def binding_json(binding: Binding | None) -> dict[str, object] | None:
    """Give a binding as documented JSON; null for a device that is not bound."""
    if binding is None:
        return None
    return {"switch": binding.switch, "port": binding.port, "vlan": binding.vlan}

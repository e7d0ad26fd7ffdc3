"""bind and unbind: the inventory says where a device belongs; the switch follows with plan and apply."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from controller.cli.base import Settings, Speaking, h, settings
from policies.errors import InputError, NotFound, UsageError
from policies.texts import Text, t

if TYPE_CHECKING:
    from controller.context import Context
    from policies.model import Binding, Device
    from policies.site import Site, Switch

_NO_DEVICES = ("blackhole", "quarantine")


@click.command(
    cls=Speaking,
    help=h(
        "Bind a device to a switch port, in the inventory: run 'portseal plan' afterwards. A device that is not in the"
        " inventory yet is added with --mac and --role."
    ),
)
@click.argument("device")
@click.argument("switch")
@click.argument("port")
@click.option("--vlan", metavar="VLAN", help=h("VLAN id or name. Default: the site's face VLAN."))
@click.option("--mac", metavar="MAC", help=h("MAC of a new device, in any spelling."))
@click.option("--ip", metavar="IP", help=h("IPv4 address of a new device."))
@click.option("--role", metavar="ROLE", help=h("Role of a new device: camera, terminal, server …"))
@click.option("--move", is_flag=True, help=h("Take the device away from where it is bound now."))
@click.pass_context
def bind(context: click.Context, /, device: str, switch: str, port: str, move: bool, **given: str | None) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.subjects import device_json, switch_of
    from controller.store import inventory
    from policies.model import Binding

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        declared = switch_of(site.site, switch)
        name = _free_port(site, declared, port)
        vlan = _vlan(site.site, given["vlan"])
        subject, new = _device(site, device, given)
        wanted = Binding(subject.name, declared.name, name, vlan)
        present = inventory.binding_of(site.store, subject.name)
        _one_vlan(site, wanted)
        if present == wanted and not new:
            chosen.say(t("{device} is bound there already; nothing was changed", device=subject.name))
        else:
            _not_elsewhere(present, wanted, move=move)
            _write(site, subject, wanted, present, new=new)
            _told(chosen, wanted)
    if chosen.json:
        written = present != wanted or new
        before = None if present is None else f"{present.switch}/{present.port}"
        chosen.give({**device_json(subject, wanted), "changed": written, "added": new, "before": before})
    return 0


@click.command(cls=Speaking, help=h("Take a device's binding away, in the inventory: run 'portseal plan' afterwards."))
@click.argument("device")
@click.pass_context
def unbind(context: click.Context, device: str) -> int:
    """See the help text."""
    from controller.cli.session import site_context
    from controller.cli.subjects import binding_json, device_of
    from controller.store import inventory

    chosen = settings(context)
    with site_context(chosen, recovering=False) as site:
        subject = device_of(site.store, device)
        present = inventory.binding_of(site.store, subject.name)
        if present is None:
            raise NotFound(
                t("the device is bound nowhere"), where=subject.name, next_step=t("see 'portseal inventory list'")
            )
        data = {"switch": present.switch, "port": present.port, "vlan": present.vlan}
        with site.ledger.act("unbind", subject.name, data, site.actor) as act:
            inventory.unbind(site.store, subject.name)
            act.done()
    if chosen.json:
        chosen.give({"device": subject.name, "before": binding_json(present)})
    place = f"{present.switch}/{present.port}"
    chosen.say(
        t(
            "{device} is no longer bound to {place}. Next: portseal plan {switch}",
            device=subject.name,
            place=place,
            switch=present.switch,
        )
    )
    return 0


def _free_port(site: Context, switch: Switch, text: str) -> str:
    """Give the port's name when a device may be bound to it; raises NotFound and InputError."""
    from controller.cli.subjects import declared_port

    name = declared_port(switch, text)
    where = f"{switch.name}/{name}"
    if switch.uplink(name) is not None:
        raise InputError(t("it is a declared uplink"), where=where, next_step=t("bind devices to edge ports only"))
    if name in switch.management_ports:
        raise InputError(
            t("it carries the management path"), where=where, next_step=t("bind devices to edge ports only")
        )
    today = site.clock().date()
    excepted = next((each for each in switch.excepted if each.port == name and today <= each.expires), None)
    if excepted is not None:
        raise InputError(
            t("it is excepted from binding until {day} by {owner}", day=excepted.expires, owner=excepted.owner),
            where=where,
            next_step=t("remove the exception from site.toml first"),
        )
    return name


def _vlan(site: Site, text: str | None) -> int:
    face = [each for each in site.vlans if each.purpose == "face"]
    if text is None:
        if len(face) == 1:
            return face[0].id
        names = ", ".join(f"{each.name} ({each.id})" for each in face) or "-"
        raise UsageError(
            t("the site has no single VLAN of purpose face: {names}", names=names),
            where="--vlan",
            next_step=t("name the VLAN with --vlan"),
        )
    wanted = text.strip().casefold()
    found = next((each for each in site.vlans if wanted in (str(each.id), each.name.casefold())), None)
    if found is None:
        raise InputError(
            t("the site declares no VLAN '{name}'", name=text[:40]),
            where="--vlan",
            next_step=t("choose one of {names}", names=", ".join(f"{each.name} ({each.id})" for each in site.vlans)),
        )
    if found.purpose in _NO_DEVICES:
        raise InputError(
            t("nothing may work in VLAN {vlan} ({purpose})", vlan=found.id, purpose=found.purpose),
            where="--vlan",
            next_step=t("choose a VLAN of purpose face"),
        )
    return found.id


def _device(site: Context, text: str, given: dict[str, str | None]) -> tuple[Device, bool]:
    """Give the device, and whether it is new; raises NotFound, UsageError and InputError."""
    from controller.cli.subjects import device_of

    try:
        known = device_of(site.store, text)
    except NotFound as error:
        if given["mac"] is None and given["role"] is None:
            raise NotFound(
                error.what, next_step=t("{hint}; or add it here with --mac and --role", hint=error.next_step or "")
            ) from None
        return _new_device(text, given), True
    _same(known, given)
    return known, False


def _new_device(text: str, given: dict[str, str | None]) -> Device:
    from controller.cli.subjects import role_given
    from policies.model import Device
    from policies.names import is_host_ip, is_unicast, parse_ip, parse_mac

    name = " ".join(text.split())
    if given["mac"] is None or given["role"] is None:
        raise UsageError(t("a new device needs --mac and --role"), where=name, next_step=t("give both"))
    if not 0 < len(name) <= 100 or not name.isprintable():
        raise InputError(t("this cannot be the name of a device"), next_step=t("give 1 to 100 printable characters"))
    mac = parse_mac(given["mac"])
    if not is_unicast(mac):
        raise InputError(t("{mac} is no device's address", mac=mac), where="--mac", next_step=_label())
    ip = None if given["ip"] is None else parse_ip(given["ip"])
    if ip is not None and not is_host_ip(ip):
        raise InputError(t("{ip} is not an address that a device can have", ip=ip), where="--ip", next_step=_label())
    return Device(name, role_given(given["role"], "--role"), mac, ip)


def _same(known: Device, given: dict[str, str | None]) -> None:
    """Refuse facts that contradict the inventory: a swap is told, not slipped in."""
    from controller.cli.subjects import role_given
    from policies.names import parse_ip, parse_mac

    mac, ip, role = given["mac"], given["ip"], given["role"]
    facts = (
        (known.mac, known.mac if mac is None else parse_mac(mac)),
        (known.ip or "-", known.ip or "-" if ip is None else parse_ip(ip)),
        (known.role.value, known.role.value if role is None else role_given(role, "--role").value),
    )
    for present, told in facts:
        if told != present:
            raise InputError(
                t("the inventory says {present}, not {given}", present=present, given=told),
                where=known.name,
                next_step=t("correct the inventory list and import it, then bind without these options"),
            )


def _label() -> Text:
    return t("read it from the device's label")


def _one_vlan(site: Context, wanted: Binding) -> None:
    """Refuse a second VLAN on a port that is shared."""
    from controller.store.inventory import bindings_at

    for other in bindings_at(site.store, wanted.switch, wanted.port):
        if other.device != wanted.device and other.vlan != wanted.vlan:
            raise InputError(
                t(
                    "{device} is bound to this port in VLAN {vlan}; a port has one",
                    device=other.device,
                    vlan=other.vlan,
                ),
                where=f"{wanted.switch}/{wanted.port}",
                next_step=t("give --vlan {vlan}, or unbind {device} first", vlan=other.vlan, device=other.device),
            )


def _not_elsewhere(present: Binding | None, wanted: Binding, *, move: bool) -> None:
    if present is None or move or (present.switch, present.port) == (wanted.switch, wanted.port):
        return
    raise InputError(
        t("the device is bound to {place} now", place=f"{present.switch}/{present.port}"),
        where=wanted.device,
        next_step=t("'portseal unbind' it first, or use --move"),
    )


def _write(site: Context, device: Device, wanted: Binding, present: Binding | None, *, new: bool) -> None:
    from controller.store import inventory

    data: dict[str, object] = {
        "switch": wanted.switch,
        "port": wanted.port,
        "vlan": wanted.vlan,
        "mac": device.mac,
        "added": new,
        "before": None if present is None else f"{present.switch}/{present.port}",
    }
    with site.ledger.act("bind", device.name, data, site.actor) as act:
        with site.store.transaction():
            if new:
                inventory.add_device(site.store, device)
            inventory.bind(site.store, wanted)
        act.done()


def _told(chosen: Settings, wanted: Binding) -> None:
    chosen.say(
        t(
            "{device} is bound to {place}, VLAN {vlan}. Next: portseal plan {switch}",
            device=wanted.device,
            place=f"{wanted.switch}/{wanted.port}",
            vlan=wanted.vlan,
            switch=wanted.switch,
        )
    )

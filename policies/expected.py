"""Inventory and declaration → what every declared port of a switch must be (clauses 7.1b and 7.1c)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from policies.model import (
    Binding,
    Device,
    ExpectedPort,
    ExpectedSwitch,
    IpBinding,
    PortConfig,
    PortMode,
    PortRole,
    SecureMac,
)
from policies.site import Site, Switch
from policies.texts import Text, t


@dataclass(frozen=True, slots=True)
class StrayBinding:
    """A binding that is in force nowhere, and why: no expected state of any switch holds it."""

    binding: Binding
    why: Text

    @property
    def where(self) -> str:
        """Where the binding says that the device is: switch/port."""
        return f"{self.binding.switch}/{self.binding.port}"


def stray_bindings(site: Site, bindings: Iterable[Binding]) -> tuple[StrayBinding, ...]:
    """Give the bindings that :func:`expected` passes over, by device: their port is not declared, or is an uplink.

    A switch that was renamed in site.toml leaves such bindings behind, and its ports then look unused.
    """
    switches = {switch.name: (switch, frozenset(switch.ports)) for switch in site.switches}
    strays = []
    for binding in bindings:
        switch, ports = switches.get(binding.switch, (None, frozenset[str]()))
        if switch is None:
            strays.append(StrayBinding(binding, t("the site does not declare this switch")))
        elif binding.port not in ports:
            strays.append(StrayBinding(binding, t("the switch does not declare this port")))
        elif switch.uplink(binding.port) is not None:
            strays.append(StrayBinding(binding, t("it is a declared uplink")))
    return tuple(sorted(strays, key=lambda stray: stray.binding.device))


def expected(
    site: Site,
    switch: Switch,
    devices: Mapping[str, Device],
    bindings: Iterable[Binding],
    today: date,
    blocked: Mapping[str, str] | None = None,
) -> ExpectedSwitch:
    """Give the expected state of `switch`: one entry for each declared port, and the VLANs that must exist.

    `devices` are by name; `bindings` of other switches are passed over; `blocked` maps the ports that a person shut
    to their reason. `today` decides whether an exception has expired (it holds through its last day).
    """
    by_port: dict[str, list[tuple[Device, int]]] = {}
    for binding in bindings:
        if binding.switch == switch.name:
            by_port.setdefault(binding.port, []).append((devices[binding.device], binding.vlan))
    ports: dict[str, ExpectedPort] = {}
    shut = _shut_config(site)
    for name in switch.ports:
        port = _port(site, switch, name, by_port.get(name, []), today, shut)
        reason = (blocked or {}).get(name)
        ports[name] = _block(port, reason) if reason is not None else port
    return ExpectedSwitch(switch.name, ports, _vlans(site, ports.values()))


def _port(
    site: Site, switch: Switch, name: str, bound: list[tuple[Device, int]], today: date, shut: PortConfig
) -> ExpectedPort:
    edge = name in switch.edge_ports
    if (uplink := switch.uplink(name)) is not None:
        config = PortConfig(
            mode=PortMode.TRUNK if uplink.allowed_vlans is not None else None,
            allowed_vlans=uplink.allowed_vlans,
            native_vlan=uplink.native_vlan,
        )
        return ExpectedPort(name, PortRole.UPLINK, config, t("declared uplink"), protected=t("it is a declared uplink"))
    management = t("it carries the management path") if name in switch.management_ports else None
    if bound:
        devices = tuple([device for device, _ in bound])
        config = _bound_config(site, bound)
        return ExpectedPort(name, PortRole.BOUND, config, _bound_reason(devices), devices, management, edge)
    if management is not None:
        return ExpectedPort(name, PortRole.UPLINK, PortConfig(), t("management path"), protected=management)
    for excepted in switch.excepted:
        if excepted.port == name and today <= excepted.expires:
            reason = t(
                "excepted until {expires} by {owner}: {reason}",
                expires=excepted.expires.isoformat(),
                owner=excepted.owner,
                reason=excepted.reason,
            )
            return ExpectedPort(name, PortRole.EXCEPTED, PortConfig(), reason, protected=t("it is excepted"), edge=edge)
    if not site.parameters.shut_unused:
        return ExpectedPort(name, PortRole.UNMANAGED, PortConfig(), t("nothing is bound to it"), edge=edge)
    return ExpectedPort(name, PortRole.SHUT, shut, _shut_reason(switch, name), edge=edge)


def _bound_config(site: Site, bound: list[tuple[Device, int]]) -> PortConfig:
    vlan = bound[0][1]
    pairs = [
        IpBinding(device.mac, device.ip, its_vlan)
        for device, its_vlan in bound
        if site.parameters.bind_ip and device.ip is not None
    ]
    # Source guard denies every address without a pair, so one device without an IP keeps it off for the whole port.
    guard = len(pairs) == len(bound)
    return PortConfig(
        mode=PortMode.ACCESS,
        access_vlan=vlan,
        secure=True,
        maximum=len(bound),
        violation=site.parameters.violation,
        secure_macs=frozenset([SecureMac(device.mac, its_vlan) for device, its_vlan in bound]),
        ip_bindings=frozenset(pairs if guard else ()),
        source_guard=guard,
        admin_up=True,
    )


def _shut_config(site: Site) -> PortConfig:
    blackhole = site.vlan("blackhole")
    return PortConfig(
        mode=PortMode.ACCESS,
        access_vlan=blackhole.id if blackhole is not None else None,
        secure=False,
        secure_macs=frozenset(),
        ip_bindings=frozenset(),
        source_guard=False,
        admin_up=False,
    )


def _bound_reason(devices: tuple[Device, ...]) -> Text:
    return t("bound to {devices}", devices=", ".join([device.name for device in devices]))


def _shut_reason(switch: Switch, name: str) -> Text:
    for excepted in switch.excepted:
        if excepted.port == name:
            return t(
                "its exception expired on {expires} (owner {owner})",
                expires=excepted.expires.isoformat(),
                owner=excepted.owner,
            )
    return t("unused: nothing is bound to it")


def _block(port: ExpectedPort, reason: str) -> ExpectedPort:
    fields = {name: getattr(port.config, name) for name in PortConfig.__dataclass_fields__}
    config = PortConfig(**{**fields, "admin_up": False})
    text = t("blocked by a person: {reason}", reason=reason)
    # Nobody asks whether it is an uplink when a person shuts it, and an exception from binding is none from shutting.
    protected = None if port.role is PortRole.EXCEPTED else port.protected
    return ExpectedPort(port.name, port.role, config, text, port.devices, protected, edge=True)


def _vlans(site: Site, ports: Iterable[ExpectedPort]) -> dict[int, str]:
    used = {port.config.access_vlan for port in ports}
    declared = {vlan.id: vlan.name for vlan in site.vlans if vlan.id in used or vlan.purpose == "quarantine"}
    return {**{vlan: f"vlan{vlan}" for vlan in used if vlan is not None and vlan != 1}, **declared}

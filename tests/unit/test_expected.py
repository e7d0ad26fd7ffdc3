"""expected(): what the declaration and the inventory demand of every declared port."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from policies.expected import expected
from policies.model import (
    Binding,
    Device,
    DeviceRole,
    ExceptedPort,
    ExpectedPort,
    ExpectedSwitch,
    IpBinding,
    PortConfig,
    PortMode,
    PortRole,
    SecureMac,
    Violation,
)
from policies.site import Parameters, Site, Switch, Uplink, Vlan

TODAY = date(2026, 11, 22)
CAMERA = Device("cam1", DeviceRole.CAMERA, "02:ca:00:00:00:01", "10.1.0.1")
SECOND = Device("cam2", DeviceRole.CAMERA, "02:ca:00:00:00:02", "10.1.0.2")
NO_IP = Device("reader1", DeviceRole.READER, "02:ea:00:00:00:01")
DEVICES = {device.name: device for device in (CAMERA, SECOND, NO_IP)}
SWITCH = Switch(
    "sw1",
    "cisco_ios",
    "192.0.2.1",
    ports=("Gi1", "Gi2", "Gi3", "Gi4", "Gi5"),
    uplinks=(Uplink("Gi5", frozenset({100}), 1),),
    management_ports=frozenset({"Gi4"}),
)
SITE = Site(
    "demo",
    Path("/nowhere"),
    vlans=(
        Vlan(100, "face", "face"),
        Vlan(998, "quarantine", "quarantine"),
        Vlan(999, "blackhole", "blackhole"),
        Vlan(7, "office", "other"),
    ),
    switches=(SWITCH,),
)


def bound(*names: str, port: str = "Gi1", vlan: int = 100) -> list[Binding]:
    return [Binding(name, "sw1", port, vlan) for name in names]


def of(
    *bindings: Binding, site: Site = SITE, switch: Switch = SWITCH, blocked: dict[str, str] | None = None
) -> ExpectedSwitch:
    return expected(site, switch, DEVICES, bindings, TODAY, blocked)


def port(name: str, *bindings: Binding, **kwargs: object) -> ExpectedPort:
    return of(*bindings, **kwargs).ports[name]  # type: ignore[arg-type]


def with_exception(expires: date) -> Switch:
    return replace(SWITCH, excepted=(ExceptedPort("sw1", "Gi2", "Li Lei", "tester's socket", expires),))


@pytest.mark.clause("7.1c")
def test_a_bound_port_admits_its_device_alone() -> None:
    wanted = port("Gi1", *bound("cam1"))
    assert wanted.role is PortRole.BOUND
    assert wanted.devices == (CAMERA,)
    assert wanted.protected is None
    assert wanted.config == PortConfig(
        mode=PortMode.ACCESS,
        access_vlan=100,
        secure=True,
        maximum=1,
        violation=Violation.RESTRICT,
        secure_macs=frozenset({SecureMac(CAMERA.mac, 100)}),
        ip_bindings=frozenset({IpBinding(CAMERA.mac, "10.1.0.1", 100)}),
        source_guard=True,
        admin_up=True,
    )


def test_two_devices_behind_one_port_are_both_admitted_and_counted() -> None:
    config = port("Gi1", *bound("cam1", "cam2")).config
    assert config.maximum == 2
    assert config.secure_macs == frozenset({SecureMac(CAMERA.mac, 100), SecureMac(SECOND.mac, 100)})
    assert config.ip_bindings is not None
    assert {pair.ip for pair in config.ip_bindings} == {"10.1.0.1", "10.1.0.2"}


@pytest.mark.parametrize("names", [["reader1"], ["cam1", "reader1"]], ids=["alone", "beside one that has an IP"])
def test_a_device_without_an_ip_keeps_the_source_guard_off_for_its_whole_port(names: list[str]) -> None:
    config = port("Gi1", *bound(*names)).config
    assert config.source_guard is False
    assert config.ip_bindings == frozenset()
    assert config.maximum == len(names)


def test_a_site_that_does_not_bind_ips_wants_no_source_guard() -> None:
    site = replace(SITE, parameters=Parameters(bind_ip=False, violation=Violation.SHUTDOWN))
    config = port("Gi1", *bound("cam1"), site=site).config
    assert (config.source_guard, config.ip_bindings) == (False, frozenset())
    assert config.violation is Violation.SHUTDOWN
    assert config.secure_macs == frozenset({SecureMac(CAMERA.mac, 100)})


@pytest.mark.clause("7.1b")
def test_an_unused_port_is_shut_and_parked_in_the_blackhole() -> None:
    wanted = port("Gi1")
    assert wanted.role is PortRole.SHUT
    assert wanted.config == PortConfig(
        mode=PortMode.ACCESS,
        access_vlan=999,
        secure=False,
        secure_macs=frozenset(),
        ip_bindings=frozenset(),
        source_guard=False,
        admin_up=False,
    )


def test_without_a_blackhole_an_unused_port_is_shut_where_it_is() -> None:
    site = replace(SITE, vlans=(Vlan(100, "face", "face"),))
    config = port("Gi1", site=site).config
    assert (config.access_vlan, config.admin_up) == (None, False)


def test_a_site_may_leave_unused_ports_alone_which_is_no_role_that_complies() -> None:
    wanted = port("Gi1", site=replace(SITE, parameters=Parameters(shut_unused=False)))
    assert wanted.role is PortRole.UNMANAGED
    assert wanted.config == PortConfig()


def test_a_declared_uplink_is_protected_even_when_something_is_bound_to_it() -> None:
    wanted = port("Gi5", *bound("cam1", port="Gi5"))
    assert wanted.role is PortRole.UPLINK
    assert wanted.protected is not None
    assert wanted.config == PortConfig(mode=PortMode.TRUNK, allowed_vlans=frozenset({100}), native_vlan=1)


def test_an_uplink_without_declared_vlans_is_not_asked_for_a_mode() -> None:
    switch = replace(SWITCH, uplinks=(Uplink("Gi5"),))
    assert port("Gi5", switch=switch).config == PortConfig()


@pytest.mark.parametrize("bindings", [[], bound("cam1", port="Gi4")], ids=["free", "bound"])
def test_a_management_port_is_protected_bound_or_not(bindings: list[Binding]) -> None:
    wanted = port("Gi4", *bindings)
    assert wanted.protected is not None
    assert wanted.role is (PortRole.BOUND if bindings else PortRole.UPLINK)


@pytest.mark.clause("7.1b")
@pytest.mark.parametrize("expires", [TODAY, date(2027, 1, 1)], ids=["last day", "later"])
def test_an_exception_holds_through_its_last_day(expires: date) -> None:
    wanted = port("Gi2", switch=with_exception(expires))
    assert wanted.role is PortRole.EXCEPTED
    assert wanted.config == PortConfig()
    assert wanted.protected is not None
    assert "Li Lei" in str(wanted.reason)
    assert expires.isoformat() in str(wanted.reason)


@pytest.mark.clause("7.1b")
def test_an_expired_exception_leaves_a_port_to_be_shut_and_names_who_answered_for_it() -> None:
    wanted = port("Gi2", switch=with_exception(date(2026, 11, 21)))
    assert wanted.role is PortRole.SHUT
    assert wanted.config.admin_up is False
    assert "expired on 2026-11-21" in str(wanted.reason)
    assert "Li Lei" in str(wanted.reason)


def test_a_binding_on_an_excepted_port_is_a_binding() -> None:
    assert port("Gi2", *bound("cam1", port="Gi2"), switch=with_exception(TODAY)).role is PortRole.BOUND


def test_a_blocked_port_keeps_its_binding_and_is_down() -> None:
    free = port("Gi1", *bound("cam1"))
    held = port("Gi1", *bound("cam1"), blocked={"Gi1": "seen a laptop"})
    assert held.config == replace(free.config, admin_up=False)
    assert held.role is PortRole.BOUND
    assert "seen a laptop" in str(held.reason)


def test_nobody_asks_whether_a_blocked_port_is_an_uplink() -> None:
    assert port("Gi1", *bound("cam1")).edge is False
    assert port("Gi1", *bound("cam1"), blocked={"Gi1": "rogue"}).edge is True


def test_a_block_shuts_an_excepted_port_too_but_no_uplink_and_no_management_port() -> None:
    blocked = dict.fromkeys(SWITCH.ports[1:], "why")
    ports = of(switch=with_exception(TODAY), blocked=blocked).ports
    assert ports["Gi2"].protected is None
    assert ports["Gi2"].config.admin_up is False
    assert ports["Gi4"].protected is not None
    assert ports["Gi5"].protected is not None


def test_edge_ports_answer_the_question_of_the_uplink() -> None:
    switch = replace(SWITCH, edge_ports=frozenset({"Gi1", "Gi2"}))
    ports = of(*bound("cam1"), switch=switch).ports
    assert [name for name, wanted in ports.items() if wanted.edge] == ["Gi1", "Gi2"]


def test_every_declared_port_has_one_role_and_no_other_port_has_any() -> None:
    elsewhere = [Binding("cam1", "sw2", "Gi1", 100), Binding("cam2", "sw1", "Gi99", 100)]
    ports = of(*elsewhere).ports
    assert tuple(ports) == SWITCH.ports
    assert ports["Gi1"].role is PortRole.SHUT


def test_the_vlans_that_must_exist_are_those_in_use_and_the_quarantine() -> None:
    assert of(*bound("cam1")).vlans == {100: "face", 998: "quarantine", 999: "blackhole"}


def test_a_vlan_that_nobody_declared_gets_a_name_and_vlan_1_needs_none() -> None:
    vlans = of(*bound("cam1", vlan=300), *bound("cam2", port="Gi2", vlan=1)).vlans
    assert vlans[300] == "vlan300"
    assert 1 not in vlans
    assert 7 not in vlans

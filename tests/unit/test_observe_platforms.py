"""The observed state of platforms that tell things in another shape than Cisco does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from drivers.dialect import Fact, Read
from drivers.dialects import dialect
from drivers.observe import observe
from drivers.parse import Row
from policies.model import IpBinding, Oper, PortConfig, PortMode, SecureMac

CISCO = dialect("cisco_ios")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
CAMERA, LAPTOP = "00:11:22:33:44:01", "00:11:22:33:44:99"


def rows_only(
    fact: Fact, *rows: Row, gives: frozenset[str] = frozenset(), literal: bool = False
) -> tuple[Read, list[Row]]:
    return Read(command="x", fact=fact, gives=gives, literal=literal), list(rows)


def test_a_platform_that_tells_bindings_only_in_a_table_of_addresses() -> None:
    """Huawei's shape: link type and PVID in one table, sticky addresses in another, no configuration read."""
    switch = observe(
        replace(CISCO, capabilities=frozenset({"secure_macs", "access_vlan"})),
        [
            rows_only(Fact.INTERFACE, {"port": "GigabitEthernet0/0/1", "mode": "access", "access_vlan": 10}),
            rows_only(
                Fact.SECURE_MAC,
                {"port": "GigabitEthernet0/0/1", "mac": CAMERA, "vlan": 10, "kind": "configured"},
                {"port": "GigabitEthernet0/0/1", "mac": LAPTOP, "vlan": 10, "kind": "dynamic"},
                gives=frozenset({"secure_macs", "description"}),
            ),
        ],
        switch="acc-1",
        read_at=NOW,
    )
    [port] = switch.ports.values()
    assert port.config == PortConfig(
        mode=PortMode.ACCESS, access_vlan=10, secure_macs=frozenset({SecureMac(CAMERA, 10)})
    )
    assert port.oper is Oper.UNKNOWN
    assert (switch.vlans, switch.startup_differs, switch.capabilities) == (None, None, frozenset({"secure_macs"}))


def test_where_names_are_free_every_listed_port_is_one_and_the_table_of_macs_makes_none() -> None:
    """Open vSwitch's shape: lists of secured and guarded ports, names that look like a vendor's SVI."""
    switch = observe(
        CISCO,
        [
            rows_only(Fact.STATUS, {"port": "vlan10", "oper": "up"}, {"port": "router1", "oper": "down"}, literal=True),
            rows_only(Fact.INTERFACE, {"port": "vlan10", "mode": "access", "access_vlan": 10}, literal=True),
            rows_only(Fact.SECURE, {"port": "vlan10", "secure": True}, literal=True),
            rows_only(Fact.SOURCE_GUARD, {"port": "vlan10", "source_guard": True}, literal=True),
            rows_only(Fact.IP_BINDING, {"port": "vlan10", "mac": CAMERA, "ip": "10.0.0.7"}, literal=True),
            rows_only(Fact.LEARNED, {"port": "LOCAL", "mac": LAPTOP, "vlan": 10, "kind": "dynamic"}, literal=True),
        ],
        switch="ovs",
        read_at=NOW,
    )
    assert set(switch.ports) == {"vlan10", "router1"}
    secured, other = switch.ports["vlan10"].config, switch.ports["router1"].config
    assert (secured.secure, secured.source_guard) == (True, True)
    assert secured.ip_bindings == frozenset({IpBinding(CAMERA, "10.0.0.7", 10)})
    assert (other.secure, other.source_guard, other.ip_bindings) == (False, False, frozenset())


def test_a_last_violator_of_zeros_is_nobody() -> None:
    def violator(mac: str) -> str:
        answer = rows_only(Fact.SECURE, {"port": "GigabitEthernet1/0/1", "secure": True, "last_mac": mac})
        return observe(CISCO, [answer], switch="s", read_at=NOW).ports["GigabitEthernet1/0/1"].last_violator

    assert violator("00:00:00:00:00:00") == ""
    assert violator(LAPTOP) == LAPTOP

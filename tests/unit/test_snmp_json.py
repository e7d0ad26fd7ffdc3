"""The JSON of an observed switch is a contract: a key that vanishes or changes its type breaks somebody's script."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from drivers.observed_json import observed_to_json
from policies.model import (
    IpBinding,
    Learned,
    Neighbour,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortConfig,
    PortMode,
    SecureMac,
    Violation,
)
from policies.texts import t

READ_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MAC = "00:11:22:33:44:55"
FULL = ObservedPort(
    "GigabitEthernet1/0/2",
    PortConfig(
        PortMode.TRUNK, None, 1, frozenset({20, 3}), True, 2, Violation.RESTRICT, False,
        frozenset({SecureMac(MAC, 10), SecureMac("00:00:00:00:00:01")}), frozenset({IpBinding(MAC, "192.0.2.9", 10)}),
        True, False, "gate",
    ),
    Oper.BLOCKED, "psecure-violation", frozenset({Learned(MAC, 10, "secure")}),
    (Neighbour("cam", "eth0", "aa", "station"),), 3, "02:00:00:00:00:01", 102,
    "Port-channel1", 200, True,
)  # fmt: skip


def test_every_fact_has_its_key_and_lists_are_sorted() -> None:
    observed = ObservedSwitch(
        "sw1", "cisco_ios", READ_AT,
        {"GigabitEthernet1/0/10": ObservedPort("GigabitEthernet1/0/10"), FULL.name: FULL},
        {20: "face", 1: ""}, frozenset({"vlans", "mode"}), ("ntp",), "host", "C2960", "15.0", (t("odd {n}", n=1),),
    )  # fmt: skip
    shown = json.loads(json.dumps(observed_to_json(observed)))
    assert [port["name"] for port in shown["ports"]] == ["GigabitEthernet1/0/2", "GigabitEthernet1/0/10"]
    assert shown.pop("ports")[0] == {
        "name": "GigabitEthernet1/0/2",
        "if_index": 102,
        "admin_up": False,
        "oper": "blocked",
        "blocked_cause": "psecure-violation",
        "description": "gate",
        "mode": "trunk",
        "access_vlan": None,
        "native_vlan": 1,
        "allowed_vlans": "3,20",
        "voice_vlan": 200,
        "trunking": True,
        "channel": "Port-channel1",
        "secure": True,
        "maximum": 2,
        "violation": "restrict",
        "sticky": False,
        "secure_macs": [{"mac": "00:00:00:00:00:01", "vlan": None}, {"mac": MAC, "vlan": 10}],
        "ip_bindings": [{"mac": MAC, "ip": "192.0.2.9", "vlan": 10}],
        "source_guard": True,
        "violations": 3,
        "last_violator": "02:00:00:00:00:01",
        "learned": [{"mac": MAC, "vlan": 10, "kind": "secure"}],
        "neighbours": [{"system": "cam", "port": "eth0", "chassis": "aa", "capabilities": "station"}],
    }
    assert shown == {
        "switch": "sw1",
        "hostname": "host",
        "platform": "cisco_ios",
        "model": "C2960",
        "version": "15.0",
        "read_at": "2026-01-02T03:04:05+00:00",
        "capabilities": ["mode", "vlans"],
        "vlans": [{"id": 1, "name": ""}, {"id": 20, "name": "face"}],
        "startup_differs": ["ntp"],
        "oddities": ["odd 1"],
    }


def test_what_is_not_known_is_null_and_not_empty() -> None:
    shown = observed_to_json(ObservedSwitch("sw1", "", READ_AT, {"p1": ObservedPort("p1")}))
    ports = shown["ports"]
    assert isinstance(ports, list)
    unknown = {name for name, value in ports[0].items() if value is None}
    assert {"secure_macs", "ip_bindings", "allowed_vlans", "mode", "admin_up", "violations"} <= unknown
    assert shown["vlans"] is None
    assert shown["startup_differs"] is None

"""What the switches' tables say of the watch's devices."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from policies.model import Learned, ObservedPort, ObservedSwitch, Oper, PortConfig, PortMode
from policies.watch.places import misplaced, places
from policies.watch.rules import Index
from policies.watch.sighting import Confidence, Kind
from tests.unit.watch_frames import CAMERA, RECORDER, ROGUE, rules

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
INDEX = Index(rules())
UPLINKS = {"sw1": frozenset({"GigabitEthernet0/24"})}


def switch(name: str, ports: dict[str, list[str]], *, at: datetime = NOW, trunk: str = "") -> ObservedSwitch:
    made = {
        port: ObservedPort(
            port, PortConfig(mode=PortMode.TRUNK if port == trunk else PortMode.ACCESS), Oper.UP,
            learned=frozenset(Learned(mac, 100) for mac in macs),
        )
        for port, macs in ports.items()
    }  # fmt: skip
    return ObservedSwitch(name, "cisco_ios", at, made)


def test_a_device_where_it_is_bound_is_no_sighting() -> None:
    read = switch("sw1", {"GigabitEthernet0/1": [CAMERA], "GigabitEthernet0/24": [CAMERA, RECORDER, ROGUE]})
    assert misplaced(INDEX, places([read], UPLINKS)) == []
    assert misplaced(INDEX, places([switch("sw2", {"1": [CAMERA, RECORDER]}, trunk="1")], {})) == []


@pytest.mark.clause("7.1c")
def test_a_bound_mac_on_another_port() -> None:
    read = switch("sw1", {"GigabitEthernet0/7": [CAMERA]})
    (row,) = misplaced(INDEX, places([read], UPLINKS))
    assert (row.kind, row.mac, row.other) == (Kind.MOVED, CAMERA, "sw1/GigabitEthernet0/7")
    assert row.facts["bound"] == "sw1/GigabitEthernet0/1"


@pytest.mark.clause("7.1c")
def test_a_bound_mac_at_two_places_of_one_time_is_a_duplicate() -> None:
    here, there = switch("sw1", {"GigabitEthernet0/1": [CAMERA]}), switch("sw2", {"1": [CAMERA]})
    kinds = [row.kind for row in misplaced(INDEX, places([here, there], UPLINKS))]
    assert kinds == [Kind.MOVED, Kind.DUPLICATE_MAC]
    late = switch("sw2", {"1": [CAMERA]}, at=NOW + timedelta(hours=1))
    assert [row.kind for row in misplaced(INDEX, places([here, late], UPLINKS))] == [Kind.MOVED]


@pytest.mark.clause("7.1b")
def test_more_macs_than_devices_behind_a_port_are_a_hub() -> None:
    read = switch("sw1", {"GigabitEthernet0/1": [CAMERA, ROGUE], "GigabitEthernet0/9": [ROGUE]})
    (row,) = misplaced(INDEX, places([read], UPLINKS))
    assert (row.kind, row.mac, row.other, row.confidence) == (
        Kind.HUB, ROGUE, "sw1/GigabitEthernet0/1", Confidence.HIGH,
    )  # fmt: skip
    assert row.facts == {"macs": [CAMERA, ROGUE], "bound": 1}

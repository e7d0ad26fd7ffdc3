"""A change of the port's mode on platforms where it puts the port's VLANs back: Huawei, both systems."""

from __future__ import annotations

import pytest

from drivers.dialects import dialect
from policies.model import PortConfig, PortMode
from tests.unit.rendered import change, lines

ACCESS, TRUNK, AUTO = PortMode.ACCESS, PortMode.TRUNK, PortMode.DYNAMIC_AUTO
LEFT_TRUNK = ["undo port trunk pvid vlan", "undo port trunk allow-pass vlan all", "port trunk allow-pass vlan 1"]
CASES: dict[str, tuple[PortConfig, PortConfig, list[str]]] = {
    "the VLAN stays and is written again": (
        PortConfig(mode=AUTO, access_vlan=450),
        PortConfig(mode=ACCESS),
        ["port link-type access", "port default vlan 450"],
    ),
    "the VLAN is the platform's own and is not written": (
        PortConfig(mode=AUTO, access_vlan=1),
        PortConfig(mode=ACCESS),
        ["port link-type access"],
    ),
    "a port that negotiates may have a VLAN": (
        PortConfig(mode=ACCESS, access_vlan=100),
        PortConfig(mode=AUTO, access_vlan=200),
        ["undo port default vlan", "port link-type negotiation-auto", "port default vlan 200"],
    ),
    "back to the platform's own": (
        PortConfig(mode=ACCESS, access_vlan=100),
        PortConfig(mode=PortMode.DYNAMIC, access_vlan=1),
        ["undo port default vlan", "undo port link-type"],
    ),
    "a trunk has no access VLAN": (
        PortConfig(mode=ACCESS, access_vlan=100),
        PortConfig(mode=TRUNK),
        ["undo port default vlan", "port link-type trunk"],
    ),
    "back to a trunk": (
        PortConfig(mode=ACCESS, access_vlan=100),
        PortConfig(mode=TRUNK, access_vlan=1, native_vlan=999, allowed_vlans=frozenset({100, 101, 999})),
        [
            "undo port default vlan",
            "port link-type trunk",
            "port trunk pvid vlan 999",
            "undo port trunk allow-pass vlan all",
            "port trunk allow-pass vlan 100 to 101 999",
        ],
    ),
    "from a trunk": (
        PortConfig(mode=TRUNK, access_vlan=1, native_vlan=999, allowed_vlans=frozenset({999})),
        PortConfig(mode=ACCESS, access_vlan=100),
        [*LEFT_TRUNK, "port link-type access", "port default vlan 100"],
    ),
    "a trunk with all VLANs, and with none": (
        PortConfig(mode=TRUNK, allowed_vlans=frozenset()),
        PortConfig(allowed_vlans=frozenset(range(1, 4095))),
        ["port trunk allow-pass vlan all"],
    ),
    "no change of mode": (
        PortConfig(mode=ACCESS, access_vlan=100),
        PortConfig(access_vlan=1),
        ["undo port default vlan"],
    ),
}


@pytest.mark.parametrize("platform", ["huawei_vrp", "huawei_vrpv8"])
@pytest.mark.parametrize("case", CASES)
def test_a_change_of_mode_writes_again_what_it_puts_back(platform: str, case: str) -> None:
    before, after, typed = CASES[case]
    assert lines(dialect(platform), change(before, after)) == typed

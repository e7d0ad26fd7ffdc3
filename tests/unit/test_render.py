"""A change set in the vendor's words. The expected commands are written by hand from the vendors' documentation.

cisco_ios: Catalyst 2960-X security configuration guide (port security, IP source guard). openvswitch: ovs-vsctl(8),
ovs-ofctl(8), ovs-fields(7).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.render import commands
from policies.model import (
    IpBinding,
    PortConfig,
    PortMode,
    Violation,
)
from tests.unit.rendered import CISCO, OVS, OVS_PLAIN, SEALED, SECURITY, change, changes, lines, macs
from tests.unit.switch_states import ALL_VLANS, CAM, CAM2, FACTORY, sealed

CISCO_GOLDEN: dict[str, tuple[PortConfig, PortConfig, list[str]]] = {
    "access mode": (FACTORY, PortConfig(mode=PortMode.ACCESS), ["switchport mode access"]),
    "trunk mode": (FACTORY, PortConfig(mode=PortMode.TRUNK), ["switchport mode trunk"]),
    "default mode": (replace(FACTORY, mode=PortMode.ACCESS), PortConfig(mode=PortMode.DYNAMIC), ["no switchport mode"]),
    "VLAN": (FACTORY, PortConfig(access_vlan=100), ["switchport access vlan 100"]),
    "native VLAN": (FACTORY, PortConfig(native_vlan=7), ["switchport trunk native vlan 7"]),
    "allowed VLANs": (
        FACTORY,
        PortConfig(allowed_vlans=frozenset({100, 101, 102, 7})),
        ["switchport trunk allowed vlan 7,100-102"],
    ),
    "all VLANs": (
        replace(FACTORY, allowed_vlans=frozenset({7})),
        PortConfig(allowed_vlans=ALL_VLANS),
        ["no switchport trunk allowed vlan"],
    ),
    "no VLAN": (FACTORY, PortConfig(allowed_vlans=frozenset()), ["switchport trunk allowed vlan none"]),
    "port security on": (FACTORY, PortConfig(secure=True), [SECURITY]),
    "port security off": (SEALED, PortConfig(secure=False), [f"no {SECURITY}"]),
    "maximum": (FACTORY, PortConfig(maximum=3), [f"{SECURITY} maximum 3"]),
    "maximum, default": (replace(FACTORY, maximum=3), PortConfig(maximum=1), [f"no {SECURITY} maximum"]),
    "violation": (FACTORY, PortConfig(violation=Violation.RESTRICT), [f"{SECURITY} violation restrict"]),
    "violation, default": (SEALED, PortConfig(violation=Violation.SHUTDOWN), [f"no {SECURITY} violation"]),
    "sticky on": (FACTORY, PortConfig(sticky=True), [f"{SECURITY} mac-address sticky"]),
    "sticky off": (replace(FACTORY, sticky=True), PortConfig(sticky=False), [f"no {SECURITY} mac-address sticky"]),
    "a MAC on an open port": (
        FACTORY,
        PortConfig(secure_macs=macs(CAM.mac)),
        [f"{SECURITY} mac-address 02ca.0000.0001"],
    ),
    # Security is off while the list is half-written, and on again last.
    "another MAC on a sealed port": (
        SEALED,
        PortConfig(secure_macs=macs(CAM2.mac)),
        [
            f"no {SECURITY}",
            f"no {SECURITY} mac-address 02ca.0000.0001",
            f"{SECURITY} mac-address 02ca.0000.0002",
            SECURITY,
        ],
    ),
    # Fewer MACs than before: the maximum is lowered after they are gone, or IOS rejects it.
    "fewer MACs on a sealed port": (
        replace(SEALED, maximum=2, secure_macs=macs(CAM.mac, CAM2.mac)),
        PortConfig(maximum=1, secure_macs=macs(CAM.mac)),
        [f"no {SECURITY}", f"no {SECURITY} mac-address 02ca.0000.0002", f"no {SECURITY} maximum", SECURITY],
    ),
    # More MACs: the maximum is raised before they come.
    "more MACs on a sealed port": (
        SEALED,
        PortConfig(maximum=2, secure_macs=macs(CAM.mac, CAM2.mac)),
        [f"no {SECURITY}", f"{SECURITY} maximum 2", f"{SECURITY} mac-address 02ca.0000.0002", SECURITY],
    ),
    # A secure MAC belongs to a VLAN: it leaves before the VLAN changes and comes back after it.
    "another VLAN under a sealed port": (
        replace(SEALED, ip_bindings=frozenset(), source_guard=False),
        PortConfig(access_vlan=200, secure_macs=macs(CAM.mac, vlan=200)),
        [
            f"no {SECURITY}",
            f"no {SECURITY} mac-address 02ca.0000.0001",
            "switchport access vlan 200",
            f"{SECURITY} mac-address 02ca.0000.0001",
            SECURITY,
        ],
    ),
    "a sticky MAC that must go": (
        replace(SEALED, secure_macs=macs(CAM2.mac, sticky=True)),
        PortConfig(secure_macs=frozenset()),
        [f"no {SECURITY}", f"no {SECURITY} mac-address sticky 02ca.0000.0002", SECURITY],
    ),
    "an IP pair": (
        FACTORY,
        PortConfig(ip_bindings=frozenset({IpBinding(CAM.mac, "10.1.0.1", 100)})),
        ["ip source binding 02ca.0000.0001 vlan 100 10.1.0.1 interface GigabitEthernet1/0/1"],
    ),
    "no IP pair": (
        SEALED,
        PortConfig(ip_bindings=frozenset()),
        ["no ip source binding 02ca.0000.0001 vlan 100 10.1.0.1 interface GigabitEthernet1/0/1"],
    ),
    "source guard on": (FACTORY, PortConfig(source_guard=True), ["ip verify source"]),
    "source guard off": (SEALED, PortConfig(source_guard=False), ["no ip verify source"]),
    "shut": (FACTORY, PortConfig(admin_up=False), ["shutdown"]),
    "open": (replace(FACTORY, admin_up=False), PortConfig(admin_up=True), ["no shutdown"]),
    "description": (FACTORY, PortConfig(description="pole 7"), ["description pole 7"]),
    "no description": (replace(FACTORY, description="x"), PortConfig(description=""), ["no description"]),
    "a first binding": (
        FACTORY,
        replace(sealed(CAM), admin_up=None, maximum=None),
        [
            "switchport mode access",
            "switchport access vlan 100",
            f"{SECURITY} violation restrict",
            f"{SECURITY} mac-address 02ca.0000.0001",
            SECURITY,
            "ip source binding 02ca.0000.0001 vlan 100 10.1.0.1 interface GigabitEthernet1/0/1",
            "ip verify source",
        ],
    ),
    # The port goes down first, so that it is never open without its guard.
    "shut and parked": (
        SEALED,
        PortConfig(
            access_vlan=999,
            secure=False,
            secure_macs=frozenset(),
            ip_bindings=frozenset(),
            source_guard=False,
            admin_up=False,
        ),
        [
            "shutdown",
            "no ip verify source",
            f"no {SECURITY}",
            "no ip source binding 02ca.0000.0001 vlan 100 10.1.0.1 interface GigabitEthernet1/0/1",
            f"no {SECURITY} mac-address 02ca.0000.0001",
            "switchport access vlan 999",
        ],
    ),
}

_FLOW = 'ovs-ofctl add-flow br0 "cookie=0x5ea1,priority='
_NO_FLOW = 'ovs-ofctl --strict del-flows br0 "cookie=0x5ea1/-1,priority='
OVS_GOLDEN: dict[str, tuple[PortConfig, PortConfig, list[str]]] = {
    "access": (
        OVS_PLAIN,
        PortConfig(mode=PortMode.ACCESS, access_vlan=100),
        ["ovs-vsctl set Port eth1 vlan_mode=access trunks=[]", "ovs-vsctl set Port eth1 tag=100"],
    ),
    "trunk": (
        replace(OVS_PLAIN, mode=PortMode.ACCESS, access_vlan=100, allowed_vlans=None),
        PortConfig(mode=PortMode.TRUNK, allowed_vlans=frozenset({100, 200})),
        ["ovs-vsctl clear Port eth1 tag vlan_mode", "ovs-vsctl set Port eth1 trunks=100,200"],
    ),
    "trunk of all": (
        replace(OVS_PLAIN, allowed_vlans=frozenset({100})),
        PortConfig(allowed_vlans=ALL_VLANS),
        ["ovs-vsctl clear Port eth1 trunks"],
    ),
    "a MAC, sealed": (
        OVS_PLAIN,
        PortConfig(secure=True, secure_macs=macs(CAM.mac)),
        [
            f'{_FLOW}200,in_port=eth1,dl_src=02:ca:00:00:00:01,actions=NORMAL"',
            f'{_FLOW}100,in_port=eth1,actions=drop"',
        ],
    ),
    "unsealed": (
        replace(OVS_PLAIN, secure=True, secure_macs=macs(CAM.mac)),
        PortConfig(secure=False, secure_macs=frozenset()),
        [f'{_NO_FLOW}100,in_port=eth1"', f'{_NO_FLOW}200,in_port=eth1,dl_src=02:ca:00:00:00:01"'],
    ),
    # The new device is admitted and the old one is not, while everybody else stays shut out.
    "another MAC": (
        replace(OVS_PLAIN, secure=True, secure_macs=macs(CAM.mac)),
        PortConfig(secure_macs=macs(CAM2.mac)),
        [
            f'{_NO_FLOW}200,in_port=eth1,dl_src=02:ca:00:00:00:01"',
            f'{_FLOW}200,in_port=eth1,dl_src=02:ca:00:00:00:02,actions=NORMAL"',
        ],
    ),
    "an IP pair with its guard": (
        OVS_PLAIN,
        PortConfig(ip_bindings=frozenset({IpBinding(CAM.mac, "10.1.0.1", 100)}), source_guard=True),
        [
            (
                "printf '%s\\n' 'add cookie=0x5ea1,priority=300,ip,in_port=eth1,dl_src=02:ca:00:00:00:01,"
                "nw_src=10.1.0.1,actions=NORMAL' 'add cookie=0x5ea1,priority=300,arp,in_port=eth1,"
                "arp_sha=02:ca:00:00:00:01,arp_spa=10.1.0.1,actions=NORMAL' | ovs-ofctl --bundle add-flows br0 -"
            ),
            (
                "printf '%s\\n' 'add cookie=0x5ea1,priority=250,ip,in_port=eth1,actions=drop' "
                "'add cookie=0x5ea1,priority=250,arp,in_port=eth1,actions=drop' "
                "'add cookie=0x5ea1,priority=250,ipv6,in_port=eth1,actions=drop' | ovs-ofctl --bundle add-flows br0 -"
            ),
        ],
    ),
    "no guard any more": (
        replace(OVS_PLAIN, source_guard=True),
        PortConfig(source_guard=False),
        [
            (
                "printf '%s\\n' 'delete_strict cookie=0x5ea1/-1,priority=250,ip,in_port=eth1' "
                "'delete_strict cookie=0x5ea1/-1,priority=250,arp,in_port=eth1' "
                "'delete_strict cookie=0x5ea1/-1,priority=250,ipv6,in_port=eth1' | ovs-ofctl --bundle add-flows br0 -"
            ),
        ],
    ),
    "shut": (OVS_PLAIN, PortConfig(admin_up=False), ["ovs-ofctl mod-port br0 eth1 down"]),
    "open": (replace(OVS_PLAIN, admin_up=False), PortConfig(admin_up=True), ["ovs-ofctl mod-port br0 eth1 up"]),
}


@pytest.mark.parametrize(("before", "after", "said"), CISCO_GOLDEN.values(), ids=CISCO_GOLDEN)
def test_cisco_is_told_in_the_words_and_the_order_of_its_guide(
    before: PortConfig, after: PortConfig, said: list[str]
) -> None:
    assert lines(CISCO, change(before, after)) == said


@pytest.mark.parametrize(("before", "after", "said"), OVS_GOLDEN.values(), ids=OVS_GOLDEN)
def test_open_vswitch_is_told_in_the_words_of_its_manuals(
    before: PortConfig, after: PortConfig, said: list[str]
) -> None:
    assert lines(OVS, change(before, after, "eth1")) == said


def test_a_bridge_of_another_name_is_used_when_the_site_says_so() -> None:
    made = commands(OVS, changes(change(OVS_PLAIN, PortConfig(admin_up=False), "eth1")), {"bridge": "br-face"})
    assert [command.line for command in made] == ["ovs-ofctl mod-port br-face eth1 down"]

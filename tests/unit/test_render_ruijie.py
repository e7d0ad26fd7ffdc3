"""A change set in RGOS's words. The expected commands are written by hand from the configuration guides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from drivers.dialects import dialect
from drivers.render import check_undo, commands, script
from policies.model import IpBinding, PortConfig, PortMode, Violation
from tests.unit.conversations import exchanges, session
from tests.unit.rendered import change, changes, lines, macs
from tests.unit.switch_states import CAM, CAM2, merged, sealed

RUIJIE = dialect("ruijie")
GI = "GigabitEthernet0/1"
SECURITY = "switchport port-security"
FACTORY = PortConfig(
    mode=PortMode.ACCESS,
    access_vlan=1,
    secure=False,
    maximum=128,
    violation=Violation.PROTECT,
    sticky=False,
    secure_macs=frozenset(),
    ip_bindings=frozenset(),
    source_guard=False,
    admin_up=True,
    description="",
)
SEALED = merged(FACTORY, sealed(CAM))

GOLDEN: dict[str, tuple[PortConfig, PortConfig, list[str]]] = {
    "access mode": (
        replace(FACTORY, mode=PortMode.TRUNK),
        PortConfig(mode=PortMode.ACCESS),
        ["switchport mode access"],
    ),
    "maximum, default": (
        replace(FACTORY, maximum=1),
        PortConfig(maximum=128),
        [f"no {SECURITY} maximum"],
    ),
    "violation, default": (
        replace(FACTORY, violation=Violation.SHUTDOWN),
        PortConfig(violation=Violation.PROTECT),
        [f"no {SECURITY} violation"],
    ),
    "sticky on": (FACTORY, PortConfig(sticky=True), [f"{SECURITY} mac-address sticky"]),
    "an IP pair": (
        FACTORY,
        PortConfig(ip_bindings=frozenset({IpBinding(CAM.mac, "10.1.0.1", 100)})),
        ["ip source binding 02ca.0000.0001 vlan 100 10.1.0.1 interface GigabitEthernet 0/1"],
    ),
    "source guard on": (FACTORY, PortConfig(source_guard=True), ["ip verify source port-security"]),
    "source guard off": (SEALED, PortConfig(source_guard=False), ["no ip verify source"]),
    "another MAC on a sealed port": (
        SEALED,
        PortConfig(secure_macs=macs(CAM2.mac)),
        [
            f"no {SECURITY}",
            f"no {SECURITY} mac-address 02ca.0000.0001 vlan 100",
            f"{SECURITY} mac-address 02ca.0000.0002 vlan 100",
            SECURITY,
        ],
    ),
    "a first binding": (
        FACTORY,
        replace(sealed(CAM), admin_up=None),
        [
            "switchport access vlan 100",
            f"{SECURITY} maximum 1",
            f"{SECURITY} violation restrict",
            f"{SECURITY} mac-address 02ca.0000.0001 vlan 100",
            SECURITY,
            "ip source binding 02ca.0000.0001 vlan 100 10.1.0.1 interface GigabitEthernet 0/1",
            "ip verify source port-security",
        ],
    ),
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
            "no ip source binding 02ca.0000.0001 vlan 100 10.1.0.1 interface GigabitEthernet 0/1",
            f"no {SECURITY} mac-address 02ca.0000.0001 vlan 100",
            "switchport access vlan 999",
        ],
    ),
}


@pytest.mark.parametrize(("before", "after", "said"), GOLDEN.values(), ids=GOLDEN)
def test_rgos_is_told_in_the_words_and_the_order_of_its_guides(
    before: PortConfig, after: PortConfig, said: list[str]
) -> None:
    assert lines(RUIJIE, change(before, after, GI)) == said
    check_undo(RUIJIE, changes(change(before, after, GI)))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("GigabitEthernet0/1", "interface GigabitEthernet 0/1"),
        ("TenGigabitEthernet1/0/25", "interface TenGigabitEthernet 1/0/25"),
        ("Port-channel8", "interface AggregatePort 8"),
        ("TwentyFiveGigE0/1", "interface TFGigabitEthernet 0/1"),
    ],
)
def test_ports_are_called_by_ruijies_own_words_with_a_blank(name: str, said: str) -> None:
    made = commands(RUIJIE, changes(change(FACTORY, PortConfig(admin_up=False), name)))
    assert script(RUIJIE, made) == ["configure terminal", said, "shutdown", "exit", "end"]


def test_the_prompts_with_a_blank_in_them_are_followed() -> None:
    made = commands(RUIJIE, changes(change(FACTORY, PortConfig(admin_up=False), GI)))
    turns = [
        ("terminal length 0", "", "Ruijie#"),
        ("terminal width 256", "", "Ruijie#"),
        ("configure terminal", "Enter configuration commands, one per line.  End with CNTL/Z.\r\n", "Ruijie(config)#"),
        ("interface GigabitEthernet 0/1", "", "Ruijie(config-if-GigabitEthernet 0/1)#"),
        ("shutdown", "", "Ruijie(config-if-GigabitEthernet 0/1)#"),
        ("exit", "", "Ruijie(config)#"),
        ("end", "*Jan  1 00:03:50: %SYS-5-CONFIG_I: Configured from console by console\r\n", "Ruijie#"),
        ("write", "\r\nBuilding configuration...\r\n[OK]\r\n", "Ruijie#"),
    ]
    with session(RUIJIE, exchanges(*turns, greeting="\r\nRuijie#")) as opened:
        opened.configure(made)
        opened.save()

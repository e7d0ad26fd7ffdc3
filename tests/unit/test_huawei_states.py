"""What Huawei's releases say in different ways, and what a plan makes of a Huawei switch."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from drivers.dialects import dialect
from drivers.parse import find_reads, parse
from drivers.render import commands, script
from policies.expected import expected
from policies.model import Binding, Device, DeviceRole
from policies.plan import plan_switch
from policies.site import Site, Switch, Vlan
from tests.conformance import answers_of, seen

OLD_TABLE = """MAC address table of slot 0:
-------------------------------------------------------------------------------
MAC Address    VLAN/       PEVLAN CEVLAN Port            Type      LSP/LSR-ID
               VSI/SI                                              MAC-Tunnel
-------------------------------------------------------------------------------
5489-986e-3b3b 1           -      -      GE0/0/1         dynamic   0/-
5489-986e-3b3c 100         -      -      GE0/0/2         sticky    -
5489-986e-3b3d 100         -      -      GE0/0/2         security  -
-------------------------------------------------------------------------------
Total matching items on slot 0 displayed = 3
"""


def test_the_mac_table_of_an_old_huawei_release_is_read_for_what_is_learned_and_what_is_bound() -> None:
    learned, bound = find_reads(dialect("huawei_vrp"), "display mac-address")
    assert [(row["mac"], row["vlan"], row["port"], row["kind"]) for row in parse(learned, OLD_TABLE)] == [
        ("54:89:98:6e:3b:3b", 1, "GigabitEthernet0/0/1", "dynamic"),
        ("54:89:98:6e:3b:3c", 100, "GigabitEthernet0/0/2", "secure"),
        ("54:89:98:6e:3b:3d", 100, "GigabitEthernet0/0/2", "secure"),
    ]
    assert [(row["mac"], row["kind"]) for row in parse(bound, OLD_TABLE)] == [
        ("54:89:98:6e:3b:3c", "sticky"),
        ("54:89:98:6e:3b:3d", "dynamic"),
    ]


def test_an_old_huawei_release_that_has_learned_nothing_says_nothing() -> None:
    for read in find_reads(dialect("huawei_vrp"), "display mac-address"):
        assert parse(read, "") == []


def test_the_list_of_static_bindings_is_that_of_the_configuration_guide() -> None:
    text = """DHCP static Bind-table:
Flags:O - outer vlan ,I - inner vlan ,P - Vlan-mapping
IP Address                      MAC Address     VSI/VLAN(O/I/P) Interface
--------------------------------------------------------------------------------
10.0.0.1                        0001-0001-0001  --  /--  /--    GE0/0/1
10.0.0.2                        0001-0001-0002  10  /--  /--    --
--------------------------------------------------------------------------------
Print count:           2          Total count:           2
"""
    [read] = find_reads(dialect("huawei_vrp"), "display dhcp static user-bind all")
    assert parse(read, text) == [
        {"ip": "10.0.0.1", "mac": "00:01:00:01:00:01", "port": "GigabitEthernet0/0/1", "kind": "static"},
        {"ip": "10.0.0.2", "mac": "00:01:00:01:00:02", "vlan": 10, "kind": "static"},
    ]
    assert parse(read, "Info: The number of static bind-table is zero.") == []


# -- plans -------------------------------------------------------------------------------------------------------------

GE = "GigabitEthernet0/0/"
CAMERA = Device("cam1", DeviceRole.CAMERA, "02:ca:00:00:00:11", "198.18.100.11")


def planned(port: str) -> tuple[list[str], list[str]]:
    """Plan the camera on one port of the transcript: the lines, and the reasons of what is refused."""
    switch = Switch("sw", "huawei_vrp", "192.0.2.1", ports=(port,), edge_ports=frozenset({port}))
    site = Site("test", Path(), vlans=(Vlan(100, "face", "face"),), switches=(switch,))
    now = seen(dialect("huawei_vrp"), answers_of("huawei_vrp", "s5720"))
    wanted = expected(site, switch, {"cam1": CAMERA}, [Binding("cam1", "sw", port, 100)], date(2026, 1, 1))
    changes, refusals = plan_switch(wanted, now)
    spoken = dialect("huawei_vrp")
    return script(spoken, commands(spoken, changes)), [str(each.reason) for each in refusals if each.port == port]


def test_a_bound_port_needs_only_its_maximum_lowered() -> None:
    assert planned(f"{GE}1")[0] == [
        "system-view",
        f"interface {GE}1",
        "undo port-security max-mac-num",
        "quit",
        "return",
    ]


def test_a_port_as_it_left_the_factory_is_bound() -> None:
    lines, refused = planned(f"{GE}7")
    assert refused == []
    assert lines == [
        "system-view",
        f"interface {GE}7",
        "port link-type access",
        "port default vlan 100",
        "port-security enable",
        "port-security mac-address 02ca-0000-0011 vlan 100",
        "quit",
        f"user-bind static ip-address 198.18.100.11 mac-address 02ca-0000-0011 interface {GE}7 vlan 100",
        f"interface {GE}7",
        "ip source check user-bind enable",
        "quit",
        "return",
    ]


@pytest.mark.parametrize(("number", "word"), [(4, "port mode"), (6, "bound IPs")])
def test_what_could_not_be_given_back_is_not_touched(number: int, word: str) -> None:
    lines, [refused] = planned(f"{GE}{number}")
    assert lines == []
    assert word in refused
    assert "by hand" in refused


def test_a_port_that_the_switch_shut_is_opened_again_when_it_is_bound() -> None:
    lines, _ = planned(f"{GE}2")
    assert lines[-4:] == ["shutdown", "undo shutdown", "quit", "return"]
    assert "undo port-security mac-address sticky 02ca-0000-0012 vlan 100" in lines

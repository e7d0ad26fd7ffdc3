"""All reads of a switch together: the observed state that the rules judge."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from drivers.dialects import dialect
from drivers.observe import observe
from drivers.parse import parse
from policies.errors import UnparsedOutput
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

CISCO = dialect("cisco_ios")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ALL_VLANS = frozenset(range(1, 4095))
CAMERA, STUCK, VISITOR = "00:11:22:33:44:01", "00:11:22:33:44:02", "00:11:22:33:44:03"

CONFIG = """!
! Last configuration change at 10:00:00 UTC Sun Nov 22 2026 by admin
hostname edge-07
enable secret 5 $1$abcd$0123456789abcdefghijkl
interface Port-channel1
 switchport mode trunk
!
interface GigabitEthernet0/0
 vrf forwarding Mgmt-vrf
 no ip address
!
ip dhcp snooping vlan 10
ip dhcp snooping
!
interface GigabitEthernet1/0/1
 description cam-07
 switchport access vlan 10
 switchport mode access
 switchport port-security violation restrict
 switchport port-security maximum 3
 switchport port-security mac-address sticky
 switchport port-security mac-address sticky 0011.2233.4402
 switchport port-security mac-address 0011.2233.4401
 switchport port-security
 ip verify source
!
interface GigabitEthernet1/0/2
 switchport access vlan 20
 switchport mode access
 switchport port-security mac-address 0011.2233.4455
 shutdown
!
interface GigabitEthernet1/0/3
 switchport mode access
 switchport port-security
!
interface GigabitEthernet1/0/24
 switchport trunk native vlan 99
 switchport trunk allowed vlan 10,20
 switchport mode trunk
 channel-group 1 mode active
!
interface GigabitEthernet1/0/4
 no switchport
 no ip address
!
interface GigabitEthernet1/0/5
!
interface Vlan10
 ip address 10.1.10.1 255.255.255.0
!
ip source binding 0011.2233.4401 vlan 10 10.1.10.7 interface GigabitEthernet1/0/1
line vty 0 4
 password 7 094F471A1A0A
end
"""
STATUS = """Port      Name               Status       Vlan       Duplex  Speed Type
Gi1/0/1   cam-07             connected    10         a-full  a-100 10/100/1000BaseTX
Gi1/0/2                      disabled     20           auto   auto 10/100/1000BaseTX
Gi1/0/3                      err-disabled 1            auto   auto 10/100/1000BaseTX
Gi1/0/4                      notconnect   routed       auto   auto 10/100/1000BaseTX
Gi1/0/5                      notconnect   1            auto   auto 10/100/1000BaseTX
Gi1/0/24                     connected    trunk      a-full a-1000 10/100/1000BaseTX
Po1                          connected    trunk      a-full a-1000
"""
BLOCKED = """Port      Name               Status       Reason               Err-disabled Vlans
Gi1/0/3                      err-disabled psecure-violation
"""
LEARNED = """          Mac Address Table
-------------------------------------------

Vlan    Mac Address       Type        Ports
----    -----------       --------    -----
 All    0100.0ccc.cccc    STATIC      CPU
  10    0011.2233.4401    STATIC      Gi1/0/1
  10    0011.2233.4403    STATIC      Gi1/0/1
  10    0011.2233.44aa    DYNAMIC     Po1
  10    0011.2233.44bb    STATIC      Vl10
Total Mac Addresses for this criterion: 5
"""
SECURE = """Secure Port  MaxSecureAddr  CurrentAddr  SecurityViolation  Security Action
                (Count)       (Count)          (Count)
---------------------------------------------------------------------------
    Gi1/0/1              3            3                  7         Restrict
    Gi1/0/3              1            0                  1         Shutdown
---------------------------------------------------------------------------
Total Addresses in System (excluding one mac per port)     : 2
Max Addresses limit in System (excluding one mac per port) : 4096
"""
SECURE_MACS = """               Secure Mac Address Table
-----------------------------------------------------------------------------
Vlan    Mac Address       Type                          Ports   Remaining Age
                                                                   (mins)
----    -----------       ----                          -----   -------------
  10    0011.2233.4401    SecureConfigured              Gi1/0/1      -
  10    0011.2233.4402    SecureSticky                  Gi1/0/1      -
  10    0011.2233.4403    SecureDynamic                 Gi1/0/1      -
-----------------------------------------------------------------------------
Total Addresses in System (excluding one mac per port)     : 2
"""
LLDP = """------------------------------------------------
Local Intf: Gi1/0/24
Chassis id: 94f1.2879.5555
Port id: Gi0/1
System Name: core-01

System Description:
A switch

Time remaining: 91 seconds
System Capabilities: B,R
Enabled Capabilities: B

------------------------------------------------
Local Intf: Gi9/0/9
Chassis id: rogue
Port id: eth0

Total entries displayed: 2
"""
VLANS = """VLAN Name                             Status    Ports
---- -------------------------------- --------- -------------------------------
1    default                          active    Gi1/0/3, Gi1/0/5
10   face                             active    Gi1/0/1
20   parked ports                     active    Gi1/0/2
"""
VERSION = """Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.2(4)E7, RELEASE SOFTWARE (fc2)
edge-07 uptime is 1 week, 3 days
cisco WS-C2960X-24TS-L (APM86XXX) processor (revision A0) with 524288K bytes of memory.
Processor board ID FOC1234X0YZ
Configuration register is 0xF
"""
ANSWERS = {
    "show running-config": "Building configuration...\n\nCurrent configuration : 2345 bytes\n" + CONFIG,
    "show startup-config": "Using 2345 out of 524288 bytes\n" + CONFIG.replace("10:00:00", "08:00:00"),
    "show interfaces status": STATUS,
    "show interfaces status err-disabled": BLOCKED,
    "show mac address-table": LEARNED,
    "show port-security": SECURE,
    "show port-security address": SECURE_MACS,
    "show lldp neighbors detail": LLDP,
    "show vlan brief": VLANS,
    "show version": VERSION,
}


def look(answers: dict[str, str] = ANSWERS) -> ObservedSwitch:
    found = [
        (read, parse(read, answers[read.command], where="edge-07"))
        for read in CISCO.reads
        if read.observe and read.command in answers
    ]
    return observe(CISCO, found, switch="edge-07", read_at=NOW)


def seen(port: str, answers: dict[str, str] = ANSWERS) -> ObservedPort:
    return look(answers).ports[port]


def test_the_observed_state_takes_ten_commands() -> None:
    assert {read.command for read in CISCO.reads if read.observe and not read.each} == set(ANSWERS)


def test_a_bound_port_is_seen_with_all_its_settings() -> None:
    port = seen("GigabitEthernet1/0/1")
    assert port.config == PortConfig(
        mode=PortMode.ACCESS,
        access_vlan=10,
        native_vlan=1,
        allowed_vlans=ALL_VLANS,
        secure=True,
        maximum=3,
        violation=Violation.RESTRICT,
        sticky=True,
        secure_macs=frozenset({SecureMac(CAMERA, 10), SecureMac(STUCK, 10, sticky=True)}),
        ip_bindings=frozenset({IpBinding(CAMERA, "10.1.10.7", 10)}),
        source_guard=True,
        admin_up=True,
        description="cam-07",
    )
    assert (port.oper, port.violations, port.blocked_cause) == (Oper.UP, 7, "")


def test_what_ios_shows_as_static_is_secure_where_the_port_secures_it() -> None:
    assert seen("GigabitEthernet1/0/1").learned == frozenset(
        {Learned(CAMERA, 10, "secure"), Learned(VISITOR, 10, "secure")}
    )
    assert seen("Port-channel1").learned == frozenset({Learned("00:11:22:33:44:aa", 10, "dynamic")})


def test_only_physical_ports_and_port_channels_are_ports_in_the_order_of_people() -> None:
    assert list(look().ports) == [
        "GigabitEthernet0/0",
        "GigabitEthernet1/0/1",
        "GigabitEthernet1/0/2",
        "GigabitEthernet1/0/3",
        "GigabitEthernet1/0/4",
        "GigabitEthernet1/0/5",
        "GigabitEthernet1/0/24",
        "Port-channel1",
    ]


def test_a_port_that_the_switch_shut_itself_is_blocked_with_the_cause() -> None:
    port = seen("GigabitEthernet1/0/3")
    assert (port.oper, port.blocked_cause, port.config.admin_up) == (Oper.BLOCKED, "psecure-violation", True)


def test_a_shut_port_is_down_and_keeps_its_addresses_in_its_own_vlan() -> None:
    port = seen("GigabitEthernet1/0/2")
    assert (port.oper, port.config.admin_up, port.config.secure) == (Oper.DOWN, False, False)
    assert port.config.secure_macs == frozenset({SecureMac("00:11:22:33:44:55", 20)})


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        ("GigabitEthernet0/0", PortMode.ROUTED),
        ("GigabitEthernet1/0/1", PortMode.ACCESS),
        ("GigabitEthernet1/0/4", PortMode.ROUTED),
        ("GigabitEthernet1/0/5", PortMode.DYNAMIC),
        ("GigabitEthernet1/0/24", PortMode.TRUNK),
    ],
)
def test_modes(name: str, mode: PortMode) -> None:
    assert seen(name).config.mode is mode


def test_a_port_that_routes_without_saying_so_in_the_configuration_is_routed() -> None:
    silent = {**ANSWERS, "show running-config": ANSWERS["show running-config"].replace(" no switchport\n", "")}
    assert seen("GigabitEthernet1/0/4", silent).config.mode is PortMode.ROUTED


def test_a_trunk_has_its_vlans() -> None:
    config = seen("GigabitEthernet1/0/24").config
    assert (config.native_vlan, config.allowed_vlans) == (99, frozenset({10, 20}))
    assert seen("Port-channel1").config.allowed_vlans == ALL_VLANS


def test_a_member_names_its_port_channel_and_others_name_none() -> None:
    assert {name: port.channel for name, port in look().ports.items() if port.channel} == {
        "GigabitEthernet1/0/24": "Port-channel1"
    }


@pytest.mark.parametrize(("name", "trunking"), [("24", True), ("5", False), ("4", False)])
def test_what_works_as_a_trunk_now_is_told_whatever_is_configured(name: str, trunking: bool) -> None:
    negotiated = ANSWERS["show running-config"].replace(" switchport mode trunk\n channel", " channel")
    port = seen("GigabitEthernet1/0/" + name, {**ANSWERS, "show running-config": negotiated})
    assert (port.trunking, port.is_trunk) == (trunking, trunking)
    silent = {command: answer for command, answer in ANSWERS.items() if command != "show interfaces status"}
    assert seen("GigabitEthernet1/0/" + name, silent).trunking is None


def test_a_voice_vlan_is_told_beside_the_settings() -> None:
    line = " switchport access vlan 10\n"
    config = ANSWERS["show running-config"].replace(line, line + " switchport voice vlan 200\n")
    answers = {**ANSWERS, "show running-config": config}
    assert seen("GigabitEthernet1/0/1", answers).voice_vlan == 200
    assert seen("GigabitEthernet1/0/1").voice_vlan is None


def test_a_neighbour_is_kept_where_it_is_seen_and_makes_no_port() -> None:
    assert seen("GigabitEthernet1/0/24").neighbours == (Neighbour("core-01", "Gi0/1", "94:f1:28:79:55:55", "B"),)
    assert "GigabitEthernet9/0/9" not in look().ports


def test_the_switch_itself_is_named() -> None:
    switch = look()
    assert (switch.hostname, switch.model, switch.version) == ("edge-07", "WS-C2960X-24TS-L", "15.2(4)E7")
    assert (switch.platform, switch.switch, switch.read_at) == ("cisco_ios", "edge-07", NOW)
    assert switch.vlans == {1: "default", 10: "face", 20: "parked ports"}
    assert switch.capabilities == CISCO.capabilities
    assert switch.oddities == ()


def test_a_saved_configuration_does_not_differ() -> None:
    assert look().startup_differs == ()


def test_unsaved_lines_are_named_with_their_section_and_side() -> None:
    startup = ANSWERS["show startup-config"].replace(" ip verify source\n", "").replace("end\n", "snmp-server x\nend\n")
    assert look({**ANSWERS, "show startup-config": startup}).startup_differs == (
        "+ interface GigabitEthernet1/0/1 / ip verify source",
        "- snmp-server x",
    )


def test_the_same_line_in_another_section_is_a_difference() -> None:
    startup = ANSWERS["show startup-config"].replace(" ip verify source\n", "")
    startup = startup.replace(" switchport access vlan 20\n", " switchport access vlan 20\n ip verify source\n")
    assert look({**ANSWERS, "show startup-config": startup}).startup_differs == (
        "+ interface GigabitEthernet1/0/1 / ip verify source",
        "- interface GigabitEthernet1/0/2 / ip verify source",
    )


def test_a_changed_secret_is_a_difference_and_is_not_shown() -> None:
    startup = ANSWERS["show startup-config"].replace("$1$abcd$0123456789", "$1$wxyz$9876543210")
    differs = look({**ANSWERS, "show startup-config": startup}).startup_differs
    assert differs is not None
    assert len(differs) == 2
    assert not any("$1$" in line for line in differs)


def test_nothing_was_ever_saved() -> None:
    differs = look({**ANSWERS, "show startup-config": "startup-config is not present\n"}).startup_differs
    assert differs is not None
    assert "+ hostname edge-07" in differs
    assert not any(line.startswith("-") for line in differs)


def test_a_model_without_port_security_lacks_the_capabilities_and_the_knowledge() -> None:
    without = {command: answer for command, answer in ANSWERS.items() if "port-security" not in command}
    switch = look(without)
    assert CISCO.capabilities - switch.capabilities == {"secure", "maximum", "violation", "sticky", "secure_macs"}
    assert switch.ports["GigabitEthernet1/0/1"].violations is None


def test_startup_is_a_capability_only_with_both_configurations() -> None:
    without = {command: answer for command, answer in ANSWERS.items() if command != "show startup-config"}
    switch = look(without)
    assert "startup" not in switch.capabilities
    assert switch.startup_differs is None


@pytest.mark.parametrize(
    ("line", "configured"),
    [("    Gi1/0/1              3            3                  7         Restrict\n", True), ("", False)],
)
def test_security_that_configuration_and_switch_do_not_agree_on_is_an_oddity(line: str, configured: bool) -> None:
    answers = dict(ANSWERS)
    if configured:
        answers["show port-security"] = SECURE.replace(line, "")
    else:
        answers["show running-config"] = CONFIG.replace(" switchport port-security\n ip verify", " ip verify")
    switch = look(answers)
    assert switch.ports["GigabitEthernet1/0/1"].config.secure is False
    assert [str(text).partition(":")[0] for text in switch.oddities] == ["GigabitEthernet1/0/1"]


def test_a_table_with_an_unknown_row_makes_no_state() -> None:
    with pytest.raises(UnparsedOutput, match="edge-07"):
        look({**ANSWERS, "show port-security": SECURE.replace("Restrict", "Vanish")})

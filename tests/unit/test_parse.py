"""The row parser on the reads of cisco_ios that no recording shows, and on what they must refuse."""

from __future__ import annotations

import pytest

from drivers.dialect import Fact
from drivers.dialects import dialect
from drivers.parse import CutShort, Row, find_read, find_reads, parse
from policies.errors import NotFound, UnparsedOutput, UsageError

CISCO = dialect("cisco_ios")
ALL_VLANS = frozenset(range(1, 4095))

RUNNING = """Building configuration...

Current configuration : 4321 bytes
!
! Last configuration change at 10:00:00 UTC Sun Nov 22 2026 by admin
!
version 15.2
service timestamps log datetime msec
!
hostname edge-07
!
errdisable recovery cause psecure-violation
errdisable recovery cause bpduguard
errdisable recovery interval 600
!
ip dhcp snooping vlan 10,20-22
ip dhcp snooping
crypto pki certificate chain TP-self-signed-1234
 certificate self-signed 01
  30820229 30820192 A0030201 02020101 300D0609 2A864886 F70D0101 05050030
  quit
!
interface Port-channel1
 switchport mode trunk
!
interface GigabitEthernet1/0/1
 description cam-07 % east
 switchport access vlan 10
 switchport mode access
 switchport port-security maximum 2
 switchport port-security maximum 1 vlan access
 switchport port-security violation restrict
 switchport port-security mac-address sticky
 switchport port-security mac-address sticky 0011.2233.4455
 switchport port-security mac-address 0011.2233.4466 vlan access
 switchport port-security
 ip verify source port-security
!
interface GigabitEthernet1/0/2
 switchport trunk native vlan 99
 switchport trunk allowed vlan 10,20,30-32
 switchport trunk allowed vlan add 100-102,200
 switchport mode trunk
 switchport port-security mac-address 0011.2233.4477 vlan 20
 channel-group 1 mode active
!
interface GigabitEthernet1/0/3
 shutdown
!
interface GigabitEthernet1/0/4
 no switchport
 ip address 10.0.0.1 255.255.255.0
!
interface GigabitEthernet1/0/5
 switchport mode dynamic desirable
 switchport trunk allowed vlan none
!
interface VirtualPortGroup0
 ip address 192.0.2.1 255.255.255.252
!
interface Vlan10
 no ip address
!
ip source binding 00:11:22:33:44:55 vlan 10 10.1.10.7 interface Gi1/0/1
ip source binding 0011.2233.4466 vlan 10 10.1.10.8 interface GigabitEthernet1/0/1
!
policy-map camera
 description never a port's
!
banner motd ^C
interface GigabitEthernet1/0/6
 switchport port-security
% Invalid input is what strangers read here
^C
line vty 0 4
 shutdown
!
ntp clock-period 36029056
end
"""

SNOOPING = """Switch DHCP snooping is enabled
Switch DHCP gleaning is disabled
DHCP snooping is configured on following VLANs:
10,20-22
DHCP snooping is operational on following VLANs:
none
Smartlog is configured on following VLANs:
none
DHCP snooping is configured on the following L3 Interfaces:

Insertion of option 82 is enabled
   circuit-id default format: vlan-mod-port
   remote-id: 001d.4567.8900 (MAC)
Option 82 on untrusted port is not allowed
Verification of hwaddr field is enabled
Verification of giaddr field is enabled
DHCP snooping trust/rate is configured on the following Interfaces:

Interface                  Trusted    Allow option    Rate limit (pps)
-----------------------    -------    ------------    ----------------
GigabitEthernet1/0/1       no         no              15
  Custom circuit-ids:
GigabitEthernet1/0/48      yes        yes             unlimited
"""

STATUS_HEAD = "Port      Name               Status       Vlan       Duplex  Speed Type\n"
ADDRESSES = """               Secure Mac Address Table
-----------------------------------------------------------------------------
Vlan    Mac Address       Type                          Ports   Remaining Age
                                                                   (mins)
----    -----------       ----                          -----   -------------
  10    0011.2233.4455    SecureConfigured              Gi1/0/1      -
  10    0011.2233.4466    SecureDynamic                 Gi1/0/2      5 (I)
-----------------------------------------------------------------------------
Total Addresses in System (excluding one mac per port)     : 0
Max Addresses limit in System (excluding one mac per port) : 4096
"""


def rows(command: str, text: str, fact: Fact | None = None) -> list[Row]:
    reads = find_reads(CISCO, command)
    return parse(next(read for read in reads if fact in (None, read.fact)), text, where="edge-07")


def interface(name: str) -> Row:
    return next(row for row in rows("show running-config", RUNNING) if row["port"] == name)


def test_a_port_of_the_running_config_has_every_setting() -> None:
    assert interface("GigabitEthernet1/0/1") == {
        "port": "GigabitEthernet1/0/1",
        "description": "cam-07 % east",
        "mode": "access",
        "access_vlan": 10,
        "native_vlan": 1,
        "allowed_vlans": ALL_VLANS,
        "secure": True,
        "maximum": 2,
        "violation": "restrict",
        "sticky": True,
        "secure_macs": [
            {"mac": "00:11:22:33:44:55", "kind": "sticky"},
            {"mac": "00:11:22:33:44:66"},
        ],
        "source_guard": "ip verify source port-security",
        "admin_up": True,
    }


def test_a_port_without_lines_has_the_defaults_that_ios_does_not_print() -> None:
    assert interface("GigabitEthernet1/0/3") == {
        "port": "GigabitEthernet1/0/3",
        "description": "",
        "mode": "dynamic",
        "access_vlan": 1,
        "native_vlan": 1,
        "allowed_vlans": ALL_VLANS,
        "secure": False,
        "maximum": 1,
        "violation": "shutdown",
        "sticky": False,
        "secure_macs": [],
        "source_guard": False,
        "admin_up": False,
    }


def test_trunk_lines_that_ios_wraps_with_add_are_one_set() -> None:
    trunk = interface("GigabitEthernet1/0/2")
    assert trunk["allowed_vlans"] == frozenset({10, 20, 30, 31, 32, 100, 101, 102, 200})
    assert (trunk["native_vlan"], trunk["channel"]) == (99, "1")
    assert trunk["secure_macs"] == [{"mac": "00:11:22:33:44:77", "vlan": 20}]
    assert interface("GigabitEthernet1/0/5")["allowed_vlans"] == frozenset()


def test_modes_of_the_running_config() -> None:
    modes = {row["port"]: row["mode"] for row in rows("show running-config", RUNNING)}
    assert modes["GigabitEthernet1/0/4"] == "routed"
    assert modes["GigabitEthernet1/0/3"] == "dynamic"
    assert modes["GigabitEthernet1/0/5"] == "dynamic desirable"
    assert modes["Port-channel1"] == "trunk"


BANNER = """banner motd ^C
interface GigabitEthernet1/0/6
 switchport port-security
^C
"""


@pytest.mark.parametrize(
    "block",
    [
        BANNER,
        BANNER.replace("^C", "\x03"),
        BANNER.replace("motd ^C", "login ^CC").replace("\n^C", " come in^C"),
        "macro name desktop\nswitchport mode access\ninterface GigabitEthernet1/0/6\ninterface $PORT\n@\n",
    ],
)
def test_banners_and_macros_that_look_like_configuration_are_none(block: str) -> None:
    text = RUNNING.replace("policy-map camera\n", block + "policy-map camera\n")
    assert rows("show running-config", text) == rows("show running-config", RUNNING)


def test_a_banner_that_does_not_end_hides_no_port() -> None:
    unended = RUNNING.replace("banner motd ^C\n", "").replace("\n^C\n", "\n")
    with pytest.raises(CutShort):
        rows("show running-config", unended.replace("interface Port", "banner motd ^C\ninterface Port"))


def test_names_and_descriptions_may_be_chinese() -> None:
    text = RUNNING.replace("cam-07 % east", "东门 7号 摄像机")
    assert next(row for row in rows("show running-config", text) if row["secure"])["description"] == "东门 7号 摄像机"
    shown = STATUS_HEAD + "Gi1/0/1   东门 7号 摄像\ufffd connected    10         a-full  a-100 10/100/1000BaseTX\n"
    assert rows("show interfaces status", shown)[0]["vlan"] == 10
    lldp = "Device ID           Local Intf     Hold-time  Capability      Port ID\n"
    [row] = rows(
        "show lldp neighbors", lldp + "东门摄像机7      Gi1/0/2        120        S               0011.2233.4455\n"
    )
    assert (row["system"], row["port"]) == ("东门摄像机7", "GigabitEthernet1/0/2")
    vlan = "VLAN Name                             Status    Ports\n10   人脸识别             active    Gi1/0/1\n"
    assert rows("show vlan", vlan)[0]["name"] == "人脸识别"


def test_lines_of_other_sections_do_not_reach_the_interface_before_them() -> None:
    last = interface("Vlan10")
    assert (last["description"], last["admin_up"]) == ("", True)


def test_static_ip_bindings_come_from_the_running_config() -> None:
    assert rows("show running-config", RUNNING, Fact.IP_BINDING) == [
        {"mac": mac, "vlan": 10, "ip": ip, "port": "GigabitEthernet1/0/1", "kind": "static"}
        for mac, ip in (("00:11:22:33:44:55", "10.1.10.7"), ("00:11:22:33:44:66", "10.1.10.8"))
    ]


def test_settings_of_the_whole_switch_come_from_the_running_config() -> None:
    assert rows("show running-config", RUNNING, Fact.SYSTEM) == [
        {
            "hostname": "edge-07",
            "recovery_causes": ["psecure-violation", "bpduguard"],
            "recovery_interval": "600",
            "snooping": True,
            "snooping_vlans": frozenset({10, 20, 21, 22}),
        }
    ]


def test_volatile_lines_and_certificates_are_no_configuration() -> None:
    said = [row["line"] for row in rows("show running-config", RUNNING, Fact.RUNNING)]
    assert said[:3] == ["version 15.2", "service timestamps log datetime msec", "hostname edge-07"]
    assert said[-1] == "end"
    text = "\n".join(str(line) for line in said)
    for volatile in ("Building", "bytes", "Last configuration", "clock-period", "30820229", "certificate self"):
        assert volatile not in text
    before, _, rest = RUNNING.replace("10:00:00", "09:00:00").partition(" certificate self-signed 01\n")
    startup = (
        "Using 1234 out of 65536 bytes, uncompressed size = 4321 bytes\n"
        + before
        + " certificate self-signed 01 nvram:IOS-Self-Sig#1.cer\n"
        + rest.partition("  quit\n")[2]
    )
    assert [row["line"] for row in rows("show startup-config", startup)] == said


def test_a_missing_startup_configuration_has_no_lines() -> None:
    lines = [row["line"] for row in rows("show startup-config", "startup-config is not present\n")]
    assert lines == []


@pytest.mark.parametrize("cut", [RUNNING.index("end\n"), RUNNING.index("interface Vlan10"), 60, 0])
def test_a_configuration_without_its_end_is_cut_short(cut: int) -> None:
    for read in find_reads(CISCO, "show running-config"):
        with pytest.raises(CutShort, match="not whole"):
            parse(read, RUNNING[:cut])


def test_dhcp_snooping_names_vlans_and_trusted_ports() -> None:
    assert rows("show ip dhcp snooping", SNOOPING) == [
        {
            "enabled": True,
            "vlans": frozenset({10, 20, 21, 22}),
            "operational_vlans": frozenset(),
            "interfaces": [
                {"port": "GigabitEthernet1/0/1", "trusted": False, "rate": "15"},
                {"port": "GigabitEthernet1/0/48", "trusted": True, "rate": "unlimited"},
            ],
        }
    ]


def test_a_port_name_full_of_status_words_does_not_move_the_columns() -> None:
    text = STATUS_HEAD + "Gi1/0/1   connected 1 auto 1 err-disabled 10           auto   auto 10/100/1000BaseTX\n"
    [row] = rows("show interfaces status", text)
    assert (row["description"], row["oper"], row["vlan"]) == ("connected 1 auto 1", "blocked", 10)


def test_a_status_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(UnparsedOutput, match="bewildered"):
        rows(
            "show interfaces status",
            STATUS_HEAD + "Gi1/0/1    bewildered   1  auto   auto 10/100BaseTX",
        )


def test_a_secured_address_of_an_unknown_kind_is_an_error_and_not_a_missing_row() -> None:
    assert [row["kind"] for row in rows("show port-security address", ADDRESSES)] == ["configured", "dynamic"]
    with pytest.raises(UnparsedOutput, match="SecureQuantum"):
        rows("show port-security address", ADDRESSES.replace("SecureDynamic", "SecureQuantum"))


def test_a_total_that_is_not_the_number_of_rows_is_an_error() -> None:
    head = "MacAddress          IpAddress        Lease(sec)  Type           VLAN  Interface\n"
    row = "DC:A9:04:80:02:0F   192.168.1.48     infinite    static          1     GigabitEthernet1/0/9\n"
    assert len(rows("show ip source binding", head + row + "Total number of bindings: 1")) == 1
    with pytest.raises(UnparsedOutput, match="Total number of bindings: 2"):
        rows("show ip source binding", head + row + "Total number of bindings: 2")


def test_a_neighbours_description_cannot_break_the_reading_or_name_another_port() -> None:
    rogue = (
        "------------------------------------------------\nLocal Intf: Gi1/0/7\nChassis id: 0011.2233.4455\n"
        "Port id: 1\nSystem Name: rogue\n\nSystem Description:\n"
        "Local Intf: Gi1/0/48\n% Invalid input detected at '^' marker.\nSystem Name: core\nLocal Intf: Zz9/9\n"
        "\nTime remaining: 100 seconds\n% Invalid input detected at '^' marker.\nLocal Intf: Zz9/9\n"
        "Enabled Capabilities: B\n\nTotal entries displayed: 7\n"
    )
    [row] = rows("show lldp neighbors detail", rogue)
    assert (row["port"], row["system"], row["chassis_mac"]) == ("GigabitEthernet1/0/7", "rogue", "00:11:22:33:44:55")


def test_a_neighbours_description_cannot_forge_another_neighbour() -> None:
    rule = "-" * 48
    rogue = (
        f"{rule}\nLocal Intf: Gi1/0/7\nChassis id: 0011.2233.4455\nPort id: 1\nSystem Name: rogue\n\n"
        f"System Description:\nx\nTime remaining: 9 seconds\n{rule}\nChassis id: core\nSystem Name: core\n"
        f"{rule}\nLocal Intf service instance: -\nLocal Intf: Gi1/0/48\nEnabled Capabilities: B,R\n\n"
        f"Time remaining: 100 seconds\n\n{rule}\nLocal Intf: Gi1/0/8\nSystem Name: next\n\n"
        "Total entries displayed: 2\n"
    )
    found = rows("show lldp neighbors detail", rogue)
    assert [(row["port"], row["system"]) for row in found if "port" in row] == [
        ("GigabitEthernet1/0/7", "rogue"),
        ("GigabitEthernet1/0/8", "next"),
    ]


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("show mac address-table", "show mac address-table"),
        ("sh mac add", "show mac address-table"),
        ("show mac-address-table", "show mac address-table"),
        ("SH  INT  STATUS", "show interfaces status"),
        ("show int status err", "show interfaces status err-disabled"),
        ("sh port-sec int GigabitEthernet 1/0/1", "show port-security interface {port}"),
        ("show interfaces Gi1/0/1 switchport", "show interfaces switchport"),
        ("show run int gi1/0/1", "show running-config"),
        ("show interfaces Gi1/0/1", "show interfaces"),
        ("show vlan", "show vlan brief"),
        ("sh start", "show startup-config"),
    ],
)
def test_commands_are_found_by_name_alias_and_abbreviation(typed: str, command: str) -> None:
    assert find_read(CISCO, typed).command == command


def test_an_ambiguous_abbreviation_names_what_it_may_mean() -> None:
    with pytest.raises(UsageError, match="'show vlan brief', 'show version'"):
        find_read(CISCO, "sh v")


@pytest.mark.parametrize("typed", ["", "show", "reload", "show running-config | include secret", "show vlan brief all"])
def test_a_command_that_is_not_read_is_said_so(typed: str) -> None:
    with pytest.raises(NotFound, match="cisco_ios does not read"):
        find_read(CISCO, typed)

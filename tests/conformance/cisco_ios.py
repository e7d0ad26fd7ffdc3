"""Cisco IOS and IOS XE: the data sets."""

from __future__ import annotations

from tests.conformance import Conformance
from tests.conformance.cisco_ios_readers import READERS

_RUNNING = """Building configuration...

Current configuration : 1000 bytes
!
! Last configuration change at 10:00:00 CST Sun Nov 22 2026 by admin
!
hostname sw1
enable secret 5 $1$one
!
interface GigabitEthernet1/0/1
 switchport access vlan 100
 switchport mode access
!
ntp clock-period 22518000
end
"""
_STARTUP = """Using 900 out of 524288 bytes
!
! NVRAM config last updated at 10:00:01 CST Sun Nov 22 2026 by admin
!
hostname sw1
enable secret 5 $1$one
!
interface GigabitEthernet1/0/1
 switchport access vlan 100
 switchport mode access
!
ntp clock-period 22518001
end
"""

DATA = Conformance(
    platform="cisco_ios",
    host="sw1",
    prompts=(
        ("sw1#", "prompt"),
        ("sw1>", "prompt"),
        ("sw1# ", "prompt"),
        ("sw1(config)#", "config_prompt"),
        ("sw1(config-if)#", "interface_prompt"),
        ("sw1(config-if-range)#", "interface_prompt"),
        ("sw1(config-vlan)#", "interface_prompt"),
    ),
    no_prompts=(
        "#",
        ">",
        " --More-- ",
        "Password:",
        "Destination filename [startup-config]? ",
        "[confirm]",
        "% Invalid input detected at '^' marker.",
        "sw1# bar",
        "<sw1>",
        "[~sw1]",
        "sw 1#",
        "-sw1#",
        "interface GigabitEthernet1/0/1",
        " description ends in #",
        "sw1(rommon)>",
    ),
    questions=(
        ("Destination filename [startup-config]? ", "save", ""),
        ("Proceed with overwrite? [confirm]", "save", ""),
    ),
    not_asked=("Are you sure? [yes/no]: ", "System configuration has been modified. Save? [yes/no]: "),
    refused=(
        "        ^\n% Invalid input detected at '^' marker.",
        "% Incomplete command.",
        '% Ambiguous command:  "sh i"',
        "Command rejected: GigabitEthernet1/0/1 is a dynamic port.",
    ),
    refused_config=("Found duplicate mac-address 0011.2233.4455.", "%Failed to do it"),
    not_refused=(
        "",
        "*Mar  1 00:01:12.345: %LINK-3-UPDOWN: Interface GigabitEthernet1/0/1, changed state to up",
        "%PM-4-ERR_DISABLE: psecure-violation error detected on Gi1/0/2, putting Gi1/0/2 in err-disable state",
        "%SYS-5-CONFIG_I: Configured from console by vty0 (10.0.0.5)",
        "Building configuration...\n[OK]",
        "% Access VLAN does not exist. Creating vlan 10",
    ),
    secret=(
        "enable secret 5 $1$PLAIN",
        "enable secret PLAIN",
        "enable password PLAIN",
        "enable password level 15 7 PLAIN",
        " password 7 PLAIN",
        " secret 9 PLAIN",
        "username admin privilege 15 secret 9 $9$PLAIN",
        "username admin privilege 15 password 0 PLAIN",
        "username admin common-criteria-policy P secret 5 PLAIN",
        "username admin algorithm-type scrypt secret PLAIN",
        "snmp-server community PLAIN RO",
        "snmp-server community PLAIN view V RO 10",
        "snmp-server host 10.0.0.9 PLAIN",
        "snmp-server host 10.0.0.9 version 2c PLAIN port-security",
        "snmp-server host 10.0.0.9 vrf Mgmt-vrf version 2c PLAIN",
        "snmp-server host 10.0.0.9 traps version 2c PLAIN",
        "snmp-server host 10.0.0.9 informs version 3 priv PLAIN",
        "snmp-server user u g v3 auth sha PLAIN priv aes 128 PLAIN",
        "snmp-server user u g v3 encrypted auth md5 PLAIN priv des PLAIN access 10",
        "snmp-server user u g v3 auth sha-2 256 PLAIN",
        "tacacs-server host 10.0.0.8 key 7 PLAIN",
        "tacacs-server key PLAIN",
        "radius-server host 10.0.0.8 auth-port 1812 acct-port 1813 key 7 PLAIN",
        " key 7 PLAIN",
        " server-private 10.0.0.1 key 7 PLAIN",
        " pac key 7 PLAIN",
        "  key-string 7 PLAIN",
        "ntp authentication-key 1 md5 PLAIN 7",
        "ntp authentication-key 1 hmac-sha2-256 PLAIN 7",
        " ip ospf message-digest-key 1 md5 7 PLAIN",
        " ip ospf authentication-key PLAIN",
        " standby 1 authentication md5 key-string 7 PLAIN",
        " standby 1 authentication PLAIN",
        " vrrp 1 authentication text PLAIN",
        " neighbor 10.0.0.1 password 7 PLAIN",
        "crypto isakmp key PLAIN address 0.0.0.0",
        "  pre-shared-key address 0.0.0.0 0.0.0.0 key PLAIN",
        "  pre-shared-key local PLAIN",
        " wpa-psk ascii 0 PLAIN",
        " ppp chap password 0 PLAIN",
        "vtp password PLAIN",
        "ip ftp password 7 PLAIN",
        " client 10.1.1.1 server-key 7 PLAIN",
        " client 10.1.1.1 vrf Mgmt-vrf server-key PLAIN",
        " server-key 0 PLAIN and PLAIN",
        " security wpa psk set-key ascii 0 PLAIN",
        " ip nhrp authentication PLAIN",
        " vrrp 1 authentication PLAIN",
        " glbp 1 authentication text PLAIN",
        " vrrp 1 authentication md5 key-string 0 PLAIN timeout 30",
        "snmp mib community-map PLAIN engineid 80000009030000",
        "event manager environment _mail_pw PLAIN PLAIN",
        "event manager environment Backup_Password PLAIN",
        "enable password 0 PLAIN horse PLAIN",
        "enable secret PLAIN PLAIN",
        "username bob password 0 PLAIN PLAIN",
        "tacacs-server key PLAIN PLAIN",
        " path scp://backup:PLAIN@10.0.0.1/conf",
    ),
    not_secret=(
        "service password-encryption",
        "no service password-recovery",
        "key chain uplinks",
        "ip ssh rsa keypair-name edge",
        "snmp-server enable traps port-security trap-rate 1",
        " switchport port-security mac-address 0011.2233.4455",
        "ip source binding 0011.2233.4455 vlan 10 10.1.10.7 interface GigabitEthernet1/0/1",
        " standby 1 authentication md5 key-chain uplinks",
        " vrrp 1 authentication md5 key-chain uplinks",
        " glbp 1 authentication md5 key-chain uplinks",
        "crypto key pubkey-chain rsa",
        "event manager environment _mail_server 10.0.0.25",
        "security passwords min-length 10",
        "ip nhrp network-id 1",
        "aaa authentication login default group tacacs+ local",
        " description http://10.0.0.1/camera",
    ),
    same=((_RUNNING, _STARTUP),),
    drift=(
        (
            _RUNNING.replace("vlan 100", "vlan 200"),
            _STARTUP,
            (
                "+ interface GigabitEthernet1/0/1 / switchport access vlan 200",
                "- interface GigabitEthernet1/0/1 / switchport access vlan 100",
            ),
        ),
        (
            _RUNNING.replace("$1$one", "$1$two"),
            _STARTUP,
            ("+ enable secret 5 <secret>", "- enable secret 5 <secret>"),
        ),
    ),
    readers=READERS,
)

"""Ruijie RGOS: the data sets. Wordings are those of public sessions and of the configuration guides."""

from __future__ import annotations

from dataclasses import replace

from policies.model import IpBinding, Learned, Neighbour, Oper, PortConfig, PortMode, SecureMac, Violation
from tests.conformance import Conformance, Seen, Transcript

PLAIN = PortConfig(
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


def config(base: PortConfig = PLAIN, **settings: object) -> PortConfig:
    return replace(base, **settings)  # type: ignore[arg-type]


SECRET = (
    "enable secret 5 $1$PLAIN",
    "enable secret 8 $1c$PLAIN",
    "enable secret level 14 5 $1$PLAIN",
    "enable password 7 PLAIN",
    "enable password PLAIN",
    "username admin password PLAIN",
    "username admin password 7 PLAIN",
    "username admin web-auth password 7 PLAIN",
    "webmaster level 0 username admin password 7 PLAIN",
    " password 7 PLAIN",
    " password 7 $10$PLAIN==$",
    "snmp-server community PLAIN ro",
    "snmp-server community 7 PLAIN rw",
    "snmp-server host 192.0.2.9 traps version 2c PLAIN",
    "snmp-server host 192.0.2.9 informs version 3 priv PLAIN",
    "snmp-server user ops ops v3 auth sha PLAIN priv aes128 PLAIN",
    "radius-server key PLAIN",
    "radius-server key 7 PLAIN",
    "radius-server host 192.0.2.8 test username a idle-time 2 key PLAIN",
    "radius-server host 192.0.2.8 key 7 PLAIN",
    "tacacs-server key 7 PLAIN",
    "ntp authentication-key 1 md5 PLAIN",
    " ip ospf message-digest-key 1 md5 7 PLAIN",
    " key-string 7 PLAIN",
    "http backup ftp://backup:PLAIN@192.0.2.1/conf",
)
NOT_SECRET = (
    "no service password-encryption",
    "service password-encryption",
    "key chain uplinks",
    "enable service ssh-server",
    "ip source binding 02ca.0000.0001 vlan 100 198.18.100.1 interface GigabitEthernet 0/1",
    " switchport port-security mac-address 02ca.0000.0001 vlan 100",
    "aaa authentication login default local",
    "snmp-server enable traps",
    " description pole 7",
)
REFUSED = (
    "% Invalid input detected at '^' marker.",
    "% Incomplete command.",
    '% Ambiguous command: "show i"',
    "% Unrecognized command.",
    "% Unknown command.",
    "% User doesn't have sufficient privilege to execute this command.",
)
REFUSED_CONFIG = (
    "%Error: The number of secure address has reached the maximum.",
    "% Failed to set the port security address.",
    "%% Can't set secure address, it exists on another port.",
    "%Error: Port is a member of an aggregate port.",
    "Error: failed to add.",
)
NOT_REFUSED = (
    "",
    "Enter configuration commands, one per line.  End with CNTL/Z.",
    "Building configuration...\n[OK]",
    "*Jan  1 00:03:45: %LINK-3-UPDOWN: Interface GigabitEthernet 0/1, changed state to up.",
    "*Jan  1 00:03:50: %SYS-5-CONFIG_I: Configured from console by console",
)
SAVED = (
    "Building configuration...\n[OK]",
    "\nBuilding configuration...\n[OK]\n",
)
NOT_SAVED = (
    "Building configuration...",
    "",
    "Building configuration...\n% Failed to write: no space left",
)
SAME = (
    (
        """Building configuration...
Current configuration : 3890 bytes

!
hostname gate
!
interface GigabitEthernet 0/1
 switchport access vlan 100
!
end
""",
        """!
hostname gate
interface GigabitEthernet 0/1
 switchport access vlan 100
end
""",
    ),
)
DRIFT = (
    (
        """Building configuration...
Current configuration : 3890 bytes
hostname gate
interface GigabitEthernet 0/1
 switchport access vlan 100
 switchport port-security
end
""",
        """hostname gate
interface GigabitEthernet 0/1
 switchport access vlan 100
end
""",
        ("+ interface GigabitEthernet 0/1 / switchport port-security",),
    ),
    (
        """snmp-server community one ro
end
""",
        """snmp-server community two ro
end
""",
        (
            "+ snmp-server community <secret> ro",
            "- snmp-server community <secret> ro",
        ),
    ),
)

RGOS10 = Transcript(
    "rgos10",
    count=9,
    switch={
        "hostname": "gate-rj",
        "model": "S2628G-E",
        "version": "RGOS 10.4(3b19)p3 Release(180891)",
        "vlans": {1: "", 100: "face", 999: "blackhole"},
        "startup_differs": ("+ interface GigabitEthernet 0/3 / shutdown",),
    },
    ports={
        "GigabitEthernet0/1": Seen(
            config(
                access_vlan=100,
                secure=True,
                maximum=1,
                violation=Violation.RESTRICT,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:01", 100)}),
                ip_bindings=frozenset({IpBinding("02:ca:00:00:00:01", "198.18.100.1", 100)}),
                source_guard=True,
                description="pole 7",
            ),
            {"oper": Oper.UP, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:01", 100, "secure")})},
        ),
        "GigabitEthernet0/2": Seen(
            config(access_vlan=100),
            {"oper": Oper.UP, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:02", 100)})},
        ),
        "GigabitEthernet0/3": Seen(config(access_vlan=999, admin_up=False), {"oper": Oper.DOWN, "trunking": False}),
        # Port security itself holds the pair here: that is not how it is written, so the pairs are not known.
        "GigabitEthernet0/4": Seen(
            config(
                access_vlan=100,
                secure=True,
                sticky=True,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:04", 100, sticky=True)}),
                ip_bindings=None,
            ),
            {"oper": Oper.DOWN, "trunking": False},
        ),
        # Its mode is none that is written, and its guard looks at the IP only.
        "GigabitEthernet0/5": Seen(config(mode=None, source_guard=None), {"oper": Oper.DOWN, "trunking": False}),
        "GigabitEthernet0/6": Seen(PLAIN, {"oper": Oper.DOWN, "channel": "Port-channel1", "trunking": False}),
        "GigabitEthernet0/25": Seen(
            config(mode=PortMode.TRUNK, native_vlan=100),
            {
                "oper": Oper.UP,
                "trunking": True,
                "learned": frozenset({Learned("02:fe:00:00:00:01", 100)}),
                "neighbours": (Neighbour("core", "GigabitEthernet 0/24", "02:fe:00:00:00:01", "Bridge, Router"),),
            },
        ),
        "GigabitEthernet0/26": Seen(config(mode=PortMode.ROUTED), {"oper": Oper.DOWN, "trunking": False}),
        "Port-channel1": Seen(PLAIN, {"oper": Oper.DOWN, "trunking": False}),
    },
)

RGOS12 = Transcript(
    "rgos12",
    count=1,
    switch={
        "hostname": "S5760C",
        "model": "S5760C-48SFP8CQ-X",
        "version": "S5760C_RGOS 12.6(2)B0102",
        "vlans": {1: "", 4: "vlan004", 100: "", 200: "", 201: "", 202: "", 999: ""},
        "startup_differs": None,
    },
    ports={
        "TenGigabitEthernet1/0/1": Seen(
            config(access_vlan=100),
            {"oper": Oper.UP, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:09", 100)})},
        ),
    },
)
DATA = Conformance(
    platform="ruijie_os",
    host="Ruijie",
    hosts=("NO_1_3#", "gate-1.floor2#", "S5760C# "),
    prompts=(
        ("Ruijie>", "prompt"),
        ("Ruijie#", "prompt"),
        ("Ruijie(config)#", "config_prompt"),
        ("Ruijie(config-if-GigabitEthernet 0/1)#", "interface_prompt"),
        ("Ruijie(config-if-TenGigabitEthernet 1/0/25)#", "interface_prompt"),
        ("Ruijie(config-if-AggregatePort 8)#", "interface_prompt"),
        ("Ruijie(config-if)#", "interface_prompt"),
        ("Ruijie(config-if-range)#", "interface_prompt"),
        ("Ruijie(config-vlan)#", "interface_prompt"),
        ("Ruijie(config-if-VLAN 10)#", "interface_prompt"),
    ),
    no_prompts=(
        "#",
        "Password:",
        " --More-- ",
        "<H3C>",
        "[H3C]",
        "% Invalid input detected at '^' marker.",
        "GigabitEthernet 0/1",
        " description ends in #",
        "Ruijie (config)#",
    ),
    questions=(
        ("Are you sure to overwrite the file [Y/N]:", "save", "y"),
        ("Overwrite the startup configuration? [yes/no]:", "save", "y"),
    ),
    refused=REFUSED,
    refused_config=REFUSED_CONFIG,
    not_refused=NOT_REFUSED,
    secret=SECRET,
    not_secret=NOT_SECRET,
    saved=SAVED,
    not_saved=NOT_SAVED,
    same=SAME,
    drift=DRIFT,
    transcripts=(RGOS10, RGOS12),
)

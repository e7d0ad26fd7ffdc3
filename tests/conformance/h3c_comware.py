"""H3C Comware: the data sets. Wordings are those of H3C's command references and of public sessions."""

from __future__ import annotations

from dataclasses import replace

from policies.model import IpBinding, Learned, Neighbour, Oper, PortConfig, PortMode, SecureMac, Violation
from tests.conformance import Conformance, Seen, Transcript
from tests.conformance.h3c_comware_readers import READERS

PLAIN = PortConfig(
    mode=PortMode.ACCESS,
    access_vlan=1,
    native_vlan=1,
    allowed_vlans=frozenset({1}),
    secure=False,
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
    " password hash $h$6$PLAIN",
    " password cipher $c$3$PLAIN",
    " password simple PLAIN",
    "super password role network-admin hash $h$6$PLAIN",
    "super password level 3 cipher PLAIN",
    " set authentication password cipher $c$3$PLAIN",
    " set authentication password hash PLAIN",
    " snmp-agent community read PLAIN",
    " snmp-agent community write cipher $c$3$PLAIN",
    " snmp-agent community read simple PLAIN acl 2000",
    " snmp-agent community write PLAIN mib-view ViewDefault",
    " snmp-agent target-host trap address udp-domain 192.0.2.9 params securityname PLAIN v2c",
    " snmp-agent target-host trap address udp-domain 192.0.2.9 params securityname cipher PLAIN v2c",
    " snmp-agent usm-user v3 ops ops cipher authentication-mode sha $c$3$PLAIN privacy-mode aes128 $c$3$PLAIN",
    " snmp-agent usm-user v3 ops ops simple authentication-mode md5 PLAIN privacy-mode des56 PLAIN",
    " snmp-agent usm-user v3 ops ops authentication-mode md5 PLAIN privacy-mode des56 PLAIN",
    " primary authentication 192.0.2.8 key cipher $c$3$PLAIN",
    " secondary accounting 192.0.2.8 key simple PLAIN",
    " key authentication cipher $c$3$PLAIN",
    " key accounting simple PLAIN",
    " key authentication PLAIN",
    " ntp-service authentication-keyid 1 authentication-mode md5 cipher $c$3$PLAIN",
    " ntp-service authentication-keyid 1 authentication-mode md5 PLAIN",
    " ospf authentication-mode md5 1 cipher $c$3$PLAIN",
    " ospf authentication-mode simple plain PLAIN",
    " vrrp vrid 1 authentication-mode md5 cipher PLAIN",
    " pre-shared-key address 0.0.0.0 0.0.0.0 key cipher $c$3$PLAIN",
    " mac-authentication user-name-format fixed account a password cipher $c$3$PLAIN",
    " preshared-key pass-phrase cipher $c$3$PLAIN",
    " ppp chap password cipher $c$3$PLAIN",
    " portal server p ip 192.0.2.4 key cipher $c$3$PLAIN",
    " info-center ftp://backup:PLAIN@192.0.2.1/conf",
)
NOT_SECRET = (
    " password-recovery enable",
    " password-control length 10",
    " authentication-mode scheme",
    " port-security mac-address security sticky 02ca-0000-0001 vlan 100",
    " mac-address static 02ca-0000-0001 vlan 100",
    " ip source binding ip-address 198.18.100.1 mac-address 02ca-0000-0001",
    " description simple camera behind the door",
    " description cipher room",
    " stp port priority 16",
    " public-key local create rsa",
    " ssh server enable",
    " snmp-agent sys-info version v3",
    " snmp-agent trap enable port-security",
)
REFUSED = (
    " % Unrecognized command found at '^' position.",
    "% Unrecognized command found at '^' position.",
    " % Incomplete command found at '^' position.",
    " % Wrong parameter found at '^' position.",
    " % Too many parameters found at '^' position.",
    " % Ambiguous command found at '^' position.",
    "Permission denied.",
)
REFUSED_CONFIG = (
    "The specified VLAN does not exist.",
    "Failed to add the secure MAC address.",
    "Can not change the max MAC address number in autoLearn mode.",
    "Cannot enable port security because 802.1X is enabled.",
    "Please disable 802.1X first.",
    "The operation failed.",
    "The entry already exists.",
    "Invalid MAC address.",
    "This operation is not supported on the port.",
)
NOT_REFUSED = (
    "",
    "Please wait............................................... Done.",
    "System View: return to User View with Ctrl+Z.",
    "Validating file. Please wait...",
    "Notice: The port-control of 802.1X will be restricted to auto when port-security is enabled.",
    "%Nov 30 10:00:01:123 2026 H3C IFNET/3/PHY_UPDOWN: Physical state on the interface changed to down.",
)
SAVED = (
    "Validating file. Please wait...\nSaved the current configuration to mainboard device successfully.",
    "Validating file. Please wait....\n Configuration is saved to device successfully.",
    "Validating file. Please wait........\nConfiguration is saved to flash successfully.",
    (
        "Saved the current configuration to mainboard device successfully.\nSlot 1:\nSave next configuration file "
        "successfully."
    ),
)
NOT_SAVED = (
    "Validating file. Please wait...\nNot enough space on the device. Saving failed.",
    "The configuration file is being saved by another user.",
    "",
)
SAME = (
    (
        """#
 sysname gate
#
interface GigabitEthernet1/0/1
 port access vlan 100
#
return
""",
        """#
 sysname gate
#
interface GigabitEthernet1/0/1
 port access vlan 100
#
return
""",
    ),
    (
        """#
 sysname gate
#
interface GigabitEthernet1/0/1
 port access vlan 100
#
#
return
""",
        """#
 sysname gate

#
interface GigabitEthernet1/0/1
 port access vlan 100
return
""",
    ),
)
DRIFT = (
    (
        """#
vlan 1
#
vlan 100
#
 stp global enable
#
interface GigabitEthernet1/0/1
 mac-address static 02ca-0000-0001 vlan 100
#
return
""",
        """#
vlan 1
#
 stp global enable
#
interface GigabitEthernet1/0/1
#
return
""",
        (
            "+ vlan 100",
            "+ interface GigabitEthernet1/0/1 / mac-address static 02ca-0000-0001 vlan 100",
        ),
    ),
    (
        """#
local-user admin class manage
 password hash $h$6$one
#
return
""",
        """#
local-user admin class manage
 password hash $h$6$two
#
return
""",
        (
            "+ local-user admin class manage / password hash <secret>",
            "- local-user admin class manage / password hash <secret>",
        ),
    ),
    (
        """#
vlan 1
#
return
""",
        """The config file does not exist!
""",
        (
            "+ vlan 1",
            "- The config file does not exist!",
        ),
    ),
)

COMWARE7 = Transcript(
    "comware7",
    count=12,
    switch={
        "hostname": "H3C-GATE",
        "model": "H3C S5130S-28S-EI",
        "version": "7.1.070, Release 6328P01",
        "vlans": {1: "", 100: "face", 200: "", 201: "", 999: "blackhole"},
        "startup_differs": (
            "+ interface GigabitEthernet1/0/1 / description pole 7",
            "+ snmp-agent community read cipher <secret>",
            "- snmp-agent community read cipher <secret>",
        ),
    },
    ports={
        "GigabitEthernet1/0/1": Seen(
            config(
                access_vlan=100,
                secure=True,
                violation=Violation.RESTRICT,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:01", 100)}),
                ip_bindings=frozenset({IpBinding("02:ca:00:00:00:01", "198.18.100.1", 100)}),
                source_guard=True,
                description="pole 7",
            ),
            {"oper": Oper.UP, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:01", 100, "secure")})},
        ),
        "GigabitEthernet1/0/2": Seen(
            config(access_vlan=100),
            {"oper": Oper.UP, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:02", 100)})},
        ),
        "GigabitEthernet1/0/3": Seen(config(access_vlan=999, admin_up=False), {"oper": Oper.DOWN, "trunking": False}),
        # Intrusion protection shut it.
        "GigabitEthernet1/0/4": Seen(
            config(
                access_vlan=100,
                secure=True,
                violation=Violation.SHUTDOWN,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:04", 100)}),
            ),
            {
                "oper": Oper.BLOCKED,
                "blocked_cause": "Port Security Disabled",
                "trunking": False,
                "learned": frozenset({Learned("02:ca:00:00:00:04", 100, "secure")}),
            },
        ),
        # A hybrid port: its mode is not known, so nothing overwrites it.
        "GigabitEthernet1/0/5": Seen(config(mode=None), {"oper": Oper.DOWN, "voice_vlan": 300, "trunking": False}),
        "GigabitEthernet1/0/6": Seen(
            config(mode=PortMode.TRUNK, native_vlan=200, allowed_vlans=frozenset({1, 100, 200, 201})),
            {
                "oper": Oper.UP,
                "trunking": True,
                "learned": frozenset({Learned("02:fe:00:00:00:01", 200)}),
                "neighbours": (Neighbour("core", "GigabitEthernet1/0/24", "02:fe:00:00:00:01", "Bridge, Router"),),
            },
        ),
        # 802.1X decides who is admitted: neither port security nor the action is one that is written.
        "GigabitEthernet1/0/7": Seen(
            config(access_vlan=100, secure=None, maximum=1, violation=None), {"oper": Oper.DOWN, "trunking": False}
        ),
        # It learned by itself, and is full: as good as sealed.
        "GigabitEthernet1/0/8": Seen(
            config(
                access_vlan=100,
                secure=True,
                maximum=1,
                sticky=True,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:08", 100, sticky=True)}),
            ),
            {"oper": Oper.UP, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:08", 100, "secure")})},
        ),
        # It learns, with room for four more: not sealed. Its binding has no MAC, and its guard looks at the IP only.
        "GigabitEthernet1/0/9": Seen(
            config(
                access_vlan=100,
                maximum=5,
                sticky=True,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:09", 100)}),
                ip_bindings=None,
                source_guard=None,
            ),
            {"oper": Oper.UP, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:09", 100, "secure")})},
        ),
        "GigabitEthernet1/0/10": Seen(PLAIN, {"oper": Oper.DOWN, "channel": "Port-channel1", "trunking": False}),
        "Port-channel1": Seen(
            config(mode=PortMode.TRUNK, allowed_vlans=frozenset({100, 200, 201})), {"oper": Oper.DOWN, "trunking": True}
        ),
        "Management0/0/0": Seen(config(mode=PortMode.ROUTED), {"oper": Oper.DOWN, "trunking": False}),
    },
)

COMWARE5 = Transcript(
    "comware5",
    count=3,
    switch={
        "hostname": "gate5",
        "model": "H3C S3100V2-8TP-SI",
        "version": "5.20.105, Release 1810P16",
        "vlans": {1: "", 100: "face"},
    },
    ports={
        # `ip check source` is Comware 5's older word for the guard, not the one that is written: not known.
        "GigabitEthernet1/0/1": Seen(
            config(
                access_vlan=100,
                secure=True,
                violation=Violation.RESTRICT,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:01", 100)}),
                ip_bindings=frozenset({IpBinding("02:ca:00:00:00:01", "198.18.100.1", 100)}),
                source_guard=None,
            ),
            {
                "oper": Oper.UP,
                "trunking": False,
                "learned": frozenset({Learned("02:ca:00:00:00:01", 100, "secure")}),
                "neighbours": (Neighbour("camera", "02:ca:00:00:00:01", "02:ca:00:00:00:01", "StationOnly"),),
            },
        ),
        # Its static MAC was given in system view.
        "GigabitEthernet1/0/2": Seen(
            config(secure_macs=frozenset({SecureMac("02:ca:00:00:00:02", 1)}), admin_up=False),
            {"oper": Oper.DOWN, "trunking": False, "learned": frozenset({Learned("02:ca:00:00:00:02", 1, "secure")})},
        ),
        "GigabitEthernet1/0/3": Seen(config(mode=PortMode.ROUTED), {"oper": Oper.DOWN, "trunking": False}),
    },
)
DATA = Conformance(
    platform="h3c_comware",
    recorded_as="hp_comware",
    host="H3C",
    hosts=("<gate-1.floor2>", "<HP-5900_core>", "<东门交换机>", "<S5130-1/0>"),
    prompts=(
        ("<H3C>", "prompt"),
        ("[H3C]", "config_prompt"),
        ("[H3C-GigabitEthernet1/0/1]", "interface_prompt"),
        ("[H3C-Ten-GigabitEthernet1/0/25]", "interface_prompt"),
        ("[H3C-Bridge-Aggregation1]", "interface_prompt"),
        ("[H3C-vlan100]", "interface_prompt"),
    ),
    no_prompts=(
        "H3C#",
        "<other>",
        "<>",
        "[]",
        "[Y/N]:",
        "  ---- More ----",
        "The current configuration will be written to the device. Are you sure? [Y/N]:",
        "Please input the file name(*.cfg)[flash:/startup.cfg]",
        " description <H3C",
        "#",
    ),
    questions=(
        ("Press Y or ENTER to continue, N to exit.", "greetings", "Y"),
        ("The current configuration will be written to the device. Are you sure? [Y/N]:", "save", "Y"),
        ("(To leave the existing filename unchanged, press the enter key):", "save", ""),
        ("flash:/startup.cfg exists, overwrite? [Y/N]:", "save", "Y"),
    ),
    not_asked=("This command will reboot the device. Continue? [Y/N]:",),
    refused=REFUSED,
    refused_config=REFUSED_CONFIG,
    not_refused=NOT_REFUSED,
    secret=SECRET,
    not_secret=NOT_SECRET,
    saved=SAVED,
    not_saved=NOT_SAVED,
    same=SAME,
    drift=DRIFT,
    transcripts=(COMWARE7, COMWARE5),
    readers=READERS,
)

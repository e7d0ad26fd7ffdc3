"""Huawei VRP5: the data sets. Wordings are those of the S-series documents and of the recordings' own sessions."""

from __future__ import annotations

from dataclasses import replace

from policies.model import IpBinding, Learned, Neighbour, Oper, PortConfig, PortMode, SecureMac, Violation
from tests.conformance import Conformance, Seen, Transcript
from tests.conformance.huawei_vrp_readers import READERS

GE = "GigabitEthernet0/0/"
PLAIN = PortConfig(
    mode=PortMode.DYNAMIC,
    access_vlan=1,
    secure=False,
    maximum=1,
    violation=Violation.RESTRICT,
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
    " local-user admin password irreversible-cipher $1a$PLAIN$PLAIN$",
    " local-user admin password cipher %^%#PLAIN|,$9%{xZ%^%#",
    " local-user admin password simple PLAIN",
    " local-user admin password PLAIN",
    " password irreversible-cipher $1c$PLAIN",
    "super password level 3 cipher %@%@PLAIN%@%@",
    " set authentication password cipher PLAIN",
    "snmp-agent community read cipher %^%#PLAIN%^%#",
    "snmp-agent community read PLAIN mib-view ViewDefault",
    "snmp-agent community write PLAIN acl 2000",
    "snmp-agent usm-user v3 nms authentication-mode sha cipher %^%#PLAIN%^%#",
    "snmp-agent usm-user v3 nms privacy-mode aes128 cipher %^%#PLAIN%^%#",
    "snmp-agent usm-user v3 nms g authentication-mode md5 PLAIN privacy-mode des56 PLAIN",
    "snmp-agent target-host trap address udp-domain 10.0.0.9 params securityname cipher %+%#PLAIN%+%# v2c",
    "snmp-agent target-host trap address udp-domain 10.0.0.9 params securityname PLAIN v2c",
    " radius-server shared-key cipher %^%#PLAIN%^%#",
    "radius-server authorization 10.0.0.8 shared-key PLAIN",
    " hwtacacs-server shared-key cipher PLAIN",
    " ospf authentication-mode md5 1 cipher %^%#PLAIN%^%#",
    " ospf authentication-mode simple PLAIN",
    " ospf authentication-mode simple cipher PLAIN",
    " vrrp vrid 1 authentication-mode md5 PLAIN",
    " peer 10.0.0.1 password cipher PLAIN",
    "ntp-service authentication-keyid 1 authentication-mode md5 cipher PLAIN",
    "  key-string plain PLAIN",
    " pre-shared-key cipher PLAIN",
    " pre-shared-key PLAIN",
    " security wpa2 psk pass-phrase PLAIN aes",
    "capwap dtls psk PLAIN",
    " pin verify auto PLAIN",
    " set save-configuration backup-to-server server 10.0.0.1 user u password cipher PLAIN path /",
    " remote sftp://backup:PLAIN@10.0.0.1/conf",
)
NOT_SECRET = (
    "ssh server cipher aes256_ctr aes128_ctr",
    "ssh client cipher aes256_ctr",
    "ssl policy default type server",
    " ciphersuite allowed ecdhe_rsa_aes256_gcm_sha384",
    "user-bind static ip-address 10.0.0.1 mac-address 0001-0001-0001 interface GigabitEthernet0/0/1 vlan 10",
    " port-security mac-address 0001-0001-0001 vlan 10",
    " local-user admin privilege level 15",
    " local-user policy security-enhance",
    "snmp-agent trap enable feature-name l2ifppi trap-name hwPortSecRcvInsecurePktAlarm",
    " authentication-mode aaa",
    "password policy aging 90",
    " description http://10.0.0.1/camera",
)
RUNNING = """!Software Version V200R019C10SPC500
!Last configuration was updated at 2026-11-30 09:12:44+08:00 by admin
#
sysname HUAWEI
#
aaa
 local-user admin password irreversible-cipher $1a$one$
#
interface GigabitEthernet0/0/1
 port link-type access
 port default vlan 100
#
return
"""
STARTUP = RUNNING.replace("updated at 2026-11-30 09:12:44", "saved at 2026-11-30 09:13:02").replace(
    "#\nsys", "#\n\nsys"
)
DRIFT = (
    (
        RUNNING.replace("vlan 100", "vlan 200"),
        STARTUP,
        (
            "+ interface GigabitEthernet0/0/1 / port default vlan 200",
            "- interface GigabitEthernet0/0/1 / port default vlan 100",
        ),
    ),
    (
        RUNNING.replace("$1a$one$", "$1a$two$"),
        STARTUP,
        (
            "+ aaa / local-user admin password irreversible-cipher <secret>",
            "- aaa / local-user admin password irreversible-cipher <secret>",
        ),
    ),
)
REFUSED = (
    "                                  ^\nError: Unrecognized command found at '^' position.",
    "        ^\nError: Incomplete command found at '^' position.",
    "  ^\nError:Too many parameters found at '^' position.",
    "Error: Please renew the default configurations.",
    "Error: Port security is not enabled on the interface.",
    "  ^\n% Unrecognized command found at '^' position.",
)
NOT_REFUSED = (
    "",
    "Enter system view, return user view with Ctrl+Z.",
    "Info: The configuration takes effect on the current user terminal interface only.",
    "Info: This operation may take a few seconds. Please wait for a moment...done.",
    "Warning: The port has been enabled with the function of port security.",
    "Nov 30 2026 10:00:00+08:00 HUAWEI %%01IFNET/4/IF_STATE(l)[0]:Interface GE0/0/1 has turned into DOWN state.",
    " description Error: none",
)
LOGIN = (
    ("The password needs to be changed. Change now? [Y/N]:", "greetings", "n"),
    ("version downgrade. Are you sure to save now?[Y/N]: ", "greetings", "n"),
)
CONFIGURING = (
    ("Warning: This command will delete VLANs on this port. Continue?[Y/N]:", "answers", "y"),
    ("Warning: The configurations of the VLAN will be deleted. Continue?[Y/N]:", "answers", "y"),
)
NOT_ASKED = (
    "Warning: All the configuration will be saved to the configuration file. Continue? [Y/N]:",
    "Warning: Uncommitted configurations found. Are you sure to commit them before exiting? [Y(yes)/N(no)/C(cancel)]:",
    "System will reboot! Continue? [y/n]:",
)

BOUND = config(
    mode=PortMode.ACCESS,
    access_vlan=100,
    secure=True,
    maximum=2,
    secure_macs=frozenset({SecureMac("02:ca:00:00:00:11", 100)}),
    ip_bindings=frozenset({IpBinding("02:ca:00:00:00:11", "198.18.100.11", 100)}),
    source_guard=True,
    description="pole 7 / by the gate",
)
S5720 = Transcript(
    "s5720",
    count=12,
    switch={
        "hostname": "acc-7",
        "model": "S5720-28X-PWR-SI-AC",
        "version": "5.170 (S5720 V200R019C10SPC500)",
        "vlans": {1: "VLAN 0001", 100: "face", 200: "VLAN 0200", 999: "blackhole"},
        "trusted_ports": frozenset({f"{GE}5"}),
        "guarded_vlans": None,
        "oddities": (),
        "startup_differs": (
            "+ aaa / local-user admin password irreversible-cipher <secret>",
            "+ interface GigabitEthernet0/0/2 / port-security mac-address sticky 02ca-0000-0012 vlan 100",
            "- aaa / local-user admin password irreversible-cipher <secret>",
        ),
    },
    ports={
        f"{GE}1": Seen(
            BOUND,
            {
                "oper": Oper.UP,
                "trunking": False,
                "learned": frozenset(
                    {Learned("02:ca:00:00:00:11", 100, "secure"), Learned("02:ca:00:00:00:15", 100, "secure")}
                ),
            },
        ),
        # The binding has no VLAN: it is the port's own.
        f"{GE}2": Seen(
            config(
                BOUND,
                maximum=1,
                violation=Violation.SHUTDOWN,
                sticky=True,
                secure_macs=frozenset({SecureMac("02:ca:00:00:00:12", 100, sticky=True)}),
                ip_bindings=frozenset({IpBinding("02:ca:00:00:00:12", "198.18.100.12", 100)}),
                source_guard=False,
                description="",
            ),
            {"oper": Oper.BLOCKED, "blocked_cause": "port-security"},
        ),
        f"{GE}3": Seen(config(admin_up=False), {"oper": Oper.DOWN, "trunking": None}),
        f"{GE}4": Seen(config(mode=None), {"oper": Oper.DOWN}),
        # DHCP snooping trusts it, so IP source guard is there for show.
        f"{GE}5": Seen(
            config(
                mode=PortMode.DYNAMIC_AUTO,
                access_vlan=200,
                ip_bindings=frozenset({IpBinding("02:ca:00:00:00:20", "198.18.100.20 to 198.18.100.22", 100)}),
            ),
            {
                "learned": frozenset({Learned("02:ba:d0:00:00:66", 200)}),
                "neighbours": (Neighbour("shed", "eth0", "02:ba:d0:00:00:66", "wlanAccessPoint"),),
            },
        ),
        # An address bound without a MAC cannot be given back as a pair: what is bound here is not known.
        f"{GE}6": Seen(
            config(
                BOUND,
                maximum=1,
                violation=Violation.PROTECT,
                secure_macs=frozenset(),
                ip_bindings=None,
                source_guard=False,
                description="",
            ),
            {"voice_vlan": 200},
        ),
        # Its neighbour's description says that there is one here.
        f"{GE}7": Seen(PLAIN, {"neighbours": (), "learned": frozenset()}),
        f"{GE}8": Seen(config(mode=PortMode.ROUTED)),
        "TenGigabitEthernet0/0/1": Seen(
            config(mode=PortMode.TRUNK, native_vlan=999, allowed_vlans=frozenset({100, 999})),
            {"trunking": True, "learned": frozenset({Learned("02:aa:00:00:00:01", None)})},
        ),
        "TenGigabitEthernet0/0/2": Seen(PLAIN, {"channel": "Port-channel1", "oper": Oper.UP}),
        "Port-channel1": Seen(
            config(mode=PortMode.TRUNK, native_vlan=1, allowed_vlans=frozenset({1, 100, 999})), {"trunking": True}
        ),
    },
)

DATA = Conformance(
    platform="huawei_vrp",
    host="HUAWEI",
    prompts=(
        ("<HUAWEI>", "prompt"),
        ("[HUAWEI]", "config_prompt"),
        ("[HUAWEI-GigabitEthernet0/0/1]", "interface_prompt"),
        ("[HUAWEI-vlan100]", "interface_prompt"),
        ("[HUAWEI-Eth-Trunk1]", "interface_prompt"),
    ),
    no_prompts=(
        "HUAWEI>",
        "<other>",
        "[HUAWEI",
        "[Y/N]",
        "[HUAWEI]x",
        "[vrpcfg.zip]:",
        "  ---- More ----",
        "Password:",
        "[~HUAWEI]",
        "interface GigabitEthernet0/0/1",
    ),
    questions=(
        *LOGIN,
        *CONFIGURING,
        ("Are you sure to continue?[Y/N]", "save", "y"),
        ("Are you sure to continue? [Y/N]:", "save", "y"),
        ("Info: Please input the file name ( *.cfg, *.zip ) [vrpcfg.zip]:", "save", ""),
        ("flash:/vrpcfg.zip exists, overwrite?[Y/N]:", "save", "y"),
    ),
    not_asked=NOT_ASKED,
    refused=REFUSED,
    not_refused=NOT_REFUSED,
    secret=SECRET,
    not_secret=NOT_SECRET,
    same=((RUNNING, STARTUP), (RUNNING.replace("#\nret", " pin verify auto a\n#\nret"), STARTUP)),
    drift=DRIFT,
    transcripts=(S5720,),
    readers=READERS,
)

"""Cisco IOS and IOS XE: reads on demand about interfaces, ARP and DHCP snooping.

Sources: the recordings of the replay tests; for `show ip dhcp snooping` the Catalyst 3560 and 9300 command references.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.cisco_ios.words import IP, MAC, PORT, RULE

INTERFACES = Read(
    command="show interfaces",
    aliases=("show interfaces {port}",),
    fact=Fact.STATUS,
    start=r"(?P<port>[A-Za-z][\w/.:-]*\d) is (?P<admin_up>[a-z][a-z -]*), line protocol is "
    r"(?P<oper>(?:up|down)\b(?: \(err-disabled\))?)",
    rows=(
        rf"\s+Hardware is .*, address is (?P<own_mac>{MAC})",
        r"\s+Description: (?P<description>.*)",
        r"\s+Internet address is (?P<ip>\S+)",
    ),
    ignore=(r"\s+\S",),
    values={
        "admin_up": {"administratively down": False, "*": True},
        "oper": {"up": "up", "down": "down", "down (err-disabled)": "blocked"},
    },
    defaults={"description": ""},
)

SWITCHPORTS = Read(
    command="show interfaces switchport",
    aliases=("show interfaces {port} switchport",),
    fact=Fact.INTERFACE,
    start=r"Name: (?P<port>\S+)\s*$",
    rows=(
        r"Switchport: (?P<mode>Disabled)",
        r"Administrative Mode: (?P<mode>\S.*)",
        r"Operational Mode: .*\(member of bundle (?P<bundle_port>\S+)\)",
        r"Operational Mode: (?P<operational>\S.*)",
        r"Access Mode VLAN: (?P<access_vlan>\d+)",
        r"Trunking Native Mode VLAN: (?P<native_vlan>\d+)",
        r"Voice VLAN: (?:(?P<voice_vlan>\d+)|none)",
        r"Trunking VLANs Enabled: (?P<allowed_vlans>\S.*)",
    ),
    ignore=(r"(?!Error)[A-Z][\w /-]*:(?: |$)", r"Capture Mode (?:Dis|En)abled", r"\S+ is not a switchable port"),
    wrapped=r"\s{4,}\d[\d,-]*\s*$",
    values={
        "mode": {
            "disabled": "routed",
            "static access": "access",
            "trunk": "trunk",
            "dynamic auto": "dynamic",
            "dynamic desirable": "dynamic",
            "*": None,
        },
        "allowed_vlans": {"all": frozenset(range(1, 4095)), "none": frozenset(), "*": "*"},
    },
)

ARP = Read(
    command="show arp",
    aliases=("show ip arp",),
    fact=Fact.ARP,
    rows=(
        (
            rf"Internet\s+(?P<ip>{IP})\s+(?P<age>-|\d+)\s+(?:(?P<mac>{MAC})|(?P<state>Incomplete))\s+ARPA"
            r"(?:\s+(?P<port>Vlan(?P<vlan>\d+)|\S+))?\s*$"
        ),
    ),
    ignore=(r"Protocol\s+Address\s+Age",),
    complete=r"Protocol\s+Address\s+Age",
)

SNOOPING = Read(
    command="show ip dhcp snooping",
    fact=Fact.SNOOPING,
    start=r"Switch DHCP snooping is (?P<enabled>\w+)",
    rows=(
        r"DHCP snooping is configured on following VLANs: (?P<vlans>\S.*)",
        r"DHCP snooping is operational on following VLANs: (?P<operational_vlans>\S.*)",
        rf"(?P<port>{PORT})\s+(?P<trusted>yes|no)\s+(?:yes|no)\s+(?P<rate>\d+|unlimited)\s*$",
    ),
    ignore=(
        r"Switch DHCP gleaning is ",
        r"(?:DHCP snooping|Smartlog|Proxy bridge) is (?:configured|operational) on (?:the )?following ",
        r"DHCP snooping trust/rate is configured",
        r"\s*(?:Insertion of option 82|Option 82 on untrusted|Verification of (?:hwaddr|giaddr))\b",
        r"\s*(?:circuit-id|remote-id)\b",
        r"\s*(?:default format|string|[Cc]ustom circuit-ids?:|none\s*$)",
        r"Interface\s+Trusted\s",
        RULE,
    ),
    wrapped=r"(?:\d[\d, -]*|none)\s*$",
    many={"port": "interfaces", "trusted": "interfaces", "rate": "interfaces"},
    values={
        "enabled": {"enabled": True, "disabled": False},
        "trusted": {"yes": True, "no": False},
        "vlans": {"none": frozenset(), "*": "*"},
        "operational_vlans": {"none": frozenset(), "*": "*"},
    },
)

READS = (INTERFACES, SWITCHPORTS, ARP, SNOOPING)

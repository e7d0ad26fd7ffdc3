"""Cisco IOS and IOS XE: which MAC has which IP where: DHCP snooping, IP source guard, ARP; read on demand.

Sources: the recordings of the replay tests; for `show ip dhcp snooping` the Catalyst 3560 and 9300 command references.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.cisco_ios.words import COLON_MAC, IP, MAC, PORT, RULE

_BINDING_ROW = (
    (
        rf"\s*(?P<mac>{COLON_MAC})\s+(?P<ip>{IP})\s+(?P<lease>\d+|infinite)\s+(?P<kind>dhcp-snooping|static)\s+"
        rf"(?P<vlan>\d+)\s+(?P<port>{PORT})\s*$"
    ),
)
_BINDING_NOISE = (r"\s*MacAddress\s+IpAddress\s+Lease", RULE)

IP_SOURCE = Read(
    command="show ip source binding",
    fact=Fact.IP_BINDING,
    rows=_BINDING_ROW,
    ignore=_BINDING_NOISE,
    complete=_BINDING_NOISE[0],
    total=r"\s*Total number of bindings: (?P<total>\d+)",
)
IP_SNOOPED = Read(
    command="show ip dhcp snooping binding",
    fact=Fact.IP_BINDING,
    rows=_BINDING_ROW,
    ignore=_BINDING_NOISE,
    complete=_BINDING_NOISE[0],
    total=r"\s*Total number of bindings: (?P<total>\d+)",
)

SOURCE_GUARD = Read(
    command="show ip verify source",
    fact=Fact.SOURCE_GUARD,
    rows=(
        (
            rf"\s*(?P<port>{PORT})\s+(?P<filter>ip(?:-mac)?(?: trk)?|mac)\s+(?P<mode>active|inactive\S*)"
            rf"(?:\s+(?:(?P<ip>{IP})|deny-all|permit-all))?(?:\s+(?:(?P<mac>{COLON_MAC}|{MAC})|deny-all|permit-all))?"
            r"(?:\s+(?:(?P<vlan>\d+)|(?P<vlans>\d+[,\-][\d,\-]*)))?\s*$"
        ),
    ),
    ignore=(r"\s*Interface\s+Filter-type", RULE),
    complete=r"\s*Interface\s+Filter-type",
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

READS = (IP_SOURCE, IP_SNOOPED, SOURCE_GUARD, ARP, SNOOPING)

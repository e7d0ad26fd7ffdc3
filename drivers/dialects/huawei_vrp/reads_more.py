"""Huawei VRP5: ARP, static bindings and SNMP communities, read on demand.

Sources: the recordings of the replay tests; for `display dhcp static user-bind all` the S-series configuration guide
(IPSG). Of a community everything is read but its name.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.huawei_vrp.words import INFO, IP, MAC, PORT, RULE

ARP = Read(
    command="display arp all",
    aliases=("display arp brief", "display arp"),
    fact=Fact.ARP,
    rows=(
        (
            rf"(?P<ip>{IP})\s+(?:(?P<mac>{MAC})|(?P<state>Incomplete))\s+(?:(?P<expire>\d+)\s+)?"
            rf"(?P<kind>[IDS]\S*(?: -)?)\s+(?P<port>{PORT})(?:\s+(?P<vpn>[^\s/]+))?(?:\s+(?:(?P<vlan>\d+)|-)/\S+)?\s*$"
        ),
    ),
    ignore=(r"IP ADDRESS\s+MAC ADDRESS", r"\s+VLAN/CEVLAN", RULE),
    wrapped=r"\s{20,}(?:\d+|-)/",
    complete=r"IP ADDRESS\s+MAC ADDRESS",
    total=r"Total:\s*(?P<total>\d+)\b",
)

USER_BIND = Read(
    command="display dhcp static user-bind all",
    fact=Fact.IP_BINDING,
    rows=(
        (
            rf"\s*(?:(?P<ip>{IP})|-+)\s+(?:(?P<mac>{MAC})|-+)\s+(?:(?P<vlan>\d+)|-+)\s*(?:/\s*\S+\s*){{1,2}}"
            rf"\s(?:(?P<port>{PORT})|-+)\s*$"
        ),
    ),
    ignore=(r"\s*DHCP static Bind-table", r"\s*Flags: ?O", r"\s*IP Address\s+MAC Address", INFO, RULE),
    defaults={"kind": "static"},
    complete=rf"\s*IP Address\s+MAC Address|{INFO}",
    total=r"\s*[Pp]rint count:\s*(?P<total>\d+)\b",
)

COMMUNITIES = Read(
    command="display snmp-agent community read",
    aliases=("display snmp-agent community write",),
    fact=Fact.SYSTEM,
    start=r"\s*Community name\s*:",
    rows=(
        r"\s*Storage type\s*:\s*(?P<storage>\S+)",
        r"\s*View name\s*:\s*(?P<view>\S+)",
        r"\s*Acl\s*:\s*(?P<acl>\S+)",
    ),
    ignore=(r"\s*(?:Group name|Alias name|IPv6 acl|Acl6)\s*:",),
    complete=r"\s*Total number is ",
    total=r"\s*Total number is (?P<total>\d+)",
)

READS = (ARP, USER_BIND, COMMUNITIES)

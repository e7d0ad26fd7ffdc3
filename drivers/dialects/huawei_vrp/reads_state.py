"""Huawei VRP5: what is learned (MAC table, LLDP) and the device itself. Source: the recordings of the replay tests.

The MAC table of old releases, with a column for each VLAN tag, is that of the S-series V200R001 configuration guide.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.huawei_vrp.words import INFO, IP, MAC, PORT, RULE

_VLAN = r"(?:(?P<vlan>\d+)(?:/\S*)?|-/\S*)"
_ENTRY = rf"\s*(?P<mac>{MAC})\s+{_VLAN}\s+"
#: MAC Address, VLAN/VSI(/BD), Learned-From, Type; VRP8 adds the age.
_NEW = rf"{_ENTRY}(?:(?P<port>{PORT})|-)\s+(?P<kind>KIND)(?:\s+(?:(?P<age>\d+)|-))?\s*$"
#: MAC Address, VLAN/VSI, PEVLAN, CEVLAN, Port, Type, LSP/LSR-ID
_OLD = rf"{_ENTRY}[\d-]+\s+[\d-]+\s+(?:(?P<port>{PORT})|-)\s+(?P<kind>KIND)(?:\s+\S+)?\s*$"
_ANY, _FIXED = r"[a-z][\w-]*", r"sticky|sec-config|security"
_HEADING = r"\s*MAC Address\s+VLAN"
_MAC_NOISE = (
    r"\s*Flags: ",
    r"\s+# - forwarding logical interface",
    r"\s+on the interface\.",
    r"\s*BD\s*: ",
    r"\s*MAC address table of ",
    _HEADING,
    r"\s+VSI/SI\s+MAC-Tunnel",
    r"\s*Total matching items ",
    INFO,
    RULE,
)
_TOTAL = r"\s*Total items(?: displayed)?\s*[:=]\s*"
#: What authentication or snooping has learned is there like any device; a black hole and the like is the switch's own.
_KINDS = {
    "dynamic": "dynamic",
    "static": "static",
    "security": "secure",
    "sec-config": "secure",
    "sticky": "secure",
    "authen": "dynamic",
    "snooping": "dynamic",
    "guest": "dynamic",
    "*": "self",
}

#: An old release answers nothing at all when nothing is learned, so there is no line that proves a whole answer.
LEARNED = Read(
    command="display mac-address",
    fact=Fact.LEARNED,
    rows=tuple(row.replace("KIND", _ANY) for row in (_NEW, _OLD)),
    ignore=_MAC_NOISE,
    values={"kind": _KINDS},
    total=rf"{_TOTAL}(?P<total>\d+)",
    observe=True,
)

#: Sticky addresses that VRP8 keeps in a file of its own are in no configuration.
SECURE_MACS = Read(
    command="display mac-address",
    fact=Fact.SECURE_MAC,
    rows=tuple(row.replace("KIND", _FIXED) for row in (_NEW, _OLD)),
    ignore=(*_MAC_NOISE, _TOTAL, rf"\s*{MAC}\s+\S+\s"),
    values={"kind": {"sticky": "sticky", "sec-config": "configured", "security": "dynamic"}},
    observe=True,
    gives=frozenset({"secure_macs"}),
)

#: Neighbours are strangers: a description of several lines may look like anything and is skipped, and what is unknown
#: is not an error, so that no neighbour can keep the switch from being read. Of several neighbours behind one port the
#: first is read.
NEIGHBOURS = Read(
    command="display lldp neighbor",
    aliases=("display lldp neighbor interface {port}",),
    fact=Fact.NEIGHBOUR,
    start=rf"(?P<port>{PORT}) has [1-9]\d* neighbor",
    stop=r"\S+ has 0 neighbor",
    rows=(
        rf"Chassis ID\s*:(?P<chassis>(?P<chassis_mac>{MAC})\s*$|.*)",
        rf"Port ID\s*:(?P<neighbour>(?P<neighbour_mac>{MAC})\s*$|.*)",
        r"Port description\s*:(?P<description>.*)",
        r"System name\s*:(?P<system>.*)",
        r"System capabilities enabled\s*:(?P<capabilities>.*)",
        rf"Management address(?: value)?\s*:\s*(?P<ip>{IP})",
    ),
    skip=((r"System description\s*:", r"(?:System capabilities supported|Management address type|Expired time)\s*:"),),
    values={"capabilities": {"--": "", "*": "*"}},
    defaults={"system": "", "neighbour": "", "chassis": "", "capabilities": ""},
    open_text=True,
    observe=True,
    optional=True,
)

VERSION = Read(
    command="display version",
    fact=Fact.VERSION,
    start=r"(?:VRP \(R\) software, )?Version (?P<version>[\d.]+ \([^)]*\))",
    rows=(r"(?:HUAWEI|Huawei) (?P<model>\S.*?)(?: (?:Routing Switch|Terminal Switch|Router|Switch))? uptime is ",),
    complete=r".*\buptime is ",
    open_text=True,
    observe=True,
)

READS = (LEARNED, SECURE_MACS, NEIGHBOURS, VERSION)

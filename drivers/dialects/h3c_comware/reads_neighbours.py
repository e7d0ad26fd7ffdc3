"""Comware: what is known of others: MAC table, LLDP neighbours; VLANs and version of the switch itself.

Sources: the recordings of the replay tests; H3C command references: display mac-address, display lldp
neighbor-information, display version.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.h3c_comware.words import FOUND, FOUND_ON_SLOT, IP, MAC, PORT

LEARNED = Read(
    command="display mac-address",
    aliases=("display mac-address interface {port}",),
    fact=Fact.LEARNED,
    rows=(
        (
            rf"\s*(?P<mac>{MAC})\s+(?P<vlan>\d+)\s+(?P<kind>[A-Z][\w/-]*(?: (?:static|dynamic))?)\s+"
            rf"(?:(?P<port>{PORT})|N/A|-+)\s+(?P<aging>\S+)\s*$"
        ),
    ),
    ignore=(r"\s*MAC (?:ADDR|Address)\s+VLAN ID\s", FOUND_ON_SLOT),
    values={
        "kind": {"config static": "static", "static": "static", "config dynamic": "static", "security": "secure"}
        | {"blackhole": "self", "*": "dynamic"},
    },
    complete=r"\s*MAC (?:ADDR|Address)\s+VLAN ID\s|\s*-+\s+(?:\d+|[Nn]o) mac address|.*[Nn]o mac address",
    total=FOUND,
    observe=True,
)

_ID = rf"(?P<chassis>{MAC}|\S+)"
_LIST = r"(?P<neighbour>\S+(?: \d[\d/.:]*)?)"
#: LLDP is spoken on physical ports, whose numbers have slashes; a neighbour called SW-01 is none.
_LOCAL = r"(?P<port>[A-Z][A-Za-z-]*\d+(?:/\d+)+(?::\d+)?)"

NEIGHBOURS = Read(
    command="display lldp neighbor-information list",
    fact=Fact.NEIGHBOUR,
    rows=(
        # Comware 7 since about 2017: the local interface first; before: the neighbour's name first.
        rf"{_LOCAL}\s+[*#]?\s?{_ID}\s+{_LIST}(?:\s+(?P<system>\S.*?))?\s*$",
        rf"(?P<system>\S.*?)\s+{_LOCAL}\s+[*#]?\s?{_ID}\s+{_LIST}\s*$",
    ),
    ignore=(
        r"Chassis ID : \* -- -- ",
        r"\s+(?:#|Default) -- -- ",
        r"System Name\s+Local Interface\s",
        r"Local Interface\s+Chassis ID\s",
    ),
    defaults={"system": ""},
    complete=r"(?:System Name\s+)?Local Interface\s+Chassis ID\s",
)

#: Neighbours are strangers: what one says of itself at length is skipped, and what is unknown is no error, so that no
#: neighbour can keep the switch from being read.
NEIGHBOURS_DETAIL = Read(
    command="display lldp neighbor-information verbose",
    aliases=("display lldp neighbor-information",),
    fact=Fact.NEIGHBOUR,
    start=rf"LLDP neighbor-information of port \d+ ?\[(?P<port>{PORT})\]:",
    rows=(
        rf"\s*Chassis ID\s*: (?P<chassis>(?P<chassis_mac>{MAC})\s*$|\S.*)",
        rf"\s*Port ID\s*: (?P<neighbour>(?P<neighbour_mac>{MAC})\s*$|\S.*)",
        r"\s*Port description\s*: (?P<description>.*)",
        r"\s*System name\s*: (?P<system>.*)",
        r" {0,2}System capabilities enabled\s*: ?(?P<capabilities>\S.*)",
        rf"\s*Management address\s*: (?P<ip>{IP})",
    ),
    skip=((r"\s*System description\s*:", r" {0,2}System capabilities supported\s*:"),),
    defaults={"system": "", "neighbour": "", "chassis": "", "capabilities": ""},
    open_text=True,
    observe=True,
    optional=True,
)

_RELEASE = r"(?P<version>[\d.]+(?:, (?:Release|ESS|Feature|Test) \S+)?)"

_PORTS = rf"(?P<{{0}}>{PORT}(?:\s+{PORT})*)"

VLANS_ALL = Read(
    command="display vlan all",
    fact=Fact.VLAN,
    start=r"\s*VLAN ID: (?P<vlan>\d+)\s*$",
    rows=(
        r"\s*Name: (?P<name>.*)",
        r"\s*Description: (?P<description>.*)",
        r"\s*Tagged\s+[Pp]orts:\s*" + _PORTS.format("tagged_ports"),
        r"\s*Untagged\s+[Pp]orts:\s*" + _PORTS.format("untagged_ports"),
    ),
    ignore=(
        r"\s*(?:VLAN [Tt]ype|Route [Ii]nterface|IPv[46] (?:address|subnet mask)|(?:Unt|T)agged\s+[Pp]orts):",
        r"\s*Total \d+ VLANs?",
    ),
    wrapped=rf"\s{{4,}}{PORT}(?:\s|$)",
)

VLANS_BRIEF = Read(
    command="display vlan brief",
    fact=Fact.VLAN,
    rows=(rf"(?P<vlan>\d+)\s{{2,}}(?P<name>\S.*?)(?:\s{{2,}}(?P<ports>{PORT}(?:\s+{PORT})*))?\s*$",),
    ignore=(
        r"Brief information about all VLANs:",
        r"Supported M(?:in|ax)imum VLAN ID: ",
        r"Default VLAN ID: ",
        r"VLAN ID\s+Name\s+Port",
    ),
    wrapped=rf"\s{{20,}}{PORT}",
    complete=r"VLAN ID\s+Name\s+Port",
)

VERSION = Read(
    command="display version",
    fact=Fact.VERSION,
    # Comware 5 says the version on a line of its own.
    start=rf"\S+ Comware (?:Platform )?Software(?:, Version {_RELEASE})?",
    rows=(
        rf"Comware Software, Version {_RELEASE}",
        r"(?P<model>\S.*?) uptime is ",
    ),
    complete=r".* uptime is ",
    open_text=True,
    observe=True,
)

READS = (LEARNED, NEIGHBOURS, NEIGHBOURS_DETAIL, VLANS_ALL, VLANS_BRIEF, VERSION)

"""RGOS: ports, port security, MAC table, neighbours, VLANs and version.

Sources: public sessions with RGOS 10.4 (show vlan, show version) and 11.x (show interface status); configuration guides
of RGOS 10.4 and 11.x (MAC table, LLDP, port security). No recording of the security commands is known: they are parsed
on request, and the state comes from the configuration.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.ruijie_os.words import IP, MAC, PORT, RULE

STATUS = Read(
    command="show interface status",
    aliases=("show interfaces status",),
    fact=Fact.STATUS,
    rows=(
        (
            rf"(?P<port>{PORT})\s+(?P<oper>(?P<admin_up>[A-Za-z][\w-]*))"
            r"(?:\s+(?:(?P<vlan>\d+)|(?P<mode>[Tt]runk|[Rr]outed)))?\s+(?P<duplex>[A-Za-z]\w*|--)\s+(?P<speed>[\w.]+|--)\s+(?P<media>\S.*?)\s*$"
        ),
    ),
    ignore=(r"Interface\s+Status\s", RULE),
    values={
        "oper": {"up": "up", "connected": "up", "err-disabled": "blocked", "errdisabled": "blocked", "*": "down"},
        "admin_up": {"disabled": False, "disable": False, "*": True},
        "mode": {"trunk": "trunk", "routed": "routed"},
    },
    complete=r"Interface\s+Status\s",
    observe=True,
    optional=True,
)

SECURE = Read(
    command="show port-security",
    fact=Fact.SECURE,
    rows=(
        (
            rf"(?:\d+\s+)?(?P<port>{PORT})\s+(?P<maximum>\d+)\s+(?P<current>\d+)\s+(?:(?P<violations>\d+)\s+)?"
            r"(?P<violation>Protect|Restrict|Shutdown)(?:\s+\S.*)?$"
        ),
    ),
    ignore=(r"\s*(?:NO\.?\s+)?Secure ?Port\s+MaxSecureAddr", r"\s+\([Cc]ount\)", RULE),
    values={"violation": {name: name for name in ("protect", "restrict", "shutdown")}},
    defaults={"secure": True},
    complete=r"\s*(?:NO\.?\s+)?Secure ?Port\s+MaxSecureAddr",
)

SECURE_MACS = Read(
    command="show port-security address",
    aliases=("show port-security all",),
    fact=Fact.SECURE_MAC,
    rows=(
        (
            rf"(?:\d+\s+)?(?P<vlan>\d+)\s+(?P<mac>{MAC})(?:\s+(?P<ip>{IP}))?\s+(?P<kind>[A-Z][a-z]+)\s+(?P<port>{PORT})"
            r"(?:\s+(?P<age>\S+))?\s*$"
        ),
        rf"(?:\d+\s+)?(?P<port>{PORT})\s+(?P<vlan>\d+)\s+(?P<mac>{MAC})\s+(?P<kind>[A-Z][a-z]+)(?:\s+(?P<age>\S+))?\s*$",
    ),
    ignore=(r"\s*(?:NO\.?\s+)?(?:Vlan|VLAN|Port|PORT)\s+", RULE),
    values={"kind": {"configured": "configured", "static": "configured", "dynamic": "dynamic", "sticky": "sticky"}},
    complete=r"\s*(?:NO\.?\s+)?(?:Vlan|VLAN|Port|PORT)\s+",
)

LEARNED = Read(
    command="show mac-address-table",
    aliases=("show mac-address-table dynamic", "show mac-address-table static"),
    fact=Fact.LEARNED,
    rows=(
        rf"\s*(?P<vlan>\d+)\s+(?P<mac>{MAC})\s+(?P<kind>[A-Z]+)\s+(?P<port>{PORT})(?:\s+(?P<age>\S.*))?\s*$",
        rf"\s*(?P<vlan>\d+)\s+(?P<mac>{MAC})\s+(?P<kind>FILTER)\s*$",
    ),
    ignore=(r"\s*Vlan\s+MAC Address\s+Type\s", RULE),
    values={"kind": {"dynamic": "dynamic", "static": "static", "filter": "self", "*": "dynamic"}},
    complete=r"\s*Vlan\s+MAC Address\s+Type\s",
    observe=True,
)

#: Neighbours are strangers: what one says of itself at length is skipped, and what is unknown is no error.
NEIGHBOURS_DETAIL = Read(
    command="show lldp neighbors detail",
    fact=Fact.NEIGHBOUR,
    start=rf"LLDP neighbor-information of port \[(?P<port>{PORT})\]",
    rows=(
        rf"\s*Chassis id\s*: (?P<chassis>(?P<chassis_mac>{MAC})\s*$|\S.*)",
        rf"\s*Port id\s*: (?P<neighbour>(?P<neighbour_mac>{MAC})\s*$|\S.*)",
        r"\s*System name\s*: (?P<system>.*)",
        r"\s*System capabilities enabled\s*: ?(?P<capabilities>\S.*)",
        rf"\s*Management address\s*: (?P<ip>{IP})",
    ),
    skip=((r"\s*System description\s*:", r"\s*System capabilities supported\s*:"),),
    defaults={"system": "", "neighbour": "", "chassis": "", "capabilities": ""},
    open_text=True,
    observe=True,
    optional=True,
)

VLANS = Read(
    command="show vlan",
    fact=Fact.VLAN,
    rows=(
        (
            r"\s*(?P<vlan>\d+)\s+(?P<name>\S.*?)\s+(?P<status>STATIC|DYNAMIC|PRIVATE)"
            rf"(?:\s+(?P<ports>{PORT}(?:[\s,]+{PORT})*))?\s*$"
        ),
    ),
    ignore=(r"\s*VLAN Name\s+Status\s+Ports", RULE),
    wrapped=rf"\s{{40,}}{PORT}",
    complete=r"\s*VLAN Name\s+Status\s+Ports",
)

VERSION = Read(
    command="show version",
    fact=Fact.VERSION,
    start=r"System description\s*: (?P<description>.*?(?:\((?P<model>[A-Z][\w-]*\d[\w-]*)\).*)?)\s*$",
    rows=(
        r"System software version\s*: (?P<version>\S.*)",
        r"System serial number\s*: (?P<serial>\S+)",
    ),
    complete=r"System description\s*: ",
    open_text=True,
    observe=True,
)

READS = (STATUS, SECURE, SECURE_MACS, LEARNED, NEIGHBOURS_DETAIL, VLANS, VERSION)

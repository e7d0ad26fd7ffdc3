"""Comware: ports and port security as they are in force.

Sources: the recordings of the replay tests; H3C command references: display interface brief down (causes), display
port-security (Comware 7: `Port mode : secure`; Comware 5: `Port mode is secure`).
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.h3c_comware.words import FOUND, FOUND_ON_SLOT, IP, MAC, PORT

_LINK = r"(?P<oper>(?P<admin_up>UP|DOWN|ADM|Stby))"
_LEGEND = (
    r"(?:The b|B)rief information (?:of|on) interfaces?(?:\(s\))? (?:under|in) (?:route|bridge) mode",
    r"(?:Link|Protocol|Speed or Duplex|Speed|Duplex|Type): ",
    r"Interface\s+Link\s",
)
_OPERS = {"up": "up", "*": "down"}

STATUS = Read(
    command="display interface brief",
    fact=Fact.STATUS,
    rows=(
        # Bridge mode: speed, duplex, type, PVID. Speed and duplex of an aggregation without members are `--`.
        (
            rf"(?P<port>{PORT})\s+{_LINK}\s+(?P<speed>\S+)\s+(?P<duplex>[AFH](?:\(a\))?|-+)\s+(?P<mode>[ATH])\s+"
            r"(?:(?P<vlan>\d+)|-+)(?:\s+(?P<description>\S.*))?$"
        ),
        # Route mode: protocol, address.
        (
            rf"(?P<mode>(?P<port>{PORT}))\s+{_LINK}\s+(?:UP|DOWN|--)(?:\([sl]\))?\s+(?:--|(?P<ip>{IP}))"
            r"(?:\s+(?:--|(?P<description>\S.*)))?$"
        ),
    ),
    ignore=_LEGEND,
    values={
        "oper": _OPERS,
        "admin_up": {"adm": False, "*": True},
        "mode": {"A": "access", "T": "trunk", "H": "hybrid", "*": "routed"},
    },
    defaults={"description": ""},
    complete=_LEGEND[2],
    observe=True,
)

#: Why ports are down. Only what the switch itself shut is told; a cable that is not there is no cause.
BLOCKED = Read(
    command="display interface brief down",
    fact=Fact.STATUS,
    rows=(
        (
            rf"(?P<port>{PORT})\s+(?P<oper>DOWN)\s+(?:DOWN \( ?)?"
            r"(?P<blocked_cause>(?i:port security disabled|stp down|loopback detection down|storm-constrain|"
            r"mad shutdown|link-flap down|port error-?down|error-?down)[^)]*)(?: ?\))?\s*$"
        ),
    ),
    ignore=(*_LEGEND, rf"{PORT}\s+(?:DOWN|ADM|Stby)\b"),
    values={"oper": {"*": "blocked"}},
    observe=True,
    optional=True,
)

#: Comware 7 and 5.
_SWITCHED = r"\s*(?:Port security\s+:|Equipment port-security is)"

SECURE = Read(
    command="display port-security",
    aliases=("display port-security interface {port}",),
    fact=Fact.SECURE,
    start=rf"\s*(?P<port>{PORT}) is link-(?P<link>up|down)\s*$",
    rows=(
        r"\s+Port mode(?:\s*:| is) ?(?P<secure>\S+)",
        r"\s+Intrusion (?:protection )?mode(?:\s*:| is) ?(?P<intrusion>\S+)",
        r"\s+Max(?: secure MAC addresses| MAC address number)(?:\s*:| is) ?(?:(?P<maximum>\d+)|Not? .*)",
        r"\s+(?:Current secure MAC addresses|Stored MAC address number)(?:\s*:| is) ?(?P<current>\d+)",
    ),
    values={"secure": {"secure": True, "autolearn": False, "norestrictions": False, "norestriction": False, "*": "*"}},
    # A mode is kept while port security is off for the whole switch, but not in force: such ports are not secured.
    skip=((rf"{_SWITCHED} ?[Dd]isabled\s*$", r"(?!)"),),
    complete=r"(?:Global )?[Pp]ort security parameters:|\s*Equipment port-security is (?:en|dis)abled",
    open_text=True,
    observe=True,
    optional=True,
    gives=frozenset({"secure"}),
)

#: While it is off for the whole switch, a plan that turns it on would bring modes into force that wait on other ports.
SECURITY = Read(
    command="display port-security",
    fact=Fact.SYSTEM,
    rows=(rf"{_SWITCHED} ?(?P<security>[Dd]is|[Ee]n)abled\s*$",),
    values={"security": {"dis": False, "en": True}},
    open_text=True,
    observe=True,
    optional=True,
)

#: Of a port that learns: its static, sticky and dynamic MACs alike, so that the configuration tells more.
SECURE_MACS = Read(
    command="display port-security mac-address security",
    fact=Fact.SECURE_MAC,
    rows=(rf"\s*(?P<mac>{MAC})\s+(?P<vlan>\d+)\s+(?P<kind>[Ss]ecurity)\s+(?P<port>{PORT})\s+(?P<age>NOAGED|\d+)\s*$",),
    ignore=(r"\s*MAC ADDR\s+VLAN ID\s", FOUND_ON_SLOT),
    values={"kind": {"security": "sticky"}},
    complete=r"\s*MAC ADDR\s+VLAN ID\s|\s*-+\s+(?:\d+|[Nn]o) mac address",
    total=FOUND,
)

#: Who violated while intrusion protection blocks them (3 minutes): Comware counts no violations.
BLOCKED_MACS = Read(
    command="display port-security mac-address block",
    fact=Fact.SECURE,
    rows=(rf"\s*(?P<last_mac>{MAC})\s+(?P<port>{PORT})\s+(?P<vlan>\d+)\s*$",),
    ignore=(r"\s*MAC ADDR\s+(?:Port|From Port)\s+VLAN ID", FOUND_ON_SLOT),
    complete=r"\s*MAC ADDR\s+(?:Port|From Port)\s|\s*-+\s+(?:\d+|[Nn]o) mac address",
    total=FOUND,
    observe=True,
    optional=True,
)

READS = (STATUS, BLOCKED, SECURE, SECURITY, SECURE_MACS, BLOCKED_MACS)

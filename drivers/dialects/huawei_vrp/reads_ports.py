"""Huawei VRP5: ports as they are now, VLANs, and what the switch shut itself.

Sources: the recordings of the replay tests; for `display error-down recovery` the S-series command reference.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.huawei_vrp.words import INFO, MAC, MARK, PORT, RULE

_BRIEF = rf"\s*(?P<port>{PORT}){MARK}\s+"
_COUNTERS = r"\s+(?:up|down)\S*\s+(?:[\d.]+%|--)\s+(?:[\d.]+%|--)\s+\d+\s+\d+\s*$"
_WIDE = r"\s{20,}\d[\d\s-]*$"
_PORT_VLAN_NOISE = (r"Port\s+Link Type\s+PVID\b", RULE)

BRIEF = Read(
    command="display interface brief",
    fact=Fact.STATUS,
    rows=(
        rf"{_BRIEF}(?P<oper>down\(ed\)){_COUNTERS}",
        rf"{_BRIEF}(?P<oper>(?P<admin_up>[*^#!]?(?:up|down)))(?:\(\w+\))?{_COUNTERS}",
    ),
    ignore=(
        r"\s*(?:PHY|InUti/OutUti|[*^#!]down|\([A-Za-z]{1,4}\)): ?",
        r"\s*Interface\s+PHY\s+Protocol\b",
        RULE,
    ),
    values={
        "oper": {"up": "up", "down(ed)": "blocked", "*": "down"},
        "admin_up": {"*down": False, "*": True},
    },
    complete=r"\s*Interface\s+PHY\s+Protocol\b",
    observe=True,
)

ERROR_DOWN = Read(
    command="display error-down recovery",
    fact=Fact.STATUS,
    rows=(rf"\s*(?P<port>{PORT})\s+(?P<blocked_cause>[a-z][\w-]*)\s+(?P<recovery>\d+|-+)\s+(?P<left>\d+|-+)\s*$",),
    ignore=(r"\s*[Ii]nterface\s+[Ee]rror-down\b", r"\s*(?:[Cc]ause\b|[Tt]ime\s*\(sec\))", RULE, INFO),
    defaults={"oper": "blocked"},
    complete=rf"\s*[Ii]nterface\s+[Ee]rror-down\b|{INFO}",
    observe=True,
    optional=True,
)

#: The VLANs of trunks as they are in force: a configuration names VLAN 1 only where it is taken away.
PORT_VLAN = Read(
    command="display port vlan",
    fact=Fact.INTERFACE,
    rows=(
        rf"\s*(?P<port>{PORT})\s+(?P<link_type>trunk)\s+(?P<native_vlan>\d+)\s+(?:-+|(?P<allowed_vlans>\d[\d\s-]*))$",
        rf"\s*(?P<port>{PORT})\s+(?P<link_type>\S+)\s+(?P<pvid>\d+)\s+(?:-+|(?P<carried>\d[\d\s-]*))$",
    ),
    ignore=_PORT_VLAN_NOISE,
    wrapped=_WIDE,
    complete=_PORT_VLAN_NOISE[0],
    observe=True,
    optional=True,
    gives=frozenset({"native_vlan", "allowed_vlans"}),
)

#: A port that negotiates (auto, desirable) may be a trunk by now; the list does not tell.
TRUNKING = Read(
    command="display port vlan",
    fact=Fact.STATUS,
    rows=(rf"\s*(?P<port>{PORT})\s+(?P<mode>\S+)\s+\d+\s",),
    ignore=_PORT_VLAN_NOISE,
    wrapped=_WIDE,
    values={"mode": {"auto": None, "desirable": None, "-": None, "*": "*"}},
    complete=_PORT_VLAN_NOISE[0],
    observe=True,
    optional=True,
)

VLANS = Read(
    command="display vlan",
    fact=Fact.VLAN,
    rows=(
        (
            r"\s*\*?(?P<vlan>\d+)\s+(?:[a-z][\w-]*\s+)?(?P<status>enable|disable)\s+(?P<kind>\w+)"
            r"(?:\s+(?:enable|disable)){2}(?:\s+(?:FWD|DSD)){0,3}(?:\s+(?P<name>\S.*))?$"
        ),
    ),
    ignore=(
        r"\s*(?:The total number of (?:VLAN|vlan)s is|U|MP|#|MAC-LRN|BC|FWD)\s*: ?\S",
        r"\s*VID\s+(?:Type|Ports|Status)\b",
        rf"\s*(?:\*?\d+(?:\s+\*?[a-z][\w-]*)?)?\s*(?:(?:UT|TG|ST|MP):)?\s*(?:{PORT}\([UD]\)\s*)*$",
        RULE,
    ),
    complete=r"\s*VID\s+(?:Type\s+)?Status\b",
    observe=True,
    gives=frozenset({"vlans"}),
)

VLANS_BRIEF = Read(
    command="display vlan brief",
    fact=Fact.VLAN,
    rows=(r"\s*(?P<vlan>\d+)\s+(?:(?P<name>\S.*?)\s+)?(?P<status>enable|disable)(?:\s+(?P<members>\S.*))?$",),
    ignore=(r"\s*U: ?Up;", r"\s*VID\s+Name\s", RULE),
    wrapped=r"\s{20,}\S",
    complete=r"\s*VID\s+Name\s",
)

INTERFACES = Read(
    command="display interface",
    aliases=("display interface {port}",),
    fact=Fact.STATUS,
    start=rf"(?P<port>{PORT}) current state : ?(?P<oper>(?P<admin_up>[A-Za-z ]*))(?:\((?P<blocked_cause>[\w-]+)\))?",
    rows=(
        r"Description: ?(?P<description>.*)",
        r".*\bPVID :\s*(?P<pvid>\d+)",
        rf".*, Hardware address is (?P<own_mac>{MAC})",
        r"Internet Address is (?P<ip>\d\S*)",
    ),
    values={
        "oper": {"up": "up", "error down": "blocked", "*": "down"},
        "admin_up": {"administratively down": False, "*": True},
    },
    defaults={"description": ""},
    complete=rf"{PORT} current state : ?",
    open_text=True,
)

READS = (BRIEF, ERROR_DOWN, PORT_VLAN, TRUNKING, VLANS, VLANS_BRIEF, INTERFACES)

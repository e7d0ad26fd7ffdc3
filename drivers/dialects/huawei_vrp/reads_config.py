"""Huawei VRP5: what is read from the configurations, with the defaults that they do not print.

Sources: S-series V200R0xx command reference (port-security: maximum 1, protect-action restrict; port link-type: LNP
negotiation, before V200R005 hybrid, which is here the platform's default in either case; user-bind static).
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.huawei_vrp.words import BANNER, END, IP, MAC, RUNNING, STARTUP, VOLATILE

_SECURITY = r"\s+port-security"
_LINE = r"(?!" + "|".join(VOLATILE) + r")(?P<line>.*\S)"

INTERFACES = Read(
    command=RUNNING,
    aliases=(RUNNING + " interface {port}",),
    fact=Fact.INTERFACE,
    start=r"interface (?P<port>\S+)\s*$",
    stop=r"\S",
    rows=(
        r"\s+description (?P<description>.*)",
        r"\s+port link-type (?P<mode>\S+)\s*$",
        r"\s+(?P<mode>undo portswitch)\s*$",
        r"\s+(?P<mode>port (?:hybrid|vlan-stacking|vlan-mapping)) ",
        r"\s+port default vlan (?P<access_vlan>\d+)\s*$",
        r"\s+voice-vlan (?P<voice_vlan>\d+) enable\b",
        rf"{_SECURITY} (?P<secure>enable)\s*$",
        rf"{_SECURITY} max-mac-num (?P<maximum>\d+)\s*$",
        rf"{_SECURITY} protect-action (?P<violation>\S+)\s*$",
        rf"{_SECURITY} mac-address (?P<sticky>sticky)\s*$",
        rf"{_SECURITY} mac-address (?:(?P<kind>sticky) )?(?P<mac>{MAC}) vlan (?P<vlan>\d+)\s*$",
        r"\s+(?P<source_guard>ip source check user-bind enable)\s*$",
        r"\s+dhcp snooping (?P<trusted>trusted)\s*$",
        r"\s+(?P<admin_up>(?:undo )?shutdown)\s*$",
        r"\s+eth-trunk (?P<channel>\d+)\b",
    ),
    many={"mac": "secure_macs", "vlan": "secure_macs", "kind": "secure_macs"},
    # What the templates do not write (a hybrid or QinQ port) keeps its own text, which is no value of the setting: it
    # is then not known.
    values={
        "mode": {
            "negotiation-auto": "dynamic auto",
            "negotiation-desirable": "dynamic desirable",
            "undo portswitch": "routed",
            "*": "*",
        },
        "secure": {"*": True},
        "sticky": {"*": True},
        "source_guard": {"*": True},
        "trusted": {"*": True},
        "admin_up": {"shutdown": False, "undo shutdown": True},
    },
    defaults={
        "mode": "dynamic",
        "access_vlan": 1,
        "secure": False,
        "maximum": 1,
        "violation": "restrict",
        "sticky": False,
        "source_guard": False,
        "admin_up": True,
        "description": "",
    },
    skip=(BANNER,),
    complete=END,
    open_text=True,
    observe=True,
    gives=frozenset(
        {
            "mode",
            "access_vlan",
            "secure",
            "maximum",
            "violation",
            "sticky",
            "secure_macs",
            "source_guard",
            "admin_up",
            "description",
        }
    ),
)

#: A binding may hold several addresses and ranges: they are kept as one text, which is how they are given back.
IP_BINDINGS = Read(
    command=RUNNING,
    fact=Fact.IP_BINDING,
    rows=(
        (
            rf"\s*user-bind static(?: ip-address (?P<ip>{IP}(?: (?:to )?{IP})*))?(?: mac-address (?P<mac>{MAC}))?"
            r"(?: interface (?P<port>\S+))?(?: vlan (?P<vlan>\d+))?\s*$"
        ),
    ),
    defaults={"kind": "static"},
    skip=(BANNER,),
    complete=END,
    open_text=True,
    observe=True,
    gives=frozenset({"ip_bindings"}),
)

SYSTEM = Read(
    command=RUNNING,
    fact=Fact.SYSTEM,
    rows=(r"\s*sysname (?P<hostname>\S+)",),
    skip=(BANNER,),
    complete=END,
    open_text=True,
    observe=True,
)

RUNNING_LINES = Read(command=RUNNING, fact=Fact.RUNNING, rows=(_LINE,), complete=END, open_text=True, observe=True)
STARTUP_LINES = Read(
    command=STARTUP,
    fact=Fact.STARTUP,
    rows=(_LINE,),
    complete=END,
    open_text=True,
    observe=True,
    gives=frozenset({"startup"}),
)

READS = (INTERFACES, IP_BINDINGS, SYSTEM, RUNNING_LINES, STARTUP_LINES)

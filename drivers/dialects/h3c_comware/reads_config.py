"""Comware: what is read from the configurations, with the defaults that they do not print.

Sources: H3C command references, Ethernet interface, VLAN, port security and IP source guard (defaults: link type
access, VLAN 1, port mode noRestrictions, no intrusion protection); public configurations of Comware 5.20 and 7.1.

A port is sealed in mode `secure`, which learns nothing and admits its static MACs. In mode `autolearn` it takes what
comes until its list is full (`display port-security` then calls it secure): that is sticky learning.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.h3c_comware.words import IP, MAC, PORT, VLANS

_RUNNING = "display current-configuration"
_END = r"\s*return\s*$"
_PAIR = rf"ip-address (?P<bound_ip>{IP}) mac-address (?P<bound_mac>{MAC})(?: vlan (?P<bound_vlan>\d+))?\s*$"
_LINE = r"(?P<line>.*\S)"

INTERFACES = Read(
    command=_RUNNING,
    aliases=("display current-configuration interface {port}",),
    fact=Fact.INTERFACE,
    start=r"interface (?P<port>\S+)\s*$",
    stop=r"\S",
    rows=(
        r"\s+description (?P<description>.*)",
        r"\s+port link-mode (?P<mode>route)\s*$",
        r"\s+(?P<mode>ip address) \S",
        r"\s+port link-type (?P<mode>\S+)\s*$",
        r"\s+port access vlan (?P<access_vlan>\d+)\s*$",
        r"\s+port trunk pvid vlan (?P<native_vlan>\d+)\s*$",
        rf"\s+port trunk permit vlan (?P<allowed_vlans>all|{VLANS})\s*$",
        r"\s+(?P<allowed_vlans>undo port trunk permit vlan 1)\s*$",
        r"\s+voice[ -]vlan (?P<voice_vlan>\d+) enable\b",
        r"\s+port link-aggregation group (?P<channel>\d+)\b",
        r"\s+port-security port-mode (?P<secure>(?P<sticky>autolearn))\s*$",
        r"\s+port-security port-mode (?P<secure>\S+)\s*$",
        r"\s+port-security max-mac-count (?P<maximum>\d+)\b",
        r"\s+port-security intrusion-mode (?P<violation>\S+)\s*$",
        rf"\s+mac-address static (?P<mac>{MAC}) vlan (?P<vlan>\d+)\s*$",
        rf"\s+port-security mac-address security (?:(?P<kind>sticky) )?(?P<mac>{MAC}) vlan (?P<vlan>\d+)\s*$",
        rf"\s+(?:ip source binding|user-bind) {_PAIR}",
        r"\s+(?:ip source binding|user-bind) (?P<bound_other>.*)",
        r"\s+ip (?P<source_guard>(?:verify|check) source .*)",
        r"\s+(?P<admin_up>shutdown)\s*$",
    ),
    many={"mac": "secure_macs", "vlan": "secure_macs", "kind": "secure_macs"}
    | dict.fromkeys(("bound_ip", "bound_mac", "bound_vlan", "bound_other"), "ip_bindings"),
    # A variant that the templates do not write (a hybrid port, a mode with 802.1X, `disableport-temporarily`, a binding
    # without a MAC) keeps its own text, which is no value of the setting: it is then not known.
    values={
        "mode": {"route": "routed", "ip address": "routed", "access": "access", "trunk": "trunk", "*": None},
        "secure": {"secure": True, "autolearn": True, "*": "*"},
        "sticky": {"*": True},
        "violation": {"blockmac": "restrict", "disableport": "shutdown", "*": "*"},
        "source_guard": {"verify source ip-address mac-address": True, "*": "*"},
        "admin_up": {"*": False},
        "allowed_vlans": {"all": frozenset(range(1, 4095)), "undo port trunk permit vlan 1": frozenset(), "*": "*"},
    },
    defaults={
        "mode": "access",
        "access_vlan": 1,
        "native_vlan": 1,
        "allowed_vlans": frozenset({1}),
        "secure": False,
        "sticky": False,
        "violation": "protect",
        "source_guard": False,
        "admin_up": True,
        "description": "",
    },
    complete=_END,
    open_text=True,
    observe=True,
    gives=frozenset(
        {"mode", "access_vlan", "native_vlan", "allowed_vlans", "violation", "secure_macs", "ip_bindings"}
        | {"source_guard", "admin_up", "description"}
    ),
)

#: Static MACs that were given outside the port's own section.
STATIC_MACS = Read(
    command=_RUNNING,
    fact=Fact.SECURE_MAC,
    rows=(rf"\s*mac-address static (?P<mac>{MAC}) interface (?P<port>{PORT}) vlan (?P<vlan>\d+)\s*$",),
    defaults={"kind": "configured"},
    complete=_END,
    open_text=True,
    observe=True,
)

VLANS_CONFIGURED = Read(
    command=_RUNNING,
    fact=Fact.VLAN,
    start=rf"vlan (?P<vlans>{VLANS})\s*$",
    stop=r"\S",
    rows=(r"\s+name (?P<name>.*)",),
    defaults={"name": ""},
    complete=_END,
    open_text=True,
    observe=True,
    gives=frozenset({"vlans"}),
)

SYSTEM = Read(
    command=_RUNNING,
    fact=Fact.SYSTEM,
    start=r"\s*sysname (?P<hostname>\S+)\s*$",
    rows=(
        r"\s*(?P<security>port-security enable)\s*$",
        r"\s*port-security timer disableport (?P<recovery_interval>\d+)\s*$",
    ),
    values={"security": {"*": True}},
    defaults={"security": False, "recovery_interval": "20"},
    complete=_END,
    open_text=True,
    observe=True,
)

RUNNING = Read(
    command=_RUNNING, fact=Fact.RUNNING, rows=(_LINE,), complete=_END, open_text=True, observe=True,
)  # fmt: skip

STARTUP = Read(
    command="display saved-configuration",
    fact=Fact.STARTUP,
    rows=(_LINE,),
    complete=_END + r"|.*\b(?:does not|doesn't|not) exist",
    open_text=True,
    observe=True,
    gives=frozenset({"startup"}),
)

READS = (INTERFACES, STATIC_MACS, VLANS_CONFIGURED, SYSTEM, RUNNING, STARTUP)

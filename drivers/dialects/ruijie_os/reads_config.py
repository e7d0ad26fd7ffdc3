"""RGOS: what is read from the configurations, with the defaults that they do not print.

Sources: public configurations of RGOS 10.4 (S2628G-E) and 12.6 (S5760C); RG-S2900G-E configuration guide (port
security: 128 addresses, violation protect; a switch port is an access port in VLAN 1).
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.ruijie_os.words import IP, MAC, VOLATILE

_RUNNING = "show running-config"
_END = r"end\s*$"
_LINE = r"(?!" + "|".join(VOLATILE) + r")(?P<line>.*\S)"
_SECURITY = r"\s+switchport port-security"

INTERFACES = Read(
    command=_RUNNING,
    aliases=("show running-config interface {port}",),
    fact=Fact.INTERFACE,
    start=r"interface (?P<port>\S+(?: \d\S*)?)\s*$",
    stop=r"\S",
    rows=(
        r"\s+description (?P<description>.*)",
        r"\s+switchport mode (?P<mode>.+)",
        r"\s+(?P<mode>no switchport)\s*$",
        r"\s+(?P<mode>ip address) \S",
        r"\s+switchport access vlan (?P<access_vlan>\d+)\s*$",
        r"\s+switchport trunk native vlan (?P<native_vlan>\d+)\s*$",
        r"\s+switchport voice vlan (?P<voice_vlan>\d+)\s*$",
        r"\s+port-group (?P<channel>\d+)\b",
        rf"(?P<secure>{_SECURITY})\s*$",
        rf"{_SECURITY} maximum (?P<maximum>\d+)\s*$",
        rf"{_SECURITY} violation (?P<violation>\S+)\s*$",
        rf"{_SECURITY} mac-address (?P<sticky>sticky)\s*$",
        rf"{_SECURITY} mac-address (?:(?P<kind>sticky) )?(?P<mac>{MAC})(?: vlan (?P<vlan>\d+))?\s*$",
        # A pair that port security itself enforces; the templates write `ip source binding`.
        rf"{_SECURITY} binding (?P<bound_other>.*)",
        r"\s+ip verify source(?P<source_guard>.*)",
        r"\s+(?P<trusted>ip dhcp snooping trust)\s*$",
        r"\s+(?P<admin_up>(?:no )?shutdown)\s*$",
    ),
    many={"mac": "secure_macs", "vlan": "secure_macs", "kind": "secure_macs", "bound_other": "ip_bindings"},
    # A variant that the templates do not write keeps its own text, which is no value of the setting: not known.
    values={
        "mode": {"access": "access", "trunk": "trunk", "no switchport": "routed", "ip address": "routed", "*": None},
        "secure": {"*": True},
        "sticky": {"*": True},
        "trusted": {"*": True},
        "source_guard": {"port-security": True, "*": "*"},
        "admin_up": {"shutdown": False, "no shutdown": True},
    },
    defaults={
        "mode": "access",
        "access_vlan": 1,
        "secure": False,
        "maximum": 128,
        "violation": "protect",
        "sticky": False,
        "source_guard": False,
        "admin_up": True,
        "description": "",
    },
    complete=_END,
    open_text=True,
    observe=True,
    gives=frozenset(
        {"mode", "access_vlan", "secure", "maximum", "violation", "sticky", "secure_macs"}
        | {"source_guard", "admin_up", "description"}
    ),
)

IP_BINDINGS = Read(
    command=_RUNNING,
    fact=Fact.IP_BINDING,
    rows=(rf"ip source binding (?P<mac>{MAC}) vlan (?P<vlan>\d+) (?P<ip>{IP}) interface (?P<port>\S.*)",),
    defaults={"kind": "static"},
    complete=_END,
    open_text=True,
    observe=True,
    gives=frozenset({"ip_bindings"}),
)

#: `vlan 10` with its name below; RGOS 12 also writes `vlan range 1,10,20-25`.
VLANS_CONFIGURED = Read(
    command=_RUNNING,
    fact=Fact.VLAN,
    start=r"vlan (?:range )?(?P<vlans>\d[\d,-]*)\s*$",
    stop=r"\S",
    rows=(r"\s+name (?P<name>.*)",),
    complete=_END,
    open_text=True,
    observe=True,
    gives=frozenset({"vlans"}),
)

SYSTEM = Read(
    command=_RUNNING,
    fact=Fact.SYSTEM,
    start=r"hostname (?P<hostname>\S+)",
    rows=(r"errdisable recovery interval (?P<recovery_interval>\d+)",),
    complete=_END,
    open_text=True,
    observe=True,
)

RUNNING = Read(
    command=_RUNNING, fact=Fact.RUNNING, rows=(_LINE,), complete=_END, open_text=True, observe=True,
)  # fmt: skip

STARTUP = Read(
    command="show startup-config",
    fact=Fact.STARTUP,
    rows=(_LINE,),
    complete=_END,
    open_text=True,
    observe=True,
    optional=True,
    gives=frozenset({"startup"}),
)

READS = (INTERFACES, IP_BINDINGS, VLANS_CONFIGURED, SYSTEM, RUNNING, STARTUP)

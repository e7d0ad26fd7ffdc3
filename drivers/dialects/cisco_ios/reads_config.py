"""Cisco IOS and IOS XE: what is read from the configurations, with the defaults that they do not print.

Sources: Catalyst 2960-X/XR security configuration guide and command reference (port security: maximum 1, violation
shutdown; a switchport without a mode negotiates, in VLAN 1, as a trunk native 1 with all VLANs).
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.cisco_ios.words import BANNER, CERTIFICATE, COLON_MAC, IP, MAC, MACRO, VOLATILE

_ALL = frozenset(range(1, 4095))
_RUNNING = "show running-config"
_END = r"end\s*$"
_NOT_OURS = (BANNER, MACRO, CERTIFICATE)
_MODES = {
    "access": "access",
    "trunk": "trunk",
    "dynamic auto": "dynamic auto",
    "dynamic desirable": "dynamic desirable",
    "no switchport": "routed",
    "ip address": "routed",
    "vrf forwarding": "routed",
    "ip vrf forwarding": "routed",
    "*": None,
}
_LINE = r"(?!" + "|".join(VOLATILE) + r")(?P<line>.*\S)"

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
        r"\s+(?P<mode>ip address|(?:ip )?vrf forwarding) \S",
        r"\s+switchport access vlan (?P<access_vlan>\d+|dynamic)\s*$",
        r"\s+switchport voice vlan (?P<voice_vlan>\d+)\s*$",
        r"\s+switchport trunk native vlan (?P<native_vlan>\d+)\s*$",
        r"\s+switchport trunk allowed vlan (?:add )?(?P<allowed_vlans>\S+)\s*$",
        r"\s+(?P<secure>switchport port-security)\s*$",
        r"\s+switchport port-security maximum (?P<maximum>\d+)\s*$",
        r"\s+switchport port-security violation +(?P<violation>\S.*)",
        r"\s+switchport port-security mac-address (?P<sticky>sticky)\s*$",
        (
            rf"\s+switchport port-security mac-address (?:(?P<kind>sticky) )?(?P<mac>{MAC})"
            r"(?: vlan (?:(?P<vlan>\d+)|access|(?P<scope>voice)))?\s*$"
        ),
        r"\s+(?P<source_guard>ip verify source)\s*$",
        r"\s+(?P<source_guard>ip verify source .*)",
        r"\s+(?P<trusted>ip dhcp snooping trust)\s*$",
        r"\s+(?P<admin_up>(?:no )?shutdown)\s*$",
        r"\s+channel-group (?P<channel>\d+)\b",
    ),
    many={"mac": "secure_macs", "vlan": "secure_macs", "kind": "secure_macs", "scope": "secure_macs"},
    # A variant that the templates do not write (a VMPS port, `ip verify source port-security`, `violation shutdown
    # vlan`, a MAC of the voice VLAN) keeps its own text, which is no value of the setting: it is then not known.
    values={
        "mode": _MODES,
        "access_vlan": {"dynamic": None, "*": "*"},
        "trusted": {"*": True},
        "secure": {"*": True},
        "sticky": {"*": True},
        "source_guard": {"ip verify source": True, "*": "*"},
        "admin_up": {"shutdown": False, "no shutdown": True},
        "allowed_vlans": {"all": _ALL, "none": frozenset(), "*": "*"},
    },
    defaults={
        "mode": "dynamic",
        "access_vlan": 1,
        "native_vlan": 1,
        "allowed_vlans": _ALL,
        "secure": False,
        "maximum": 1,
        "violation": "shutdown",
        "sticky": False,
        "source_guard": False,
        "admin_up": True,
        "description": "",
    },
    skip=_NOT_OURS,
    complete=_END,
    open_text=True,
    observe=True,
    gives=frozenset({"mode", "access_vlan", "native_vlan", "allowed_vlans", "source_guard", "admin_up", "description"}),
)

IP_BINDINGS = Read(
    command=_RUNNING,
    fact=Fact.IP_BINDING,
    rows=(rf"ip source binding (?P<mac>{MAC}|{COLON_MAC}) vlan (?P<vlan>\d+) (?P<ip>{IP}) interface (?P<port>\S.*)",),
    defaults={"kind": "static"},
    skip=_NOT_OURS,
    complete=_END,
    open_text=True,
    observe=True,
    gives=frozenset({"ip_bindings"}),
)

SYSTEM = Read(
    command=_RUNNING,
    fact=Fact.SYSTEM,
    start=r"hostname (?P<hostname>\S+)",
    rows=(
        r"errdisable recovery cause (?P<cause>\S+)",
        r"errdisable recovery interval (?P<recovery_interval>\d+)",
        r"(?P<snooping>ip dhcp snooping)\s*$",
        r"ip dhcp snooping vlan (?P<snooping_vlans>\S+)\s*$",
    ),
    many={"cause": "recovery_causes"},
    values={"snooping": {"*": True}},
    defaults={"snooping": False, "recovery_interval": "300"},
    skip=_NOT_OURS,
    complete=_END,
    open_text=True,
    observe=True,
)

RUNNING = Read(
    command=_RUNNING,
    fact=Fact.RUNNING,
    rows=(_LINE,),
    skip=(CERTIFICATE,),
    complete=_END,
    open_text=True,
    observe=True,
)

STARTUP = Read(
    command="show startup-config",
    aliases=("show configuration",),
    fact=Fact.STARTUP,
    rows=(_LINE,),
    skip=(CERTIFICATE,),
    complete=r"end\s*$|startup-config is not present|%% ?Non-volatile configuration memory",
    open_text=True,
    observe=True,
    gives=frozenset({"startup"}),
)

READS = (INTERFACES, IP_BINDINGS, SYSTEM, RUNNING, STARTUP)

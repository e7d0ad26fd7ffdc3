"""Huawei VRP8 and YunShan OS: what is told in another way than by VRP5; the rest is VRP5's.

Sources: CloudEngine V300 command reference (display port-security), S5700 V600R024 configuration guide (port security,
IPSG). A port without a link type in its configuration has the model's own, which `display port vlan` tells.
"""

from __future__ import annotations

from dataclasses import replace

from drivers.dialect import Fact, Read
from drivers.dialects.huawei_vrp import reads_config, reads_more, reads_ports, reads_state
from drivers.dialects.huawei_vrp.words import INFO, MAC, PORT, RULE

_ACTIONS = {"protect": "protect", "restrict": "restrict", "error-down": "shutdown"}
_SECURITY = r"\s+port-security"

INTERFACES = replace(
    reads_config.INTERFACES,
    rows=(
        rf"{_SECURITY} (?P<secure>enable)(?: maximum (?P<maximum>\d+))?\s*$",
        rf"{_SECURITY} maximum (?P<maximum>\d+)\s*$",
        r"\s+(?P<source_guard>ip(?:v4)? source check user-bind enable)\s*$",
        *reads_config.INTERFACES.rows,
    ),
    values={**reads_config.INTERFACES.values, "violation": {**_ACTIONS, "*": "*"}},
    defaults={name: value for name, value in reads_config.INTERFACES.defaults.items() if name != "mode"},
)

#: The list of VLANs is 37 columns wide, since a port's description may follow it: anything, digits too. It goes on in
#: lines of its own.
_ROW = rf"\s*(?P<port>{PORT})\s+"
_MORE = r"\s{20,}\d[\d -]*$"
LINK_TYPES = replace(
    reads_ports.PORT_VLAN,
    rows=(rf"{_ROW}(?P<mode>\S+)\s+(?P<pvid>\d+)\s+(?:-+|\d)",),
    ignore=(*reads_ports.PORT_VLAN.ignore, _MORE),
    wrapped="",
    values={"mode": {"auto": "dynamic", "desirable": "dynamic", "*": "*"}},
    gives=frozenset(),
)
TRUNKS = replace(
    reads_ports.PORT_VLAN,
    start=rf"{_ROW}(?P<mode>trunk)\s+(?P<native_vlan>\d+)\s+(?:-+|(?P<allowed_vlans>\d[\d -]{{0,36}}))(?:\s*\S.*)?$",
    stop=r"\s{0,19}\S",
    rows=(r"\s{20,}(?P<allowed_vlans>\d[\d -]*)$",),
    ignore=(*reads_ports.PORT_VLAN.ignore, _MORE, rf"\s*{PORT}\s+\S+\s+\d+\s+(?:-+|\d)"),
    wrapped="",
)

SECURE = Read(
    command="display port-security",
    fact=Fact.SECURE,
    rows=(
        (
            rf"\s*(?P<port>{PORT})\s+(?P<maximum>\d+)\s+(?P<current>\d+)\s+(?P<violations>\d+)\s+"
            r"(?P<violation>[A-Z][a-z-]+)\s*$"
        ),
    ),
    ignore=(r"\s*SecurePort\s+MaxSecureAddr", r"\s+\(count\)", r"\s*Total Secured MAC Addresses in System", INFO, RULE),
    values={"violation": _ACTIONS},
    defaults={"secure": True},
    complete=rf"\s*SecurePort\s+MaxSecureAddr|{INFO}",
    observe=True,
    optional=True,
)

#: The last address is the last one that was admitted, not the one that was turned away.
SECURE_PORT = Read(
    command="display port-security interface {port}",
    fact=Fact.SECURE,
    start=r"Port Security\s+: (?P<secure>\w+)",
    rows=(
        r"Port Status\s+: (?P<status>\S.*)",
        r"Protect Action\s+: (?P<violation>\S+)",
        r"Maximum MAC Addresses\s+: (?P<maximum>\d+)",
        r"Total MAC Addresses\s+: (?P<current>\d+)",
        r"Configured MAC Addresses\s+: (?P<configured>\d+)",
        r"Sticky MAC Addresses\s+: (?P<stuck>\d+)",
        rf"Last Source MAC Address\s+: (?:(?P<admitted_mac>{MAC})|-)",
        r"Security Violation Count\s+: (?P<violations>\d+)",
    ),
    ignore=(r"(?:Aging Time\(minutes\)|Aging Type|Last Source VLAN ID)\s+:",),
    values={"secure": {"enabled": True, "disabled": False}, "violation": _ACTIONS},
    complete=r"Security Violation Count",
)

GUARDED = Read(
    command="display ip source check user-bind status",
    fact=Fact.IP_BINDING,
    rows=(
        (
            rf"\s*(?P<ip>\S+)\s+(?:(?P<mac>{MAC})|-)\s+(?:(?P<vlan>\d+)|-)\s*/\s*\S+\s+(?:(?P<port>{PORT})|-)\s+"
            r"(?P<kind>[A-Z][a-z]+)\s+(?P<status>\S+)\s*$"
        ),
    ),
    ignore=(r"\s*DHCP Bind-table", r"\s*IP Address\s+MAC Address", r"\s*Type\s+Status", INFO, RULE),
    wrapped=r"\s{20,}[A-Z][a-z]+\s+\S+\s*$",
    values={"kind": {"static": "static", "dynamic": "dhcp-snooping"}},
    complete=rf"\s*IP Address\s+MAC Address|{INFO}",
    total=r"\s*Total count:\s*(?P<total>\d+)",
)

_CONFIG = (INTERFACES, *reads_config.READS[1:])
_PORTS = (LINK_TYPES, TRUNKS, *(read for read in reads_ports.READS if read is not reads_ports.PORT_VLAN))

READS: tuple[Read, ...] = (
    *_CONFIG,
    *_PORTS,
    *reads_state.READS,
    SECURE,
    SECURE_PORT,
    GUARDED,
    *reads_more.READS,
)

"""Cisco IOS and IOS XE: what is learned (MAC table, LLDP), VLANs and the device itself.

Sources: the recordings of the replay tests (Catalyst 2950, 3560, 4500, 6500, 3850, 9000).
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.cisco_ios.words import IP, MAC, PORT, RULE

#: The switch's own entries: its CPU, its router, its SVIs. They have no kind of their own.
_OWN = r"(?P<port>CPU|Router|Switch|Vl(?:an)?\d+)"
_VLAN = r"(?:All|N/A|---|(?P<vlan>\d+))"
_AGED = r"(?:Yes|No)\s+(?P<age>[\d.]+|-|n/a)"

LEARNED = Read(
    command="show mac address-table",
    aliases=("show mac-address-table",),
    fact=Fact.LEARNED,
    rows=(
        # 3560, 2960, 3850, 9000: Vlan, Mac Address, Type, Ports
        rf"\s*{_VLAN}\s+(?P<mac>{MAC})\s+\w+\s+{_OWN}\s*$",
        rf"\s*{_VLAN}\s+(?P<mac>{MAC})\s+(?P<kind>\w+)\s+(?P<port>{PORT}|Drop)\s*$",
        # 6500: flags, vlan, mac address, type, learn, age, ports
        rf"\s*\*?\s*(?P<kind>S)\s+{_VLAN}\s+(?P<mac>{MAC})\s+\w+\s+{_AGED}\s+(?P<port>{PORT})\s*$",
        rf"[\s*RD#]*\s{_VLAN}\s+(?P<mac>{MAC})\s+\w+\s+{_AGED}\s+{_OWN}\s*$",
        rf"[\s*D#]*\s{_VLAN}\s+(?P<mac>{MAC})\s+(?P<kind>\w+)\s+{_AGED}(?:\s+(?P<port>{PORT}))?\s*$",
        # 4500: vlan, mac address, type, protocols, port
        rf"\s*{_VLAN}\s+(?P<mac>{MAC})\s+\w+\s+(?P<protocols>[a-z][a-z0-9,]*)\s+{_OWN}\s*$",
        rf"\s*{_VLAN}\s+(?P<mac>{MAC})\s+(?P<kind>\w+)\s+(?P<protocols>[a-z][a-z0-9,]*)\s+(?P<port>{PORT})\s*$",
        # 2950: Destination Address, Address Type, VLAN, Destination Port
        rf"(?P<mac>{MAC})\s+(?P<kind>[A-Z]\w+)\s+(?P<vlan>\d+)\s+(?P<port>{PORT})\s*$",
        # Groups: several ports. A 4500 names the port whose internal VLAN it is in the first column.
        (
            rf"\s*(?:{_VLAN}|(?P<routed_port>{PORT}))\s+(?P<mac>{MAC})\s+(?P<kind>\w+)\s+"
            r"(?P<ports>(?:[A-Z][\w/.-]*[\s,]+)+[A-Z][\w/.-]*)\s*$"
        ),
    ),
    ignore=(
        r"\s*Mac Address Table\s*$",
        r"(?:(?:Dynamic|Secure|Static|System Self) Addresses .*Count|Total MAC addresses):\s+\d+",
        r"Non-static Address Table:",
        r"(?:Unicast|Multicast) Entries",
        r"\s*[Vv]lan\s+[Mm]ac [Aa]ddress\s+[Tt]ype\b",
        r"Destination Address\s+Address Type",
        r"Legend: ",
        r"\s+(?:age|n/a|S|R|D|#) - ",
        r"Displaying entries from ",
        r"Total Mac Addresses for this criterion: \d+",
        r"No entries present\.?\s*$",
        RULE,
    ),
    wrapped=r"\s{20,}[A-Z][\w/.,-]*\s*$",
    values={
        "kind": {name: name for name in ("dynamic", "static", "secure", "self")}
        | {"system": "self", "igmp": "self", "s": "secure"},
    },
    defaults={"kind": "self"},
    complete=r"\s*[Vv]lan\s+[Mm]ac [Aa]ddress\s+[Tt]ype\b|Destination Address\s+Address Type|No entries present",
    observe=True,
)

_NEIGHBOUR = (
    rf"(?P<port>{PORT})\s+(?P<holdtime>\d+)\s+(?:(?P<capabilities>[A-Z](?:,[A-Z])*)(?:\s+|$))?(?P<neighbour>\S.*)?$"
)

NEIGHBOURS = Read(
    command="show lldp neighbors",
    fact=Fact.NEIGHBOUR,
    rows=(
        # The name is cut at 20 octets and may touch the port's; other alphabets take more octets than places.
        rf"(?P<system>.{{20}}){_NEIGHBOUR}",
        rf"(?P<system>\S.{{0,18}}?)\s*{_NEIGHBOUR}",
    ),
    ignore=(
        r"Capability codes:",
        r"\s+\([A-Z]\) ",
        r"Device ID\s+Local Intf\s",
        r"Total entries displayed: \d+",
        r"% LLDP is not enabled",
    ),
    complete=r"Device ID\s+Local Intf\s|% LLDP is not enabled",
)

#: Neighbours are strangers: their description may say anything, lines that look like this command's too. It is
#: skipped, and what is unknown is not an error, so that no neighbour can keep the switch from being read. `Local Intf:`
#: is joined to the line before it, and counts only after the rule that the switch draws. (Old models name no port.)
NEIGHBOURS_DETAIL = Read(
    command="show lldp neighbors detail",
    fact=Fact.NEIGHBOUR,
    start=rf"-{{40,}}(?: Local Intf: (?P<port>{PORT}))?\s*$",
    rows=(
        rf"Chassis id: (?P<chassis>(?P<chassis_mac>{MAC})\s*$|\S.*)",
        rf"Port id: (?P<neighbour>(?P<neighbour_mac>{MAC})\s*$|\S.*)",
        r"Port Description: (?P<description>.*)",
        r"System Name: (?P<system>.*)",
        r"Enabled Capabilities: (?P<capabilities>\S.*)",
        rf"\s+IP: (?P<ip>{IP})",
    ),
    skip=((r"System Description:", r"Time remaining: "),),
    wrapped=r"Local Intf: ",
    defaults={"system": "", "neighbour": "", "chassis": "", "capabilities": ""},
    open_text=True,
    observe=True,
    optional=True,
)

VLANS = Read(
    command="show vlan brief",
    aliases=("show vlan",),
    fact=Fact.VLAN,
    rows=(
        (
            r"(?P<vlan>\d+)\s+(?P<name>\S.*?)\s+(?P<status>active|suspended|act/unsup|act/lshut|sus/lshut|act/ishut)"
            rf"(?:\s+(?P<ports>{PORT}(?:[\s,]+{PORT})*))?\s*$"
        ),
    ),
    ignore=(
        r"VLAN Name\s+Status\s+Ports",
        r"VLAN Type\s+SAID\s",
        r"\d+\s+(?:enet|fddi|tr|fdnet|trnet|trcrf|trbrf)\s+\d+\s",
        r"Remote SPAN VLANs?\s*$",
        r"\d[\d,-]*\s*$",
        r"Primary Secondary Type",
        r"(?:\d+|none)\s+(?:\d+|none)\s+(?:primary|isolated|community|non-operational)\b",
        RULE,
    ),
    wrapped=rf"\s{{40,}}{PORT}",
    complete=r"VLAN Name\s+Status\s+Ports",
    observe=True,
    gives=frozenset({"vlans"}),
)

VERSION = Read(
    command="show version",
    fact=Fact.VERSION,
    start=r"(?:Cisco IOS Software\b|IOS \(tm\)).*, Version (?P<version>[^\s,]+)",
    rows=(
        r"(?P<hostname>\S+) uptime is ",
        r"[Cc]isco (?P<model>\S+) \(.*(?:processor|revision)\b",
        r"Processor board ID (?P<serial>[^\s,]+)",
    ),
    complete=r"\S+ uptime is ",
    open_text=True,
    observe=True,
)

READS = (LEARNED, NEIGHBOURS, NEIGHBOURS_DETAIL, VLANS, VERSION)

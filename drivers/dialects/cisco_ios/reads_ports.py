"""Cisco IOS and IOS XE: interfaces, read on demand. Source: the recordings of the replay tests."""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.cisco_ios.words import MAC

INTERFACES = Read(
    command="show interfaces",
    aliases=("show interfaces {port}",),
    fact=Fact.STATUS,
    start=r"(?P<port>[A-Za-z][\w/.:-]*\d) is (?P<admin_up>[a-z][a-z -]*), line protocol is "
    r"(?P<oper>(?:up|down)\b(?: \(err-disabled\))?)",
    rows=(
        rf"\s+Hardware is .*, address is (?P<own_mac>{MAC})",
        r"\s+Description: (?P<description>.*)",
        r"\s+Internet address is (?P<ip>\S+)",
    ),
    ignore=(r"\s+\S",),
    values={
        "admin_up": {"administratively down": False, "*": True},
        "oper": {"up": "up", "down": "down", "down (err-disabled)": "blocked"},
    },
    defaults={"description": ""},
)

SWITCHPORTS = Read(
    command="show interfaces switchport",
    aliases=("show interfaces {port} switchport",),
    fact=Fact.INTERFACE,
    start=r"Name: (?P<port>\S+)\s*$",
    rows=(
        r"Switchport: (?P<mode>Disabled)",
        r"Administrative Mode: (?P<mode>\S.*)",
        r"Operational Mode: .*\(member of bundle (?P<bundle_port>\S+)\)",
        r"Operational Mode: (?P<operational>\S.*)",
        r"Access Mode VLAN: (?P<access_vlan>\d+)",
        r"Trunking Native Mode VLAN: (?P<native_vlan>\d+)",
        r"Voice VLAN: (?:(?P<voice_vlan>\d+)|none)",
        r"Trunking VLANs Enabled: (?P<allowed_vlans>\S.*)",
    ),
    ignore=(r"(?!Error)[A-Z][\w /-]*:(?: |$)", r"Capture Mode (?:Dis|En)abled", r"\S+ is not a switchable port"),
    wrapped=r"\s{4,}\d[\d,-]*\s*$",
    values={
        "mode": {
            "disabled": "routed",
            "static access": "access",
            "trunk": "trunk",
            "dynamic auto": "dynamic",
            "dynamic desirable": "dynamic",
            "*": None,
        },
        "allowed_vlans": {"all": frozenset(range(1, 4095)), "none": frozenset(), "*": "*"},
    },
)

READS = (INTERFACES, SWITCHPORTS)

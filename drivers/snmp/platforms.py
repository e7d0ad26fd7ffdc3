"""Which platform a switch is, from sysObjectID and then sysDescr; its model and version from sysDescr.

Enterprise numbers are IANA's. Platform names are the dialects' where one exists, else Netmiko's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENTERPRISES = "1.3.6.1.4.1."


@dataclass(frozen=True, slots=True)
class Identity:
    """What the system group says; empty strings where it says nothing."""

    platform: str = ""
    model: str = ""
    version: str = ""


#: (sysObjectID under enterprises, pattern in sysDescr or None, platform): the first that fits, special before general.
OBJECT_IDS: tuple[tuple[str, str | None, str], ...] = (
    ("9.6.1", None, "cisco_s300"),
    ("9.12.3.1.3", None, "cisco_nxos"),
    ("9", r"NX-OS", "cisco_nxos"),
    ("9", None, "cisco_ios"),
    ("2011", r"YunShan|Version 8\.|CloudEngine", "huawei_vrpv8"),
    ("2011", None, "huawei_vrp"),
    ("56813", None, "huawei_vrpv8"),
    ("25506", None, "h3c_comware"),
    ("43.45", None, "h3c_comware"),
    ("4881", None, "ruijie_os"),
    ("47196", None, "aruba_aoscx"),
    ("11", r"Comware", "h3c_comware"),
    ("11", None, "hp_procurve"),
    ("30065", None, "arista_eos"),
    ("8072", r"Open vSwitch", "openvswitch"),
    ("8072", r"Linux", "linux_bridge"),
)

#: sysDescr alone, where sysObjectID is missing or a reseller's.
DESCRIPTIONS: tuple[tuple[str, str], ...] = (
    (r"NX-OS", "cisco_nxos"),
    (r"Cisco IOS|Cisco Internetwork", "cisco_ios"),
    (r"YunShan", "huawei_vrpv8"),
    (r"Huawei|VRP \(R\)", "huawei_vrp"),
    (r"Comware", "h3c_comware"),
    (r"Ruijie|RGOS", "ruijie_os"),
    (r"ProCurve", "hp_procurve"),
    (r"Aruba JL\w+", "aruba_aoscx"),
    (r"Arista", "arista_eos"),
    (r"Open vSwitch", "openvswitch"),
)

#: Patterns with the groups model and version, by platform; each is searched on its own.
DETAILS: dict[str, tuple[str, ...]] = {
    "cisco_ios": (
        r"Software \((?P<model>[\w-]+?)-\w+-M\)|Software, (?P<model2>\S+) Software",
        r"Version (?P<version>[^,\s]+)",
    ),
    "cisco_nxos": (r"NX-OS\(tm\) (?P<model>[^,]+),", r"Version (?P<version>[^,\s]+)"),
    "huawei_vrp": (
        r"\A(?P<model>(?!Huawei)\S+)",
        r"\((?P<model2>\S+) V\d+R",
        r"Version (?P<version>[\d.]+ \(\S+ V\w+\))",
    ),
    "huawei_vrpv8": (
        r"(?:HUAWEI|Huawei) (?P<model>(?!YunShan|Versatile|Tech)\S[^\r\n]*)",
        r"Version (?P<version>[\d.]+ \(\S+ V\w+\))",
    ),
    "h3c_comware": (
        r"Release \S+\s+(?P<model>\S.*?)\s+Copyright",
        r"Software Version (?P<version>[\w.]+, Release \S+)",
    ),
    "ruijie_os": (r"\((?P<model>[\w-]+)\)",),
    "aruba_aoscx": (r"Aruba (?P<model>\S+ \S+)", r"(?P<version>[A-Z]{2}\.[\d.]+)"),
    "hp_procurve": (r"revision (?P<version>[\w.]+)", r"\A(?P<model>[^,]+),"),
}


def identify(object_id: str, description: str) -> Identity:
    """Give platform, model and version; the platform is empty when neither sysObjectID nor sysDescr is known."""
    platform = _from_object_id(object_id, description) or _from_description(description)
    found: dict[str, str] = {}
    for pattern in DETAILS.get(platform, ()):
        match = re.search(pattern, description)
        for name, value in (match.groupdict() if match else {}).items():
            if value:
                found.setdefault(name.rstrip("2"), " ".join(value.split()))
    return Identity(platform, found.get("model", ""), found.get("version", ""))


def _from_object_id(object_id: str, description: str) -> str:
    dotted = object_id.removeprefix(".") + "."
    for prefix, pattern, platform in OBJECT_IDS:
        if dotted.startswith(f"{_ENTERPRISES}{prefix}.") and (pattern is None or re.search(pattern, description)):
            return platform
    return ""


def _from_description(description: str) -> str:
    return next((platform for pattern, platform in DESCRIPTIONS if re.search(pattern, description)), "")

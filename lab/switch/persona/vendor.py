"""What a vendor's persona is made of, and which platforms there are.

A vendor is a folder beside this file. It says what its switch does (a subclass of `state.Switch`), how its command line
talks (a subclass of `session.Session`), and what its SNMP agent shows (an object like `Tables`). A line in `PLATFORMS`
makes `"platform": "…"` of a configuration file find it.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from lab.switch.dataplane import FdbEntry
from lab.switch.persona.ber import Oid, Value
from lab.switch.persona.model import Interface
from lab.switch.persona.session import Session
from lab.switch.persona.state import Switch

Row = tuple[Oid, int, Value]
#: Platform → module that has a `VENDOR`.
PLATFORMS = {
    "cisco_ios": "lab.switch.persona.cisco.vendor",
    "huawei_vrp": "lab.switch.persona.huawei.vrp5",
    "huawei_vrpv8": "lab.switch.persona.huawei.vrp8",
    "h3c_comware": "lab.switch.persona.h3c.vendor",
    "ruijie_os": "lab.switch.persona.ruijie.vendor",
    "qbridge": "lab.switch.persona.standard.vendor",
}


class Tables(Protocol):
    """What the SNMP agent shows and takes. Rows are in no order."""

    def general(self, switch: Switch, links: dict[str, bool]) -> list[Row]:
        """Build all rows but those that `bridge` gives."""
        ...

    def bridge(self, switch: Switch, vlan: int, learned: list[FdbEntry]) -> list[Row]:
        """Build the rows that change with what was learned, and with the VLAN where the vendor has contexts."""
        ...

    def context(self, switch: Switch, community_suffix: str | None, name: str) -> int | None:
        """Give the VLAN of what stands behind the @ of a v2c community (None: no @) or of a v3 context's name.

        None when the switch has no such context; 0 where a vendor has but one.
        """
        ...

    def set(self, switch: Switch, asked: list[tuple[Oid, int, Value]]) -> None:
        """Do a SET as a whole or not at all; raises sets.SetRefused."""
        ...

    def trap(self, switch: Switch, kind: str, entry: Interface | None) -> tuple[Oid, list[Row]] | None:
        """Give the trap's OID and its variables for an event; None when the vendor sends none."""
        ...

    def targets(self, switch: Switch, kind: str) -> list[tuple[str, int, str]]:
        """Give (host, UDP port, community) of whom the running configuration says to send an event to."""
        ...


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor's switch."""

    switch: type[Switch]
    session: type[Session]
    tables: Tables


def find(platform: str) -> Vendor:
    """Load the vendor of a platform; raises ValueError when there is no such persona."""
    if platform not in PLATFORMS:
        raise ValueError(f"no persona for platform {platform!r}")
    vendor: Vendor = import_module(PLATFORMS[platform]).VENDOR
    return vendor

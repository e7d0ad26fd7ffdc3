"""Puts the Comware switch together, and says what its SNMP agent sends on its own."""

from __future__ import annotations

import re

from lab.switch.persona.ber import INTEGER, OCTETS, Oid
from lab.switch.persona.h3c import mib, names
from lab.switch.persona.h3c.model import INTRUSION_TRAP, LEARNED_TRAP
from lab.switch.persona.h3c.sets import SETTERS
from lab.switch.persona.h3c.shell import H3cSession
from lab.switch.persona.h3c.switch import H3cSwitch
from lab.switch.persona.mib import IF, SNMP_TRAPS, Row, link_trap
from lab.switch.persona.model import Interface, octets
from lab.switch.persona.state import Switch
from lab.switch.persona.tables import PlainTables
from lab.switch.persona.vendor import Vendor

_LEARNED, _VIOLATION = (*mib.SECURITY, 3, 1), (*mib.SECURITY, 3, 2)
_HOST = re.compile(
    r"snmp-agent target-host trap address udp-domain (\S+)(?: udp-port (\d+))? params securityname (\S+)(?: v2c)?"
)
#: The setting that each event of port security needs to be sent.
_FLAGS = {"secureLearned": LEARNED_TRAP, "secureViolation": INTRUSION_TRAP}


class _Tables(PlainTables):
    """The agent's tables; see vendor.Tables."""

    def trap(self, switch: Switch, kind: str, entry: Interface | None) -> tuple[Oid, list[Row]] | None:
        """Give the trap of an event."""
        del switch
        if entry is None:
            return (*SNMP_TRAPS, 1), []
        index = names.if_index(entry.name)
        if kind.startswith("link"):
            if "undo enable snmp trap updown" in entry.extra:
                return None
            return link_trap(entry, index, up=kind == "linkUp")
        last = octets(entry.security.last_mac)
        number: Row = ((*IF, 1, index), INTEGER, index)
        mac: Row = ((*mib.SECURITY_MAC, 1, index, *last, entry.security.last_vlan), OCTETS, last)
        if kind == "secureLearned":
            return _LEARNED, [number, mac]
        return _VIOLATION, [number, mac, ((*IF, 7, index), INTEGER, 2 if entry.shutdown else 1)]

    def targets(self, switch: Switch, kind: str) -> list[tuple[str, int, str]]:
        """Read the `snmp-agent target-host` lines; port security's events only when its traps are on."""
        flag = _FLAGS.get(kind)
        if flag is not None and flag not in switch.running.flags:
            return []
        found = map(_HOST.match, switch.running.extra)
        return [(m[1], int(m[2] or 162), m[3]) for m in found if m is not None]


VENDOR = Vendor(H3cSwitch, H3cSession, _Tables(mib, SETTERS))

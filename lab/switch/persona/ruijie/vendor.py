"""Puts the RGOS switch together, and says what its SNMP agent sends on its own."""

from __future__ import annotations

import re

from lab.switch.persona.ber import INTEGER, Oid
from lab.switch.persona.mib import IF, SNMP_TRAPS, Row, link_trap, oid
from lab.switch.persona.model import Interface
from lab.switch.persona.ruijie import mib, names
from lab.switch.persona.ruijie.sets import SETTERS
from lab.switch.persona.ruijie.shell import RuijieSession
from lab.switch.persona.ruijie.switch import RuijieSwitch
from lab.switch.persona.state import Switch
from lab.switch.persona.tables import PlainTables
from lab.switch.persona.vendor import Vendor

_HOST = re.compile(r"snmp-server host (\S+)(?: traps)?(?: version (?:1|2c))? (\S+)(?: udp-port (\d+))?")

#: RUIJIE-SECURITY-MIB::portSecurityViolate, of the object ifIndex alone.
_VIOLATE = oid("1.3.6.1.4.1.4881.1.1.10.2.6.2.1")


class _Tables(PlainTables):
    """The agent's tables; see vendor.Tables."""

    def trap(self, switch: Switch, kind: str, entry: Interface | None) -> tuple[Oid, list[Row]] | None:
        """Give the trap of an event; a violation's names the port and no MAC (RUIJIE-SECURITY-MIB)."""
        del switch
        if entry is None:
            return (*SNMP_TRAPS, 1), []
        index = names.if_index(entry.name)
        if kind == "secureViolation":
            return _VIOLATE, [((*IF, 1, index), INTEGER, index)]
        if not kind.startswith("link") or "no snmp trap link-status" in entry.extra:
            return None
        return link_trap(entry, index, up=kind == "linkUp")

    def targets(self, switch: Switch, kind: str) -> list[tuple[str, int, str]]:
        """Read the `snmp-server host` lines when `snmp-server enable traps` is there."""
        del kind
        lines = switch.running.extra
        if not any(line.startswith("snmp-server enable traps") for line in lines):
            return []
        return [(m[1], int(m[3] or 162), m[2]) for m in map(_HOST.match, lines) if m is not None]


VENDOR = Vendor(RuijieSwitch, RuijieSession, _Tables(mib, SETTERS))

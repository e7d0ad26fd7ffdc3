"""Puts the Catalyst together, and says what its SNMP agent sends on its own."""

from __future__ import annotations

import re

from lab.switch.persona.ber import GAUGE, INTEGER, OCTETS, Oid
from lab.switch.persona.cisco import mib, names
from lab.switch.persona.cisco.sets import SETTERS
from lab.switch.persona.cisco.shell import CiscoSession
from lab.switch.persona.cisco.switch import CiscoSwitch
from lab.switch.persona.mib import IF, IFX, SNMP_TRAPS, Row, link_trap, oid
from lab.switch.persona.model import Interface, octets
from lab.switch.persona.state import Switch
from lab.switch.persona.tables import PlainTables
from lab.switch.persona.vendor import Vendor

_SECURE = oid("1.3.6.1.4.1.9.9.315.0.0.1")
_ERR_DISABLE = oid("1.3.6.1.4.1.9.9.548.0.2")
_HOST = re.compile(r"snmp-server host (\S+)(?: (?:traps|informs))?(?: version (?:1|2c))? (\S+)(?: udp-port (\d+))?")
#: The word of `snmp-server enable traps` that each event needs.
_KIND = {
    "coldStart": "snmp", "linkUp": "snmp", "linkDown": "snmp", "secureViolation": "port-security",
    "errDisable": "errdisable",
}  # fmt: skip


class _Tables(PlainTables):
    """The agent's tables; see vendor.Tables."""

    def context(self, switch: Switch, community_suffix: str | None, name: str) -> int | None:
        """Give the VLAN of `community@N` or of the context `vlan-N`; without either it is VLAN 1."""
        given = community_suffix or ""
        if community_suffix is None and name:
            found = re.fullmatch(r"vlan-(\d{1,4})", name)
            given = found[1] if found else "none"
        if given and not (given.isascii() and given.isdigit()):
            return None
        vlan = int(given or 1)
        return vlan if vlan in switch.running.vlans else None

    def trap(self, switch: Switch, kind: str, entry: Interface | None) -> tuple[Oid, list[Row]] | None:
        """Give the trap of an event."""
        del switch
        if entry is None:
            return (*SNMP_TRAPS, 1), []
        if kind.startswith("link"):
            if "no snmp trap link-status" in entry.extra:
                return None
            return link_trap(entry, names.if_index(entry.name), up=kind == "linkUp")
        index = names.if_index(entry.name)
        if kind == "errDisable":
            return _ERR_DISABLE, [((*mib.ERR_IF, 2, index, 0), INTEGER, 9)]
        # ifIndex goes out as a Gauge32, as real switches send it (packetfence #2199).
        return _SECURE, [
            ((*IF, 1, index), GAUGE, index),
            ((*IFX, 1, index), OCTETS, names.short(entry.name).encode()),
            ((*mib.CPS_IF, 10, index), OCTETS, octets(entry.security.last_mac)),
        ]

    def targets(self, switch: Switch, kind: str) -> list[tuple[str, int, str]]:
        """Read the `snmp-server host` lines when `snmp-server enable traps` says so."""
        lines = switch.running.extra
        if any(line == "snmp-server enable traps" or f"enable traps {_KIND[kind]}" in line for line in lines):
            return [(m[1], int(m[3] or 162), m[2]) for m in map(_HOST.match, lines) if m is not None]
        return []


VENDOR = Vendor(CiscoSwitch, CiscoSession, _Tables(mib, SETTERS))

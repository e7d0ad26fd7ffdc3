"""Notifications that every vendor sends: SNMPv2-MIB (RFC 3418), IF-MIB (RFC 2863); variables of BRIDGE and Q-BRIDGE."""

from __future__ import annotations

from drivers.snmp.traps.words import Column, Kind, Role, Trap, Vendor

_SNMP = "1.3.6.1.6.3.1.1.5."
_IF = "1.3.6.1.2.1.2.2.1."

STANDARD = Vendor(
    traps={
        _SNMP + "1": Trap("SNMPv2-MIB::coldStart", Kind.STARTED, "cold start"),
        _SNMP + "2": Trap("SNMPv2-MIB::warmStart", Kind.STARTED, "warm start"),
        _SNMP + "3": Trap("IF-MIB::linkDown", Kind.LINK_DOWN),
        _SNMP + "4": Trap("IF-MIB::linkUp", Kind.LINK_UP),
        _SNMP + "5": Trap("SNMPv2-MIB::authenticationFailure", Kind.LOGIN, "SNMP"),
    },
    columns={
        # Real switches send ifIndex as Gauge32 (packetfence #2199), and some leave it out: its instance says it too.
        _IF + "1": Column(Role.IF_INDEX, ("if",)),
        _IF + "2": Column(Role.NAME, ("if",)),
        _IF + "7": Column(Role.ROW, ("if",)),
        _IF + "8": Column(Role.ROW, ("if",)),
        "1.3.6.1.2.1.31.1.1.1.1": Column(Role.NAME, ("if",)),
        "1.3.6.1.2.1.17.1.4.1.2": Column(Role.IF_INDEX, ("port",)),
        # dot1qTpFdbPort, index FdbId.MAC: a FdbId is no VLAN everywhere.
        "1.3.6.1.2.1.17.7.1.2.2.1.2": Column(Role.BASE_PORT, ("-", "mac")),
    },
)

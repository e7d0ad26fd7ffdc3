"""Arista EOS: ARISTA-BRIDGE-EXT-MIB and ARISTA-CONFIG-MAN-MIB. No module of theirs notifies violations."""

from __future__ import annotations

from drivers.snmp.traps.words import Column, Kind, Role, Trap, Vendor

_ARISTA = "1.3.6.1.4.1.30065.3."

ARISTA = Vendor(
    traps={
        _ARISTA + "2.0.1": Trap("ARISTA-BRIDGE-EXT-MIB::aristaMacMove", Kind.MAC_MOVED),
        _ARISTA + "2.0.2": Trap("ARISTA-BRIDGE-EXT-MIB::aristaMacLearn", Kind.MAC_LEARNED),
        _ARISTA + "2.0.3": Trap("ARISTA-BRIDGE-EXT-MIB::aristaMacAge", Kind.MAC_REMOVED),
        _ARISTA + "9.3.0.1": Trap("ARISTA-CONFIG-MAN-MIB::aristaConfigManEvent", Kind.CONFIG),
    },
    columns={_ARISTA + "2.1.1.2": Column(Role.ROW, ("-", "-", "mac"))},  # aristaDot1qTpFdbNumMoves
)

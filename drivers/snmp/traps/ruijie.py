"""Ruijie RGOS: RUIJIE-SECURITY-MIB, RUIJIE-ADDRESS-MIB, and the same of SNMPv1 times in RUIJIE-V1-TRAP.

Known from the modules only; no real notification was seen. portSecurityViolate names the port by ifIndex and no MAC.
"""

from __future__ import annotations

from drivers.snmp.traps.words import Column, Kind, Role, Trap, Vendor

_RUIJIE = "1.3.6.1.4.1.4881.1.1."

RUIJIE = Vendor(
    traps={
        _RUIJIE + "10.2.6.2.1": Trap("RUIJIE-SECURITY-MIB::portSecurityViolate", Kind.VIOLATION, "port-security"),
        _RUIJIE + "10.2.22.2.1": Trap("RUIJIE-ADDRESS-MIB::macChangedNotification", Kind.MAC_LEARNED),
        _RUIJIE + "0.2": Trap("RUIJIE-V1-TRAP::portSecurityViolate", Kind.VIOLATION, "port-security"),
        _RUIJIE + "0.4": Trap("RUIJIE-V1-TRAP::macNotification", Kind.MAC_LEARNED),
    },
    columns={
        # ruijieMacNotiHisMacChangedMsg has the size and the index of Cisco's cmnHistMacChangedMsg; its description,
        # which no copy that was found holds, is taken to be Cisco's too. What does not fit is left to the reading.
        _RUIJIE + "10.2.22.1.2.5.1.2": Column(Role.CHANGES_11),
    },
)

"""H3C and HPE Comware 5 and 7: HH3C-PORT-SECURITY-MIB, HH3C-MAC-INFORMATION-MIB, HH3C-CONFIG-MAN-MIB.

The same modules exist below 2011.10 (Huawei-3Com, Comware 3 and 5) and 43.45.1.10 (3Com) with the same numbers behind:
:data:`H3C` has all three. hh3cSecureViolation comes at most every 5 s from one port; an intrusion mode that shuts the
port shows in its ifAdminStatus and in the linkDown that follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from drivers.snmp.traps.words import Column, Kind, Role, Trap, Vendor

#: hh3cCommon, and its two predecessors.
_ROOTS = ("1.3.6.1.4.1.25506.2.", "1.3.6.1.4.1.2011.10.2.", "1.3.6.1.4.1.43.45.1.10.2.")
_SECURITY, _CHANGES = "HH3C-PORT-SECURITY-MIB::", "HH3C-MAC-INFORMATION-MIB::"
_T = TypeVar("_T")


def _below_all(given: Mapping[str, _T]) -> dict[str, _T]:
    return {root + tail: each for root in _ROOTS for tail, each in given.items()}


H3C = Vendor(
    traps=_below_all({
        "26.1.3.1": Trap(_SECURITY + "hh3cSecureAddressLearned", Kind.MAC_LEARNED),
        "26.1.3.2": Trap(_SECURITY + "hh3cSecureViolation", Kind.VIOLATION, "port-security"),
        "87.1.3.0.1": Trap(_CHANGES + "hh3cMACInformationChangedTrap", Kind.MAC_LEARNED),
        "87.1.4.0.1": Trap(_CHANGES + "hh3cMACInformationChangedTrapExt", Kind.MAC_LEARNED),
        "87.1.4.0.2": Trap(_CHANGES + "hh3cMACInformationMovedTrap", Kind.MAC_MOVED),
        "4.2.1": Trap("HH3C-CONFIG-MAN-MIB::hh3cCfgManEventlog", Kind.CONFIG),
    }),
    columns=_below_all({
        "26.1.2.2.1.1": Column(Role.MAC, ("if", "mac", "vlan")),
        "87.1.3.2.3": Column(Role.CHANGES_12),
        "87.1.4.2.4": Column(Role.CHANGES_14),
        "87.1.4.2.5": Column(Role.MAC),
        "87.1.4.2.6": Column(Role.VLAN),
        "87.1.4.2.8": Column(Role.IF_INDEX),  # hh3cMACInfoTrapMsgMovedToIf: where it is now
        "87.1.4.2.12": Column(Role.NAME),
    }),
)  # fmt: skip

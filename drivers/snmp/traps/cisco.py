"""Cisco IOS and IOS XE: the modules CISCO-PORT-SECURITY, -MAC-NOTIFICATION, -ERR-DISABLE and -CONFIG-MAN-MIB.

A violation is notified in mode restrict (`dropNotify`); in mode shutdown most releases send cErrDisableInterfaceEvent
and linkDown only. LINK-changed traps of IOS carry ifDescr besides what IF-MIB asks for.
"""

from __future__ import annotations

from drivers.snmp.traps.words import Column, Kind, Role, Trap, Vendor

_CISCO = "1.3.6.1.4.1.9.9."
_CPS = _CISCO + "315.1.2.1.1."
_PORT_SECURITY = "CISCO-PORT-SECURITY-MIB::"

CISCO = Vendor(
    traps={
        _CISCO + "315.0.0.1": Trap(_PORT_SECURITY + "cpsSecureMacAddrViolation", Kind.VIOLATION, "port-security"),
        _CISCO + "315.0.0.2": Trap(_PORT_SECURITY + "cpsTrunkSecureMacAddrViolation", Kind.VIOLATION, "port-security"),
        _CISCO + "315.0.0.3": Trap(_PORT_SECURITY + "cpsIfVlanSecureMacAddrViolation", Kind.VIOLATION, "port-security"),
        _CISCO + "215.2.0.1": Trap("CISCO-MAC-NOTIFICATION-MIB::cmnMacChangedNotification", Kind.MAC_LEARNED),
        _CISCO + "215.2.0.2": Trap("CISCO-MAC-NOTIFICATION-MIB::cmnMacMoveNotification", Kind.MAC_MOVED),
        # 0.1.1 is the deprecated form, which older releases send.
        _CISCO + "548.0.1.1": Trap("CISCO-ERR-DISABLE-MIB::cErrDisableInterfaceEvent", Kind.BLOCKED),
        _CISCO + "548.0.2": Trap("CISCO-ERR-DISABLE-MIB::cErrDisableInterfaceEventRev1", Kind.BLOCKED),
        _CISCO + "43.2.0.1": Trap("CISCO-CONFIG-MAN-MIB::ciscoConfigManEvent", Kind.CONFIG),
        _CISCO + "43.2.0.2": Trap("CISCO-CONFIG-MAN-MIB::ccmCLIRunningConfigChanged", Kind.CONFIG),
    },
    columns={
        _CPS + "10": Column(Role.MAC, ("if",)),
        _CPS + "18": Column(Role.VLAN, ("if",)),
        _CISCO + "548.1.3.1.1.2": Column(Role.CAUSE, ("if", "vlan")),
        _CISCO + "215.1.1.8.1.2": Column(Role.CHANGES_11),
        _CISCO + "215.1.3.3": Column(Role.MAC),
        _CISCO + "215.1.3.4": Column(Role.VLAN),
        _CISCO + "215.1.3.6": Column(Role.BASE_PORT),  # cmnMACMoveToPortId: where it is now
    },
    # CErrDisableFeatureID; the words are those of 'show interfaces status err-disabled' where IOS has one.
    causes={
        1: "udld", 2: "bpduguard", 3: "channel-misconfig", 4: "pagp-flap", 5: "dtp-flap", 6: "link-flap",
        7: "l2ptguard", 8: "dot1x-security-violation", 9: "psecure-violation", 10: "gbic-invalid",
        11: "dhcp-rate-limit", 12: "unicast-flood", 13: "vmps", 14: "storm-control", 15: "inline-power",
        16: "arp-inspection", 17: "loopback", 19: "mac-limit", 62: "loopdetect",
    },
)  # fmt: skip

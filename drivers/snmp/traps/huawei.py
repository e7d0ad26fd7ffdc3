"""Huawei VRP5, VRP8 and YunShan: the modules HUAWEI-L2MAM, -SWITCH-L2MAM-EXT, -ERRORDOWN and -CONFIG-MAN-MIB.

hwPortSecRcvInsecurePktAlarm names the port and no MAC; hwPortVlanSecureMacAlarm has both. hwMacTrapMacInfo is, by
Huawei's description of the module, 14 octets a change: what (1 learned, 2 aged), ifIndex, type, VLAN, MAC. Switches
were seen to send it as text of hexadecimal digits too, with or without the type's leading zero, and as "MAC learning"
where other variables say the rest.
"""

from __future__ import annotations

from drivers.snmp.traps.words import Column, Kind, Role, Trap, Vendor

_HUAWEI = "1.3.6.1.4.1.2011."
_L2MAM, _EXT = _HUAWEI + "5.25.42.2.1.", _HUAWEI + "5.25.315."
_L2MAM_NAME, _EXT_NAME = "HUAWEI-L2MAM-MIB::", "HUAWEI-SWITCH-L2MAM-EXT-MIB::"
_CONFIG_NAME = "HUAWEI-CONFIG-MAN-MIB::"
_MAC_VLAN = ("mac", "vlan")

HUAWEI = Vendor(
    traps={
        _L2MAM + "7.6": Trap(_L2MAM_NAME + "hwPortSecRcvInsecurePktAlarm", Kind.VIOLATION, "port-security"),
        _L2MAM + "7.72": Trap(_L2MAM_NAME + "hwPortSecRcvInsecurePktAlarmResume", Kind.RECOVERED, "port-security"),
        _L2MAM + "7.9": Trap(_L2MAM_NAME + "hwPortStickyReachMaxAlarm", Kind.VIOLATION, "sticky-limit"),
        _L2MAM + "7.10": Trap(_L2MAM_NAME + "hwRecIllegalMacPktAlarm", Kind.VIOLATION, "illegal-mac"),
        _L2MAM + "7.11": Trap(_L2MAM_NAME + "hwMacLimitOverThresholdAlarm", Kind.VIOLATION, "mac-limit"),
        _L2MAM + "7.69": Trap(_L2MAM_NAME + "hwPortMacLimitOverThreshold", Kind.VIOLATION, "mac-limit"),
        _L2MAM + "7.12": Trap(_L2MAM_NAME + "hwMacFlappingAlarm", Kind.MAC_MOVED),
        _L2MAM + "7.30": Trap(_L2MAM_NAME + "hwMacHopAlarmRaisingThreshold", Kind.MAC_MOVED),
        _EXT + "3.1": Trap(_EXT_NAME + "hwMacTrapAlarm", Kind.MAC_LEARNED),
        _EXT + "3.2": Trap(_EXT_NAME + "hwPortVlanSecureMacAlarm", Kind.VIOLATION, "port-security"),
        _EXT + "3.5": Trap(_EXT_NAME + "hwMacTrapPortCfgAlarm", Kind.MAC_LEARNED),
        _EXT + "3.9": Trap(_EXT_NAME + "hwPortsecStaticFlpAlarm", Kind.VIOLATION, "static-flapping"),
        _HUAWEI + "5.25.257.2.1": Trap("HUAWEI-ERRORDOWN-MIB::hwErrordown", Kind.BLOCKED),
        _HUAWEI + "5.25.257.2.2": Trap("HUAWEI-ERRORDOWN-MIB::hwErrordownRecovery", Kind.RECOVERED),
        _HUAWEI + "6.10.2.1": Trap(_CONFIG_NAME + "hwCfgManEventlog", Kind.CONFIG),
        _HUAWEI + "6.10.2.17": Trap(_CONFIG_NAME + "hwCfgConfigChangeLog", Kind.CONFIG),
    },
    columns={
        _L2MAM + "2.1.1": Column(Role.MAC, _MAC_VLAN),
        _L2MAM + "2.1.2": Column(Role.VLAN, _MAC_VLAN),
        _L2MAM + "11.1.3": Column(Role.ROW, ("if",)),
        _L2MAM + "24.1": Column(Role.MAC),
        _L2MAM + "24.2": Column(Role.VLAN),
        _L2MAM + "62": Column(Role.NAME),
        _HUAWEI + "5.25.42.1.1.1.3.1.19": Column(Role.NAME),  # hwL2IfPortName; the index is a number of its own
        _EXT + "2.2": Column(Role.CHANGES_HUAWEI),
        _HUAWEI + "5.25.257.1.1": Column(Role.CAUSE),
    },
)

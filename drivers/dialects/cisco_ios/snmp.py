"""Cisco IOS and IOS-XE, written over SNMP: port security, access VLAN, state and description, and the save.

Objects: CISCO-PORT-SECURITY-MIB, CISCO-VTP-MIB, CISCO-VLAN-MEMBERSHIP-MIB, IF-MIB, CISCO-CONFIG-COPY-MIB,
CISCO-CONFIG-MAN-MIB. PacketFence sets secure MACs, mode and VLAN through them, NAV VLAN, state and description.
IP source guard, sticky learning, trunks and new VLANs have no such path and are refused. The order is as over SSH.
"""

from dataclasses import replace

from drivers.dialect import Items, Save, Set, SnmpObject, SnmpSaving, SnmpWrites, Tested
from drivers.dialects.cisco_ios.dialect import DIALECT as OVER_SSH
from policies.model import PortMode, Violation

_CPS = "1.3.6.1.4.1.9.9.315.1.2"
_COPY = "1.3.6.1.4.1.9.9.96.1.1.1.1"
_HISTORY = "1.3.6.1.4.1.9.9.43.1.1"
_ROW = {4: 1, 6: None}  # createAndGo reads active, destroy leaves nothing

OBJECTS = {
    "ifAdminStatus": SnmpObject("1.3.6.1.2.1.2.2.1.7"),
    "ifAlias": SnmpObject("1.3.6.1.2.1.31.1.1.1.18", "s"),
    "vlanTrunkPortDynamicState": SnmpObject("1.3.6.1.4.1.9.9.46.1.6.1.1.13"),
    "vmVlan": SnmpObject("1.3.6.1.4.1.9.9.68.1.2.2.1.2", "iu"),
    "cpsIfPortSecurityEnable": SnmpObject(f"{_CPS}.1.1.1"),
    "cpsIfMaxSecureMacAddr": SnmpObject(f"{_CPS}.1.1.3"),
    "cpsIfViolationAction": SnmpObject(f"{_CPS}.1.1.8"),
    "cpsIfVlanSecureMacAddrRowStatus": SnmpObject(f"{_CPS}.3.1.5", index=("if_index", "mac", "number"), shows=_ROW),
    # Deprecated, and what releases before 15 take: the VLAN is the port's own.
    "cpsSecureMacAddrRowStatus": SnmpObject(f"{_CPS}.2.1.4", index=("if_index", "mac", ""), shows=_ROW),
    "ccCopySourceFileType": SnmpObject(f"{_COPY}.3", index=("row",)),
    "ccCopyDestFileType": SnmpObject(f"{_COPY}.4", index=("row",)),
    "ccCopyState": SnmpObject(f"{_COPY}.10", index=("row",)),
    "ccCopyFailCause": SnmpObject(f"{_COPY}.13", index=("row",)),
    "ccCopyEntryRowStatus": SnmpObject(f"{_COPY}.14", index=("row",), shows=_ROW),
}

DIALECT = replace(
    OVER_SSH,
    title="Cisco IOS / IOS-XE over SNMP",
    enable=None,
    on_open=(),
    enter_config=(),
    leave_config=(),
    enter_interface="",
    leave_interface=(),
    settings={
        "mode": Set(
            by_value={
                PortMode.ACCESS: ("vlanTrunkPortDynamicState[{port}] = off(2)",),
                PortMode.DYNAMIC_DESIRABLE: ("vlanTrunkPortDynamicState[{port}] = desirable(3)",),
                PortMode.DYNAMIC_AUTO: ("vlanTrunkPortDynamicState[{port}] = auto(4)",),
            }
        ),
        "access_vlan": Set(value=("vmVlan[{port}] = {value}",)),
        "maximum": Set(value=("cpsIfMaxSecureMacAddr[{port}] = {value}",)),
        "violation": Set(
            by_value={
                Violation.SHUTDOWN: ("cpsIfViolationAction[{port}] = shutdown(1)",),
                Violation.RESTRICT: ("cpsIfViolationAction[{port}] = dropNotify(2)",),
                Violation.PROTECT: ("cpsIfViolationAction[{port}] = drop(3)",),
            }
        ),
        "secure_macs": Items(
            add=("{mac_table}[{port}, {mac}, {vlan}] = createAndGo(4)",),
            remove=("{mac_table}[{port}, {mac}, {vlan}] = destroy(6)",),
        ),
        "secure": Set(
            by_value={
                True: ("cpsIfPortSecurityEnable[{port}] = true(1)",),
                False: ("cpsIfPortSecurityEnable[{port}] = false(2)",),
            }
        ),
        "admin_up": Set(
            by_value={True: ("ifAdminStatus[{port}] = up(1)",), False: ("ifAdminStatus[{port}] = down(2)",)}
        ),
        "description": Set(value=("ifAlias[{port}] = {value}",), clear=("ifAlias[{port}] = ",)),
    },
    quiesce={"secure": frozenset({"secure_macs", "maximum", "mode", "access_vlan"})},
    order=(
        ("admin_up", "off"),
        ("secure", "off"),
        ("secure_macs", "remove"),
        ("mode", "set"),
        ("access_vlan", "set"),
        ("maximum", "set"),
        ("violation", "set"),
        ("secure_macs", "add"),
        ("secure", "on"),
        ("description", "set"),
        ("admin_up", "on"),
    ),
    vlan_add=(),
    vlan_remove=(),
    recover=("ifAdminStatus[{port}] = down(2)", "ifAdminStatus[{port}] = up(1)"),
    save=Save(
        "ccCopySourceFileType[{row}] = runningConfig(4) & ccCopyDestFileType[{row}] = startupConfig(3)"
        " & ccCopyEntryRowStatus[{row}] = createAndGo(4)"
    ),
    reads=(),
    capabilities=frozenset(
        {"mode", "access_vlan", "secure", "maximum", "violation", "secure_macs", "admin_up", "description", "startup"}
    ),
    parameters={"mac_table": "cpsIfVlanSecureMacAddrRowStatus", "row": "new"},
    tested_on=(
        Tested("virtual switch of the lab", "15.2-like persona", "2026-11-30", "emulated", "all sets, saved, reverted"),
        Tested("Catalyst 2950 to 3850", "12.x, 15.x", "2026-11-30", "documentation", "MIBs; objects that others set"),
    ),
    snmp=SnmpWrites(
        OBJECTS,
        saving=SnmpSaving(
            "ccCopyState",
            pending=frozenset({1, 2}),
            done=3,
            cause="ccCopyFailCause",
            causes={
                1: "unknown", 2: "badFileName", 3: "timeout", 4: "noMem", 5: "noConfig", 6: "unsupportedProtocol",
                7: "someConfigApplyFailed", 8: "systemNotReady", 9: "requestAborted",
            },
            end="ccCopyEntryRowStatus[{row}] = destroy(6)",
        ),
        changed=f"{_HISTORY}.1.0",
        saved=f"{_HISTORY}.3.0",
    ),
)  # fmt: skip

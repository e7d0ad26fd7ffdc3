"""The columns that discovery reads, by the names of their MIB modules, and which platform needs which.

Sources: RFC 1213/2863 (IF-MIB), RFC 4188 (BRIDGE-MIB), RFC 4363 (Q-BRIDGE-MIB), IEEE 802.1AB-2005 (LLDP-MIB), and the
vendors' modules named below. Numbers are used throughout: some vendor modules do not compile.
"""

from __future__ import annotations

from enum import StrEnum


class Oid(StrEnum):
    """One scalar or table column; the member's name says which object it is."""

    # SNMPv2-MIB
    SYS_DESCR = "1.3.6.1.2.1.1.1.0"
    SYS_OBJECT_ID = "1.3.6.1.2.1.1.2.0"
    SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
    SYS_NAME = "1.3.6.1.2.1.1.5.0"
    # IF-MIB, index ifIndex
    IF_DESCR = "1.3.6.1.2.1.2.2.1.2"
    IF_TYPE = "1.3.6.1.2.1.2.2.1.3"
    IF_ADMIN_STATUS = "1.3.6.1.2.1.2.2.1.7"
    IF_OPER_STATUS = "1.3.6.1.2.1.2.2.1.8"
    IF_NAME = "1.3.6.1.2.1.31.1.1.1.1"
    IF_ALIAS = "1.3.6.1.2.1.31.1.1.1.18"
    # BRIDGE-MIB: index dot1dBasePort, then MAC
    BASE_PORT_IF_INDEX = "1.3.6.1.2.1.17.1.4.1.2"
    BRIDGE_FDB_PORT = "1.3.6.1.2.1.17.4.3.1.2"
    BRIDGE_FDB_STATUS = "1.3.6.1.2.1.17.4.3.1.3"
    # Q-BRIDGE-MIB: index FdbId.MAC; TimeMark.VLAN; VLAN; dot1dBasePort
    QBRIDGE_FDB_PORT = "1.3.6.1.2.1.17.7.1.2.2.1.2"
    QBRIDGE_FDB_STATUS = "1.3.6.1.2.1.17.7.1.2.2.1.3"
    VLAN_FDB_ID = "1.3.6.1.2.1.17.7.1.4.2.1.3"
    VLAN_CURRENT_EGRESS = "1.3.6.1.2.1.17.7.1.4.2.1.4"
    VLAN_CURRENT_UNTAGGED = "1.3.6.1.2.1.17.7.1.4.2.1.5"
    VLAN_STATIC_NAME = "1.3.6.1.2.1.17.7.1.4.3.1.1"
    VLAN_STATIC_EGRESS = "1.3.6.1.2.1.17.7.1.4.3.1.2"
    VLAN_STATIC_UNTAGGED = "1.3.6.1.2.1.17.7.1.4.3.1.4"
    PVID = "1.3.6.1.2.1.17.7.1.4.5.1.1"
    # Q-BRIDGE-MIB: index FdbId.MAC.dot1dBasePort, base port 0 for any
    STATIC_UNICAST_PORTS = "1.3.6.1.2.1.17.7.1.3.1.1.3"
    STATIC_UNICAST_STATUS = "1.3.6.1.2.1.17.7.1.3.1.1.4"
    # LLDP-MIB: index LocalPortNum; TimeMark.LocalPortNum.RemIndex
    LLDP_LOCAL_SUBTYPE = "1.0.8802.1.1.2.1.3.7.1.2"
    LLDP_LOCAL_ID = "1.0.8802.1.1.2.1.3.7.1.3"
    LLDP_LOCAL_DESCR = "1.0.8802.1.1.2.1.3.7.1.4"
    LLDP_REMOTE_CHASSIS_SUBTYPE = "1.0.8802.1.1.2.1.4.1.1.4"
    LLDP_REMOTE_CHASSIS = "1.0.8802.1.1.2.1.4.1.1.5"
    LLDP_REMOTE_PORT_SUBTYPE = "1.0.8802.1.1.2.1.4.1.1.6"
    LLDP_REMOTE_PORT = "1.0.8802.1.1.2.1.4.1.1.7"
    LLDP_REMOTE_NAME = "1.0.8802.1.1.2.1.4.1.1.9"
    LLDP_REMOTE_CAPABILITIES = "1.0.8802.1.1.2.1.4.1.1.12"
    # CISCO-CDP-MIB: index ifIndex.deviceIndex
    CDP_DEVICE = "1.3.6.1.4.1.9.9.23.1.2.1.1.6"
    CDP_PORT = "1.3.6.1.4.1.9.9.23.1.2.1.1.7"
    # CISCO-VTP-MIB: index domain.VLAN; ifIndex
    VTP_VLAN_STATE = "1.3.6.1.4.1.9.9.46.1.3.1.1.2"
    VTP_VLAN_NAME = "1.3.6.1.4.1.9.9.46.1.3.1.1.4"
    TRUNK_VLANS_1K = "1.3.6.1.4.1.9.9.46.1.6.1.1.4"
    TRUNK_NATIVE = "1.3.6.1.4.1.9.9.46.1.6.1.1.5"
    TRUNK_ADMIN = "1.3.6.1.4.1.9.9.46.1.6.1.1.13"
    TRUNK_OPER = "1.3.6.1.4.1.9.9.46.1.6.1.1.14"
    TRUNK_ENCAPSULATION = "1.3.6.1.4.1.9.9.46.1.6.1.1.16"
    TRUNK_VLANS_2K = "1.3.6.1.4.1.9.9.46.1.6.1.1.17"
    TRUNK_VLANS_3K = "1.3.6.1.4.1.9.9.46.1.6.1.1.18"
    TRUNK_VLANS_4K = "1.3.6.1.4.1.9.9.46.1.6.1.1.19"
    # CISCO-VLAN-MEMBERSHIP-MIB: index ifIndex
    VM_VLAN = "1.3.6.1.4.1.9.9.68.1.2.2.1.2"
    # CISCO-PORT-SECURITY-MIB: index ifIndex; ifIndex.MAC; ifIndex.MAC.VLAN
    CPS_ENABLE = "1.3.6.1.4.1.9.9.315.1.2.1.1.1"
    CPS_STATUS = "1.3.6.1.4.1.9.9.315.1.2.1.1.2"
    CPS_MAXIMUM = "1.3.6.1.4.1.9.9.315.1.2.1.1.3"
    CPS_COUNT = "1.3.6.1.4.1.9.9.315.1.2.1.1.4"
    CPS_ACTION = "1.3.6.1.4.1.9.9.315.1.2.1.1.8"
    CPS_VIOLATIONS = "1.3.6.1.4.1.9.9.315.1.2.1.1.9"
    CPS_LAST_MAC = "1.3.6.1.4.1.9.9.315.1.2.1.1.10"
    CPS_STICKY = "1.3.6.1.4.1.9.9.315.1.2.1.1.15"
    CPS_MAC_TYPE = "1.3.6.1.4.1.9.9.315.1.2.2.1.2"
    CPS_VLAN_MAC_TYPE = "1.3.6.1.4.1.9.9.315.1.2.3.1.3"
    # CISCO-ERR-DISABLE-MIB: index ifIndex.VLAN, VLAN 0 for the whole port
    ERR_DISABLE_CAUSE = "1.3.6.1.4.1.9.9.548.1.3.1.1.2"
    # HUAWEI-L2MAM-MIB: index MAC.VLAN.VSI; ifIndex
    HW_STATIC_FDB_PORT = "1.3.6.1.4.1.2011.5.25.42.2.1.2.1.4"
    HW_STATIC_FDB_TYPE = "1.3.6.1.4.1.2011.5.25.42.2.1.2.1.5"
    HW_DYNAMIC_FDB_PORT = "1.3.6.1.4.1.2011.5.25.42.2.1.3.1.4"
    HW_SECURE_ENABLE = "1.3.6.1.4.1.2011.5.25.42.2.1.11.1.2"
    HW_SECURE_ACTION = "1.3.6.1.4.1.2011.5.25.42.2.1.11.1.3"
    HW_SECURE_MAXIMUM = "1.3.6.1.4.1.2011.5.25.42.2.1.11.1.6"
    # HUAWEI-L2IF-MIB: index the module's own port number
    HW_L2_IF_INDEX = "1.3.6.1.4.1.2011.5.25.42.1.1.1.3.1.2"
    HW_L2_TYPE = "1.3.6.1.4.1.2011.5.25.42.1.1.1.3.1.3"
    HW_HYBRID_TAGGED_LOW = "1.3.6.1.4.1.2011.5.25.42.1.1.1.9.1.2"
    HW_TRUNK_LOW = "1.3.6.1.4.1.2011.5.25.42.1.1.1.10.1.2"
    HW_TRUNK_HIGH = "1.3.6.1.4.1.2011.5.25.42.1.1.1.10.1.3"
    # HH3C-PORT-SECURITY-MIB: index ifIndex; ifIndex.MAC.VLAN
    HH3C_SECURE_MODE = "1.3.6.1.4.1.25506.2.26.1.2.1.1.1"
    HH3C_SECURE_INTRUSION = "1.3.6.1.4.1.25506.2.26.1.2.1.1.3"
    HH3C_SECURE_MAXIMUM = "1.3.6.1.4.1.25506.2.26.1.2.1.1.4"
    HH3C_SECURE_MAC = "1.3.6.1.4.1.25506.2.26.1.2.2.1.3"


SYSTEM = (Oid.SYS_DESCR, Oid.SYS_OBJECT_ID, Oid.SYS_NAME)

_INTERFACES = (Oid.IF_DESCR, Oid.IF_TYPE, Oid.IF_ADMIN_STATUS, Oid.IF_OPER_STATUS, Oid.IF_NAME, Oid.IF_ALIAS)
_LLDP = (
    Oid.LLDP_REMOTE_CHASSIS_SUBTYPE, Oid.LLDP_REMOTE_CHASSIS, Oid.LLDP_REMOTE_PORT_SUBTYPE, Oid.LLDP_REMOTE_PORT,
    Oid.LLDP_REMOTE_NAME, Oid.LLDP_REMOTE_CAPABILITIES,
)  # fmt: skip

#: Read from every switch.
COMMON = (
    *_INTERFACES, Oid.BASE_PORT_IF_INDEX, Oid.BRIDGE_FDB_PORT, Oid.BRIDGE_FDB_STATUS, Oid.QBRIDGE_FDB_PORT,
    Oid.QBRIDGE_FDB_STATUS, Oid.VLAN_FDB_ID, Oid.VLAN_CURRENT_EGRESS, Oid.VLAN_CURRENT_UNTAGGED, Oid.VLAN_STATIC_NAME,
    Oid.PVID, *_LLDP,
)  # fmt: skip

#: Read only where another column says that it is needed.
LLDP_LOCAL = (Oid.LLDP_LOCAL_SUBTYPE, Oid.LLDP_LOCAL_ID, Oid.LLDP_LOCAL_DESCR)
STATIC_MEMBERSHIP = (Oid.VLAN_STATIC_EGRESS, Oid.VLAN_STATIC_UNTAGGED)
VLAN_VIEW = (Oid.BASE_PORT_IF_INDEX, Oid.BRIDGE_FDB_PORT, Oid.BRIDGE_FDB_STATUS)

_CISCO = (
    Oid.VTP_VLAN_STATE, Oid.VTP_VLAN_NAME, Oid.TRUNK_NATIVE, Oid.TRUNK_ADMIN, Oid.TRUNK_OPER, Oid.TRUNK_ENCAPSULATION,
    Oid.TRUNK_VLANS_1K, Oid.TRUNK_VLANS_2K, Oid.TRUNK_VLANS_3K, Oid.TRUNK_VLANS_4K, Oid.VM_VLAN, Oid.CPS_ENABLE,
    Oid.CPS_STATUS, Oid.CPS_MAXIMUM, Oid.CPS_COUNT, Oid.CPS_ACTION, Oid.CPS_VIOLATIONS, Oid.CPS_LAST_MAC,
    Oid.CPS_STICKY, Oid.CPS_MAC_TYPE, Oid.CPS_VLAN_MAC_TYPE, Oid.ERR_DISABLE_CAUSE, Oid.CDP_DEVICE, Oid.CDP_PORT,
)  # fmt: skip
_HUAWEI = (
    Oid.HW_STATIC_FDB_PORT, Oid.HW_STATIC_FDB_TYPE, Oid.HW_DYNAMIC_FDB_PORT, Oid.HW_SECURE_ENABLE,
    Oid.HW_SECURE_ACTION, Oid.HW_SECURE_MAXIMUM, Oid.HW_L2_IF_INDEX, Oid.HW_L2_TYPE, Oid.HW_HYBRID_TAGGED_LOW,
    Oid.HW_TRUNK_LOW, Oid.HW_TRUNK_HIGH,
)  # fmt: skip
_HH3C = (Oid.HH3C_SECURE_MODE, Oid.HH3C_SECURE_INTRUSION, Oid.HH3C_SECURE_MAXIMUM, Oid.HH3C_SECURE_MAC)

#: Read besides COMMON, by platform.
BY_PLATFORM: dict[str, tuple[Oid, ...]] = {
    "cisco_ios": _CISCO,
    "cisco_nxos": _CISCO,
    "huawei_vrp": _HUAWEI,
    "huawei_vrpv8": _HUAWEI,
    "h3c_comware": _HH3C,
    "qbridge": (Oid.STATIC_UNICAST_PORTS, Oid.STATIC_UNICAST_STATUS),
}

#: Long octet strings (PortList, VlanList): few of them fit into one datagram, and gufo-snmp 0.13 reads at most 4 KiB.
LONG_VALUES = frozenset({
    Oid.STATIC_UNICAST_PORTS,
    Oid.VLAN_CURRENT_EGRESS, Oid.VLAN_CURRENT_UNTAGGED, Oid.VLAN_STATIC_EGRESS, Oid.VLAN_STATIC_UNTAGGED,
    Oid.HW_HYBRID_TAGGED_LOW, Oid.HW_TRUNK_LOW, Oid.HW_TRUNK_HIGH, Oid.TRUNK_VLANS_1K, Oid.TRUNK_VLANS_2K,
    Oid.TRUNK_VLANS_3K, Oid.TRUNK_VLANS_4K,
})  # fmt: skip


def label(oid: str) -> str:
    """Name an OID for a message: the known object's name and the number."""
    try:
        return f"{Oid(oid).name} ({oid})"
    except ValueError:
        return oid

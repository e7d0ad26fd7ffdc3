"""A switch that is known by the standard MIBs alone: static MACs, port VLAN, state and description.

Objects: Q-BRIDGE-MIB (RFC 4363), IF-MIB (RFC 2863). PacketFence binds through dot1qStaticUnicastTable on SMC and LG
switches. The table says where a MAC is, not that others are refused: that a port admits its static MACs only is a mode
of the vendor's own, which is set by hand, so `port security` is no setting here. The VLAN goes in the order of NAV: the
PVID, the new VLAN's lists, and last the old one's.
"""

from drivers.dialect import Dialect, Items, Set, SnmpObject, SnmpWrites, Tested

_Q = "1.3.6.1.2.1.17.7.1"
_ENTRY = ("fdb", "mac", "number")
_LISTS = ("number",)
_STATUS = "dot1qStaticUnicastStatus[{vlan}, {mac}, 0]"

DIALECT = Dialect(
    platform="qbridge",
    title="Q-BRIDGE-MIB over SNMP",
    prompt="",
    config_prompt="",
    interface_prompt="",
    on_open=(),
    enter_config=(),
    leave_config=(),
    enter_interface="",
    leave_interface=(),
    failure=(),
    settings={
        "access_vlan": Set(
            value=(
                "dot1qPvid[{port}] = {value}",
                "dot1qVlanStaticEgressPorts[{value}] += {port} & dot1qVlanStaticUntaggedPorts[{value}] += {port}",
                "dot1qVlanStaticUntaggedPorts[{old_vlan}] -= {port} & dot1qVlanStaticEgressPorts[{old_vlan}] -= {port}",
            )
        ),
        "secure_macs": Items(
            add=(
                f"{_STATUS} = permanent(3) & dot1qStaticUnicastAllowedToGoTo[{{vlan}}, {{mac}}, 0] = {{port}}",
            ),
            remove=(f"{_STATUS} = invalid(2)",),
        ),
        "admin_up": Set(
            by_value={True: ("ifAdminStatus[{port}] = up(1)",), False: ("ifAdminStatus[{port}] = down(2)",)}
        ),
        "description": Set(value=("ifAlias[{port}] = {value}",), clear=("ifAlias[{port}] = ",)),
    },
    order=(
        ("admin_up", "off"),
        ("secure_macs", "remove"),
        ("access_vlan", "set"),
        ("secure_macs", "add"),
        ("description", "set"),
        ("admin_up", "on"),
    ),
    vlan_add=(),
    vlan_remove=(),
    recover=("ifAdminStatus[{port}] = down(2)", "ifAdminStatus[{port}] = up(1)"),
    save=None,
    reads=(),
    capabilities=frozenset({"access_vlan", "secure_macs", "admin_up", "description"}),
    rollback="watchdog",
    secrets=(),
    volatile=(),
    tested_on=(
        Tested("virtual switch of the lab", "standard objects", "2026-11-30", "emulated", "all sets, reverted"),
    ),
    snmp=SnmpWrites(
        {
            "ifAdminStatus": SnmpObject("1.3.6.1.2.1.2.2.1.7"),
            "ifAlias": SnmpObject("1.3.6.1.2.1.31.1.1.1.18", "s"),
            "dot1qPvid": SnmpObject(f"{_Q}.4.5.1.1", "ui", ("bridge_port",)),
            "dot1qVlanStaticEgressPorts": SnmpObject(f"{_Q}.4.3.1.2", "p", _LISTS),
            "dot1qVlanStaticUntaggedPorts": SnmpObject(f"{_Q}.4.3.1.4", "p", _LISTS),
            "dot1qStaticUnicastAllowedToGoTo": SnmpObject(f"{_Q}.3.1.1.3", "p", _ENTRY),
            "dot1qStaticUnicastStatus": SnmpObject(
                f"{_Q}.3.1.1.4", "i", _ENTRY, shows={2: None}, creates=frozenset({3})
            ),
        },
        identified=False,
    ),
)  # fmt: skip

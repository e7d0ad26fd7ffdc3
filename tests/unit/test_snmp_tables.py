"""From columns to an observed switch, without an agent."""

from __future__ import annotations

from drivers.snmp.discover import assemble
from drivers.snmp.oids import Oid
from drivers.snmp.values import Index, Notes, Value, as_int, as_text, numbers
from policies.model import Learned, Neighbour, ObservedPort, Oper, PortMode, SecureMac, Violation

Read = dict[str, dict[Index, Value]]
MAC = (0, 17, 34, 51, 68, 85)
COLONS = "00:11:22:33:44:55"


def column(values: dict[int, Value]) -> dict[Index, Value]:
    return {(index,): value for index, value in values.items()}


def two_ports(**more: dict[Index, Value]) -> Read:
    read: Read = {
        Oid.IF_DESCR: column({101: b"GigabitEthernet1/0/1", 102: b"GigabitEthernet1/0/2", 200: b"Vlan10"}),
        Oid.IF_NAME: column({101: b"Gi1/0/1", 102: b"Gi1/0/2", 200: b"Vl10"}),
        Oid.IF_TYPE: column({101: 6, 102: 117, 200: 53}),
        Oid.BASE_PORT_IF_INDEX: column({1: 101, 2: 102}),
    }
    return read | {Oid[name]: values for name, values in more.items()}


def observe(read: Read, platform: str = "") -> tuple[dict[str, ObservedPort], list[str]]:
    notes = Notes()
    found = assemble(dict(read), platform, notes)
    return {port.name: port for port in found.observed()}, [str(sentence) for sentence in notes.texts]


def test_ports_are_named_canonically_and_vlan_interfaces_are_none() -> None:
    ports, oddities = observe(two_ports())
    assert [(port.name, port.if_index) for port in ports.values()] == [
        ("GigabitEthernet1/0/1", 101),
        ("GigabitEthernet1/0/2", 102),
    ]
    assert oddities == []


def test_a_description_with_a_blank_names_the_port_where_there_is_no_name() -> None:
    # Ruijie's ifDescr is "TenGigabitEthernet 0/1".
    ports, _ = observe({Oid.IF_DESCR: column({1: b"TenGigabitEthernet 0/1"}), Oid.IF_TYPE: column({1: 6})})
    assert list(ports) == ["TenGigabitEthernet0/1"]


def test_names_on_open_vswitch_are_kept_exactly() -> None:
    ports, _ = observe({Oid.IF_NAME: column({1: b"gi1"}), Oid.IF_TYPE: column({1: 6})}, "openvswitch")
    assert list(ports) == ["gi1"]


def test_two_interfaces_with_one_name_are_one_port_and_an_oddity() -> None:
    read: Read = {
        Oid.IF_NAME: column({6: b"GE1/0/1", 112: b"GE1/0/1"}),
        Oid.IF_TYPE: column({6: 6, 112: 6}),
        Oid.BASE_PORT_IF_INDEX: column({1: 112}),
    }
    ports, oddities = observe(read)
    assert [port.if_index for port in ports.values()] == [112]
    assert len(oddities) == 1
    assert "6" in oddities[0]


def test_an_aggregate_that_only_the_bridge_knows_is_a_port() -> None:
    # Cisco's Port-channel has ifType 53 (propVirtual).
    read = two_ports()
    read[Oid.IF_NAME] = {**read[Oid.IF_NAME], (5001,): b"Po1"}
    read[Oid.IF_TYPE] = {**read[Oid.IF_TYPE], (5001,): 53}
    assert "Port-channel1" not in observe(read)[0]
    read[Oid.BASE_PORT_IF_INDEX] = {**read[Oid.BASE_PORT_IF_INDEX], (456,): 5001}
    assert "Port-channel1" in observe(read)[0]


def test_states_and_description_are_read_and_missing_ones_stay_unknown() -> None:
    ports, _ = observe(
        two_ports(
            IF_ADMIN_STATUS=column({101: 2}),
            IF_OPER_STATUS=column({101: 7, 102: 1}),
            IF_ALIAS=column({101: "摄像机 3 号杆".encode("gb18030")}),
        )
    )
    first, second = ports.values()
    assert (first.config.admin_up, first.oper, first.config.description) == (False, Oper.DOWN, "摄像机 3 号杆")
    assert (second.config.admin_up, second.oper, second.config.description) == (None, Oper.UP, None)


def test_q_bridge_entries_are_placed_with_vlan_and_kind() -> None:
    ports, oddities = observe(
        two_ports(
            QBRIDGE_FDB_PORT={(10, *MAC): 1, (20, *MAC): 2, (10, 2, 0, 0, 0, 0, 1): 0, (10, 2, 0, 0, 0, 0, 2): 1},
            QBRIDGE_FDB_STATUS={(10, *MAC): 3, (20, *MAC): 4, (10, 2, 0, 0, 0, 0, 2): 2},
        )
    )
    assert ports["GigabitEthernet1/0/1"].learned == {Learned(COLONS, 10)}
    assert ports["GigabitEthernet1/0/2"].learned == {Learned(COLONS, 20, "self")}
    assert oddities == ["1 MACs are known to the switch but learned on no port (port 0)"]


def test_an_entry_without_vlan_gives_way_to_the_same_mac_with_one() -> None:
    # VRP answers both dot1dTpFdb (no VLAN) and hwdbDynFdb (VLAN, ifIndex).
    ports, _ = observe(
        two_ports(
            BRIDGE_FDB_PORT={MAC: 1, (2, 0, 0, 0, 0, 9): 1},
            HW_DYNAMIC_FDB_PORT={(*MAC, 410, 1, 48): 101},
        ),
        "huawei_vrp",
    )
    assert ports["GigabitEthernet1/0/1"].learned == {Learned(COLONS, 410), Learned("02:00:00:00:00:09", None)}


def test_huaweis_static_entries_are_static_and_blackholes_are_on_no_port() -> None:
    ports, _ = observe(
        two_ports(
            HW_STATIC_FDB_PORT={(*MAC, 10, 1, 48): 101, (2, 0, 0, 0, 0, 1, 10, 1, 48): 102},
            HW_STATIC_FDB_TYPE={(*MAC, 10, 1, 48): 2, (2, 0, 0, 0, 0, 1, 10, 1, 48): 3},
            HW_DYNAMIC_FDB_PORT={(*MAC, 10, 1, 48): 101},
        ),
        "huawei_vrp",
    )
    assert ports["GigabitEthernet1/0/1"].learned == {Learned(COLONS, 10, "static")}
    assert ports["GigabitEthernet1/0/2"].learned == frozenset()


def test_a_mac_on_a_bridge_port_that_no_interface_has_is_an_oddity() -> None:
    _, oddities = observe(two_ports(BRIDGE_FDB_PORT={MAC: 77}))
    assert oddities == ["MACs are learned on bridge ports that no interface has: 77"]


def test_untagged_in_one_vlan_is_access_and_anything_tagged_is_a_trunk() -> None:
    ports, _ = observe(
        two_ports(
            PVID=column({1: 10, 2: 1}),
            VLAN_CURRENT_EGRESS={(0, 10): b"\xc0", (2071, 1): b"\x40"},
            VLAN_CURRENT_UNTAGGED={(0, 10): b"\x80", (2071, 1): b"\x40"},
        )
    )
    access, trunk = (port.config for port in ports.values())
    assert (access.mode, access.access_vlan, access.allowed_vlans) == (PortMode.ACCESS, 10, None)
    assert (trunk.mode, trunk.native_vlan, trunk.allowed_vlans) == (PortMode.TRUNK, 1, frozenset({1, 10}))


def test_port_lists_that_are_the_wrong_way_round_are_turned() -> None:
    ports, oddities = observe(
        two_ports(
            PVID=column({1: 10, 2: 20}),
            VLAN_CURRENT_EGRESS={(0, 10): b"\x01", (0, 20): b"\x02"},
            VLAN_CURRENT_UNTAGGED={(0, 10): b"\x01", (0, 20): b"\x02"},
        )
    )
    assert [(port.config.mode, port.config.access_vlan) for port in ports.values()] == [
        (PortMode.ACCESS, 10),
        (PortMode.ACCESS, 20),
    ]
    assert oddities == ["port lists have the bits of each octet the wrong way round and were turned"]


def test_static_membership_serves_where_there_is_no_current_table() -> None:
    ports, _ = observe(
        two_ports(
            PVID=column({1: 10, 2: 10}),
            VLAN_STATIC_EGRESS=column({10: b"\xc0"}),
            VLAN_STATIC_UNTAGGED=column({10: b"\xc0"}),
        )
    )
    assert {port.config.mode for port in ports.values()} == {PortMode.ACCESS}


def test_ciscos_trunk_tables_tell_the_mode_and_vm_vlan_the_access_vlan() -> None:
    ports, _ = observe(
        two_ports(
            TRUNK_ADMIN=column({101: 2, 102: 1}),
            TRUNK_OPER=column({101: 2, 102: 1}),
            TRUNK_NATIVE=column({101: 1, 102: 99}),
            TRUNK_VLANS_1K=column({101: b"\x7f" + b"\xff" * 127, 102: b"\x00\x20"}),
            TRUNK_VLANS_4K=column({102: bytes(127) + b"\x02"}),
            VM_VLAN=column({101: 20}),
        ),
        "cisco_ios",
    )
    access, trunk = (port.config for port in ports.values())
    assert (access.mode, access.access_vlan) == (PortMode.ACCESS, 20)
    assert (trunk.mode, trunk.native_vlan, trunk.allowed_vlans) == (PortMode.TRUNK, 99, frozenset({10, 4094}))


def test_a_cisco_port_that_negotiates_is_dynamic_whatever_it_does_now() -> None:
    ports, _ = observe(
        two_ports(TRUNK_ADMIN=column({101: 3, 102: 4}), TRUNK_OPER=column({101: 1, 102: 2})), "cisco_ios"
    )
    assert [port.config.mode for port in ports.values()] == [PortMode.DYNAMIC_DESIRABLE, PortMode.DYNAMIC_AUTO]
    assert [port.is_trunk for port in ports.values()] == [True, False]


def test_without_trunk_states_the_encapsulation_tells_who_trunks() -> None:
    # LibreNMS ios_2960x.snmprec holds no vlanTrunkPortDynamicStatus; notApplicable (6) is "does not trunk".
    ports, _ = observe(two_ports(TRUNK_ENCAPSULATION=column({101: 6, 102: 4}), VM_VLAN=column({101: 5})), "cisco_ios")
    assert [port.config.mode for port in ports.values()] == [PortMode.ACCESS, PortMode.TRUNK]


def test_huaweis_link_type_goes_before_what_membership_looks_like() -> None:
    ports, _ = observe(
        two_ports(
            HW_L2_IF_INDEX=column({1: 101, 2: 102}),
            HW_L2_TYPE=column({1: 2, 2: 1}),
            HW_TRUNK_LOW=column({2: b"\x40" + bytes(255)}),
            HW_TRUNK_HIGH=column({2: b"\x80" + bytes(255)}),
            PVID=column({1: 7, 2: 1}),
        ),
        "huawei_vrp",
    )
    access, trunk = (port.config for port in ports.values())
    assert (access.mode, access.access_vlan) == (PortMode.ACCESS, 7)
    assert (trunk.mode, trunk.native_vlan, trunk.allowed_vlans) == (PortMode.TRUNK, 1, frozenset({1, 2048}))


def test_a_list_of_trunk_vlans_that_was_cut_is_not_believed() -> None:
    # LibreNMS vrp_s5328c-ei.snmprec: 16 of 256 octets, odd number of hex digits.
    ports, oddities = observe(
        two_ports(HW_L2_IF_INDEX=column({2: 102}), HW_TRUNK_LOW=column({2: b"\x40" + bytes(15)})), "huawei_vrp"
    )
    assert ports["GigabitEthernet1/0/2"].config.mode is PortMode.TRUNK
    assert ports["GigabitEthernet1/0/2"].config.allowed_vlans is None
    assert any("cut short" in sentence for sentence in oddities)


def test_ciscos_port_security_is_read_with_its_macs_and_the_last_violator() -> None:
    ports, _ = observe(
        two_ports(
            CPS_ENABLE=column({101: 1, 102: 2}),
            CPS_STATUS=column({101: 3, 102: 2}),
            CPS_MAXIMUM=column({101: 2, 102: 1}),
            CPS_COUNT=column({101: 2, 102: 0}),
            CPS_ACTION=column({101: 2, 102: 1}),
            CPS_STICKY=column({101: 1, 102: 2}),
            CPS_VIOLATIONS=column({101: 7, 102: 0}),
            CPS_LAST_MAC=column({101: bytes(MAC), 102: bytes(6)}),
            CPS_VLAN_MAC_TYPE={(101, *MAC, 10): 3, (101, 2, 0, 0, 0, 0, 1, 10): 2},
        ),
        "cisco_ios",
    )
    first, second = ports.values()
    assert (first.config.secure, first.config.maximum, first.config.violation) == (True, 2, Violation.RESTRICT)
    assert first.config.secure_macs == frozenset({SecureMac(COLONS, 10)})
    assert (first.config.sticky, second.config.sticky) == (True, False)
    assert first.learned == {Learned("02:00:00:00:00:01", 10, "secure")}
    assert (first.violations, first.last_violator, first.oper) == (7, COLONS, Oper.BLOCKED)
    assert (second.config.secure, second.config.secure_macs, second.last_violator) == (False, frozenset(), "")


def test_secure_macs_that_are_counted_but_not_listed_are_unknown() -> None:
    ports, oddities = observe(two_ports(CPS_ENABLE=column({101: 1}), CPS_COUNT=column({101: 1})), "cisco_ios")
    assert ports["GigabitEthernet1/0/1"].config.secure_macs is None
    assert any("counts secure MACs" in sentence for sentence in oddities)


def test_an_err_disabled_port_is_blocked_with_its_cause_and_a_blocked_vlan_on_it_is_not() -> None:
    ports, _ = observe(
        two_ports(ERR_DISABLE_CAUSE={(101, 0): 9, (102, 10): 9}, IF_OPER_STATUS=column({101: 2, 102: 1})), "cisco_ios"
    )
    first, second = ports.values()
    assert (first.oper, first.blocked_cause) == (Oper.BLOCKED, "psecure-violation")
    assert (second.oper, second.blocked_cause) == (Oper.UP, "")


def test_huaweis_and_h3cs_port_security_have_their_own_numbers() -> None:
    huawei, _ = observe(
        two_ports(
            HW_SECURE_ENABLE=column({101: 1}), HW_SECURE_ACTION=column({101: 3}), HW_SECURE_MAXIMUM=column({101: 1})
        ),
        "huawei_vrp",
    )
    config = huawei["GigabitEthernet1/0/1"].config
    assert (config.secure, config.violation, config.maximum) == (True, Violation.SHUTDOWN, 1)
    h3c, _ = observe(
        two_ports(
            HH3C_SECURE_MODE=column({101: 4, 102: 1}),
            HH3C_SECURE_INTRUSION=column({101: 6}),
            HH3C_SECURE_MAC={(101, *MAC, 10): 2},
        ),
        "h3c_comware",
    )
    first, second = (port.config for port in h3c.values())
    assert (first.secure, first.violation, first.secure_macs) == (
        True,
        Violation.RESTRICT,
        frozenset({SecureMac(COLONS, 10)}),
    )
    assert (second.secure, second.secure_macs) == (False, frozenset())


def test_lldp_neighbours_are_found_through_the_local_port_table() -> None:
    ports, oddities = observe(
        two_ports(
            LLDP_LOCAL_ID=column({7: b"Gi1/0/2", 8: b"9e:00"}),
            LLDP_LOCAL_DESCR=column({8: b"GigabitEthernet1/0/1"}),
            LLDP_REMOTE_CHASSIS_SUBTYPE={(99, 7, 1): 4, (0, 8, 2): 7, (0, 66, 1): 4},
            LLDP_REMOTE_CHASSIS={(99, 7, 1): bytes(MAC), (0, 8, 2): b"rack 3"},
            LLDP_REMOTE_PORT={(99, 7, 1): b"eth0"},
            LLDP_REMOTE_NAME={(99, 7, 1): b"cam-1\x1b[2J"},
            LLDP_REMOTE_CAPABILITIES={(99, 7, 1): b"\x28\x00", (0, 8, 2): b"20 2"},
        )
    )
    assert ports["GigabitEthernet1/0/2"].neighbours == (Neighbour("cam-1 [2J", "eth0", COLONS, "bridge,router"),)
    assert ports["GigabitEthernet1/0/1"].neighbours == (Neighbour("", "", "rack 3", ""),)
    assert oddities == ["LLDP neighbours are on local ports that no interface has: 66"]


def test_a_local_port_id_of_subtype_local_may_be_an_if_index() -> None:
    ports, _ = observe(
        two_ports(
            LLDP_LOCAL_SUBTYPE=column({1: 7}),
            LLDP_LOCAL_ID=column({1: b"102"}),
            LLDP_REMOTE_NAME={(0, 1, 1): b"sw2"},
        )
    )
    assert [each.system for each in ports["GigabitEthernet1/0/2"].neighbours] == ["sw2"]


def test_cdp_neighbours_are_by_if_index() -> None:
    ports, _ = observe(two_ports(CDP_DEVICE={(102, 3): b"ap-1"}, CDP_PORT={(102, 3): b"Gi0"}), "cisco_ios")
    assert ports["GigabitEthernet1/0/2"].neighbours == (Neighbour("ap-1", "Gi0"),)


def test_numbers_come_through_whatever_type_the_agent_gives_them() -> None:
    notes = Notes()
    read: Read = {Oid.IF_TYPE: {(1,): 6, (2,): b"6", (3,): " 117 ", (4,): b"six", (5, 6): 6}}
    assert numbers(read, Oid.IF_TYPE, notes) == {1: 6, 2: 6, 3: 117}
    assert [str(note) for note in notes.texts] == ["2 values of IF_TYPE have a wrong type or index and were ignored"]
    assert as_int(b"-5") == -5
    assert as_int(None) is None


def test_text_is_readable_whatever_its_encoding() -> None:
    assert as_text(b"caf\xc3\xa9\0") == "café"
    assert as_text("门禁".encode("gb18030")) == "门禁"
    assert as_text(b"\xff\xfe\xfd") != ""
    assert as_text(b"a\r\nb") == "a  b"

"""Discovery of real switches' recordings through snmpsim, against an independent reading of the recordings' text.

The recordings are LibreNMS' (GPL-3.0-or-later); they are read in place from the folder in PORTSEAL_FIXTURES. A
recording holds only what LibreNMS polls, so a table that is missing here proves nothing about the switch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache

import pytest

from drivers.observed_json import observed_to_json
from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.discover import discover_address
from drivers.snmp.gufo_link import GufoLink
from drivers.snmp.oids import Oid
from drivers.snmp.pysnmp_link import PysnmpLink
from policies.model import Learned, ObservedSwitch, PortMode, Violation
from policies.names import canonical
from tests.replay.snmp_simulator import BRIDGE, INTERFACES, NAMES, SYSTEM, Recording, folder, recording, simulating

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: Every recording that these tests know, with the platform that it must be recognised as.
PLATFORMS = {
    "arubaos-cx": "aruba_aoscx",
    "comware": "h3c_comware",
    "ios_2960x": "cisco_ios",
    "ios_4506e": "cisco_ios",
    "ios_c3560": "cisco_ios",
    "iosxe_c9400": "cisco_ios",
    "procurve_2520": "hp_procurve",
    "ruijie": "ruijie_os",
    "vrp_5720-vrf": "huawei_vrp",
    "vrp_s5328c-ei": "huawei_vrp",
    "yunshan_s5735-v2": "huawei_vrpv8",
}
EVERY_RECORDING = pytest.mark.parametrize("name", sorted(PLATFORMS))


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The UDP port of an snmpsim with all recordings."""
    with simulating(folder(), tmp_path_factory.mktemp("snmpsim"), min(PLATFORMS)) as port:
        yield port


@pytest.fixture(scope="session")
def discovered(simulator: int) -> Callable[[str], ObservedSwitch]:
    """Discover a recording once, whatever number of tests looks at it."""

    @cache
    def discover(name: str) -> ObservedSwitch:
        recording(name)
        access = ResolvedSnmp("127.0.0.1", simulator, community=name, timeout_s=1.0, retries=2)
        return discover_address(access, now=NOW, switch=name)

    return discover


Discover = Callable[[str], ObservedSwitch]


def test_the_recordings_used_and_missing_are_said(record_property: Callable[[str, object], None]) -> None:
    there = {path.stem for path in folder().glob("*.snmprec")}
    views = {stem for stem in there if "@" in stem}
    used, missing = sorted(there & set(PLATFORMS)), sorted(set(PLATFORMS) - there)
    record_property("recordings", f"{len(used)} used, {len(views)} VLAN views, missing: {missing}")
    print(f"recordings: {len(used)} used, {len(views)} per-VLAN views, {len(missing)} missing {missing}")  # noqa: T201 - shown with -s or -rP
    assert used
    assert there - views <= set(PLATFORMS), "a recording that no test knows"


@EVERY_RECORDING
def test_the_system_group_is_read(name: str, discovered: Discover) -> None:
    observed, text = discovered(name), recording(name)
    assert observed.platform == PLATFORMS[name]
    assert observed.hostname == text.rows.get(f"{SYSTEM}.5.0", b"").decode()
    assert observed.read_at == NOW
    assert observed.model
    assert observed.version or name == "ruijie"


@EVERY_RECORDING
def test_all_ports_are_there_by_canonical_name_and_nothing_else(name: str, discovered: Discover) -> None:
    observed = discovered(name)
    assert {port.if_index: port.name for port in observed.ports.values()} == recording(name).ports()
    assert all(key == port.name for key, port in observed.ports.items())


@EVERY_RECORDING
def test_states_and_descriptions_are_those_of_the_recording(name: str, discovered: Discover) -> None:
    text = recording(name)
    admin, oper = text.numbers(f"{INTERFACES}.7"), text.numbers(f"{INTERFACES}.8")
    alias = text.column(f"{NAMES}.18")
    for port in discovered(name).ports.values():
        index = port.if_index or 0
        assert port.config.admin_up == (None if index not in admin else admin[index] == 1)
        if port.blocked_cause == "":
            assert (port.oper.value == "up") == (oper[index] == 1)
        if (index,) in alias:
            assert port.config.description == alias[index,].decode("utf-8", "replace").strip()


def expected_fdb(text: Recording) -> dict[str, set[str]]:
    """Port → MACs of all three kinds of FDB, leaving out port 0 and addresses of VLAN interfaces."""
    ports, base = text.ports(), text.base_ports
    found: dict[str, set[str]] = {}

    def put(if_index: int, octets: tuple[int, ...]) -> None:
        if if_index in ports:
            found.setdefault(ports[if_index], set()).add(bytes(octets).hex(":"))

    for column in (f"{BRIDGE}.4.3.1.2", f"{BRIDGE}.7.1.2.2.1.2"):
        for index, value in text.column(column).items():
            put(base.get(int(value), 0), index[-6:])
    for index, value in text.column("1.3.6.1.4.1.2011.5.25.42.2.1.3.1.4").items():
        put(int(value), index[:6])
    return found


@EVERY_RECORDING
def test_every_learned_mac_is_on_its_port(name: str, discovered: Discover) -> None:
    expected = expected_fdb(recording(name))
    found = {port.name: {each.mac for each in port.learned} for port in discovered(name).ports.values() if port.learned}
    assert found == expected


def test_the_recordings_hold_the_fdb_rows_that_the_tests_rely_on(discovered: Discover) -> None:
    counted = {name: sum(map(len, expected_fdb(recording(name)).values())) for name in PLATFORMS}
    assert {name for name, count in counted.items() if count} == {
        "arubaos-cx", "comware", "ios_2960x", "iosxe_c9400", "procurve_2520", "ruijie", "vrp_5720-vrf", "vrp_s5328c-ei",
        "yunshan_s5735-v2",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["comware", "procurve_2520", "ruijie"])
def test_q_bridge_entries_have_the_vlan_of_their_database(name: str, discovered: Discover) -> None:
    text = recording(name)
    fdb_ids = {int(value): index[-1] for index, value in text.column(f"{BRIDGE}.7.1.4.2.1.3").items()}
    ports, base = text.ports(), text.base_ports
    expected = {
        (ports[base[int(port)]], bytes(index[1:]).hex(":"), fdb_ids.get(index[0], index[0]) or None)
        for index, port in text.column(f"{BRIDGE}.7.1.2.2.1.2").items()
        if base.get(int(port)) in ports
    }
    observed = discovered(name)
    assert {(port.name, each.mac, each.vlan) for port in observed.ports.values() for each in port.learned} == expected


@pytest.mark.parametrize("name", ["vrp_5720-vrf", "vrp_s5328c-ei"])
def test_huaweis_entries_have_their_vlan_by_if_index(name: str, discovered: Discover) -> None:
    text = recording(name)
    ports, expected = text.ports(), set()
    for index, value in text.column("1.3.6.1.4.1.2011.5.25.42.2.1.3.1.4").items():
        expected.add((ports[int(value)], Learned(bytes(index[:6]).hex(":"), index[6])))
    found = {(port.name, each) for port in discovered(name).ports.values() for each in port.learned if each.vlan}
    assert found == expected


@pytest.mark.parametrize(
    "name", ["comware", "procurve_2520", "ruijie", "vrp_5720-vrf", "vrp_s5328c-ei", "yunshan_s5735-v2"]
)
def test_every_port_vlan_is_on_its_port(name: str, discovered: Discover) -> None:
    text = recording(name)
    # SOURCES.md, known defect 4: the comware recording numbers dot1qPvid by ifIndex, all others by base port.
    lead = {index: index for index in text.ports()} if name == "comware" else text.base_ports
    ports = text.ports()
    expected = {
        ports[lead[number]]: vlan
        for number, vlan in text.numbers(f"{BRIDGE}.7.1.4.5.1.1").items()
        if vlan and lead.get(number) in ports
    }
    found = {
        port.name: port.config.access_vlan or port.config.native_vlan
        for port in discovered(name).ports.values()
        if port.config.access_vlan or port.config.native_vlan
    }
    assert found == expected
    assert len(expected) > 8


@pytest.mark.parametrize("name", ["comware", "procurve_2520", "ruijie", "vrp_5720-vrf", "yunshan_s5735-v2"])
def test_membership_is_that_of_the_first_sixteen_octets(name: str, discovered: Discover) -> None:
    text = recording(name)
    ports, base = text.ports(), text.base_ports
    egress: dict[int, set[int]] = {}
    tagged: set[int] = set()
    for index, value in text.column(f"{BRIDGE}.7.1.4.2.1.4").items():
        untagged = text.column(f"{BRIDGE}.7.1.4.2.1.5").get(index, b"")
        for number in range(1, min(len(value), 16) * 8 + 1):
            place, bit = divmod(number - 1, 8)
            if value[place] & 0x80 >> bit:
                egress.setdefault(number, set()).add(index[1])
                if not (untagged[place : place + 1] or b"\0")[0] & 0x80 >> bit:
                    tagged.add(number)
    observed = discovered(name)
    for number, vlans in egress.items():
        if base.get(number) in ports:
            config = observed.ports[ports[base[number]]].config
            trunk = number in tagged or len(vlans) > 1
            assert config.mode is (PortMode.TRUNK if trunk else PortMode.ACCESS)
            assert config.allowed_vlans == (vlans if trunk else None)


@pytest.mark.parametrize("name", ["ios_2960x", "ios_c3560", "iosxe_c9400"])
def test_ciscos_access_vlans_are_vm_vlans(name: str, discovered: Discover) -> None:
    text = recording(name)
    ports = text.ports()
    encapsulation = text.numbers("1.3.6.1.4.1.9.9.46.1.6.1.1.16")
    access = {
        ports[index]: vlan
        for index, vlan in text.numbers("1.3.6.1.4.1.9.9.68.1.2.2.1.2").items()
        if index in ports and encapsulation.get(index, 6) == 6
    }
    found = {port.name: port.config.access_vlan for port in discovered(name).ports.values() if port.config.access_vlan}
    assert found == access
    vlans = {index[1]: value.decode() for index, value in text.column("1.3.6.1.4.1.9.9.46.1.3.1.1.4").items()}
    assert discovered(name).vlans == vlans


def test_ciscos_port_security_is_read_port_by_port(discovered: Discover) -> None:
    text, observed = recording("ios_4506e"), discovered("ios_4506e")
    root = "1.3.6.1.4.1.9.9.315.1.2.1.1"
    enabled, maximum, action = (text.numbers(f"{root}.{column}") for column in (1, 3, 8))
    actions = {1: Violation.SHUTDOWN, 2: Violation.RESTRICT, 3: Violation.PROTECT}
    secured = [port for port in observed.ports.values() if port.config.secure is not None]
    assert len(secured) == len(enabled) == 52
    for port in secured:
        index = port.if_index or 0
        assert port.config.secure == (enabled[index] == 1)
        assert port.config.maximum == maximum[index]
        assert port.config.violation is actions[action[index]]
        assert port.config.secure_macs == frozenset()  # cpsIfCurrentSecureMacAddrCount is 0 on all of them
        assert port.last_violator == ""


@pytest.mark.parametrize(("name", "count"), [("arubaos-cx", 18), ("ruijie", 18), ("comware", 0), ("ios_c3560", 0)])
def test_every_lldp_neighbour_is_on_its_local_port(name: str, count: int, discovered: Discover) -> None:
    text = recording(name)
    remote = text.column("1.0.8802.1.1.2.1.4.1.1.4")
    local = {index[0]: canonical(v.decode()) for index, v in text.column("1.0.8802.1.1.2.1.3.7.1.3").items()}
    expected: dict[str, int] = {}
    for _mark, number, _index in remote:
        expected[local[number]] = expected.get(local[number], 0) + 1
    found = {port.name: len(port.neighbours) for port in discovered(name).ports.values() if port.neighbours}
    assert found == expected
    assert sum(found.values()) == count
    systems = {v.decode().strip() for v in text.column("1.0.8802.1.1.2.1.4.1.1.9").values()} or {""}
    told = {each.system for port in discovered(name).ports.values() for each in port.neighbours}
    assert told == (systems if count else set())


def test_ciscos_per_vlan_views_are_asked_and_silent_ones_are_said(discovered: Discover) -> None:
    # There is a recording ios_c3560@N for every VLAN but 1 (the plain view), 3, and the FDDI VLANs.
    views = {int(path.stem.partition("@")[2]) for path in folder().glob("ios_c3560@*.snmprec")}
    listed = {index[1] for index in recording("ios_c3560").column("1.3.6.1.4.1.9.9.46.1.3.1.1.2")}
    assert listed - views == {1, 3, 1002, 1003, 1004, 1005}
    said = [str(sentence) for sentence in discovered("ios_c3560").oddities]
    assert said == ["MACs learned in VLANs 3 are not known: their views do not answer"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("comware", "numbered by ifIndex"),
        ("comware", "doubly encoded"),
        ("procurve_2520", "mapped through dot1qVlanFdbId"),
        ("ruijie", "42 ports have no port VLAN (PVID 0)"),
        ("ruijie", "learned on no port (port 0)"),
        ("arubaos-cx", "learned on no port (port 0)"),
        ("vrp_s5328c-ei", "cut short"),
        ("vrp_5720-vrf", "52 interfaces have the name of another one"),
        ("ios_2960x", "in VLANs that the switch does not have"),
    ],
)
def test_what_was_understood_only_with_a_correction_is_said(name: str, said: str, discovered: Discover) -> None:
    assert any(said in str(sentence) for sentence in discovered(name).oddities)


@pytest.mark.parametrize("name", ["iosxe_c9400", "yunshan_s5735-v2"])
def test_sound_answers_are_not_called_odd(name: str, discovered: Discover) -> None:
    allowed = ("port 0", "doubly encoded")
    assert all(any(part in str(sentence) for part in allowed) for sentence in discovered(name).oddities)


@EVERY_RECORDING
def test_the_json_has_every_port_and_mac(name: str, discovered: Discover) -> None:
    observed = discovered(name)
    shown = observed_to_json(observed)
    ports = shown["ports"]
    assert isinstance(ports, list)
    assert [port["name"] for port in ports if port["learned"]] == [
        port["name"] for port in ports if observed.ports[port["name"]].learned
    ]
    assert len(ports) == len(observed.ports)


@pytest.mark.parametrize("oid", [Oid.IF_NAME, Oid.PVID, Oid.VLAN_CURRENT_EGRESS, Oid.QBRIDGE_FDB_PORT, Oid.SYS_DESCR])
def test_both_links_read_the_same(simulator: int, oid: Oid) -> None:
    recording("ruijie")
    access = ResolvedSnmp("127.0.0.1", simulator, community="ruijie")
    fast, complete = GufoLink(access, "127.0.0.1"), PysnmpLink(access, "127.0.0.1")
    try:
        walked = fast.walk(oid, 1)
        assert walked == complete.walk(oid, 1)
        assert bool(walked) is (oid is not Oid.SYS_DESCR)
        asked = [Oid.SYS_DESCR.value, Oid.SYS_OBJECT_ID.value, "1.3.6.1.2.1.1.99.0"]
        assert fast.get(asked) == complete.get(asked)
    finally:
        complete.close()


def test_a_switch_is_discovered_without_gufo(
    simulator: int, discovered: Discover, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = discovered("yunshan_s5735-v2")
    monkeypatch.setitem(sys.modules, "gufo.snmp.sync", None)
    access = ResolvedSnmp("127.0.0.1", simulator, community="yunshan_s5735-v2", max_repetitions=5)
    assert discover_address(access, now=NOW, switch="yunshan_s5735-v2") == expected

"""The persona's SNMP agent, asked by net-snmp."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona import ber
from lab.switch.persona.running import RunningPersona, running_persona
from tests.replay.persona_session import CONFIG, WITH_V3, terminal

pytestmark = pytest.mark.skipif(shutil.which("snmpwalk") is None, reason="needs net-snmp: apt-get install snmp")

CAMERA, LAPTOP = "00:11:22:33:44:55", "66:77:88:99:aa:bb"
V3 = ["-v3", "-u", "reader", "-l", "authPriv", "-a", "SHA", "-A", "auth-word-1", "-x", "AES", "-X", "priv-word-1"]
CPS = "1.3.6.1.4.1.9.9.315.1.2"
FDB_PORT = "1.3.6.1.2.1.17.4.3.1.2"


@pytest.fixture
def persona() -> Iterator[RunningPersona]:
    """A switch of twelve ports."""
    with running_persona(WITH_V3) as running:
        yield running


def net_snmp(program: str, persona: RunningPersona, access: list[str], *words: str) -> str:
    """Run a net-snmp program with numeric output; its error text when it fails."""
    argv = [program, "-Onq", "-t", "2", "-r", "1", *access, f"127.0.0.1:{persona.snmp_port}", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


def v2(suffix: str = "") -> list[str]:
    return ["-v2c", "-c", f"lab{suffix}"]


def walk(persona: RunningPersona, oid: str, access: list[str] | None = None) -> dict[str, str]:
    """Walk a subtree: what follows `oid` in each name, and the value."""
    shown = net_snmp("snmpbulkwalk", persona, access or v2(), oid)
    rows = re.findall(rf"^\.{re.escape(oid)}\.(\S+) (.*)$", shown, re.MULTILINE)
    return {index: value.strip('" ') for index, value in rows}


def put(persona: RunningPersona, *words: str, access: list[str] | None = None) -> str:
    return net_snmp("snmpset", persona, access or v2(), *words)


def test_the_switch_says_what_it_is(persona: RunningPersona) -> None:
    system = walk(persona, "1.3.6.1.2.1.1")
    assert system["2.0"] == ".1.3.6.1.4.1.9.1.1208"
    assert "C2960X" in system["1.0"]
    assert system["5.0"] == "sw2"
    assert walk(persona, "1.3.6.1.2.1.2.2.1.2")["10101"] == "GigabitEthernet1/0/1"
    assert walk(persona, "1.3.6.1.2.1.31.1.1.1.18")["10101"] == "pole 17"


def test_getnext_getbulk_and_v3_give_the_same_rows(persona: RunningPersona) -> None:
    root = "1.3.6.1.4.1.9.9.315"  # not the last subtree: net-snmp reports the end of a view as often as it is told
    single = net_snmp("snmpwalk", persona, v2(), root)
    assert single.count("\n") > 150
    assert net_snmp("snmpbulkwalk", persona, [*v2(), "-Cr50"], root) == single
    assert net_snmp("snmpbulkwalk", persona, [*V3, "-Cr20"], root) == single


def test_a_walk_of_everything_ends(persona: RunningPersona) -> None:
    shown = net_snmp("snmpbulkwalk", persona, v2(), ".1")
    assert shown.rstrip().endswith("No more variables left in this MIB View (It is past the end of the MIB tree)")


def test_get_tells_a_missing_object_from_a_missing_instance(persona: RunningPersona) -> None:
    assert "No Such Instance" in net_snmp("snmpget", persona, v2(), "1.3.6.1.2.1.2.2.1.2.99999")
    assert "No Such Object" in net_snmp("snmpget", persona, v2(), "1.3.6.1.2.1.99.1.0")


@pytest.mark.parametrize("access", [v2("@30"), [*V3, "-n", "vlan-30"]], ids=["community", "context"])
def test_the_bridge_mib_is_per_vlan(persona: RunningPersona, access: list[str]) -> None:
    persona.inject("p1", CAMERA)
    persona.inject("p3", LAPTOP)
    assert walk(persona, "1.3.6.1.2.1.17.1.4.1.2", access) == {"1": "10101", "2": "10102", "12": "10112"}
    assert walk(persona, FDB_PORT, access) == {"0.17.34.51.68.85": "1"}
    assert walk(persona, FDB_PORT) == {"102.119.136.153.170.187": "3"}


def test_an_unknown_community_vlan_context_or_key_gets_no_rows(persona: RunningPersona) -> None:
    oid = "1.3.6.1.2.1.17.1"
    quick = ["-t", "0.2", "-r", "0"]
    for access in (["-v2c", "-c", "other"], v2("@999"), v2("@x"), [*V3, "-n", "vlan-999"], [*V3[:-1], "wrong-key-1"]):
        assert not net_snmp("snmpwalk", persona, [*access, *quick], oid).startswith(".1.3.6")


def test_noise_is_dropped_and_the_agent_goes_on(persona: RunningPersona) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noise:
        for data in (
            b"",
            b"\x30",
            b"\x30\x84\xff\xff\xff\xff",
            b"\x30\x05\x02\x01\x01\x04\x10",
            b"\x00" * 64,
            b"\x30\x03\x02\x01\x03",
        ):
            noise.sendto(data, ("127.0.0.1", persona.snmp_port))
    assert walk(persona, "1.3.6.1.2.1.1")["5.0"] == "sw2"


def test_lldp_ports_have_numbers_of_their_own(persona: RunningPersona) -> None:
    local = walk(persona, "1.0.8802.1.1.2.1.3.7.1.3")
    remote = walk(persona, "1.0.8802.1.1.2.1.4.1.1.9")
    (index,) = remote
    assert remote[index] == "core1"
    assert local[index.split(".")[1]] == "Gi1/0/12"
    assert index.split(".")[1] not in {"12", "10112"}


def test_setting_the_alias_and_the_admin_status_changes_the_switch(persona: RunningPersona) -> None:
    put(persona, "1.3.6.1.2.1.31.1.1.1.18.10103", "s", "lobby", "1.3.6.1.2.1.2.2.1.7.10103", "i", "2")
    plane = persona.dataplane
    assert isinstance(plane, LoopbackDataPlane)
    assert plane.state("p3").admin is False

    async def look() -> list[str]:
        async with terminal(persona.ssh_port) as session:
            return await session.output("show running-config interface gi1/0/3")

    shown = asyncio.run(look())
    assert " description lobby" in shown
    assert " shutdown" in shown


def test_setting_the_vlan_moves_the_port_and_a_missing_vlan_is_refused(persona: RunningPersona) -> None:
    vlan = "1.3.6.1.4.1.9.9.68.1.2.2.1.2.10103"
    assert put(persona, vlan, "i", "30") == f".{vlan} 30\n"
    plane = persona.dataplane
    assert isinstance(plane, LoopbackDataPlane)
    assert plane.state("p3").access == 30
    assert "inconsistentValue" in put(persona, vlan, "i", "777")
    assert "wrongType" in put(persona, vlan, "s", "30")
    assert "notWritable" in put(persona, "1.3.6.1.2.1.31.1.1.1.1.10103", "s", "Gi9/9/9")


def test_a_set_is_done_as_a_whole_or_not_at_all(persona: RunningPersona) -> None:
    refused = put(persona, "1.3.6.1.2.1.31.1.1.1.18.10103", "s", "half", f"{CPS}.1.1.1.10103", "i", "1")
    assert "inconsistentValue" in refused, "a dynamic port cannot be secured"
    assert walk(persona, "1.3.6.1.2.1.31.1.1.1.18")["10103"] == ""


@pytest.mark.parametrize("access", [v2(), V3], ids=["v2c", "v3"])
def test_secure_addresses_are_made_and_destroyed_through_row_status(persona: RunningPersona, access: list[str]) -> None:
    row = f"{CPS}.3.1.5.10101.0.17.34.51.68.85.30"
    other = f"{CPS}.3.1.5.10101.102.119.136.153.170.187.30"
    assert put(persona, row, "i", "4", f"{CPS}.1.1.1.10101", "i", "1", access=access)
    plane = persona.dataplane
    assert isinstance(plane, LoopbackDataPlane)
    assert plane.state("p1").admission.macs == frozenset({CAMERA})
    assert walk(persona, f"{CPS}.3.1.3") == {"10101.0.17.34.51.68.85.30": "1"}
    assert "inconsistentValue" in put(persona, other, "i", "4", access=access), "the maximum is one"
    assert put(persona, row, "i", "6", other, "i", "4", access=access), "destroy and create in one request"
    assert plane.state("p1").admission.macs == frozenset({LAPTOP})
    assert "inconsistentValue" in put(persona, f"{CPS}.3.1.5.10101.0.17.34.51.68.85.99", "i", "4", access=access)


def test_an_err_disabled_port_has_a_row_with_its_cause(persona: RunningPersona) -> None:
    assert walk(persona, "1.3.6.1.4.1.9.9.548.1.3") == {}
    put(persona, f"{CPS}.3.1.5.10101.0.17.34.51.68.85.30", "i", "4", f"{CPS}.1.1.1.10101", "i", "1")
    persona.inject("p1", LAPTOP)
    assert walk(persona, "1.3.6.1.4.1.9.9.548.1.3.1.1.2") == {"10101.0": "9"}
    port = {column: walk(persona, f"{CPS}.1.1.{column}")["10101"] for column in (2, 9, 18)}
    assert port == {2: "3", 9: "1", 18: "30"}
    assert walk(persona, f"{CPS}.1.1.10")["10101"] == "66 77 88 99 AA BB"
    assert walk(persona, "1.3.6.1.2.1.2.2.1.8")["10101"] == "2"


def test_writing_the_old_save_object_saves(persona: RunningPersona) -> None:
    put(persona, "1.3.6.1.2.1.31.1.1.1.18.10103", "s", "kept")
    assert persona.call(lambda switch: switch.unsaved()) is True
    put(persona, "1.3.6.1.4.1.9.2.1.54.0", "i", "1")
    assert persona.call(lambda switch: switch.unsaved()) is False


def test_violations_are_trapped_with_the_address_that_caused_them() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        target = f"127.0.0.1:{receiver.getsockname()[1]}"
        with running_persona({**CONFIG, "trap_target": target}) as persona:
            put(persona, f"{CPS}.1.1.8.10101", "i", "2", f"{CPS}.3.1.5.10101.0.17.34.51.68.85.30", "i", "4")
            put(persona, f"{CPS}.1.1.1.10101", "i", "1")
            persona.inject("p1", LAPTOP)
            trap = _trap(receiver.recv(4096))
            assert trap["1.3.6.1.6.3.1.1.4.1.0"] == (ber.OBJECT, ber_oid("1.3.6.1.4.1.9.9.315.0.0.1"))
            assert trap["1.3.6.1.2.1.2.2.1.1.10101"] == (ber.GAUGE, 10101)
            assert trap["1.3.6.1.2.1.31.1.1.1.1.10101"] == (ber.OCTETS, b"Gi1/0/1")
            assert trap[f"{CPS}.1.1.10.10101"] == (ber.OCTETS, bytes.fromhex("66778899aabb"))
            put(persona, f"{CPS}.1.1.8.10101", "i", "1")
            persona.inject("p1", LAPTOP)
            kinds = [_trap(receiver.recv(4096))["1.3.6.1.6.3.1.1.4.1.0"][1] for _ in range(2)]
            assert kinds == [ber_oid("1.3.6.1.4.1.9.9.548.0.2"), ber_oid("1.3.6.1.6.3.1.1.5.3")]


def ber_oid(dotted: str) -> tuple[int, ...]:
    return tuple(int(part) for part in dotted.split("."))


def _trap(data: bytes) -> dict[str, tuple[int, ber.Value]]:
    """Read a trap's variable bindings."""
    pdu = ber.items(ber.items(ber.read(data, 0)[1])[2][1])
    binds = [ber.items(content) for _, content in ber.items(pdu[3][1])]
    return {".".join(map(str, ber.oid(name[1]))): (value[0], ber.decode(*value)) for name, value in binds}

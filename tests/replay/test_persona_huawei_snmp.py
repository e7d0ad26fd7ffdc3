"""The Huawei personas' SNMP agent, asked by net-snmp, and the traps that they send."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from lab.switch.persona import ber
from lab.switch.persona.running import RunningPersona, running_persona
from tests.replay.huawei_session import STEM, config, terminal

pytestmark = pytest.mark.skipif(shutil.which("snmpwalk") is None, reason="needs net-snmp: apt-get install snmp")

CAMERA, LAPTOP = "02:ca:00:00:00:01", "02:ba:d0:00:00:66"
HUAWEI = "1.3.6.1.4.1.2011"
L2MAM = f"{HUAWEI}.5.25.42.2.1"
IF_NAME, PVID = "1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.17.7.1.4.5.1.1"
BASE_PORT, FDB_PORT = "1.3.6.1.2.1.17.1.4.1.2", "1.3.6.1.2.1.17.4.3.1.2"
TRAP = "1.3.6.1.6.3.1.1.4.1.0"
#: ifIndex and dot1dBasePort of port 1, as the recordings have them.
FIRST = {"huawei_vrp": ("6", "3"), "huawei_vrpv8": ("3", "1")}


@pytest.fixture(params=["huawei_vrp", "huawei_vrpv8"])
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def persona(platform: str) -> Iterator[RunningPersona]:
    with running_persona(config(platform)) as running:
        yield running


def bind(persona: RunningPersona, platform: str, action: str = "restrict") -> None:
    """Bind the camera at port 1."""
    with terminal(persona.ssh_port) as session:
        session.send("system-view")
        session.type(
            f"interface {STEM[platform]}1", "port-security enable", f"port-security protect-action {action}",
            "port-security mac-address sticky", "port-security mac-address sticky 2ca-0-1 vlan 100",
        )  # fmt: skip
        if platform.endswith("v8"):
            session.send("commit")


def net_snmp(program: str, persona: RunningPersona, *words: str) -> str:
    argv = [program, "-Onq", "-t", "2", "-r", "1", "-v2c", "-c", "lab", f"127.0.0.1:{persona.snmp_port}", *words]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout if done.returncode == 0 else done.stderr


def walk(persona: RunningPersona, oid: str) -> dict[str, str]:
    """Walk a subtree: what follows `oid` in each name, and the value."""
    shown = net_snmp("snmpbulkwalk", persona, oid)
    rows = re.findall(rf"^\.{re.escape(oid)}\.(\S+) (.*)$", shown, re.MULTILINE)
    return {index: value.strip('" ') for index, value in rows}


def test_the_switch_says_what_it_is(persona: RunningPersona, platform: str) -> None:
    system = walk(persona, "1.3.6.1.2.1.1")
    assert system["2.0"].startswith(f".{HUAWEI}.2.23.")
    assert system["5.0"] == "acc1"
    index, base = FIRST[platform]
    assert walk(persona, IF_NAME)[index] == f"{STEM[platform]}1"
    assert walk(persona, BASE_PORT)[base] == index
    assert walk(persona, PVID)[base] == "100"


def test_a_walk_of_everything_ends_and_is_in_order(persona: RunningPersona, platform: str) -> None:
    bind(persona, platform)
    shown = net_snmp("snmpbulkwalk", persona, ".1")
    oids = [tuple(map(int, oid.split("."))) for oid in re.findall(r"^\.([\d.]+) (?!No more)", shown, re.MULTILINE)]
    assert len(oids) > 300
    assert oids == sorted(set(oids))


def test_learned_and_bound_addresses_are_in_tables_of_their_own(persona: RunningPersona, platform: str) -> None:
    bind(persona, platform)
    persona.inject("p2", LAPTOP)
    index, base = FIRST[platform]
    camera, laptop = "2.202.0.0.0.1", "2.186.208.0.0.102"
    assert walk(persona, f"{L2MAM}.3.1.4") == {f"{laptop}.100.1.48": str(int(index) + 1)}
    assert walk(persona, f"{L2MAM}.2.1.4") == {f"{camera}.100.1.48": index}
    assert walk(persona, FDB_PORT) == {camera: base, laptop: str(int(base) + 1)}
    security = walk(persona, f"{L2MAM}.11.1")
    assert [security[f"{column}.{index}"] for column in (2, 3, 6)] == ["1", "1", "1"]


def test_there_are_no_contexts(persona: RunningPersona) -> None:
    argv = ["snmpget", "-t", "0.3", "-r", "0", "-v2c", "-c", "lab@100", f"127.0.0.1:{persona.snmp_port}"]
    done = subprocess.run([*argv, "1.3.6.1.2.1.1.5.0"], capture_output=True, text=True, timeout=30, check=False)
    assert "Timeout" in done.stderr


def test_only_the_state_and_the_description_of_a_port_can_be_set(persona: RunningPersona, platform: str) -> None:
    index, base = FIRST[platform]
    net_snmp("snmpset", persona, f"1.3.6.1.2.1.2.2.1.7.{index}", "i", "2", f"{IF_NAME[:-1]}18.{index}", "s", "lobby")
    entry = persona.call(lambda switch: switch.running.interfaces[f"{STEM[platform]}1"])
    assert (entry.shutdown, entry.description) == (True, "lobby")
    assert "notWritable" in net_snmp("snmpset", persona, f"{PVID}.{base}", "u", "1")


def test_a_violation_is_trapped_without_its_address_and_on_vrp8_also_with_it(platform: str) -> None:
    eight = platform.endswith("v8")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        target = f"127.0.0.1:{receiver.getsockname()[1]}"
        with running_persona(config(platform, trap_target=target)) as persona:
            bind(persona, platform, "error-down" if eight else "shutdown")
            persona.inject("p1", LAPTOP)
            traps = [_trap(receiver.recv(4096)) for _ in range(4 if eight else 3)]
    index = FIRST[platform][0]
    assert traps[0][TRAP] == f"{L2MAM}.7.6"
    assert traps[0][f"1.3.6.1.2.1.2.2.1.2.{index}"] == f"{STEM[platform]}1".encode()
    assert traps[0][f"{L2MAM}.11.1.3.{index}"] == 3
    assert bytes.fromhex(LAPTOP.replace(":", "")) not in traps[0].values()
    if eight:
        assert traps[1][TRAP] == f"{HUAWEI}.5.25.315.3.2"
        assert bytes.fromhex(LAPTOP.replace(":", "")) in traps[1].values()
    assert traps[-2][TRAP] == f"{HUAWEI}.5.25.257.2.1"
    assert (b"portsec-reachedlimit" if eight else b"port-security") in traps[-2].values()
    assert traps[-1][TRAP] == "1.3.6.1.6.3.1.1.5.3"


def _trap(data: bytes) -> dict[str, object]:
    """Read a trap's variable bindings; OIDs as text."""
    pdu = ber.items(ber.items(ber.read(data, 0)[1])[2][1])
    found: dict[str, object] = {}
    for _, content in ber.items(pdu[3][1]):
        name, value = ber.items(content)
        plain = ber.decode(*value)
        found[".".join(map(str, ber.oid(name[1])))] = ".".join(map(str, plain)) if isinstance(plain, tuple) else plain
    return found

"""The SNMP agent of the emulated Comware switch, asked by net-snmp."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Iterator

import pytest

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.running import RunningPersona, running_persona
from tests.replay.persona_plain import plain
from tests.replay.test_persona_h3c import CAMERA, CONFIG, LAPTOP, PROMPT, SEAL, frames
from tests.replay.test_persona_snmp import V3, put, walk

pytestmark = pytest.mark.skipif(shutil.which("snmpwalk") is None, reason="needs net-snmp: apt-get install snmp")

PORT_TABLE = "1.3.6.1.4.1.25506.2.26.1.2.1.1"
MAC_STATUS = "1.3.6.1.4.1.25506.2.26.1.2.2.1.4"
FEATURE = "1.3.6.1.4.1.25506.2.26.1.1.1.0"
OPERATE = "1.3.6.1.4.1.25506.2.4.1.2.4.1"
#: ifIndex of GigabitEthernet1/0/1, and the index of the camera's row in VLAN 30.
PORT = 4
ROW = f"{PORT}.0.17.34.51.68.85.30"


@pytest.fixture
def persona() -> Iterator[RunningPersona]:
    """A switch of twelve ports with a v3 user."""
    user = {"v3_user": "reader", "v3_auth": "auth-word-1", "v3_priv": "priv-word-1"}
    with running_persona({**CONFIG, "snmp": {"community": "lab", **user}}) as running:
        yield running


def macs(persona: RunningPersona) -> list[str]:
    """List the rows of the table of security MACs."""
    return list(walk(persona, MAC_STATUS.removesuffix("4") + "3"))


def test_the_switch_says_what_it_is(persona: RunningPersona) -> None:
    system = walk(persona, "1.3.6.1.2.1.1", V3)
    assert system["2.0"].startswith(".1.3.6.1.4.1.25506.11.1.")
    assert "H3C Comware Platform Software" in system["1.0"]
    assert system["5.0"] == "sw4"


def test_ports_have_full_names_and_an_index_beyond_the_bridge_port(persona: RunningPersona) -> None:
    assert walk(persona, "1.3.6.1.2.1.31.1.1.1.1")["4"] == "GigabitEthernet1/0/1"
    assert walk(persona, "1.3.6.1.2.1.17.1.4.1.2")["1"] == "4"
    aliases = walk(persona, "1.3.6.1.2.1.31.1.1.1.18")
    assert (aliases["4"], aliases["5"]) == ("pole 17", "GigabitEthernet1/0/2 Interface")


def test_vlans_and_addresses_are_in_one_context(persona: RunningPersona) -> None:
    frames(persona).inject("p2", LAPTOP)
    assert walk(persona, "1.3.6.1.2.1.17.7.1.2.2.1.2") == {"30.102.119.136.153.170.187": "2"}
    assert walk(persona, "1.3.6.1.2.1.17.7.1.4.5.1.1")["4"] == "30"
    assert walk(persona, "1.3.6.1.2.1.17.7.1.4.3.1.1") == {"1": "VLAN 0001", "30": "CAMERAS"}
    assert walk(persona, "1.3.6.1.2.1.17.7.1.4.2.1.4")["0.30"].startswith("C0 10")
    assert walk(persona, "1.3.6.1.2.1.17.7.1.4.2.1.5")["0.30"].startswith("C0 00")


def test_port_security_can_be_set_and_read(persona: RunningPersona) -> None:
    assert put(persona, FEATURE, "i", "1")
    orders = (f"{PORT_TABLE}.3.{PORT}", "6"), (f"{PORT_TABLE}.4.{PORT}", "1"), (f"{PORT_TABLE}.1.{PORT}", "3")
    put(persona, *(word for oid, value in orders for word in (oid, "i", value)))
    put(persona, f"{MAC_STATUS}.{ROW}", "i", "4")
    assert macs(persona) == [ROW]
    assert walk(persona, PORT_TABLE)[f"1.{PORT}"] == "4", "autoLearn reads as secure while the port is full"
    assert frames(persona).inject("p1", CAMERA) is True
    assert frames(persona).inject("p1", LAPTOP) is False
    put(persona, f"{MAC_STATUS}.{ROW}", "i", "6")
    assert macs(persona) == []


def test_a_set_is_done_as_a_whole_or_not_at_all(persona: RunningPersona) -> None:
    put(persona, FEATURE, "i", "1")
    refused = put(persona, f"{PORT_TABLE}.3.{PORT}", "i", "3", f"{PORT_TABLE}.1.{PORT}", "i", "3")  # no maximum yet
    assert "inconsistentValue" in refused
    assert walk(persona, PORT_TABLE)[f"3.{PORT}"] == "2"
    assert "notWritable" in put(persona, f"{PORT_TABLE}.5.{PORT}", "i", "3")


def test_the_configuration_is_saved_over_snmp(persona: RunningPersona) -> None:
    put(persona, f"1.3.6.1.2.1.31.1.1.1.18.{PORT + 1}", "s", "attic")
    put(persona, f"{OPERATE}.2.7", "i", "1", f"{OPERATE}.9.7", "i", "4")
    assert " description attic" in (persona.persona.switch.startup or "")


def test_an_intrusion_is_told_to_whom_the_configuration_names() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, running_persona(CONFIG) as persona:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(20)
        target = f"address udp-domain 127.0.0.1 udp-port {receiver.getsockname()[1]}"

        async def talk() -> None:
            async with plain(persona.ssh_port, PROMPT) as session:
                for line in SEAL:
                    await session.type(line)
                await session.type("system-view")
                await session.configure(
                    "snmp-agent trap enable port-security intrusion",
                    f"snmp-agent target-host trap {target} params securityname public v2c",
                )

        asyncio.run(talk())
        plane = persona.dataplane
        assert isinstance(plane, LoopbackDataPlane)
        plane.inject("p1", LAPTOP)
        message = receiver.recv(4096)
    assert bytes.fromhex("66778899aabb") in message

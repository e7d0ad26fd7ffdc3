"""The emulated RGOS switch over SSH and SNMP, with plain clients: modes, questions, pages, faults, odd tables."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Iterator
from typing import Any

import asyncssh
import pytest

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.running import RunningPersona, running_persona
from tests.replay.persona_plain import Plain, plain
from tests.replay.test_persona_snmp import put, walk

CAMERA, LAPTOP = "00:11:22:33:44:55", "66:77:88:99:aa:bb"
CONFIG: dict[str, Any] = {
    "name": "sw7",
    "hostname": "sw7",
    "platform": "ruijie_os",
    "ports": {f"GigabitEthernet 0/{number}": f"p{number}" for number in range(1, 13)},
    "credentials": {"username": "admin", "password": "login-word", "enable": "enable-word"},
    "snmp": {"community": "lab"},
    "neighbours": {"GigabitEthernet 0/12": {"system": "core1", "port": "Gi0/3", "chassis": "00:1d:e5:00:00:01"}},
    "initial": """\
hostname sw7
!
vlan 30
 name CAMERAS
!
interface GigabitEthernet 0/1
 switchport access vlan 30
 description pole 17
!
interface GigabitEthernet 0/2
 switchport access vlan 30
!
interface GigabitEthernet 0/12
 switchport mode trunk
 switchport trunk allowed vlan only 30
!
end
""",
}
PROMPT = r"(?:^|\r\n)sw7(?:\([^)\r\n]*\))?[>#]$"
SEAL = (
    "interface GigabitEthernet 0/1",
    "switchport port-security",
    "switchport port-security maximum 1",
    "switchport port-security violation restrict",
    "switchport port-security mac-address 0011.2233.4455 vlan 30",
    "switchport port-security binding 0011.2233.4455 vlan 30 198.18.30.1",
)
with_snmp = pytest.mark.skipif(shutil.which("snmpwalk") is None, reason="needs net-snmp: apt-get install snmp")


@pytest.fixture
def persona() -> Iterator[RunningPersona]:
    """A switch of twelve ports."""
    with running_persona(CONFIG) as running:
        yield running


def frames(persona: RunningPersona) -> LoopbackDataPlane:
    """Give the data plane as what it is."""
    assert isinstance(persona.dataplane, LoopbackDataPlane)
    return persona.dataplane


async def enable(session: Plain) -> None:
    """Become privileged, without paging."""
    await session.type("enable", "Password:$")
    await session.configure("enable-word", "terminal length 0")


def test_a_session_goes_through_the_modes(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            assert session.prompt == "sw7>"
            assert "Invalid input" in await session.type("show running-config")
            await enable(session)
            assert session.prompt == "sw7#"
            assert "one per line" in await session.type("configure terminal")
            assert session.prompt == "sw7(config)#"
            await session.configure("interface gi0/1")
            assert session.prompt == "sw7(config-if-GigabitEthernet 0/1)#"
            assert "Gi0/12" not in await session.type("show interfaces gi0/2 status"), "no do is needed"
            assert session.prompt == "sw7(config-if-GigabitEthernet 0/1)#"
            await session.configure("interface range gigabitEthernet 0/1-3,0/7")
            assert session.prompt == "sw7(config-if-range)#"
            await session.configure("vlan 77")
            assert session.prompt == "sw7(config-vlan)#"
            await session.configure("exit")
            assert session.prompt == "sw7(config)#"
            await session.configure("end")
            assert session.prompt == "sw7#"

    asyncio.run(talk())


def test_a_sealed_port_lets_only_its_own_device_in(persona: RunningPersona) -> None:
    async def talk() -> tuple[str, str, str]:
        async with plain(persona.ssh_port, PROMPT) as session:
            await enable(session)
            await session.type("configure")
            await session.configure(*SEAL, "end")
            return (
                await session.type("show running-config interface GigabitEthernet 0/1"),
                await session.type("show port-security interface GigabitEthernet 0/1"),
                await session.type("show port-security address"),
            )

    running, state, addresses = asyncio.run(talk())
    head, _, section = running.partition("\n\n")
    assert re.search(r"Building configuration\.\.\.\nCurrent configuration : \d+ bytes$", head)
    assert section.splitlines() == [
        "interface GigabitEthernet 0/1",
        " switchport access vlan 30",
        " switchport port-security",
        " switchport port-security maximum 1",
        " switchport port-security violation restrict",
        " switchport port-security mac-address 0011.2233.4455 vlan 30",
        " switchport port-security binding 0011.2233.4455 vlan 30 198.18.30.1",
        " description pole 17",
    ]
    assert re.search(r"^Violation mode +: Restrict$", state, re.MULTILINE)
    assert re.search(r"^30 +0011\.2233\.4455 +Configured +Gi0/1 +-$", addresses, re.MULTILINE)
    assert re.search(r"^30 +0011\.2233\.4455 +198\.18\.30\.1 +Configured +Gi0/1 +-$", addresses, re.MULTILINE)
    assert frames(persona).inject("p1", CAMERA, ip="198.18.30.1") is True
    assert frames(persona).inject("p1", LAPTOP, ip="198.18.30.1") is False
    assert frames(persona).inject("p1", CAMERA, ip="198.18.30.9") is False


def test_a_reboot_keeps_only_what_was_written(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            await enable(session)
            await session.type("configure")
            await session.configure(*SEAL)
            assert await session.type("write") == "Building configuration...\n[OK]"
            await session.configure("interface gi0/2", "shutdown", "end")
            await session.type("reload", r"Reload system\?\(Y/N\)$")
            session.terminal.process.stdin.write(b"y\r")
            with pytest.raises((EOFError, asyncssh.Error)):
                await session.terminal.until("never comes")

    async def again() -> str:
        async with plain(persona.ssh_port, PROMPT) as session:
            await enable(session)
            return await session.type("show running-config")

    asyncio.run(talk())
    shown = asyncio.run(again())
    assert " shutdown" not in shown
    assert " switchport port-security mac-address 0011.2233.4455 vlan 30" in shown


def test_a_wrong_enable_password_and_other_faults(persona: RunningPersona) -> None:
    faults = persona.persona.faults

    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("enable", "Password:$")
            await session.type("wrong", "Password:$")
            await session.type("wrong", "Password:$")
            assert "Access denied" in await session.type("wrong")
            assert session.prompt == "sw7>"
            await enable(session)
            faults.add("busy-nvram")
            assert "[OK]" not in await session.type("write")
            faults.add("lost-save")
            assert "[OK]" in await session.type("write")
            faults.add("log", match="show clock")
            assert "%LINK-3-UPDOWN" in await session.type("show clock")

    asyncio.run(talk())


def test_a_long_output_stops_at_each_page(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("enable", "Password:$")
            await session.type("enable-word")
            await session.type("show running-config", " --More-- $")
            await session.key(b"\r", " --More-- $")
            assert (await session.key(b"q", "sw7#$")).endswith("sw7#")

    asyncio.run(talk())


def test_tables_are_those_of_recordings(persona: RunningPersona) -> None:
    frames(persona).inject("p2", LAPTOP)

    async def talk() -> dict[str, str]:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("terminal length 0")
            commands = (
                "interfaces switchport",
                "interfaces status",
                "mac-address-table",
                "vlan",
                "lldp neighbors detail",
            )
            return {command: await session.type(f"show {command}") for command in commands}

    shown = asyncio.run(talk())
    assert re.search(r"^GigabitEthernet 0/12 {13}enabled    TRUNK ", shown["interfaces switchport"], re.MULTILINE)
    assert re.search(r"^GigabitEthernet 0/1 +up +30 +Full +1000M +copper$", shown["interfaces status"], re.MULTILINE)
    assert re.search(r"^30 +6677\.8899\.aabb +DYNAMIC +GigabitEthernet 0/2$", shown["mac-address-table"], re.MULTILINE)
    assert re.search(r"^  30 CAMERAS +STATIC +Gi0/1, Gi0/2, Gi0/12$", shown["vlan"], re.MULTILINE)
    assert "LLDP neighbor-information of port [GigabitEthernet 0/12]" in shown["lldp neighbors detail"]


@with_snmp
def test_the_agent_has_the_oddities_of_the_recording(persona: RunningPersona) -> None:
    frames(persona).inject("p2", LAPTOP)
    system = walk(persona, "1.3.6.1.2.1.1")
    assert system["2.0"].startswith(".1.3.6.1.4.1.4881.")
    assert walk(persona, "1.3.6.1.2.1.2.2.1.2")["1"] == "GigabitEthernet 0/1"
    assert walk(persona, "1.3.6.1.2.1.31.1.1.1.1")["1"] == "Gi0/1"
    addresses = walk(persona, "1.3.6.1.2.1.17.7.1.2.2.1.2")
    assert addresses["30.102.119.136.153.170.187"] == "2"
    assert "0" in addresses.values(), "the switch's own address is at port 0"
    assert [index.split(".")[-1] for index in walk(persona, "1.3.6.1.2.1.17.7.1.4.2.1.4")] == ["1", "30"]
    assert "0.30" not in walk(persona, "1.3.6.1.2.1.17.7.1.4.2.1.4"), "the time mark is not 0"
    frames(persona).set_peer("p3", False)
    pvid = "1.3.6.1.2.1.17.7.1.4.5.1.1"
    asyncio.run_coroutine_threadsafe(_poll(persona), persona.loop).result(20)
    assert (walk(persona, pvid)["2"], walk(persona, pvid)["3"]) == ("30", "0")


async def _poll(persona: RunningPersona) -> None:
    persona.persona.switch.poll_links()


@with_snmp
def test_standard_objects_can_be_set(persona: RunningPersona) -> None:
    put(persona, "1.3.6.1.2.1.2.2.1.7.2", "i", "2", "1.3.6.1.2.1.31.1.1.1.18.2", "s", "attic")
    assert walk(persona, "1.3.6.1.2.1.2.2.1.7")["2"] == "2"
    assert frames(persona).inject("p2", LAPTOP) is False
    assert "notWritable" in put(persona, "1.3.6.1.2.1.17.4.2.0", "i", "60")

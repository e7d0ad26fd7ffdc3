"""The emulated Comware switch over SSH, with a plain client: views, questions, pages, files, faults."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.running import RunningPersona, running_persona
from tests.replay.persona_plain import plain

CAMERA, LAPTOP = "00:11:22:33:44:55", "66:77:88:99:aa:bb"
CONFIG: dict[str, Any] = {
    "name": "sw4",
    "hostname": "sw4",
    "platform": "h3c_comware",
    "ports": {f"GigabitEthernet1/0/{number}": f"p{number}" for number in range(1, 13)},
    "credentials": {"username": "admin", "password": "login-word"},
    "snmp": {"community": "lab"},
    "neighbours": {"GigabitEthernet1/0/12": {"system": "core1", "port": "Gi0/3", "chassis": "00:1d:e5:00:00:01"}},
    "initial": """\
#
 sysname sw4
#
 lldp global enable
#
vlan 30
 name CAMERAS
#
interface GigabitEthernet1/0/1
 description pole 17
 port access vlan 30
#
interface GigabitEthernet1/0/2
 port access vlan 30
#
interface GigabitEthernet1/0/12
 port link-type trunk
 undo port trunk permit vlan 1
 port trunk permit vlan 30
#
return
""",
}
PROMPT = r"(?:^|\r\n)(?:<sw4>|\[sw4[^\]\r\n]*\])$"
SEAL = (
    "system-view",
    "port-security enable",
    "interface GigabitEthernet1/0/1",
    "port-security intrusion-mode blockmac",
    "port-security max-mac-count 1",
    "port-security port-mode autolearn",
    "port-security mac-address security sticky 0011-2233-4455 vlan 30",
    "ip source binding ip-address 198.18.30.1 mac-address 0011-2233-4455",
    "ip verify source ip-address mac-address",
    "return",
)
SURE = r"Are you sure\? \[Y/N\]:$"
NAME = r"press the enter key\):$"


@pytest.fixture
def persona() -> Iterator[RunningPersona]:
    """A switch of twelve ports."""
    with running_persona(CONFIG) as running:
        yield running


def frames(persona: RunningPersona) -> LoopbackDataPlane:
    """Give the data plane as what it is."""
    assert isinstance(persona.dataplane, LoopbackDataPlane)
    return persona.dataplane


def test_a_session_goes_through_the_views(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            assert session.prompt == "<sw4>"
            assert await session.type("system-view") == "System View: return to User View with Ctrl+Z."
            assert session.prompt == "[sw4]"
            await session.configure("interface gi1/0/1")
            assert session.prompt == "[sw4-GigabitEthernet1/0/1]"
            await session.configure("vlan 77")
            assert session.prompt == "[sw4-vlan77]"
            await session.configure("interface range gi1/0/1 to gi1/0/3")
            assert session.prompt == "[sw4-if-range]"
            await session.configure("quit")
            assert session.prompt == "[sw4]"
            await session.configure("interface GigabitEthernet 1/0/2", "return")
            assert session.prompt == "<sw4>"

    asyncio.run(talk())


def test_what_is_no_command_is_shown_with_a_caret(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            assert await session.type("display foo") == (
                "             ^\n % Unrecognized command found at '^' position."
            )
            assert await session.type("port-security enable") == (
                "     ^\n % Unrecognized command found at '^' position."
            )

    asyncio.run(talk())


def test_a_sealed_port_lets_only_its_own_device_in(persona: RunningPersona) -> None:
    async def talk() -> str:
        async with plain(persona.ssh_port, PROMPT) as session:
            for line in SEAL:
                assert "rror" not in await session.type(line)
            return await session.type("display current-configuration interface GigabitEthernet1/0/1")

    shown = asyncio.run(talk())
    assert shown.splitlines() == [
        "#", "interface GigabitEthernet1/0/1", " port link-mode bridge", " description pole 17",
        " port access vlan 30", " port-security intrusion-mode blockmac", " port-security max-mac-count 1",
        " port-security port-mode autolearn",
        " port-security mac-address security sticky 0011-2233-4455 vlan 30",
        " ip verify source ip-address mac-address",
        " ip source binding ip-address 198.18.30.1 mac-address 0011-2233-4455", "#", "return",
    ]  # fmt: skip
    assert frames(persona).inject("p1", CAMERA, ip="198.18.30.1") is True
    assert frames(persona).inject("p1", LAPTOP, ip="198.18.30.1") is False
    assert frames(persona).inject("p1", CAMERA, ip="198.18.30.9") is False


def test_save_asks_and_a_reboot_keeps_only_what_was_saved(persona: RunningPersona) -> None:
    async def talk() -> str:
        async with plain(persona.ssh_port, PROMPT) as session:
            for line in SEAL:
                await session.type(line)
            assert await session.type("save", SURE)
            assert await session.type("y", NAME)
            assert await session.type("", r"startup\.cfg exists, overwrite\? \[Y/N\]:$")
            assert "Saved the current configuration to mainboard device successfully." in await session.type("y")
            await session.type("system-view")
            await session.configure("interface gi1/0/2", "shutdown", "return")
            assert "DONE!" in await session.type("reboot", r"save current configuration\? \[Y/N\]:$")
            await session.type("n", r"reboot the device\. Continue\? \[Y/N\]:$")
            session.terminal.process.stdin.write(b"y\r")
            with pytest.raises((EOFError, asyncssh.Error)):
                await session.terminal.until("never comes")
        return ""

    asyncio.run(talk())

    async def again() -> str:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("screen-length disable")
            return await session.type("display current-configuration")

    shown = asyncio.run(again())
    assert " shutdown" not in shown
    assert " port-security mac-address security sticky 0011-2233-4455 vlan 30" in shown


def test_save_can_be_refused_and_forced(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("system-view")
            await session.configure("sysname sw4", "interface gi1/0/2", "description attic")
            await session.type("save", SURE)
            assert await session.type("n") == ""
            assert "attic" not in await session.type("display saved-configuration | include description")
            assert "successfully" in await session.type("save force")
            assert "attic" in await session.type("display saved-configuration | include description")

    asyncio.run(talk())


def test_a_saved_file_brings_the_running_configuration_back(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("save before.cfg", r"Continue\? \[Y/N\]:$")
            assert "successfully" in await session.type("y")
            for line in SEAL:
                await session.type(line)
            await session.type("system-view")
            await session.configure("vlan 44", "quit")
            asked = await session.type("configuration replace file before.cfg", r"\[Y/N\]:$")
            assert "save" in asked
            assert "Succeeded" in await session.type("n")
            shown = await session.type("display current-configuration | include (port-security|vlan.44)")
            assert shown == ""

    asyncio.run(talk())
    assert frames(persona).inject("p1", LAPTOP) is True


def test_a_long_output_stops_at_each_page(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            first = await session.type("display current-configuration", r"---- More ----$")
            assert len(first.splitlines()) == 24
            await session.key(b"\r", r"---- More ----$")
            assert (await session.key(b"q", "<sw4>$")).endswith("<sw4>")
            await session.type("screen-length disable")
            assert "---- More ----" not in await session.type("display current-configuration")

    asyncio.run(talk())


def test_neighbours_and_addresses_are_listed(persona: RunningPersona) -> None:
    frames(persona).inject("p2", LAPTOP)

    async def talk() -> tuple[str, str, str]:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("screen-length disable")
            return (
                await session.type("display mac-address"),
                await session.type("display lldp neighbor-information list"),
                await session.type("display lldp neighbor-information verbose"),
            )

    addresses, listed, verbose = asyncio.run(talk())
    assert re.search(r"^6677-8899-aabb\s+30\s+Learned\s+GE1/0/2\s+Y$", addresses, re.MULTILINE)
    assert re.search(r"^GE1/0/12\s+001d-e500-0001\s+Gi0/3\s+core1$", listed, re.MULTILINE)
    assert "LLDP neighbor-information of port 12[GigabitEthernet1/0/12]:" in verbose


def test_faults_of_a_switch_come_on_this_one_too(persona: RunningPersona) -> None:
    faults = persona.persona.faults

    async def talk() -> None:
        async with plain(persona.ssh_port, PROMPT) as session:
            faults.add("busy-nvram")
            assert "Failed to save" in await session.type("save force")
            faults.add("log", match="display clock")
            assert "%Jan  1 00:01:23:456 2013 H3C" in await session.type("display clock")
            faults.add("drop", match="display device")
            session.terminal.process.stdin.write(b"display device\r")
            with pytest.raises((EOFError, asyncssh.Error)):
                await session.terminal.until("never comes")

    asyncio.run(talk())


#: Recording, command, and how the lines begin that must be the same.
HEADERS = [
    ("interface_brief", "_release_9119P17", "display interface brief", r"Brief|Link:|Speed:|Duplex:|Type:|Interface "),
    ("vlan_brief", "", "display vlan brief", r"Brief|Supported|Default|VLAN ID"),
    ("lldp_neighbor-information_list", "1", "display lldp neighbor-information list", r"Chassis|   |Local"),
]


@pytest.mark.parametrize(("name", "which", "command", "first"), HEADERS)
def test_tables_have_the_heads_of_recordings(
    persona: RunningPersona, recordings: Path, name: str, which: str, command: str, first: str
) -> None:
    path = recordings / "cli" / "hp_comware" / f"display_{name}" / f"hp_comware_display_{name}{which}.raw"

    def heads(text: str) -> list[str]:
        return [" ".join(line.split()) for line in text.splitlines() if re.match(first, line)]

    async def talk() -> str:
        async with plain(persona.ssh_port, PROMPT) as session:
            await session.type("screen-length disable")
            return await session.type(command)

    shown = [line for line in heads(asyncio.run(talk())) if not line.startswith(("GE", "FGE"))]
    wanted = [line for line in heads(path.read_text(encoding="utf-8")) if not line.startswith(("GE", "FGE"))]
    assert shown == wanted

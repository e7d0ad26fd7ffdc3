"""The persona's bad days, which tests of a driver ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from lab.switch.persona.running import RunningPersona, running_persona, spawned_persona
from tests.replay.persona_session import CONFIG, terminal


@pytest.fixture
def persona() -> Iterator[RunningPersona]:
    """A switch of twelve ports."""
    with running_persona(CONFIG) as running:
        yield running


def test_the_nth_matching_command_is_rejected_and_has_no_effect(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("configure terminal")
            await session.send("interface gi1/0/1")
            assert await session.output("description one") == []
            assert (await session.output("description two"))[-2] == "% Invalid input detected at '^' marker."
            assert await session.output("description three") == []
            await session.send("end")
            persona.faults.add("reject", "^show clock", text="% Clock is broken")
            assert await session.output("show clock") == ["% Clock is broken"]
            assert " description three" in await session.output("show running-config interface gi1/0/1")

    persona.faults.add("reject", "^description", nth=2, where="config")
    asyncio.run(talk())


def test_a_command_may_be_swallowed(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("configure terminal")
            await session.send("interface gi1/0/1")
            persona.faults.add("ignore", "shutdown")
            assert await session.output("shutdown") == []
            assert " shutdown" not in await session.output("do show running-config interface gi1/0/1")

    asyncio.run(talk())


def test_the_switch_may_hang_or_drop_the_session(persona: RunningPersona) -> None:
    async def dropped() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("show clock")

    async def hung() -> None:
        async with terminal(persona.ssh_port) as session:
            session.process.stdin.write(b"show version\r")
            assert await session.until("version\r\n$") == "show version\r\n"
            other = asyncio.create_task(session.process.stdout.read(1))
            async with terminal(persona.ssh_port) as second:  # a whole session of somebody else's
                await second.send("show version")
            assert not other.done()
            other.cancel()

    persona.faults.add("drop", "^show clock")
    with pytest.raises((EOFError, asyncssh.Error)):
        asyncio.run(dropped())
    persona.faults.add("hang", "^show version")
    asyncio.run(hung())


def test_saving_may_fail_aloud_or_silently(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("configure terminal")
            await session.send("hostname sw2")
            await session.send("interface gi1/0/1")
            await session.send("description new")
            await session.send("end")
            persona.faults.add("busy-nvram")
            busy = "startup-config file open failed (Device or resource busy)"
            assert await session.output("write memory") == [busy]
            persona.faults.add("lost-save")
            assert await session.output("write memory") == ["Building configuration...", "[OK]"]
            assert " description new" not in await session.output("show startup-config")
            await session.send("write memory")
            assert " description new" in await session.output("show startup-config")

    asyncio.run(talk())


def test_output_may_hold_log_lines_and_garbage(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            persona.faults.add("log", "^show vlan")
            assert "%LINK-3-UPDOWN: Interface" in await session.send("show vlan brief")
            persona.faults.add("garbage", "^show vlan")
            assert "\xff\xfe" in await session.send("show vlan brief")
            assert "%LINK" not in await session.send("show vlan brief")

    asyncio.run(talk())


def test_no_password_may_be_right(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port):
            raise AssertionError("logged in")

    persona.faults.add("wrong-password", times=0)
    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(talk())


def test_faults_come_with_the_configuration_and_over_the_control_socket(tmp_path: Path) -> None:
    async def talk(expected: str) -> None:
        async with terminal(switch.ssh_port) as session:
            assert await session.output("show clock") == [expected]

    faults = [{"kind": "reject", "match": "^show clock", "text": "from the file"}]
    with spawned_persona({**CONFIG, "faults": faults}, tmp_path) as switch:
        asyncio.run(talk("from the file"))
        switch.order(fault={"kind": "reject", "match": "^show clock", "text": "from the socket"})
        asyncio.run(talk("from the socket"))
        with pytest.raises(ValueError, match="unknown fault"):
            switch.order(fault={"kind": "melt"})
        with pytest.raises(ValueError, match="unknown order"):
            switch.order(melt=True)

"""The persona's command line over SSH: asyncssh, OpenSSH and Netmiko as clients."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from netmiko import ConnectHandler

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.running import RunningPersona, running_persona, spawned_persona
from tests.replay.persona_session import CONFIG, terminal

CAMERA, LAPTOP = "00:11:22:33:44:55", "66:77:88:99:aa:bb"


@pytest.fixture
def persona() -> Iterator[RunningPersona]:
    """A switch of twelve ports."""
    with running_persona(CONFIG) as running:
        yield running


def test_a_session_goes_from_user_exec_to_interface_configuration(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port, privileged=False) as session:
            assert (await session.send("show privilege")).endswith("level is 1\r\nsw2>")
            refused = await session.output("show running-config")
            assert refused == ["         ^", "% Invalid input detected at '^' marker.", ""]
            await session.enable()
            assert await session.output("configure terminal") == [
                "Enter configuration commands, one per line.  End with CNTL/Z."
            ]
            assert (await session.send("interface gi1/0/1")).endswith("sw2(config-if)#")
            assert (await session.send("vlan 77")).endswith("sw2(config-vlan)#")
            assert (await session.send("interface range gi1/0/1 - 3")).endswith("sw2(config-if-range)#")
            assert (await session.output("do show clock"))[0].startswith("*")
            assert (await session.send("exit")).endswith("sw2(config)#")
            assert (await session.send("end")).endswith("sw2#")

    asyncio.run(talk())


def test_the_caret_stands_under_what_is_wrong(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            assert await session.output("show port-secruity") == [
                "                 ^",
                "% Invalid input detected at '^' marker.",
                "",
            ]
            assert await session.output("show") == ["% Incomplete command.", ""]
            assert await session.output("show p") == ['% Ambiguous command:  "show p"']
            await session.send("configure terminal")
            assert (await session.output("interface gi1/0/99"))[1] == "% Invalid input detected at '^' marker."

    asyncio.run(talk())


def test_output_pages_until_the_length_is_zero(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("terminal length 10")
            page = await session.send("show running-config", r" --More-- $")
            assert page.count("\r\n") == 10  # the echo and nine lines
            session.process.stdin.write(b" ")
            assert "--More--" in await session.until(r" --More-- $")
            session.process.stdin.write(b"\r")
            line = await session.until(r" --More-- $")
            assert line.count("\r\n") == 1
            session.process.stdin.write(b"q")
            assert (await session.until(r"sw2#$")).count("\r\n") == 0
            await session.send("terminal length 0")
            assert "--More--" not in await session.send("show running-config")

    asyncio.run(talk())


def test_typing_is_echoed_and_can_be_corrected(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            session.process.stdin.write(b"show clocj")
            assert await session.until("clocj$") == "show clocj"
            session.process.stdin.write(b"\x7fk")
            assert await session.until("k$") == "\b \bk"
            assert "UTC" in await session.send("")
            session.process.stdin.write(b"show por?")
            assert "\r\n  port-security\r\n" in await session.until("sw2#show por$")

    asyncio.run(talk())


def test_the_enable_password_is_not_echoed_and_is_checked(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port, privileged=False) as session:
            await session.send("enable", "Password: $")
            assert "enable-wrong" not in await session.send("enable-wrong", "Password: $")
            await session.send("enable-wrong", "Password: $")
            assert "% Bad secrets" in await session.send("enable-wrong")

    asyncio.run(talk())


def test_a_wrong_login_is_refused(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with asyncssh.connect(
            "127.0.0.1", persona.ssh_port, username="admin", password="no", known_hosts=None, client_keys=None
        ):
            raise AssertionError("logged in")

    with pytest.raises(asyncssh.PermissionDenied):
        asyncio.run(talk())


def test_a_violation_shuts_the_port_and_the_switch_says_who_it_was(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("configure terminal")
            for line in (
                "interface gi1/0/1",
                "switchport port-security mac-address 0011.2233.4455",
                "switchport port-security",
                "end",
            ):
                assert (await session.output(line)) == []
            assert persona.inject("p1", CAMERA) is True
            assert persona.inject("p1", LAPTOP) is False
            shown = await session.output("show interfaces status err-disabled")
            assert shown[-1].split() == ["Gi1/0/1", "pole", "17", "err-disabled", "psecure-violation"]
            shown = await session.output("show port-security interface gi1/0/1")
            assert "Port Status                : Secure-shutdown" in shown
            assert "Last Source Address:Vlan   : 6677.8899.aabb:30" in shown
            assert "Security Violation Count   : 1" in shown
            assert "line protocol is down (err-disabled)" in (await session.output("show interfaces gi1/0/1"))[0]

    asyncio.run(talk())


def test_secure_addresses_are_static_in_the_mac_table_and_others_dynamic(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("configure terminal")
            for line in ("interface gi1/0/1", "switchport port-security", "end"):
                await session.send(line)
            persona.inject("p1", CAMERA)
            persona.inject("p2", LAPTOP)
            shown = await session.output("show mac address-table vlan 30")
            assert "  30    0011.2233.4455    STATIC      Gi1/0/1" in shown
            assert "  30    6677.8899.aabb    DYNAMIC     Gi1/0/2" in shown
            assert shown[-1] == "Total Mac Addresses for this criterion: 2"

    asyncio.run(talk())


def test_saving_and_reloading_brings_back_what_was_saved(persona: RunningPersona) -> None:
    plane = persona.dataplane
    assert isinstance(plane, LoopbackDataPlane)

    async def configure() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("configure terminal")
            await session.send("interface gi1/0/3")
            await session.send("switchport mode access")
            await session.send("switchport access vlan 30")
            await session.send("end")
            await session.send("copy running-config startup-config", r"\[startup-config\]\? $")
            assert "[OK]" in await session.send("")
            await session.send("configure terminal")
            await session.send("interface gi1/0/3")
            await session.send("shutdown")
            await session.send("end")
            assert plane.state("p3").admin is False
            await session.send("reload", r"\[yes/no\]: $")
            await session.send("no", r"\[confirm\]$")
            session.process.stdin.write(b"\r")
            with pytest.raises((EOFError, asyncssh.Error)):
                await session.until("never")

    async def check() -> None:
        async with terminal(persona.ssh_port) as session:
            shown = await session.output("show running-config interface gi1/0/3")
            assert " switchport access vlan 30" in shown
            assert " shutdown" not in shown

    asyncio.run(configure())
    asyncio.run(check())
    assert (plane.state("p3").admin, plane.state("p3").access) == (True, 30)


def test_a_scheduled_reload_can_be_cancelled(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("reload in 5 rollback", r"\[confirm\]$")
            session.process.stdin.write(b"y")
            assert "(in 5 minutes) by admin on vty0" in await session.until(r"sw2#$")
            assert "Reload reason: rollback" in await session.output("show reload")
            assert "*** --- SHUTDOWN ABORTED ---" in await session.output("reload cancel")
            assert await session.output("show reload") == ["No reload is scheduled."]

    asyncio.run(talk())


def test_log_lines_reach_a_monitoring_session(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("terminal monitor")
            plane = persona.dataplane
            assert isinstance(plane, LoopbackDataPlane)
            plane.set_peer("p5", up=False)
            persona.call(lambda switch: switch.poll_links())
            await session.until(r"%LINK-3-UPDOWN: Interface GigabitEthernet1/0/5, changed state to down\r\n$")

    asyncio.run(talk())


def test_filters_work_on_show_commands(persona: RunningPersona) -> None:
    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            assert await session.output("show running-config | include hostname") == ["hostname sw2"]
            section = await session.output("show running-config | section GigabitEthernet1/0/12")
            assert section == ["interface GigabitEthernet1/0/12", " switchport mode trunk"]
            assert await session.output("show vlan brief | count CAMERAS") == ["Number of lines which match regexp = 1"]

    asyncio.run(talk())


def test_netmiko_configures_and_saves(persona: RunningPersona) -> None:
    device: dict[str, Any] = {
        "device_type": "cisco_ios",
        "host": "127.0.0.1",
        "port": persona.ssh_port,
        "username": "admin",
        "password": "login-word",
        "secret": "enable-word",
    }
    with ConnectHandler(**device) as connection:
        connection.enable()
        said = connection.send_config_set(
            ["interface GigabitEthernet1/0/4", "switchport port-security", "switchport access vlan 44"]
        )
        assert "Command rejected: GigabitEthernet1/0/4 is a dynamic port." in said
        assert "% Access VLAN does not exist. Creating vlan 44" in said
        assert "[OK]" in connection.save_config()
        startup = connection.send_command("show startup-config")
        assert " switchport access vlan 44" in startup
        rows = str(connection.send_command("show interfaces status")).splitlines()
    assert next(row.split()[:3] for row in rows if row.startswith("Gi1/0/4 ")) == ["Gi1/0/4", "connected", "44"]


@pytest.mark.skipif(shutil.which("sshpass") is None, reason="needs sshpass: apt-get install sshpass")
def test_openssh_can_run_a_single_command(persona: RunningPersona) -> None:
    options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    argv = [
        "sshpass",
        "-e",
        "ssh",
        "-F",
        "none",
        *options,
        "-p",
        str(persona.ssh_port),
        "admin@127.0.0.1",
        "show version",
    ]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, env={"SSHPASS": "login-word"}, check=False)
    assert done.returncode == 0, done.stderr
    assert "Cisco IOS Software, C2960X Software" in done.stdout


def test_a_process_keeps_its_startup_configuration_and_its_host_key(tmp_path: Path) -> None:
    config = {**CONFIG, "state": str(tmp_path / "startup.json"), "ready": str(tmp_path / "ready")}

    async def change(port: int) -> None:
        async with terminal(port) as session:
            await session.send("configure terminal")
            await session.send("interface gi1/0/6")
            await session.send("description kept")
            await session.send("end")
            await session.send("write memory")
            await session.send("configure terminal")
            await session.send("interface gi1/0/7")
            await session.send("description lost")

    async def look(port: int) -> str:
        async with terminal(port) as session:
            return await session.send("show interfaces description")

    with spawned_persona(config, tmp_path) as first:
        assert (tmp_path / "ready").exists()
        asyncio.run(change(first.ssh_port))
        assert first.order(inject={"port": "p1", "mac": CAMERA}) == {"admitted": True}
    assert first.process.returncode == 0
    assert not (tmp_path / "ready").exists()
    key = (tmp_path / "startup.hostkey").read_bytes()
    with spawned_persona(config, tmp_path) as second:
        shown = asyncio.run(look(second.ssh_port))
    assert "kept" in shown
    assert "lost" not in shown
    assert (tmp_path / "startup.hostkey").read_bytes() == key

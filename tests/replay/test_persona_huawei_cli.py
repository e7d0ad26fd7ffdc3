"""The Huawei personas' command line over SSH, with clients that know nothing of Portseal: paramiko and Netmiko."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from netmiko import ConnectHandler

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.running import RunningPersona, running_persona
from tests.replay.huawei_session import STEM, Terminal, config, eventually, terminal

CAMERA, LAPTOP = "02:ca:00:00:00:01", "02:ba:d0:00:00:66"
MORE = re.compile(r"  ---- More ----$")


@pytest.fixture
def five() -> Iterator[tuple[RunningPersona, Terminal]]:
    """A switch with VRP 5 and a session on it."""
    with running_persona(config("huawei_vrp")) as persona, terminal(persona.ssh_port) as session:
        yield persona, session


@pytest.fixture(params=["huawei_vrp", "huawei_vrpv8"])
def either(request: pytest.FixtureRequest) -> Iterator[tuple[RunningPersona, Terminal, str]]:
    """A switch of each software, a session, and the stem of its ports' names."""
    with running_persona(config(request.param)) as persona, terminal(persona.ssh_port) as session:
        yield persona, session, STEM[request.param]


def plane(persona: RunningPersona) -> LoopbackDataPlane:
    assert isinstance(persona.dataplane, LoopbackDataPlane)
    return persona.dataplane


def secure_port(session: Terminal, stem: str) -> None:
    """Bind the camera at port 1 as an administrator would, and commit where that is needed."""
    eight = stem.startswith("GE")
    session.send("system-view")
    lines = [
        f"interface {stem}1", "port-security enable", "port-security mac-address sticky",
        "port-security mac-address sticky 02ca-0000-0001 vlan 100",
    ]  # fmt: skip
    session.type(*lines, "port-security protect-action " + ("error-down" if eight else "shutdown"))
    if eight:
        assert session.output("commit") == ["Committing....done."]
    session.send("return")


def test_a_session_goes_through_the_views(five: tuple[RunningPersona, Terminal]) -> None:
    _, session = five
    assert session.send("system-view").endswith("Enter system view, return user view with Ctrl+Z.\n[acc1]")
    assert session.send("int g0/0/1").endswith("[acc1-GigabitEthernet0/0/1]")
    assert session.send("interface GigabitEthernet 0/0/2").endswith("[acc1-GigabitEthernet0/0/2]")
    assert session.send("vlan 100").endswith("[acc1-vlan100]")
    assert session.send("quit").endswith("[acc1]")
    assert session.send("aaa").endswith("[acc1-aaa]")
    assert session.send("return").endswith("<acc1>")
    session.send("sys")
    session.channel.sendall(b"\x1a")
    assert session.until().endswith("<acc1>")


def test_the_caret_stands_under_the_word_that_is_wrong(five: tuple[RunningPersona, Terminal]) -> None:
    _, session = five
    assert session.output("display vesrion") == [
        "              ^",
        "Error: Unrecognized command found at '^' position.",
    ]
    session.send("system-view")
    session.send("interface GigabitEthernet0/0/3")
    # As recorded: "[Huawei-GigabitEthernet0/0/3]exit" puts the caret below column 29.
    assert session.output("exit") == [
        " " * len("[acc1-GigabitEthernet0/0/3]") + "^",
        "Error: Unrecognized command found at '^' position.",
    ]
    assert session.output("port default vlan 5000")[1] == "Error: Wrong parameter found at '^' position."
    assert session.output("port default vlan") == [
        " " * len("[acc1-GigabitEthernet0/0/3]port default vlan") + "^",
        "Error:Incomplete command found at '^' position.",
    ]
    assert session.output("shutdown now")[1] == "Error:Too many parameters found at '^' position."


def test_output_pages_until_the_length_is_zero(five: tuple[RunningPersona, Terminal]) -> None:
    _, session = five
    session.send("screen-length 10 temporary")
    page = session.send("display current-configuration", MORE)
    assert page.count("\n") == 10  # the echo and nine lines
    session.channel.sendall(b" ")
    assert session.until(MORE).startswith("\x1b[42D" + " " * 42 + "\x1b[42D")
    session.channel.sendall(b"\r")
    assert session.until(MORE).count("\n") == 1
    session.channel.sendall(b"q")
    assert session.until(re.compile("<acc1>$")).count("\n") == 0
    session.send("screen-length 0 temporary")
    assert "---- More ----" not in session.send("display current-configuration")


def test_what_is_configured_is_read_back_and_stops_strangers(either: tuple[RunningPersona, Terminal, str]) -> None:
    persona, session, stem = either
    secure_port(session, stem)
    shown = session.output(f"display current-configuration interface {stem}1")
    assert " port-security mac-address sticky" in shown
    row = next(line.split() for line in session.output("display mac-address sticky") if line.startswith("02ca"))
    assert row[:2] == ["02ca-0000-0001", "100/-/-"]
    assert row[3] == "sticky"
    assert persona.inject("p1", CAMERA) is True
    assert persona.inject("p1", LAPTOP) is False
    assert "ERROR DOWN(" in session.output(f"display interface {stem}1")[0]
    assert session.output("display error-down recovery")[-1].split()[0] == f"{stem}1"
    port = session.output(f"display port-security interface {stem}1")
    assert "Security Violation Count   : 1" in port
    assert "Port Status                : Secure-down" in port


def test_a_restart_keeps_only_what_was_saved(either: tuple[RunningPersona, Terminal, str]) -> None:
    persona, session, stem = either
    secure_port(session, stem)
    asked = session.send("save")
    assert asked.rstrip(":").endswith("[Y/N]")
    assert session.send("maybe").endswith("[Y/N]:"), "it asks again"
    assert "uccessfully" in session.send("y")
    session.send("system-view")
    session.type(f"interface {stem}2", "description not saved")
    if stem.startswith("GE"):
        session.send("commit")
    session.send("return")
    assert session.send("reboot").rstrip(":").endswith("[Y/N]")
    session.send("n")
    session.channel.sendall(b"y\n")
    assert eventually(
        lambda: session.channel.closed or session.channel.exit_status_ready() or not session.channel.active
    )
    with terminal(persona.ssh_port) as again:
        text = again.output("display current-configuration")
        assert " description not saved" not in text
        assert " port-security enable" in text
    assert persona.inject("p1", CAMERA) is True
    assert persona.inject("p1", LAPTOP) is False


def test_the_running_configuration_is_compared_with_the_saved_one(five: tuple[RunningPersona, Terminal]) -> None:
    _, session = five
    same = "Info: The current configuration is the same as the next startup configuration file."
    assert session.output("compare configuration") == [same]
    session.send("system-view")
    session.type("interface GigabitEthernet0/0/2", "description new", "return")
    assert " description new" in session.output("compare configuration")
    assert " description new" not in session.output("display saved-configuration")


def test_a_first_save_asks_for_the_files_name(five: tuple[RunningPersona, Terminal]) -> None:
    persona, session = five
    persona.call(lambda switch: switch.erase_startup())
    session.send("save")
    assert session.send("y").endswith("Info: Please input the file name ( *.cfg, *.zip ) [vrpcfg.zip]:")
    assert "Save the configuration successfully." in session.send("")


@pytest.mark.parametrize(("kind", "words"), [("busy-nvram", "Error:"), ("lost-save", "successfully")])
def test_a_save_can_fail_or_be_lost(either: tuple[RunningPersona, Terminal, str], kind: str, words: str) -> None:
    persona, session, stem = either
    secure_port(session, stem)
    persona.faults.add(kind)
    session.send("save")
    assert words in session.send("y")
    assert persona.call(lambda switch: switch.unsaved())


def test_faults_strike_in_configuration(five: tuple[RunningPersona, Terminal]) -> None:
    persona, session = five
    session.send("system-view")
    session.send("interface GigabitEthernet0/0/2")
    persona.faults.add("reject", "^shutdown$", where="config")
    assert session.output("shutdown")[-1] == "Error: Unrecognized command found at '^' position."
    assert plane(persona).state("p2").admin is True
    persona.faults.add("log", "^display clock")
    assert any("DATASYNC_CFGCHANGE" in line for line in session.output("display clock"))


def test_netmiko_reads_configures_and_saves(tmp_path: Path) -> None:
    with running_persona(config("huawei_vrp")) as persona:
        with ConnectHandler(
            device_type="huawei", host="127.0.0.1", port=persona.ssh_port, username="admin", password="login-word",
            ssh_config_file=str(tmp_path / "none"),
        ) as session:  # fmt: skip
            assert session.find_prompt() == "<acc1>"
            assert "Version 5.170" in str(session.send_command("display version"))
            session.send_config_set(
                ["interface GigabitEthernet0/0/2", "description by netmiko"], error_pattern=r"Error:"
            )
            assert "successfully" in session.save_config()
        assert persona.call(lambda switch: switch.unsaved()) is False


def test_netmiko_commits_on_vrp8(tmp_path: Path) -> None:
    with running_persona(config("huawei_vrpv8")) as persona:
        with ConnectHandler(
            device_type="huawei_vrpv8", host="127.0.0.1", port=persona.ssh_port, username="admin",
            password="login-word", ssh_config_file=str(tmp_path / "none"),
        ) as session:  # fmt: skip
            session.send_config_set(["interface GE1/0/2", "description by netmiko"], exit_config_mode=False)
            assert persona.call(lambda switch: switch.running.interfaces["GE1/0/2"].description) == ""
            session.commit()
        assert persona.call(lambda switch: switch.running.interfaces["GE1/0/2"].description) == "by netmiko"

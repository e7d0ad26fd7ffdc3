"""The local channel and a session over it, against the machine's own bash."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.dialects import dialect
from drivers.render import Command
from drivers.session import Session
from drivers.transports.local import LocalChannel
from policies.errors import CommandRejected, DeviceTimeout, Unreachable

OVS = dialect("openvswitch")
needs_bash = pytest.mark.skipif(not shutil.which("/bin/bash"), reason="there is no /bin/bash: install bash")
pytestmark = needs_bash


@pytest.fixture
def opened() -> Iterator[Session]:
    with Session(LocalChannel(), OVS, switch="here", timeout=10) as session:
        yield session


def test_a_command_is_answered_without_echo_and_prompt(opened: Session) -> None:
    assert opened.read("printf 'a\\nb\\n'") == "a\nb"
    assert opened.read("true") == ""
    assert opened.read("printf no-line-end; echo") == "no-line-end"


@pytest.mark.parametrize("length", [60, 400, 512, 1000, 3000])
def test_a_command_of_any_length_comes_back_whole(opened: Session, length: int) -> None:
    word = "x" * length
    assert opened.read(f"echo {word}") == word


def test_a_long_answer_comes_back_whole(opened: Session) -> None:
    assert opened.read("seq 1 20000").splitlines() == [str(number) for number in range(1, 20_001)]


def test_other_alphabets_pass_both_ways(opened: Session) -> None:
    assert opened.read("echo 人脸识别 ünïcödé") == "人脸识别 ünïcödé"


def test_output_that_looks_like_a_prompt_is_output(opened: Session) -> None:
    assert opened.read("echo root@other:~#; echo x").splitlines() == ["root@other:~#", "x"]


@pytest.mark.parametrize(
    "command",
    ["no-such-command-here", "cat /nonexistent", "echo x > /nonexistent/x", "ovs-vsctl --db=unix:/nonexistent list-br"],
)
def test_a_tool_that_complains_is_a_rejection(opened: Session, command: str) -> None:
    with pytest.raises(CommandRejected):
        opened.read(command)
    assert opened.read("echo still here") == "still here"


def test_a_rejection_stops_a_configuration(opened: Session) -> None:
    heard: list[str] = []
    commands = [Command("true"), Command("cat /nonexistent", "eth1"), Command("echo never", "eth1")]
    with pytest.raises(CommandRejected):
        opened.configure(commands, lambda phase, line: heard.append(f"{phase} {line}"))
    assert heard == ["before true", "after true", "before cat /nonexistent"]


def test_the_controllers_own_prompt_and_terminal_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PS1": "what? ", "TERM": "xterm-256color", "PROMPT_COMMAND": "echo noise"}.items():
        monkeypatch.setenv(name, value)
    with Session(LocalChannel(), OVS, switch="here", timeout=10) as session:
        assert session.read("echo x") == "x"


def test_a_shell_with_line_editing_is_understood_too() -> None:
    """As it is behind SSH: the dialect switches the editing off with its first command."""
    channel = LocalChannel(("/bin/bash", "--norc", "--noprofile"))
    with Session(channel, OVS, switch="here", timeout=10) as session:
        assert session.read("echo " + "y" * 1500) == "y" * 1500
        with pytest.raises(CommandRejected):
            session.read("cat /nonexistent")


def test_a_character_cut_between_two_reads_is_one_character() -> None:
    channel = LocalChannel()
    try:
        channel.write("stty -echo; printf '\\344\\272'; read _; printf '\\272\\n'\n")
        told = ""
        with pytest.raises(DeviceTimeout):  # the first two of its three octets have come, and say nothing yet
            while True:
                told += channel.read(0.3)
        assert "人" not in told
        channel.write("\n")
        while "人" not in told:
            told += channel.read(10)
    finally:
        channel.close()
    assert "\ufffd" not in told


def test_a_shell_that_ends_is_a_closed_connection() -> None:
    channel = LocalChannel()
    channel.write("exit\n")
    with pytest.raises(Unreachable, match="closed"):
        while True:
            channel.read(10)
    channel.close()


def test_silence_is_a_timeout_with_the_shells_name() -> None:
    channel = LocalChannel(("/bin/cat",))
    try:
        with pytest.raises(DeviceTimeout) as late:
            channel.read(0.05)
    finally:
        channel.close()
    assert late.value.where == "/bin/cat"


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()}


def test_a_shell_that_does_not_exist_is_unreachable_and_leaves_no_descriptor_open() -> None:
    before = open_descriptors()
    with pytest.raises(Unreachable, match="does not start"):
        LocalChannel(("/nonexistent/shell",))
    assert open_descriptors() == before


def test_closing_twice_closes_nothing_of_somebody_else() -> None:
    channel = LocalChannel()
    channel.close()
    reading, writing = os.pipe()  # these get the numbers that the channel had
    try:
        channel.close()
        os.write(writing, b"x")
        assert os.read(reading, 1) == b"x"
    finally:
        os.close(reading)
        os.close(writing)
    for act in (lambda: channel.read(1), lambda: channel.write("x")):
        with pytest.raises(Unreachable):
            act()

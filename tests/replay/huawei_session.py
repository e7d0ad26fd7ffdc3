"""A plain client on a Huawei persona: paramiko, which knows nothing of VRP, reading up to a prompt or a question."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko

PROMPT = re.compile(r"(?:^|\n)(?:<[^<>\r\n]+>|\[[~*]?[^\[\]\r\n]+\])$")
QUESTION = re.compile(r"\[Y/N\]:?$|C\(cancel\)\]:$|\[Y/N/C\]:$|\.zip\]:$")
STEM = {"huawei_vrp": "GigabitEthernet0/0/", "huawei_vrpv8": "GE1/0/"}


def config(platform: str, **more: Any) -> dict[str, Any]:
    """Describe a switch of twelve ports: 1 and 2 are access ports of VLAN 100, 12 is a trunk to core1."""
    stem = STEM[platform]
    access = "port link-type access\n port default vlan 100"
    initial = (
        f"sysname acc1\n#\nvlan batch 100\n#\nlldp enable\n#\ninterface {stem}1\n description pole 17\n {access}\n#\n"
        f"interface {stem}2\n {access}\n#\ninterface {stem}12\n port link-type trunk\n"
        " port trunk allow-pass vlan 100\n#\nreturn\n"
    )
    core = {"system": "core1", "port": "GigabitEthernet0/0/3", "chassis": "00:1d:e5:00:00:01"}
    return {
        "name": "acc1",
        "hostname": "acc1",
        "platform": platform,
        "ports": {f"{stem}{number}": f"p{number}" for number in range(1, 13)},
        "credentials": {"username": "admin", "password": "login-word"},
        "snmp": {"community": "lab"},
        "neighbours": {f"{stem}12": core},
        "initial": initial,
        **more,
    }


class Terminal:
    """An open session."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self.channel = channel
        channel.settimeout(20)

    def until(self, *patterns: re.Pattern[str]) -> str:
        """Read until one of `patterns` (a prompt or a question, when there is none) matches the end of what came."""
        seen = ""
        while not any(pattern.search(seen) for pattern in patterns or (PROMPT, QUESTION)):
            piece = self.channel.recv(4096)
            if not piece:
                raise EOFError(seen)
            seen += piece.decode("utf-8").replace("\r\n", "\n")
        return seen

    def send(self, text: str, *patterns: re.Pattern[str]) -> str:
        """Type a line and read up to the prompt or question behind it."""
        self.channel.sendall(text.encode() + b"\n")
        return self.until(*patterns)

    def output(self, text: str) -> list[str]:
        """Type a line and give what was printed, without the echo and the prompt."""
        return self.send(text).split("\n")[1:-1]

    def type(self, *lines: str) -> None:
        """Type lines that must print nothing."""
        for line in lines:
            assert self.output(line) == [], line


@contextmanager
def terminal(port: int, link: socket.socket | None = None) -> Iterator[Terminal]:
    """Log in and turn paging off; `link` is a connection that is there already."""
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(
            "127.0.0.1", port, "admin", "login-word", look_for_keys=False, allow_agent=False, timeout=20, sock=link
        )
        session = Terminal(client.invoke_shell(width=200))
        session.until()
        session.send("screen-length 0 temporary")
        yield session


def eventually(condition: Any, seconds: float = 20.0) -> bool:
    """Wait until a condition holds; False when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True

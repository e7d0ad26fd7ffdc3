"""A terminal on a persona: asyncssh as the client, reading up to a prompt instead of waiting for time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncssh

PORTS = {f"GigabitEthernet1/0/{number}": f"p{number}" for number in range(1, 13)}
CONFIG: dict[str, Any] = {
    "name": "sw2",
    "hostname": "sw2",
    "ports": PORTS,
    "credentials": {"username": "admin", "password": "login-word", "enable": "enable-word"},
    "snmp": {"community": "lab"},
    "neighbours": {"GigabitEthernet1/0/12": {"system": "core1", "port": "Gi0/3", "chassis": "00:1d:e5:00:00:01"}},
    "initial": """\
lldp run
vlan 30
 name CAMERAS
interface GigabitEthernet1/0/1
 description pole 17
 switchport access vlan 30
 switchport mode access
interface GigabitEthernet1/0/2
 switchport access vlan 30
 switchport mode access
interface GigabitEthernet1/0/12
 switchport mode trunk
""",
}
WITH_V3: dict[str, Any] = {
    **CONFIG,
    "snmp": {"community": "lab", "v3_user": "reader", "v3_auth": "auth-word-1", "v3_priv": "priv-word-1"},
}
PROMPT = r"(?:^|\r\n)sw2(?:\([\w-]+\))?[>#]$"


class Terminal:
    """An open session."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes]) -> None:
        self.process = process

    async def until(self, pattern: str) -> str:
        """Read until `pattern` matches the end of what came."""
        seen = b""
        while re.search(pattern, seen.decode("latin-1")) is None:
            piece = await asyncio.wait_for(self.process.stdout.read(4096), 20)
            if not piece:
                raise EOFError(seen.decode("latin-1"))
            seen += piece
        return seen.decode("latin-1")

    async def send(self, text: str, until: str = PROMPT) -> str:
        """Type a line and read up to the prompt (or `until`)."""
        self.process.stdin.write(text.encode() + b"\r")
        return await self.until(until)

    async def output(self, text: str) -> list[str]:
        """Type a line and give what was printed, without the echo and the prompt."""
        return (await self.send(text)).split("\r\n")[1:-1]

    async def enable(self) -> None:
        """Become privileged, without paging."""
        await self.send("enable", "Password: $")
        await self.send("enable-word")
        await self.send("terminal length 0")


@asynccontextmanager
async def terminal(port: int, *, privileged: bool = True) -> AsyncIterator[Terminal]:
    """Log in."""
    async with asyncssh.connect(
        "127.0.0.1", port, username="admin", password="login-word", known_hosts=None, client_keys=None, config=None
    ) as connection:
        process = await connection.create_process(term_type="vt100", encoding=None)
        session = Terminal(process)
        await session.until(PROMPT)
        if privileged:
            await session.enable()
        yield session

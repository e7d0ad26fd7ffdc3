"""A plain terminal on a persona of any vendor: no driver, only lines, a prompt to wait for, and what came before it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncssh

from tests.replay.persona_session import Terminal


class Plain:
    """An open session whose prompts all match one pattern."""

    def __init__(self, terminal: Terminal, prompt: str) -> None:
        self.terminal = terminal
        self.pattern = prompt
        self.prompt = ""

    async def read(self) -> str:
        """Read up to the prompt, which is kept."""
        seen = await self.terminal.until(self.pattern)
        body, _, self.prompt = seen.rpartition("\r\n")
        return body

    async def type(self, line: str, until: str = "") -> str:
        """Type a line and give what was printed, without the echo; `until` is a pattern that ends it, as a question."""
        self.terminal.process.stdin.write(line.encode() + b"\r")
        seen = await self.terminal.until(until) if until else await self.read()
        return "\n".join(seen.split("\r\n")[1:])

    async def key(self, key: bytes, until: str) -> str:
        """Press a key and read until a pattern."""
        self.terminal.process.stdin.write(key)
        return await self.terminal.until(until)

    async def configure(self, *lines: str) -> None:
        """Type lines that print nothing."""
        for line in lines:
            printed = await self.type(line)
            assert printed == "", (line, printed)


@asynccontextmanager
async def plain(port: int, prompt: str, sock: socket.socket | None = None) -> AsyncIterator[Plain]:
    """Log in, over an open connection when there is one, and read up to the first prompt."""
    async with asyncssh.connect(
        "127.0.0.1", port, username="admin", password="login-word", known_hosts=None, client_keys=None, config=None,
        sock=sock,
    ) as connection:  # fmt: skip
        process = await connection.create_process(term_type="vt100", encoding=None)
        session = Plain(Terminal(process), prompt)
        await session.read()
        yield session

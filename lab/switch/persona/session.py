"""One session of a command line: line editing and echo, paging, faults. What the lines mean is the vendor's shell."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar, Protocol

from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.state import Switch

_GARBAGE = b"\x00\xff\xfe\x80\x1b[7m\x07"


class Dropped(Exception):
    """The session is over."""


class Reboots(Protocol):
    """Who can reboot the switch (server.py)."""

    def restart(self) -> None:
        """Reboot now."""
        ...

    def schedule(self, seconds: float, reason: str) -> None:
        """Reboot later."""
        ...

    def unschedule(self) -> bool:
        """Do not; tell whether there was something scheduled."""
        ...

    def scheduled(self) -> tuple[float, str] | None:
        """Give the seconds that are left and the reason; None when nothing is scheduled."""
        ...


class Session(ABC):
    """A session; `read` gives the next bytes (empty: the client is gone), `write` sends."""

    #: What stands at the end of a page, and what takes it away again.
    more: ClassVar[bytes] = b" --More-- "
    erase: ClassVar[bytes] = b"\b" * 9 + b" " * 8 + b"\b" * 9
    #: A log line for the fault `log` that names none.
    noise: ClassVar[str] = ""

    def __init__(
        self,
        switch: Switch,
        faults: Faults,
        reboots: Reboots,
        read: Callable[[], Awaitable[bytes]],
        write: Callable[[bytes], None],
    ) -> None:
        self.switch = switch
        self.faults = faults
        self.reboots = reboots
        self.user = ""
        self.length = 24
        self.monitoring = False
        self.commands: list[str] = []
        self._read, self._write = read, write
        self._typed = bytearray()
        self._after_return = False
        self._over = False

    # -- what a vendor says -------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def prompt(self) -> str:
        """Give the prompt."""

    @property
    @abstractmethod
    def configuring(self) -> bool:
        """Tell whether lines are configuration now (the `where` of a fault)."""

    @abstractmethod
    async def do(self, line: str) -> str:
        """Do one line and give what it prints, without a line end; raises SyntaxProblem."""

    @abstractmethod
    def problem(self, line: str, problem: SyntaxProblem) -> str:
        """Say what is wrong with a line."""

    @abstractmethod
    def follows(self, line: str) -> list[str]:
        """List what may follow a line (for `?`); raises SyntaxProblem."""

    def control(self, key: bytes) -> bytes | None:
        """Act on a control key: give what it prints when it takes the line away, None when it does nothing."""
        return b"" if key == b"\x03" else None

    async def greet(self) -> None:
        """Begin the session."""
        self._write(b"\r\n")

    def hang_up(self) -> None:
        """Undo what ends with the session, also when it was the client who ended it."""
        self._over = True

    # -- the session --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until the user ends the session; raises Dropped when the client or the switch did."""
        self.switch.log_listeners.append(self._monitor)
        try:
            await self.greet()
            while not self._over:
                line = await self._line(self.prompt, secret=False)
                if line.strip():
                    self.commands.append(line.strip())
                    await self.execute(line)
        finally:
            self.switch.log_listeners.remove(self._monitor)
            self.hang_up()

    async def single(self, line: str) -> None:
        """Serve `ssh switch COMMAND`: one command, without prompt, echo or paging. Raises Dropped."""
        self.length = 0
        try:
            await self.execute(line)
        finally:
            self.hang_up()

    def leave(self) -> None:
        """End the session."""
        self._over = True

    async def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Print `prompt` and read a line."""
        return await self._line(prompt, secret=secret)

    async def confirm(self, prompt: str) -> bool:
        """Print `prompt` and read one key; Enter and y mean yes."""
        self._write(prompt.encode())
        key = await self._key()
        self._write(b"\r\n")
        return key in b"\r\ny"

    # -- commands -----------------------------------------------------------------------------------------------

    async def execute(self, line: str) -> None:
        """Do one line, with the faults that a test asked for, and print what it gives."""
        where = "config" if self.configuring else "exec"
        await self._obstruct(line, where)
        refused = self.faults.take("reject", line, where)
        if refused is not None:
            marker = self.problem(line, SyntaxProblem("invalid", len(line) - len(line.lstrip())))
            await self._show((refused.text or marker).encode())
            return
        if self.faults.take("ignore", line, where) is not None:
            return
        try:
            printed = await self.do(line.rstrip())
        except SyntaxProblem as problem:
            printed = self.problem(line, problem)
        await self._show(self._disturb(line, where, printed))

    async def _obstruct(self, line: str, where: str) -> None:
        slow = self.faults.take("latency", line, where)
        if slow is not None:
            await asyncio.sleep(slow.ms / 1000)
        if self.faults.take("hang", line, where) is not None:
            while await self._read():
                pass
            raise Dropped
        if self.faults.take("drop", line, where) is not None:
            raise Dropped

    def _disturb(self, line: str, where: str, printed: str) -> bytes:
        """Put console log lines or garbage into the middle of an output."""
        lines = printed.encode().split(b"\n") if printed else []
        middle = len(lines) // 2
        noise = self.faults.take("log", line, where)
        if noise is not None:
            lines[middle:middle] = [b"", (noise.text or self.noise).encode()]
        if self.faults.take("garbage", line, where) is not None:
            lines.insert(middle, _GARBAGE)
        return b"\n".join(lines)

    # -- output -------------------------------------------------------------------------------------------------

    async def _show(self, printed: bytes) -> None:
        if not printed:
            return
        lines = printed.split(b"\n")
        if not self.length:
            self._write(b"\r\n".join(lines) + b"\r\n")
            return
        room = self.length - 1
        for line in lines:
            if room <= 0:
                room = await self._more()
                if room < 0:
                    return
            self._write(line + b"\r\n")
            room -= 1

    async def _more(self) -> int:
        """Wait at --More--: a page for space, a line for Enter, -1 to stop."""
        self._write(self.more)
        key = await self._key()
        self._write(self.erase)
        return {b" ": self.length - 1, b"\r": 1, b"\n": 1}.get(key, -1)

    def _monitor(self, line: str) -> None:
        if self.monitoring and not self._over:
            self._write(f"\r\n{line}\r\n".encode())

    # -- input --------------------------------------------------------------------------------------------------

    async def _key(self) -> bytes:
        while True:
            if not self._typed:
                self._typed += await self._more_input()
            key = bytes(self._typed[:1])
            del self._typed[:1]
            if key == b"\n" and self._after_return:
                self._after_return = False
                continue
            self._after_return = key == b"\r"
            return key

    async def _more_input(self) -> bytes:
        data = await self._read()
        if not data or self._over:
            raise Dropped
        return data

    async def _line(self, prompt: str, *, secret: bool) -> str:
        """Print a prompt and read one line with echo and editing."""
        self._write(prompt.encode())
        line = bytearray()
        while True:
            key = await self._plain(line, secret=secret)
            if key in b"\r\n":
                self._write(b"\r\n")
                return line.decode("utf-8", "replace")
            taken = self.control(key)
            if taken is not None:
                self._write(taken + b"\r\n")
                return ""
            self._edit(key, line, prompt, secret=secret)

    async def _plain(self, line: bytearray, *, secret: bool) -> bytes:
        """Take the printable bytes that have been typed, echo them together, and give the key behind them."""
        echo = bytearray()
        while True:
            if not self._typed and echo:
                self._write(b"" if secret else bytes(echo))
                echo.clear()
            key = await self._key()
            if key < b" " or key in b"\x7f?":
                if echo and not secret:
                    self._write(bytes(echo))
                return key
            line += key
            echo += key

    def _edit(self, key: bytes, line: bytearray, prompt: str, *, secret: bool) -> None:
        if key in b"\x08\x7f" and line:
            del line[-1:]
            self._write(b"" if secret else b"\b \b")
        elif key == b"\x15":
            self._write(b"\b \b" * len(line))
            line.clear()
        elif key == b"\x04" and not line:
            raise Dropped
        elif key == b"?":
            if secret or line.lstrip().startswith(b"description"):
                line += key
                self._write(b"" if secret else key)
            else:
                self._help(line.decode("utf-8", "replace"), prompt)

    def _help(self, line: str, prompt: str) -> None:
        try:
            follows = self.follows(line)
        except SyntaxProblem:
            follows = ["% Unrecognized command"]
        words = "\r\n".join(f"  {word}" for word in follows)
        self._write(f"?\r\n{words}\r\n\r\n{prompt}{line}".encode())

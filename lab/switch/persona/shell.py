"""One session of the command line: line editing and echo, prompts, modes, paging, faults."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Protocol

from lab.switch.persona.call import ExecCall
from lab.switch.persona.configure import ConfigMode
from lab.switch.persona.configure_port import config_mode
from lab.switch.persona.exec_commands import COMMANDS
from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import Match, SyntaxProblem, grammar
from lab.switch.persona.state import Switch

_MORE = b" --More-- "
_ERASE = b"\b" * 9 + b" " * 8 + b"\b" * 9
_GARBAGE = b"\x00\xff\xfe\x80\x1b[7m\x07"
_UNKNOWN = "% Bad IP address or host name\n% Unknown command or computer name, or unable to find computer address"
_ENTER = "Enter configuration commands, one per line.  End with CNTL/Z."


class Dropped(Exception):
    """The session is over."""


class Reboots(Protocol):
    """Who can reboot the switch (server.py)."""

    def restart(self) -> None:
        """Reboot now."""
        ...

    def schedule(self, seconds: float, reason: str) -> str:
        """Reboot later."""
        ...

    def unschedule(self) -> bool:
        """Do not."""
        ...

    def scheduled(self) -> str:
        """Tell when."""
        ...


class Shell:
    """A session; `read` gives the next bytes (empty: the client is gone), `write` sends."""

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
        self.user = ""
        self.privileged = False
        self.length = 24
        self.monitoring = False
        self.commands: list[str] = []
        self.restart, self.schedule = reboots.restart, reboots.schedule
        self.unschedule, self.scheduled = reboots.unschedule, reboots.scheduled
        self._read, self._write = read, write
        self._typed = bytearray()
        self._after_return = False
        self._config: ConfigMode | None = None
        self._over = False

    # -- the session --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until the user ends the session; raises Dropped when the client or the switch did."""
        self.switch.log_listeners.append(self._monitor)
        try:
            self._write(b"\r\n")
            while not self._over:
                line = await self._line(self.prompt, secret=False)
                if line.strip():
                    self.commands.append(line.strip())
                    await self.execute(line)
        finally:
            self.switch.log_listeners.remove(self._monitor)

    async def single(self, line: str) -> None:
        """Serve `ssh switch COMMAND`: one command, without prompt, echo or paging. Raises Dropped."""
        self.length = 0
        await self.execute(line)

    @property
    def prompt(self) -> str:
        """Give the prompt."""
        name = self.switch.running.hostname
        if self._config is not None:
            return f"{name}({self._config.prompt})#"
        return f"{name}{'#' if self.privileged else '>'}"

    def leave(self) -> None:
        """End the session."""
        self._over = True

    def configure(self) -> str:
        """Enter configuration mode."""
        self._config = config_mode(self.switch)
        return _ENTER

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
        where = "config" if self._config is not None else "exec"
        await self._obstruct(line, where)
        refused = self.faults.take("reject", line, where)
        if refused is not None:
            marker = self._problem(line, SyntaxProblem("invalid", len(line) - len(line.lstrip())))
            await self._show((refused.text or marker).encode())
            return
        if self.faults.take("ignore", line, where) is not None:
            return
        try:
            printed = await self._do(line)
        except SyntaxProblem as problem:
            printed = self._problem(line, problem)
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
            message = noise.text or "%LINK-3-UPDOWN: Interface GigabitEthernet1/0/1, changed state to up"
            lines[middle:middle] = [b"", f"*Mar  1 00:01:23.456: {message}".encode()]
        if self.faults.take("garbage", line, where) is not None:
            lines.insert(middle, _GARBAGE)
        return b"\n".join(lines)

    async def _do(self, line: str) -> str:
        line = line.rstrip()
        if line.lstrip().startswith("!"):
            return ""
        if self._config is None:
            return await self._exec(line)
        done = re.match(r"\s*do\s+", line)
        if done is not None:
            return await self._exec(line[done.end() :])
        config = self._config
        printed = config.run(line)
        self.switch.configured(self.user)
        if config.done:
            self._end_config()
        return printed

    def _end_config(self) -> None:
        self._config = None
        self.switch.log(f"%SYS-5-CONFIG_I: Configured from console by {self.user} on vty0")

    async def _exec(self, line: str) -> str:
        command, _, pipe = line.partition("|")
        match = self._recognise(command)
        call = ExecCall(self.switch, self, self.faults, match, command)
        given = COMMANDS[match.handler](call)
        printed = await given if isawaitable(given) else given
        return _piped(printed, pipe.strip()) if pipe.strip() else printed

    def _recognise(self, line: str) -> Match:
        match = grammar("exec").match(line)
        if not match.user and not self.privileged:
            tokens = [found.start() for found in re.finditer(r"\S+", line)]
            raise SyntaxProblem("invalid", tokens[min(1, len(tokens) - 1)])
        return match

    def _problem(self, line: str, problem: SyntaxProblem) -> str:
        if problem.kind == "incomplete":
            return "% Incomplete command.\n"
        if problem.kind == "ambiguous":
            return f'% Ambiguous command:  "{line.strip()}"'
        if self._config is None and len(line.split()) == 1:
            return _UNKNOWN
        return f"{' ' * (len(self.prompt) + problem.at)}^\n% Invalid input detected at '^' marker.\n"

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
        self._write(_MORE)
        key = await self._key()
        self._write(_ERASE)
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
            if key == b"\x1a" and self._config is not None:
                self._end_config()
                self._write(b"^Z\r\n")
                return ""
            if key == b"\x03":
                if self._config is not None:
                    self._end_config()
                self._write(b"\r\n")
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
        mode = "exec" if self._config is None else self._config.mode
        name = {"range": "interface", "section": "config"}.get(mode, mode)
        try:
            follows = grammar(name).follows(line)
        except SyntaxProblem:
            follows = ["% Unrecognized command"]
        words = "\r\n".join(f"  {word}" for word in follows)
        self._write(f"?\r\n{words}\r\n\r\n{prompt}{line}".encode())


def _piped(printed: str, pipe: str) -> str:
    """Do `| include X`, exclude, begin, section or count."""
    word, _, pattern = pipe.partition(" ")
    lines = printed.split("\n")
    names = [name for name in ("include", "exclude", "begin", "section", "count") if name.startswith(word.lower())]
    if not names or not pattern:
        return "% Incomplete command.\n" if names else "% Invalid input detected at '^' marker.\n"
    try:
        wanted = re.compile(pattern)
    except re.error:
        return "% Failed to compile regular expression."
    hits = [bool(wanted.search(line)) for line in lines]
    return _FILTERS[names[0]](lines, hits)


def _begin(lines: list[str], hits: list[bool]) -> str:
    return "\n".join(lines[hits.index(True) :]) if True in hits else ""


def _section(lines: list[str], hits: list[bool]) -> str:
    kept: list[str] = []
    inside = False
    for line, hit in zip(lines, hits, strict=True):
        inside = hit or (inside and line.startswith(" "))
        if inside:
            kept.append(line)
    return "\n".join(kept)


_FILTERS: dict[str, Callable[[list[str], list[bool]], str]] = {
    "include": lambda lines, hits: "\n".join(line for line, hit in zip(lines, hits, strict=True) if hit),
    "exclude": lambda lines, hits: "\n".join(line for line, hit in zip(lines, hits, strict=True) if not hit),
    "begin": _begin,
    "section": _section,
    "count": lambda lines, hits: f"Number of lines which match regexp = {sum(hits)}",
}

"""The command line of IOS: prompts, modes, what is no command, output modifiers."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from inspect import isawaitable

from lab.switch.persona.cisco import render
from lab.switch.persona.cisco.call import ExecCall
from lab.switch.persona.cisco.configure import ConfigMode
from lab.switch.persona.cisco.configure_port import config_mode
from lab.switch.persona.cisco.exec_commands import COMMANDS
from lab.switch.persona.cisco.language import grammar
from lab.switch.persona.cisco.switch import CiscoSwitch
from lab.switch.persona.grammar import Match, SyntaxProblem
from lab.switch.persona.session import Session

_UNKNOWN = "% Bad IP address or host name\n% Unknown command or computer name, or unable to find computer address"
_ENTER = "Enter configuration commands, one per line.  End with CNTL/Z."


class CiscoSession(Session):
    """A session on a Catalyst."""

    noise = "*Mar  1 00:01:23.456: %LINK-3-UPDOWN: Interface GigabitEthernet1/0/1, changed state to up"
    switch: CiscoSwitch
    privileged = False
    _config: ConfigMode | None = None

    @property
    def prompt(self) -> str:
        """Give the prompt."""
        name = self.switch.running.hostname
        if self._config is not None:
            return f"{name}({self._config.prompt})#"
        return f"{name}{'#' if self.privileged else '>'}"

    @property
    def configuring(self) -> bool:
        """Tell whether this is a configuration mode."""
        return self._config is not None

    def configure(self) -> str:
        """Enter configuration mode."""
        self._config = config_mode(self.switch)
        return _ENTER

    def control(self, key: bytes) -> bytes | None:
        """Ctrl-Z and Ctrl-C leave configuration mode."""
        if key == b"\x1a" and self._config is not None:
            self._end_config()
            return b"^Z"
        if key == b"\x03":
            if self._config is not None:
                self._end_config()
            return b""
        return None

    # -- reboots ------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Reboot the switch, which ends every session."""
        self.reboots.restart()

    def schedule(self, seconds: float, reason: str) -> str:
        """Reboot the switch later; give the moment."""
        self.reboots.schedule(seconds, reason)
        return render.when(datetime.now(UTC) + timedelta(seconds=seconds))

    def unschedule(self) -> bool:
        """Forget a scheduled reboot; tell whether there was one."""
        return self.reboots.unschedule()

    def scheduled(self) -> str:
        """Describe a scheduled reboot; empty without one."""
        found = self.reboots.scheduled()
        if found is None:
            return ""
        seconds, reason = found
        moment = render.when(datetime.now(UTC) + timedelta(seconds=seconds))
        words = f"Reload scheduled for {moment} (in {round(seconds / 60)} minutes)"
        return words + (f"\nReload reason: {reason}" if reason else "")

    # -- commands -----------------------------------------------------------------------------------------------

    async def do(self, line: str) -> str:
        """Do one line."""
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

    def problem(self, line: str, problem: SyntaxProblem) -> str:
        """Say what is wrong with a line."""
        if problem.kind == "incomplete":
            return "% Incomplete command.\n"
        if problem.kind == "ambiguous":
            return f'% Ambiguous command:  "{line.strip()}"'
        if self._config is None and len(line.split()) == 1:
            return _UNKNOWN
        return f"{' ' * (len(self.prompt) + problem.at)}^\n% Invalid input detected at '^' marker.\n"

    def follows(self, line: str) -> list[str]:
        """List what may follow a line."""
        mode = "exec" if self._config is None else self._config.mode
        return grammar({"range": "interface", "section": "config"}.get(mode, mode)).follows(line)


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

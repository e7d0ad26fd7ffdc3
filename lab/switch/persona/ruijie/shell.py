"""The command line of RGOS: prompts, what is no command, filters."""

from __future__ import annotations

import re

from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.ruijie.call import Mode
from lab.switch.persona.ruijie.language import grammar
from lab.switch.persona.ruijie.modes import GRAMMARS, run
from lab.switch.persona.ruijie.switch import RuijieSwitch
from lab.switch.persona.session import Session


class RuijieSession(Session):
    """A session on an RGOS switch."""

    noise = "*Jan  1 00:01:23: %LINK-3-UPDOWN: Interface GigabitEthernet 0/1, changed state to up."
    switch: RuijieSwitch
    privileged = False
    _mode: Mode | None = None

    @property
    def mode(self) -> Mode:
        """Give where the session is."""
        if self._mode is None:
            self._mode = Mode()
        return self._mode

    @property
    def prompt(self) -> str:
        """Give the prompt."""
        name = self.switch.running.hostname
        if self.configuring:
            return f"{name}({self.mode.prompt})#"
        return f"{name}{'#' if self.privileged else '>'}"

    @property
    def configuring(self) -> bool:
        """Tell whether this is a configuration mode."""
        return self.mode.word != "exec"

    def control(self, key: bytes) -> bytes | None:
        """Ctrl-Z leaves configuration; Ctrl-C leaves the line, and configuration as well."""
        if key not in {b"\x1a", b"\x03"}:
            return None
        if self.configuring:
            self.mode.go("exec")
            self._left()
        return b"^Z" if key == b"\x1a" else b"^C"

    async def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Print `prompt`, which may have several lines, and read a line."""
        return await super().ask(prompt.replace("\n", "\r\n"), secret=secret)

    def restart(self) -> None:
        """Reboot the switch, which ends every session."""
        self.reboots.restart()

    async def do(self, line: str) -> str:
        """Do one line; `do` before an exec command is not needed, and is taken."""
        if line.lstrip().startswith("!"):
            return ""
        command, bar, pipe = line.partition("|")
        if bar and not re.match(r"\s*(?:do\s+)?sh", command.lower()):
            command, bar = line, ""
        before = self.configuring
        taken = re.match(r"\s*do\s+", command) if before else None
        printed = await run(self.switch, self.mode, command[taken.end() :] if taken else command, self)
        if before or self.configuring:
            self.switch.configured(self.user)
        if before and not self.configuring:
            self._left()
        return _filtered(printed, pipe.strip(), len(command) + 1) if bar else printed

    def _left(self) -> None:
        self.switch.log(f"%SYS-5-CONFIG_I: Configured from console by {self.user}")

    def problem(self, line: str, problem: SyntaxProblem) -> str:
        """Say what is wrong with a line."""
        if problem.kind == "incomplete":
            return "\n% Incomplete command.\n"
        if problem.kind == "ambiguous":
            return f'% Ambiguous command: "{line.strip()}"'
        if problem.start == len(line) - len(line.lstrip()) and problem.expected == "word":
            return "\n% Unknown command.\n"
        return f"{' ' * (len(self.prompt) + problem.at)}^\n% Invalid input detected at '^' marker.\n"

    def follows(self, line: str) -> list[str]:
        """List what may follow a line."""
        found: list[str] = []
        problem: SyntaxProblem | None = None
        for name in GRAMMARS[self.mode.word]:
            try:
                found += grammar(name).follows(line)
            except SyntaxProblem as caught:
                problem = caught
        if not found and problem is not None:
            raise problem
        return sorted(set(found))


def _filtered(printed: str, pipe: str, at: int) -> str:
    """Do `| include X`, exclude or begin."""
    word, _, pattern = pipe.partition(" ")
    kinds = [name for name in ("include", "exclude", "begin") if word and name.startswith(word.lower())]
    if not kinds or not pattern.strip():
        raise SyntaxProblem("incomplete" if kinds else "invalid", at)
    lines = printed.split("\n")
    try:
        wanted = re.compile(pattern.strip())
    except re.error:
        raise SyntaxProblem("invalid", at) from None
    hits = [bool(wanted.search(line)) for line in lines]
    if kinds[0] == "begin":
        return "\n".join(lines[hits.index(True) :]) if True in hits else ""
    keep = kinds[0] == "include"
    return "\n".join(line for line, hit in zip(lines, hits, strict=True) if hit is keep)

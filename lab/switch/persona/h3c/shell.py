"""The command line of Comware 7: views, prompts, what is no command, filters, paging."""

from __future__ import annotations

import re

from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.h3c.call import View
from lab.switch.persona.h3c.language import grammar, text
from lab.switch.persona.h3c.switch import H3cSwitch
from lab.switch.persona.h3c.views import GRAMMARS, run
from lab.switch.persona.session import Session

#: What is wrong, by the kind of problem and by what could have stood there.
_PROBLEMS = {
    "incomplete": "Incomplete command", "ambiguous": "Ambiguous command", "word": "Unrecognized command",
    "value": "Wrong parameter", "nothing": "Too many parameters",
}  # fmt: skip


class H3cSession(Session):
    """A session on a Comware switch."""

    more = b"---- More ----"
    erase = b"\x1b[16D" + b" " * 16 + b"\x1b[16D"
    noise = "%Jan  1 00:01:23:456 2013 H3C IFNET/3/PHY_UPDOWN: Physical state on the interface changed to up."
    switch: H3cSwitch
    _view: View | None = None

    @property
    def view(self) -> View:
        """Give where the session is."""
        if self._view is None:
            self._view = View()
        return self._view

    @property
    def prompt(self) -> str:
        """Give the prompt."""
        name = self.switch.running.hostname
        return f"<{name}>" if self.view.mode == "user" else f"[{name}{self.view.prompt}]"

    @property
    def configuring(self) -> bool:
        """Tell whether this is a view that configures."""
        return self.view.mode != "user"

    async def greet(self) -> None:
        """Print the copyright."""
        self._write(b"\r\n" + text("banner.txt").replace("\n", "\r\n").encode())

    def control(self, key: bytes) -> bytes | None:
        """Ctrl-Z goes back to the user view; Ctrl-C takes the line away."""
        if key == b"\x1a" and self.configuring:
            self.view.go("user")
            return b""
        return b"" if key == b"\x03" else None

    async def ask(self, prompt: str, *, secret: bool = False) -> str:
        """Print `prompt`, which may have several lines, and read a line."""
        return await super().ask(prompt.replace("\n", "\r\n"), secret=secret)

    def show(self, text: str) -> None:
        """Print at once, before the command has ended."""
        if text:
            self._write(text.replace("\n", "\r\n").encode() + b"\r\n")

    def restart(self) -> None:
        """Reboot the switch, which ends every session."""
        self.reboots.restart()

    async def do(self, line: str) -> str:
        """Do one line."""
        if line.strip() == "#":
            return ""
        command, bar, pipe = line.partition("|")
        if bar and not command.strip().lower().startswith("dis"):
            command, bar = line, ""
        printed = await run(self.switch, self.view, command, self)
        if self.configuring:
            self.switch.configured(self.user)
        return _filtered(printed, pipe.strip(), len(command) + 1) if bar else printed

    def problem(self, line: str, problem: SyntaxProblem) -> str:
        """Say what is wrong with a line: the caret stands under the first letter of the word."""
        kind = problem.kind if problem.kind in _PROBLEMS else problem.expected
        at = len(line.rstrip()) if problem.kind == "incomplete" else problem.start
        return f"{' ' * (len(self.prompt) + at)}^\n % {_PROBLEMS[kind]} found at '^' position."

    def follows(self, line: str) -> list[str]:
        """List what may follow a line."""
        found: list[str] = []
        problem: SyntaxProblem | None = None
        for name in GRAMMARS[self.view.mode]:
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
    names = [name for name in ("include", "exclude", "begin", "count") if word and name.startswith(word.lower())]
    if not names:
        raise SyntaxProblem("invalid", at, at)
    lines = printed.split("\n")
    if names[0] == "count":
        return f"Count: {len(lines)} lines"
    try:
        wanted = re.compile(pattern.strip())
    except re.error:
        return "% Invalid regular expression."
    hits = [bool(wanted.search(line)) for line in lines]
    if names[0] == "begin":
        return "\n".join(lines[hits.index(True) :]) if True in hits else ""
    keep = names[0] == "include"
    return "\n".join(line for line, hit in zip(lines, hits, strict=True) if hit is keep)

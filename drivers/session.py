"""A conversation with a switch in its dialect: prompts, pager, modes, failure markers. The same for every vendor."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from drivers.dialect import Dialect
from drivers.redact import blank_secrets
from drivers.render import Command, fill
from drivers.transports import Channel
from policies.errors import AuthenticationFailed, CommandRejected, DeviceTimeout, EquipmentError, VerifyFailed
from policies.names import spell
from policies.texts import t

#: Called before and after each line that changes the device: (phase "before" or "after", line).
WriteListener = Callable[[str, str], None]

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x07|\x00")
#: How much of an answer's end is looked at for a prompt; longer than any prompt or pager line.
_TAIL = 600
_BACKSPACES = re.compile(r"[^\n]\x08")


class Session:
    """An open conversation; use it as a context manager.

    Raises from every method:
        Unreachable, DeviceTimeout: the line failed.
        CommandRejected: the switch answered with one of the dialect's failure markers.
    """

    def __init__(
        self,
        channel: Channel,
        dialect: Dialect,
        *,
        switch: str,
        timeout: float = 30.0,
        enable_password: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        self.channel, self.dialect, self.switch, self.timeout = channel, dialect, switch, timeout
        self.parameters = {**dialect.parameters, **(parameters or {})}
        self.network_s = 0.0
        self._failure = re.compile("|".join(f"(?:{pattern})" for pattern in dialect.failure), re.MULTILINE)
        self._prompt = re.compile(rf"(?:^|[\r\n])(?:{dialect.prompt})$")
        self._pager = re.compile(dialect.pager) if dialect.pager else None
        self._enable_password = enable_password
        self.hostname = ""

    def __enter__(self) -> Self:
        """Log in as far as the dialect's start state: privileged, unpaged."""
        try:
            self._start()
        except EquipmentError:
            self.channel.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the conversation."""
        self.channel.close()

    def read(self, command: str) -> str:
        """Give the answer to a command that changes nothing, without echo and prompt."""
        return self._checked(fill(command, self.parameters))

    def configure(self, commands: Sequence[Command], listener: WriteListener | None = None) -> None:
        """Send `commands`, entering and leaving modes; the mode is left also when one is rejected.

        `listener` is told before and after each line that is sent.
        """
        if not commands:
            return
        told = listener or _silent
        self._lines(self.dialect.enter_config, told)
        port: str | None = None
        try:
            for command in commands:
                if command.port != port:
                    self._change_port(port, command.port, told)
                    port = command.port
                self._lines((command.line,), told)
        except CommandRejected:
            self._leave(port)
            raise
        if port is not None:
            self._lines(self.dialect.leave_interface, told)
        self._lines(self.dialect.leave_config, told)

    def save(self, listener: WriteListener | None = None) -> None:
        """Make the running configuration the startup one.

        Raises:
            VerifyFailed: the switch's answer does not say that it saved.

        """
        save = self.dialect.save
        if save is None:
            return
        told = listener or _silent
        command = fill(save.command, self.parameters)
        told("before", command)
        answer = self._checked(command, save.answers)
        told("after", command)
        if save.done and not re.search(save.done, answer, re.MULTILINE):
            raise VerifyFailed(
                t("'{command}' did not say that it saved: {answer}", command=command, answer=_shown(answer)),
                where=self.switch,
                next_step=t("save by hand, then run 'portseal check'"),
            )

    def _start(self) -> None:
        greeting = self._until(self._prompt)
        self._learn(greeting)
        if self.dialect.enable is not None and greeting.rstrip().endswith(">"):
            self._enable(*self.dialect.enable)
        for line in self.dialect.on_open:
            self._send(line)
            self._learn(self._until(self._prompt, echo=line))
        self._anchor()

    def _learn(self, text: str) -> None:
        found = self._prompt.search(text)
        if found is not None and "host" in found.groupdict():
            self.hostname = found.group("host")

    def _anchor(self) -> None:
        """From now on only this host's own prompt counts, so that a prompt in a banner or a description does not."""
        if not self.hostname:
            return
        host = re.escape(self.hostname)
        patterns = [
            re.sub(r"\(\?P<host>(?:[^()\\]|\\.)*\)", lambda _: host, pattern)
            for pattern in (self.dialect.prompt, self.dialect.config_prompt, self.dialect.interface_prompt)
            if pattern
        ]
        self._prompt = re.compile("(?:^|[\r\n])(?:" + "|".join(patterns) + ")$")

    def _enable(self, command: str, asks: str) -> None:
        either = re.compile(f"(?:{asks})|{self._prompt.pattern}")
        self._send(command)
        answer = self._until(either, echo=command)
        if re.search(asks, answer):
            self._send(self._enable_password or "")
            answer = self._until(either)
        self._learn(answer)
        if answer.rstrip().endswith(">") or re.search(asks, answer):
            raise AuthenticationFailed(
                t("the switch refused the enable password"),
                where=self.switch,
                next_step=t("set 'enable' of this switch in site.toml"),
            )

    def _change_port(self, old: str | None, new: str | None, told: WriteListener) -> None:
        if old is not None:
            self._lines(self.dialect.leave_interface, told)
        if new is not None and self.dialect.enter_interface:
            self._lines((fill(self.dialect.enter_interface, {"port": spell(new, self.dialect.spell)}),), told)

    def _leave(self, port: str | None) -> None:
        lines = (self.dialect.leave_interface if port is not None else ()) + self.dialect.leave_config
        self._lines(lines, _silent)

    def _lines(self, lines: Sequence[str], told: WriteListener) -> None:
        for line in lines:
            told("before", line)
            self._checked(line)
            told("after", line)

    def _checked(self, command: str, answers: Sequence[tuple[str, str]] = ()) -> str:
        answer = self._ask(command, answers)
        if (found := self._failure.search(answer)) is not None:
            line = answer[found.start() :].strip().splitlines()[0]
            raise CommandRejected(self.switch, self.redact(command), self.redact(line))
        return answer

    def redact(self, text: str) -> str:
        """Blank what the dialect calls secret, in a command or an answer."""
        return "\n".join(blank_secrets(self.dialect, line) for line in text.split("\n"))

    def _ask(self, command: str, answers: Sequence[tuple[str, str]]) -> str:
        self._send(command)
        waiting = list(answers)
        pattern = self._prompt
        if waiting:
            questions = "|".join(f"(?:{question})" for question, _ in waiting)
            pattern = re.compile(f"(?:{questions})|{self._prompt.pattern}")
        text = self._until(pattern, echo=command)
        while not self._prompt.search(text):
            reply = next(reply for question, reply in waiting if re.search(question + r"\Z", text))
            self._send(reply)
            text += self._until(pattern)
        return self._prompt.sub("", text).strip("\r\n")

    def _send(self, line: str) -> None:
        self.channel.write(line + "\n")

    def _until(self, pattern: re.Pattern[str], echo: str = "") -> str:
        """Read until `pattern` ends the text. The echo is cut off first, so that it cannot be taken for an answer."""
        raw, kept = "", ""
        deadline = time.monotonic() + self.timeout
        while True:
            raw += self._receive(deadline, kept + raw)
            tail = _plain(raw[-_TAIL:])
            paged = self._pager is not None and self._pager.search(tail) is not None
            if not paged and pattern.search(tail) is None:
                continue  # cheap on long answers: the whole text is looked at only when its end may be a prompt
            text = _plain(kept + raw)
            if echo:
                text, found = _without_echo(text, echo)
                if not found:
                    continue
            if paged and self._pager is not None and (more := self._pager.search(text)) is not None:
                kept, raw, echo = text[: more.start()], "", ""
                self.channel.write(" ")
            elif pattern.search(text):
                return text

    def _receive(self, deadline: float, so_far: str) -> str:
        before = time.monotonic()
        try:
            if before >= deadline:
                raise DeviceTimeout(
                    t(
                        "no prompt within {seconds} s; it ended with '{tail}'",
                        seconds=self.timeout,
                        tail=self.redact(_shown(so_far[-_TAIL:])),
                    ),
                    where=self.switch,
                    next_step=t("check the switch's load and the line, then try again"),
                )
            return self.channel.read(deadline - before)
        finally:
            self.network_s += time.monotonic() - before


def _plain(text: str) -> str:
    text = re.sub(r"\r+\n", "\n", _CONTROL.sub("", text))
    while "\x08" in text:
        shorter = _BACKSPACES.sub("", text)
        if shorter == text:
            return text.replace("\x08", "")
        text = shorter
    return text


def _without_echo(text: str, echo: str) -> tuple[str, bool]:
    """Cut off the echoed command; a terminal may have wrapped it with carriage returns or blanks."""
    wanted = "".join(echo.split())
    position = 0
    for offset, character in enumerate(text):
        if character.isspace():
            continue
        if position < len(wanted) and character == wanted[position]:
            position += 1
            if position == len(wanted):
                end = text.find("\n", offset)
                return (text[end:], True) if end >= 0 else (text, False)
        else:
            position = 1 if wanted and character == wanted[0] else 0
    return text, not wanted


def _shown(text: str) -> str:
    return " ".join(text.split())[-120:]


def _silent(phase: str, line: str) -> None:
    """Nobody listens."""

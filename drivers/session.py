"""A conversation with a switch in its dialect: prompts, pager, modes, failure markers. The same for every vendor."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from drivers.dialect import Dialect
from drivers.lines import is_log
from drivers.redact import blank_secrets
from drivers.render import Command, fill
from drivers.transports import Channel
from policies.errors import (
    AuthenticationFailed,
    CommandRejected,
    DeviceTimeout,
    EquipmentError,
    StorageFailed,
    VerifyFailed,
)
from policies.names import spell
from policies.texts import t

#: Called before and after each line that changes the device: (phase "before" or "after", line).
WriteListener = Callable[[str, str], None]

#: What a terminal obeys and does not show: window titles, colours, bracketed paste, character sets, bell.
_CONTROL = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\([A-Z0-9]|\x07|\x00")
#: How a switch wipes its pager's question off the line before it goes on: backspaces or cursor moves around blanks.
_WIPED = re.compile(r"\A ?(?:(?:\x08|\r|\x1b\[\d*[DK])+ *)*(?:\x08|\r|\x1b\[\d*[DK])(?!\n)")
#: How much of an answer's end is looked at for a prompt; longer than any prompt or pager line.
_TAIL = 600
_BACKSPACES = re.compile(r"[^\n\x08]\x08")
#: An answer may take this many times the timeout as long as something keeps coming: a big configuration on a slow line.
_PATIENCE = 10
#: IOS cuts longer names in its configuration prompts.
_NAME_CUT = 16


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
        self._failure = _any_of(dialect.failure)
        self._failure_config = _any_of(dialect.failure + dialect.failure_config)
        self._prompt = re.compile(rf"(?:^|[\r\n])(?:{dialect.prompt})\Z")
        self._pager = re.compile(rf"(?:{dialect.pager})\Z") if dialect.pager else None
        self._enable_password = enable_password
        self.hostname = ""

    def __enter__(self) -> Self:
        """Log in as far as the dialect's start state: privileged, unpaged."""
        try:
            self._start()
        except BaseException:
            self.channel.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Close the conversation."""
        self.channel.close()

    def read(self, command: str) -> str:
        """Give the answer to a command that changes nothing, without echo and prompt."""
        return self._checked(fill(command, self.parameters), reads=True)

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
                if port is not None and command.port != port:
                    self._lines(self.dialect.leave_interface, told)
                    port = None
                if command.port is not None and command.port != port:
                    self._enter(command.port, told)
                    port = command.port
                self._lines((command.line,), told)
        except (CommandRejected, StorageFailed):
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
        # A line of the banner may look like a prompt; what follows the echo of a command is one.
        prompt = self._prepare() or greeting
        if self.dialect.enable is not None and prompt.rstrip().endswith(">"):
            self._enable(*self.dialect.enable)
            self._prepare()
        self._anchor()

    def _prepare(self) -> str:
        answer = ""
        for line in self.dialect.on_open:
            self._send(line)
            answer = self._until(self._prompt, echo=line)
            self._learn(answer)
        return answer

    def _learn(self, text: str) -> None:
        found = _at_end(self._prompt, text)
        if found is not None and "host" in found.groupdict():
            self.hostname = found.group("host")

    def _anchor(self) -> None:
        """From now on only this host's own prompt counts, so that a prompt in a banner or a description does not."""
        if not self.hostname:
            return
        host = re.escape(self.hostname[:_NAME_CUT]) + (r"[\w.\-/]*" if len(self.hostname) > _NAME_CUT else "")
        patterns = [
            re.sub(r"\(\?P<host>(?:[^()\\]|\\.)*\)", lambda _: host, pattern)
            for pattern in (self.dialect.prompt, self.dialect.config_prompt, self.dialect.interface_prompt)
            if pattern
        ]
        self._prompt = re.compile("(?:^|[\r\n])(?:" + "|".join(patterns) + r")\Z")

    def _enable(self, command: str, asks: str) -> None:
        either = re.compile(rf"(?:{asks})\Z|{self._prompt.pattern}")
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

    def _enter(self, port: str, told: WriteListener) -> None:
        if self.dialect.enter_interface:
            self._lines((fill(self.dialect.enter_interface, {"port": spell(port, self.dialect.spell)}),), told)

    def _leave(self, port: str | None) -> None:
        """Leave the modes after a failure; when that fails too, the failure that is already under way says more."""
        lines = (self.dialect.leave_interface if port is not None else ()) + self.dialect.leave_config
        with contextlib.suppress(EquipmentError):
            self._lines(lines, _silent)

    def _lines(self, lines: Sequence[str], told: WriteListener) -> None:
        for line in lines:
            told("before", line)
            self._checked(line)
            told("after", line)

    def _checked(self, command: str, answers: Sequence[tuple[str, str]] = (), *, reads: bool = False) -> str:
        """Ask; one that `reads` is refused on the first line: a banner or a neighbour further down may say anything."""
        answer = self._ask(command, answers)
        said = _first_line(answer) if reads and not self.dialect.complains_anywhere else answer
        if (found := (self._failure if reads else self._failure_config).search(said)) is not None:
            line = said[found.start() :].strip().splitlines()[0]
            raise CommandRejected(self.switch, self.redact(command), self.redact(line))
        return answer

    def redact(self, text: str) -> str:
        """Blank what the dialect calls secret, in a command or an answer."""
        return "\n".join(blank_secrets(self.dialect, line) for line in text.split("\n"))

    def _ask(self, command: str, answers: Sequence[tuple[str, str]]) -> str:
        self._send(command)
        waiting = [(re.compile(rf"(?:{question})\Z"), reply) for question, reply in answers]
        pattern = re.compile("|".join([*(question.pattern for question, _ in waiting), self._prompt.pattern]))
        text = self._until(pattern, echo=command)
        for _ in range(2 * len(waiting)):
            reply = next((reply for question, reply in waiting if _at_end(question, text)), None)
            if reply is None:
                break
            self._send(reply)
            text += self._until(pattern)
        prompt = _at_end(self._prompt, text)
        if prompt is None:
            raise CommandRejected(self.switch, self.redact(command), self.redact(_shown(text)))
        return text[: prompt.start()].strip("\r\n")

    def _send(self, line: str) -> None:
        self.channel.write(line + "\n")

    def _until(self, pattern: re.Pattern[str], echo: str = "") -> str:
        """Read until `pattern` ends the text. The echo is cut off first, so that it cannot be taken for an answer."""
        raw, kept, more_came = "", "", False
        ends = time.monotonic() + self.timeout * _PATIENCE
        command = echo
        while True:
            raw += self._receive(ends, command, kept + raw)
            tail = _without_logs(_plain(raw[-_TAIL:]))
            paged = self._pager is not None and _at_end(self._pager, tail) is not None
            if not paged and _at_end(pattern, tail) is None:
                continue  # cheap on long answers: the whole text is looked at only when its end may be a prompt
            text = _without_logs(_plain(kept + (_WIPED.sub("", raw) if more_came else raw)))
            if echo:
                text, found = _without_echo(text, echo)
                if not found:
                    continue
            if self._pager is not None and (more := _at_end(self._pager, text)) is not None:
                kept, raw, echo, more_came = text[: more.start()], "", "", True
                self.channel.write(" ")
            elif _at_end(pattern, text) is not None:
                return text

    def _receive(self, ends: float, command: str, so_far: str) -> str:
        before = time.monotonic()
        try:
            if before < ends:
                return self.channel.read(min(self.timeout, ends - before))
            raise self._late(command, so_far)
        except DeviceTimeout as error:
            raise self._late(command, so_far) from error
        finally:
            self.network_s += time.monotonic() - before

    def _late(self, command: str, so_far: str) -> DeviceTimeout:
        return DeviceTimeout(
            t(
                "no prompt within {seconds} s after '{command}'; it ended with '{tail}'",
                seconds=self.timeout,
                command=self.redact(command) or "login",
                tail=self.redact(_shown(_plain(so_far[-_TAIL:]))),
            ),
            where=self.switch,
            next_step=t("check the switch's load and the line, then try again"),
        )


def _at_end(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    """Search a prompt, a pager's line or a question where it can be: on the last line, with the line end before it."""
    return pattern.search(text, max(0, text.rfind("\n", 0, len(text.rstrip()))))


def _plain(text: str) -> str:
    """Give what a terminal would show, but for cursor moves that only a pager makes."""
    lines = text.replace("\r\n", "\n")
    if lines.replace("\n", "").isprintable():
        return lines  # as a rule a switch sends nothing else, and a long answer need not be searched thrice
    text = re.sub(r"(^|\n)\r+", r"\1", re.sub(r"\r+\n", "\n", _CONTROL.sub("", text)))
    while "\x08" in text:
        shorter = _BACKSPACES.sub("", text)
        if shorter == text:
            return text.replace("\x08", "")
        text = shorter
    return text


def _without_logs(text: str) -> str:
    """Drop log messages. IOS shows no prompt again after one, so the prompt before it is the end of the answer."""
    if "%" not in text:
        return text
    lines = text.split("\n")
    logs = {number for number, line in enumerate(lines) if "%" in line and is_log(line)}
    if not logs:
        return text
    end = len(lines)
    while end and (not lines[end - 1] or end - 1 in logs):
        end -= 1
    trailing = lines[end:] if not any(number >= end for number in logs) else []
    return "\n".join([line for number, line in enumerate(lines[:end]) if number not in logs] + trailing)


def _without_echo(text: str, echo: str) -> tuple[str, bool]:
    """Cut off the echoed command; a terminal may have wrapped it with carriage returns or blanks."""
    plain = text.find(echo)  # as a rule it is there as it was typed, and no character need be looked at by itself
    if plain >= 0:
        end = text.find("\n", plain + len(echo))
        return (text[end:], True) if end >= 0 else (text, False)
    wanted = "".join(echo.split())
    places = [place for place, character in enumerate(text) if not character.isspace()]
    at = "".join(text[place] for place in places).find(wanted)
    if at < 0 or not wanted:
        return text, not wanted
    end = text.find("\n", places[at + len(wanted) - 1])
    return (text[end:], True) if end >= 0 else (text, False)


def _first_line(answer: str) -> str:
    """Give the first line that says something; IOS shows a mistake's place (`    ^`) above the sentence about it."""
    return next((line for line in answer.split("\n") if line.strip(" ^")), "")


def _any_of(patterns: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.MULTILINE)


def _shown(text: str) -> str:
    return " ".join(text.split())[-120:]


def _silent(phase: str, line: str) -> None:
    """Nobody listens."""

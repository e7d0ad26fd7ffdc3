"""A conversation with a switch in its dialect: prompts, pager, modes, failure markers. The same for every vendor."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from drivers.dialect import Commit, Dialect
from drivers.redact import blank_secrets
from drivers.render import Command, fill
from drivers.terminal import any_of, at_end, first_line, plain, shown, without_echo, without_logs
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

#: How a switch wipes its pager's question off the line before it goes on: backspaces or cursor moves around blanks.
_WIPED = re.compile(r"\A ?(?:(?:\x08|\r|\x1b\[\d*[DK])+ *)*(?:\x08|\r|\x1b\[\d*[DK])(?!\n)")
#: How much of an answer's end is looked at for a prompt; longer than any prompt or pager line.
_TAIL = 600
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
        self._failure = any_of(dialect.failure)
        self._failure_config = any_of(dialect.failure + dialect.failure_config)
        self._prompt = re.compile(rf"(?:^|[\r\n])(?:{dialect.prompt})\Z")
        self._pager = re.compile(rf"(?:{dialect.pager})\Z") if dialect.pager else None
        self._enable_password = enable_password
        self.hostname = ""
        #: Whether this session has committed something on trial, confirmed or not.
        self.tried = False
        self._unconfirmed = False
        self._mode = ""  # the prompt as last shown
        self._port: str | None = None  # the port in whose mode the switch is

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

    def configure(
        self, commands: Sequence[Command], listener: WriteListener | None = None, *, trial: bool = False
    ) -> None:
        """Send `commands`, entering and leaving modes; the mode is left also when one is rejected.

        `listener` is told before and after each line that is sent. With `trial`, a switch that can takes it all back by
        itself unless :meth:`confirm` follows in time. What was collected and not committed is forgotten on a rejection.
        """
        if not commands:
            return
        told = listener or _silent
        self._lines(self.dialect.enter_config, told)
        commit = self._staged()
        try:
            if commit is None:
                self._write(commands, told)
            else:
                self._write([command for command in commands if not command.acts], told)
                self._commit(commit, told, trial=trial)
                self._write([command for command in commands if command.acts], told)
        except (CommandRejected, StorageFailed):
            self._leave(commit)
            raise
        self._lines(self.dialect.leave_config, told)

    def confirm(self, listener: WriteListener | None = None) -> None:
        """Make lasting what this session committed on trial; nothing to do where it committed for good.

        Raises:
            CommandRejected: the switch has taken it back already.

        """
        commit = self.dialect.commit
        if commit is not None and self._unconfirmed:
            self._in_config(commit.confirm, listener or _silent)
            self._unconfirmed = False

    def withdraw(self, listener: WriteListener | None = None) -> None:
        """End a trial that Portseal left on the switch, whichever process began it; others' trials are theirs.

        Raises:
            EquipmentError: it is still there afterwards.

        """
        commit = self.dialect.commit
        if commit is None or not commit.abort or not self._on_trial(commit):
            return
        self._in_config(commit.abort, listener or _silent)
        if self._on_trial(commit):
            raise EquipmentError(
                t("the switch has not taken back what was committed on trial"),
                where=self.switch,
                next_step=t("wait until the trial has run out, then try again"),
            )

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
                t("'{command}' did not say that it saved: {answer}", command=command, answer=shown(answer)),
                where=self.switch,
                next_step=t("save by hand, then run 'portseal check'"),
            )

    def _start(self) -> None:
        greeting = self._answered(self.dialect.greetings)
        self._learn(greeting)
        # A line of the banner may look like a prompt; what follows the echo of a command is one.
        said = self._prepare()
        prompt = said[-1] if said else greeting
        if self.dialect.enable is not None and prompt.rstrip().endswith(">"):
            self._enable(*self.dialect.enable)
            # Most models take it from everybody, and it lasts; two round trips less then for each session.
            if any(map(self._failure.search, said)):
                self._prepare()
        self._anchor()

    def _prepare(self) -> list[str]:
        answers = []
        for line in self.dialect.on_open:
            self._send(line)
            answers.append(self._until(self._prompt, echo=line))
            self._learn(answers[-1])
        return answers

    def _learn(self, text: str) -> None:
        found = at_end(self._prompt, text)
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
        if not self.dialect.enter_interface:
            return
        line = fill(self.dialect.enter_interface, {"port": spell(port, self.dialect.spell)})
        self._lines((line,), told)
        if re.fullmatch(self.dialect.interface_prompt, self._mode) is None:
            # What follows would be typed on the port before, or for the whole switch.
            raise CommandRejected(self.switch, line, shown(self._mode))

    def _leave(self, commit: Commit | None) -> None:
        """Leave the modes after a failure; when that fails too, the failure that is already under way says more."""
        lines = (self.dialect.leave_interface if self._port is not None else ()) + self.dialect.leave_config
        self._port = None
        with contextlib.suppress(EquipmentError):
            if commit is not None:
                self._lines((commit.discard,), _silent)
            self._lines(lines, _silent)

    def _write(self, commands: Sequence[Command], told: WriteListener) -> None:
        for command in commands:
            if command.port != self._port:
                self._leave_port(told)
                if command.port is not None:
                    self._enter(command.port, told)
                    self._port = command.port
            self._lines((command.line,), told)
        self._leave_port(told)

    def _leave_port(self, told: WriteListener) -> None:
        if self._port is not None:
            self._lines(self.dialect.leave_interface, told)
            self._port = None

    def _staged(self) -> Commit | None:
        """Tell how changes take effect when the switch collects them; it may also be set to work at once."""
        commit = self.dialect.commit
        return commit if commit is not None and re.search(commit.staged, self._mode) else None

    def _commit(self, commit: Commit, told: WriteListener, *, trial: bool) -> None:
        on_trial = trial and bool(commit.trial)
        # From here on it may be in force, also when the answer is lost.
        self.tried = self._unconfirmed = on_trial
        self._lines((fill(commit.trial if on_trial else commit.now, self.parameters),), told)

    def _on_trial(self, commit: Commit) -> bool:
        """Tell whether a trial of Portseal's is under way; a model that does not know the question has none."""
        said = self._unless_refused_twice(commit.pending)
        if said is None:
            return False
        if re.search(commit.whole, said, re.MULTILINE) is None:
            # A cut answer may lack the trial's name: what is on trial would be taken for lasting, and go back later.
            raise EquipmentError(
                t("'{command}' was answered by halves: {answer}", command=commit.pending, answer=shown(said)),
                where=self.switch,
                next_step=t("check the switch's load and the line, then try again"),
            )
        ours = fill(commit.ours, {name: re.escape(value) for name, value in self.parameters.items()})
        return re.search(ours, said, re.MULTILINE) is not None

    def _unless_refused_twice(self, command: str) -> str | None:
        """Ask; a busy switch may refuse what it knows, and says the same to the second question only by design."""
        for _ in range(2):
            with contextlib.suppress(CommandRejected):
                return self.read(command)
        return None

    def _in_config(self, line: str, told: WriteListener) -> None:
        self._lines(self.dialect.enter_config, told)
        try:
            self._lines((fill(line, self.parameters),), told)
        except CommandRejected:
            self._leave(None)
            raise
        self._lines(self.dialect.leave_config, told)

    def _lines(self, lines: Sequence[str], told: WriteListener) -> None:
        for line in lines:
            told("before", line)
            self._checked(line, self.dialect.answers)
            told("after", line)

    def _checked(self, command: str, answers: Sequence[tuple[str, str]] = (), *, reads: bool = False) -> str:
        """Ask; one that `reads` is refused on the first line: a banner or a neighbour further down may say anything."""
        answer = self._ask(command, answers)
        said = first_line(answer) if reads and not self.dialect.complains_anywhere else answer
        if (found := (self._failure if reads else self._failure_config).search(said)) is not None:
            line = said[found.start() :].strip().splitlines()[0]
            raise CommandRejected(self.switch, self.redact(command), self.redact(line))
        return answer

    def redact(self, text: str) -> str:
        """Blank what the dialect calls secret, in a command or an answer."""
        return "\n".join(blank_secrets(self.dialect, line) for line in text.split("\n"))

    def _ask(self, command: str, answers: Sequence[tuple[str, str]]) -> str:
        self._send(command)
        text = self._answered(answers, echo=command)
        prompt = at_end(self._prompt, text)
        if prompt is None:
            raise CommandRejected(self.switch, self.redact(command), self.redact(shown(text)))
        self._mode = prompt.group().strip()
        return text[: prompt.start()].strip("\r\n")

    def _answered(self, answers: Sequence[tuple[str, str]], echo: str = "") -> str:
        """Read up to a prompt; each question on the way gets its reply."""
        waiting = [(re.compile(rf"(?:{question})\Z"), reply) for question, reply in answers]
        pattern = re.compile("|".join([*(question.pattern for question, _ in waiting), self._prompt.pattern]))
        text = self._until(pattern, echo=echo)
        for _ in range(2 * len(waiting)):
            reply = next((reply for question, reply in waiting if at_end(question, text)), None)
            if reply is None:
                break
            self._send(reply)
            text += self._until(pattern)
        return text

    def _send(self, line: str) -> None:
        self.channel.write(line + "\n")

    def _until(self, pattern: re.Pattern[str], echo: str = "") -> str:
        """Read until `pattern` ends the text. The echo is cut off first, so that it cannot be taken for an answer."""
        raw, kept, more_came = "", "", False
        ends = time.monotonic() + self.timeout * _PATIENCE
        command = echo
        while True:
            raw += self._receive(ends, command, kept + raw)
            tail = without_logs(plain(raw[-_TAIL:]))
            paged = self._pager is not None and at_end(self._pager, tail) is not None
            if not paged and at_end(pattern, tail) is None:
                continue  # cheap on long answers: the whole text is looked at only when its end may be a prompt
            text = without_logs(plain(kept + (_WIPED.sub("", raw) if more_came else raw)))
            if echo:
                text, found = without_echo(text, echo)
                if not found:
                    continue
            if self._pager is not None and (more := at_end(self._pager, text)) is not None:
                kept, raw, echo, more_came = text[: more.start()], "", "", True
                self.channel.write(" ")
            elif at_end(pattern, text) is not None:
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
                tail=self.redact(shown(plain(so_far[-_TAIL:]))),
            ),
            where=self.switch,
            next_step=t("check the switch's load and the line, then try again"),
        )


def _silent(phase: str, line: str) -> None:
    """Nobody listens."""

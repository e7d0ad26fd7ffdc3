"""Reading a switch: the dialect's commands through a session, rows, and the observed state. Changes nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from drivers.dialect import Read
from drivers.observe import observe
from drivers.parse import Row, parse
from drivers.render import fill
from drivers.session import Session
from policies.errors import CommandRejected
from policies.model import ObservedSwitch
from policies.names import spell


@dataclass(slots=True)
class Timing:
    """Seconds spent waiting for the switch and spent on its answers; the bench prints them."""

    network_s: float = 0.0
    parse_s: float = 0.0


def read_state(session: Session, switch: str, now: datetime, timing: Timing | None = None) -> ObservedSwitch:
    """Give the state of `switch` as read through `session` at `now`.

    Raises:
        CommandRejected: the switch does not know a command that the dialect cannot do without.
        UnparsedOutput: it answered with something that the dialect does not know.
        Unreachable, DeviceTimeout: the session failed.

    """
    spent = timing if timing is not None else Timing()
    before = session.network_s
    reader = _Reader(session, switch, spent)
    for read in session.dialect.reads:
        if read.observe and read.each:
            reader.ask_each(read)
        elif read.observe:
            reader.ask(read)
    started = time.perf_counter()
    observed = observe(session.dialect, reader.answers, switch=switch, read_at=now)
    spent.parse_s += time.perf_counter() - started
    spent.network_s += session.network_s - before
    return observed


class _Reader:
    """Asks each command once, whatever number of reads share it."""

    def __init__(self, session: Session, switch: str, spent: Timing) -> None:
        self.session, self.switch, self.spent = session, switch, spent
        self.answers: list[tuple[Read, list[Row]]] = []
        self._said: dict[str, str | CommandRejected] = {}

    def ask(self, read: Read, port: str = "") -> None:
        """Ask for `read` (of one port) and keep its rows; an optional one that the model does not know is left out."""
        command = fill(read.command, {"port": spell(port, self.session.dialect.spell)}) if port else read.command
        if command not in self._said:
            self._said[command] = self._answer(command, read.aliases)
        said = self._said[command]
        if isinstance(said, CommandRejected):
            if read.optional:
                return
            raise said
        started = time.perf_counter()
        rows = parse(read, said, where=self.switch)
        self.answers.append((read, [{"port": port, **row} for row in rows] if port else rows))
        self.spent.parse_s += time.perf_counter() - started

    def ask_each(self, read: Read) -> None:
        """Ask for `read` of every port of which a row so far has the field that it names, not zero."""
        ports = {row["port"]: None for _, rows in self.answers for row in rows if "port" in row and row.get(read.each)}
        for port in ports:
            self.ask(read, str(port))

    def _answer(self, command: str, aliases: Sequence[str]) -> str | CommandRejected:
        """Ask in the command's own words, then in those of other models; the refusal when none of them is known."""
        refusal: CommandRejected | None = None
        for words in (command, *(alias for alias in aliases if "{" not in alias)):
            try:
                return self.session.read(words)
            except CommandRejected as error:
                refusal = refusal or error
        assert refusal is not None
        return refusal

"""Reading a switch: the dialect's commands through a session, rows, and the observed state. Changes nothing."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from drivers.dialect import Read
from drivers.observe import observe
from drivers.parse import Row, parse
from drivers.session import Session
from policies.errors import CommandRejected
from policies.model import ObservedSwitch


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
    answers: list[tuple[Read, list[Row]]] = []
    texts: dict[str, str | None] = {}
    for read in session.dialect.reads:
        if not read.observe:
            continue
        if read.command not in texts:
            texts[read.command] = _ask(session, read)
        text = texts[read.command]
        if text is None:
            if not read.optional:
                raise CommandRejected(switch, read.command, "")
            continue
        started = time.perf_counter()
        answers.append((read, parse(read, text, where=switch)))
        spent.parse_s += time.perf_counter() - started
    started = time.perf_counter()
    observed = observe(session.dialect, answers, switch=switch, read_at=now)
    spent.parse_s += time.perf_counter() - started
    spent.network_s += session.network_s - before
    return observed


def _ask(session: Session, read: Read) -> str | None:
    """Ask in the command's own words, then in those of older models; None when a model knows none of them."""
    refused: CommandRejected | None = None
    for command in (read.command, *(alias for alias in read.aliases if "{" not in alias)):
        try:
            return session.read(command)
        except CommandRejected as error:
            refused = refused or error
    if refused is None or read.optional:
        return None
    raise refused

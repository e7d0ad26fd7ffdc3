"""The faults: what may become of one exchange of a conversation, a line typed and what the switch shows for it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import ClassVar

from drivers.transports import Channel
from policies.errors import DeviceTimeout, Unreachable
from policies.texts import t
from tests.faults.bed import Bed

#: Octets that are no text, as a bad line gives them.
_NOISE = "\x00\ufffd\x1b[7m\x07"
#: Seconds from one character to the next on a slow line.
_SLOW_S = 0.4


class Kind(StrEnum):
    """What happens. Where an exchange can be lost on the way there or on the way back, these are two faults."""

    TIMEOUT = "timeout, nothing was heard"
    TIMEOUT_DONE = "timeout, it was done"
    RESET = "reset, nothing was heard"
    RESET_DONE = "reset, it was done"
    GARBAGE = "garbage"
    PARTIAL = "partial output, then the prompt"
    PARTIAL_SILENT = "partial output, then nothing"
    ERROR = "vendor error"
    WRONG_PROMPT = "wrong prompt"
    SLOW = "slow byte"
    KILLED = "controller killed before the line"
    KILLED_DONE = "controller killed after the line"
    KILLED_LATE = "controller and watchdog killed before the line"
    KILLED_DONE_LATE = "controller and watchdog killed after the line"


LATE = frozenset({Kind.KILLED_LATE, Kind.KILLED_DONE_LATE})


class Killed(BaseException):
    """As a signal ends a process: nobody catches it, and the line closes."""


class Struck:
    """Counts the exchanges of a run over all its lines, and strikes at the nth (0: at none)."""

    #: What was typed as which exchange, with what struck there; kept when somebody wants to see it.
    heard: ClassVar[list[tuple[int, str, Kind | None]] | None] = None

    def __init__(self, bed: Bed, kind: Kind | None = None, nth: int = 0) -> None:
        self.bed, self.kind, self.nth = bed, kind, nth
        self.typed: list[str] = []
        self.dead = False

    def line(self, line: Channel) -> FaultyLine:
        """Wrap a line that was just opened: its greeting is an exchange, too."""
        faulty = FaultyLine(self, line)
        try:
            faulty.begins("")
        except Killed:
            line.close()
            raise
        return faulty

    def next(self, typed: str) -> Kind | None:
        """Count an exchange; give the fault that strikes at it."""
        if self.dead:
            raise Killed
        self.typed.append(typed)
        fault = self.kind if len(self.typed) == self.nth else None
        if self.heard is not None:
            self.heard.append((len(self.typed), typed, fault))
        return fault


class FaultyLine:
    """A :class:`drivers.transports.Channel` on which the fault strikes."""

    def __init__(self, struck: Struck, line: Channel) -> None:
        self.struck, self.inner, self.where = struck, line, line.where
        self._fault: Kind | None = None
        self._pending: list[str] | None = None  # what is still to come, after a fault changed it

    def begins(self, typed: str) -> bool:
        """Count an exchange, strike, and tell whether the line gets to the switch."""
        fault = self.struck.next(typed)
        if fault is None:
            return True
        self._fault, self._pending = fault, None
        if fault is Kind.ERROR:
            self.struck.bed.faults.add("reject")  # in the vendor's own words
            return True
        if fault in (Kind.KILLED, Kind.KILLED_LATE):
            self._die()
        return fault not in (Kind.TIMEOUT, Kind.RESET)

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        if self._fault in (Kind.TIMEOUT, Kind.TIMEOUT_DONE, Kind.PARTIAL_SILENT):
            return  # the line is dead already
        if self._fault is not Kind.SLOW:
            self._fault = None
        if self.begins(text.rstrip("\n")):
            self.inner.write(text)

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if self.struck.dead:
            raise Killed
        if self._fault is Kind.SLOW:
            return self._slowly(timeout)
        if self._fault in (None, Kind.ERROR):
            return self.inner.read(timeout)
        if self._pending is None:
            self._pending = self._spoilt(timeout)
        if self._pending:
            return self._pending.pop(0)
        if self._fault in (Kind.GARBAGE, Kind.PARTIAL):
            return self.inner.read(timeout)
        self.struck.bed.advance(timeout)
        raise DeviceTimeout(t("no answer for {seconds} s", seconds=timeout), where=self.where)

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self.inner.close()

    def _die(self) -> None:
        self.struck.dead = True
        raise Killed

    def _slowly(self, timeout: float) -> str:
        if not self._pending:
            self._pending = list(self.inner.read(timeout))
        self.struck.bed.advance(_SLOW_S)
        return self._pending.pop(0)

    def _spoilt(self, timeout: float) -> list[str]:
        """Give what is left of the switch's answer."""
        fault = self._fault
        if fault in (Kind.RESET, Kind.RESET_DONE):
            self.inner.close()
            raise Unreachable(t("the connection was closed"), where=self.where)
        if fault is Kind.TIMEOUT:
            return []
        answer = self.inner.read(timeout)
        if fault in (Kind.KILLED_DONE, Kind.KILLED_DONE_LATE):
            self._die()
        if fault is Kind.TIMEOUT_DONE:
            return []
        body, end, prompt = answer.rpartition("\n")
        if fault is Kind.GARBAGE:
            return [f"{answer[: len(answer) // 2]}{_NOISE}{answer[len(answer) // 2 :]}"]
        if fault is Kind.PARTIAL_SILENT:
            return [answer[: len(answer) // 2]]
        if fault is Kind.PARTIAL:
            lines = body.splitlines(keepends=True)
            kept = lines[: max(1, len(lines) // 2)]  # the echo, and the first half
            return ["".join(kept).rstrip("\r\n") + end + prompt]
        return [f"{body}{end}{re.sub(r'[A-Za-z]+', 'other', prompt, count=1)}"]

"""Logins written down beforehand: what is typed in which order, and what the switch shows. Anything else is refused.

A :class:`Terminal` writes one login of a switch that speaks as Huawei VRP does; it keeps prompts and no state, so that
nothing in it can agree with a dialect by accident: what is typed and what the switch shows is in the test.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from drivers.dialect import Dialect
from drivers.reading import read_state
from drivers.session import Session
from drivers.transports.replay import Exchange, ReplayChannel
from policies.model import ObservedSwitch
from tests.conformance import NOW

UNKNOWN = "                ^\r\nError: Unrecognized command found at '^' position.\r\n"
#: A line, or a line with what the switch says to it, or with a question and its reply.
Typed = str | tuple[str, str] | tuple[str, str, str]


class Terminal:
    """Writes the exchanges of one login. `staged` is a switch that collects changes until they are committed."""

    def __init__(self, spoken: Dialect, host: str = "HUAWEI", *, staged: bool = False) -> None:
        self.spoken, self.host, self.staged = spoken, host, staged
        self._view: str | None = None
        self._dirty = False
        self.exchanges = [Exchange("", f"\r\nInfo: The max number of VTY users is 5.\r\n{self.prompt()}")]
        for line in spoken.on_open:
            self._say(line, "Info: The configuration takes effect on the current user terminal interface only.\r\n")

    def prompt(self) -> str:
        """Give the prompt of the present view."""
        if self._view is None:
            return f"<{self.host}>"
        mark = ("*" if self._dirty else "~") if self.staged else ""
        return f"[{mark}{self.host}{self._view}]"

    def reads(self, answers: Mapping[str, str]) -> Terminal:
        """Answer every read of the observed state, in the dialect's order; what has no answer is not known."""
        for command in dict.fromkeys(read.command for read in self.spoken.reads if read.observe and not read.each):
            self._say(command, answers[command].replace("\n", "\r\n") if command in answers else UNKNOWN)
        return self

    def types(self, *lines: Typed) -> Terminal:
        """Take lines, with the views that they enter and leave."""
        for typed in lines:
            line, said, reply = (typed, "", "") if isinstance(typed, str) else (*typed, "")[:3]
            if reply:
                self.exchanges.append(Exchange(line, f"{line}\r\n{said}"))
                self._to(line)
                self.exchanges.append(Exchange(reply, f"{reply}\r\n{self.prompt()}"))
            else:
                if "Error" not in said:
                    self._to(line)
                self._say(line, said)
        return self

    def saves(self) -> Terminal:
        """Take a save, with its question."""
        self.exchanges.append(Exchange("save", "save\r\nThe current configuration will be written to the device.\r\n"))
        asks = "Are you sure to continue? [Y/N]:"
        self.exchanges[-1] = Exchange("save", self.exchanges[-1].received + asks)
        done = "Now saving the current configuration to the slot 0 ..\r\nInfo: Save the configuration successfully.\r\n"
        self.exchanges.append(Exchange("y", f"y\r\n{done}{self.prompt()}"))
        return self

    def breaks(self, typed: str) -> Terminal:
        """The line is lost while the answer to `typed` is awaited."""
        self.exchanges.append(Exchange(typed, typed))
        return self

    def _say(self, typed: str, said: str) -> None:
        self.exchanges.append(Exchange(typed, f"{typed}\r\n{said}{self.prompt()}"))

    def _to(self, line: str) -> None:
        if line == "system-view":
            self._view = ""
        elif line == "return":
            self._view, self._dirty = None, False
        elif line == "quit":
            self._view = ""
        elif found := re.fullmatch(r"interface (\S+)", line):
            self._view = f"-{found[1]}"
        elif line.startswith(("commit", "abort", "clear configuration")):
            self._dirty = False
        else:
            self._dirty = True
            if found := re.fullmatch(r"vlan (\d+)", line):
                self._view = f"-vlan{found[1]}"


class _Pieces(ReplayChannel):
    """A recording that gives its text in pieces: one character a read is slow where a state is read twenty times."""

    size = 61

    def read(self, timeout: float) -> str:
        first = super().read(timeout)
        rest, self._pending = self._pending[: self.size - 1], self._pending[self.size - 1 :]
        return first + rest

    @property
    def used_up(self) -> bool:
        return not self._exchanges


class ScriptedEquipment:
    """An :class:`drivers.flow.Equipment` over logins in the order in which they are made."""

    def __init__(
        self, spoken: Dialect, logins: Sequence[Terminal], parameters: Mapping[str, str] | None = None
    ) -> None:
        self.spoken, self.logins, self.parameters = spoken, list(logins), parameters
        self.channels: list[_Pieces] = []

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Log in."""
        assert self.logins, "one login more than is written down"
        channel = _Pieces(self.logins.pop(0).exchanges)
        self.channels.append(channel)
        with Session(channel, self.spoken, switch="sw", parameters=self.parameters) as opened:
            yield opened

    def observe(self, session: Session) -> ObservedSwitch:
        """Read the state."""
        return read_state(session, "sw", NOW)

    def used_up(self) -> bool:
        """Tell whether every login was made, and each took all that is written down."""
        return not self.logins and all(channel.used_up for channel in self.channels)

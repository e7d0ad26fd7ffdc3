"""Conversations written by hand, as the equipment's terminal shows them, and a channel that cuts them anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from drivers.dialect import Dialect
from drivers.session import Session
from drivers.transports.replay import Exchange, ReplayChannel
from policies.errors import DeviceTimeout

#: (typed, answer without echo, prompt)
Turn = tuple[str, str, str]


def exchanges(*turns: Turn, greeting: str = "\r\nsw1#") -> list[Exchange]:
    """Make a recording of turns on a terminal that echoes."""
    made = [Exchange("", greeting)]
    made.extend(Exchange(typed, f"{typed}\r\n{answer}{prompt}") for typed, answer, prompt in turns)
    return made


def logged_in(*turns: Turn, prompt: str = "sw1#", greeting: str | None = None) -> list[Exchange]:
    """Make a recording that begins with a privileged login to a Cisco switch."""
    prepared = [("terminal length 0", "", prompt), ("terminal width 511", "", prompt)]
    return exchanges(*prepared, *turns, greeting=greeting if greeting is not None else f"\r\n{prompt}")


def session(
    dialect: Dialect, recording: Sequence[Exchange], *, enable: str | None = None, timeout: float = 30.0
) -> Session:
    """Open a session over a recording that gives one character a read."""
    return Session(ReplayChannel(recording), dialect, switch="sw1", enable_password=enable, timeout=timeout)


class SplitChannel:
    """A channel over a recording whose answers come in pieces of the sizes that `sizes` gives."""

    where = "split"

    def __init__(self, recording: Sequence[Exchange], sizes: Callable[[], int]) -> None:
        self._left = list(recording)
        self._sizes = sizes
        self._pending = self._left.pop(0).received
        self.closed = False

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        expected = self._left.pop(0)
        assert (text if text in ("\n", " ") else text.rstrip("\n")) == expected.sent
        self._pending += expected.received

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if not self._pending:
            raise DeviceTimeout("nothing more is recorded")  # type: ignore[arg-type]
        size = self._sizes()
        piece, self._pending = self._pending[:size], self._pending[size:]
        return piece

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self.closed = True


class StreamChannel:
    """A channel that gives what a generator makes and takes anything that is typed."""

    where = "stream"

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self.typed: list[str] = []
        self.closed = False

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        self.typed.append(text)

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        return next(self._pieces)

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self.closed = True

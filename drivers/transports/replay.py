"""A recorded conversation given back one byte at a time, which finds every prompt that is recognised too early."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drivers.transports import Channel
from policies.errors import DeviceTimeout, InputError, Unreachable
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Exchange:
    """What was typed (no line end; empty for the greeting), and all that the device sent until the next typing."""

    sent: str
    received: str


class ReplayChannel:
    """A :class:`~drivers.transports.Channel` that answers from `exchanges`, in order, and rejects anything else."""

    def __init__(self, exchanges: Sequence[Exchange], where: str = "replay") -> None:
        self.where = where
        self._exchanges = list(exchanges)
        self._pending = ""
        if self._exchanges and not self._exchanges[0].sent:
            self._pending = self._exchanges.pop(0).received

    def write(self, text: str) -> None:
        """Take the next typing; it must be the recorded one.

        Raises:
            InputError: the recording expects something else here.

        """
        typed = text.rstrip("\r\n") if text.strip("\r\n") else text
        expected = self._exchanges.pop(0) if self._exchanges else None
        if expected is None or expected.sent != typed:
            raise InputError(
                t(
                    "the recording expects '{expected}', not '{typed}'",
                    expected=expected.sent if expected is not None else "",
                    typed=typed,
                ),
                where=self.where,
                next_step=t("record the conversation again"),
            )
        self._pending += expected.received

    def read(self, timeout: float) -> str:
        """Give one character; when the recording has no more, this is a timeout."""
        if not self._pending:
            if not self._exchanges:
                raise Unreachable(
                    t("the connection was closed"), where=self.where, next_step=t("record the conversation again")
                )
            raise DeviceTimeout(
                t("no answer for {seconds} s", seconds=timeout),
                where=self.where,
                next_step=t("record the conversation again"),
            )
        first, self._pending = self._pending[0], self._pending[1:]
        return first

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self._pending = ""


def load_recording(path: Path) -> list[Exchange]:
    """Read a recording: one JSON array of [sent, received] a line.

    Raises:
        InputError: the file cannot be read, or has a line that is no such array.

    """
    try:
        # Not splitlines(): a terminal's text may hold other line ends, such as U+0085, which JSON keeps as they are.
        lines = path.read_text("utf-8").removesuffix("\n").split("\n")
        return [_exchange(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
    except (OSError, UnicodeDecodeError) as error:
        raise _no_recording(str(path)) from error


def _exchange(line: str, where: str) -> Exchange:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise _no_recording(where) from error
    if not isinstance(found, list) or len(found) != 2 or not all(isinstance(text, str) for text in found):
        raise _no_recording(where)
    return Exchange(*found)


def _no_recording(where: str) -> InputError:
    return InputError(t("this is no recorded exchange"), where=where, next_step=t("record the conversation again"))


class RecordingChannel:
    """Passes everything on to `inner` and keeps it for :func:`save_recording`."""

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self.where = inner.where
        self.exchanges: list[Exchange] = [Exchange("", "")]

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        self._inner.write(text)
        self.exchanges.append(Exchange(text.rstrip("\r\n") if text.strip("\r\n") else text, ""))

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        text = self._inner.read(timeout)
        last = self.exchanges[-1]
        self.exchanges[-1] = Exchange(last.sent, last.received + text)
        return text

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self._inner.close()


def save_recording(path: Path, exchanges: Sequence[Exchange], redact: Callable[[str], str]) -> None:
    """Write a recording that :func:`load_recording` reads; `redact` blanks the secrets of both sides."""
    lines = [json.dumps([redact(each.sent), redact(each.received)], ensure_ascii=False) for each in exchanges]
    path.write_text("\n".join(lines) + "\n", "utf-8")

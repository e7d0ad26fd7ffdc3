"""Beds behind a real shell: what is typed has been done when it is typed; only waiting for nothing is virtual."""

from __future__ import annotations

from abc import ABC, abstractmethod

from policies.errors import DeviceTimeout, Unreachable
from policies.texts import t
from tests.faults.bed import Bed


class ShellBed(Bed):
    """A bed whose time passes only when somebody waits."""

    def advance(self, seconds: float) -> None:
        """See :class:`Bed`."""
        self.clock.now += seconds


class ShellLine(ABC):
    """A shell; what is typed has been done, and all of its answer has come, when `write` returns.

    `refused` is what a tool of the switch says when it is refused, and `prompt` what the shell shows.
    """

    where: str
    prompt: str
    refused: str

    def __init__(self, bed: ShellBed) -> None:
        self.bed, self._closed = bed, False
        self._shown = self._answer()

    @abstractmethod
    def _read(self) -> str:
        """Wait for some of the answer, and give it."""

    @abstractmethod
    def _type(self, text: str) -> None:
        """Send to the shell."""

    @abstractmethod
    def _hang_up(self) -> None:
        """End the shell."""

    def _answer(self) -> str:
        text = ""
        while not text.endswith(self.prompt):
            text += self._read()
        return text

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        if self._closed:
            raise self._gone()
        if self.bed.faults.take("reject", text) is not None:
            self._shown += f"{text.rstrip()}\r\n{self.refused}\r\n{self.prompt}"
            return
        self._type(text)
        self._shown += self._answer()

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if self._closed:
            raise self._gone()
        if not self._shown:
            self.bed.advance(timeout)
            raise DeviceTimeout(t("no answer for {seconds} s", seconds=timeout), where=self.where)
        shown, self._shown = self._shown, ""
        return shown

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        self._closed = True
        self._hang_up()

    def _gone(self) -> Unreachable:
        return Unreachable(t("the connection was closed"), where=self.where)

"""A shell on this machine, on a pseudo-terminal: for a controller that is itself the Open vSwitch host."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Sequence

from policies.errors import DeviceTimeout, Unreachable
from policies.texts import t


class LocalChannel:
    """A :class:`~drivers.transports.Channel` to a shell started with `argv`.

    The default is bash without start-up files and without line editing, whose echo of a long line is not the line.
    """

    def __init__(self, argv: Sequence[str] = ("/bin/bash", "--norc", "--noprofile", "--noediting")) -> None:
        self.where = argv[0]
        self._open = True
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._master, slave = pty.openpty()
        # A wide terminal, or readline wraps long commands and their echo cannot be recognised.
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 1000, 511, 0, 0))
        try:
            self._process = subprocess.Popen(
                list(argv),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                close_fds=True,
                start_new_session=True,
                # The controller's own prompt and terminal say nothing about this shell.
                env={**os.environ, "PS1": r"\h\$ ", "TERM": "dumb", "PROMPT_COMMAND": ""},
            )
        except OSError as error:
            os.close(self._master)
            raise Unreachable(
                t("the shell does not start: {reason}", reason=error.strerror or ""),
                where=self.where,
                next_step=t("install it, or use SSH"),
            ) from error
        finally:
            os.close(slave)

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        data = text.encode()
        if not self._open:
            raise self._lost()
        try:
            while data:
                data = data[os.write(self._master, data) :]
        except OSError as error:
            raise self._lost() from error

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if not self._open:
            raise self._lost()
        poll = select.poll()  # unlike select(2), it knows descriptors above 1023
        poll.register(self._master, select.POLLIN)
        while True:
            if not poll.poll(timeout * 1000):
                raise DeviceTimeout(
                    t("no answer for {seconds} s", seconds=round(timeout, 1)),
                    where=self.where,
                    next_step=t("check the switch's load and the line, then try again"),
                )
            try:
                data = os.read(self._master, 65536)
            except OSError as error:  # EIO: the shell has gone
                raise self._lost() from error
            if not data:
                raise self._lost()
            if text := self._decoder.decode(data):
                return text

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""
        if not self._open:  # the descriptor's number may be somebody else's by now
            return
        self._open = False
        with contextlib.suppress(OSError):
            os.close(self._master)
        self._process.terminate()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _lost(self) -> Unreachable:
        return Unreachable(t("the connection was closed"), where=self.where, next_step=t("try again"))

"""A program on a pseudo-terminal, and the screen that a person would see (pyte reads what it writes)."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyte

_VIEW = """
import fcntl, sys, termios
from pathlib import Path
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from agent.cli.main import run
sys.exit(run(["--lang", sys.argv[2], "view"], {}, folder=Path(sys.argv[1])))
"""


class Terminal:
    """The view of a terminal's operator, on a screen of its own."""

    def __init__(self, folder: Path, language: str, *, kind: str = "xterm-256color", size: tuple[int, int] = (24, 80)):
        self._screen = pyte.Screen(size[1], size[0])
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self.raw = b""
        self.master, self._slave = pty.openpty()
        self.resize(*size)
        self.before = termios.tcgetattr(self._slave)
        environment = {**os.environ, "TERM": kind, "LC_ALL": "C.UTF-8"}
        environment.pop("LINES", None)
        environment.pop("COLUMNS", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _VIEW, str(folder), language],
            stdin=self._slave, stdout=self._slave, stderr=self._slave, env=environment, start_new_session=True,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size; the kernel tells the program."""
        with self._lock:
            self._screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def text(self) -> str:
        """Give the screen's lines as a person reads them."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self._screen.display)

    def wait_for(self, *words: str, gone: str = "", seconds: float = 20.0) -> str:
        """Wait until all words are on the screen, whatever blanks are between their letters."""

        def there() -> bool:
            shown = _tight(self.text())
            return all(_tight(word) in shown for word in words) and (not gone or _tight(gone) not in shown)

        self.until(there, seconds)
        return self.text()

    def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, self.text()
            time.sleep(0.05)

    def ended(self) -> int:
        """Wait for the program's end; gives its exit code."""
        code = self.process.wait(15)
        self._reader.join(2)
        return code

    def after(self) -> list[object]:
        """Give the terminal's settings now."""
        return termios.tcgetattr(self._slave)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._slave)
        self._reader.join(5)
        os.close(self.master)

    def _read(self) -> None:
        with suppress(OSError):
            while data := os.read(self.master, 65536):
                with self._lock:
                    self.raw += data
                    self._stream.feed(data)


def _tight(text: str) -> str:
    return "".join(text.split())


@contextmanager
def viewing(
    folder: Path, language: str, *, kind: str = "xterm-256color", size: tuple[int, int] = (24, 80)
) -> Iterator[Terminal]:
    """Run the view on a screen, and end it."""
    terminal = Terminal(folder, language, kind=kind, size=size)
    try:
        yield terminal
    finally:
        terminal.close()

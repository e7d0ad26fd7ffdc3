"""Starts the lab's own long-lived processes so that they outlive this one, and waits until they serve."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lab.net import environment
from lab.site import MARK, RUN
from policies.errors import DeviceTimeout, EquipmentError
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Started:
    """A process that was started: `name` for messages, `log` for its output, `alive` a pipe that ends with it."""

    name: str
    log: Path
    alive: int

    def until(self, ready: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until `ready`; EquipmentError with its last words when it died, DeviceTimeout when it takes too long."""
        deadline = time.monotonic() + seconds
        try:
            while not ready():
                died = bool(select.select([self.alive], [], [], 0.02)[0])
                if died and not ready():
                    raise EquipmentError(t("it did not start: {said}", said=self._last_words()), where=self.name)
                if time.monotonic() > deadline:
                    raise DeviceTimeout(
                        t("it is not ready after {seconds} s.", seconds=f"{seconds:g}"),
                        where=self.name,
                        next_step=t("read {file}", file=str(self.log)),
                    )
        finally:
            os.close(self.alive)

    def _last_words(self) -> str:
        with suppress(OSError):
            lines = self.log.read_text("utf-8", "replace").strip().splitlines()
            return lines[-1][:300] if lines else ""
        return ""


def spawn(name: str, netns: str, argv: Sequence[str], log: Path) -> Started:
    """Start `argv` in `netns`.

    The process becomes a session of its own and no child of this one, carries the lab's mark in its environment, and
    writes to `log`.
    """
    reader, writer = os.pipe()
    try:
        with log.open("ab") as output:
            done = subprocess.run(
                ["ip", "netns", "exec", netns, "setsid", "--fork", *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={**environment(), MARK: str(RUN)},
                pass_fds=[writer],
                check=False,
            )
    finally:
        os.close(writer)
    started = Started(name, log, reader)
    if done.returncode != 0:
        started.until(lambda: False)
    return started


def python(module: str, *arguments: str) -> list[str]:
    """Give the command line that runs a module of the lab with this interpreter."""
    return [sys.executable, "-m", module, *arguments]

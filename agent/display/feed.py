"""Asking the agent again and again, beside whatever shows its answers: the screen never waits for the agent.

While the agent writes out a stick it answers nobody for some seconds; the last answer stays until then.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.control import ask
from agent.display.scene import Scene, compose, gone
from policies.errors import PortsealError, Unreachable
from policies.texts import render, t

#: Seconds between two questions, for an answer, and for which an agent that is busy is not called gone.
EVERY, TIMEOUT, BUSY_SECONDS = 0.5, 3.0, 15.0
#: For how many seconds the answer to a key is shown.
MESSAGE_SECONDS = 8.0


@dataclass(frozen=True, slots=True)
class Picture:
    """A scene as it was at `at` (seconds of the monotonic clock)."""

    scene: Scene
    at: float


class Feed(threading.Thread):
    """Asks at `path` in a thread of its own; `changed` is called there after every answer, and may raise nothing."""

    def __init__(self, path: Callable[[], Path], language: str, changed: Callable[[], None] = lambda: None) -> None:
        super().__init__(name="feed", daemon=True)
        self._path, self._language, self._changed = path, language, changed
        self._asks: queue.Queue[Mapping[str, Any] | None] = queue.Queue(8)
        self._picture: Picture | None = None
        self._message = ("", 0.0)

    def press(self, asks: Mapping[str, Any]) -> None:
        """Ask for what a key stands for; when too much waits already, nothing."""
        if not self._asks.full():
            self._asks.put(asks)

    def stop(self) -> None:
        """Let the thread end at its next turn."""
        self._asks.put(None)

    def now(self) -> tuple[Scene | None, str]:
        """Give the scene with the time left now (None: nothing is known yet), and the answer to the last key."""
        picture, (message, since) = self._picture, self._message
        clock = time.monotonic()
        words = message if clock - since < MESSAGE_SECONDS else ""
        if picture is None or picture.scene.left is None:
            return (None if picture is None else picture.scene), words
        left = max(0, picture.scene.left - int(clock - picture.at))
        return replace(picture.scene, left=left), words

    def run(self) -> None:
        """Ask until stopped."""
        while True:
            self._look()
            self._changed()
            try:
                asks = self._asks.get(timeout=EVERY)
            except queue.Empty:
                continue
            if asks is None:
                return
            self._say(asks)

    def _look(self) -> None:
        try:
            told = ask(self._path(), {"do": "status"}, TIMEOUT)
            if told.get("ok"):
                self._picture = Picture(compose(told, self._language), time.monotonic())
        except Unreachable as error:
            self._lost(error, 0.0)
        except (PortsealError, OSError) as error:
            self._lost(error, BUSY_SECONDS)
        except (KeyError, TypeError, ValueError):  # an agent of another version
            self._picture = Picture(gone(render(_OTHER, self._language), self._language), time.monotonic())

    def _lost(self, error: Exception, patience: float) -> None:
        now = time.monotonic()
        if self._picture is None or now - self._picture.at >= patience:
            words = error.line(self._language) if isinstance(error, PortsealError) else str(error)
            self._picture = Picture(gone(words, self._language), now)

    def _say(self, asks: Mapping[str, Any]) -> None:
        try:
            told = ask(self._path(), asks, TIMEOUT)
            words = "" if told.get("ok") else str(told["error"][self._language])
        except (PortsealError, OSError) as error:
            words = error.line(self._language) if isinstance(error, PortsealError) else str(error)
        except (KeyError, TypeError):
            words = render(_OTHER, self._language)
        self._message = words, time.monotonic()


_OTHER = t("The agent that runs is of another version. Restart this program, or the agent.")

"""`portseal serve` that kills itself, without a word, at the Nth moment of the first swipe that it hears (0: never).

The moments are what the code itself does from a swipe's arrival to its acknowledgement: every change of the database,
the commit, every message that goes out, and before and after each. They are written, a line each, into a file.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import controller.store.open as opening
from controller.broker.link import Link
from controller.cli.base import run
from controller.cli.main import cli
from controller.inbox import Inbox
from controller.server import Server

_CHANGE = re.compile(r"(BEGIN|COMMIT|INSERT (?:OR \w+ )?INTO \w+|UPDATE \w+|DELETE FROM \w+)")


class Walk:
    """Counts moments while a swipe is handled."""

    def __init__(self, file: Path, at: int) -> None:
        self._file, self._at, self._count = file, at, 0
        self.begun = self.over = False

    def moment(self, name: str) -> None:
        """Note a moment; the process ends here when it is the one."""
        if not self.begun or self.over:
            return
        self._count += 1
        with self._file.open("a", encoding="utf-8") as file:
            file.write(name + "\n")
        if self._count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def changed(self, statement: str) -> None:
        """Note a change of the database, before it is done."""
        if found := _CHANGE.match(statement.strip()):
            self.moment(found[1])


def _around(walk: Walk, owner: Any, name: str, told: Callable[..., str]) -> None:
    real = getattr(owner, name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        walk.moment(f"before {told(*arguments)}")
        done = real(*arguments, **named)
        walk.moment(f"after {told(*arguments)}")
        return done

    setattr(owner, name, wrapped)


def install(walk: Walk) -> None:
    """Watch the code at work."""
    connect, take, work = opening._connect, Inbox.take, Server._work

    def connected(*arguments: Any, **named: Any) -> sqlite3.Connection:
        made = connect(*arguments, **named)
        made.set_trace_callback(walk.changed)
        return made

    def taken(self: Inbox, messages: Any, now: Any) -> Any:
        walk.begun = walk.begun or any("/swipe" in each.topic for each in messages)
        return take(self, messages, now)

    def worked(self: Server) -> None:
        walk.over = walk.begun  # what comes next in the loop is not the swipe's
        work(self)

    opening._connect = connected
    Inbox.take = taken  # type: ignore[method-assign]
    Server._work = worked  # type: ignore[method-assign]
    _around(walk, Link, "publish", lambda _self, topic, *_: f"sending {topic.rpartition('/')[2]}")
    _around(walk, Link, "done", lambda *_: "acknowledging")


if __name__ == "__main__":
    install(Walk(Path(sys.argv[2]), int(sys.argv[3])))
    sys.exit(run(cli, ["--site", sys.argv[1], "--lang", "en", "serve"]))

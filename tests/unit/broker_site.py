"""A site folder with terminals and a reader, open, and with a clock that a test can set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.context import Context, open_context

SITE = """[site]
name = "hq"
[terminals.guard-1]
platform = "linux"
agent = true
place = "east gate"
owner = "office"
[terminals."终端 2"]
platform = "linux"
agent = true
place = "room 2"
owner = "office"
[terminals.recorder]
platform = "recorder"
agent = false
place = "room 3"
owner = "office"
[readers.gate]
format = "native"
terminals = ["guard-1"]
[broker]
host = "127.0.0.1"
"""


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until a test moves it."""

    now: datetime = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> None:
        self.now += timedelta(**delta)


@contextmanager
def opened(folder: Path, text: str = SITE, clock: SetClock | None = None) -> Iterator[Context]:
    """Open a site in `folder`, made when there is none; at the real time unless a clock is given."""
    if not (folder / "site.toml").exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "site.toml").write_text(text, "utf-8")
    if clock is None:
        with open_context(folder, actor="local:test") as context:
            yield context
    else:
        with open_context(folder, clock, "local:test") as context:
            yield context

"""An apply as it goes: a live line per switch on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Iterator

from controller.cli.base import Settings
from drivers.flow import FORWARD, Event, Listener, Step
from policies.texts import Text, t

#: A step in words.
STEPS: dict[Step, Text] = {
    Step.SNAPSHOT: t("reading the present state"),
    Step.JOURNAL: t("writing the journal"),
    Step.ARM: t("arming the rollback"),
    Step.APPLY: t("applying"),
    Step.READ_BACK: t("reading back"),
    Step.VERIFY: t("verifying"),
    Step.DISARM: t("disarming the rollback"),
    Step.SAVE: t("saving"),
    Step.READ_STARTUP: t("reading the startup configuration"),
    Step.LEDGER: t("writing the ledger"),
    Step.ROLL_BACK: t("rolling back"),
    Step.VERIFY_ROLL_BACK: t("verifying the rollback"),
}


@contextlib.contextmanager
def progress(chosen: Settings) -> Iterator[Listener]:
    """Give the listener that shows a run's events in the user's way; JSON output has none."""
    if chosen.json:
        yield _silent
    elif sys.stderr.isatty():
        with _live(chosen) as listener:
            yield listener
    else:
        yield _plain(chosen)


def _silent(event: Event) -> None:
    """JSON is told at the end."""


def _plain(chosen: Settings) -> Listener:
    lock = threading.Lock()

    def listener(event: Event) -> None:
        if event.phase == "begin":
            with lock:
                chosen.note(t("{switch}: {step}", switch=event.switch, step=STEPS[event.step]))

    return listener


@contextlib.contextmanager
def _live(chosen: Settings) -> Iterator[Listener]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn

    columns = (TextColumn("{task.fields[switch]}"), BarColumn(bar_width=24), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}
        lock = threading.Lock()

        def listener(event: Event) -> None:
            with lock:
                if event.switch not in tasks:
                    tasks[event.switch] = bars.add_task("", total=len(FORWARD), switch=event.switch)
                task = tasks[event.switch]
                if event.phase == "begin":
                    bars.update(task, description=chosen.text(STEPS[event.step]))
                elif event.phase == "end":
                    bars.advance(task)

        yield listener

"""From the first action at the terminal's view to an open port: the machine's part of it, and the actions counted."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.result import Line
from policies.messages.identities import Identity, Role
from tests.replay.agent_process import running
from tests.replay.operator_walk import WALKS, Operator
from tests.replay.pty_screen import viewing
from tests.replay.serve_bench import Site

ACTIONS, SECONDS = 3, 10.0


def measure() -> Iterator[Line]:
    """Walk each way once, with the real controller, broker, agent and view; the next walk begins when all is shut."""
    with contextlib.closing(Site()) as site, tempfile.TemporaryDirectory() as temporary:
        site.start()
        place = site.terminal(Path(temporary) / "T1")
        place.tree.unplug("1-1")
        reader = site.client(Identity(Role.READER, "gate-1"))
        with running(place), viewing(place.etc, "zh") as screen:
            site.until(lambda: site.ask(do="terminals")["online"]["T1"], 60)
            for way, (walk, card) in WALKS.items():
                operator = Operator(site, place, screen, reader, card)
                walk(operator)
                yield _line(way, operator)
                operator.lock()
                place.tree.unplug("1-1")
                screen.press("\x0c")
                time.sleep(12.0)  # until the view says nothing any more of the lease that ended


def _line(way: str, operator: Operator) -> Line:
    done, seconds = operator.actions, operator.seconds
    held = len(done) <= ACTIONS and seconds <= SECONDS
    text = f"{way}: {len(done)} actions ({', '.join(done)}), open after {seconds:.1f} s"
    return Line(f"{text} (target {ACTIONS} actions, {SECONDS:g} s) {'ok' if held else 'MISSED'}", held)

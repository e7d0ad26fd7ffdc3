"""Applies the newest plan of a site and kills itself, without a word, at the Nth event of the flow (0: never)."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from controller.context import open_context
from controller.network.apply import apply_plan
from controller.store.plans import latest_plan
from drivers.flow import Event


def main(folder: Path, at: int) -> None:
    """Print the events as JSON lines, so that a run without a kill enumerates them."""
    count = 0

    def listener(event: Event) -> None:
        nonlocal count
        count += 1
        if count == at:
            os.kill(os.getpid(), signal.SIGKILL)
        sys.stdout.write(json.dumps([event.step.value, event.phase, event.line]) + "\n")
        sys.stdout.flush()

    with open_context(folder, actor="test") as context:
        plan = latest_plan(context.store)
        assert plan is not None
        apply_plan(context, plan, listener)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))

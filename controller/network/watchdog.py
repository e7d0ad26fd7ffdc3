"""The rollback that outlives the controller: a process of its own that waits on a pipe.

`python -m controller.network.watchdog SITE JOB` says "ready", then a line "disarm" ends it; when the pipe closes
without one, the process that was writing to the switch is dead, and the job is taken up: forward when the switch is as
asked, else back.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from controller.context import Context, open_context
from controller.network.recover import recover_job
from controller.store.jobs import job
from drivers.flow import State
from policies.errors import PortsealError

#: Seconds between two tries when the switch cannot be reached.
RETRY_S = 5.0


def main(arguments: list[str]) -> int:
    """Wait for the word or the end of the pipe; give the exit code."""
    folder, number = Path(arguments[0]), int(arguments[1])
    # The site is opened before the word is given: a site.toml that somebody breaks later must not stop the rollback.
    with open_context(folder, actor="watchdog") as context:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        if sys.stdin.readline().strip() == "disarm":
            return 0
        return _take_up(context, number)


def _take_up(context: Context, number: int) -> int:
    """Wait until the writer is gone, then try to finish or roll back for as long as the site allows."""
    deadline, mine = 0.0, False
    while not mine or time.monotonic() < deadline:
        waiting = job(context.store, number)
        if waiting.ended is not None:
            return 0
        if not mine and waiting.process.gone():
            context.ledger.close_orphans()
            deadline = time.monotonic() + context.site.parameters.rollback_timeout_s
        if mine or waiting.process.gone():
            result = recover_job(context, waiting, adopted=mine)
            if result is None or result.state is not State.UNKNOWN:
                return 0
            mine = True
        time.sleep(RETRY_S if mine else 0.1)
    return 3  # this process ends with the job open: the next start finds it


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PortsealError:
        sys.exit(3)

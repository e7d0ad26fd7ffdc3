"""The end of a trial that nobody confirmed: `python -m agent.install.trial`, started by portseal-trial.timer.

An installation may still be at work then: building an initramfs takes minutes on a slow machine. Its end is waited for,
and as it arms the timer anew with its last steps, this end of the trial does not count any more. One that was killed
meanwhile is undone.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agent.install.apply import Run, Stage, Undone, run_on, undo
from policies.errors import Busy, PortsealError

_log = logging.getLogger("portseal.install")
#: Seconds between two looks whether an installation has ended.
_AGAIN = 2.0


def end_trial(root: Path, run: Run, wait: Callable[[float], None] = time.sleep) -> int:
    """Put everything back unless it was confirmed; 0 when all is as it was, 3 when something had to be left."""
    try:
        undone = _undone(root, run, wait)
    except PortsealError as error:
        _log.error("%s", error)
        return error.exit_code
    if undone is None:
        _log.info("nothing to undo: the installation was confirmed, is gone, or has a new trial")
        return 0
    _log.warning("the trial was not confirmed: %d paths are as they were", len(undone.restored))
    for each in undone.left:
        _log.error("%s", each)
    return 3 if undone.left else 0


def _undone(root: Path, run: Run, wait: Callable[[float], None]) -> Undone | None:
    spare = {Stage.CONFIRMED}
    while True:
        try:
            # systemd forgets the time limit of a running service whose file is gone, and kills it after 90 seconds.
            return undo(root, run, spare=spare, reload=False)
        except Busy:
            spare.add(Stage.TRIAL)
            wait(_AGAIN)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    raise SystemExit(end_trial(Path("/"), run_on(Path("/"))))

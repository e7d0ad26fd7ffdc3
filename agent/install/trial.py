"""The end of a trial that nobody confirmed: `python -m agent.install.trial`, started by portseal-trial.timer."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from agent.install.apply import Run, run_on, undo
from policies.errors import PortsealError

_log = logging.getLogger("portseal.install")


def end_trial(root: Path, run: Run) -> int:
    """Put everything back unless it was confirmed; 0 when all is as it was, 3 when something had to be left."""
    try:
        undone = undo(root, run, unless_confirmed=True)
    except PortsealError as error:
        _log.error("%s", error)
        return error.exit_code
    if undone is None:
        _log.info("nothing to undo: the installation was confirmed or is gone")
        return 0
    _log.warning("the trial was not confirmed: %d paths are as they were", len(undone.restored))
    for each in undone.left:
        _log.error("%s", each)
    return 3 if undone.left else 0


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    raise SystemExit(end_trial(Path("/"), run_on(Path("/"))))

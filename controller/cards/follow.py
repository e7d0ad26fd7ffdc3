"""Following the access-control system's export while serving, in a process of its own: no swipe waits for a long list.

`python -m controller.cards.follow SITE` looks once, as 'portseal card sync' does. What it found is in the database,
where the running controller sees a new list and what it withdraws.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from controller.cards.sync import last_look, source_of, sync
from controller.context import Context, open_context
from policies.errors import EquipmentError, PortsealError
from policies.texts import t

#: Seconds after which a look is ended: 50,000 cards take ten on a busy machine.
_LONGEST_S = 600.0


class Following:
    """Starts a look every so often, and tells each thing that is wrong once; not for several threads."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looking: subprocess.Popen[bytes] | None = None
        self._due = self._began = 0.0
        self._told: datetime | None = None

    def step(self) -> None:
        """Start a look when it is time, or take in what the one before has found; never waits.

        Raises EquipmentError for a source that is wrong since now, and for a look that did not come to its end.
        """
        now = time.monotonic()
        looking = self._looking
        if looking is None:
            if self._context.site.list_source.file and now >= self._due:
                self._due, self._began = now + self._context.site.list_source.every_s, now
                self._looking = self._start()
            return
        if looking.poll() is None:
            if now - self._began > _LONGEST_S:
                looking.kill()
            return
        self._looking = None
        if looking.returncode:
            raise _failed(self._context, str(looking.returncode))
        self._tell()

    def close(self) -> None:
        """End a look that is under way; a list is imported whole, or not at all."""
        if self._looking is not None:
            self._looking.kill()
            self._looking.wait()
            self._looking = None

    def _start(self) -> subprocess.Popen[bytes]:
        folder = str(self._context.site.folder.absolute())
        try:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "controller.cards.follow", folder],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
            )
        except OSError as error:
            raise _failed(self._context, error.strerror or "") from None

    def _tell(self) -> None:
        look = last_look(self._context.store)
        if look is None or look.problem is None:
            self._told = None
        elif look.since != self._told:
            self._told = look.since
            raise EquipmentError(
                look.problem,
                where=str(source_of(self._context.site)),
                next_step=t("try it with 'portseal card sync'"),
            )


def _failed(context: Context, cause: str) -> EquipmentError:
    return EquipmentError(
        t("the look at the access-control system's export failed ({cause}); the list before stays", cause=cause),
        where=str(source_of(context.site)),
        next_step=t("try it with 'portseal card sync'"),
    )


def main(arguments: list[str]) -> int:
    """Look once; give the exit code: 0 when it was looked, whatever was found."""
    with open_context(Path(arguments[0]), actor="controller") as context:
        sync(context)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except PortsealError as error:
        sys.stderr.write(f"portseal: {error}\n")
        sys.exit(error.exit_code)

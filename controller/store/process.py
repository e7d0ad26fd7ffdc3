"""Who holds something across processes: a process by id, start time, boot and PID namespace.

A process id alone is reused within minutes; with the start time (proc(5), field 22 of /proc/PID/stat) and the boot id
it names one process for ever. In another PID namespace (a container) the id says nothing: its holder counts as alive.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process of one boot of this machine."""

    pid: int
    start: int
    boot: str
    namespace: str

    def __str__(self) -> str:
        """Give the form that is stored: pid:start:boot:namespace."""
        return f"{self.pid}:{self.start}:{self.boot}:{self.namespace}"

    @classmethod
    def parse(cls, text: str) -> Process:
        """Read the stored form; a damaged one becomes a process that never was."""
        parts = text.split(":", 3)
        if len(parts) != 4 or not (parts[0].isdigit() and parts[1].isdigit()):
            return cls(0, 0, "", "")
        return cls(int(parts[0]), int(parts[1]), parts[2], parts[3])

    @classmethod
    def current(cls) -> Process:
        """Describe the calling process."""
        return cls.of(os.getpid())

    @classmethod
    def of(cls, pid: int) -> Process:
        """Describe a process of this boot and namespace; one that does not run counts as gone."""
        return cls(pid, _start(pid) or 0, _boot(), _namespace())

    def runs_here(self) -> bool:
        """Tell whether this process surely runs, on this boot and in this namespace."""
        return not self.gone() and self.boot == _boot() and self.namespace == _namespace()

    def gone(self) -> bool:
        """Tell whether this process surely does not run any more."""
        if self.pid == 0 or self.boot != _boot():
            return True
        if self.namespace != _namespace():
            return False
        return _start(self.pid) != self.start


def _boot() -> str:
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink()).replace(":", "")
    except OSError:
        return "unknown"


def _start(pid: int) -> int | None:
    """Read the start time in clock ticks since boot; None when the process is gone or only a zombie is left of it."""
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The command name is in parentheses and may hold spaces and parentheses itself: count from the last one.
    rest = stat[stat.rfind(b")") + 1 :].split()
    if len(rest) < 20 or rest[0] in (b"Z", b"X"):
        return None
    return int(rest[19])

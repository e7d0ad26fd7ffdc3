"""The clocks of a terminal, and what they say when compared: a moved wall clock, a machine that slept.

CLOCK_BOOTTIME counts on through sleep and nobody can set it, so leases end by it. CLOCK_MONOTONIC stands still while
the machine sleeps: the difference of the two rises by the time slept, whatever the service manager says.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

#: A wall clock that is off by more than this against CLOCK_BOOTTIME was set (NTP slews by far less between two looks).
MOVED_SECONDS = 2.0
#: The machine slept when CLOCK_BOOTTIME ran ahead of CLOCK_MONOTONIC by more than this.
SLEPT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at the clocks: `wall` seconds since 1970, `boottime` and `monotonic` seconds since boot."""

    wall: float
    boottime: float
    monotonic: float


@dataclass(frozen=True, slots=True)
class Jump:
    """What happened between two looks: `wall` seconds that the wall clock was moved by, `slept` seconds of sleep."""

    wall: float = 0.0
    slept: float = 0.0


class Clock:
    """The kernel's clocks; `boot` is the id of this boot, `root` the folder in which /proc lies."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.boot = (root / "proc/sys/kernel/random/boot_id").read_text("ascii").strip()

    def read(self) -> Reading:
        """Look at all three."""
        return Reading(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic())


def jump(before: Reading, after: Reading) -> Jump:
    """Tell what two looks differ by beyond the passing of time; small differences are none."""
    passed = after.boottime - before.boottime
    wall = (after.wall - before.wall) - passed
    slept = passed - (after.monotonic - before.monotonic)
    return Jump(wall if abs(wall) > MOVED_SECONDS else 0.0, slept if slept > SLEPT_SECONDS else 0.0)

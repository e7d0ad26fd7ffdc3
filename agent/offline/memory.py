"""What a terminal must not forget about openings without a connection; it lies in the agent's state, on disk.

It holds no card and nothing that stands for one: the number of the set that counts, ids of permits that are used up,
and how many unknown cards were presented. All of it is of one boot, as every permit is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

#: Unknown cards that are free; every further one doubles the wait before the next: seconds, the first and the longest.
FREE_TRIES, FIRST_WAIT, LONGEST_WAIT = 5, 30, 1800
#: Ids that are kept at most: the permits of one set, and of sets before that the same boot has seen.
MAX_USED = 1024


@dataclass(frozen=True, slots=True)
class OfflineMemory:
    """All of it, of boot `boot`. `until_ms` is when the next card may be tried, in milliseconds of CLOCK_BOOTTIME."""

    boot: str = ""
    set: int = 0
    wrong: int = 0
    until_ms: int = 0
    used: tuple[str, ...] = ()

    def of(self, boot: str) -> OfflineMemory:
        """Give it for a boot: of another one nothing counts any more."""
        return self if boot == self.boot else OfflineMemory(boot)

    def with_set(self, number: int) -> OfflineMemory:
        """Let a set count, and none before it; wrong tries are forgotten, for the controller was there."""
        return replace(self, set=number, wrong=0, until_ms=0)

    def spent(self, jtis: tuple[str, ...]) -> OfflineMemory:
        """Use permits up."""
        return replace(self, used=(*self.used, *jtis)[-MAX_USED:], wrong=0, until_ms=0)

    def wronged(self, now: float) -> OfflineMemory:
        """Count an unknown card; `now` is CLOCK_BOOTTIME."""
        wrong = self.wrong + 1
        wait = min(FIRST_WAIT << min(wrong - FREE_TRIES, 16), LONGEST_WAIT) if wrong >= FREE_TRIES else 0
        return replace(self, wrong=wrong, until_ms=math.ceil((now + wait) * 1000))

    def wait(self, now: float) -> int:
        """Give the whole seconds until the next card may be tried."""
        return max(0, math.ceil(self.until_ms / 1000 - now))

    def plain(self) -> list[Any]:
        """Give it as it is stored."""
        return [self.boot, self.set, self.wrong, self.until_ms, list(self.used)]

    @classmethod
    def read(cls, value: Any) -> OfflineMemory:
        """Read what :meth:`plain` gave; raises TypeError or ValueError for anything else."""
        boot, number, wrong, until_ms, used = value
        whole = (number, wrong, until_ms)
        if not isinstance(boot, str) or not all(type(each) is int and each >= 0 for each in whole):
            raise ValueError
        if not isinstance(used, list) or not all(isinstance(each, str) for each in used):
            raise ValueError
        return cls(boot, number, wrong, until_ms, tuple(used))

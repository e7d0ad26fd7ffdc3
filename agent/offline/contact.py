"""Whether the controller can be asked: by the connection to the broker, and by its answers to events.

A terminal that is connected never opens by what was signed in advance. Who cuts the network gains what the permits of
these hours allow and no more, so a short break is no reason: the connection must be down for a while. A broker that is
there without its controller is found by events that nobody acknowledges.
"""

from __future__ import annotations

#: Seconds for which the connection must be down, or events unanswered, before the terminal acts alone.
DOWN_SECONDS, UNANSWERED_SECONDS = 10.0, 60.0


class Contact:
    """One terminal's; all times are seconds of CLOCK_BOOTTIME."""

    def __init__(self, now: float) -> None:
        self._down: float | None = now
        self._waiting: float | None = None
        self._acked = 0

    def note(self, *, connected: bool, acked: int, head: int, now: float) -> None:
        """Take how it is now: the last event's number, and that of the last one that the controller has."""
        self._down = None if connected else now if self._down is None else self._down
        # What waited while the connection was down says nothing of a controller that could not hear it.
        if not connected or acked != self._acked or acked >= head:
            self._acked, self._waiting = acked, None
        if connected and acked < head and self._waiting is None:
            self._waiting = now

    def away(self, now: float) -> bool:
        """Tell whether nobody can be asked now."""
        if self._down is not None:
            return now - self._down >= DOWN_SECONDS
        return self._waiting is not None and now - self._waiting >= UNANSWERED_SECONDS

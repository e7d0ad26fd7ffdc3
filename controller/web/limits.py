"""How often an address may be refused before it is not listened to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Refusals in so many seconds, and addresses that are remembered.
MOST, SECONDS, PEERS = 10, 60.0, 4096


class Tries:
    """Counts refusals by address, over the last minute; for any thread.

    Of more addresses than can be remembered the oldest are forgotten: a token has 256 bits, and needs no counting.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failed: dict[str, list[float]] = {}

    def may(self, peer: str) -> bool:
        """Tell whether an address is listened to."""
        with self._lock:
            return len(self._recent(peer)) < MOST

    def failed(self, peer: str) -> None:
        """Count a refusal."""
        with self._lock:
            recent = [*self._recent(peer), self._clock()][-MOST:]
            self._failed.pop(peer, None)
            self._failed[peer] = recent
            if len(self._failed) > PEERS:
                del self._failed[next(iter(self._failed))]

    def _recent(self, peer: str) -> list[float]:
        since = self._clock() - SECONDS
        return [each for each in self._failed.get(peer, ()) if each > since]

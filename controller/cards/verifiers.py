"""What permits hold in place of a card: computed once for each card and boot of a terminal, in a thread of its own.

It is slow on purpose (:mod:`policies.offline.verifier`), and the controller's loop has swipes to answer meanwhile.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor

from policies.offline.verifier import verifier

_Key = tuple[str, str, str]


class Verifiers:
    """Those of one site."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._pool = ThreadPoolExecutor(1, "verifiers")
        self._found: dict[_Key, Future[bytes]] = {}

    def get(self, terminal: str, boot: str, card: str, tagged: bytes) -> bytes | None:
        """Give the verifier of a card at a terminal, on a boot of it; None while it is computed."""
        key = (terminal, boot, card)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self._pool.submit(verifier, tagged, self._site, terminal, boot)
        return found.result() if found.done() else None

    def only(self, terminal: str, boot: str, cards: set[str]) -> None:
        """Forget what is of another boot of a terminal, or of cards that are not kept there any more."""
        for key in [each for each in self._found if each[0] == terminal]:
            if key[1] != boot or key[2] not in cards:
                del self._found[key]

    def close(self) -> None:
        """End the thread, without what waits."""
        self._pool.shutdown(wait=True, cancel_futures=True)

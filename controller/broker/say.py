"""What the controller says on the broker: kept as a value until what led to it is on disk, and sent then."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from policies.messages.topics import Kind

#: Seconds after which an order that could not be delivered is dropped by the broker: late, it would be worth nothing.
ORDER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Say:
    """One message: on the topic of this kind for the terminal (or lock) called `name`, "" where the topic has none.

    `make` gives its bytes when it is sent. With `shown` it is for an operator's screen: a later one for the same
    terminal takes its place, so that a flood of swipes is not answered by a flood of signatures.
    """

    kind: Kind
    name: str
    make: Callable[[], bytes] = field(repr=False)
    retain: bool = False
    expiry: int = ORDER_SECONDS
    shown: bool = False

    @property
    def payload(self) -> bytes:
        """The message's bytes."""
        return self.make()


def latest(said: Iterable[Say]) -> list[Say]:
    """Leave out what a later message takes the place of; the others stay, in order."""
    found: list[Say] = []
    screens: set[str] = set()
    for each in reversed(list(said)):
        if each.shown and each.name in screens:
            continue
        if each.shown:
            screens.add(each.name)
        found.append(each)
    return found[::-1]

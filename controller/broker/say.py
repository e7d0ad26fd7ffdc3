"""What the controller says on the broker: kept as a value until what led to it is on disk, and sent then."""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.messages.topics import Kind

#: Seconds after which an order that could not be delivered is dropped by the broker: late, it would be worth nothing.
ORDER_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Say:
    """One message: on the topic of this kind for the terminal (or lock) called `name`, "" where the topic has none."""

    kind: Kind
    name: str
    payload: bytes = field(repr=False)
    retain: bool = False
    expiry: int = ORDER_SECONDS

"""A card held to a reader: the plastic with its two numbers, and what comes of it on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Plastic:
    """A card. Its chip has a UID; what its office has programmed, or printed on it, is another number of its own.

    A reader with a Wiegand line sends one of the two: 24 or 32 bits between two parity bits.
    """

    uid: bytes
    facility: int = 0
    number: int = 0

    @property
    def w26(self) -> int:
        """The 24 bits of H10301: 8 of facility code, 16 of number."""
        return (self.facility & 0xFF) << 16 | (self.number & 0xFFFF)

    @property
    def w34(self) -> int:
        """The 32 bits of H10306: 16 of facility code, 16 of number."""
        return (self.facility & 0xFFFF) << 16 | (self.number & 0xFFFF)


@dataclass(frozen=True, slots=True)
class Tap:
    """One card at one reader: when, which event of the device it is, and what the device itself decided.

    `secret` is the key of the messages' HMAC, `seed` that of a native reader's signature; `holder` is the name that
    some devices send with it. `door` is the device's own number of the door.
    """

    card: Plastic
    at: datetime
    event: int = 1
    granted: bool = True
    reader: str = "gate-1"
    site: str = "lab"
    door: int = 1
    device: str = ""
    holder: str = ""
    secret: str = field(default="", repr=False)
    seed: bytes = field(default=b"", repr=False)

    @property
    def epoch(self) -> int:
        """Whole seconds since 1970."""
        return int(self.at.astimezone(UTC).timestamp())


@dataclass(frozen=True, slots=True)
class Sent:
    """What leaves the device: a message on a topic, or a body for a webhook with its content type."""

    topic: str
    payload: bytes
    content_type: str = ""


def with_parity(data: int, bits: int) -> int:
    """Give a Wiegand word of `bits` (26, 34): even parity over the first half in front, odd over the second behind."""
    text = format(data, f"0{bits - 2}b")
    first, second = text[: len(text) // 2], text[len(text) // 2 :]
    even = first.count("1") % 2
    odd = 1 - second.count("1") % 2
    return int(f"{even}{text}{odd}", 2)

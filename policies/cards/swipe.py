"""A swipe, as any reader told it; and what the site says of the reader, which every parser is given.

A swipe is a claim: a UID is an identification, not an authentication, and a reader that cannot sign may be anybody. The
decision is the controller's. The holder's name that some sources send is personal data that no decision needs: it is
never read into a swipe.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from policies.cards.number import CardNumber, CardRule
from policies.notes import Verifier

#: China Standard Time: a reader's own time when the site says nothing else. It has no summer time.
CHINA = timezone(timedelta(hours=8), "CST")


@dataclass(frozen=True, slots=True)
class ReaderConfig:
    """What the site says of one reader.

    `zone` is the time zone of its clock. `secret` is the key of its messages' HMAC (uhppoted), `key` verifies its
    signatures (native); with either, a message without one is refused. `device` and `door` pick this reader's messages
    out of a topic that many share, in the source's own words; empty takes every message.
    """

    reader: str
    rule: CardRule = field(default_factory=CardRule)
    zone: tzinfo = CHINA
    secret: bytes = field(default=b"", repr=False)
    key: Verifier | None = field(default=None, repr=False)
    device: str = ""
    door: str = ""


@dataclass(frozen=True, slots=True)
class Swipe:
    """One card at one reader; `format` names the parser that read it.

    `granted` is what the source's own access decision said: None when it said none, which is no yes. `at` is the
    source's time in UTC, None when it sends none or its clock was never set. `source_event_id` is the source's own
    number of the event, where it has one. `authenticated`: an HMAC or a signature over the message was verified.
    `received` is the controller's time of receipt; parsers have no clock and leave it None.
    """

    reader: str
    card: CardNumber
    granted: bool | None
    at: datetime | None
    source_event_id: str | None = field(repr=False)  # a device may send anything there, its card's number too
    format: str
    authenticated: bool = False
    received: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse a time without a zone: it would be compared with another one's."""
        for moment in (self.at, self.received):
            if moment is not None and moment.utcoffset() is None:
                raise ValueError("the times of a swipe are aware")

    def receive(self, moment: datetime) -> Swipe:
        """Give the swipe with its time of receipt."""
        return replace(self, received=moment.astimezone(UTC))

    @property
    def repeat_keys(self) -> tuple[tuple[object, ...], ...]:
        """What names the event: a swipe one of whose keys was seen before is a repetition, or a replay.

        Empty where the source gives neither a number nor a time (ESPHome, zigbee2mqtt): repetitions can then only be
        told by the card coming again within seconds. A key holds the card number: it is not to be written down.
        """
        keys: list[tuple[object, ...]] = []
        if self.source_event_id is not None:
            keys.append(("id", self.reader, self.source_event_id))
        if self.at is not None:
            keys.append(("at", self.reader, self.card, self.at))
        return tuple(keys)

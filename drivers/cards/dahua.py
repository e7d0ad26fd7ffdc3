"""Dahua access control over HTTP: `eventManager.cgi?action=attach&codes=[AccessControl]`, or its upload as JSON.

An event is `Code=AccessControl;action=Pulse;index=0;data={…}`, its JSON over several lines and over several chunks of
the stream: :class:`EventStream` cuts a stream into whole events, :func:`parse` reads any number of them. An upload is
one JSON object with `Code`, `Action` and `Data`.

Only methods by which a card was surely shown are swipes: a person's card number also comes with a face or a
fingerprint, and with "card or face". Status 1 and ErrorCode 0 (or none) is a yes. `DoorCard` (`Number`) is the bare
read before the decision, of door stations: it says no yes. A source is attached to one of the two codes, never to both,
or one swipe counts twice.

The methods and error codes are from the documentation of a maker of the same devices (Intelbras), samples from public
parsers' tests. Not verified on a device: the byte order of `CardNo`, which is hex in the samples; `RecNo`, which names
the event where it is there; whether a swipe that is refused is always told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from drivers.cards.form import Format
from drivers.cards.payload import (
    MAX_MESSAGE,
    Members,
    an_object,
    decoded,
    ident,
    json_at,
    json_of,
    malformed,
    number_of_card,
    picks,
    text_of,
    whole,
)
from drivers.cards.times import epoch
from policies.cards import ReaderConfig, Swipe, UnreadableSwipe, normalise

#: Bytes of an event in a stream, and of one payload with several.
MAX_EVENT, MAX_PAYLOAD = MAX_MESSAGE, 65_536
_HEAD = re.compile(
    r"Code=(?P<code>\w{1,64});\s*action=(?P<action>\w{1,16})(?:;\s*index=(?P<index>[0-9]{1,9}))?(?P<data>;\s*data=)?",
    re.ASCII,
)
#: Card; card and code in both orders; card with code and fingerprint; with fingerprint; with face; and their sums.
_BY_CARD = frozenset({1, 2, 3, 7, 9, 25, 32, 33, 34, 38})


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:  # noqa: ARG001 - the path is the site's
    """Read the events of one payload; raises UnreadableSwipe when one of them is broken."""
    text = text_of(payload, MAX_PAYLOAD).strip()
    if text.startswith("{"):
        found = [swipe_of(an_object(json_of(text)), config, FORMAT.name)]
    else:
        found = [swipe_of(event, config, FORMAT.name) for event in _events(text)]
    return tuple(swipe for swipe in found if swipe is not None)


def swipe_of(event: Members, config: ReaderConfig, name: str) -> Swipe | None:
    """Give the swipe of one event in its JSON form; None for other events."""
    code, data = event.get("Code"), event.get("Data")
    if code not in ("AccessControl", "DoorCard") or event.get("Action") != "Pulse":
        return None
    told = an_object(data)
    bare = code == "DoorCard"
    if not bare and whole(told.get("Method")) not in _BY_CARD:
        return None
    device = ident(event.get("serialNumber"))
    if not picks(config.device, device) or not picks(config.door, _door(told, event)):
        return None
    card = number_of_card(told.get("Number" if bare else "CardNo"))
    if card is None:
        return None
    record = whole(told.get("RecNo"))
    granted = whole(told.get("Status")) == 1 and whole(told.get("ErrorCode") or 0) == 0
    return Swipe(
        config.reader,
        normalise(card, config.rule),
        None if bare else granted,
        epoch(told.get("UTC"), "UTC"),
        None if record is None else f"{device}/{record}",
        name,
    )


def _door(told: Members, event: Members) -> object:
    """The reader where it is named, else the door, else the index of the event's channel."""
    return next(
        (each for each in (told.get("ReaderID"), told.get("Door"), event.get("Index")) if each is not None), None
    )


def _events(text: str) -> Iterator[Members]:
    """Give the events of a text; what stands between them (boundaries, heads of parts, heartbeats) is skipped."""
    found = _HEAD.search(text)
    if found is None and "Code=" in text:
        raise malformed()
    while found is not None:
        data, end = json_at(text, _skip(text, found.end())) if found["data"] else (None, found.end())
        yield {"Code": found["code"], "Action": found["action"], "Index": found["index"], "Data": data}
        # From the end of the JSON on: a name that says Code=… is no event.
        found = _HEAD.search(text, end)


def _skip(text: str, at: int) -> int:
    return at + len(text[at:]) - len(text[at:].lstrip())


class EventStream:
    """Cuts the chunks of an attached stream into whole events, each to be given to :func:`parse`.

    It holds at most one unfinished event of 16 KiB. What never becomes an event is given out as it is, when the next
    event or boundary begins or the space is full, so that parsing refuses it and the refusal is seen.
    """

    def __init__(self) -> None:
        self._held = b""

    def feed(self, chunk: bytes) -> tuple[bytes, ...]:
        """Take the next bytes; give the events that are whole now."""
        self._held += chunk
        whole_ones: list[bytes] = []
        while (cut := self._next()) is not None:
            start, end = cut
            whole_ones.append(self._held[start:end])
            self._held = self._held[end:]
        start = self._held.find(b"Code=")
        # What is left may end in the middle of the word.
        self._held = self._held[start:] if start >= 0 else self._held[-4:]
        return tuple(whole_ones)

    def _next(self) -> tuple[int, int] | None:
        start = self._held.find(b"Code=")
        if start < 0:
            return None
        rest = self._held[start : start + MAX_EVENT]
        end = _whole(rest)
        if end is None:
            following = [at for mark in (b"\nCode=", b"\n--") if (at := rest.find(mark)) >= 0]
            end = min(following) + 1 if following else (len(rest) if len(rest) == MAX_EVENT else None)
        return None if end is None else (start, start + end)


def _whole(rest: bytes) -> int | None:
    """Give where the event at the beginning of `rest` ends; None while it is unfinished."""
    text, encoding = decoded(rest)
    head = _HEAD.match(text)
    if head is None:
        return None
    if head["data"] is None:
        # "Code=…;action=Stop;index=0" may still grow, until its line ends.
        return len(text[: head.end()].encode(encoding)) if text[head.end() : head.end() + 1] in ("\r", "\n") else None
    try:
        _, end = json_at(text, _skip(text, head.end()))
    except UnreadableSwipe:
        return None
    return len(text[:end].encode(encoding))


FORMAT = Format(
    name="dahua",
    title="Dahua CGI and upload",
    parse=parse,
    decides=True,
    dated=True,
    numbered=True,
    signs=False,
    source="https://github.com/riogrande75/Dahua/issues/2",
    seen="samples",
)

"""Hikvision ISAPI: `AccessControllerEvent` from the HTTP listener, or from a bridge that reads alertStream.

The body is one JSON object, or multipart with a JSON part (`event_log`, `AccessControllerEvent`) and perhaps a picture.
Only JSON is read: a listener that sends XML is to be set to JSON. Only cards are swipes here: a fingerprint (38) or a
face (75) names the person's card too, though none was shown, and doors and locks (21, 22) say nothing of anybody.
`currentEvent: false` is an event of the past that the device sends later.

The minor codes are those of HCNetSDK (MINOR_… of major 5, as several public copies of its header have them). `cardNo`
is decimal in the samples; whether a device gives UID or Wiegand bytes, and in which order, is its own setting. No
device was at hand: the names of the parts, the codes 2 to 15 and those of combined proofs are not verified on one.
`serialNo` begins anew after a reset. After a reboot the listener may have to be enabled again (Hikvision-Addons, issue
177).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from drivers.cards.form import Format
from drivers.cards.payload import (
    MAX_MESSAGE,
    Members,
    an_object,
    ident,
    json_of,
    malformed,
    number_of_card,
    picks,
    refused,
    said,
    text_of,
    whole,
)
from drivers.cards.times import stamp
from policies.cards import Fault, ReaderConfig, Swipe, normalise
from policies.texts import t

#: Bytes of a body: a picture may come along, and is not looked at.
MAX_BODY = 2 * 1024 * 1024
_MAX_PARTS = 32
_MAJOR_EVENT = 5
#: Minor codes by which a card was shown: alone or with a code, with a fingerprint, with a face, with both.
_PASSED = frozenset({0x01, 0x02, 0x28, 0x2B, 0x3C, 0x42})
#: No right, wrong period, expired, unknown, anti-passback, interlock, groups; failed or late second proofs; a copy.
_DENIED = frozenset(
    {*range(0x03, 0x10), 0x29, 0x2A, 0x2C, 0x2D, 0x3D, 0x3E, 0x43, 0x44, 0x77}
)  # fmt: skip
_BOUNDARY = re.compile(rb"--[\x21-\x7e ]{1,200}")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:  # noqa: ARG001 - the path is the site's
    """Read the events of one body; raises UnreadableSwipe."""
    found = [_swipe(an_object(json_of(text_of(part))), config) for part in _documents(payload)]
    return tuple(swipe for swipe in found if swipe is not None)


def _documents(payload: bytes) -> Iterator[bytes]:
    """Give the JSON documents of a body: itself, or the parts between its boundaries that are JSON."""
    if len(payload) > MAX_BODY:
        raise refused(Fault.SIZE, t("the message is longer than {count} bytes", count=MAX_BODY))
    body = payload.strip()
    if body.startswith(b"{"):
        yield body
        return
    if body.startswith(b"<"):
        raise refused(Fault.MALFORMED, t("the device sends XML: set its HTTP listener to JSON"))
    boundary = _BOUNDARY.match(body)
    if boundary is None:
        # One part that somebody else has cut out, with its head.
        yield _content(body)
        return
    parts = body.split(boundary[0].rstrip())[1:]
    if len(parts) > _MAX_PARTS:
        raise malformed()
    for part in parts:
        if _END_OF_HEAD.search(part) and (content := _content(part)).startswith(b"{"):
            yield content


def _content(part: bytes) -> bytes:
    head = _END_OF_HEAD.search(part[:MAX_MESSAGE])
    if head is None:
        raise malformed()
    return part[head.end() :].strip()


def _swipe(message: Members, config: ReaderConfig) -> Swipe | None:
    if isinstance(message.get("EventNotificationAlert"), dict):
        message = message["EventNotificationAlert"]
    if message.get("eventType") != "AccessControllerEvent":
        return None
    event = an_object(message.get("AccessControllerEvent"))
    minor = whole(event.get("subEventType"))
    if whole(event.get("majorEventType")) != _MAJOR_EVENT or minor not in _PASSED | _DENIED:
        return None
    if said(event.get("currentEvent")) is False or message.get("eventState", "active") != "active":
        return None
    devices = [message.get(name) for name in ("macAddress", "ipAddress", "deviceID")] + [event.get("deviceName")]
    doors = [event.get("cardReaderNo"), event.get("doorNo")]
    if not picks(config.device, *devices) or not _is_door(config.door, doors):
        return None
    card = number_of_card(event.get("cardNo"))
    if card is None:
        return None
    device, serial = next((name for name in map(ident, devices) if name), ""), whole(event.get("serialNo"))
    return Swipe(
        config.reader,
        normalise(card, config.rule),
        minor in _PASSED,
        stamp(message.get("dateTime"), config.zone, "dateTime"),
        None if serial is None else f"{device}/{serial}",
        FORMAT.name,
    )


def _is_door(wanted: str, given: Sequence[object]) -> bool:
    """A device with several readers at one door names the reader; one that does not is chosen by its door."""
    return picks(wanted, next((each for each in given if each is not None), None))


FORMAT = Format(
    name="hikvision",
    title="Hikvision ISAPI",
    parse=parse,
    decides=True,
    dated=True,
    numbered=True,
    signs=False,
    source="https://github.com/pergolafabio/Hikvision-Addons/issues/177",
    seen="samples",
)

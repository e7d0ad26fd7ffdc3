"""uhppoted-mqtt: Wiegand boards by UHPPOTE, through their gateway; topic `uhppoted/gateway/events/live`.

The HMAC is SHA-256 over the bytes of the value of `message` exactly as they were sent: Go writes members in the order
of its own structures, and escapes letters that Python does not, so nothing may be decoded and encoded again before it.
Events carry no nonce: a message that was recorded is valid for ever, and only its event id, `device-id/event-id`, tells
that it was there before. Ids begin anew when a board's events are cleared.

- The topic of the catch-up feed, `…/events`, is no live source: it gives events late, in batches. It is left out here.
- Type 1 is a card swipe; doors, alarms and buttons are other types (uhppoted-lib, locales/en/dictionary.go).
- A code typed at a board's keypad comes as the card number of a type 1 event.
- `timestamp` has the abbreviation of the gateway's zone, and is "" when the board has none (uhppote-core, datetime.go).
- `card-number` is one number in most sites (`dec`), or facility code and number in decimal, 8165535 being 81 and 65535
  (`facility`): what the board is set to. Not verified here on a board; nor is the RSA `signature`, which is not read.
"""

from __future__ import annotations

import hmac
import json
import re

from drivers.cards.form import Format
from drivers.cards.payload import (
    an_object,
    bad_value,
    ident,
    json_at,
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

_CARD_SWIPE = 1
_BLANK = re.compile(r"[ \t\r\n]*")
_DIGEST = re.compile(r"[0-9A-Fa-f]{64}")


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:
    """Read a live event; raises UnreadableSwipe. With a secret, the HMAC is checked before anything else is read."""
    if topic.rstrip("/").endswith("/events"):
        return ()
    raw, digest = _envelope(payload)
    if config.secret:
        _verify(raw, digest, config.secret)
    event = _event(raw)
    if event is None or whole(event.get("event-type")) != _CARD_SWIPE:
        return ()
    device, number = ident(event.get("device-id")), ident(event.get("event-id"))
    if not device or not number:
        raise bad_value("event-id")
    if not picks(config.device, device) or not picks(config.door, whole(event.get("door-id"))):
        return ()
    card = number_of_card(event.get("card-number"))
    if card is None:
        raise bad_value("card-number")
    return (
        Swipe(
            config.reader,
            normalise(card, config.rule),
            said(event.get("access-granted")) is True,
            stamp(event.get("timestamp"), config.zone, "timestamp"),
            f"{device}/{number}",
            FORMAT.name,
            authenticated=bool(config.secret),
        ),
    )


def _envelope(payload: bytes) -> tuple[bytes, object]:
    """Give the bytes of `message` as they stand, and what `hmac` says.

    As Latin-1 a text has one character for each byte, so the places that the JSON reader gives are those of the bytes.
    """
    text_of(payload)
    text = payload.decode("latin-1")
    found: dict[str, tuple[int, int, object]] = {}
    at = _after(text, 0, "{")
    while True:
        name, end = json_at(text, at)
        start = _after(text, end, ":")
        value, end = json_at(text, start)
        if not isinstance(name, str) or name in found:
            raise malformed()
        found[name] = (start, end, value)
        at = _blank(text, end)
        if text[at : at + 1] != ",":
            break
        at = _blank(text, at + 1)
    if _after(text, at, "}") != len(text) or "message" not in found:
        raise malformed()
    start, end, _ = found["message"]
    return payload[start:end], found.get("hmac", (0, 0, None))[2]


def _after(text: str, at: int, mark: str) -> int:
    at = _blank(text, at)
    if text[at : at + 1] != mark:
        raise malformed()
    return _blank(text, at + 1)


def _blank(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _verify(raw: bytes, digest: object, secret: bytes) -> None:
    if digest is None or digest == "":
        raise refused(Fault.UNSIGNED, t("the message has no HMAC, and this reader has a secret"))
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise refused(Fault.SIGNATURE, t("the HMAC is not 64 hex digits"))
    if not hmac.compare_digest(hmac.digest(secret, raw, "sha256"), bytes.fromhex(digest)):
        raise refused(Fault.SIGNATURE, t("the HMAC is not of this reader's secret"))


def _event(raw: bytes) -> dict[str, object] | None:
    """Give the event; None for a reply, an error, or a message of the gateway itself."""
    message = an_object(json_of(text_of(raw)))
    if "event" not in message:
        return None
    if isinstance(message["event"], str):
        raise refused(
            Fault.MALFORMED, t("the gateway encrypts its events: set mqtt.security.outgoing.encrypt to false there")
        )
    return an_object(an_object(message["event"]).get("event"))


def seal(message: bytes, secret: bytes) -> bytes:
    """Wrap the bytes of a `message` as the gateway does; without a secret it gives no HMAC."""
    if not secret:
        return b'{"message":' + message + b"}"
    digest = json.dumps(hmac.digest(secret, message, "sha256").hex()).encode()
    return b'{"message":' + message + b',"hmac":' + digest + b"}"


FORMAT = Format(
    name="uhppoted",
    title="uhppoted-mqtt, live events",
    parse=parse,
    decides=True,
    dated=True,
    numbered=True,
    signs=True,
    source="https://github.com/uhppoted/uhppoted-mqtt",
    seen="source code",
)

"""A UHPPOTE board behind uhppoted-mqtt, after its source code (device/listen.go, mqtt/mqtt.go, mqtt/message.go).

Go writes the event as a map, so its members are sorted; letters that could end an HTML tag are escaped. The time has
the abbreviation of the gateway's zone and no offset.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from lab.reader.tap import Sent, Tap

LIVE, FEED = "uhppoted/gateway/events/live", "uhppoted/gateway/events"
#: A serial number as the board's print has it.
BOARD = 405419896


def live(tap: Tap, zone: str = "CST", topic: str = LIVE, *, kind: int = 1) -> Sent:
    """Give a live event; `kind` 1 is a card, 2 a door. The number is that of the Wiegand line."""
    event = {
        "device-id": int(tap.device or BOARD),
        "event-id": tap.event,
        "event-type": kind,
        "event-type-text": {1: "card swipe", 2: "door"}.get(kind, "alarm"),
        "access-granted": tap.granted,
        "door-id": tap.door,
        "direction": 1,
        "direction-text": "in",
        # The board shows facility code and number side by side in decimal: 81 and 65535 are 8165535.
        "card-number": tap.card.facility * 100_000 + tap.card.number if kind == 1 else 0,
        "timestamp": f"{tap.at:%Y-%m-%d %H:%M:%S} {zone}".strip(),
        "event-reason": 1 if tap.granted else 6,
        "event-reason-text": "swipe" if tap.granted else "swipe: no access rights",
    }
    message = _go({"event": {"event": event}})
    payload = b'{"message":' + message
    if tap.secret:
        digest = hmac.new(tap.secret.encode(), message, hashlib.sha256).hexdigest()
        payload += b',"hmac":"' + digest.encode() + b'"'
    return Sent(topic, payload + b"}")


def _go(value: object) -> bytes:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text.encode()

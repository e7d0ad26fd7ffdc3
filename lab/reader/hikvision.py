"""A Hikvision access terminal with its HTTP listener, after public samples of what such devices have sent.

Multipart with one JSON part and perhaps a picture; the JSON is indented by tabs. Names are in the encoding of the
device. Every event comes the same way: doors, locks and faces too, and old ones with `currentEvent: false`.
"""

from __future__ import annotations

import json

from lab.reader.tap import Sent, Tap

BOUNDARY = "MIME_boundary"
_TERMINAL = "DS-K1T341AM"
#: A JPEG that has the boundary's dashes in it, as pictures may.
PICTURE = b"\xff\xd8\xff\xe0" + b"--MIME\r\n\r\n{" * 3 + b"\xff\xd9"


def event(tap: Tap, minor: int | None = None, *, current: bool = True) -> dict[str, object]:
    """Give the event; `minor` is 1 for a right card, 9 for one that is not known, 75 for a face, 21 for a door."""
    shown = (1 if tap.granted else 9) if minor is None else minor
    told: dict[str, object] = {
        "deviceName": tap.device or _TERMINAL,
        "majorEventType": 5,
        "subEventType": shown,
        "name": tap.holder,
        "cardNo": str(int.from_bytes(tap.card.uid[:4], "big")),
        "cardType": 1,
        "cardReaderNo": tap.door,
        "doorNo": tap.door,
        "employeeNoString": "1001",
        "serialNo": tap.event,
        "userType": "normal",
        "currentVerifyMode": "cardOrFaceOrFp",
        "currentEvent": current,
        "frontSerialNo": tap.event - 1,
        "attendanceStatus": "undefined",
    }
    if shown in (21, 22):  # a door: no person in it
        told = {name: told[name] for name in told if name not in ("name", "cardNo", "cardType", "employeeNoString")}
    return {
        "ipAddress": "192.0.2.77",
        "portNo": 443,
        "protocol": "HTTPS",
        "macAddress": "a4:d5:c2:00:00:77",
        "channelID": 1,
        "dateTime": tap.at.isoformat(timespec="seconds"),
        "activePostCount": 1,
        "eventType": "AccessControllerEvent",
        "eventState": "active",
        "eventDescription": "Access Controller Event",
        "AccessControllerEvent": told,
    }


def listener(tap: Tap, *, picture: bool = True, encoding: str = "utf-8", minor: int | None = None) -> Sent:
    """Give what the HTTP listener is sent: multipart/form-data."""
    body = json.dumps(event(tap, minor), indent="\t", ensure_ascii=False).encode(encoding)
    parts = [_part('name="event_log"', "application/json", body)]
    if picture:
        parts.append(_part('name="Picture"; filename="Picture.jpg"', "image/jpeg", PICTURE))
    whole = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return Sent("", whole, f"multipart/form-data; boundary={BOUNDARY}")


def plain(tap: Tap, *, current: bool = True) -> Sent:
    """Give the event as a body of JSON alone."""
    return Sent("", json.dumps(event(tap, current=current)).encode(), 'application/json; charset="UTF-8"')


def xml(tap: Tap) -> Sent:
    """Give what a listener that is set to XML is sent."""
    text = (
        '<EventNotificationAlert version="2.0" xmlns="http://www.isapi.org/ver20/XMLSchema">\n'
        f"<dateTime>{tap.at.isoformat(timespec='seconds')}</dateTime>\n<eventType>AccessControllerEvent</eventType>\n"
        "</EventNotificationAlert>\n"
    )
    return Sent("", text.encode(), 'application/xml; charset="UTF-8"')


def _part(disposition: str, content_type: str, body: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n"

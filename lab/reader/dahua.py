"""Dahua access control, after public samples: the stream of eventManager.cgi, an upload, and DahuaVTO2MQTT.

In the stream an event's JSON is indented by three blanks, with a blank on both sides of each colon, over several lines
and wherever the network cuts it. Between events there are heartbeats. UTC is in whole seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from lab.reader.tap import Sent, Tap

STATION = "DahuaVTO/AccessControl/Event"
_BOUNDARY = "--myboundary\r\nContent-Type: text/plain\r\n"


def data(tap: Tap, method: int = 1) -> dict[str, object]:
    """Give an event's data; `method` 1 is a card, 4 from afar, 6 a fingerprint, 15 a face."""
    return {
        "CardName": tap.holder,
        "CardNo": tap.card.uid.hex().upper(),
        "CardType": 0,
        "Door": tap.door - 1,
        "ErrorCode": 0 if tap.granted else 16,
        "Method": method,
        "Name": "OpenDoor",
        "Password": "",
        "ReaderID": str(tap.door),
        "RecNo": tap.event,
        "SnapURL": "",
        "Status": 1 if tap.granted else 0,
        "Type": "Entry",
        "UTC": tap.epoch,
        "UserID": "9901",
    }


def event(tap: Tap, method: int = 1, encoding: str = "utf-8") -> bytes:
    """Give one event of the stream."""
    text = json.dumps(data(tap, method), indent=3, separators=(",", " : "), ensure_ascii=False)
    return f"Code=AccessControl;action=Pulse;index=0;data={text}".encode(encoding)


def stream(*events: bytes, cut: int = 61) -> Iterator[bytes]:
    """Give the stream of these events in pieces of `cut` bytes, with heartbeats between them."""
    whole = b""
    for each in events:
        for body in (b"Heartbeat", each):
            whole += _BOUNDARY.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body + b"\r\n\r\n"
    # An event is over when the next part begins.
    whole += _BOUNDARY.encode()
    for at in range(0, len(whole), cut):
        yield whole[at : at + cut]


def upload(tap: Tap, method: int = 1) -> Sent:
    """Give what a device with the upload of events sends: one JSON object."""
    told = {"Code": "AccessControl", "Action": "Pulse", "Index": 0, "Data": data(tap, method)}
    return Sent("", json.dumps(told, ensure_ascii=False).encode(), "application/json")


def attached(tap: Tap, method: int = 1, encoding: str = "utf-8") -> Sent:
    """Give an event of the stream as a bridge passes it on."""
    return Sent("", event(tap, method, encoding), "text/plain")


def station(tap: Tap, method: int = 1) -> Sent:
    """Give what DahuaVTO2MQTT publishes for a door station."""
    told = {
        "Action": "Pulse",
        "Data": data(tap, method),
        "deviceType": "VTO2111D",
        "serialNumber": tap.device or "4M07",
    }
    return Sent(STATION, json.dumps(told, indent=4, ensure_ascii=False).encode())

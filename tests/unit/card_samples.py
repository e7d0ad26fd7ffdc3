"""Messages of readers as their documentation and source code have them, and the rules that fit them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from drivers.cards import uhppoted
from drivers.cards.form import Parse
from drivers.cards.native import NativeSwipe
from policies.cards import CardRule, Digits, Fault, ReaderConfig, Swipe, UnreadableSwipe, Wiegand

PACIFIC = timezone(timedelta(hours=-7), "PDT")
SECRET = b"a secret of the gateway"
UNPADDED = CardRule(4, Digits.HEX_UNPADDED)
DECIMAL = CardRule(4, Digits.DECIMAL)
HEX = CardRule(4)

UHPPOTED_EVENT = (
    b'{"event":{"event":{"device-id":405419896,"event-id":50,"event-type":1,"event-type-text":"card swipe",'
    b'"access-granted":true,"door-id":4,"direction":1,"direction-text":"in","card-number":8165538,'
    b'"timestamp":"2019-08-09 16:18:55 PDT","event-reason":0,"event-reason-text":""}}}'
)
ESP = {
    "type": "access",
    "time": 1605991375,
    "isKnown": "true",
    "access": "Always",
    "username": "bob",
    "uid": "4a1f3bc7",
}
TASMOTA = {"Time": "2021-01-23T13:10:50", "RC522": {"UID": "BA839D07", "Data": "", "Type": "MIFARE 1KB"}}
KEYPAD = {"action": "disarm", "action_code": "+04A1B2C3", "action_zone": 23, "action_transaction": 99}
HIKVISION: dict[str, object] = {
    "ipAddress": "192.168.1.11",
    "dateTime": "2025-10-22T13:43:48+08:00",
    "eventType": "AccessControllerEvent",
    "eventState": "active",
    "AccessControllerEvent": {
        "deviceName": "gate",
        "majorEventType": 5,
        "subEventType": 1,
        "cardNo": "11",
        "cardReaderNo": 1,
        "doorNo": 1,
        "employeeNoString": "001",
        "serialNo": 139,
        "currentVerifyMode": "cardOrFaceOrFp",
        "attendanceStatus": "checkIn",
    },
}
DAHUA_DATA: dict[str, object] = {
    "CardNo": "AABB1122",
    "Door": 0,
    "ErrorCode": 0,
    "Method": 1,
    "ReaderID": "1",
    "Status": 1,
    "Type": "Entry",
    "UTC": 1585587525,
    "UserID": "9901",
}
DOOR_CARD: dict[str, object] = {
    "Check": [0, 0],
    "LocaleTime": "2020-03-30 17:58:45",
    "Number": "7a087d0f",
    "Type": 0,
    "UTC": 1585587525.0,
}


def raw(value: object) -> bytes:
    return json.dumps(value).encode()


def dahua(data: dict[str, object], code: str = "AccessControl", indent: int | None = None) -> bytes:
    return f"Code={code};action=Pulse;index=0;data=".encode() + json.dumps(data, indent=indent).encode()


@dataclass(frozen=True)
class Sample:
    """A message of one format, with its topic and reader, and the card that is in it."""

    format: str
    topic: str
    payload: bytes
    config: ReaderConfig
    card: str
    granted: bool | None
    at: datetime | None
    event_id: str | None
    authenticated: bool = False


def config(rule: CardRule = HEX, **more: Any) -> ReaderConfig:
    return replace(ReaderConfig("gate-1", rule), **more)


def fault(parse: Parse, topic: str, payload: bytes, reader: ReaderConfig) -> Fault:
    """Give why a message is refused."""
    with pytest.raises(UnreadableSwipe) as caught:
        parse(topic, payload, reader)
    return caught.value.fault


def one(found: tuple[Swipe, ...]) -> Swipe:
    assert len(found) == 1
    return found[0]


NATIVE_TOPIC = "portseal/1/pudong-1/reader/gate-1/swipe"
LIVE = "uhppoted/gateway/events/live"
_EPOCH = datetime(2020, 11, 21, 20, 42, 55, tzinfo=UTC)
_PANEL = datetime(2019, 8, 9, 23, 18, 55, tzinfo=UTC)
_DAHUA = datetime(2020, 3, 30, 16, 58, 45, tzinfo=UTC)

SAMPLES = (
    Sample(
        "native",
        NATIVE_TOPIC,
        NativeSwipe("gate-1", "04A1B2C3", 1760000000, "0123456789abcdef", True).encode(),
        config(),
        "04A1B2C3",
        True,
        datetime(2025, 10, 9, 8, 53, 20, tzinfo=UTC),
        "0123456789abcdef",
    ),
    Sample(
        "uhppoted",
        LIVE,
        uhppoted.seal(UHPPOTED_EVENT, SECRET),
        config(DECIMAL, secret=SECRET, zone=PACIFIC),
        "007C98A2",
        True,
        _PANEL,
        "405419896/50",
        authenticated=True,
    ),
    Sample("esp-rfid", "rfid", raw(ESP), config(UNPADDED), "4A1F3BC7", True, _EPOCH, None),
    Sample(
        "esp-rfid",
        "rfid/send",
        raw(ESP | {"hostname": "door", "doorName": "gate", "cmd": "log"}),
        config(),
        "4A1F3BC7",
        True,
        _EPOCH,
        None,
    ),
    Sample(
        "esp-rfid",
        "rfid/tag",
        raw({key: ESP[key] for key in ("uid", "username", "access", "time")} | {"doorName": "gate"}),
        config(),
        "4A1F3BC7",
        True,
        _EPOCH,
        None,
    ),
    Sample("esphome", "pn532/tag", b"74-10-37-94", config(), "74103794", None, None, None),
    Sample("esphome", "rdm6300/tag", b"7616525", config(DECIMAL), "0074380D", None, None, None),
    Sample(
        "tasmota",
        "tele/t/SENSOR",
        raw(TASMOTA),
        config(),
        "BA839D07",
        None,
        datetime(2021, 1, 23, 5, 10, 50, tzinfo=UTC),
        None,
    ),
    Sample(
        "tasmota",
        "tele/t/SENSOR",
        raw({"Time": "2021-01-21T15:48:49", "Wiegand": {"UID": 4302741608, "Size": 34}}),
        config(CardRule(Wiegand.W34, Digits.DECIMAL)),
        "0076A068",
        None,
        datetime(2021, 1, 21, 7, 48, 49, tzinfo=UTC),
        None,
    ),
    Sample(
        "tasmota",
        "tele/t/SENSOR",
        raw({"Time": "2021-01-21T16:04:12", "Wiegand": {"UID": 7748328, "Size": 26}}),
        config(CardRule(Wiegand.W26, Digits.DECIMAL)),
        "763AE8",
        None,
        datetime(2021, 1, 21, 8, 4, 12, tzinfo=UTC),
        None,
    ),
    Sample("zigbee2mqtt", "zigbee2mqtt/pad", raw(KEYPAD), config(), "04A1B2C3", None, None, None),
    Sample(
        "hikvision",
        "/cards/gate-1",
        raw(HIKVISION),
        config(DECIMAL),
        "0000000B",
        True,
        datetime(2025, 10, 22, 5, 43, 48, tzinfo=UTC),
        "192.168.1.11/139",
    ),
    Sample("dahua", "/cards/gate-1", dahua(DAHUA_DATA), config(), "AABB1122", True, _DAHUA, None),
    Sample("dahua", "/cards/gate-1", dahua(DOOR_CARD, "DoorCard"), config(), "7A087D0F", None, _DAHUA, None),
    Sample(
        "dahua-vto",
        "vto/AccessControl/Event",
        json.dumps(
            {"Action": "Pulse", "Data": DAHUA_DATA | {"RecNo": 691}, "deviceType": "VTO", "serialNumber": "4M0"},
            indent=4,
        ).encode(),
        config(),
        "AABB1122",
        True,
        _DAHUA,
        "4M0/691",
    ),
)

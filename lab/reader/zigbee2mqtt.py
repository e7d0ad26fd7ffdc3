"""A keypad KEYZB-110 or KEPZB-110 behind zigbee2mqtt, after its documentation and what users tell of its tags."""

from __future__ import annotations

import json

from lab.reader.tap import Sent, Tap

TOPIC = "zigbee2mqtt/gate"


def request(tap: Tap, *, plus: bool = True) -> Sent:
    """Give a tag that is held to the keypad; Frient's put a + before it."""
    code = ("+" if plus else "") + tap.card.uid.hex().upper()
    return _state({"action": "disarm", "action_code": code, "action_zone": 23, "action_transaction": tap.event % 256})


def typed(tap: Tap, code: str) -> Sent:
    """Give a code that is typed: it arrives where tags do."""
    return _state({"action": "disarm", "action_code": code, "action_zone": 23, "action_transaction": tap.event % 256})


def state() -> Sent:
    """Give the keypad's state as it is published again, without an action."""
    return _state({"action": ""})


def _state(told: dict[str, object]) -> Sent:
    whole = {**told, "battery": 100, "battery_low": False, "linkquality": 87, "tamper": False, "voltage": 6000}
    return Sent(TOPIC, json.dumps(whole, separators=(",", ":")).encode())

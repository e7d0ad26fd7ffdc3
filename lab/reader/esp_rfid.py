"""ESP-RFID boards, after the firmware's source code: branch stable (version 1) and dev (version 2).

Version 1 writes each byte of a UID for itself and drops its zero in front. Booleans are texts. Names are put in as they
were typed; a board whose users were entered with a GBK browser sends GBK.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from lab.reader.tap import Sent, Tap

TOPIC = "esp-rfid"


def access(tap: Tap, *, chip: str = "rc522") -> Sent:
    """Give version 1's message. `chip` rc522 or pn532 (UID without zeros) or wiegand (a decimal number)."""
    uid = str(tap.card.w26) if chip == "wiegand" else "".join(format(each, "x") for each in tap.card.uid)
    known = bool(tap.granted or tap.holder)
    told = {
        "type": "access",
        "time": tap.epoch,
        "isKnown": "true" if known else "false",
        "access": _word(tap, known),
        "username": (tap.holder or "someone") if known else "Unknown",
        "uid": uid,
    }
    return Sent(TOPIC, _printed(told))


def access_2(tap: Tap, *, doors: Sequence[str] = ("gate",), home_assistant: bool = False, gbk: bool = False) -> Sent:
    """Give version 2's message with an RC522: lists with several doors, no type in its mode for Home Assistant."""
    known = bool(tap.granted or tap.holder)
    word = _word(tap, known)
    several = len(doors) > 1
    told: dict[str, object] = {}
    if several:
        told |= {"access": ["Always" if tap.granted else "Disabled"] * len(doors), "doorName": list(doors)}
    told |= {
        "uid": tap.card.uid.hex(),
        "username": (tap.holder or "someone") if known else "Unknown",
    }
    if not several:
        told["access"] = word
    told["time"] = tap.epoch
    if not several:
        told["doorName"] = doors[0]
    if not home_assistant:
        told |= {"type": "access", "isKnown": "true" if known else "false", "hostname": tap.device or "esp-rfid"}
    return Sent(f"{TOPIC}/{'tag' if home_assistant else 'send'}", _printed(told, "gb18030" if gbk else "utf-8"))


def button(tap: Tap) -> Sent:
    """Give what it tells when the door was opened over MQTT: an access without a card."""
    told = {"type": "access", "time": tap.epoch, "isKnown": "true", "access": "Always", "username": "MQTT", "uid": " "}
    return Sent(TOPIC, _printed(told))


def heartbeat(tap: Tap) -> Sent:
    """Give the sign of life that it sends on the same topic."""
    told = {"type": "heartbeat", "time": tap.epoch, "uptime": 3600, "ip": "10.0.0.9", "hostname": "esp-rfid"}
    return Sent(TOPIC, _printed(told))


def _word(tap: Tap, known: bool) -> str:
    return "Always" if tap.granted else ("Disabled" if known else "Denied")


def _printed(told: dict[str, object], encoding: str = "utf-8") -> bytes:
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode(encoding)

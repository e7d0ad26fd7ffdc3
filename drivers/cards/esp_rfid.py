"""ESP-RFID 1 (branch stable) and 2 (branch dev), with and without its mode for Home Assistant.

Version 1 publishes all on its one topic, version 2 on `TOPIC/send`, in the mode for Home Assistant on `TOPIC/tag`;
there a message has neither `type` nor `isKnown`. Booleans are texts. With several doors `access` and `doorName` are
lists; the firmware leaves out of `access` a door whose right it does not know, so lists of two lengths are a no.

- A door that was opened by a button or over MQTT is told as an access of "Always" with the uid " ": no card, no swipe.
- The uid: version 1 with an RC522 or PN532 and version 2 with a PN532 drop zeros inside (`hex-unpadded`); version 2
  with an RC522 does not (`hex`), but still gives the old spelling for users that were entered with version 1. Wiegand
  readers give one number (`dec`; version 2 can be set to hex: `hex-number`).
- Version 2 set to admit by code alone puts the typed code into `uid`: nothing tells it from a card.
- `time` is epoch seconds in UTC, small numbers before the first NTP answer. The opening of another door by MQTT,
  several lists and the mode for Home Assistant were read in the source code, not seen on a board.
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.cards.form import Format
from drivers.cards.payload import Members, bad_value, members, number_of_card, picks, said
from drivers.cards.times import epoch
from policies.cards import ReaderConfig, Swipe, normalise

_GRANTED = frozenset({"Always", "Admin"})


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:
    """Read an access message; boot, heartbeat, log and list messages are no swipes. Raises UnreadableSwipe."""
    message = members(payload)
    home_assistant = "type" not in message and topic.rstrip("/").endswith("/tag")
    if not home_assistant and message.get("type") != "access":
        return ()
    doors = message.get("doorName")
    named = doors if isinstance(doors, list) else [doors]
    if not picks(config.device, message.get("hostname")) or not picks(config.door, *named):
        return ()
    card = number_of_card(message.get("uid"))
    if card is None:
        return ()
    granted = _granted(message, named, config.door) and (home_assistant or said(message.get("isKnown")) is True)
    return (Swipe(config.reader, normalise(card, config.rule), granted, epoch(message.get("time")), None, FORMAT.name),)


def _granted(message: Members, doors: Sequence[object], door: str) -> bool:
    """Tell whether the board opened: the reader's door where it has several, every one when none is chosen."""
    access = message.get("access")
    if isinstance(access, str):
        return access in _GRANTED
    if not isinstance(access, list):
        raise bad_value("access")
    if len(access) != len(doors) or not access:
        return False
    chosen = [word for word, name in zip(access, doors, strict=True) if not door or name == door]
    return bool(chosen) and all(isinstance(word, str) and word in _GRANTED for word in chosen)


FORMAT = Format(
    name="esp-rfid",
    title="ESP-RFID 1 and 2",
    parse=parse,
    decides=True,
    dated=True,
    numbered=False,
    signs=False,
    source="https://github.com/esprfid/esp-rfid",
    seen="source code",
)

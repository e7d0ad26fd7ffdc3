"""zigbee2mqtt: keypads with an RFID reader (KEYZB-110, KEPZB-110); topic `zigbee2mqtt/<name>`.

The tag arrives in `action_code`, where typed codes arrive too. Frient's keypads put a + before the 8 hex digits of a
tag, which is left out here; that is told by users, not by the documentation. Where no + comes, nothing tells a code of
8 digits from a tag of 4 bytes: such a keypad is worth the lowest trust. State that is published again without an action
is no swipe, and `action_transaction` counts to 255 and begins anew, so it names no event.

The keypad waits for an answer and shows an error without one: :func:`answer` makes it.
"""

from __future__ import annotations

import json

from drivers.cards.form import Format
from drivers.cards.payload import bad_value, members, number_of_card, whole
from policies.cards import ReaderConfig, Swipe, normalise

#: What a keypad may ask for (Zigbee Cluster Library, IAS ACE): a tag comes with one of them.
_ASKS = frozenset({"disarm", "arm_day_zones", "arm_night_zones", "arm_all_zones"})


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:
    """Read a keypad's request; raises UnreadableSwipe."""
    if topic.rsplit("/", 1)[-1] in ("set", "get", "availability"):
        return ()
    message = members(payload)
    if not _asks(message.get("action")):
        return ()
    card = number_of_card(message.get("action_code"))
    if card is None:
        return ()
    if isinstance(card, str):
        card = card.removeprefix("+")
    return (Swipe(config.reader, normalise(card, config.rule), None, None, None, FORMAT.name),)


def answer(topic: str, payload: bytes, granted: bool) -> tuple[str, bytes]:
    """Give topic and payload of the answer to a request that :func:`parse` has read; raises UnreadableSwipe."""
    message = members(payload)
    transaction, mode = whole(message.get("action_transaction")), message.get("action")
    if transaction is None:
        raise bad_value("action_transaction")
    if not _asks(mode):
        raise bad_value("action")
    told = {"arm_mode": {"transaction": transaction, "mode": mode if granted else "invalid_code"}}
    return f"{topic.rstrip('/')}/set", json.dumps(told).encode()


def _asks(action: object) -> bool:
    return isinstance(action, str) and action in _ASKS


FORMAT = Format(
    name="zigbee2mqtt",
    title="zigbee2mqtt keypads",
    parse=parse,
    decides=False,
    dated=False,
    numbered=False,
    signs=False,
    source="https://www.zigbee2mqtt.io/devices/KEYZB-110.html",
    seen="documentation",
)

"""Tasmota: `tele/<topic>/SENSOR`, with the member RC522, PN532, RDM6300 or Wiegand; other sensors are no swipes.

The time is the board's own, without a zone. RC522, PN532 and RDM6300 give bytes in hex. Wiegand gives a number without
its parity bits and their count on the wire in `Size` (24, 26, 32, 34); 4 and 8 are keys of a keypad, and 0 is a read
whose parity was wrong. With SetOption123 the number is hex with an h behind it.

Before the fix of February 2022 a 34-bit number kept its first parity bit, so that the sample of the documentation,
4302741608, has 33 bits; the bit is checked and dropped here. That is derived from the sample and the later source code,
not seen on such a board. The text around a PN532 is as in the RC522's source code.
"""

from __future__ import annotations

from drivers.cards.form import Format
from drivers.cards.payload import Members, an_object, bad_value, members, number_of_card, whole
from drivers.cards.times import stamp
from policies.cards import CardMismatch, CardNumber, CardRule, Digits, ReaderConfig, Swipe, Wiegand, normalise
from policies.cards.wiegand import even_parity
from policies.texts import t

_PLAIN = ("RC522", "PN532", "RDM6300")
_KEYS = (4, 8)


def parse(topic: str, payload: bytes, config: ReaderConfig) -> tuple[Swipe, ...]:  # noqa: ARG001 - one form for all topics
    """Read a sensor message; raises UnreadableSwipe."""
    message = members(payload)
    plain = [number_of_card(an_object(message[name]).get("UID")) for name in _PLAIN if name in message]
    cards = [normalise(card, config.rule) for card in plain if card is not None]
    if "Wiegand" in message and (read := _wiegand(an_object(message["Wiegand"]), config.rule)) is not None:
        cards.append(read)
    if not cards:
        return ()
    at = stamp(message.get("Time"), config.zone, "Time")
    return tuple(Swipe(config.reader, card, None, at, None, FORMAT.name) for card in cards)


def _wiegand(told: Members, rule: CardRule) -> CardNumber | None:
    size, given = whole(told.get("Size")), number_of_card(told.get("UID"))
    if size in _KEYS or given is None or given == "0h":
        return None
    if size is None:
        raise bad_value("Size")
    layout = rule.length if isinstance(rule.length, Wiegand) else None
    # 24 and 32 bits on the wire: the firmware takes two of them for parity, and there is no layout for the rest.
    if layout is None or size != layout.bits:
        raise CardMismatch(
            "length",
            t("the reader sends Wiegand numbers of {size} bits", size=size),
            t("set length for this reader to wiegand-26 or wiegand-34, as its cards are"),
        )
    if isinstance(given, str) and given[-1:] in ("h", "H"):
        return normalise(given[:-1], CardRule(layout, Digits.HEX_NUMBER, rule.order, False, rule.facility))
    number = whole(given)
    if size == Wiegand.W34.bits and number is not None and number >> 32 == 1:
        low = number & 0xFFFF_FFFF
        given = low if even_parity(low, Wiegand.W34) else number
    return normalise(given, rule)


FORMAT = Format(
    name="tasmota",
    title="Tasmota RC522, PN532, RDM6300, Wiegand",
    parse=parse,
    decides=False,
    dated=True,
    numbered=False,
    signs=False,
    source="https://github.com/arendst/Tasmota",
    seen="source code",
)

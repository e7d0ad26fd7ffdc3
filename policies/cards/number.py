"""Card numbers: one canonical text for a card, whatever a reader makes of it; and the rule per reader that says how.

Canonical is the number's bytes in hex, capital letters, at the fixed length of the rule: "04A1B2C3". A 26-bit Wiegand
number has 3 bytes and a UID has 4, 7 or 10, so the two never compare equal by accident, though both may be of one card.
A 34-bit number has 4 bytes on purpose: such readers send the UID itself, often with its bytes reversed (`order`).

Nothing is guessed: what does not fit the rule is refused, and the error names the setting to change, never the number.
Under one rule two different cards give two different numbers, with two exceptions that no rule can mend:

- `hex-unpadded` (ESP-RFID 1) writes the byte 0A as "a". "a1b" is 0A 1B and A1 0B, so only texts are taken in which
  every byte has two digits, or every byte has one. About 23 % of 4-byte cards are refused; firmware 2 does not have the
  fault. A 7-byte card may still give the 8 digits of a 4-byte one (six of its bytes below 10h): do not mix lengths
  there.
- `facility` presumes that every card has this facility code: 123:00042 and 124:00042 are told apart only where the
  reader sends the code.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn, Self

from policies.cards.wiegand import Wiegand, with_parity
from policies.errors import ConfigError, InputError
from policies.names.shown import shown
from policies.texts import Text, t

#: Bytes of the shortest and the longest number that is not Wiegand's: 3 (24 bits) to 10 (a triple-size UID).
SHORTEST, LONGEST = 3, 10
#: Characters beyond which a number is refused unread.
MAX_TEXT = 64

_CANONICAL = re.compile(r"(?:[0-9A-F]{2}){3,10}")
_HEX_BYTES = re.compile(r"[0-9A-Fa-f]{2}(?:(?P<mark>[-: ])[0-9A-Fa-f]{2}(?:(?P=mark)[0-9A-Fa-f]{2})*)?|[0-9A-Fa-f]+")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_DECIMAL = re.compile(r"[0-9]+")
_PAIR = re.compile(r"([0-9]{1,6})[,:-]([0-9]{1,6})")


class Fault(StrEnum):
    """Why a message was no swipe, for machines."""

    TOPIC = "topic"
    RETAINED = "retained"
    SIZE = "size"
    MALFORMED = "malformed"
    VALUE = "value"
    UNSIGNED = "unsigned"
    SIGNATURE = "signature"
    CARD = "card"


class UnreadableSwipe(InputError):
    """A reader's message that cannot be read; `fault` says why. It repeats nothing of what the message said.

    `reader` is empty while nobody has said whose message it is.
    """

    def __init__(self, fault: Fault, what: Text, *, where: str = "", next_step: Text | None = None) -> None:
        super().__init__(what, where=where, next_step=next_step)
        self.fault = fault
        self.reader = ""

    def of(self, reader: str) -> Self:
        """Say whose message it was: the reader's name then stands before the member that is wrong."""
        self.reader = reader
        self.where = f"{reader}: {self.where}" if self.where else reader
        return self


class CardMismatch(UnreadableSwipe):
    """A card number that is not as the reader's rule says; `setting` is the key of the rule to look at."""

    def __init__(self, setting: str, what: Text, next_step: Text) -> None:
        super().__init__(Fault.CARD, what, next_step=next_step)
        self.setting = setting


class CardNumber:
    """A raw card number in canonical form: printing, formatting and logging show dots, and it is not pickled.

    Only :meth:`reveal` gives it, for the one call that turns it into a pseudonym. ValueError for any other text.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not _CANONICAL.fullmatch(text):
            raise ValueError("a card number is 3 to 10 bytes in capital hex digits")
        self._text = text

    def reveal(self) -> str:
        """Give the canonical text: "04A1B2C3"."""
        return self._text

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self._text) // 2

    def __repr__(self) -> str:
        return "CardNumber(•••)"

    def __str__(self) -> str:
        return "•••"

    def __format__(self, _: str) -> str:
        return "•••"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CardNumber):
            return NotImplemented
        return self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card number is not pickled")


class Digits(StrEnum):
    """How a reader writes a number."""

    HEX = "hex"  # every byte as two digits, perhaps with one mark between bytes: 04A1B2C3, 04-a1-b2-c3
    HEX_NUMBER = "hex-number"  # one number, zeros in front dropped: 4A1B2C3
    HEX_UNPADDED = "hex-unpadded"  # every byte for itself, its zero in front dropped (ESP-RFID 1)
    DECIMAL = "dec"  # one number: 77705923, 0077705923
    FACILITY = "facility"  # facility code and number in decimal: 081,12345 or 08112345


class Order(StrEnum):
    """Whether the reader gives the bytes as the card does, or the last one first."""

    AS_READ = "as-read"
    REVERSED = "reversed"


#: Bytes of a UID, or a Wiegand layout.
CardLength = int | Wiegand


@dataclass(frozen=True, slots=True)
class CardRule:
    """How one reader's numbers are to be read.

    `length` is what its cards have: 3 to 10 bytes, or a Wiegand layout. `parity`: the number still has both parity bits
    (they are checked, and dropped). `facility`: the reader sends the number alone, and all cards have this code.
    Raises ConfigError, whose `where` is the setting, for settings that exclude each other.
    """

    length: CardLength = 4
    digits: Digits = Digits.HEX
    order: Order = Order.AS_READ
    parity: bool = False
    facility: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if not isinstance(self.length, Wiegand):
            if not SHORTEST <= self.length <= LONGEST:
                raise _unfit("length", t("a card number has {low} to {high} bytes", low=SHORTEST, high=LONGEST))
            if self.parity or self.facility is not None or self.digits is Digits.FACILITY:
                raise _unfit("length", t("parity and facility codes belong to Wiegand numbers"))
            return
        if self.order is Order.REVERSED and self.length is Wiegand.W37:
            raise _unfit("order", t("35 bits are no whole bytes: they have no reversed order"))
        if self.digits is Digits.HEX_UNPADDED:
            raise _unfit("digits", t("'hex-unpadded' is how UIDs are written, not Wiegand numbers"))
        if self.digits is Digits.FACILITY and (self.parity or self.order is Order.REVERSED):
            raise _unfit("digits", t("facility code and number come without parity bits, and in their order"))
        if self.facility is not None:
            if self.digits is Digits.FACILITY or self.parity or self.order is Order.REVERSED:
                raise _unfit("facility", t("the facility code is set here only for readers that send the number alone"))
            if not 0 <= self.facility < 1 << self.length.facility_bits:
                raise _unfit("facility", t("the facility code has at most {bits} bits", bits=self.length.facility_bits))

    @property
    def data_bits(self) -> int:
        """Bits of the number, without parity."""
        return self.length.bits - 2 if isinstance(self.length, Wiegand) else 8 * self.length

    @property
    def size(self) -> int:
        """Bytes of the canonical number."""
        return (self.data_bits + 7) // 8


def read_length(text: str) -> CardLength:
    """Read the setting `length`: "4" (bytes) or "wiegand-26"; raises InputError for any other text."""
    wanted = text.strip().lower()
    if wanted in set(Wiegand):
        return Wiegand(wanted)
    if _DECIMAL.fullmatch(wanted) and len(wanted) <= 2 and SHORTEST <= int(wanted) <= LONGEST:
        return int(wanted)
    raise InputError(
        t("{text} is no length of a card number", text=shown(text)),
        next_step=t("write the bytes of a UID (4, 7 or 10), or wiegand-26, wiegand-34 or wiegand-37"),
    )


def normalise(given: str | int, rule: CardRule) -> CardNumber:
    """Give the canonical number for what a reader sent; raises CardMismatch when it is not as the rule says."""
    if isinstance(given, int):
        if rule.digits not in (Digits.DECIMAL, Digits.FACILITY):
            raise _mismatch("digits", t("the reader sends a decimal number"), t('set digits = "dec" for this reader'))
        if not 0 <= given < 1 << 128:
            raise _too_large(rule)
        given = str(given)
    text = given.strip(" ")
    if not text or len(text) > MAX_TEXT:
        raise _mismatch("digits", t("the reader sends no card number"), t("look at what this reader sends"))
    value = _READ[rule.digits](text, rule)
    if rule.parity and isinstance(rule.length, Wiegand):
        value = _without_parity(value, rule.length)
    elif rule.facility is not None and isinstance(rule.length, Wiegand):
        value = _joined(rule.facility, value, rule.length)
    if value >> rule.data_bits:
        raise _too_large(rule)
    if value == 0:
        # A reader's misread (Tasmota after a parity error), never a card: all such swipes would be one person's.
        raise _mismatch("digits", t("the card number is zero"), t("swipe again; when it stays so, check the wiring"))
    raw = value.to_bytes(rule.size, "big")
    return CardNumber((raw[::-1] if rule.order is Order.REVERSED else raw).hex().upper())


def pack(layout: Wiegand, facility: int, number: int) -> CardNumber:
    """Give the card number for a facility code and a number, as they are printed on a card; raises CardMismatch."""
    if not 0 <= facility < 1 << layout.facility_bits:
        raise _too_large_facility(layout)
    rule = CardRule(layout, Digits.DECIMAL)
    return normalise(_joined(facility, number, layout), rule)


def unpack(card: CardNumber, layout: Wiegand) -> tuple[int, int]:
    """Give facility code and number of a card; raises CardMismatch for a card that cannot have this layout."""
    rule, value = CardRule(layout, Digits.DECIMAL), int(card.reveal(), 16)
    if card.size != rule.size or value >> rule.data_bits:
        raise _too_large(rule)
    return value >> layout.number_bits, value & ((1 << layout.number_bits) - 1)


def on_wire(card: CardNumber, layout: Wiegand) -> int:
    """Give the bits as a Wiegand line carries them, parity bits included; raises CardMismatch as :func:`unpack`."""
    unpack(card, layout)
    return with_parity(int(card.reveal(), 16), layout)


def _without_parity(value: int, layout: Wiegand) -> int:
    if value >> layout.bits:
        raise _mismatch(
            "length",
            t("the number has more than the {bits} bits of {layout}", bits=layout.bits, layout=layout.value),
            t("set length for this reader to what its cards have"),
        )
    data = (value >> 1) & ((1 << (layout.bits - 2)) - 1)
    if with_parity(data, layout) != value:
        raise _mismatch(
            "parity",
            t("the parity bits do not fit the number"),
            t("swipe again; when it stays so, set parity = false, or another length, for this reader"),
        )
    return data


def _joined(facility: int, number: int, layout: Wiegand) -> int:
    if not 0 <= number < 1 << layout.number_bits:
        raise _mismatch(
            "facility",
            t("the number behind the facility code has more than {bits} bits", bits=layout.number_bits),
            t("the reader sends the facility code too, or the length is another: compare with a card's print"),
        )
    return facility << layout.number_bits | number


def _hex(text: str, rule: CardRule) -> int:
    if not _HEX_BYTES.fullmatch(text):
        raise _not_hex()
    digits = re.sub(r"[-: ]", "", text)
    bits = rule.length.bits if rule.parity and isinstance(rule.length, Wiegand) else rule.data_bits
    if len(digits) != (wanted := (bits + 7) // 8 * 2):
        raise _mismatch(
            "length",
            t("the reader sends {count} hex digits, and its rule says {wanted}", count=len(digits), wanted=wanted),
            t('set length for this reader to what its cards have; without zeros in front it is digits = "hex-number"'),
        )
    return int(digits, 16)


def _hex_number(text: str, _: CardRule) -> int:
    if not _HEX.fullmatch(text):
        raise _not_hex()
    return int(text, 16)


def _hex_unpadded(text: str, rule: CardRule) -> int:
    if not _HEX.fullmatch(text):
        raise _not_hex()
    if len(text) == 2 * rule.size:
        return int(text, 16)
    if len(text) == rule.size:
        return int("".join(f"0{digit}" for digit in text), 16)
    raise _mismatch(
        "digits",
        t("the reader drops zeros inside the number: {count} digits may be of several cards", count=len(text)),
        t("update the reader's firmware, or take another card; it is never guessed"),
    )


def _decimal(text: str, _: CardRule) -> int:
    if not _DECIMAL.fullmatch(text):
        raise _mismatch(
            "digits", t("the reader does not send a decimal number"), t('set digits = "hex" for this reader')
        )
    return int(text)


def _facility(text: str, rule: CardRule) -> int:
    layout = rule.length
    assert isinstance(layout, Wiegand)
    if pair := _PAIR.fullmatch(text):
        facility, number = int(pair[1]), int(pair[2])
    elif layout is Wiegand.W37:
        raise _mismatch(
            "digits",
            t("a facility code and a number of 37 bits need a mark between them"),
            t('set digits = "dec", or let the reader write 123,45678'),
        )
    else:
        # The number takes five decimal places (65535), the facility code stands before them: UHPPOTE, printed cards.
        facility, number = divmod(_decimal(text, rule), 100_000)
    if facility >> layout.facility_bits:
        raise _too_large_facility(layout)
    if number >> layout.number_bits:
        raise _mismatch(
            "digits",
            t("the last five places are no number of {bits} bits", bits=layout.number_bits),
            t('the reader sends one whole number: set digits = "dec" for it'),
        )
    return facility << layout.number_bits | number


_READ = {
    Digits.HEX: _hex,
    Digits.HEX_NUMBER: _hex_number,
    Digits.HEX_UNPADDED: _hex_unpadded,
    Digits.DECIMAL: _decimal,
    Digits.FACILITY: _facility,
}


def _mismatch(setting: str, what: Text, next_step: Text) -> CardMismatch:
    return CardMismatch(setting, what, next_step)


def _not_hex() -> CardMismatch:
    return _mismatch(
        "digits",
        t("the reader does not send whole bytes in hex digits"),
        t("set digits for this reader: dec, facility"),
    )


def _too_large(rule: CardRule) -> CardMismatch:
    return _mismatch(
        "length",
        t("the card number does not fit into {bits} bits", bits=rule.data_bits),
        t("set length for this reader to what its cards have; with parity bits in it, parity = true"),
    )


def _too_large_facility(layout: Wiegand) -> CardMismatch:
    return _mismatch(
        "digits",
        t("the facility code does not fit into {bits} bits", bits=layout.facility_bits),
        t('the reader sends one whole number: set digits = "dec" for it, or another length'),
    )


def _unfit(setting: str, what: Text) -> ConfigError:
    return ConfigError(what, where=setting, next_step=t("correct the rule of this reader's card numbers"))

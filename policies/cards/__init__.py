"""Cards and swipes: what a reader tells, and how the many spellings of a card number become one."""

from policies.cards.number import (
    CardLength,
    CardMismatch,
    CardNumber,
    CardRule,
    Digits,
    Fault,
    Order,
    UnreadableSwipe,
    normalise,
    read_length,
)
from policies.cards.swipe import CHINA, ReaderConfig, Swipe
from policies.cards.wiegand import Wiegand

__all__ = [
    "CHINA",
    "CardLength",
    "CardMismatch",
    "CardNumber",
    "CardRule",
    "Digits",
    "Fault",
    "Order",
    "ReaderConfig",
    "Swipe",
    "UnreadableSwipe",
    "Wiegand",
    "normalise",
    "read_length",
]

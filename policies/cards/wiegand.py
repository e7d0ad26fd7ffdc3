"""Wiegand numbers: a facility code and a number between two parity bits.

H10301 has 26 bits (8 of facility, 16 of number), H10306 34 (16, 16), H10304 37 (16, 19). The bit before the data makes
the ones of its first half even, the one behind makes those of the second half odd; of 35 bits the middle one counts in
both. Other layouts of the same lengths exist (34 as 8 and 24, 37 with a maker's code): only their split differs, or
they do not fit and their parity says so.
"""

from __future__ import annotations

from enum import StrEnum


class Wiegand(StrEnum):
    """A Wiegand layout; the value is what the setting `length` says."""

    W26 = "wiegand-26"
    W34 = "wiegand-34"
    W37 = "wiegand-37"

    @property
    def bits(self) -> int:
        """Bits on the wire, both parity bits included."""
        return int(self.value[-2:])

    @property
    def number_bits(self) -> int:
        """Bits of the number behind the facility code."""
        return {Wiegand.W26: 16, Wiegand.W34: 16, Wiegand.W37: 19}[self]

    @property
    def facility_bits(self) -> int:
        """Bits of the facility code."""
        return self.bits - 2 - self.number_bits


def with_parity(value: int, layout: Wiegand) -> int:
    """Give the bits of a line for the data `value`: a parity bit before it, and one behind."""
    data = layout.bits - 2
    odd = ((value & ((1 << (data + 1) // 2) - 1)).bit_count() & 1) ^ 1
    return even_parity(value, layout) << (data + 1) | value << 1 | odd


def even_parity(value: int, layout: Wiegand) -> int:
    """Give the parity bit that stands before the data `value`."""
    data = layout.bits - 2
    return (value >> (data // 2)).bit_count() & 1

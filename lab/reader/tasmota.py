"""Tasmota, after its source code (xsns_80_mfrc522.ino, xsns_82_wiegand.ino): local time without a zone."""

from __future__ import annotations

import json

from lab.reader.tap import Sent, Tap, with_parity

TOPIC = "tele/gate/SENSOR"


def rc522(tap: Tap, *, verbose: bool = False) -> Sent:
    """Give an RC522's message; `verbose`: a build that also tells data and type."""
    told: dict[str, object] = {"UID": tap.card.uid.hex().upper()}
    if verbose:
        told |= {"Data": "", "Type": "MIFARE 1KB"}
    return _sensor(tap, "RC522", told)


def wiegand(tap: Tap, bits: int = 26, *, hexadecimal: bool = False, before_2022: bool = False) -> Sent:
    """Give a Wiegand reader's message; `hexadecimal` is SetOption123.

    `before_2022`: firmware that left the first parity bit in a number of 34 bits.
    """
    data = tap.card.w26 if bits == 26 else tap.card.w34
    if before_2022 and bits == 34:
        data = with_parity(data, bits) >> 1
    told: dict[str, object] = {"UID": f"{data:X}h" if hexadecimal else data, "Size": bits}
    return _sensor(tap, "Wiegand", told)


def key(tap: Tap, digit: int) -> Sent:
    """Give a key that was typed at a Wiegand keypad."""
    return _sensor(tap, "Wiegand", {"UID": digit, "Size": 4})


def _sensor(tap: Tap, name: str, told: dict[str, object]) -> Sent:
    whole = {"Time": f"{tap.at:%Y-%m-%dT%H:%M:%S}", name: told}
    return Sent(TOPIC, json.dumps(whole, separators=(",", ":")).encode())

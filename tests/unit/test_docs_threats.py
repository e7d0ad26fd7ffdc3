"""What the USB gate cannot cover is told to whoever relies on it: no test can prove that it is stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

THREATS = Path(__file__).parents[2] / "docs/threats.md"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("behind what is on USB", ("behind* a bound wireless dongle", "PS/2", "Bluetooth or I2C")),
        ("the first exchange", ("(EP0)", "charge-only", "descriptors before anything is authorised")),
        ("root", ("Root on the terminal", "`gate.foreign_authorise`", "stops the agent")),
        ("a perfect copy", ("copies another one's identity", "needs its own encryption")),
    ],
)
def test_a_limit_of_usb_authorization_is_told(limit: str, words: tuple[str, ...]) -> None:
    told = THREATS.read_text("utf-8").partition("## What the USB gate cannot cover")[2]
    missing = [each for each in words if each not in " ".join(told.split())]
    assert not missing, limit

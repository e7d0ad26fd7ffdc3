"""The agent on a real kernel: what a swipe opens, and how it shuts."""

from __future__ import annotations

import pytest

from lab.terminal.sealed import Sealed
from tests.lab.terminal_usb import appears, never, vanishes

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]


@pytest.mark.clause("7.2b")
def test_a_stick_opens_for_a_grant_and_shuts_at_its_end(sealed: Sealed) -> None:
    guest = sealed.guest
    guest.plug("usb-storage", "stick", "1", drive=guest.disk("stick"), serial="S-1")
    guest.until(lambda: "usb.blocked" in sealed.kinds())
    never(guest, "/dev/sda")
    assert sealed.grant(seconds=15).code == 0
    appears(guest, "/dev/sda")
    vanishes(guest, "/dev/sda")
    guest.until(lambda: "lease.ended" in sealed.kinds())
    kinds = sealed.kinds()
    assert kinds.index("lease.opened") < kinds.index("usb.opened") < kinds.index("usb.relocked")
    sealed.verify([each.raw for each in sealed.events()])


@pytest.mark.clause("7.2c")
def test_a_bound_keyboard_that_is_pulled_is_an_alarm(sealed: Sealed) -> None:
    guest = sealed.guest
    guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
    guest.until(lambda: "1-2" in sealed.devices())
    assert sealed.ask("bind", "1-2", "键盘", "--role", "keyboard").code == 0
    appears(guest, "/dev/input/by-path/*usb*kbd")
    assert "tamper.removed" not in sealed.kinds()
    guest.unplug("keyboard")
    guest.until(lambda: "tamper.removed" in sealed.kinds())

"""A card reader that types, on a real kernel: bound to its port, taken by the agent, and read by nobody else."""

from __future__ import annotations

import pytest

from lab.terminal.sealed import Sealed
from tests.lab.terminal_usb import appears

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb, pytest.mark.clause("7.2b")]

NODE = "/dev/input/by-path/*usb*kbd"
#: Try to take the device from another process (EVIOCGRAB): 0 done, 16 somebody has it (EBUSY).
TAKE = """
import fcntl, glob, sys
try:
    fcntl.ioctl(open(glob.glob(sys.argv[1])[0], "rb"), 0x40044590, 1)
except OSError as error:
    sys.exit(error.errno)
"""


def types(sealed: Sealed, text: str) -> None:
    """Type at the guest's keyboard, as a reader does: quickly, with Enter at the end."""
    for each in (*text.lower(), "ret"):
        sealed.guest.qmp("send-key", keys=[{"type": "qcode", "data": each}], hold_time=1)


def takes(sealed: Sealed) -> int:
    return sealed.guest.sh(["python3", "-c", TAKE, NODE]).code


def codes(sealed: Sealed) -> list[str]:
    return [each.data["code"] for each in sealed.events() if each.kind == "offline.refused"]


@pytest.mark.parametrize("role", ["reader", "keyboard"])
def test_what_a_bound_reader_types_is_presented_and_a_keyboard_is_left_alone(sealed: Sealed, role: str) -> None:
    guest = sealed.guest
    guest.plug("usb-kbd", "typing", "2", serial="K-1")
    guest.until(lambda: "1-2" in sealed.devices())
    sealed.bind("1-2", "desk", role)
    appears(guest, NODE)
    if role == "keyboard":
        types(sealed, "04a1b2c3")
        assert takes(sealed) == 0
        assert codes(sealed) == []
        return
    guest.until(lambda: takes(sealed) == 16)
    types(sealed, "04a1b2c3")
    guest.until(lambda: codes(sealed) == ["connected"])  # no broker is declared, so nothing is ever allowed in advance
    assert "04a1b2c3" not in str([each.raw for each in sealed.events()]).lower()
    guest.unplug("typing")
    guest.until(lambda: "1-2" not in sealed.devices())
    assert sealed.answers()

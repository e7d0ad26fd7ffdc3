"""A card reader that types: what of its keys is a number, and which device is read at all."""

from __future__ import annotations

import os
import selectors
import struct
from pathlib import Path

import pytest

from agent.offline.reader import LONGEST, Readers, Typed
from policies.texts import t
from policies.usb import Decision, UsbBinding, UsbDevice, UsbIdentity, UsbRole

KEYS = {**{str(n): n + 1 for n in range(1, 10)}, "0": 11, "a": 30, "b": 48, "c": 46, "d": 32, "e": 18, "f": 33, "x": 45,
        "-": 12, "\n": 28}  # fmt: skip
IDENTITY = UsbIdentity("ffff", "0035", "", "ab" * 32)


def event(code: int, value: int = 1, kind: int = 1) -> bytes:
    return struct.pack("llHHi", 0, 0, kind, code, value)


def typed(text: str) -> bytes:
    """Give the events of keys that are pressed and let go, each with the kernel's mark behind it."""
    return b"".join(event(KEYS[each]) + event(0, 0, 0) + event(KEYS[each], 0) + event(0, 0, 0) for each in text)


class TestTyped:
    def test_a_number_ends_with_enter(self) -> None:
        reader = Typed()
        assert reader.take(typed("0077705923\n04a1"), 1.0) == ["0077705923"]
        assert reader.take(typed("b2-c3\n"), 1.5) == ["04A1B2-C3"]

    def test_shift_says_nothing_and_a_key_that_is_held_counts_once(self) -> None:
        assert Typed().take(event(42) + typed("04") + event(KEYS["1"]) + event(KEYS["1"], 2) + typed("\n"), 1.0) == [
            "041"
        ]

    def test_what_is_no_number_is_dropped_as_a_whole(self) -> None:
        reader = Typed()
        assert reader.take(typed("12x34\n"), 1.0) == []
        assert reader.take(typed("1" * (LONGEST + 1) + "\n"), 1.0) == []
        assert reader.take(typed("\n\n"), 1.0) == []
        assert reader.take(typed("12\n"), 1.0) == ["12"]

    def test_what_a_hand_types_slowly_is_none(self) -> None:
        reader = Typed()
        assert reader.take(typed("12"), 1.0) == []
        assert reader.take(typed("34\n"), 2.5) == ["34"]

    def test_it_shows_no_number(self) -> None:
        reader = Typed()
        reader.take(typed("12345"), 1.0)
        assert "123" not in repr(reader)


def decided(*, allowed: bool = True, binding: str = "desk") -> Decision:
    device = UsbDevice("1-4", "pci-0000:00:14.0-usbv2-0:4", 7, IDENTITY, (), hub=False, authorized=True)
    return Decision(device, frozenset({0}) if allowed else frozenset(), "bound", t("x"), binding=binding)


def bound(role: UsbRole = UsbRole.READER) -> UsbBinding:
    return UsbBinding("desk", role, ("pci-0000:00:14.0-usbv2-0:4",), IDENTITY)


class Nodes:
    """The kernel's view of one reader at 1-4, its node a FIFO: no kernel would grab that."""

    def __init__(self, root: Path) -> None:
        (root / "sys/bus/usb/devices/1-4/1-4:1.0/0003:FFFF:0035.0001/input/input7/event3").mkdir(parents=True)
        (root / "dev/input").mkdir(parents=True)
        self.node = root / "dev/input/event3"
        os.mkfifo(self.node)
        self.heard: list[str] = []
        self.selector = selectors.DefaultSelector()
        self.readers = Readers(self.selector, self.heard.append, lambda: 1.0, root / "sys", root / "dev")

    def pump(self, data: bytes) -> None:
        handle = os.open(self.node, os.O_WRONLY | os.O_NONBLOCK)
        os.write(handle, data)
        for key, mask in self.selector.select(1.0):
            key.data(mask)
        os.close(handle)


class TestReaders:
    def test_a_device_that_cannot_be_taken_is_not_read(self, tmp_path: Path) -> None:
        nodes = Nodes(tmp_path)
        nodes.readers.follow([decided()], [bound()])
        assert not nodes.selector.get_map()
        with pytest.raises(OSError):
            nodes.pump(typed("12\n"))

    def test_the_numbers_of_one_that_is_taken_are_presented(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The kernel's part, the grab itself, is tried in the lab (test_lab_usb_reader.py)."""
        monkeypatch.setattr("agent.offline.reader.fcntl.ioctl", lambda *_: 0)
        nodes = Nodes(tmp_path)
        nodes.readers.follow([decided()], [bound()])
        nodes.pump(typed("04a1b2c3\n"))
        assert nodes.heard == ["04A1B2C3"]
        nodes.readers.follow([], [bound()])
        assert not nodes.selector.get_map()

    @pytest.mark.parametrize(
        ("decision", "binding"),
        [(decided(allowed=False), bound()), (decided(binding="other"), bound()), (decided(), bound(UsbRole.KEYBOARD))],
        ids=["refused", "another device", "a keyboard"],
    )
    def test_nothing_else_is_read(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decision: Decision, binding: UsbBinding
    ) -> None:
        monkeypatch.setattr("agent.offline.reader.fcntl.ioctl", lambda *_: 0)
        nodes = Nodes(tmp_path)
        nodes.readers.follow([decision], [binding])
        assert not nodes.selector.get_map()

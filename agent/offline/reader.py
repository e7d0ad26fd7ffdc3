"""A card reader that is bound to this terminal and types numbers as a keyboard does (a "keyboard wedge").

The agent takes such a device for itself (EVIOCGRAB, linux/input.h): what it types reaches no window and no console,
and nobody else reads it. One that cannot be taken is not read at all. A number ends with Enter; what comes slower than
a reader types is dropped, and so is what is longer than a number.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import selectors
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from policies.usb import Decision, UsbBinding, UsbRole

_log = logging.getLogger("portseal.agent")

#: Characters of the longest number, and seconds between two of them after which the first are dropped.
LONGEST, PAUSE = 64, 1.0
#: EVIOCGRAB of linux/input.h: _IOW('E', 0x90, int), the same on every architecture that the agent runs on.
_GRAB = 0x40044590
#: struct input_event: two longs of time, type, code, value.
_EVENT = struct.Struct("llHHi")
_KEY, _PRESSED, _ENTER = 1, 1, frozenset({28, 96})
#: Key codes (linux/input-event-codes.h) of what stands in card numbers; of letters only the hex digits.
_CODES = (
    dict(zip(range(2, 12), "1234567890", strict=True))
    | {82: "0", 79: "1", 80: "2", 81: "3", 75: "4", 76: "5", 77: "6", 71: "7", 72: "8", 73: "9"}
    | {30: "A", 48: "B", 46: "C", 32: "D", 18: "E", 33: "F", 12: "-", 51: ",", 39: ":"}
)
#: Keys that are held while others are typed; they say nothing by themselves.
_HELD = frozenset({42, 54, 58, 69})


@dataclass(slots=True)
class Typed:
    """What a reader has typed so far; it is in no repr."""

    text: str = field(default="", repr=False)
    last: float = 0.0
    spoilt: bool = False

    def take(self, data: bytes, now: float) -> list[str]:
        """Give the numbers that `data` (whole input events) completes; `now` is in seconds of any clock that rises."""
        found = []
        for _, _, kind, code, value in _EVENT.iter_unpack(data):
            if kind != _KEY or value != _PRESSED or code in _HELD:
                continue
            if now - self.last > PAUSE:
                self.text, self.spoilt = "", False
            self.last = now
            if code in _ENTER:
                if self.text and not self.spoilt:
                    found.append(self.text)
                self.text, self.spoilt = "", False
            elif code in _CODES and len(self.text) < LONGEST:
                self.text += _CODES[code]
            else:
                self.spoilt = True  # to drop one character would make another number
        return found


class Readers:
    """The bound readers of a terminal. `sysfs` and `dev` are where the kernel shows devices and their nodes."""

    def __init__(
        self, selector: selectors.BaseSelector, present: Callable[[str], object], clock: Callable[[], float],
        sysfs: Path = Path("/sys"), dev: Path = Path("/dev"),
    ) -> None:  # fmt: skip
        self._selector, self._present, self._clock = selector, present, clock
        self._devices, self._dev = sysfs / "bus/usb/devices", dev
        self._open: dict[Path, tuple[int, Typed]] = {}
        self._refused: set[Path] = set()

    def follow(self, decisions: Iterable[Decision], bindings: Iterable[UsbBinding]) -> None:
        """Take the readers that are plugged in now, and let go of those that are not; called after every look."""
        roles = {each.name: each.role for each in bindings}
        names = [each.device.name for each in decisions if each.allowed and roles.get(each.binding) is UsbRole.READER]
        nodes = {node for name in names for node in self._nodes(name)}
        for node in self._open.keys() - nodes:
            self._drop(node)
        self._refused &= nodes
        for node in nodes - self._open.keys() - self._refused:
            self._take(node)

    def close(self) -> None:
        """Let go of all of them."""
        for node in list(self._open):
            self._drop(node)

    def _nodes(self, name: str) -> list[Path]:
        found = self._devices.glob(f"{name}/{name}:*/*/input/input*/event*")
        return [self._dev / "input" / each.name for each in found]

    def _take(self, node: Path) -> None:
        try:
            handle = os.open(node, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return  # its node is not there yet, or not any more: the next look tries again
        try:
            fcntl.ioctl(handle, _GRAB, 1)
        except OSError as error:
            os.close(handle)
            self._refused.add(node)
            _log.error("%s: the card reader cannot be taken (%s), so it is not read", node, error.strerror)
            return
        self._open[node] = handle, Typed()
        self._selector.register(handle, selectors.EVENT_READ, lambda _: self._read(node))

    def _drop(self, node: Path) -> None:
        handle, _ = self._open.pop(node)
        self._selector.unregister(handle)
        with suppress(OSError):
            os.close(handle)

    def _read(self, node: Path) -> None:
        handle, typed = self._open[node]
        try:
            data = os.read(handle, 64 * _EVENT.size)
        except OSError as error:
            if error.errno != errno.EAGAIN:
                self._drop(node)  # pulled
            return
        for number in typed.take(data[: len(data) - len(data) % _EVENT.size], self._clock()):
            self._present(number)

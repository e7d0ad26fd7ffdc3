"""What the USB part of the agent tells: kinds and flat data, to be signed and spooled by others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.messages.event import MAX_LIST, Value
from policies.usb import UsbDevice

#: Seconds in which one kind of trouble at one place makes no second event; the next one says how often it came.
QUIET_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Moment:
    """When a pass runs: seconds of CLOCK_BOOTTIME, and the kernel's boot id."""

    now: float
    boot: str


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell: a kind of docs/agent.md, and its flat data."""

    kind: str
    data: Mapping[str, Value]


class Quiet:
    """Holds back what repeats itself: a fault that comes with every pass must not fill the spool."""

    def __init__(self) -> None:
        self._told: dict[str, tuple[float, int]] = {}

    def ask(self, key: str, now: float) -> int | None:
        """Give how many were held back since the last that passed, or None to hold this one back too."""
        last, held = self._told.get(key, (now - QUIET_SECONDS, 0))
        if 0 <= now - last < QUIET_SECONDS:
            self._told[key] = last, held + 1
            return None
        self._told[key] = now, 0
        return held

    def forget(self, now: float) -> None:
        """Drop what has long been quiet."""
        self._told = {key: kept for key, kept in self._told.items() if now - kept[0] < 10 * QUIET_SECONDS}


def described(device: UsbDevice) -> dict[str, Value]:
    """Give the fields by which every event names a device; `interfaces` are "class:subclass:protocol" in hex."""
    interfaces = sorted({f"{each.usb_class}:{each.subclass}:{each.protocol}" for each in device.interfaces})
    identity = device.identity
    return {
        "port": device.port, "name": device.name, "vid": identity.vendor_id, "pid": identity.product_id,
        "serial": identity.serial, "descriptors": identity.descriptors, "product": device.product,
        "interfaces": interfaces[:MAX_LIST],
    }  # fmt: skip

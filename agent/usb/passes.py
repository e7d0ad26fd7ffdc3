"""What enforcement remembers from pass to pass, and what one pass gathers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from agent.usb.events import Event, described
from agent.usb.sysfs import REREAD
from policies.messages.event import MAX_LIST, Value
from policies.texts import Text, t
from policies.usb import Decision, UsbAppearance, UsbDevice


@dataclass(slots=True)
class Seen:
    """What is remembered of an appearance.

    `wanted` is what was admitted (None: nothing), `got` what came up, `waiting` what no driver of its class has taken.
    `misled`: a driver of another class had taken a part of it, and it stays refused.
    """

    wanted: frozenset[int] | None = None
    got: frozenset[int] = frozenset()
    waiting: frozenset[int] = frozenset()
    lease: str = ""
    from_start: bool = False
    told: bool = False
    misled: bool = False
    withheld: frozenset[int] = frozenset()
    driverless_since: float | None = None
    driverless_told: bool = False
    probed: float = 0.0
    persist_read: int = -REREAD


@dataclass(slots=True)
class Work:
    """What one pass gathers; `first` until a whole scan was seen."""

    now: float
    first: bool
    problems: list[Text]
    events: list[Event] = field(default_factory=list)
    used: dict[str, tuple[UsbAppearance, ...]] = field(default_factory=dict)
    settled: bool = True


def reasons(decision: Decision) -> dict[str, Value]:
    """Give the members by which an event says what was decided of a device, and why."""
    return {
        **described(decision.device),
        "code": decision.code,
        "reason": str(decision.reason)[:400],
        "binding": decision.binding,
    }


def words(numbers: Iterable[int]) -> list[str]:
    """Give numbers as an event holds them."""
    return [str(each) for each in sorted(numbers)][:MAX_LIST]


def differs(decision: Decision, seen: Seen) -> bool:
    """Tell whether a device that is allowed is not open as it should be."""
    device = decision.device
    return (
        device.authorized is not True
        or seen.wanted != decision.interfaces
        or device.released != seen.got
        or not device.released <= decision.interfaces
    )


def one_each(devices: Sequence[UsbDevice], decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Give one decision for each device, in the devices' order: none is a denial, and of two the stricter counts."""
    found: dict[str, Decision] = {}
    for each in decisions:
        other = found.get(each.device.name)
        found[each.device.name] = (
            each if other is None else replace(each, interfaces=each.interfaces & other.interfaces)
        )
    nothing: frozenset[int] = frozenset()
    undecided = t("nothing was decided about it")
    return tuple(found.get(each.name) or Decision(each, nothing, "unknown", undecided) for each in devices)

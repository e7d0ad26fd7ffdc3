"""The wake-up: uevents of a made-up USB through libudev, and a real kernel's netlink socket that runs over."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.usb.monitor import AGAIN_SECONDS, HEARTBEAT_SECONDS, PATIENCE_SECONDS, Monitor, Pulse
from tests.replay.umockdev_bed import Bed, in_bed


class Hand:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def readable(monitor: Monitor, seconds: float = 2.0) -> bool:
    return bool(select.select([monitor], [], [], seconds)[0])


def wakes(bed: Bed) -> Any:
    hub = bed.bus()
    monitor = Monitor(lambda token: True)
    told = [readable(monitor, 0), monitor.drain()]
    stick = bed.plug(hub, "1-1", "0781", "5567", b"")
    told += [readable(monitor), monitor.drain(), readable(monitor, 0), monitor.drain()]
    bed.unplug(stick)
    told += [readable(monitor), monitor.drain()]
    return told


def test_plugging_and_unplugging_wake_it_and_silence_does_not() -> None:
    assert in_bed(wakes) == [False, False, True, True, False, False, True, True]


def others(bed: Bed) -> Any:
    """Foreign events in front must not hide ours: pyudev's poll gives None for each, as for an empty queue."""
    hub = bed.bus()
    disk = bed.add("block", "sda")
    monitor = Monitor(lambda token: True)
    for _ in range(3):
        bed.uevent(disk, "change")
    foreign = monitor.drain()
    for _ in range(3):
        bed.uevent(disk, "change")
    bed.uevent(hub, "change")
    bed.uevent(disk, "change")
    return [foreign, monitor.drain(), readable(monitor, 0)]


def test_other_subsystems_do_not_wake_it_and_hide_nothing() -> None:
    assert in_bed(others) == [False, True, False]


def flood(bed: Bed) -> Any:
    hub = bed.bus()
    monitor = Monitor(lambda token: True)
    woken = 0
    for _ in range(500):
        for _ in range(4):
            bed.uevent(hub, "change")
        woken += monitor.drain()
    quiet = monitor.drain()
    bed.plug(hub, "1-1", "0781", "5567", b"")
    return [woken, quiet, monitor.drain(), [each.kind for each in monitor.events()]]


def test_two_thousand_events_do_not_stop_it() -> None:
    assert in_bed(flood) == [500, False, True, []]


def heartbeat(bed: Bed) -> Any:
    hub, clock = bed.bus(), Hand()
    sent: list[str] = []

    def pulse(token: str) -> bool:
        sent.append(token)
        bed.uevent(hub, "change", SYNTH_UUID=token)
        return True

    monitor = Monitor(pulse, clock)
    told: list[Any] = []
    for _ in range(3):
        clock.now += HEARTBEAT_SECONDS + 1
        told.append([monitor.beat(), readable(monitor), monitor.drain()])
        clock.now += PATIENCE_SECONDS + 1
        told.append(monitor.beat())
    bed.uevent(hub, "change", SYNTH_UUID="another")
    return [told, len(sent), [each.kind for each in monitor.events()], monitor.drain()]


def test_a_heartbeat_that_comes_back_is_no_reason_to_look_and_no_alarm() -> None:
    told, sent, events, woken = in_bed(heartbeat)
    assert told == [[False, True, False], False] * 3
    assert (sent, events, woken) == (3, [], True)


def deaf(bed: Bed) -> Any:
    hub, clock = bed.bus(), Hand()
    silent = [True]

    def pulse(token: str) -> bool:
        if not silent:
            bed.uevent(hub, "change", SYNTH_UUID=token)
        return True

    monitor = Monitor(pulse, clock)
    number = monitor.fileno()
    clock.now += AGAIN_SECONDS
    sent = monitor.beat()
    clock.now += PATIENCE_SECONDS
    dead = monitor.beat()
    events = [(each.kind, each.data["cause"]) for each in monitor.events()]
    silent.clear()
    clock.now += AGAIN_SECONDS
    monitor.beat()
    alive = [readable(monitor), monitor.drain(), monitor.beat(), [each.kind for each in monitor.events()]]
    bed.plug(hub, "1-1", "0781", "5567", b"")
    return [sent, dead, events, alive, monitor.drain(), number == monitor.fileno()]


def test_a_heartbeat_that_does_not_come_back_is_told_and_the_monitor_made_anew() -> None:
    lost = ["monitor.lost", "a heartbeat did not come back"]
    assert in_bed(deaf) == [False, True, [lost], [True, False, False, []], True, True]


def closed(bed: Bed) -> Any:
    """Somebody closes the socket: nothing is readable any more, and nothing raises."""
    hub, clock = bed.bus(), Hand()
    monitor = Monitor(lambda token: True, clock)
    os.close(monitor._fd)
    silence = [readable(monitor, 0), monitor.drain()]
    clock.now += AGAIN_SECONDS
    monitor.beat()
    clock.now += PATIENCE_SECONDS
    again = monitor.beat()
    bed.plug(hub, "1-1", "0781", "5567", b"")
    return [silence, again, readable(monitor), monitor.drain(), [each.kind for each in monitor.events()]]


def taken(bed: Bed) -> Any:
    """As above, and somebody else has got the number of the file since: it must not be closed to him."""
    bed.bus()
    clock = Hand()
    monitor = Monitor(lambda token: True, clock)
    number = monitor._fd
    os.close(number)
    theirs = os.open("/dev/null", os.O_RDONLY)
    clock.now += AGAIN_SECONDS
    monitor.beat()
    clock.now += PATIENCE_SECONDS
    again = monitor.beat()
    return [theirs == number, again, os.read(theirs, 1) == b"", [each.kind for each in monitor.events()]]


def test_a_number_that_somebody_else_has_by_now_stays_his() -> None:
    assert in_bed(taken) == [True, True, True, ["monitor.lost"]]


def test_a_socket_that_was_closed_is_found_by_the_heartbeat() -> None:
    assert in_bed(closed) == [[False, False], True, True, True, ["monitor.lost"]]


def refused(bed: Bed) -> Any:
    clock = Hand()

    def pulse(token: str) -> bool:
        raise PermissionError(13, "not you")

    monitor = Monitor(pulse, clock)
    for _ in range(5):
        clock.now += 10
        monitor.beat()
    bare = Monitor(Pulse(bed.root / "nothing"), clock)
    clock.now += 100
    bare.beat()
    return [[each.data["cause"] for each in monitor.events()], [each.kind for each in bare.events()]]


def test_a_heartbeat_that_cannot_be_sent_is_told_and_a_machine_without_usb_needs_none() -> None:
    assert in_bed(refused) == [["no heartbeat can be sent (not you)"], []]


def pulse_file(bed: Bed) -> Any:
    hub = bed.bus()
    sent = Pulse()("0d3e0b3e-0000-4000-8000-000000000000")
    return [sent, (bed.root / hub.lstrip("/") / "uevent").read_text()]


def test_the_heartbeat_is_written_as_the_kernel_wants_it() -> None:
    assert in_bed(pulse_file) == [True, "change 0d3e0b3e-0000-4000-8000-000000000000"]


# A real kernel: netlink and synthetic events need no USB. `mem` (/dev/null) stands in for it.
NULL = Path("/sys/devices/virtual/mem/null/uevent")


def null_pulse(token: str) -> bool:
    NULL.write_text(f"change {token}", "ascii")
    return True


@pytest.fixture
def real() -> Iterator[Callable[..., Monitor]]:
    if not os.access(NULL, os.W_OK) or os.geteuid() != 0:
        pytest.skip("the kernel's uevents cannot be asked for here: run as root, with a writable /sys")
    made: list[Monitor] = []

    def make(**given: Any) -> Monitor:
        made.append(Monitor(given.pop("pulse", null_pulse), subsystem="mem", **given))
        return made[-1]

    yield make
    for each in made:
        each.close()


class TestRealKernel:
    def test_the_heartbeat_goes_through_the_kernel_and_back(self, real: Callable[..., Monitor]) -> None:
        clock = Hand()
        monitor = real(clock=clock)
        clock.now += AGAIN_SECONDS
        assert not monitor.beat()
        assert readable(monitor)
        assert not monitor.drain()
        clock.now += PATIENCE_SECONDS + 1
        assert not monitor.beat()
        assert monitor.events() == ()

    def test_a_queue_that_ran_over_is_told_once_and_goes_on(self, real: Callable[..., Monitor]) -> None:
        monitor = real(buffer=1)
        control = real(buffer=1 << 24)
        for _ in range(2000):
            null_pulse("00000000-0000-4000-8000-000000000000")
        assert monitor.drain()
        assert [each.data["cause"] for each in monitor.events()] == ["events came too fast"]
        while monitor.drain():
            pass
        assert not readable(monitor, 0)
        NULL.write_text("change", "ascii")
        assert readable(monitor)
        assert monitor.drain()
        assert monitor.events() == ()
        assert control.drain()
        assert control.events() == ()

    def test_a_flood_is_taken_in_pieces(self, real: Callable[..., Monitor]) -> None:
        monitor = real(buffer=1 << 24)
        for _ in range(2000):
            NULL.write_text("change", "ascii")
        drains = 0
        while monitor.drain():
            drains += 1
        assert drains == 2
        assert monitor.events() == ()

    def test_signals_do_not_disturb_it(self, real: Callable[..., Monitor]) -> None:
        monitor = real()
        before = signal.signal(signal.SIGALRM, lambda *_: None)
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        try:
            until = time.monotonic() + 0.3
            while time.monotonic() < until:
                NULL.write_text("change", "ascii")
                assert monitor.drain()
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        assert monitor.events() == ()

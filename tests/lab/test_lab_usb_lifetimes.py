"""What dies, floods, sleeps or loses the time while the gate is at work: leases end all the same, and nothing opens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent import units
from agent.usb.keeper import GRACE
from agent.usb.tamper import RESUME_SECONDS
from lab.terminal.fleet import golden
from lab.terminal.guest import Image
from lab.terminal.machine import Machine
from lab.terminal.sealed import COPY, Sealed, keeper
from lab.terminal.vm import Terminal
from policies.usb import STORAGE, Scope
from tests.lab.terminal_usb import DEVICES, appears, never, read, there, vanishes, write

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]

STICK, BOARD = f"{DEVICES}/2-1", f"{DEVICES}/1-2"
DISK, TYPING = "/dev/sda", "/sys/bus/hid/devices/*"
HOUR = 3600


def told(sealed: Sealed, kind: str, after: int = 0) -> list[dict[str, Any]]:
    """Give the data of the waiting events of this kind, with when they were told."""
    return [{**each.data, "uptime_ms": each.uptime_ms} for each in sealed.events(after) if each.kind == kind]


def last(sealed: Sealed) -> int:
    """Give the number of the last event."""
    return max((each.seq for each in sealed.events()), default=0)


def leased(sealed: Sealed, seconds: int, scope: Scope = COPY) -> float:
    """Plug a stick in and open it by a grant; gives the lease's end (the guest's CLOCK_BOOTTIME, in seconds)."""
    plug_stick(sealed.guest, "stick")
    sealed.guest.until(lambda: "2-1" in sealed.devices())
    assert sealed.swipe(scope, seconds)["ok"]
    appears(sealed.guest, DISK)
    (opened,) = told(sealed, "lease.opened")
    return float(opened["uptime_ms"] / 1000 + opened["seconds"])


def plug_stick(guest: Terminal, name: str, port: str = "1", content: bytes = b"", serial: str = "S-1") -> None:
    guest.plug("usb-storage", name, port, drive=guest.disk(name, content=content), serial=serial)


def bound_keyboard(sealed: Sealed) -> None:
    """Plug a keyboard in and bind it."""
    sealed.guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
    sealed.guest.until(lambda: "1-2" in sealed.devices())
    sealed.bind("1-2", "keyboard")


@pytest.mark.clause("7.2b")
class TestTheAgentDies:
    def test_started_again_in_a_lease_it_goes_on_with_it(self, sealed: Sealed) -> None:
        guest = sealed.guest
        ends = leased(sealed, 30)
        number = read(guest, f"{STICK}/devnum")
        sealed.stop()
        guest.plug("usb-kbd", "keyboard", "2")
        plug_stick(guest, "second", "3", serial="S-2")
        appears(guest, f"{DEVICES}/2-3")
        never(guest, "/dev/sdb")
        assert [read(guest, f"{DEVICES}/{each}/authorized") for each in ("1-2", "2-3")] == ["0", "0"]
        sealed.start_agent()
        assert there(guest, DISK)
        assert len(sealed.status()["leases"]) == 1
        assert (read(guest, f"{STICK}/devnum"), read(guest, f"{STICK}/authorized")) == (number, "1")
        guest.until(lambda: not there(guest, DISK), 50)
        assert guest.uptime() >= ends - 1
        guest.until(lambda: bool(told(sealed, "lease.ended")))
        assert [each["why"] for each in told(sealed, "lease.ended")] == ["expired"]
        assert len(told(sealed, "lease.opened")) == 1

    @pytest.mark.parametrize("signal", ["KILL", "STOP"])
    def test_the_keeper_ends_the_lease_in_its_place(self, signal: str, sealed: Sealed) -> None:
        guest = sealed.guest
        ends = leased(sealed, 14)
        sealed.stop("agent", signal)
        guest.plug("usb-kbd", "keyboard", "2")
        vanishes(guest, DISK)
        assert guest.uptime() >= ends
        assert read(guest, f"{STICK}/authorized") == "0"
        assert read(guest, f"{BOARD}/authorized") == "0"
        if signal == "KILL":
            sealed.start_agent()
        else:
            sealed.stop("agent", "CONT")
        guest.until(lambda: bool(told(sealed, "keeper.relocked")))
        # More than one when the agent was stopped amid a pass, and let the stick in once more as it went on.
        records = told(sealed, "keeper.relocked")
        for record in records:
            assert (record["name"], record["why"], record["authorized"]) == ("2-1", "ended", False)
        assert ends <= records[0]["at_ms"] / 1000 <= ends + GRACE + 10
        assert read(guest, f"{STICK}/authorized") == "0"
        assert [each["why"] for each in told(sealed, "lease.ended")] == ["expired"]

    def test_without_both_it_stays_open_until_one_of_them_is_back(self, sealed: Sealed) -> None:
        """The control of the test above."""
        ends = leased(sealed, 20)
        for each in ("agent", "keeper"):
            sealed.stop(each)
        assert sealed.guest.uptime() < ends
        sealed.guest.until(lambda: sealed.guest.uptime() > ends + GRACE + 3, 60)
        assert there(sealed.guest, DISK)
        sealed.start_keeper()
        vanishes(sealed.guest, DISK)


def kill_udev(guest: Terminal) -> None:
    guest.ok(
        "for each in /proc/[0-9]*; do read -r name < $each/comm || continue; "
        'case "$name" in *udev*) kill -9 ${each#/proc/};; esac; done 2> /dev/null; true'
    )
    guest.until(lambda: guest.sh("grep -l udev /proc/[0-9]*/comm").code != 0)


class TestUdevDies:
    @pytest.mark.clause("7.2b")
    def test_with_modules_loaded_at_boot_everything_goes_on(self, sealed: Sealed) -> None:
        guest = sealed.guest
        boot = (Path(units.__file__).parent / "modules-load.conf").read_text("ascii").splitlines()
        assert all(there(guest, f"/sys/module/{each}") for each in boot if not each.startswith("#"))
        kill_udev(guest)
        bound_keyboard(sealed)
        appears(guest, TYPING)
        guest.unplug("keyboard")
        guest.until(lambda: "1-2" not in sealed.devices())
        guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        appears(guest, TYPING)
        plug_stick(guest, "stick")
        guest.until(lambda: "2-1" in sealed.devices())
        assert read(guest, f"{STICK}/authorized") == "0"
        assert sealed.swipe()["ok"]
        appears(guest, DISK)
        assert told(sealed, "udev.missing") == []

    def test_without_them_a_bound_keyboard_has_no_driver_and_that_is_told(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.ok("modprobe -r hid_generic usbhid")
        kill_udev(guest)
        bound_keyboard(sealed)
        guest.until(lambda: bool(told(sealed, "udev.missing")))
        assert read(guest, f"{BOARD}/authorized") == "1"
        assert not there(guest, f"{BOARD}:1.0/driver")
        guest.ok("modprobe -a usbhid hid_generic")
        appears(guest, TYPING)


#: Asks the kernel for uevents of a root hub, as fast as it can.
FLOOD = """
import sys
for _ in range(int(sys.argv[1])):
    with open("/sys/bus/usb/devices/usb2/uevent", "w") as file:
        file.write("change")
"""


def queue(guest: Terminal, process: str) -> tuple[int, int]:
    """Give how many bytes of uevents wait for a process, and how many events the kernel dropped (/proc/net/netlink)."""
    for line in guest.ok("cat /proc/net/netlink").splitlines()[1:]:
        fields = line.split()
        if fields[1:3] == ["15", process]:
            return int(fields[4]), int(fields[8])
    raise AssertionError(f"process {process} hears no uevents")


class TestFlood:
    @pytest.mark.clause("7.2b")
    def test_what_is_plugged_in_during_a_flood_is_judged(self, sealed: Sealed) -> None:
        guest = sealed.guest
        bound_keyboard(sealed)
        appears(guest, TYPING)
        guest.unplug("keyboard")
        guest.until(lambda: "1-2" not in sealed.devices())
        kill_udev(guest)  # it would be busy with the flood for minutes
        guest.put(FLOOD.encode(), "/run/flood.py")
        guest.ok("setsid python3 /run/flood.py 1000000 > /dev/null 2>&1 & echo $! > /run/flood.pid")
        guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        plug_stick(guest, "stick")
        appears(guest, TYPING)
        appears(guest, STICK)
        assert read(guest, f"{STICK}/authorized") == "0"
        guest.ok("kill -0 $(cat /run/flood.pid)")  # it was in the middle of it
        guest.sh("kill -9 $(cat /run/flood.pid)")
        guest.until(lambda: any(each["name"] == "2-1" for each in told(sealed, "usb.blocked")))
        assert sealed.swipe()["ok"]
        appears(guest, DISK)

    def test_a_queue_that_ran_over_is_told_and_the_monitor_hears_again(self, sealed: Sealed) -> None:
        guest = sealed.guest
        process = read(guest, "/run/agent.pid")
        guest.put(FLOOD.encode(), "/run/flood.py")
        sealed.stop("agent", "STOP")
        guest.ok("python3 /run/flood.py 6000", 90)
        waiting, dropped = queue(guest, process)
        assert waiting > 0  # the control: nobody hears now
        assert dropped > 0
        guest.plug("usb-kbd", "keyboard", "2")
        appears(guest, BOARD)
        sealed.stop("agent", "CONT")
        guest.until(lambda: bool(told(sealed, "monitor.lost")))
        assert [each["cause"] for each in told(sealed, "monitor.lost")] == ["events came too fast"]
        guest.until(lambda: any(each["name"] == "1-2" for each in told(sealed, "usb.blocked")))
        guest.until(lambda: queue(guest, process)[0] == 0)
        dropped = queue(guest, process)[1]
        guest.ok("python3 /run/flood.py 200")
        guest.until(lambda: queue(guest, process) == (0, dropped))
        assert len(told(sealed, "monitor.lost")) == 1


def set_clock(guest: Terminal, by: int) -> None:
    """Move the guest's clock by this many seconds."""
    guest.ok(f"date -s @$(($(date +%s) + {by}))")


@pytest.mark.clause("7.2b")
class TestClock:
    @pytest.mark.parametrize("hours", [3, -3])
    def test_a_clock_that_is_set_neither_ends_nor_lengthens_a_lease(self, hours: int, sealed: Sealed) -> None:
        guest = sealed.guest
        ends = leased(sealed, 20)
        before = last(sealed)
        set_clock(guest, hours * HOUR)
        kind = "clock.forward" if hours > 0 else "clock.back"
        guest.until(lambda: bool(told(sealed, kind, before)))
        (moved,) = told(sealed, kind, before)
        assert abs(moved["seconds"] - abs(hours) * HOUR) <= 2
        assert guest.uptime() < ends
        assert there(guest, DISK)
        vanishes(guest, DISK)
        guest.until(lambda: bool(told(sealed, "lease.ended")))
        (ended,) = told(sealed, "lease.ended")
        assert ends - 1 <= ended["uptime_ms"] / 1000 <= ends + GRACE + 3

    @pytest.mark.parametrize(("hours", "code"), [(-2, "issued_ahead"), (2, "expired")])
    def test_a_grant_outside_its_window_opens_nothing(self, hours: int, code: str, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_stick(guest, "stick")
        guest.until(lambda: "2-1" in sealed.devices())
        set_clock(guest, hours * HOUR)
        assert sealed.swipe()["exit_code"] == 4
        assert [each["code"] for each in told(sealed, "lease.refused")] == [code]
        assert read(guest, f"{STICK}/authorized") == "0"
        if hours < 0:  # the control: the right time, and a grant
            set_clock(guest, -hours * HOUR)
            assert sealed.swipe()["ok"]
            appears(guest, DISK)
            set_clock(guest, hours * HOUR)  # now it has seen a later time, by an accepted grant
            assert sealed.swipe(iat=1, nbf=1)["exit_code"] == 4
            assert [each["code"] for each in told(sealed, "lease.refused")] == [code, "clock_back"]

    def test_a_guest_restored_with_an_old_clock_takes_no_grant_until_it_is_right(
        self, terminal_image: Image, tmp_path: Path
    ) -> None:
        machine = Machine(terminal_image)
        with Terminal.further(golden(machine), machine, tmp_path) as guest:
            set_clock(guest, -HOUR)
            old = guest.save(tmp_path)
        with Sealed(Terminal.restore(old, set_clock=False)) as sealed:
            guest = sealed.guest
            assert float(guest.ok("date +%s")) < time.time() - HOUR / 2
            sealed.set_up()
            sealed.start()
            plug_stick(guest, "stick")
            guest.until(lambda: "2-1" in sealed.devices())
            assert sealed.swipe()["exit_code"] == 4
            assert [each["code"] for each in told(sealed, "lease.refused")] == ["issued_ahead"]
            assert read(guest, f"{STICK}/authorized") == "0"
            guest.ok(f"date -s @{int(time.time())}")
            assert sealed.swipe()["ok"]
            appears(guest, DISK)


@contextmanager
def asleep(guest: Terminal) -> Iterator[None]:
    """Let the guest sleep (suspend to RAM) for the time of the block, and for two seconds at least."""
    guest.ok("(sleep 0.3; echo mem > /sys/power/state) > /dev/null 2>&1 &")
    guest.until(lambda: guest.qmp("query-status")["status"] == "suspended")
    yield
    time.sleep(2)  # its clock for the time asleep counts whole seconds
    guest.qmp("system_wakeup")
    guest.ok("true", 60)


def content(guest: Terminal) -> str:
    return guest.ok(f"dd if={DISK} bs=4096 count=1 iflag=direct 2> /dev/null | head -c 6")


class TestSleep:
    @pytest.mark.clause("7.2b")
    def test_a_leased_stick_that_was_swapped_comes_back_shut_and_keyboards_raise_no_alarm(self, sealed: Sealed) -> None:
        guest = sealed.guest
        bound_keyboard(sealed)
        appears(guest, TYPING)
        leased(sealed, 110)
        assert read(guest, f"{STICK}/power/persist") == "0"
        number = read(guest, f"{STICK}/devnum")
        with asleep(guest):
            guest.unplug("stick")
            plug_stick(guest, "other", content=b"second")
        vanishes(guest, DISK)
        guest.until(lambda: bool(told(sealed, "power.resume")))
        resumed = guest.uptime()
        guest.until(lambda: read(guest, f"{STICK}/devnum") not in ("", number))
        appears(guest, TYPING)
        guest.until(lambda: guest.uptime() > resumed + RESUME_SECONDS + 2, 30)
        assert read(guest, f"{STICK}/authorized") == "0"
        assert sealed.devices()["2-1"]["code"] == "count"
        assert [each for each in sealed.kinds() if each.startswith("tamper.")] == []

    def test_a_stick_that_persists_is_swapped_without_a_sign(self, terminal: Terminal) -> None:
        """The control: the kernel's default, and what it takes for the same stick."""
        plug_stick(terminal, "stick", content=b"first ")
        appears(terminal, STICK)
        write(terminal, f"{STICK}/authorized", "1")
        appears(terminal, DISK)
        assert read(terminal, f"{STICK}/power/persist") == "1"
        assert content(terminal) == "first "
        before = [read(terminal, f"{STICK}/{name}") for name in ("devnum", "serial", "authorized")]
        with asleep(terminal):
            terminal.unplug("stick")
            plug_stick(terminal, "other", content=b"second")
        assert content(terminal) == "second"
        assert [read(terminal, f"{STICK}/{name}") for name in ("devnum", "serial", "authorized")] == before

    @pytest.mark.clause("7.2c")
    @pytest.mark.parametrize("put_back", [False, True])
    def test_a_bound_keyboard_pulled_or_swapped_in_sleep_is_an_alarm(self, put_back: bool, sealed: Sealed) -> None:
        guest = sealed.guest
        bound_keyboard(sealed)
        appears(guest, TYPING)
        with asleep(guest):
            guest.unplug("keyboard")
            if put_back:
                guest.plug("usb-kbd", "another", "2", serial="K-2")
        kind = "tamper.swapped" if put_back else "tamper.removed"
        guest.until(lambda: bool(told(sealed, kind)), 40)
        assert [each["bindings"] for each in told(sealed, kind)] == [["keyboard"]]
        assert not there(guest, TYPING)

    def test_no_lease_opens_while_the_machine_is_about_to_sleep(self, sealed: Sealed) -> None:
        guest = sealed.guest
        leased(sealed, 60, Scope(("*",), (STORAGE,), 2, "case"))
        assert sealed.finish("sleep", keeper("--before-sleep")) == 0
        vanishes(guest, DISK)
        guest.until(lambda: bool(told(sealed, "power.sleep")))
        never(guest, DISK)
        assert sealed.finish("sleep", keeper("--after-sleep")) == 0
        appears(guest, DISK)

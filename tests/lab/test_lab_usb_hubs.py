"""Bound devices pulled, moved and replugged, alone and with their hub; and what one grant opens behind a hub."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from lab.terminal.gadget import INNER, OUTER, plug_hubs
from lab.terminal.sealed import Sealed
from lab.terminal.vm import Terminal
from policies.messages.event import AgentEvent
from policies.usb import Scope
from tests.lab.terminal_usb import DEVICES, appears, read, there, vanishes

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]

#: The time in which a pulled device must be told of, in milliseconds: one second, and as much again for an emulated
#: processor that is busy.
SOON_MS = 2000


def opened(guest: Terminal) -> set[str]:
    """Name the devices that the kernel has admitted, but for the root hubs."""
    found = guest.sh(f"grep -l 1 {DEVICES}/[0-9]*/authorized").output
    return set(re.findall(r"devices/([0-9.-]+)/authorized", found))


def bind(sealed: Sealed, at: str, name: str, role: str = "keyboard") -> None:
    """Bind what is plugged in, as soon as it is there."""
    sealed.guest.until(lambda: at in sealed.devices())
    sealed.bind(at, name, role)
    sealed.guest.until(lambda: read(sealed.guest, f"{DEVICES}/{at}/authorized") == "1")


def tampers(sealed: Sealed) -> list[AgentEvent]:
    """Give the alarms about bound devices, in order."""
    return [each for each in sealed.events() if each.kind.startswith("tamper.")]


def first_tamper(sealed: Sealed) -> AgentEvent:
    """Wait for the first alarm, and give it."""
    sealed.guest.until(lambda: bool(tampers(sealed)))
    return tampers(sealed)[0]


def disconnected_ms(guest: Terminal, names: Sequence[str]) -> int:
    """Give when the kernel first saw one of these leave, in milliseconds of CLOCK_BOOTTIME: its log has its own."""
    up = float(guest.ok("echo portseal-mark > /dev/kmsg; cat /proc/uptime").split()[0])
    log = guest.ok("dmesg")
    stamps = {text: float(at) for at, text in re.findall(r"^\[ *([0-9.]+)\] (.*)$", log, re.MULTILINE)}
    left = [at for text, at in stamps.items() for name in names if text.startswith(f"usb {name}: USB disconnect")]
    assert left
    return round(1000 * (min(left) + up - stamps["portseal-mark"]))


@pytest.mark.clause("7.2b")
class TestAHubFullOfDevices:
    def test_a_grant_for_two_opens_the_hub_and_one_device_behind_it(self, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_hubs(guest, 3)
        guest.until(lambda: OUTER in sealed.devices())
        # Behind a hub that is refused, nothing is even there.
        assert sealed.offer(sealed.token(Scope(("*",), ("03", "08"), 16, "case")))["ok"]
        guest.until(lambda: sealed.devices()[OUTER]["code"] == "hub")
        assert opened(guest) == set()
        sealed.talk({"do": "relock"})
        assert sealed.offer(sealed.token(Scope(("*",), ("03", "08", "09"), 2, "case")))["ok"]
        guest.until(lambda: {"1-1.1", "1-1.2", "1-1.3", INNER} <= sealed.devices().keys(), 40)
        assert [each.data["name"] for each in sealed.events() if each.kind == "usb.opened"] == [OUTER, "1-1.1"]
        assert opened(guest) == {OUTER, "1-1.1"}
        assert {each["code"] for name, each in sealed.devices().items() if name not in opened(guest)} == {"count"}

    def test_sixteen_is_the_most_however_much_is_granted(self, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_hubs(guest, 14)
        guest.plug("usb-kbd", "further", "2", serial="K-further")
        guest.plug("usb-kbd", "last", "3", serial="K-last")
        guest.until(lambda: OUTER in sealed.devices())
        everything = Scope(("*",), ("03", "08", "09"), 16, "maintenance")
        assert sealed.offer(sealed.token(everything, 120))["ok"]
        assert sealed.offer(sealed.token(everything, 120))["ok"]
        guest.until(lambda: len(sealed.devices()) == 18, 90)
        guest.until(lambda: len(opened(guest)) == 16, 60)
        shut = [each for each in sealed.devices().values() if not each["allowed"]]
        assert [each["code"] for each in shut] == ["cap", "cap"]
        order = [each.data["name"] for each in sealed.events() if each.kind == "usb.opened"]
        inner = [each for each in order if each.startswith(f"{INNER}.")]
        assert order.index(OUTER) < order.index(INNER) < min(map(order.index, inner))
        sealed.talk({"do": "relock"})
        guest.until(lambda: not opened(guest), 40)


@pytest.mark.clause("7.2c")
class TestAHubThatIsPulled:
    def test_is_one_alarm_that_names_what_was_bound_behind_it(self, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_hubs(guest, 6)
        bind(sealed, OUTER, "hub", "hub")
        for number in (3, 4, 5, 6):
            bind(sealed, f"1-1.{number}", f"keyboard {number}")
        assert tampers(sealed) == []
        guest.unplug("outer")
        alarm = first_tamper(sealed)
        assert alarm.kind == "tamper.hub"
        assert alarm.data["bindings"] == ["hub", "keyboard 3", "keyboard 4", "keyboard 5", "keyboard 6"]
        assert alarm.data["port"].endswith(":1")
        assert alarm.uptime_ms - disconnected_ms(guest, [OUTER, "1-1.3"]) <= SOON_MS
        guest.ok("sleep 3")
        assert len(tampers(sealed)) == 1
        assert set(sealed.status()["away"]) == set(alarm.data["bindings"])

    def test_a_device_behind_a_hub_that_stays_is_told_by_itself(self, sealed: Sealed) -> None:
        guest = sealed.guest
        plug_hubs(guest, 4)
        bind(sealed, OUTER, "hub", "hub")
        bind(sealed, "1-1.3", "keyboard 3")
        bind(sealed, "1-1.4", "keyboard 4")
        guest.unplug("leaf2")
        alarm = first_tamper(sealed)
        assert (alarm.kind, alarm.data["bindings"]) == ("tamper.removed", ["keyboard 3"])


@pytest.mark.clause("7.2c")
class TestABoundDevice:
    def test_that_is_pulled_is_told_within_a_second_and_again_when_it_is_back(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        guest.plug("usb-mouse", "mouse", "3", serial="M-1")
        bind(sealed, "1-2", "keyboard")
        # Not bound: its going is no alarm.
        guest.unplug("mouse")
        vanishes(guest, f"{DEVICES}/1-3")
        assert tampers(sealed) == []
        guest.unplug("keyboard")
        alarm = first_tamper(sealed)
        assert (alarm.kind, alarm.data["bindings"]) == ("tamper.removed", ["keyboard"])
        assert alarm.uptime_ms - disconnected_ms(guest, ["1-2"]) <= SOON_MS
        guest.plug("usb-kbd", "back", "2", serial="K-1")
        guest.until(lambda: [each.kind for each in tampers(sealed)] == ["tamper.removed", "tamper.returned"])
        appears(guest, "/dev/input/by-path/*usb*kbd")

    def test_that_is_moved_is_an_alarm_and_stays_shut_there(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        bind(sealed, "1-2", "keyboard")
        # Another keyboard at another port is a stranger, and no alarm about the bound one.
        guest.plug("usb-kbd", "other", "4", serial="K-2")
        guest.until(lambda: any(each.kind == "usb.blocked" and each.data["name"] == "1-4" for each in sealed.events()))
        assert tampers(sealed) == []
        guest.unplug("keyboard")
        guest.plug("usb-kbd", "moved", "5", serial="K-1")
        guest.until(lambda: "tamper.moved" in [each.kind for each in tampers(sealed)])
        moved = next(each for each in tampers(sealed) if each.kind == "tamper.moved")
        assert (moved.data["bindings"], moved.data["name"]) == (["keyboard"], "1-5")
        assert opened(guest) == set()
        assert not there(guest, "/dev/input/by-path/*usb*kbd")

    def test_that_is_replugged_is_told_although_every_event_was_lost(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        bind(sealed, "1-2", "keyboard")
        sealed.stop("agent", "STOP")
        guest.ok("sleep 1.5")
        sealed.stop("agent", "CONT")
        sealed.status()
        assert tampers(sealed) == []
        number = read(guest, f"{DEVICES}/1-2/devnum")
        sealed.stop("agent", "STOP")
        guest.unplug("keyboard")
        vanishes(guest, f"{DEVICES}/1-2")
        guest.plug("usb-kbd", "again", "2", serial="K-1")
        appears(guest, f"{DEVICES}/1-2")
        assert read(guest, f"{DEVICES}/1-2/devnum") != number
        assert read(guest, f"{DEVICES}/1-2/authorized") == "0"
        sealed.stop("agent", "CONT")
        alarm = first_tamper(sealed)
        assert (alarm.kind, alarm.data["bindings"]) == ("tamper.replugged", ["keyboard"])
        appears(guest, "/dev/input/by-path/*usb*kbd")

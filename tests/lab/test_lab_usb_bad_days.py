"""Bad days of the agent on a real kernel: killed, without room, with a damaged memory. The gate stays shut.

Each time the bound keyboard goes on working, a stick that nobody granted stays refused, and what happened is told.
"""

from __future__ import annotations

import random
from contextlib import suppress

import pytest

from lab.terminal.sealed import Sealed
from lab.terminal.vm import Terminal
from policies.errors import EquipmentError
from tests.lab.terminal_usb import DEVICES, appears, never, read, there, vanishes

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb, pytest.mark.clause("7.2b")]

STATE, RUN = "/var/lib/portseal-agent", "/run/portseal-agent"
STICK, KEYBOARD = f"{DEVICES}/2-1", f"{DEVICES}/1-2"
TYPES = "/dev/input/by-path/*usb*kbd"


@pytest.fixture
def keyed(sealed: Sealed) -> Sealed:
    """Give a terminal with a bound keyboard, and a stick that is refused."""
    guest = sealed.guest
    guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
    plug_stick(guest)
    guest.until(lambda: {"1-2", "2-1"} <= sealed.devices().keys())
    sealed.bind("1-2", "keyboard")
    appears(guest, TYPES)
    return sealed


def plug_stick(guest: Terminal, name: str = "stick") -> None:
    guest.plug("usb-storage", name, "1", drive=guest.disk(name), serial="S-1")
    appears(guest, STICK)


def replug_keyboard(guest: Terminal, before: str, after: str) -> None:
    """Pull the bound keyboard and plug it in again: it must type."""
    guest.unplug(before)
    vanishes(guest, KEYBOARD)
    guest.plug("usb-kbd", after, "2", serial="K-1")
    appears(guest, TYPES)


def works_and_is_shut(sealed: Sealed) -> None:
    """The keyboard types, and the stick is no disk."""
    assert there(sealed.guest, TYPES)
    assert read(sealed.guest, f"{STICK}/authorized") in ("", "0")
    never(sealed.guest, "/dev/sda")


def opens(sealed: Sealed) -> None:
    """The control: a good grant opens the stick."""
    assert sealed.offer(sealed.token())["ok"]
    appears(sealed.guest, "/dev/sda")


def corrupt(sealed: Sealed) -> list[str]:
    """Give the files that the agent said are damaged."""
    return [each.data["file"] for each in sealed.events() if each.kind == "state.corrupt"]


class TestKilledAtAnyMoment:
    def test_between_plug_grant_and_expiry(self, keyed: Sealed) -> None:
        guest, dice = keyed.guest, random.Random(72)
        used: list[str] = []
        guest.unplug("stick")
        for cycle in range(2):
            vanishes(guest, STICK)
            guest.ok(f"setsid sh -c 'sleep {dice.uniform(0.5, 3.5):.2f}; kill -9 $(cat /run/agent.pid)' &")
            plug_stick(guest, f"stick{cycle}")
            with suppress(EquipmentError):  # it dies over the question
                if keyed.answers():
                    used.append(keyed.token(seconds=5))
                    keyed.offer(used[-1])
            guest.until(lambda: guest.sh("kill -0 $(cat /run/agent.pid)").code != 0)
            # Nobody but the keeper is there to end it.
            guest.until(lambda: read(guest, f"{STICK}/authorized") == "0", 30)
            assert there(guest, TYPES)
            keyed.start_agent()
            works_and_is_shut(keyed)
            guest.unplug(f"stick{cycle}")
        raw = [each.raw for each in keyed.events()]
        assert keyed.verify(raw).seq == len(raw)
        assert [keyed.offer(each)["ok"] for each in used] == [False] * len(used)
        started = [each.data["lease"] for each in keyed.events() if each.kind == "lease.opened"]
        ended = [each.data["lease"] for each in keyed.events() if each.kind == "lease.ended"]
        assert sorted(started) == sorted(ended)
        assert len(set(started)) == len(started)
        plug_stick(guest, "last")
        opens(keyed)


class TestAFullDisk:
    def test_while_it_runs_nothing_opens_the_keyboard_works_and_all_is_told_afterwards(self, keyed: Sealed) -> None:
        guest = keyed.guest
        small_disk(keyed)
        fill(guest)
        answer = keyed.offer(keyed.token())
        assert not answer["ok"]
        replug_keyboard(guest, "keyboard", "again")
        guest.unplug("stick")
        vanishes(guest, STICK)
        plug_stick(guest, "second")
        works_and_is_shut(keyed)
        guest.until(lambda: bool(keyed.status()["fault"]))
        before = keyed.kinds().count("usb.blocked")
        guest.ok(f"rm {STATE}/filler")
        guest.until(lambda: keyed.kinds().count("usb.blocked") > before)
        assert {"tamper.removed", "tamper.replugged"} & set(keyed.kinds())
        assert keyed.status()["fault"] == ""
        raw = [each.raw for each in keyed.events()]
        assert keyed.verify(raw).seq == len(raw)
        opens(keyed)

    def test_when_it_starts_it_waits_for_room_and_keeps_the_gate_meanwhile(self, keyed: Sealed) -> None:
        guest = keyed.guest
        small_disk(keyed)
        keyed.stop("agent", "TERM")
        fill(guest)
        keyed.start_agent(wait=0)
        guest.until(lambda: "full" in guest.ok("cat /run/agent.log") or "space" in guest.ok("cat /run/agent.log"), 40)
        replug_keyboard(guest, "keyboard", "again")
        guest.unplug("stick")
        vanishes(guest, STICK)
        plug_stick(guest, "second")
        works_and_is_shut(keyed)
        assert not keyed.answers()
        guest.ok(f"rm {STATE}/filler")
        guest.until(keyed.answers, 40)
        raw = [each.raw for each in keyed.events()]
        assert keyed.verify(raw).seq == len(raw)
        opens(keyed)


def small_disk(sealed: Sealed) -> None:
    """Move the agent's memory to a disk of its own with little on it."""
    guest = sealed.guest
    sealed.stop("agent", "TERM")
    guest.ok(f"mkdir /run/kept && mv {STATE}/* /run/kept && mount -t tmpfs -o size=8M,mode=700 tmpfs {STATE}")
    guest.ok(f"mv /run/kept/* {STATE}")
    sealed.start_agent()


def fill(guest: Terminal) -> None:
    guest.sh(f"dd if=/dev/zero of={STATE}/filler bs=4096")
    assert guest.ok(f"df {STATE} | tail -n 1 | awk '{{print $4}}'").strip() == "0"


class TestADamagedMemory:
    @pytest.mark.parametrize("damage", ["noise", "short", "older"])
    def test_ends_every_lease_and_is_told(self, keyed: Sealed, damage: str) -> None:
        guest = keyed.guest
        old = keyed.token()
        keyed.stop()
        guest.ok(f"mkdir /run/old && cp -p {STATE}/agent.db* /run/old")
        keyed.start_agent()
        used = keyed.token(seconds=300)
        assert keyed.offer(used)["ok"]
        appears(guest, "/dev/sda")
        keyed.stop()
        guest.ok(
            {
                "noise": f"cd {STATE}; rm agent.db-*; dd if=/dev/urandom of=agent.db bs=1k seek=1 count=8 conv=notrunc",
                "short": f"rm {STATE}/agent.db-*; truncate -s 5000 {STATE}/agent.db",
                "older": f"rm {STATE}/agent.db*; cp -p /run/old/* {STATE}/",
            }[damage]
        )
        keyed.start_agent()
        vanishes(guest, "/dev/sda")
        works_and_is_shut(keyed)
        first = keyed.events()
        trouble = [each for each in first if each.kind in ("state.corrupt", "state.rolled_back")]
        assert [each.kind for each in trouble] == ["state.rolled_back" if damage == "older" else "state.corrupt"]
        assert there(guest, f"{STATE}/agent.*.damaged.db")
        for token in (used, old):
            assert not keyed.offer(token)["ok"]
        never(guest, "/dev/sda")
        opens(keyed)

    def test_that_is_deleted_while_it_runs_is_told_and_opens_nothing(self, keyed: Sealed) -> None:
        guest = keyed.guest
        opens(keyed)
        guest.ok(f"rm -rf {STATE}")
        vanishes(guest, "/dev/sda")
        guest.until(lambda: corrupt(keyed) == [f"{STATE}/agent.db"])
        assert not keyed.offer(keyed.token())["ok"]
        works_and_is_shut(keyed)
        replug_keyboard(guest, "keyboard", "again")


class TestADamagedFile:
    def test_of_bindings_leaves_the_keyboard_and_is_told(self, keyed: Sealed) -> None:
        guest, path = keyed.guest, "/etc/portseal-agent/bindings.json"
        good = guest.get(path)
        for count, damaged in enumerate((good[: len(good) // 2], b"\xff\x00"), 1):
            guest.put(damaged, path)
            guest.until(lambda most=count: len(corrupt(keyed)) == most)  # type: ignore[misc]
            assert there(guest, TYPES)
            guest.put(good, path)
            keyed.devices()
        guest.ok(f"rm {path}")
        guest.until(lambda: len(corrupt(keyed)) == 3)
        assert set(corrupt(keyed)) == {path}
        replug_keyboard(guest, "keyboard", "again")
        works_and_is_shut(keyed)
        # Without the copy too, nothing says whose the keyboard is.
        guest.ok(f"rm {STATE}/bindings.last.json")
        vanishes(guest, TYPES)

    def test_of_leases_is_the_worst_for_the_keeper_and_leaves_the_keyboard(self, keyed: Sealed) -> None:
        guest = keyed.guest
        opens(keyed)
        keyed.stop()
        never(guest, f"{RUN}/keeper/*")
        assert there(guest, "/dev/sda"), "a whole file and a living keeper leave an open lease open"
        guest.put(b'{"v":1,"boot":', f"{RUN}/leases.json")
        vanishes(guest, "/dev/sda")
        assert there(guest, TYPES)
        keyed.start_agent()
        guest.until(lambda: any(e.kind == "keeper.relocked" and e.data["why"] == "unreadable" for e in keyed.events()))

    def test_of_the_tamper_watch_is_told_and_the_watch_goes_on(self, keyed: Sealed) -> None:
        guest = keyed.guest
        keyed.stop()
        guest.put(b'{"boot"', f"{RUN}/tamper.json")
        keyed.start_agent()
        assert corrupt(keyed) == [f"{RUN}/tamper.json"]
        works_and_is_shut(keyed)
        guest.until(lambda: guest.get(f"{RUN}/tamper.json") != b'{"boot"')
        guest.unplug("keyboard")
        guest.until(lambda: "tamper.removed" in keyed.kinds())

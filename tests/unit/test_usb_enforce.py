"""The pass that brings the kernel to what was decided, on a tree that behaves as the kernel does."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agent.usb.enforce import DRIVER_SECONDS, Enforcer, Hooks, Pass
from agent.usb.events import QUIET_SECONDS, Moment
from agent.usb.gate import decide
from agent.usb.sysfs import REREAD, Outcome, Result, Scan
from policies.canonical import encode
from policies.errors import StorageFailed
from policies.texts import t
from policies.usb import Decision, Lease, Scope, UsbBinding, UsbDevice, UsbRole
from tests.unit.usb_tree import LiveUsb, Tree

NO_HOOKS = Hooks()
STICK, BOARD = [(0, "08", "06", "50")], [(0, "03", "01", "01")]


class Bench:
    """An enforcer on a tree with a bound keyboard (1-2), a stick (1-1), and a clock set by hand."""

    def __init__(self, root: Path, hooks: Hooks = NO_HOOKS) -> None:
        self.tree = Tree(root, parameter="0")
        self.tree.bus("usb1", "pci0000:00/0000:00:14.0", "2.00")
        self.tree.plug("1-1", "0781", "5567", STICK, serial="4C53")
        self.tree.plug("1-2", "046d", "c31c", BOARD, devnum=3)
        self.usb = LiveUsb(self.tree)
        self.enforcer = Enforcer(self.usb, decide, hooks)
        self.now = 100.0
        board = next(each for each in self.usb.scan().devices if each.name == "1-2")
        self.bindings: tuple[UsbBinding, ...] = (UsbBinding("board", UsbRole.KEYBOARD, (board.port,), board.identity),)
        self.leases: tuple[Lease, ...] = ()

    def lease(self, seconds: float = 60.0, **more: object) -> Lease:
        scope = Scope(**({"ports": ("*",), "classes": ("08",), "devices": 2, "purpose": "case"} | more))  # type: ignore[arg-type]
        self.leases = (Lease("jti-1", "card", scope, "boot", self.now, self.now + seconds),)
        return self.leases[0]

    def run(self, seconds: float = 1.0) -> Pass:
        self.now += seconds
        done = self.enforcer.run_pass(self.bindings, self.leases, Moment(self.now, "boot"))
        self.leases = tuple(
            replace(each, used=(*each.used, *done.leases_used.get(each.jti, ()))) for each in self.leases
        )
        return done

    def is_open(self, name: str) -> bool:
        return self.tree.written(f"{name}/authorized") == "1"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def kinds(done: Pass) -> list[str]:
    return [each.kind for each in done.events]


class TestOpening:
    def test_what_is_bound_opens_and_what_is_not_is_told_once(self, bench: Bench) -> None:
        first = bench.run()
        assert sorted(kinds(first)) == ["usb.blocked", "usb.opened"]
        assert bench.is_open("1-2")
        assert not bench.is_open("1-1")
        assert not first.settled
        second = bench.run()
        assert kinds(second) == []
        assert second.settled

    def test_a_lease_opens_and_its_end_shuts(self, bench: Bench) -> None:
        bench.run()
        bench.lease(seconds=10)
        opened = bench.run()
        assert kinds(opened) == ["usb.opened"]
        assert opened.events[0].data["lease"] == "jti-1"
        assert opened.leases_used["jti-1"][0].port.endswith(":1")
        assert bench.run().leases_used == {}
        ended = bench.run(20)
        assert kinds(ended) == ["usb.relocked"]
        assert (ended.events[0].data["lease"], ended.events[0].data["code"]) == ("jti-1", "expired")
        assert not bench.is_open("1-1")
        assert bench.is_open("1-2")
        assert kinds(bench.run()) == []

    def test_of_a_composite_only_the_allowed_part_opens(self, bench: Bench) -> None:
        bench.tree.plug("1-3", "0951", "1666", [*STICK, (1, "03", "01", "01")], devnum=5)
        bench.tree.unplug("1-1")
        bench.lease()
        done = bench.run()
        assert "usb.withheld" in kinds(done)
        assert bench.tree.written("1-3/1-3:1.0/authorized") == "1"
        assert bench.tree.written("1-3/1-3:1.1/authorized") == "0"
        assert "usb.withheld" not in kinds(bench.run())

    def test_another_enumeration_is_told_again_and_not_open(self, bench: Bench) -> None:
        bench.run()
        bench.lease(once=True)
        bench.run()
        assert bench.is_open("1-1")
        bench.tree.replug("1-1", devnum=9)
        assert kinds(bench.run()) == ["usb.blocked"]
        assert not bench.is_open("1-1")

    def test_hubs_open_before_and_shut_after_what_is_behind_them(self, bench: Bench) -> None:
        bench.tree.plug("1-3", "05e3", "0608", [(0, "09", "00", "00")], device_class="09", devnum=6)
        bench.tree.plug("1-3.1", "0781", "5567", STICK, devnum=7)
        bench.run()
        bench.lease(seconds=10, classes=("08", "09"), devices=3)
        bench.usb.calls.clear()
        bench.run()
        opened = [each for each in bench.usb.calls if each.startswith("admit 1-3")]
        assert opened == ["admit 1-3", "admit 1-3.1"]
        bench.run(30)
        assert bench.usb.calls.index("refuse 1-3.1") < bench.usb.calls.index("refuse 1-3")

    def test_refusing_comes_before_admitting(self, bench: Bench) -> None:
        bench.tree.admit("1-1", released={0: True})
        bench.run()
        assert bench.usb.calls.index("refuse 1-1") < bench.usb.calls.index("admit 1-2")

    def test_of_two_decisions_the_stricter_counts_and_none_is_a_denial(self, bench: Bench) -> None:
        def odd(devices: Sequence[UsbDevice], *_: object) -> tuple[Decision, ...]:
            stick = next(each for each in devices if each.name == "1-1")
            yes = Decision(stick, frozenset({0}), "lease", t("yes"))
            return yes, replace(yes, interfaces=frozenset()), yes

        bench.enforcer = Enforcer(bench.usb, odd)
        bench.tree.admit("1-2", released={0: True})
        bench.run()
        assert not bench.is_open("1-1")
        assert not bench.is_open("1-2")


class TestDefaults:
    def test_what_was_open_at_the_start_is_shut_and_told(self, bench: Bench) -> None:
        (bench.tree.folder("usb1") / "authorized_default").write_text("1\n")
        (bench.tree.root / "module/usbcore/parameters/authorized_default").write_text("-1\n")
        bench.tree.admit("1-1", released={0: True})
        done = bench.run()
        assert done.events[0].kind == "gate.default_changed"
        assert done.events[0].data["found"] == ["usb1 authorized_default=1", "usbcore authorized_default=-1"]
        assert (done.events[0].data["start"], done.events[0].data["shut"]) == (True, True)
        relocked = next(each for each in done.events if each.kind == "usb.relocked")
        assert relocked.data["start"] is True
        assert "gate.foreign_authorise" not in kinds(done)
        assert bench.tree.written("usb1/authorized_default") == "0"

    @pytest.mark.parametrize("name", ["authorized_default", "interface_authorized_default"])
    def test_a_default_that_somebody_opens_is_shut_again(self, name: str, bench: Bench) -> None:
        bench.run()
        assert "gate.default_changed" not in kinds(bench.run())
        (bench.tree.folder("usb1") / name).write_text("1\n")
        done = bench.run()
        assert kinds(done) == ["gate.default_changed"]
        assert done.events[0].data["start"] is False
        assert bench.tree.written(f"usb1/{name}") == "0"

    def test_somebody_who_does_it_all_the_time_does_not_fill_the_spool(self, bench: Bench) -> None:
        bench.run()
        told = []
        for _ in range(int(QUIET_SECONDS) + 20):
            (bench.tree.folder("usb1") / "authorized_default").write_text("1\n")
            told += [each for each in bench.run().events if each.kind == "gate.default_changed"]
            assert bench.tree.written("usb1/authorized_default") == "0"
        assert [each.data["held_back"] for each in told] == [0, int(QUIET_SECONDS) - 1]

    def test_a_new_controller_is_told_and_shut(self, bench: Bench) -> None:
        assert "gate.controller_added" not in kinds(bench.run())
        bench.tree.bus("usb2", "platform/vhci_hcd.0", "2.00", authorized_default="1")
        done = bench.run()
        assert kinds(done) == ["gate.default_changed", "gate.controller_added"]
        assert done.events[1].data == {"bus": "usb2", "place": "platform-vhci_hcd.0-usbv2", "found": 1}
        assert bench.tree.written("usb2/authorized_default") == "0"

    def test_a_new_controller_hides_no_hand_on_another(self, bench: Bench) -> None:
        bench.run()
        bench.tree.bus("usb2", "platform/vhci_hcd.0", "2.00", interface_authorized_default="1")
        assert "gate.default_changed" in kinds(bench.run())
        (bench.tree.folder("usb1") / "authorized_default").write_text("1\n")
        assert kinds(bench.run()) == ["gate.default_changed"]


class TestStrangers:
    def test_what_somebody_else_opens_is_shut_and_alarmed(self, bench: Bench) -> None:
        bench.run()
        bench.tree.admit("1-1", released={0: True})
        done = bench.run()
        assert kinds(done) == ["gate.foreign_authorise"]
        assert done.events[0].data["port"] == "pci-0000:00:14.0-usbv2-0:1"
        assert not bench.is_open("1-1")

    def test_a_part_that_somebody_else_opens_is_shut_and_alarmed(self, bench: Bench) -> None:
        bench.tree.plug("1-3", "0951", "1666", [*STICK, (1, "03", "01", "01")], devnum=5)
        bench.lease()
        bench.run()
        bench.run()
        (bench.tree.folder("1-3") / "1-3:1.1/authorized").write_text("1\n")
        done = bench.run()
        assert kinds(done) == ["gate.foreign_authorise"]
        assert done.events[0].data["numbers"] == ["1"]
        assert bench.tree.written("1-3/1-3:1.1/authorized") == "0"
        assert bench.tree.written("1-3/1-3:1.0/authorized") == "1"

    def test_what_somebody_else_shuts_is_told_and_opened_again_when_it_is_bound(self, bench: Bench) -> None:
        bench.run()
        (bench.tree.folder("1-2") / "authorized").write_text("0\n")
        assert kinds(bench.run()) == ["usb.opened"]
        assert bench.is_open("1-2")

    def test_a_lease_that_another_process_ended_is_told_as_relocked(self, bench: Bench) -> None:
        bench.lease(seconds=10)
        bench.run()
        (bench.tree.folder("1-1") / "authorized").write_text("0\n")
        assert kinds(bench.run(30)) == ["usb.relocked"]


class TestFailures:
    def test_a_scan_that_fails_opens_nothing_and_says_so(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        broken = Scan(problems=(t("broken"),), complete=False)
        monkeypatch.setattr(bench.usb, "scan", lambda: broken)
        done = bench.run()
        assert [str(each) for each in done.problems] == ["broken"]
        assert bench.usb.calls == []
        assert not done.settled
        monkeypatch.undo()
        assert sorted(kinds(bench.run())) == ["usb.blocked", "usb.opened"]  # control

    def test_a_scan_that_fails_still_shuts_what_has_ended(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.run()
        bench.lease(seconds=10)
        bench.run()
        monkeypatch.setattr(bench.usb, "scan", lambda: Scan(complete=False))
        assert kinds(bench.run()) == []
        assert bench.is_open("1-1")
        assert kinds(bench.run(30)) == ["usb.relocked"]
        assert not bench.is_open("1-1")
        assert bench.is_open("1-2")
        assert kinds(bench.run()) == []
        monkeypatch.undo()
        assert kinds(bench.run()) == []

    def test_a_write_that_fails_is_tried_again_and_told_once(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        failed = Result(Outcome.FAILED, "/sys/x", "no such luck")
        tries: list[UsbDevice] = []

        def failing(device: UsbDevice) -> Result:
            tries.append(device)
            return failed

        monkeypatch.setattr(bench.usb, "refuse", failing)
        bench.tree.admit("1-1", released={0: True})
        first, second = bench.run(0.1), bench.run(0.1)
        assert "gate.write_failed" in kinds(first)
        event = next(each for each in first.events if each.kind == "gate.write_failed")
        assert (event.data["operation"], event.data["cause"]) == ("refuse", "no such luck")
        assert kinds(second) == []
        assert [str(each) for each in second.problems] == ["/sys/x cannot be written (no such luck)"]
        for _ in range(100):
            bench.run(0.1)
        assert 4 <= len(tries) <= 10  # in 10 s, not 100 times
        monkeypatch.undo()
        assert kinds(bench.run(10)) == ["usb.relocked"]
        assert not bench.is_open("1-1")

    def test_a_device_that_left_is_no_failure(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        real = bench.usb.admit

        def leaving(device: UsbDevice, interfaces: frozenset[int], *, bound: bool = False) -> Result:
            bench.tree.unplug(device.name)
            return real(device, interfaces, bound=bound)

        monkeypatch.setattr(bench.usb, "admit", leaving)
        done = bench.run()
        assert kinds(done) == ["usb.blocked"]
        assert done.problems == ()
        assert not done.settled

    def test_decide_that_raises_opens_nothing(self, bench: Bench) -> None:
        def broken(*_: object) -> tuple[Decision, ...]:
            raise ZeroDivisionError

        (bench.tree.folder("usb1") / "authorized_default").write_text("1\n")
        bench.enforcer = Enforcer(bench.usb, broken)
        with pytest.raises(ZeroDivisionError):
            bench.run()
        assert bench.usb.calls == []
        assert bench.tree.written("usb1/authorized_default") == "0"


class TestHooks:
    def test_storage_is_unmounted_before_it_is_refused(self, tmp_path: Path) -> None:
        seen: list[str] = []
        state = tmp_path / "bus/usb/devices/1-1/authorized"
        bench = Bench(tmp_path, Hooks(before_refuse=lambda device: seen.append(state.read_text())))
        bench.lease(seconds=10)
        bench.run()
        bench.run(30)
        assert seen == ["1"]
        assert not bench.is_open("1-1")

    def test_an_unmount_that_hangs_or_fails_does_not_keep_it_open(self, tmp_path: Path) -> None:
        never = threading.Event()

        def hang(device: UsbDevice) -> None:
            never.wait(30)
            raise OSError

        bench = Bench(tmp_path, Hooks(before_refuse=hang, seconds=0.05))
        bench.lease(seconds=10)
        bench.run()
        assert bench.is_open("1-1")
        done = bench.run(30)
        never.set()
        assert not bench.is_open("1-1")
        assert len(done.problems) == 1
        assert "was not unmounted" in str(done.problems[0])

    def test_a_stranger_gets_no_time_to_write_it_out(self, tmp_path: Path) -> None:
        seen: list[UsbDevice] = []
        bench = Bench(tmp_path, Hooks(before_refuse=seen.append))
        bench.run()
        bench.tree.admit("1-1", released={0: True})
        bench.run()
        assert seen == []
        assert not bench.is_open("1-1")

    def test_a_use_that_cannot_be_stored_is_not_granted(self, tmp_path: Path) -> None:
        full = [True]

        def store(decision: Decision) -> None:
            if full:
                raise StorageFailed(t("no space"))

        bench = Bench(tmp_path, Hooks(before_admit=store))
        bench.lease()
        done = bench.run()
        assert not bench.is_open("1-1")
        assert bench.is_open("1-2")
        assert any("no space" in str(each) for each in done.problems)
        full.clear()
        assert kinds(bench.run()) == ["usb.opened"]


class TestDrivers:
    def test_a_device_that_no_driver_takes_is_probed_and_alarmed_once(self, bench: Bench) -> None:
        bench.usb.drivers = False
        told = [kind for _ in range(40) for kind in kinds(bench.run())]
        assert told.count("udev.missing") == 1
        assert bench.usb.calls.count("admit 1-2") == 1 + int(DRIVER_SECONDS) + 1
        bench.tree.bind("1-2", 0)  # control: with a driver there is nothing to do
        bench.usb.calls.clear()
        bench.run(100)
        assert bench.usb.calls == []

    def test_a_dongle_for_a_program_needs_no_driver(self, bench: Bench) -> None:
        bench.usb.drivers = False
        bench.tree.plug("1-3", "0529", "0001", [(0, "ff", "00", "00")], devnum=5)
        bench.tree.unplug("1-2")
        bench.bindings = ()
        bench.lease(classes=("ff",))
        bench.run()
        assert bench.is_open("1-3")
        assert [kind for _ in range(20) for kind in kinds(bench.run())] == []


class TestQuietLife:
    def test_persistence_is_off_for_all_and_checked_again(self, bench: Bench) -> None:
        bench.run()
        assert bench.tree.written("1-1/power/persist") == "0"
        assert bench.tree.written("1-2/power/persist") == "0"
        (bench.tree.folder("1-1") / "power/persist").write_text("1\n")
        for _ in range(REREAD + 1):
            bench.run()
        assert bench.tree.written("1-1/power/persist") == "0"

    def test_events_can_be_told(self, bench: Bench) -> None:
        (bench.tree.folder("usb1") / "authorized_default").write_text("7\n")
        (bench.tree.folder("1-1") / "product").write_bytes(b"\x1b]0;x\x07" + b"\xff" * 500)
        for event in bench.run().events:
            encode(dict(event.data))
            assert all(value is None or isinstance(value, bool | int | str | list) for value in event.data.values())

    def test_a_pass_in_which_nothing_changed_writes_nothing(self, bench: Bench) -> None:
        bench.run()
        bench.run()
        before = {name: (bench.tree.root / name).stat().st_mtime_ns for name in bench.tree.content()}
        for _ in range(5):
            assert bench.run().settled
        assert {name: (bench.tree.root / name).stat().st_mtime_ns for name in bench.tree.content()} == before

"""Which driver may have what is opened, and what happens when another one has it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from agent.usb import drivers
from agent.usb.enforce import MISLED, Enforcer, Hooks, Pass
from agent.usb.events import Moment
from agent.usb.folder import Folder
from agent.usb.gate import decide
from agent.usb.sysfs import Outcome, Usb
from policies.usb import Lease, Scope, UsbBinding, UsbDevice, UsbInterface, UsbRole
from tests.unit.usb_tree import Interface, LiveUsb, Tree

STORAGE: Interface = (0, "08", "06", "50")
STICK_AND_BOARD: list[Interface] = [STORAGE, (1, "03", "01", "01")]


class Kernel:
    """Drivers that are loaded, in their order, and which of them take the stick 1-1 (an ASIX adapter by its ids)."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tree = Tree(root, parameter="0")
        self.tree.bus("usb1", "pci0000:00/0000:00:14.0", "2.00")
        self.tree.plug("1-1", "0b95", "7720", STICK_AND_BOARD, serial="4C53")
        self.tree.interfaces("1-1")
        self.usb = Usb(root)
        self.takes: list[str] = []
        self.asked: list[str] = []
        self.fault = 0
        monkeypatch.setattr(drivers, "_offer", self._offer)

    def load(self, *names: str, takes: tuple[str, ...] = ()) -> None:
        self.tree.drivers(*names)
        self.takes += takes

    def _offer(self, where: Path, folder: Folder, name: str) -> bool:
        asked = where.parent.name if where.name == "bind" else where.name
        assert folder.text(f"{name}/authorized") == "1", "the kernel gives nothing to what is not released"
        self.asked.append(asked)
        if self.fault:
            raise OSError(self.fault, os.strerror(self.fault))
        for each in self.takes if asked == "drivers_probe" else [asked] if asked in self.takes else []:
            self.tree.bind("1-1", int(name[-1]), each)
            return True
        return False

    @property
    def device(self) -> UsbDevice:
        return self.usb.scan().devices[0]

    def driver(self, number: int = 0) -> str:
        with Folder(self.tree.folder("1-1")) as folder:
            return folder.driver(f"1-1:1.{number}")

    def released(self, number: int = 0) -> bool:
        return self.tree.written(f"1-1/1-1:1.{number}/authorized") == "1"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    return Kernel(tmp_path, monkeypatch)


class TestOpening:
    def test_storage_goes_to_a_storage_driver_whoever_else_wants_it(self, kernel: Kernel) -> None:
        kernel.load("asix", "uas", "usb-storage", takes=("asix", "usb-storage"))
        result = kernel.usb.admit(kernel.device, frozenset({0}))
        assert (result.released, result.waiting) == (frozenset({0}), frozenset())
        assert kernel.driver() == "usb-storage"
        assert kernel.asked == ["uas", "usb-storage"]
        assert not kernel.released(1)

    def test_the_kernels_own_choice_would_be_another(self, kernel: Kernel) -> None:
        """The control: what is bound is given to whoever wants it, when no driver of its class does."""
        kernel.load("asix", "uas", takes=("asix",))
        result = kernel.usb.admit(kernel.device, frozenset({0}), bound=True)
        assert kernel.asked == ["uas", "drivers_probe"]
        assert kernel.driver() == "asix"
        assert result.released == {0}

    def test_nothing_is_released_before_a_driver_of_its_class_is_there(self, kernel: Kernel) -> None:
        kernel.load("asix", takes=("asix",))
        device = kernel.device
        result = kernel.usb.admit(device, frozenset({0}))
        assert (result.outcome, result.released, result.waiting) == (Outcome.DONE, frozenset(), frozenset({0}))
        assert kernel.asked == []
        assert not kernel.released()
        kernel.load("usb-storage", takes=("usb-storage",))
        assert kernel.usb.admit(kernel.device, frozenset({0})).released == {0}
        assert kernel.driver() == "usb-storage"

    def test_what_none_takes_is_shut_again(self, kernel: Kernel) -> None:
        kernel.load("usb-storage", "asix", takes=("asix",))
        result = kernel.usb.admit(kernel.device, frozenset({0}))
        assert result.waiting == {0}
        assert kernel.asked == ["usb-storage"]
        assert not kernel.released()

    def test_places_that_must_not_be_written_are_a_failure(self, kernel: Kernel) -> None:
        kernel.load("usb-storage")
        kernel.fault = errno.EROFS
        assert kernel.usb.admit(kernel.device, frozenset({0})).outcome is Outcome.FAILED

    def test_a_dongle_is_given_to_whoever_wants_it(self, kernel: Kernel) -> None:
        kernel.tree.plug("1-2", "0529", "0001", [(0, "ff", "00", "00")], devnum=5)
        kernel.tree.interfaces("1-2")
        dongle = kernel.usb.scan().devices[1]
        kernel.load("usb-storage")
        for bound in (True, False):
            kernel.asked.clear()
            assert kernel.usb.admit(dongle, frozenset({0}), bound=bound).released == {0}
            assert kernel.asked == ["drivers_probe"]


@pytest.mark.parametrize(
    ("classes", "driver", "right"),
    [
        (["08"], "usb-storage", True),
        (["08"], "ums-realtek", True),
        (["08"], "asix", False),
        (["08"], "usbhid", False),
        (["03"], "usbhid", True),
        (["03"], "usb-storage", False),
        (["09"], "hub", True),
        (["08", "03"], "usbhid", True),
        (["08", "03"], "asix", False),
        (["ff"], "ftdi_sio", True),
        (["08", "ff"], "ftdi_sio", True),
    ],
)
def test_the_drivers_of_a_class(classes: list[str], driver: str, right: bool, kernel: Kernel) -> None:
    settings = tuple(UsbInterface(1, 0, number, each, "00", "00") for number, each in enumerate(classes))
    known = kernel.device
    device = UsbDevice(
        known.name, known.port, 2, known.identity, settings, False, True, released=frozenset({0}), bound=frozenset({0})
    )
    assert drivers.wrong(device, {0: driver}) == ({} if right else {0: driver})


class Bench:
    """An enforcer with a live tree on which the stick 1-1 is leased, or bound."""

    def __init__(self, root: Path, *, bound: bool) -> None:
        self.tree = Tree(root, parameter="0")
        self.tree.bus("usb1", "pci0000:00/0000:00:14.0", "2.00")
        self.tree.plug("1-1", "0b95", "7720", [STORAGE], serial="4C53")
        self.usb = LiveUsb(self.tree)
        self.goodbyes: list[str] = []
        hooks = Hooks(before_refuse=lambda device: self.goodbyes.append(device.name))
        self.enforcer = Enforcer(self.usb, decide, hooks)
        self.now = 100.0
        stick = self.usb.scan().devices[0]
        binding = UsbBinding("stick", UsbRole.OTHER, (stick.port,), stick.identity)
        self.bindings = (binding,) if bound else ()
        self.lease = Lease("jti-1", "card", Scope(("*",), ("08",), 3, "case"), "boot", 100.0, 500.0)

    def run(self) -> Pass:
        self.now += 1
        return self.enforcer.run_pass(self.bindings, (self.lease,), Moment(self.now, "boot"))

    def kinds(self) -> list[str]:
        return [each.kind for each in self.run().events]


class TestAlarm:
    def test_what_another_driver_took_is_refused_at_once_and_stays_so(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, bound=False)
        assert bench.kinds() == ["usb.opened"]
        assert bench.kinds() == []
        bench.tree.bind("1-1", 0, "asix")
        done = bench.run()
        assert [each.kind for each in done.events] == ["gate.wrong_driver", "usb.relocked"]
        told = done.events[0].data
        assert (told["driver"], told["numbers"], told["vid"], told["lease"]) == ("asix", ["0"], "0b95", "jti-1")
        assert (done.decisions[0].allowed, done.decisions[0].code) == (False, MISLED)
        assert bench.tree.written("1-1/authorized") == "0"
        assert bench.goodbyes == []
        assert [kind for _ in range(5) for kind in bench.kinds()] == []
        assert bench.tree.written("1-1/authorized") == "0"
        bench.tree.replug("1-1", devnum=9)
        assert bench.kinds() == ["usb.opened"]

    def test_a_bound_device_is_told_and_goes_on(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, bound=True)
        assert bench.kinds() == ["usb.opened"]
        bench.tree.bind("1-1", 0, "asix")
        assert [kind for _ in range(5) for kind in bench.kinds()] == ["gate.wrong_driver"]
        assert bench.tree.written("1-1/authorized") == "1"

    def test_what_waits_for_its_driver_is_tried_again_and_told(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, bound=False)
        bench.usb.drivers = False
        told = [kind for _ in range(20) for kind in bench.kinds()]
        assert told == ["usb.opened", "udev.missing"]
        assert bench.tree.written("1-1/1-1:1.0/authorized") == "0"
        bench.usb.drivers = True
        bench.now += 60
        assert bench.kinds() == []
        assert bench.tree.written("1-1/1-1:1.0/authorized") == "1"
        bench.usb.calls.clear()
        assert bench.kinds() == []
        assert bench.usb.calls == []

"""Devices that lie, arrive early or late, come with their own controller, or vanish: what the agent makes of them.

Each case has an arm in which the same test opens, or alarms, because it should.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.usb.bindings import save_bindings
from agent.usb.descriptors import read_interfaces
from lab.terminal.gadget import Cables, Gadget, Identity
from lab.terminal.sealed import COPY, Sealed
from lab.terminal.vm import Terminal
from policies.usb import HID, STORAGE, Scope, UsbBinding, UsbIdentity, UsbRole
from tests.lab.terminal_usb import DEVICES, LATER, appears, never, read, there, vanishes, write

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]

#: Keyboards and the like that a driver has taken.
TYPING = "/sys/bus/hid/devices/*"
STICK, STICK_AND_BOARD, BOARD = ("mass_storage",), ("mass_storage", "keyboard"), ("keyboard",)
KEYBOARD = Identity("046d", "c31c", "K-1", "Keyboard", "Logitech")


def told(sealed: Sealed, kind: str, **data: Any) -> list[dict[str, Any]]:
    """Give the data of the waiting events of this kind with these members."""
    found = [dict(each.data) for each in sealed.events() if each.kind == kind]
    return [each for each in found if data.items() <= each.items()]


def plugged(sealed: Sealed, gadget: Gadget) -> str:
    """Plug a gadget in, wait until the agent has judged it, and give its folder."""
    gadget.plug()
    sealed.guest.until(lambda: gadget.path in sealed.devices(), 30)
    return f"{DEVICES}/{gadget.path}"


def driver(sealed: Sealed, interface: str) -> str:
    """Give the driver of an interface; empty without one."""
    return sealed.guest.sh(f"readlink {interface}/driver").output.strip().rpartition("/")[2]


class TestAStickThatIsAKeyboard:
    @pytest.mark.clause("7.2b")
    def test_a_grant_for_storage_opens_the_storage_and_never_the_keyboard(self, sealed: Sealed) -> None:
        bad = Gadget(Cables(sealed.guest), "bad", Identity(), STICK_AND_BOARD)
        device = plugged(sealed, bad)
        assert sealed.swipe()["ok"]
        appears(sealed.guest, "/dev/sda")
        never(sealed.guest, TYPING)
        assert (driver(sealed, f"{device}:1.0"), driver(sealed, f"{device}:1.1")) == ("usb-storage", "")
        assert read(sealed.guest, f"{device}:1.1/authorized") == "0"
        (withheld,) = told(sealed, "usb.withheld")
        assert (withheld["numbers"], withheld["interfaces"]) == (["1"], ["03:01:01", "08:06:50"])

    def test_a_grant_that_names_keyboards_opens_both(self, sealed: Sealed) -> None:
        device = plugged(sealed, Gadget(Cables(sealed.guest), "bad", Identity(), STICK_AND_BOARD))
        assert sealed.swipe(Scope(("*",), (STORAGE, HID), 1, "case"))["ok"]
        appears(sealed.guest, TYPING)
        appears(sealed.guest, "/dev/sda")
        assert driver(sealed, f"{device}:1.1") == "usbhid"
        assert told(sealed, "usb.withheld") == []

    def test_bound_whole_it_types(self, sealed: Sealed) -> None:
        bad = Gadget(Cables(sealed.guest), "bad", Identity(), STICK_AND_BOARD)
        device = plugged(sealed, bad)
        never(sealed.guest, TYPING)
        sealed.bind(bad.path, "both", role="other")
        appears(sealed.guest, TYPING)
        appears(sealed.guest, "/dev/sda")
        assert [driver(sealed, f"{device}:1.{number}") for number in (0, 1)] == ["usb-storage", "usbhid"]


#: Ids that a driver of network adapters takes whatever the interfaces are; it registers a network at once.
CABLE = Identity("0525", "a4a2")
#: An ASIX adapter: its driver is asked first, and talks to the device before it gives up.
ADAPTER = Identity("0b95", "7720")


class TestAStickWithAnAdaptersIds:
    @pytest.mark.clause("7.2b")
    def test_a_grant_for_storage_gives_it_to_a_storage_driver(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.ok("modprobe -r uas usb_storage && modprobe cdc_subset")  # before any driver of storage
        stick = Gadget(Cables(guest), "bad", CABLE, STICK)
        device = plugged(sealed, stick)
        assert sealed.swipe()["ok"]
        appears(guest, "/dev/sda")
        assert driver(sealed, f"{device}:1.0") == "usb-storage"
        assert "register 'cdc_subset'" not in guest.ok("dmesg")
        assert told(sealed, "gate.wrong_driver") == []
        # The other arm: while the agent cannot see it, root takes it from its driver and gives it to the network's.
        sealed.stop("agent", "STOP")
        for driver_file in ("usb-storage/unbind", "cdc_subset/bind"):
            write(guest, f"/sys/bus/usb/drivers/{driver_file}", f"{stick.path}:1.0")
        appears(guest, "/sys/class/net/usb0")
        sealed.stop("agent", "CONT")
        vanishes(guest, "/sys/class/net/usb0")
        assert read(guest, f"{device}/authorized") == "0"
        (alarm,) = told(sealed, "gate.wrong_driver")
        assert (alarm["driver"], alarm["vid"], alarm["pid"], alarm["numbers"]) == ("cdc_subset", "0525", "a4a2", ["0"])
        assert sealed.devices()[stick.path]["code"] == "driver"

    def test_without_a_storage_driver_no_other_one_gets_it(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.ok("rm $(modinfo -n usb_storage) $(modinfo -n uas) && modprobe -r uas usb_storage")
        stick = Gadget(Cables(guest), "bad", CABLE, STICK)
        device = plugged(sealed, stick)
        assert sealed.swipe()["ok"]
        appears(guest, "/sys/bus/usb/drivers/cdc_subset")  # udev has loaded it for these ids
        guest.until(lambda: bool(told(sealed, "udev.missing")), 30)
        assert read(guest, f"{device}:1.0/authorized") == "0"
        assert "register 'cdc_subset'" not in guest.ok("dmesg")
        # The other arm: released and offered to whoever wants it, it is a network.
        sealed.stop("agent", "STOP")
        write(guest, f"{device}:1.0/authorized", "1")
        write(guest, "/sys/bus/usb/drivers_probe", f"{stick.path}:1.0")
        appears(guest, "/sys/class/net/usb0")
        sealed.stop("agent", "CONT")
        vanishes(guest, "/sys/class/net/usb0")
        assert read(guest, f"{device}/authorized") == "0"
        assert [each["driver"] for each in told(sealed, "gate.wrong_driver")] == ["cdc_subset"]

    def test_the_driver_of_an_asix_adapter_never_talks_to_it(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.ok("modprobe -r uas usb_storage && modprobe asix")
        stick = Gadget(Cables(guest), "bad", ADAPTER, STICK)
        device = plugged(sealed, stick)
        assert sealed.swipe()["ok"]
        appears(guest, "/dev/sda")
        assert driver(sealed, f"{device}:1.0") == "usb-storage"
        talked = f"asix {stick.path}:1.0 (unnamed net_device)"
        assert talked not in guest.ok("dmesg")
        sealed.stop("agent", "STOP")
        write(guest, "/sys/bus/usb/drivers/usb-storage/unbind", f"{stick.path}:1.0")
        write(guest, "/sys/bus/usb/drivers_probe", f"{stick.path}:1.0")
        guest.until(lambda: talked in guest.ok("dmesg"))


class TestAnotherShape:
    @pytest.mark.clause("7.2b")
    @pytest.mark.parametrize(("once", "devices", "code"), [(True, 2, "once"), (False, 1, "count")])
    def test_what_comes_back_as_another_under_a_lease_is_shut(
        self, once: bool, devices: int, code: str, sealed: Sealed
    ) -> None:
        stick = Gadget(Cables(sealed.guest), "stick", Identity(), STICK)
        device = plugged(sealed, stick)
        assert sealed.swipe(Scope(("*",), (STORAGE, HID), devices, "case", once=once))["ok"]
        appears(sealed.guest, "/dev/sda")
        stick.unplug()
        vanishes(sealed.guest, device)
        stick.change(Identity(), STICK_AND_BOARD)
        plugged(sealed, stick)
        never(sealed.guest, TYPING)
        assert sealed.devices()[stick.path]["code"] == code
        assert read(sealed.guest, f"{device}/authorized") == "0"

    def test_a_lease_with_room_opens_what_it_allows_of_it(self, sealed: Sealed) -> None:
        stick = Gadget(Cables(sealed.guest), "stick", Identity(), STICK)
        device = plugged(sealed, stick)
        assert sealed.swipe(Scope(("*",), (STORAGE,), 2, "case"))["ok"]
        appears(sealed.guest, "/dev/sda")
        stick.unplug()
        vanishes(sealed.guest, device)
        stick.change(Identity(), STICK_AND_BOARD)
        plugged(sealed, stick)
        appears(sealed.guest, "/dev/sda")
        assert driver(sealed, f"{device}:1.1") == ""

    @pytest.mark.clause("7.2c")
    def test_a_bound_device_that_comes_back_as_another_is_swapped_and_shut(self, sealed: Sealed) -> None:
        board = Gadget(Cables(sealed.guest), "board", KEYBOARD, BOARD)
        device = plugged(sealed, board)
        sealed.bind(board.path, "keyboard")
        appears(sealed.guest, TYPING)
        for functions, opens in ((BOARD, True), ((*BOARD, "mass_storage"), False)):
            board.unplug()
            vanishes(sealed.guest, device)
            board.change(KEYBOARD, functions)
            plugged(sealed, board)
            if opens:  # the control: the same device as before
                appears(sealed.guest, TYPING)
                assert told(sealed, "tamper.swapped") == []
        never(sealed.guest, TYPING)
        (alarm,) = told(sealed, "tamper.swapped")
        assert (alarm["bindings"], alarm["serial"]) == (["keyboard"], "K-1")
        assert read(sealed.guest, f"{device}/authorized") == "0"


class TestTwins:
    @pytest.mark.clause("7.2c")
    def test_a_clone_of_a_bound_keyboard_is_refused_and_the_keyboard_stays(self, sealed: Sealed) -> None:
        cables = Cables(sealed.guest, 2)
        board = Gadget(cables, "board", KEYBOARD, BOARD)
        clone = Gadget(cables, "clone", Identity("046d", "c31c", "K-2", "Keyboard", "Logitech"), BOARD, 1)
        device = plugged(sealed, board)
        sealed.bind(board.path, "keyboard")
        appears(sealed.guest, f"{device}:1.0/driver")
        plugged(sealed, clone)
        assert sealed.devices()[clone.path]["code"] == "unknown"
        assert told(sealed, "tamper.duplicate") == []  # the control: with a serial of its own it is any stranger
        clone.unplug()
        vanishes(sealed.guest, f"{DEVICES}/{clone.path}")
        clone.change(KEYBOARD, BOARD)
        plugged(sealed, clone)
        sealed.guest.until(lambda: bool(told(sealed, "tamper.duplicate")))
        (alarm,) = told(sealed, "tamper.duplicate")
        assert (alarm["bindings"], alarm["name"]) == (["keyboard"], clone.path)
        assert sealed.devices()[clone.path]["code"] == "duplicate"
        assert read(sealed.guest, f"{DEVICES}/{clone.path}/authorized") == "0"
        assert driver(sealed, f"{device}:1.0") == "usbhid"

    @pytest.mark.clause("7.2b")
    def test_of_two_sticks_with_one_identity_a_lease_opens_none(self, sealed: Sealed) -> None:
        cables = Cables(sealed.guest, 2)
        first, second = (Gadget(cables, name, Identity(), STICK, at) for at, name in enumerate(("first", "second")))
        plugged(sealed, first)
        other = plugged(sealed, second)
        assert sealed.swipe(Scope(("*",), (STORAGE,), 2, "case"))["ok"]
        never(sealed.guest, "/dev/sda")
        assert {each["code"] for each in sealed.devices().values()} == {"duplicate"}
        assert {each["name"] for each in told(sealed, "tamper.duplicate")} == {first.path, second.path}
        second.unplug()
        vanishes(sealed.guest, other)
        appears(sealed.guest, "/dev/sda")


@pytest.fixture
def unsealed(terminal: Terminal) -> Terminal:
    """A guest whose kernel admits everything, as without the kernel parameter; no agent is at work."""
    write(terminal, LATER, "-1")
    for bus in ("usb1", "usb2"):
        write(terminal, f"{DEVICES}/{bus}/authorized_default", "1")
    return terminal


def identity(guest: Terminal, folder: str) -> UsbIdentity:
    """Read what a device says of itself."""
    raw = guest.get(f"{folder}/descriptors")
    assert read_interfaces(raw)
    digest = guest.ok(f"sha256sum {folder}/descriptors").split()[0]
    vendor, product, serial = (read(guest, f"{folder}/{each}") for each in ("idVendor", "idProduct", "serial"))
    return UsbIdentity(vendor, product, serial, digest)


@pytest.mark.clause("7.2a")
def test_what_was_open_before_the_agent_is_shut_unless_it_is_bound(unsealed: Terminal, tmp_path: Path) -> None:
    sealed = Sealed(unsealed)
    unsealed.plug("usb-storage", "stick", "1", drive=unsealed.disk("stick"), serial="S-1")
    unsealed.plug("usb-kbd", "bound", "2", serial="K-1")
    unsealed.plug("usb-kbd", "other", "3", serial="K-2")
    appears(unsealed, "/dev/sda")
    for each in ("1-2", "1-3"):
        appears(unsealed, f"{DEVICES}/{each}:1.0/driver")  # the control: without the agent all of it is open
    sealed.set_up()
    binding = UsbBinding(
        "keyboard", UsbRole.KEYBOARD, ("pci-0000:00:01.0-usbv2-0:2",), identity(unsealed, f"{DEVICES}/1-2")
    )
    save_bindings(tmp_path / "bindings.json", (binding,))
    unsealed.put((tmp_path / "bindings.json").read_bytes(), "/etc/portseal-agent/bindings.json")
    sealed.start_agent()
    vanishes(unsealed, "/dev/sda")
    assert [read(unsealed, f"{DEVICES}/{each}/authorized") for each in ("2-1", "1-2", "1-3")] == ["0", "1", "0"]
    assert driver(sealed, f"{DEVICES}/1-2:1.0") == "usbhid"
    places = [f"{DEVICES}/usb{bus}/{name}" for bus in (1, 2) for name in ("", "interface_")]
    assert {read(unsealed, f"{each}authorized_default") for each in places} == {"0"}
    assert read(unsealed, LATER) == "0"
    (changed,) = told(sealed, "gate.default_changed")
    assert (changed["start"], changed["shut"]) == (True, True)
    assert {each.rpartition("/")[0].rpartition("/")[2] for each in changed["found"]} == {"usb1", "usb2", "parameters"}
    assert {each["name"] for each in told(sealed, "usb.relocked", start=True)} == {"2-1", "1-3"}
    (enforcing,) = told(sealed, "agent.enforcing")
    assert (enforcing["devices"], enforcing["bound"], enforcing["refused"]) == (3, 1, 2)
    unsealed.plug("usb-mouse", "mouse", "4")
    unsealed.until(lambda: "1-4" in sealed.devices())
    assert read(unsealed, f"{DEVICES}/1-4/authorized") == "0"


@pytest.mark.clause("7.2a")
class TestControllers:
    def test_those_that_come_later_are_shut_and_told(self, sealed: Sealed) -> None:
        guest = sealed.guest
        guest.plug_controller("dock")
        board = Gadget(Cables(guest), "board", KEYBOARD, BOARD)
        guest.ok("modprobe vhci_hcd")
        buses = 4 + len(guest.ok("ls -d /sys/devices/platform/vhci_hcd.*/usb[0-9]*").split()) + 1
        guest.until(lambda: len(told(sealed, "gate.controller_added")) == buses - 2)
        for number in range(1, buses + 1):
            for name in ("authorized_default", "interface_authorized_default"):
                assert read(guest, f"{DEVICES}/usb{number}/{name}") == "0", f"usb{number}/{name}"
        places = " ".join(each["place"] for each in told(sealed, "gate.controller_added"))
        assert all(each in places for each in ("pci-", "platform-dummy_hcd.0", "platform-vhci_hcd.0"))
        guest.plug("usb-kbd", "keyboard", "1", bus="dock.0")
        plugged(sealed, board)
        guest.until(lambda: len(sealed.devices()) == 2)
        assert [each["allowed"] for each in sealed.devices().values()] == [False, False]
        assert not there(guest, TYPING)

    def test_one_that_came_open_while_the_agent_was_held_is_shut_with_what_is_on_it(self, sealed: Sealed) -> None:
        """The control of the test above: with the parameter open, the keyboard types before the agent looks."""
        guest = sealed.guest
        sealed.stop("agent", "STOP")
        write(guest, LATER, "1")
        guest.plug_controller("dock")
        appears(guest, f"{DEVICES}/usb4")
        guest.plug("usb-kbd", "keyboard", "1", bus="dock.0")
        appears(guest, TYPING)
        sealed.stop("agent", "CONT")
        vanishes(guest, TYPING)
        assert read(guest, LATER) == "0"
        assert read(guest, f"{DEVICES}/usb3/authorized_default") == "0"
        assert {each["bus"] for each in told(sealed, "gate.controller_added")} == {"usb3", "usb4"}
        assert "usbcore authorized_default=1" in told(sealed, "gate.default_changed")[0]["found"]
        assert told(sealed, "gate.foreign_authorise", name="3-1") != []

    @pytest.mark.parametrize("value", ["1", "255"])
    def test_a_default_that_somebody_opens_is_put_back_and_told(self, value: str, sealed: Sealed) -> None:
        guest = sealed.guest
        assert told(sealed, "gate.default_changed") == []
        guest.plug_controller("dock")
        guest.until(lambda: len(told(sealed, "gate.controller_added")) == 2)
        before = len(told(sealed, "gate.default_changed"))
        write(guest, f"{DEVICES}/usb1/authorized_default", value)
        guest.until(lambda: len(told(sealed, "gate.default_changed")) == before + 1)
        change = told(sealed, "gate.default_changed")[-1]
        assert (change["found"], change["start"], change["shut"]) == (["usb1 authorized_default=1"], False, True)
        assert read(guest, f"{DEVICES}/usb1/authorized_default") == "0"
        guest.plug("usb-kbd", "keyboard", "2")
        guest.until(lambda: "1-2" in sealed.devices())
        assert not there(guest, TYPING)


#: Plugs a gadget in and pulls it, at every moment of what follows an enumeration: argv are cable, folder, rounds.
STORM = """
import sys, time
cable, folder, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(rounds):
    with open(folder + "/UDC", "w") as file:
        file.write("dummy_udc." + cable)
    time.sleep(0.15 + number % 16 * 0.05)
    with open(folder + "/UDC", "w") as file:
        file.write("\\n")
    time.sleep(0.02 * (number % 4))
"""


@pytest.mark.clause("7.2b")
def test_a_storm_of_plugging_and_pulling_leaves_the_agent_at_work(sealed: Sealed) -> None:
    guest = sealed.guest
    cables = Cables(guest, 2)
    board = Gadget(cables, "board", KEYBOARD, BOARD)
    stick = Gadget(cables, "stick", Identity(), STICK_AND_BOARD, 1)
    device = plugged(sealed, board)
    sealed.bind(board.path, "keyboard")
    appears(guest, f"{device}:1.0/driver")
    board.unplug()
    process = read(guest, "/run/agent.pid")
    assert sealed.swipe(Scope(("*",), (STORAGE,), 16, "case"), seconds=120)["ok"]
    guest.put(STORM.encode(), "/run/storm.py")
    places = "/sys/kernel/config/usb_gadget"
    storm = f"python3 /run/storm.py 0 {places}/board 24 & first=$!; python3 /run/storm.py 1 {places}/stick 24"
    guest.ok(f"{storm} && wait $first", 90)
    assert read(guest, "/run/agent.pid") == process
    log = guest.ok("cat /run/agent.log")
    assert "Traceback" not in log
    guest.ok(f"kill -0 {process}")
    # The control: it was hit, again and again, on what it opens.
    opened = [each["name"] for each in told(sealed, "usb.opened")]
    assert opened.count(board.path) > 1
    assert opened.count(stick.path) > 1
    assert sealed.revoke()["ok"]
    plugged(sealed, board)
    appears(guest, f"{device}:1.0/driver")
    guest.plug("usb-storage", "late", "1", drive=guest.disk("late"), serial="S-late")
    guest.until(lambda: "2-1" in sealed.devices())
    assert read(guest, f"{DEVICES}/2-1/authorized") == "0"
    assert sealed.swipe(COPY)["ok"]
    appears(guest, f"{DEVICES}/2-1:1.0/driver")
    sealed.verify([each.raw for each in sealed.events()])

"""What is read from sysfs and what is written to it, on trees of plain files with the kernel's layout."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from agent.usb.folder import Folder
from agent.usb.sysfs import REREAD, Outcome, Usb
from policies.grants import PORT_PATH
from tests.unit.usb_tree import Tree, descriptors


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An xHCI with both halves, a stick that is also a keyboard, and a hub with a keyboard behind it."""
    made = Tree(tmp_path)
    made.bus("usb1", "pci0000:00/0000:00:14.0", "2.00")
    made.bus("usb2", "pci0000:00/0000:00:14.0", "3.00")
    made.plug("1-1", "0781", "5567", [(0, "08", "06", "50"), (1, "03", "01", "01")], serial="4C53", product="Cruzer")
    made.plug("1-2", "05e3", "0608", [(0, "09", "00", "00")], device_class="09")
    made.plug("1-2.4", "046d", "c31c", [(0, "03", "01", "01")], devnum=4)
    return made


class TestScan:
    def test_parents_come_first_with_what_they_say_of_themselves(self, tree: Tree) -> None:
        scan = Usb(tree.root).scan()
        assert scan.complete
        assert scan.problems == ()
        assert [each.name for each in scan.devices] == ["1-1", "1-2", "1-2.4"]
        stick, hub, board = scan.devices
        raw = (tree.folder("1-1") / "descriptors").read_bytes()
        assert stick.identity.descriptors == sha256(raw).hexdigest()
        assert (stick.identity.vendor_id, stick.identity.product_id, stick.identity.serial) == ("0781", "5567", "4C53")
        assert (stick.product, stick.devnum, stick.hub, stick.authorized) == ("Cruzer", 2, False, False)
        assert [(each.number, each.usb_class) for each in stick.interfaces] == [(0, "08"), (1, "03")]
        assert hub.hub
        assert not board.hub

    def test_port_paths_are_udevs(self, tree: Tree) -> None:
        paths = {each.name: each.port for each in Usb(tree.root).scan().devices}
        assert paths == {
            "1-1": "pci-0000:00:14.0-usbv2-0:1",
            "1-2": "pci-0000:00:14.0-usbv2-0:2",
            "1-2.4": "pci-0000:00:14.0-usbv2-0:2.4",
        }

    @pytest.mark.parametrize(
        ("place", "kinds", "version", "wanted"),
        [
            ("pci0000:00/0000:00:1a.0", {}, " 2.00", "pci-0000:00:1a.0-usbv2"),
            ("pci0000:00/0000:00:1c.4/0000:03:00.0", {}, " 3.10", "pci-0000:03:00.0-usbv3"),
            ("platform/dummy_hcd.0", {}, " 2.00", "platform-dummy_hcd.0-usbv2"),
            ("platform/soc/fe980000.usb", {"platform/soc/fe980000.usb": "platform"}, "1.10",
             "platform-fe980000.usb-usbv1"),
            ("platform/scb/fd500000.pcie/pci0000:00/0000:00:00.0/0000:01:00.0",
             {"platform/scb/fd500000.pcie": "platform", "platform/scb": "platform"}, " 2.00",
             "platform-fd500000.pcie-pci-0000:01:00.0-usbv2"),
            ("pci0000:00/0000:00:14.0/xhci-hcd.1.auto", {"pci0000:00/0000:00:14.0/xhci-hcd.1.auto": "platform"},
             " 3.00", "pci-0000:00:14.0-platform-xhci-hcd.1.auto-usbv3"),
            ("odd/thing", {}, " 2.00", "other-odd!thing-usbv2"),
            ("", {}, " 2.00", "other-usbv2"),
            ("platform/dummy_hcd.0", {}, "rubbish", "platform-dummy_hcd.0-usb"),
        ],
    )  # fmt: skip
    def test_the_place_of_a_controller(
        self, place: str, kinds: dict[str, str], version: str, wanted: str, tmp_path: Path
    ) -> None:
        """Expected values follow systemd's udev-builtin-path_id: every named parent, the nearest last."""
        tree = Tree(tmp_path)
        tree.bus("usb1", place, version)
        for each, kind in kinds.items():
            (tmp_path / "devices" / each / "subsystem").symlink_to(tmp_path / "bus" / kind)
        assert [each.prefix for each in Usb(tmp_path).scan().buses] == [wanted]

    def test_a_name_that_no_grant_could_hold_is_made_one(self, tmp_path: Path) -> None:
        tree = Tree(tmp_path)
        tree.bus("usb1", "platform/a b\x1b~" + "c" * 150, "2.00")
        tree.plug("1-1", "0781", "5567", [(0, "08", "06", "50")])
        port = Usb(tmp_path).scan().devices[0].port
        assert PORT_PATH.fullmatch(port)

    def test_two_buses_at_one_place_are_told_apart(self, tree: Tree) -> None:
        """A device on one of them must not pass for the bound one at the same port of the other."""
        tree.bus("usb3", "pci0000:00/0000:00:14.0", "2.00")
        tree.plug("3-1", "046d", "c31c", [(0, "03", "01", "01")])
        scan = Usb(tree.root).scan()
        ports = {each.name: each.port for each in scan.devices}
        assert len(set(ports.values())) == len(ports)
        assert not PORT_PATH.fullmatch(ports["3-1"])
        assert PORT_PATH.fullmatch(ports["1-1"])
        assert len(scan.problems) == 1

    def test_peers_are_the_two_halves_of_one_hole(self, tree: Tree) -> None:
        tree.peer("usb1", 1, "usb2", 1)
        tree.plug("2-2", "05e3", "0620", [(0, "09", "00", "00")], device_class="09")
        tree.peer("1-2", 3, "2-2", 3)
        peers = Usb(tree.root).scan().peers
        assert peers["pci-0000:00:14.0-usbv2-0:1"] == "pci-0000:00:14.0-usbv3-0:1"
        assert peers["pci-0000:00:14.0-usbv3-0:1"] == "pci-0000:00:14.0-usbv2-0:1"
        assert peers["pci-0000:00:14.0-usbv2-0:2.3"] == "pci-0000:00:14.0-usbv3-0:2.3"

    def test_a_peer_that_comes_a_little_later_is_seen(self, tree: Tree) -> None:
        usb = Usb(tree.root)
        assert usb.scan().peers == {}
        tree.peer("usb1", 1, "usb2", 1)
        assert len(usb.scan().peers) == 2

    def test_buses_with_their_defaults(self, tree: Tree) -> None:
        (tree.folder("usb2") / "authorized_default").write_text("2\n")
        scan = Usb(tree.root).scan()
        first, second = scan.buses
        assert (first.authorized_default, first.interface_authorized_default, first.authorized) == (0, 0, True)
        assert second.authorized_default == 2
        assert scan.new_controllers == -1

    def test_what_is_released_and_taken_by_a_driver(self, tree: Tree) -> None:
        tree.admit("1-1", released={0: True, 1: False})
        stick = Usb(tree.root).scan().devices[0]
        assert stick.authorized is True
        assert stick.released == {0}
        assert stick.bound == {0}

    def test_a_machine_without_usb_is_an_empty_scan(self, tmp_path: Path) -> None:
        scan = Usb(tmp_path).scan()
        assert (scan.complete, scan.buses, scan.devices, scan.new_controllers) == (True, (), (), None)


class TestHostile:
    def test_names_hold_no_control_characters_and_are_bounded(self, tree: Tree) -> None:
        (tree.folder("1-1") / "product").write_bytes(b"\x1b[2J\xff\xe2\x80\xae" + b"x" * 4000)
        (tree.folder("1-1") / "serial").write_bytes(b"a\x00b\n\n")
        stick = Usb(tree.root).scan().devices[0]
        assert stick.product.isprintable()
        assert len(stick.product) == 126
        assert stick.identity.serial == "a?b"

    def test_descriptors_that_make_no_sense_leave_a_device_that_nothing_can_open(self, tree: Tree) -> None:
        (tree.folder("1-1") / "descriptors").write_bytes(b"\x12\x01" + os.urandom(300))
        scan = Usb(tree.root).scan()
        assert scan.devices[0].interfaces == ()
        assert scan.devices[0].identity.descriptors
        assert len(scan.problems) == 1
        assert scan.complete

    def test_endless_descriptors_are_not_read_to_the_end(self, tree: Tree) -> None:
        (tree.folder("1-1") / "descriptors").unlink()
        (tree.folder("1-1") / "descriptors").symlink_to("/dev/zero")
        scan = Usb(tree.root).scan()
        assert scan.devices[0].identity.descriptors == ""
        assert [each.name for each in scan.devices] == ["1-1", "1-2", "1-2.4"]

    @pytest.mark.parametrize("name", ["idVendor", "idProduct"])
    def test_ids_that_are_none_give_no_identity(self, name: str, tree: Tree) -> None:
        (tree.folder("1-1") / name).write_text("0x781\n")
        assert Usb(tree.root).scan().devices[0].identity.descriptors == ""

    def test_names_in_the_list_that_are_no_devices_are_passed_over(self, tree: Tree) -> None:
        for name in ("1-1.", "1--1", "x-1", "usbx", "1-1:1", "..1-1", "1-0"):
            (tree.root / "bus/usb/devices" / name).symlink_to(tree.folder("1-1"))
        assert [each.name for each in Usb(tree.root).scan().devices][1:] == ["1-1", "1-2", "1-2.4"]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, int], None]:
    """Give a switch: from now on, opening a file whose name ends so fails with that errno."""
    faults: dict[str, int] = {}
    real = os.open

    def opened(path: object, *given: object, **named: object) -> int:
        for end, code in faults.items():
            if str(path).endswith(end):
                raise OSError(code, os.strerror(code), str(path))
        return real(path, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", opened)
    return lambda end, code: faults.update({end: code})


class TestGone:
    @pytest.mark.parametrize("code", [errno.ENOENT, errno.ENODEV])
    @pytest.mark.parametrize("name", ["devnum", "idVendor", "descriptors", "authorized", "bDeviceClass"])
    def test_a_device_that_leaves_while_it_is_read_is_no_error(
        self, name: str, code: int, tree: Tree, failing: Callable[[str, int], None]
    ) -> None:
        failing(name, code)
        scan = Usb(tree.root).scan()
        assert scan.devices == ()
        assert scan.problems == ()
        assert scan.complete

    def test_a_bus_that_leaves_takes_its_devices_along(self, tree: Tree) -> None:
        (tree.root / "bus/usb/devices/usb1").unlink()
        assert Usb(tree.root).scan().devices == ()

    @pytest.mark.parametrize("code", [errno.EMFILE, errno.EIO, errno.EACCES, errno.ENOMEM])
    def test_anything_else_is_a_problem_and_nobody_has_left(
        self, code: int, tree: Tree, failing: Callable[[str, int], None]
    ) -> None:
        failing("1-2", code)
        scan = Usb(tree.root).scan()
        assert not scan.complete
        assert len(scan.problems) == 1
        assert os.strerror(code) in str(scan.problems[0])
        assert "1-1" in [each.name for each in scan.devices]

    def test_a_list_that_cannot_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "bus/usb").mkdir(parents=True)
        (tmp_path / "bus/usb/devices").write_text("no folder")
        scan = Usb(tmp_path).scan()
        assert not scan.complete
        assert len(scan.problems) == 1

    def test_descriptors_that_fail_for_a_moment_do_not_change_a_known_device(
        self, tree: Tree, failing: Callable[[str, int], None]
    ) -> None:
        usb = Usb(tree.root)
        known = usb.scan().devices[0].identity
        failing("descriptors", errno.ENOMEM)
        for _ in range(REREAD):
            usb.scan()
        scan = usb.scan()
        assert scan.devices[0].identity == known
        assert len(scan.problems) == 3
        tree.replug("1-1", devnum=9)  # control: another enumeration is not known
        assert usb.scan().devices[0].identity.descriptors == ""


class TestMemory:
    def test_what_stays_is_not_read_again(self, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
        usb = Usb(tree.root)
        usb.scan()
        read: list[str] = []
        real = Folder.content

        def content(self: Folder, name: str, limit: int, *, whole: bool = True) -> bytes:
            read.append(name)
            return real(self, name, limit, whole=whole)

        monkeypatch.setattr(Folder, "content", content)
        usb.scan()
        assert set(read) == {"devnum", "authorized", "authorized_default", "interface_authorized_default"}

    def test_the_same_number_in_another_folder_is_read_anew(self, tree: Tree) -> None:
        """A controller that left and one that came count from the start: only sysfs's own number differs."""
        usb = Usb(tree.root)
        before = usb.scan().devices[0]
        tree.replug("1-1", devnum=before.devnum)
        (tree.folder("1-1") / "descriptors").write_bytes(descriptors("0781", "5567", [(0, "03", "01", "01")]))
        assert usb.scan().devices[0].identity != before.identity

    def test_all_is_read_again_now_and_then(self, tree: Tree) -> None:
        usb = Usb(tree.root)
        before = usb.scan().devices[0].identity
        (tree.folder("1-1") / "descriptors").write_bytes(descriptors("0781", "5567", [(0, "03", "01", "01")]))
        seen = [usb.scan().devices[0].identity for _ in range(REREAD)]
        assert seen[0] == before
        assert seen[-1] != before


class TestWrites:
    def test_shutting_writes_zero_to_what_is_open_and_nothing_else(self, tree: Tree) -> None:
        (tree.folder("usb1") / "authorized_default").write_text("1\n")
        results = Usb(tree.root).shut_defaults()
        assert {Path(each.where).name for each in results} == {"authorized_default"}
        assert [each.outcome for each in results] == [Outcome.DONE, Outcome.DONE]  # usb1 and the parameter
        assert tree.written("usb1/authorized_default") == "0"
        assert (tree.root / "module/usbcore/parameters/authorized_default").read_text() == "0"
        assert Usb(tree.root).shut_defaults() == ()

    def test_a_default_that_does_not_shut_is_told(self, tree: Tree) -> None:
        where = tree.folder("usb1") / "authorized_default"
        where.unlink()
        where.symlink_to("/dev/full")
        (result,) = [each for each in Usb(tree.root).shut_defaults() if "usb1" in each.where]
        assert result.outcome is Outcome.FAILED
        assert os.strerror(errno.ENOSPC) in result.cause

    def test_exactly_the_allowed_interfaces_open(self, tree: Tree) -> None:
        tree.interfaces("1-1")
        usb = Usb(tree.root)
        tree.bind("1-1", 0)
        result = usb.admit(usb.scan().devices[0], frozenset({0}))
        assert (result.outcome, result.released, result.written) == (Outcome.DONE, frozenset({0}), True)
        assert tree.written("1-1/authorized") == "1"
        assert tree.written("1-1/1-1:1.0/authorized") == "1"
        assert tree.written("1-1/1-1:1.1/authorized") == "0"

    def test_an_interface_that_is_open_and_not_allowed_is_shut(self, tree: Tree) -> None:
        tree.admit("1-1", released={0: True, 1: True})
        usb = Usb(tree.root)
        assert usb.admit(usb.scan().devices[0], frozenset({0})).outcome is Outcome.DONE
        assert tree.written("1-1/1-1:1.1/authorized") == "0"

    def test_when_it_cannot_be_shut_all_of_the_device_is_refused(self, tree: Tree) -> None:
        tree.admit("1-1", released={0: True, 1: True})
        usb = Usb(tree.root)
        stick = usb.scan().devices[0]
        where = tree.folder("1-1") / "1-1:1.1/authorized"
        where.unlink()
        where.symlink_to("/dev/full")
        assert usb.admit(stick, frozenset({0})).outcome is Outcome.FAILED
        assert tree.written("1-1/authorized") == "0"

    def test_a_configuration_that_was_not_judged_does_not_open(self, tree: Tree) -> None:
        """The number 0 of configuration 2 is another interface than the number 0 of configuration 1."""
        usb = Usb(tree.root)
        stick = usb.scan().devices[0]
        tree.interfaces("1-1", configuration=2)
        result = usb.admit(stick, frozenset({0}))
        assert result.outcome is Outcome.FAILED
        assert result.written
        assert tree.written("1-1/1-1:2.0/authorized") == "0"

    def test_a_default_that_admits_interfaces_stops_the_opening(self, tree: Tree) -> None:
        (tree.folder("usb1") / "interface_authorized_default").write_text("1\n")
        usb = Usb(tree.root)
        result = usb.admit(usb.scan().devices[0], frozenset({0}))
        assert (result.outcome, result.written) == (Outcome.FAILED, False)
        assert tree.written("1-1/authorized") == "0"

    @pytest.mark.parametrize("change", ["devnum", "serial", "descriptors", "idVendor"])
    def test_a_device_swapped_after_the_scan_is_not_admitted(self, change: str, tree: Tree) -> None:
        usb = Usb(tree.root)
        stick = usb.scan().devices[0]
        other = {"devnum": b"3\n", "serial": b"X\n", "idVendor": b"1234\n"}
        other["descriptors"] = descriptors("0781", "5567", [(0, "03", "01", "01")])
        (tree.folder("1-1") / change).write_bytes(other[change])
        result = usb.admit(stick, stick_numbers := frozenset({0, 1}))
        assert (result.outcome, result.written) == (Outcome.GONE, False)
        assert tree.written("1-1/authorized") == "0"
        tree.interfaces("1-1")  # control: as it is now it could be admitted
        assert usb.admit(usb.scan().devices[0], stick_numbers).outcome is Outcome.DONE

    def test_the_place_taken_between_the_check_and_the_write(self, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
        """The folder that was opened is that of the old enumeration, and a write through it never meets the new one."""
        usb = Usb(tree.root)
        stick = usb.scan().devices[0]
        real = Usb._interfaces_come_shut

        def swapped(self: Usb, device: object) -> None:
            real(self, device)  # type: ignore[arg-type]
            tree.replug("1-1", devnum=8)

        monkeypatch.setattr(Usb, "_interfaces_come_shut", swapped)
        assert usb.admit(stick, frozenset({0})).outcome is Outcome.GONE
        assert tree.written("1-1/authorized") == "0"

    def test_refusing_is_read_back(self, tree: Tree) -> None:
        tree.admit("1-1", released={0: True})
        usb = Usb(tree.root)
        stick = usb.scan().devices[0]
        assert usb.refuse(stick).outcome is Outcome.DONE
        assert tree.written("1-1/authorized") == "0"
        (tree.folder("1-1") / "authorized").unlink()
        (tree.folder("1-1") / "authorized").symlink_to("/dev/null")
        result = usb.refuse(stick)
        assert (result.outcome, "nothing is read back" in result.cause) == (Outcome.FAILED, True)

    def test_writing_to_what_has_left_is_gone(self, tree: Tree) -> None:
        usb = Usb(tree.root)
        stick = usb.scan().devices[0]
        shutil.rmtree(tree.folder("1-1"))
        assert usb.refuse(stick).outcome is Outcome.GONE
        assert usb.admit(stick, frozenset({0})).outcome is Outcome.GONE
        assert usb.no_persist(stick).outcome is Outcome.GONE

    def test_persistence_goes_where_there_is_one(self, tree: Tree) -> None:
        usb = Usb(tree.root)
        stick, hub, board = usb.scan().devices
        assert [usb.no_persist(each).outcome for each in (stick, hub, board)] == [Outcome.DONE] * 3
        assert tree.written("1-1/power/persist") == "0"
        assert not (tree.folder("1-2") / "power").exists()

    def test_nothing_is_ever_written_but_to_known_files(self, tree: Tree) -> None:
        """A sweep over the whole tree: after opening and shutting everything, these files differ and no others."""
        tree.interfaces("1-1")
        tree.drivers("usb-storage", "uas", "asix")
        before = tree.content()
        usb = Usb(tree.root)
        usb.shut_defaults()
        stick = usb.scan().devices[0]
        usb.admit(stick, frozenset({0, 1}), bound=True)
        usb.no_persist(stick)
        changed = {name for name, content in tree.content().items() if before.get(name) != content}
        names = {Path(each).name for each in changed if not each.startswith("bus/usb/drivers/")}
        assert names == {"authorized", "authorized_default", "persist", "drivers_probe"}
        asked = {each for each in changed if each.startswith("bus/usb/drivers/")}
        assert asked == {"bus/usb/drivers/uas/bind", "bus/usb/drivers/usb-storage/bind"}

"""The terminal's USB census, on made-up sysfs trees with the kernel's own layout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.cli.base import Spot
from agent.cli.main import run
from agent.link.identity import agent_key
from agent.usb.census import take_census
from agent.usb.sysfs import Usb
from policies.census_json import census_json, read_census
from policies.errors import EquipmentError, Unreachable
from policies.messages.evidence import SignedCensus, read_evidence
from policies.terminal import CensusReport, HiddenController, compare, port_path
from policies.texts import t
from policies.usb import UsbIdentity
from tests.unit.terminal_bench import KEY, Bench

EN = {"PORTSEAL_LANG": "en"}


def put(folder: Path, **files: str) -> Path:
    """Make a sysfs folder with attribute files; the kernel ends each with a line end."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text + "\n", "utf-8")
    return folder


def show(root: Path, real: Path) -> None:
    """List a device where the kernel does: as a link in bus/usb/devices."""
    listed = root / "bus/usb/devices"
    listed.mkdir(parents=True, exist_ok=True)
    (listed / real.name).symlink_to(real)


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A controller with three ports: a stick, a hub with a refused keyboard behind it, and an empty one."""
    bus = put(
        tmp_path / "devices/pci0000:00/0000:00:14.0/usb1",
        serial="0000:00:14.0", speed="480", authorized_default="0", interface_authorized_default="1",
        bDeviceClass="09", maxchild="3", version=" 2.00",
    )  # fmt: skip
    for number, kind in ((1, "hotplug"), (2, "hotplug"), (3, "hardwired")):
        put(bus / f"1-0:1.0/usb1-port{number}", connect_type=kind, disable="0")
    stick = put(
        bus / "1-1", idVendor="0781", idProduct="5567", product="Cruzer Blade", serial="4C53", authorized="1",
        bDeviceClass="00", devnum="5",
    )  # fmt: skip
    (stick / "descriptors").write_bytes(b"\x12\x01")
    put(stick / "1-1:1.0", bInterfaceClass="08", bInterfaceSubClass="06", bInterfaceProtocol="50")
    hub = put(bus / "1-2", idVendor="05e3", idProduct="0608", authorized="1", bDeviceClass="09", maxchild="4")
    for number in range(1, 5):
        put(hub / f"1-2:1.0/1-2-port{number}", connect_type="unknown", disable="0")
    board = put(hub / "1-2.4", idVendor="046d", idProduct="c31c", product="Keyboard", authorized="0", bDeviceClass="00")
    put(tmp_path / "module/usbcore/parameters", authorized_default="-1")
    for real in (bus, stick, hub, board, stick / "1-1:1.0"):
        show(tmp_path, real)
    return tmp_path


def test_every_controller_hub_and_port_is_listed(sysfs: Path) -> None:
    census = take_census(sysfs)
    assert [(each.name, each.address, each.authorized_default) for each in census.controllers] == [
        ("usb1", "0000:00:14.0", 0)
    ]
    assert census.controllers[0].interface_authorized_default is True
    assert census.hubs == ("usb1", "1-2")
    assert [port.path for port in census.ports] == ["1-1", "1-2", "1-3", "1-2.1", "1-2.2", "1-2.3", "1-2.4"]
    assert census.new_controllers == -1


def test_a_device_is_told_with_its_interfaces_and_whether_it_is_admitted(sysfs: Path) -> None:
    ports = {port.path: port for port in take_census(sysfs).ports}
    stick, board = ports["1-1"].device, ports["1-2.4"].device
    assert stick is not None
    assert board is not None
    assert (stick.vendor_id, stick.product_id, stick.serial) == ("0781", "5567", "4C53")
    assert (stick.interfaces, stick.authorized) == (("08:06:50",), True)
    assert (board.authorized, board.interfaces) == (False, ())
    assert ports["1-3"].device is None
    assert ports["1-3"].connect_type == "hardwired"


def test_a_port_has_a_path_that_stays_over_boots(sysfs: Path) -> None:
    ports = {port.path: port for port in take_census(sysfs).ports}
    assert ports["1-1"].port == "pci-0000:00:14.0-usbv2-0:1"
    assert ports["1-2.4"].port == "pci-0000:00:14.0-usbv2-0:2.4"
    stick = ports["1-1"].device
    assert stick is not None
    assert (stick.port, stick.devnum) == (ports["1-1"].port, 5)
    assert stick.identity == UsbIdentity("0781", "5567", "4C53", hashlib.sha256(b"\x12\x01").hexdigest())
    assert port_path(ports["1-2.4"].port)


def test_the_census_names_ports_and_devices_as_the_gates_scan_does(sysfs: Path) -> None:
    """What the gate has bound would count as a stray if the two wrote one path or one identity in two ways."""
    scanned = {device.name: device for device in Usb(sysfs).scan().devices}
    stick = next(device for device in take_census(sysfs).devices if device.path == "1-1")
    assert scanned["1-1"].port == stick.port
    assert scanned["1-1"].identity == stick.identity
    assert scanned["1-1"].devnum == stick.devnum


def xhci(root: Path) -> None:
    """One xHCI controller: two halves whose numbers differ, each with the half of one hub in it."""
    place = root / "devices/pci0000:00/0000:00:14.0"
    two = put(place / "usb1", version=" 2.00", authorized_default="0", interface_authorized_default="0", maxchild="6")
    three = put(place / "usb2", version=" 3.10", authorized_default="0", interface_authorized_default="0", maxchild="2")
    listed = [two, three]
    halves = [(two, "1-0:1.0", "usb1-port6"), (three, "2-0:1.0", "usb2-port2")]
    for hub, name, port in ((two / "1-6", "1-6", "port1"), (three / "2-2", "2-2", "port1")):
        put(hub, idVendor="05e3", idProduct="0626", authorized="1", bDeviceClass="09", maxchild="2")
        listed.append(hub)
        halves.append((hub, f"{name}:1.0", f"{name}-{port}"))
    folders = [put(hub / interface / port, connect_type="hotplug") for hub, interface, port in halves]
    for one, other in ((0, 1), (2, 3)):
        (folders[one] / "peer").symlink_to(folders[other])
        (folders[other] / "peer").symlink_to(folders[one])
    for real in (*listed, *(folder.parent for folder in folders)):
        show(root, real)


def test_the_two_halves_of_a_port_know_each_other(tmp_path: Path) -> None:
    xhci(tmp_path)
    ports = {port.path: port for port in take_census(tmp_path).ports}
    assert ports["1-6"].peer == ports["2-2"].port == "pci-0000:00:14.0-usbv3-0:2"
    assert ports["2-2"].peer == ports["1-6"].port == "pci-0000:00:14.0-usbv2-0:6"
    assert ports["1-6.1"].peer == ports["2-2.1"].port == "pci-0000:00:14.0-usbv3-0:2.1"
    assert ports["2-2.1"].peer == ports["1-6.1"].port
    assert ports["1-1"].peer is None
    assert len(compare((), take_census(tmp_path)).holes) == 12 - 2


def test_a_census_of_a_real_layout_goes_through_as_a_message(tmp_path: Path) -> None:
    xhci(tmp_path)
    report = CensusReport("guard-1", datetime(2026, 11, 22, tzinfo=UTC), "boot", take_census(tmp_path))
    assert read_census(census_json(report)) == report


def test_two_buses_that_cannot_be_told_apart_still_have_paths_of_their_own(tmp_path: Path) -> None:
    for number in (1, 2):
        put(tmp_path / f"devices/platform/x.0/usb{number}", version=" 2.00", authorized_default="0", maxchild="1")
        show(tmp_path, tmp_path / f"devices/platform/x.0/usb{number}")
    paths = [port.port for port in take_census(tmp_path).ports]
    assert paths == ["platform-x.0-usbv2-0:1", "platform-x.0-usbv2+usb2-0:1"]


def test_a_device_whose_port_no_hub_shows_is_counted(tmp_path: Path) -> None:
    bus = put(tmp_path / "devices/platform/x.0/usb3", version=" 2.00", authorized_default="0", maxchild="1")
    behind = put(bus / "3-1/3-1.2", idVendor="0781", idProduct="5567", authorized="1", bDeviceClass="00")
    other = put(bus / "3-2", idVendor="0781", idProduct="5567", authorized="1", bDeviceClass="00")
    for real in (bus, behind, other):
        show(tmp_path, real)
    census = take_census(tmp_path)
    assert [(port.path, port.hub, port.number, port.port) for port in census.ports] == [
        ("3-1", "usb3", 1, "platform-x.0-usbv2-0:1"),
        ("3-1.2", "3-1", 2, "platform-x.0-usbv2-0:1.2"),
        ("3-2", "usb3", 2, "platform-x.0-usbv2-0:2"),
    ]
    assert [device.path for device in compare((), census).stray] == ["3-1.2", "3-2"]


def pci(root: Path, address: str, kind: str, driver: str = "", bus: str = "") -> None:
    """Put a function on the PCI bus, with the driver that holds it and the USB bus that it shows."""
    function = put(root / "devices/pci0000:00" / address, **{"class": kind})
    if driver:
        put(root / "bus/pci/drivers" / driver)
        (function / "driver").symlink_to(root / "bus/pci/drivers" / driver)
    if bus:
        show(root, put(function / bus))
    (root / "bus/pci/devices").mkdir(parents=True, exist_ok=True)
    (root / "bus/pci/devices" / address).symlink_to(function)


def test_a_controller_that_shows_no_bus_is_named(tmp_path: Path) -> None:
    pci(tmp_path, "0000:00:14.0", "0x0c0330", "xhci_hcd", "usb1")
    pci(tmp_path, "0000:00:16.0", "0x0c0330", "dwc3-pci", "dwc3.2.auto/xhci-hcd.3.auto/usb2")
    pci(tmp_path, "0000:00:1a.0", "0x0c0320")
    pci(tmp_path, "0000:00:1d.0", "0x0c0330", "vfio-pci")
    pci(tmp_path, "0000:00:0d.2", "0x0c0340", "thunderbolt")
    pci(tmp_path, "0000:00:0d.3", "0x0c0340")
    pci(tmp_path, "0000:00:15.0", "0x0c03fe")
    pci(tmp_path, "0000:00:02.0", "0x030000")
    assert take_census(tmp_path).hidden == (
        HiddenController("0000:00:0d.3", ""),
        HiddenController("0000:00:1a.0", ""),
        HiddenController("0000:00:1d.0", "vfio-pci"),
    )


def test_a_refused_hub_still_has_its_ports(sysfs: Path) -> None:
    """The kernel shows no port folders behind a hub that it refused; its maxchild, where known, tells them."""
    hub = sysfs / "bus/usb/devices/1-2"
    for folder in hub.glob("1-2:1.0/*-port*"):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    behind = [port for port in take_census(sysfs).ports if port.hub == "1-2"]
    assert [port.number for port in behind] == [1, 2, 3, 4]
    assert {port.connect_type for port in behind} == {None}


def test_a_device_that_leaves_while_it_is_read_is_unknown_and_no_error(sysfs: Path) -> None:
    (sysfs / "bus/usb/devices/1-1/authorized").unlink()
    ports = {port.path: port for port in take_census(sysfs).ports}
    assert ports["1-1"].device is not None
    assert ports["1-1"].device.authorized is None


def test_buses_and_ports_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        show(tmp_path, put(tmp_path / f"devices/usb{number}", authorized_default="1", maxchild="11"))
    census = take_census(tmp_path)
    assert [each.name for each in census.controllers] == ["usb1", "usb2", "usb10"]
    assert [port.path for port in census.ports if port.hub == "usb2"] == [f"2-{number}" for number in range(1, 12)]


def test_the_census_in_words(sysfs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["census"], EN, sysfs) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "usb1 (0000:00:14.0, 480 Mbit/s): refuses new devices"
    assert "  1-1 on usb1, pci-0000:00:14.0-usbv2-0:1: 0781:5567 Cruzer Blade (authorised)" in lines
    assert "  1-2.4 on 1-2, pci-0000:00:14.0-usbv2-0:2.4: 046d:c31c Keyboard (refused)" in lines
    assert lines[-1] == "1 controllers, 2 hubs, 7 ports, 3 in use"


def test_an_open_default_is_said_last(sysfs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sysfs / "bus/usb/devices/usb1/authorized_default").write_text("1\n")
    assert run(["census"], EN, sysfs) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("New devices are not refused everywhere")


def test_a_device_cannot_steer_the_terminal_with_its_name(sysfs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (sysfs / "bus/usb/devices/1-1/product").write_bytes(b"\x1b[2Jgone\xff\n")
    assert run(["census"], EN, sysfs) == 0
    assert "\x1b" not in capsys.readouterr().out


def test_the_census_as_json_has_the_same_facts(sysfs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["census", "--json"], EN, sysfs) == 0
    told = json.loads(capsys.readouterr().out)
    assert set(told) == {"controllers", "hubs", "ports", "new_controllers", "hidden"}
    assert told["ports"][0]["device"]["interfaces"] == ["08:06:50"]


def test_a_machine_without_usb_is_said_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["census"], EN, tmp_path) == 1
    assert capsys.readouterr().out == "This machine has no USB.\n"


def test_what_cannot_be_read_is_one_line_with_exit_code_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(tmp_path / "bus/usb", devices="no folder")
    assert run(["census"], EN, tmp_path) == 3
    said = capsys.readouterr()
    assert said.out == ""
    assert "cannot be read" in said.err
    assert len(said.err.splitlines()) == 1


def test_an_unknown_option_is_one_line_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["census", "--open"], EN) == 2
    said = capsys.readouterr().err
    assert said.startswith("portseal-agent: ")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [
        (["--lang", "en", "--help"], {}),
        (["--lang=en", "--help"], {}),
        (["--help"], {"PORTSEAL_LANG": "en"}),
        (["--help"], {"LANG": "en_GB.UTF-8"}),
    ],
)
def test_english_is_chosen_as_portseal_chooses_it(
    arguments: list[str], environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, environment) == 0
    assert "The agent of a terminal" in capsys.readouterr().out


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"], EN) == 0
    assert capsys.readouterr().out.startswith("portseal-agent ")


class TestReport:
    """--report: one signed document of what is there, what is bound, and what leases hold open."""

    @pytest.fixture
    def bench(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
        made = Bench(tmp_path)
        self.folder, self.asked = tmp_path / "etc", 0
        self.folder.mkdir()
        (self.folder / "grant.pub").write_bytes(KEY.public.to_pem())
        (self.folder / "agent.toml").write_text(
            f'site = "hq"\nterminal = "T1"\nstate = "{tmp_path}/state"\nrun = "{tmp_path}/run"\n', "utf-8"
        )

        def ask(spot: Spot, request: Mapping[str, Any]) -> Mapping[str, Any]:
            """Ask the agent of the bench, over what its socket would carry."""
            self.asked += 1
            if self.asked == 2 and self.meanwhile is not None:
                self.meanwhile()
            return dict(json.loads(json.dumps(made.answers.answer(request))))

        self.meanwhile: Callable[[], object] | None = None
        monkeypatch.setattr(Spot, "ask", ask)
        yield made
        made.spool.close()

    def read(self, bench: Bench, capsysbinary: pytest.CaptureFixture[bytes]) -> SignedCensus:
        assert run(["census", "--report"], EN, bench.tree.root, self.folder) == 0
        said = capsysbinary.readouterr()
        read = read_evidence(said.out)
        assert read.key.fingerprint.encode() in said.err
        return read

    def test_it_is_signed_by_the_terminals_key_and_tells_what_is_bound(
        self, bench: Bench, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        bench.ask("bind", at="1-2", name="键盘", role="keyboard")
        read = self.read(bench, capsysbinary)
        assert (read.site, read.terminal, read.running) == ("hq", "T1", True)
        assert read.key == agent_key(bench.config.state).public
        assert [each.name for each in read.evidence.bindings] == ["键盘"]
        assert read.evidence.leased == ()
        assert abs(read.taken_at - datetime.now(UTC)) < timedelta(minutes=1)
        assert read.evidence.report.census == take_census(bench.tree.root)
        assert compare((), read.evidence.report.census, read.evidence.bindings).stray == ()

    def test_a_device_on_a_lease_is_accounted_for_and_after_it_there_is_none(
        self, bench: Bench, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")
        assert bench.grant(seconds=60)["ok"]
        read = self.read(bench, capsysbinary)
        (leased,) = read.evidence.leased
        assert leased.port.endswith("usbv2-0:1")
        evidence = read.evidence
        assert compare((), evidence.report.census, evidence.bindings, evidence.leased).stray == ()
        # The control: without the lease the same stick is a stranger.
        assert [each.path for each in compare((), evidence.report.census, evidence.bindings).stray] == ["1-1"]
        bench.look(61)
        assert self.read(bench, capsysbinary).evidence.leased == ()

    def test_what_opens_while_it_is_read_is_read_again(
        self, bench: Bench, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")
        self.meanwhile = bench.grant
        evidence = self.read(bench, capsysbinary).evidence
        assert self.asked == 3
        assert compare((), evidence.report.census, evidence.bindings, evidence.leased).stray == ()
        assert evidence.leased

    def test_without_an_agent_nothing_is_bound_or_leased_and_the_document_says_so(
        self, bench: Bench, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        bench.ask("bind", at="1-2", name="board", role="keyboard")

        def nobody(spot: Spot, request: Mapping[str, Any]) -> Mapping[str, Any]:
            raise Unreachable(t("the agent does not run"))

        monkeypatch.setattr(Spot, "ask", nobody)
        read = self.read(bench, capsysbinary)
        assert (read.running, read.evidence.bindings, read.evidence.leased) == (False, (), ())

    def test_an_agent_that_hangs_is_an_error_and_no_document(
        self, bench: Bench, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def hangs(spot: Spot, request: Mapping[str, Any]) -> Mapping[str, Any]:
            raise EquipmentError(t("the agent gave no answer"))

        monkeypatch.setattr(Spot, "ask", hangs)
        assert run(["census", "--report"], EN, bench.tree.root, self.folder) == 3
        assert capsysbinary.readouterr().out == b""

    def test_a_terminal_that_has_no_key_or_is_none_is_one_line(
        self, bench: Bench, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
    ) -> None:
        (bench.config.state / "agent.key").unlink()
        for folder in (self.folder, tmp_path / "nothing"):
            assert run(["census", "--report"], EN, bench.tree.root, folder) == 2
            said = capsysbinary.readouterr()
            assert (said.out, said.err.count(b"\n")) == (b"", 1)
        assert not (bench.config.state / "agent.key").exists()
        assert run(["census", "--report", "--json"], EN, bench.tree.root, self.folder) == 2

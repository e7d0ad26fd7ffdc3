"""The terminal's USB census, on made-up sysfs trees with the kernel's own layout."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import run
from agent.usb.census import take_census

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
        bDeviceClass="09", maxchild="3",
    )  # fmt: skip
    for number, kind in ((1, "hotplug"), (2, "hotplug"), (3, "hardwired")):
        put(bus / f"1-0:1.0/usb1-port{number}", connect_type=kind, disable="0")
    stick = put(
        bus / "1-1", idVendor="0781", idProduct="5567", product="Cruzer Blade", serial="4C53", authorized="1",
        bDeviceClass="00",
    )  # fmt: skip
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
    assert "  1-1 on usb1: 0781:5567 Cruzer Blade (authorised)" in lines
    assert "  1-2.4 on 1-2: 046d:c31c Keyboard (refused)" in lines
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
    assert set(told) == {"controllers", "hubs", "ports", "new_controllers"}
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

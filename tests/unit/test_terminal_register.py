"""A terminal's register: how site.toml declares it, how it compares with a census, and the census as a message."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.census_json import census_json, read_census
from policies.errors import ConfigError, InputError
from policies.load import load_site
from policies.site import Site
from policies.terminal import (
    Census,
    CensusController,
    CensusDevice,
    CensusPort,
    CensusReport,
    Coverage,
    HiddenController,
    LockLevel,
    PortLock,
    RegisteredPort,
    Terminal,
    TerminalPlatform,
    absent_photos,
    compare,
    port_path,
)
from policies.usb import UsbAppearance, UsbBinding, UsbIdentity, UsbRole

PCI = "pci-0000:00:14.0"
TWO, THREE = f"{PCI}-usbv2-0:", f"{PCI}-usbv3-0:"
BOARD = CensusDevice(
    "1-1", "046d", "c31c", "Keyboard", "", True, hub=False, interfaces=("03:01:01",), port=f"{TWO}1", devnum=4,
    descriptors="ab" * 32,
)  # fmt: skip
STICK = replace(BOARD, path="2-2", port=f"{THREE}2", product="Stick", authorized=False, interfaces=(), devnum=2)
BOUND = UsbBinding("keyboard", UsbRole.KEYBOARD, (f"{TWO}1", f"{THREE}1"), BOARD.identity)
#: One xHCI controller: two holes with two halves each, and a USB 2 header inside the case.
CENSUS = Census(
    controllers=(
        CensusController("usb1", "0000:00:14.0", "480", 0, interface_authorized_default=False),
        CensusController("usb2", "0000:00:14.0", "5000", 0, interface_authorized_default=False),
    ),
    hubs=("usb1", "usb2"),
    ports=(
        CensusPort("1-1", "usb1", 1, "hotplug", False, BOARD, f"{TWO}1", f"{THREE}1"),
        CensusPort("1-2", "usb1", 2, "hotplug", False, None, f"{TWO}2", f"{THREE}2"),
        CensusPort("1-3", "usb1", 3, "hardwired", False, None, f"{TWO}3", None),
        CensusPort("2-1", "usb2", 1, "hotplug", False, None, f"{THREE}1", f"{TWO}1"),
        CensusPort("2-2", "usb2", 2, "hotplug", False, STICK, f"{THREE}2", f"{TWO}2"),
    ),
    new_controllers=0,
)
REGISTER = (
    RegisteredPort(f"{TWO}1", "rear top"),
    RegisteredPort(f"{THREE}2", "front left"),
    RegisteredPort(f"{TWO}3", "header J5", internal=True),
)
REPORT = CensusReport("guard-1", datetime(2026, 11, 22, 9, 0, tzinfo=UTC), "boot-1", CENSUS)

HEAD = '[site]\nname = "x"\n[terminals.guard-1]\nplatform = "linux"\nagent = true\nplace = "room 1"\nowner = "o"\n'
WHOLE = (
    HEAD.replace("agent = true", "agent = false")
    + f"""description = "video export"
photo = "photos/guard-1.jpg"
[[terminals.guard-1.register]]
port = "{TWO}1"
label = "rear top"
[[terminals.guard-1.register]]
port = "{TWO}3"
label = "header J5"
internal = true
[terminals.guard-1.lock]
level = "attested"
model = "KeyLock U4"
id = "U4-1"
attested_by = "Wang Li"
report = "GA 17"
expires = 2026-12-31
"""
)
LINE = '[[terminals.guard-1.register]]\nport = "{port}"\nlabel = "{label}"\n'


def loaded(folder: Path, text: str) -> Site:
    (folder / "site.toml").write_text(text, "utf-8")
    return load_site(folder)


def with_device(port: str, device: CensusDevice | None) -> Census:
    """Give the census with another device in a port."""
    return replace(
        CENSUS, ports=tuple(replace(each, device=device) if each.port == port else each for each in CENSUS.ports)
    )


def covered(coverage: Coverage) -> list[str]:
    return [hole.label for hole in coverage.holes if hole.covered]


class TestDeclaration:
    def test_a_terminal_with_everything_is_declared(self, tmp_path: Path) -> None:
        site = loaded(tmp_path, WHOLE)
        lock = PortLock(LockLevel.ATTESTED, "KeyLock U4", "U4-1", "Wang Li", "GA 17", date(2026, 12, 31))
        register = (RegisteredPort(f"{TWO}1", "rear top"), RegisteredPort(f"{TWO}3", "header J5", internal=True))
        assert site.terminals == (
            Terminal(
                "guard-1", TerminalPlatform.LINUX, False, "room 1", "o", "video export", "photos/guard-1.jpg",
                register, lock,
            ),
        )  # fmt: skip
        assert lock.vouched

    def test_the_least_that_a_terminal_needs(self, tmp_path: Path) -> None:
        site = loaded(tmp_path, HEAD)
        terminal = site.terminal("guard-1")
        assert terminal == Terminal("guard-1", TerminalPlatform.LINUX, True, "room 1", "o", lock=PortLock())
        assert not PortLock().vouched
        assert site.terminal("guard-2") is None

    @pytest.mark.parametrize(
        ("text", "where", "says"),
        [
            (HEAD.replace("platform", "platfrom"), "terminals.guard-1.platfrom", "is platform meant?"),
            (HEAD + 'lok = { level = "none" }\n', "terminals.guard-1.lok", "is lock meant?"),
            (HEAD.replace("linux", "linus"), "terminals.guard-1.platform", "is linux meant?"),
            (HEAD.replace("linux", "windows"), "terminals.guard-1.agent", "the agent runs on Linux only"),
            (HEAD.replace("agent = true\n", ""), "terminals.guard-1.agent", "required key agent"),
            (HEAD.replace('owner = "o"\n', ""), "terminals.guard-1.owner", "required key owner"),
            (HEAD.replace("guard-1", '"a/b"'), "terminals.'a/b'", "cannot be a name"),
            (HEAD + 'photo = "/etc/passwd"\n', "terminals.guard-1.photo", "not a path in the site folder"),
            (HEAD + 'photo = "a/../../b.jpg"\n', "terminals.guard-1.photo", "not a path in the site folder"),
            (HEAD + 'photo = "."\n', "terminals.guard-1.photo", "not a path in the site folder"),
            (HEAD + LINE.format(port="1-2", label="a"), "terminals.guard-1.register[1].port", "not the path of a USB"),
            (
                HEAD + LINE.format(port=f"{PCI}-usb-0:2", label="a"),
                "terminals.guard-1.register[1].port",
                "write usbv2 or usbv3 for usb",
            ),
            (
                HEAD + LINE.format(port=f"{TWO}1", label="a") + LINE.format(port=f"{TWO}1", label="b"),
                "terminals.guard-1.register[2].port",
                "declared twice",
            ),
            (
                HEAD + LINE.format(port=f"{TWO}1", label="a") + LINE.format(port=f"{TWO}2", label="a"),
                "terminals.guard-1.register[2].label",
                "declared twice",
            ),
            (
                HEAD + LINE.format(port=f"{TWO}1", label="a") + "lable = 1\n",
                "terminals.guard-1.register[1].lable",
                "is label meant?",
            ),
            (HEAD + 'lock = { level = "sensed", id = "l" }\n', "terminals.guard-1.lock.model", "needs the key model"),
            (
                WHOLE.replace("expires = 2026-12-31\n", ""),
                "terminals.guard-1.lock.expires",
                "a lock of level attested needs the key expires",
            ),
            (
                WHOLE.replace('"attested"', '"sensed"').replace('report = "GA 17"\n', ""),
                "terminals.guard-1.lock.report",
                "attested_by is there and report is missing",
            ),
            (WHOLE.replace('"attested"', '"none"'), "terminals.guard-1.lock.model", "the level is none"),
            (WHOLE.replace("2026-12-31", '"2026-12-31"'), "terminals.guard-1.lock.expires", "without quotes"),
        ],
    )
    def test_what_cannot_be_declared_is_refused_with_file_key_and_remedy(
        self, text: str, where: str, says: str, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            loaded(tmp_path, text)
        assert caught.value.where == f"{tmp_path}/site.toml: {where}"
        assert says in str(caught.value)
        assert " Next: " in str(caught.value)

    def test_a_photo_that_is_lost_is_named_by_its_key_and_the_site_still_loads(self, tmp_path: Path) -> None:
        site = loaded(tmp_path, WHOLE)

        def is_there(path: str) -> bool:
            return (tmp_path / path).is_file()

        assert list(absent_photos(site.terminals, is_there)) == [("terminals.guard-1.photo", "photos/guard-1.jpg")]
        (tmp_path / "photos").mkdir()
        (tmp_path / "photos/guard-1.jpg").touch()
        assert not list(absent_photos(site.terminals, is_there))


class TestPortPaths:
    @pytest.mark.parametrize(
        "text",
        [
            f"{TWO}1",
            f"{THREE}2.4.1.3.2.15",
            "platform-dummy_hcd.0-usbv2-0:1",
            "platform-fd500000.pcie-pci-0000:01:00.0-usbv3-0:4",
            "pci-0000:00:15.0-platform-xhci-hcd.1.auto-usbv2-0:1",
            "pci-10000:e1:00.0-usbv1-0:2",
        ],
    )
    def test_what_udev_writes_is_one(self, text: str) -> None:
        assert port_path(f" {text} ") == text

    @pytest.mark.parametrize(
        "text",
        ["", "1-2", "usb1", f"{TWO}", f"{TWO}0", f"{TWO}1.", f"{TWO}1:1.0", f"{TWO}1.2.3.4.5.6.7", f"{PCI}-usbv4-0:1",
         "-usbv2-0:1", f"a b{TWO}1", f"a/{TWO}1", f"{PCI}-usb-0:1.2:1.0", f"{TWO}1\x00"],
    )  # fmt: skip
    def test_anything_else_is_none(self, text: str) -> None:
        with pytest.raises(InputError):
            port_path(text)

    @given(st.text(max_size=80))
    def test_noise_is_refused_with_the_one_error(self, text: str) -> None:
        try:
            assert port_path(text).isascii()
        except InputError as error:
            assert str(error).isprintable()


class TestCoverage:
    def test_all_is_covered_when_register_and_census_agree_and_all_is_shut_or_bound(self) -> None:
        coverage = compare(REGISTER, CENSUS, [BOUND])
        assert covered(coverage) == ["rear top", "front left", "header J5"]
        assert (coverage.covered, len(coverage.holes), coverage.percent) == (3, 3, 100.0)
        assert coverage.matched == coverage.holes
        assert not coverage.unregistered
        assert not coverage.unseen
        assert not coverage.stray

    def test_both_halves_of_a_port_are_one_hole(self) -> None:
        assert [hole.ports for hole in compare(REGISTER, CENSUS).holes] == [
            (f"{TWO}1", f"{THREE}1"), (f"{TWO}2", f"{THREE}2"), (f"{TWO}3",)
        ]  # fmt: skip

    def test_halves_that_do_not_name_each_other_stay_two_holes(self) -> None:
        ports = tuple(replace(each, peer=None) if each.port == f"{THREE}1" else each for each in CENSUS.ports)
        coverage = compare(REGISTER, replace(CENSUS, ports=ports), [BOUND])
        assert [hole.ports for hole in coverage.unregistered] == [(f"{THREE}1",)]

    def test_a_port_without_a_line_is_outside(self) -> None:
        coverage = compare(REGISTER[:2], CENSUS, [BOUND])
        assert [hole.ports for hole in coverage.unregistered] == [(f"{TWO}3",)]
        assert coverage.percent == 66.6

    def test_a_line_without_a_port_is_outside(self) -> None:
        coverage = compare((*REGISTER, RegisteredPort(f"{TWO}9", "gone")), CENSUS, [BOUND])
        assert [hole.label for hole in coverage.unseen] == ["gone"]
        assert (coverage.covered, coverage.percent) == (3, 75.0)

    def test_two_lines_for_the_halves_of_one_hole_are_told(self) -> None:
        coverage = compare((*REGISTER, RegisteredPort(f"{THREE}1", "rear blue")), CENSUS, [BOUND])
        assert coverage.doubled == ("rear blue",)
        assert len(coverage.holes) == 3

    @pytest.mark.parametrize("default", [1, 2, 3, -1, None])
    def test_a_bus_that_does_not_refuse_uncovers_its_holes(self, default: int | None) -> None:
        open_bus = replace(CENSUS.controllers[1], authorized_default=default)
        coverage = compare(REGISTER, replace(CENSUS, controllers=(CENSUS.controllers[0], open_bus)), [BOUND])
        assert covered(coverage) == ["header J5"]
        assert open_bus.unread is (default is None)

    @pytest.mark.parametrize("default", [True, None])
    def test_a_bus_that_admits_interfaces_uncovers_its_holes(self, default: bool | None) -> None:
        open_bus = replace(CENSUS.controllers[0], interface_authorized_default=default)
        coverage = compare(REGISTER, replace(CENSUS, controllers=(open_bus, CENSUS.controllers[1])), [BOUND])
        assert covered(coverage) == []
        assert open_bus.unread is (default is None)

    def test_an_admitted_device_that_nobody_bound_is_a_stray(self) -> None:
        coverage = compare(REGISTER, CENSUS)
        assert coverage.stray == (BOARD,)
        assert covered(coverage) == ["front left", "header J5"]

    @pytest.mark.parametrize(
        "other",
        [
            replace(BOUND, ports=(f"{TWO}3",)),
            replace(BOUND, identity=replace(BOARD.identity, serial="1")),
            replace(BOUND, identity=replace(BOARD.identity, descriptors="cd" * 32)),
        ],
        ids=["another port", "another serial", "other descriptors"],
    )
    def test_a_binding_counts_for_its_port_and_its_whole_identity_only(self, other: UsbBinding) -> None:
        assert compare(REGISTER, CENSUS, [other]).stray == (BOARD,)

    def test_a_lease_counts_for_the_enumeration_that_it_admitted_only(self) -> None:
        census = with_device(f"{THREE}2", replace(STICK, authorized=True))
        admitted = UsbAppearance(STICK.port, 2, STICK.identity)
        assert compare(REGISTER, census, [BOUND], [admitted]).percent == 100.0
        assert compare(REGISTER, census, [BOUND], [replace(admitted, devnum=3)]).stray[0].port == STICK.port

    def test_a_device_that_left_while_it_was_read_is_neither_covered_nor_a_stray(self) -> None:
        coverage = compare(REGISTER, with_device(f"{TWO}1", replace(BOARD, authorized=None)), [BOUND])
        assert [each.path for each in coverage.unread] == ["1-1"]
        assert not coverage.stray
        assert covered(coverage) == ["front left", "header J5"]

    def test_nothing_at_all_is_no_coverage(self) -> None:
        assert compare((), Census((), (), (), None)).percent == 0.0

    @given(st.integers(995, 1005), st.data())
    @settings(max_examples=20)
    def test_a_hundred_per_cent_means_every_hole(self, total: int, data: st.DataObject) -> None:
        known = data.draw(st.integers(0, total))
        ports = tuple(CensusPort(f"1-{i}", "usb1", i, None, None, None, f"{TWO}{i}", None) for i in range(1, total + 1))
        coverage = compare(
            [RegisteredPort(f"{TWO}{i}", str(i)) for i in range(1, known + 1)], replace(CENSUS, ports=ports)
        )
        assert (coverage.percent == 100.0) is (known == total)


class TestMessage:
    def test_a_census_survives_the_way(self) -> None:
        report = replace(REPORT, census=replace(CENSUS, hidden=(HiddenController("0000:3c:00.0", "vfio-pci"),)))
        data = census_json(report)
        assert read_census(data) == report
        assert census_json(read_census(data)) == data

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda plain: plain.pop("boot"),
            lambda plain: plain.update(extra=1),
            lambda plain: plain.update(terminal=7),
            lambda plain: plain.update(taken_at="yesterday"),
            lambda plain: plain.update(terminal="a\nb"),
            lambda plain: plain.update(boot="x" * 257),
            lambda plain: plain["census"]["ports"].append(plain["census"]["ports"][0]),
            lambda plain: plain["census"]["ports"][0].update(port="a b"),
            lambda plain: plain["census"]["ports"][0].update(port=""),
            lambda plain: plain["census"]["ports"][0].update(peer="a/b"),
            lambda plain: plain["census"]["ports"][0]["device"].update(product="\x1b[2J"),
            lambda plain: plain["census"]["ports"][0]["device"].update(authorized=1),
            lambda plain: plain["census"]["controllers"][0].update(authorized_default="0"),
            lambda plain: plain["census"].update(ports={}),
        ],
    )
    def test_what_is_not_exactly_a_census_is_refused(self, spoil: Callable[[dict[str, object]], object]) -> None:
        plain = json.loads(census_json(REPORT))
        spoil(plain)
        data = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        with pytest.raises(InputError):
            read_census(data)

    def test_json_in_another_form_or_too_much_of_it_is_refused(self) -> None:
        data = census_json(REPORT)
        for other in (data + b" ", json.dumps(json.loads(data), indent=1).encode(), data[:-1], b" " * (1 << 20) + data):
            with pytest.raises(InputError):
                read_census(other)

    @given(st.binary(max_size=200))
    def test_noise_is_refused_with_the_one_error(self, noise: bytes) -> None:
        with pytest.raises(InputError):
            read_census(noise)

    @given(st.data())
    @settings(max_examples=200)
    def test_a_flipped_byte_gives_another_census_or_the_one_error(self, data: st.DataObject) -> None:
        good = census_json(REPORT)
        spot = data.draw(st.integers(0, len(good) - 1))
        bad = bytearray(good)
        bad[spot] ^= data.draw(st.integers(1, 255))
        try:
            assert read_census(bytes(bad)) != REPORT
        except InputError as error:
            assert str(error).isprintable()


def test_an_identity_of_a_device_that_left_matches_no_bound_one() -> None:
    left = replace(BOARD, vendor_id=None, product_id=None, serial=None, descriptors=None)
    assert left.identity == UsbIdentity("", "", "", "")
    assert compare(REGISTER, with_device(f"{TWO}1", left), [BOUND]).stray == (left,)

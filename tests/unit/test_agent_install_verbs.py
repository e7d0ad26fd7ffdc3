"""The verbs install and uninstall as they are typed, and what `--bind` takes for this machine's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.install import in_use
from agent.cli.main import run
from agent.usb.sysfs import Scan
from policies.usb import UsbBinding, UsbDevice, UsbIdentity, UsbInterface, UsbRole

PORT, PEER = "pci-0000:00:14.0-usbv2-0:", "pci-0000:00:14.0-usbv3-0:"
KINDS = {
    "keyboard": ("03", "01", "01"),
    "mouse": ("03", "01", "02"),
    "stick": ("08", "06", "50"),
    "hub": ("09", "00", "01"),
}


def device(name: str, kind: str, *, authorized: bool = True) -> UsbDevice:
    identity = UsbIdentity("046d", "c31c", name, "ab" * 32)
    interface = UsbInterface(1, 0, 0, *KINDS[kind])
    port = PORT + name.partition("-")[2]
    return UsbDevice(name, port, 3, identity, (interface,), hub=kind == "hub", authorized=authorized)


def bound(*devices: UsbDevice, bindings: tuple[UsbBinding, ...] = (), **peers: str) -> dict[str, UsbRole]:
    found = in_use(Scan(devices=devices, peers=peers), bindings)
    return {each.name.partition(" ")[2]: each.role for each in found}


class TestInUse:
    def test_keyboards_mice_and_the_hubs_on_their_way_are_bound_and_nothing_else(self) -> None:
        devices = (
            device("1-1", "hub"), device("1-2", "stick"), device("1-3", "keyboard", authorized=False),
            device("1-4", "hub"), device("1-1.2", "keyboard"), device("1-5", "mouse"), device("1-4.1", "stick"),
        )  # fmt: skip
        assert bound(*devices) == {"1-1": UsbRole.HUB, "1-1.2": UsbRole.KEYBOARD, "1-5": UsbRole.MOUSE}

    def test_what_is_bound_already_stays_as_it_is(self) -> None:
        keyboard = device("1-2", "keyboard")
        mine = UsbBinding("mine", UsbRole.KEYBOARD, (keyboard.port,), keyboard.identity)
        assert bound(keyboard, bindings=(mine,)) == {}

    def test_both_halves_of_a_port_are_bound(self) -> None:
        keyboard = device("1-2", "keyboard")
        (found,) = in_use(Scan(devices=(keyboard,), peers={keyboard.port: f"{PEER}2"}), ())
        assert found.ports == (keyboard.port, f"{PEER}2")
        assert found.identity == keyboard.identity


class TestVerbs:
    @pytest.mark.parametrize("words", [["install"], ["install", "--dry-run"], ["install", "--headless", "--bind"]])
    def test_a_machine_that_is_not_enrolled_is_left_alone(
        self, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run([*words, "--lang", "en"], {}, tmp_path / "sys", tmp_path) == 2
        assert "not set up as a terminal" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("more", ["--bind", "--headless", "--dry-run"])
    def test_a_confirmation_goes_alone(self, more: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert run(["install", "--confirm", more, "--lang", "en"], {}, tmp_path / "sys", tmp_path) == 2
        assert "--confirm goes alone" in capsys.readouterr().err

    @pytest.mark.parametrize("minutes", ["0", "1441", "x"])
    def test_a_trial_has_an_end(self, minutes: str, tmp_path: Path) -> None:
        assert run(["install", "--minutes", minutes, "--lang", "en"], {}, tmp_path / "sys", tmp_path) == 2

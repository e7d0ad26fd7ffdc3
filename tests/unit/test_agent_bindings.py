"""The file of USB bindings: strict, written whole, and never the reason that a bound keyboard goes dark."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.usb.bindings import LAST_GOOD, load_bindings, parse_bindings, save_bindings
from policies.errors import InputError, StorageFailed
from policies.usb import UsbBinding, UsbIdentity, UsbRole

KEYBOARD = UsbBinding(
    "键盘",
    UsbRole.KEYBOARD,
    ("pci-0000:00:14.0-usbv2-0:1", "pci-0000:00:14.0-usbv3-0:1"),
    UsbIdentity("046d", "c31c", "", "ab" * 32),
)
MOUSE = UsbBinding("mouse", UsbRole.MOUSE, ("pci-0000:00:14.0-usbv2-0:2",), UsbIdentity("046d", "c077", "7", "cd" * 32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bindings.json"


def test_what_is_saved_is_read_back(path: Path, tmp_path: Path) -> None:
    save_bindings(path, (KEYBOARD, MOUSE))
    loaded = load_bindings(path, tmp_path)
    assert loaded.bindings == (KEYBOARD, MOUSE)
    assert loaded.fault is None
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_terminal_has_none(path: Path, tmp_path: Path) -> None:
    assert load_bindings(path, tmp_path) == load_bindings(path, tmp_path / "nowhere")
    assert load_bindings(path, tmp_path).bindings == ()
    assert load_bindings(path, tmp_path).fault is None


@pytest.mark.parametrize("damage", ["gone", "cut", "empty", "noise", "folder"])
def test_a_damaged_file_leaves_the_last_good_ones_in_force_and_says_so(path: Path, tmp_path: Path, damage: str) -> None:
    save_bindings(path, (KEYBOARD,))
    load_bindings(path, tmp_path)
    whole = path.read_bytes()
    path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage != "gone":
        path.write_bytes({"cut": whole[:-20], "empty": b"", "noise": b"\xff\x00{"}[damage])
    loaded = load_bindings(path, tmp_path)
    assert loaded.bindings == (KEYBOARD,)
    assert loaded.fault is not None


def test_when_the_copy_is_damaged_too_nothing_is_bound(path: Path, tmp_path: Path) -> None:
    save_bindings(path, (KEYBOARD,))
    load_bindings(path, tmp_path)
    path.write_bytes(b"{}")
    (tmp_path / LAST_GOOD).write_bytes(b"{}")
    loaded = load_bindings(path, tmp_path)
    assert loaded.bindings == ()
    assert loaded.fault is not None


def test_a_copy_that_cannot_be_written_takes_nothing_away(path: Path, tmp_path: Path) -> None:
    save_bindings(path, (KEYBOARD,))
    assert load_bindings(path, tmp_path / "nowhere").bindings == (KEYBOARD,)


def test_the_copy_follows_the_file(path: Path, tmp_path: Path) -> None:
    save_bindings(path, (KEYBOARD,))
    load_bindings(path, tmp_path)
    save_bindings(path, (KEYBOARD, MOUSE))
    load_bindings(path, tmp_path)
    path.write_bytes(b"")
    assert load_bindings(path, tmp_path).bindings == (KEYBOARD, MOUSE)


@pytest.mark.parametrize(
    "change",
    [
        {"role": "camera"},
        {"name": " "},
        {"name": "a\x1b[2J"},
        {"ports": []},
        {"ports": ["a b"]},
        {"ports": [1]},
        {"vendor_id": "046D"},
        {"descriptors": "ab"},
        {"serial": None},
        {"more": 1},
    ],
    ids=str,
)
def test_a_row_that_is_not_exactly_a_binding_is_refused(path: Path, change: dict[str, object]) -> None:
    save_bindings(path, (KEYBOARD,))
    document = json.loads(path.read_text("utf-8"))
    parse_bindings(json.dumps(document).encode(), "control")
    document["bindings"][0] |= change
    with pytest.raises(InputError, match=r"bindings\.json: 1"):
        parse_bindings(json.dumps(document).encode(), str(path))


def test_a_port_bound_twice_is_refused(path: Path) -> None:
    save_bindings(path, (KEYBOARD, UsbBinding("b", UsbRole.OTHER, KEYBOARD.ports[:1], MOUSE.identity)))
    with pytest.raises(InputError, match="twice"):
        parse_bindings(path.read_bytes(), "x")


@given(st.binary(max_size=200))
def test_noise_is_one_typed_error(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_bindings(data, "noise")


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        save_bindings(tmp_path / "no" / "bindings.json", (KEYBOARD,))

"""The guests' files are costly to make: each thing is made once, whole or not at all."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from lab.terminal import guest, userland
from lab.terminal.cache import kept
from lab.terminal.guest import Image, build
from policies.errors import EquipmentError

pytest_plugins = ["tests.lab.terminal_vm"]
pytestmark = [pytest.mark.lab, pytest.mark.usb]


class TestTheCache:
    def test_a_second_build_makes_nothing(self, terminal_image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
        class Made(Exception):
            """The system was made anew."""

        def make(*_: object) -> None:
            raise Made

        monkeypatch.setattr(userland, "unpack", make)
        first, second = build(), build()
        assert first == second
        assert first.archives[:2] == terminal_image.archives[:2]
        monkeypatch.setenv("PORTSEAL_LAB_MIRROR", "http://mirror.invalid/debian")
        with pytest.raises(Made):
            build()

    def test_another_python_is_refused_by_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guest, "SUITES", {"bookworm": (3, 99)})
        with pytest.raises(EquipmentError, match=r"3\.99 \(bookworm\).*cpython-"):
            guest.choose_suite()

    def test_half_a_thing_is_never_used(self, tmp_path: Path) -> None:
        def fails(into: Path) -> None:
            (into / "part").write_text("half", "ascii")
            raise RuntimeError

        with pytest.raises(RuntimeError):
            kept(tmp_path, "thing", "k", fails)
        # As a maker leaves it that was killed.
        (tmp_path / "thing-k.new").mkdir()
        (tmp_path / "thing-k.new/part").write_text("half", "ascii")
        made = kept(tmp_path, "thing", "k", lambda into: void(into / "whole"))
        assert [each.name for each in made.iterdir()] == ["whole"]

    def test_two_makers_of_one_thing_make_it_once(self, tmp_path: Path) -> None:
        count: list[int] = []

        def make(into: Path) -> None:
            count.append(1)
            time.sleep(0.2)
            void(into / "whole")

        makers = [threading.Thread(target=kept, args=(tmp_path, "thing", "k", make)) for _ in range(3)]
        for each in makers:
            each.start()
        for each in makers:
            each.join()
        assert len(count) == 1


def void(path: Path) -> None:
    path.write_bytes(b"")

"""The agent as a process: how it starts, ends, and what it does when its world is broken; real uevents, plain files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.control import ask
from policies.errors import Unreachable
from tests.replay.agent_process import Place, running, until_answers


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def until(ready: Callable[[], bool], seconds: float = 20.0) -> None:
    ends = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.05)


def kinds(place: Place) -> list[str]:
    return [json.loads(raw)["kind"] for raw in ask(place.socket, {"do": "events"})["events"]]


def test_it_shuts_says_so_and_stops_when_asked(place: Place) -> None:
    assert place.default() == "1"
    with running(place) as process:
        assert place.default() == "0"
        assert place.tree.written("usb1/interface_authorized_default") == "0"
        assert kinds(place)[:2] == ["gate.default_changed", "agent.started"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert not place.socket.exists()
        assert place.default() == "0"
    with running(place):
        assert [kind for kind in kinds(place) if kind.startswith("agent.")] == [
            "agent.started", "agent.enforcing", "agent.stopped", "agent.started", "agent.enforcing",
        ]  # fmt: skip


def test_somebody_who_opens_a_default_is_put_back_within_seconds(place: Place) -> None:
    with running(place):
        (place.tree.folder("usb1") / "authorized_default").write_text("1\n")
        until(lambda: place.default() == "0")
        until(lambda: "gate.default_changed" in kinds(place))


def test_a_declaration_that_is_wrong_shuts_the_gate_and_is_one_line(place: Place) -> None:
    (place.etc / "agent.toml").write_text('site = "hq"\n', "utf-8")
    done = subprocess.run(place.command(), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "agent.toml: terminal" in done.stderr
    assert place.default() == "0"


def test_a_second_agent_is_refused_and_the_first_goes_on(place: Place) -> None:
    with running(place) as first:
        done = subprocess.run(place.command(), capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 4
        assert "Traceback" not in done.stderr
        assert ask(place.socket, {"do": "status"})["ok"]
        assert first.poll() is None


def test_one_that_was_killed_is_replaced_and_the_chain_goes_on(place: Place) -> None:
    with running(place) as process:
        process.kill()
        process.wait()
        with pytest.raises(Unreachable):
            ask(place.socket, {"do": "status"})
    with running(place):
        events = [json.loads(raw) for raw in ask(place.socket, {"do": "events"})["events"]]
        assert [each["seq"] for each in events] == list(range(1, len(events) + 1))


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a disk of 1 MB on which nothing fits any more."""
    if os.geteuid() != 0:
        pytest.skip("a small disk needs root. Next: run the tests as root")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], check=True)
    try:
        with (folder / "ballast").open("wb") as ballast, pytest.raises(OSError, match="No space"):
            while True:
                ballast.write(bytes(1 << 16))
                ballast.flush()
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_at_the_start_keeps_the_gate_shut_and_the_keyboard_open(place: Place, full_disk: Path) -> None:
    with running(place):
        assert ask(place.socket, {"do": "bind", "at": "1-2", "name": "board", "role": "keyboard"})["ok"]
        assert place.tree.written("1-2/authorized") == "1"
    (place.tree.folder("1-2") / "authorized").write_text("0\n")
    (place.tree.folder("1-1") / "authorized").write_text("1\n")
    (place.tree.folder("usb1") / "authorized_default").write_text("1\n")
    place.declare(f"{full_disk}/state")
    with subprocess.Popen(place.command(), stderr=subprocess.PIPE, text=True) as process:
        try:
            until(lambda: place.tree.written("1-2/authorized") == "1")
            until(lambda: place.tree.written("1-1/authorized") == "0")
            assert place.default() == "0"
            with pytest.raises(Unreachable):
                ask(place.socket, {"do": "status"})
            (full_disk / "ballast").unlink()
            until_answers(place, process)
            assert "usb.opened" in kinds(place)
        finally:
            process.kill()

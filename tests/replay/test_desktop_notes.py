"""Notes on a real session bus: `portseal-agent notify` in front of the real agent, and a desktop that takes them."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jeepney import HeaderFields, MessageType, new_method_return
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from agent.control import ask
from lab.terminal.sealed import make_grant
from policies.grants import sign
from tests.replay.agent_process import KEY, Place, running
from tests.unit.terminal_bench import COPY

_NOTIFY = "import sys; from pathlib import Path; from agent.cli.main import run; "
_NOTIFY += 'sys.exit(run(["--lang", sys.argv[2], "notify"], {}, folder=Path(sys.argv[1])))'


class Desktop:
    """The notification service of a session; `notes` are the arguments of each Notify, as they come."""

    def __init__(self, address: str) -> None:
        self.notes: queue.Queue[tuple[Any, ...]] = queue.Queue()
        self._bus: DBusConnection = open_dbus_connection(bus=address)
        reply = self._bus.send_and_get_reply(message_bus.RequestName("org.freedesktop.Notifications"))
        assert reply.body[0] == 1
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def next(self) -> tuple[Any, ...]:
        return self.notes.get(timeout=20)

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._bus.close()

    def _serve(self) -> None:
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                message = self._bus.receive(timeout=0.2)
                if message.header.message_type is MessageType.method_call:
                    assert message.header.fields[HeaderFields.member] == "Notify"
                    self.notes.put(message.body)
                    self._bus.send(new_method_return(message, "u", (77,)))


@contextmanager
def session() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Start a session bus of our own; gives its address."""
    command = ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        try:
            assert daemon.stdout is not None
            yield daemon.stdout.readline().strip(), daemon
        finally:
            daemon.terminate()


@pytest.fixture
def bus() -> Iterator[str]:
    with session() as (address, _):
        yield address


@pytest.fixture
def desktop(bus: str) -> Iterator[Desktop]:
    made = Desktop(bus)
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path / "terminal")


@contextmanager
def notifying(place: Place, address: str, language: str = "zh") -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "DBUS_SESSION_BUS_ADDRESS": address}
    command = [sys.executable, "-c", _NOTIFY, str(place.etc), language]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def grant(place: Place, seconds: int) -> None:
    told = ask(place.socket, {"do": "status"})
    made = replace(make_grant(told, COPY, seconds, told["counter"] + 1), iss="hq", aud="T1")
    answer = ask(place.socket, {"do": "grant", "token": sign(made, KEY)})
    assert answer["ok"], answer


def test_opened_ending_and_locked_again_are_one_note_that_is_replaced(place: Place, bus: str, desktop: Desktop) -> None:
    with running(place), notifying(place, bus) as process:
        grant(place, 34)
        program, replaces, _, title, body, actions, hints, shown = desktop.next()
        assert (program, replaces, actions) == ("Portseal", 0, [])
        assert title.startswith("已开放 00:3")
        assert "hq · T1" in title
        assert "用途：案件视频调取" in body
        assert (hints["urgency"], shown > 0) == (("y", 1), True)
        _, replaces, _, title, _, _, hints, shown = desktop.next()
        assert title.startswith("即将关闭")
        assert (replaces, hints["urgency"], shown) == (77, ("y", 2), 0)
        ask(place.seat, {"do": "relock"})
        _, replaces, _, title, body, *_ = desktop.next()
        assert (replaces, title) == (77, "已重新锁定 · hq · T1")
        assert "已在本终端手动锁定。" in body
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_device_s_name_is_no_markup(place: Place, bus: str, desktop: Desktop) -> None:
    place.tree.unplug("1-1")
    place.tree.plug("1-1", "0781", "5567", [(0, "08", "06", "50")], devnum=7, product="<b>&evil</b>")
    place.tree.interfaces("1-1")
    with running(place), notifying(place, bus, "en"):
        grant(place, 120)
        body = str(desktop.next()[4])
        assert "&lt;b&gt;&amp;evil&lt;/b&gt;" in body


def test_a_desktop_that_starts_anew_is_told_of_what_comes_then(place: Place, bus: str) -> None:
    desktop = Desktop(bus)
    with running(place), notifying(place, bus) as process:
        grant(place, 120)
        desktop.next()
        desktop.close()
        ask(place.seat, {"do": "relock"})
        other = Desktop(bus)
        grant(place, 120)
        titles = [str(other.next()[3])]
        while not titles[-1].startswith("已开放"):
            titles.append(str(other.next()[3]))
        other.close()
        assert process.poll() is None


def test_the_end_of_the_session_is_the_end_of_the_program(place: Place) -> None:
    with session() as (address, daemon), running(place), notifying(place, address) as process:
        desktop = Desktop(address)
        grant(place, 120)
        desktop.next()
        desktop.close()
        daemon.terminate()
        assert process.wait(20) == 0


def test_without_a_session_it_is_one_line(place: Place) -> None:
    with notifying(place, "unix:path=/nonexistent") as process:
        assert process.wait(20) == 3
        assert process.stderr is not None
        said = process.stderr.read()
        assert "没有可显示通知的桌面会话" in said
        assert len(said.splitlines()) == 1

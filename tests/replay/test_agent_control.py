"""The agent's control socket, over a real Unix socket: answers root, and is held up by nobody."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from agent import control
from agent.control import Control, ask
from policies.errors import EquipmentError, Unreachable


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


@pytest.fixture
def served(path: Path) -> Iterator[list[Mapping[str, Any]]]:
    """Serve in a thread, as the agent's loop does; gives the requests as they come."""
    heard: list[Mapping[str, Any]] = []
    selector = selectors.DefaultSelector()

    def answer(request: Mapping[str, Any]) -> Mapping[str, Any]:
        heard.append(request)
        return {"heard": dict(request), "long": "开" * int(request.get("long", 0))}

    server = Control(path, answer, selector)
    stop = threading.Event()

    def loop() -> None:
        while not stop.is_set():
            for key, mask in selector.select(0.02):
                key.data(mask)
            server.tidy()

    thread = threading.Thread(target=loop)
    thread.start()
    yield heard
    stop.set()
    thread.join()
    server.close()
    selector.close()


def test_a_request_is_answered(path: Path, served: list[Mapping[str, Any]]) -> None:
    assert ask(path, {"do": "status"})["heard"] == {"do": "status"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_answer_larger_than_the_socket_s_buffer_arrives_whole(path: Path, served: list[Mapping[str, Any]]) -> None:
    assert len(ask(path, {"long": 2_000_000})["long"]) == 2_000_000


@pytest.mark.parametrize("noise", [b"\n", b"\xff\xfe\n", b"[1]\n", b"{" * 5000 + b"\n"], ids=len)
def test_noise_is_an_empty_request(path: Path, served: list[Mapping[str, Any]], noise: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(noise)
        assert client.recv(100).startswith(b'{"heard": {}')


def test_one_that_says_too_much_is_dropped_and_the_next_is_served(path: Path, served: list[Mapping[str, Any]]) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        with pytest.raises(OSError, match=r"."):
            for _ in range(10_000):
                client.sendall(b"x" * 65536)
    assert ask(path, {"do": "b"})["heard"] == {"do": "b"}


def test_silent_clients_are_closed_in_time_and_do_not_keep_others_out(
    path: Path, served: list[Mapping[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "PATIENCE", 0.2)
    silent = [socket.socket(socket.AF_UNIX) for _ in range(16)]
    try:
        for client in silent:
            client.connect(str(path))
        for client in silent:
            client.settimeout(5)
            assert client.recv(1) == b""
        assert ask(path, {"do": "c"})["heard"] == {"do": "c"}
    finally:
        for client in silent:
            client.close()


def test_no_agent_is_one_line(path: Path) -> None:
    with pytest.raises(Unreachable, match="systemctl start"):
        ask(path, {"do": "status"})


def test_an_agent_that_hangs_is_one_line(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(EquipmentError, match="no answer"):
            ask(path, {"do": "status"}, timeout=0.2)


def test_a_socket_left_by_a_killed_agent_is_taken_over(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    selector = selectors.DefaultSelector()
    server = Control(path, lambda _: {}, selector)
    server.close()
    assert not path.exists()

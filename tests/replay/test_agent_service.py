"""What the service manager hears, on a real datagram socket."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from agent.service import Service


@pytest.mark.parametrize("abstract", [False, True])
def test_the_manager_hears_ready_alive_and_stopping(tmp_path: Path, abstract: bool) -> None:
    address = f"\0portseal-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(5)
        shown = "@" + address[1:] if abstract else address
        environment = {"NOTIFY_SOCKET": shown, "WATCHDOG_USEC": "20000000", "WATCHDOG_PID": str(os.getpid())}
        service = Service(environment)
        service.ready()
        service.alive()
        service.status("关闭")
        service.stopping()
        heard = [manager.recv(100).decode() for _ in range(4)]
    assert heard == ["READY=1", "WATCHDOG=1", "STATUS=关闭", "STOPPING=1"]
    assert service.watchdog == 10.0
    assert environment == {}


def test_without_a_manager_nothing_is_sent() -> None:
    service = Service({})
    service.ready()
    assert service.watchdog is None


def test_a_manager_that_is_gone_stops_nothing(tmp_path: Path) -> None:
    Service({"NOTIFY_SOCKET": str(tmp_path / "gone")}).alive()


@pytest.mark.parametrize("environment", [{"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}])
def test_a_watchdog_that_is_not_meant_for_us_is_not_fed(tmp_path: Path, environment: dict[str, str]) -> None:
    assert Service({"NOTIFY_SOCKET": str(tmp_path / "x"), **environment}).watchdog is None

"""What all rings share: no network in the unit ring, a clock that is set by hand, the folder of recordings."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

# A busy machine is slow: nothing is judged by time in a test.
hypothesis_settings.register_profile("portseal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("portseal")


UNIT = Path(__file__).parent / "unit"


class Clock:
    """A clock that moves only when a test says so; call it for the time (aware UTC)."""

    def __init__(self, start: datetime) -> None:
        self.now = start

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> datetime:
        """Move on by `span` (the arguments of timedelta, negative ones too), and give the new time."""
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Give a clock that stands at 2026-11-22 10:00 UTC."""
    return Clock(datetime(2026, 11, 22, 10, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Give the folder of recordings of real equipment, which belong to other projects and are read in place."""
    root = os.environ.get("PORTSEAL_FIXTURES")
    if not root:
        pytest.skip("PORTSEAL_FIXTURES is not set: point it to the folder of recordings, or run 'make test'")
    folder = Path(root)
    if not folder.is_dir():
        pytest.skip(f"PORTSEAL_FIXTURES is {root}, which is no folder: correct it, or run 'make test'")
    return folder


@pytest.fixture(autouse=True)
def no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """In tests/unit refuse every socket but Unix ones, and every name look-up: no machine is needed there."""
    if not request.path.is_relative_to(UNIT):
        return
    real: Callable[..., None] = socket.socket.__init__

    def opened(self: socket.socket, *given: Any, **named: Any) -> None:
        asked = dict(zip(("family", "type", "proto", "fileno"), given, strict=False)) | named
        if asked.get("fileno") is None and asked.get("family", -1) != socket.AF_UNIX:
            pytest.fail("a unit test opened a network socket: it belongs to tests/replay or tests/lab")
        real(self, *given, **named)

    def looked_up(*_: object, **__: object) -> None:
        pytest.fail("a unit test looked up a host name: it belongs to tests/replay or tests/lab")

    monkeypatch.setattr(socket.socket, "__init__", opened)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)

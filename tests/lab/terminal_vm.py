"""Guests for tests: `terminal` is a sealed one that nothing has touched, continued from the session's one snapshot.

A test module takes the fixtures with `pytest_plugins = ["tests.lab.terminal_vm"]` and imports nothing from here: pytest
wants to be the first to. Helpers are in tests.lab.terminal_usb. The virtual network has no part in it and stays down.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.terminal import api
from lab.terminal.fleet import golden
from lab.terminal.guest import Image, build
from lab.terminal.machine import Machine
from lab.terminal.sealed import Sealed
from lab.terminal.vm import Snapshot, Terminal
from policies.errors import UsageError


@pytest.fixture(scope="session")
def terminal_image() -> Image:
    """Give the guest's files, made now unless the cache has them."""
    try:
        api.requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    return build()


@pytest.fixture(scope="session")
def terminal_snapshot(terminal_image: Image) -> Snapshot:
    """Give the sealed guest, just started."""
    return golden(Machine(terminal_image))


@pytest.fixture
def terminal(terminal_snapshot: Snapshot) -> Iterator[Terminal]:
    """Give a sealed guest of this test's own."""
    with Terminal.restore(terminal_snapshot) as guest:
        yield guest


@pytest.fixture
def sealed(terminal_image: Image) -> Iterator[Sealed]:
    """Give a guest of this test's own in which the agent is at work."""
    with Sealed.restore(Machine(terminal_image)) as at_work:
        yield at_work

"""Terminals that boot from a disk, for tests: `installed` is one on trial, continued from a snapshot of just after.

A test module takes the fixtures with `pytest_plugins = ["tests.lab.installed_vm"]`; helpers are in
tests.lab.installed_looks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.terminal import api
from lab.terminal import installed as terminals
from lab.terminal.installed import Installed
from lab.terminal.sealed import Sealed
from lab.terminal.vm import Snapshot
from policies.errors import UsageError


@pytest.fixture(scope="session")
def bare_snapshot() -> Snapshot:
    """Give the terminal before the installation, made now unless the cache has it."""
    if os.geteuid() != 0:
        pytest.skip("not root: the disk of an installed terminal cannot be made; run make test as root")
    try:
        api.requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    return terminals.booted()


@pytest.fixture(scope="session")
def installed_snapshot(bare_snapshot: Snapshot) -> Snapshot:
    """Give the terminal after its installation, made now unless the cache has it."""
    return terminals.installed()


@pytest.fixture
def installed(installed_snapshot: Snapshot) -> Iterator[Installed]:
    """Give a terminal on trial, of this test's own, with its bound keyboard plugged in."""
    with Installed.restore(installed_snapshot, same_boot=True) as guest:
        yield guest


@pytest.fixture
def agent(installed: Installed) -> Sealed:
    """Give the agent in it."""
    return Sealed(installed)

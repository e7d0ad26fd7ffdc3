"""Terminals that boot from a disk, for tests: `installed` is one on trial, continued from a snapshot of just after.

A test module takes the fixtures with `pytest_plugins = ["tests.lab.installed_vm"]` and the helpers from here.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.terminal import api
from lab.terminal import installed as lab_installed
from lab.terminal.installed import Installed
from lab.terminal.sealed import Sealed
from lab.terminal.vm import Snapshot
from policies.errors import UsageError

RUNNING = ("portseal-agent.service", "portseal-keeper.service", "portseal-unmount.socket")
#: What an emulated processor may need to build an initramfs on a busy machine, in seconds.
SLOW = 900.0


@pytest.fixture(scope="session")
def installed_snapshot() -> Snapshot:
    """Give the terminal after its installation, made now unless the cache has it."""
    if os.geteuid() != 0:
        pytest.skip("not root: the disk of an installed terminal cannot be made; run make test as root")
    try:
        api.requirements()
    except UsageError as error:
        pytest.skip(error.line("en"))
    return lab_installed.installed()


@pytest.fixture
def installed(installed_snapshot: Snapshot) -> Iterator[Sealed]:
    """Give a terminal on trial, of this test's own."""
    with Installed.restore(installed_snapshot, same_boot=True) as guest:
        yield Sealed(guest)


def told(snapshot: Snapshot) -> str:
    """Give what the installation said."""
    return (snapshot.folder / "told").read_text("utf-8")


def before(snapshot: Snapshot) -> list[str]:
    """List the system's files before the installation."""
    return (snapshot.folder / "before").read_text("utf-8").splitlines()


def files(guest: Installed) -> list[str]:
    """List them now."""
    return lab_installed.files_of(guest).splitlines()


def states(guest: Any, *units: str) -> list[str]:
    """Give systemd's word for each unit: active, inactive, failed …"""
    return guest.sh(["systemctl", "is-active", *units]).output.split()  # type: ignore[no-any-return]


def value(guest: Any, unit: str, name: str) -> str:
    """Give one property of a unit."""
    return guest.ok(["systemctl", "show", "--value", "-p", name, unit]).strip()  # type: ignore[no-any-return]


def manifest(guest: Any) -> dict[str, Any]:
    """Read the installation's journal; empty without one."""
    done = guest.sh("cat /var/lib/portseal-agent/install/manifest.json 2>/dev/null")
    return json.loads(done.output or "{}")  # type: ignore[no-any-return]


def rating(guest: Any, unit: str) -> float:
    """Give systemd's own rating of a unit that it has loaded."""
    said = guest.sh(["systemd-analyze", "security", "--no-pager", unit]).output
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found, said
    return float(found[1])


def authorized(guest: Any) -> dict[str, str]:
    """Tell of every device that is plugged in whether it is admitted, by serial."""
    lines = guest.ok(
        "for each in /sys/bus/usb/devices/*-*/idVendor; do each=${each%/*};"
        ' echo "$(cat $each/serial 2>/dev/null) $(cat $each/authorized)"; done'
    ).splitlines()
    return dict(line.rsplit(" ", 1) for line in lines)


def mounted(guest: Any, point: str) -> bool:
    """Tell whether something is mounted there, in the namespace of the first process."""
    return guest.sh(f"grep -q ' {point} ' /proc/1/mountinfo").code == 0  # type: ignore[no-any-return]


def keep(folder: Path) -> Path:
    """Give the place of a disk that outlives its guest, and remove it with the test's folder."""
    (folder / "kept").mkdir()
    return folder / "kept" / "disk"

"""How tests look at a terminal that has systemd and a disk."""

from __future__ import annotations

import json
import re
from typing import Any

from lab.terminal import cpio
from lab.terminal.installed import Installed, files_of
from lab.terminal.machine import Machine
from lab.terminal.vm import Snapshot
from tests.lab.terminal_usb import DEVICES, LATER, read

MANIFEST = "/var/lib/portseal-agent/install/manifest.json"
#: Where systemd-sysusers puts a group, and the copies that it keeps of these files.
GROUPS = frozenset({"etc/group", "etc/group-", "etc/gshadow", "etc/gshadow-"})
RUNNING = ("portseal-agent.service", "portseal-keeper.service", "portseal-unmount.socket")
TRIAL = "portseal-trial.timer"
#: The kernel's defaults, for devices and for their interfaces.
DEFAULTS = (LATER, *(f"{DEVICES}/usb{bus}/{name}" for bus in (1, 2)
                     for name in ("authorized_default", "interface_authorized_default")))  # fmt: skip
OPEN, SHUT = ["-1", "1", "1", "1", "1"], ["0"] * 5
#: What an emulated processor may need to build an initramfs on a busy machine, in seconds.
SLOW = 900.0


def told(snapshot: Snapshot) -> str:
    """Give what the installation said."""
    return (snapshot.folder / "told").read_text("utf-8")


def before(snapshot: Snapshot) -> list[str]:
    """List the system's files before the installation."""
    return (snapshot.folder / "before").read_text("utf-8").splitlines()


def changed(guest: Installed, then: list[str]) -> set[str]:
    """Give the lines in which the system's files differ from a list of before.

    The operators' group is left out: uninstalling leaves it, because people are in it by then (docs/agent.md).
    """
    lines = set(files_of(guest).splitlines()) ^ set(then)
    return {line for line in lines if line.split()[-1] not in GROUPS}


def states(guest: Installed, *units: str) -> list[str]:
    """Give systemd's word for each unit (active, inactive, failed)."""
    return guest.sh(["systemctl", "is-active", *units]).output.split()


def value(guest: Installed, unit: str, name: str) -> str:
    """Give one property of a unit."""
    return guest.ok(["systemctl", "show", "--value", "-p", name, unit]).strip()


def defaults(guest: Installed) -> list[str]:
    """Give what the kernel does with new devices: later controllers, then each bus."""
    return [read(guest, path) for path in DEFAULTS]


def manifest(guest: Installed) -> dict[str, Any]:
    """Read the installation's journal; empty without one."""
    done = guest.sh(f"cat {MANIFEST} 2>/dev/null")
    return dict(json.loads(done.output or "{}"))


def rating(guest: Installed, unit: str) -> float:
    """Give systemd's own rating of a unit that it has loaded."""
    said = guest.sh(["systemd-analyze", "security", "--no-pager", unit]).output
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert found, said
    return float(found[1])


def authorized(guest: Installed) -> dict[str, str]:
    """Tell of every device that is plugged in whether it is admitted, by serial."""
    each = f"for each in {DEVICES}/*-*/idVendor; do each=${{each%/*}};"
    lines = guest.ok(f"{each} echo $(cat $each/serial) $(cat $each/authorized); done")
    return dict(line.split() for line in lines.splitlines())


def mounted(guest: Installed, point: str) -> bool:
    """Tell whether something is mounted there, in the namespace of the first process."""
    return guest.sh(f"grep -q ' {point} ' /proc/1/mountinfo").code == 0


def initramfs(machine: Machine) -> bytes:
    """Give what a machine's initramfs unpacks to."""
    return cpio.read(machine.image.archives[0])

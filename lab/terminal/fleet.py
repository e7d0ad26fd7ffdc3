"""Guests by the dozen: one slow start per machine, kept as a snapshot, and then a guest within half a second.

A snapshot is kept over runs, until the guest's files, the machine or QEMU change.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lab.terminal import cpio
from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.machine import Machine
from lab.terminal.vm import Snapshot, Terminal


def golden(machine: Machine, folder: Path | None = None) -> Snapshot:
    """Give a snapshot of `machine` just started, taken now unless the cache `folder` has it.

    When only the agent's code is new, it is laid into the snapshot of a guest without it, and nothing starts anew.
    The memory is shared by all guests that continue one snapshot: ten of them need little more than one.

    Raises:
        EquipmentError: the guest does not start.

    """
    cache = folder or default_folder()
    bare = replace(machine, image=machine.image.base)

    def start(into: Path) -> None:
        with Terminal.boot(bare, save_into=into) as terminal:
            terminal.save(into)

    def finish(into: Path) -> None:
        base = Snapshot(bare, kept(cache, "started", digest(*bare.key), start))
        with Terminal.further(base, machine, into) as terminal:
            terminal.ok("cd / && cpio -i -d -u", 60, stdin=cpio.read(machine.image.code))
            terminal.save(into)

    return Snapshot(machine, kept(cache, "snapshot", digest(*machine.key), finish))

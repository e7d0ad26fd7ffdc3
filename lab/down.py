"""Takes the lab down: afterwards no process, namespace, interface, mount or file of it is left, whatever happened."""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.net import NETNS, ip_batch, kill, namespaces, processes
from lab.site import CONTROLLER_LINK, MARK, PREFIX, RUN
from policies.errors import EquipmentError
from policies.texts import t

#: Says in the run folder what of `ip netns`' own folder and mount was made for the lab, and goes with it.
NETNS_IS_OURS = "netns-is-ours"
_MNT_DETACH = 2


@contextmanager
def one_at_a_time(folder: Path = RUN.parent) -> Iterator[None]:
    """Hold off other `lab up` and `lab down` for the block; the lock is on a folder that is there anyway."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def leftovers() -> list[str]:
    """Name everything of a lab that is on this machine, for people; empty when there is nothing."""
    found = [f"netns {name}" for name in namespaces(PREFIX)]
    found += [f"process {pid}" for pid in processes(PREFIX, (MARK, str(RUN)))]
    found += [f"interface {name}" for name in _links()]
    found += [f"mount {path}" for path in _mounts()]
    found += [str(RUN)] if RUN.exists() else []
    return found


def _links() -> list[str]:
    return [CONTROLLER_LINK] if Path("/sys/class/net", CONTROLLER_LINK).exists() else []


def _mounts() -> list[str]:
    return [path for path in (line.split()[1] for line in _mount_lines()) if path.startswith(f"{RUN}/")]


def down() -> bool:
    """Remove the lab, inside :func:`one_at_a_time`; True if there was something, EquipmentError if a part of it stays.

    Processes first: they hold the namespaces, and these hold everything else. A process that a dying `up` still
    starts while this runs is found in the next round.
    """
    before = leftovers()
    for _ in range(3):
        kill(processes(PREFIX, (MARK, str(RUN))))
        ip_batch([f"link del {name}" for name in _links()], force=True)
        ip_batch([f"netns del {name}" for name in namespaces(PREFIX)], force=True)
        for path in _mounts():
            _unmount(path)
        if not (namespaces(PREFIX) or processes(PREFIX, (MARK, str(RUN)))):
            break
    with suppress(OSError):
        _undo_netns((RUN / NETNS_IS_OURS).read_text("ascii").split())
    if RUN.is_dir() and not RUN.is_symlink():
        shutil.rmtree(RUN)
    left = leftovers()
    if left:
        raise EquipmentError(
            t("something of the lab is left: {what}.", what=", ".join(left[:5])),
            next_step=t("run 'portseal lab down' again"),
        )
    return bool(before)


def note_netns() -> None:
    """Note what `ip netns add` will have to make, before it does; the run folder must be there."""
    mounted = any(line.split()[1] == str(NETNS) for line in _mount_lines())
    words = [*(() if mounted else ("mount",)), *(() if NETNS.exists() else ("folder",))]
    (RUN / NETNS_IS_OURS).write_text(" ".join(words), "ascii")


def _undo_netns(made: list[str]) -> None:
    if any(NETNS.iterdir()):
        return  # somebody else uses it by now
    if "mount" in made:
        _unmount(str(NETNS))
    if "folder" in made:
        NETNS.rmdir()


def _mount_lines() -> list[str]:
    return Path("/proc/self/mounts").read_text("utf-8").splitlines()


def _unmount(path: str) -> None:
    ctypes.CDLL(None).umount2(path.encode(), _MNT_DETACH)

"""The system calls that give storage back: those that Python has no function for, each with an errno for an answer.

umount(2), swapoff(2), syncfs(2); the ioctls LOOP_CLR_FD (linux/loop.h), STOP_ARRAY (linux/raid/md_u.h) and
DM_DEV_REMOVE (linux/dm-ioctl.h, interface 4). None of them needs a program to be installed.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from pathlib import Path

_DETACH, _NO_FOLLOW = 2, 8
_LOOP_CLEAR = 0x4C01
_MD_STOP = 0x0932
#: _IOWR(0xfd, 4, struct dm_ioctl)
_DM_REMOVE = 0xC138FD04
_DM = struct.Struct("=10IQ128s129s7s")
_DM_DEFERRED = 1 << 17
_GONE = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOMEDIUM})


def unmount(point: bytes, *, lazily: bool = False) -> int:
    """Unmount what is topmost at `point`; 0 or the errno (EBUSY: in use; EINVAL: nothing is mounted there).

    A link at the end of the path is not followed: its owner could lead the unmount to another file system.
    """
    return _call("umount2", point, _NO_FOLLOW | (_DETACH if lazily else 0))


def swap_off(place: bytes) -> int:
    """Stop swapping to a device or file; 0 or the errno. It takes as long as reading all of it back takes."""
    return _call("swapoff", place)


def sync_file_system(point: bytes) -> int:
    """Write out all that the file system at `point` has in memory; 0 or the errno."""
    try:
        handle = os.open(point, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return error.errno or errno.EIO
    try:
        return _call("syncfs", handle)
    finally:
        os.close(handle)


def claimed(node: Path) -> bool:
    """Tell whether anybody, in whatever namespace, holds the block device: a mount, a mapping, swap, an array.

    What cannot be told counts as held. What was written to the device itself is written out on the way.
    """
    try:
        # On a block device O_EXCL without O_CREAT fails with EBUSY while the device is in use: open(2).
        handle = os.open(node, os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        return error.errno not in _GONE
    try:
        os.fsync(handle)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def close_holder(name: str, sysfs: Path, dev: Path, *, deferred: bool = False) -> int:
    """Take a loop device, md array or device-mapper device (LUKS, LVM) apart; 0 or the errno.

    `deferred`: a mapping that is still open goes when it is closed.
    """
    try:
        if name.startswith("dm-"):
            _remove_mapping((sysfs / "class/block" / name / "dm/name").read_bytes().strip(), dev, deferred=deferred)
        elif name.startswith("loop") and "p" not in name[4:]:
            _control(dev / name, _LOOP_CLEAR)
        elif name.startswith("md"):
            _control(dev / name, _MD_STOP)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def _remove_mapping(name: bytes, dev: Path, *, deferred: bool) -> None:
    flags = _DM_DEFERRED if deferred else 0
    request = _DM.pack(4, 0, 0, _DM.size, _DM.size, 0, 0, flags, 0, 0, 0, name, b"", b"")
    _control(dev / "mapper/control", _DM_REMOVE, bytearray(request))


def _control(node: Path, request: int, data: bytearray | None = None) -> None:
    handle = os.open(node, os.O_RDWR if data is not None else os.O_RDONLY | os.O_NONBLOCK)
    try:
        fcntl.ioctl(handle, request, data if data is not None else 0)
    finally:
        os.close(handle)


def _call(name: str, *arguments: bytes | int) -> int:
    # Here and not above: the keeper, which must stay small, imports this module and never calls it.
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    return 0 if getattr(library, name)(*arguments) == 0 else ctypes.get_errno()

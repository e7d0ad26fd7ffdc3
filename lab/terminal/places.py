"""Where running guests keep their sockets: one folder each, found by others through its lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

_PREFIX = "portseal-lab-terminal-"


def _base() -> Path:
    return Path("/run") if os.access("/run", os.W_OK) else Path(tempfile.gettempdir())


def run_folder() -> tuple[Path, int]:
    """Make a folder for one guest; the open file is a lock on it, to be kept as long as the guest may live.

    Folders whose owners were killed are removed on the way.
    """
    base = _base()
    turn = os.open(base, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        for old in base.glob(f"{_PREFIX}*"):
            with suppress(OSError):
                fd = _locked(old)
                shutil.rmtree(old, ignore_errors=True)
                os.close(fd)
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=base))
        return made, _locked(made)
    finally:
        os.close(turn)


def running() -> list[Path]:
    """Give the folders of guests whose owners live, oldest first."""
    found = []
    for folder in _base().glob(f"{_PREFIX}*"):
        try:
            os.close(_locked(folder))
        except BlockingIOError:
            found.append(folder)
        except OSError:
            continue
    return sorted(found, key=lambda folder: folder.stat().st_ctime)


def _locked(folder: Path) -> int:
    """Lock a folder and give the open file that holds the lock; BlockingIOError when its owner lives."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        raise
    return fd

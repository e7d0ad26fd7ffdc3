"""What is costly to make and kept: one folder per thing, named by the digest of all that goes into it.

A folder appears under its name when it is complete, and never changes then. Two makers of one thing wait for each
other; a maker that was killed leaves a folder that nobody uses and the next one removes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from policies.errors import PortsealError, StorageFailed
from policies.texts import t

#: How many things of a kind stay: those used last.
KEPT = 4


def default_folder() -> Path:
    """Give the folder for this user: $XDG_CACHE_HOME, for root /var/cache, for others ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME")
    base = Path(home) if home else Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return base / "portseal/terminal"


def digest(*parts: str | bytes) -> str:
    """Give a name for what is made of `parts`: 16 hexadecimal digits."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:16]


def kept(folder: Path, kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Give the folder `kind`-`key`; when it is not there yet, `make` fills it.

    Raises:
        StorageFailed: the cache cannot be written.

    """
    final = folder / f"{kind}-{key}"
    try:
        if not final.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _turn(folder / f"{kind}.lock"):
                if not final.is_dir():
                    _fill(final, make)
                    _prune(folder, kind, final)
        os.utime(final)
    except PortsealError:
        raise
    except OSError as error:
        raise StorageFailed(
            t("the lab's cache cannot be written ({cause})", cause=error.strerror or ""),
            where=str(folder),
            next_step=t("make room, or set XDG_CACHE_HOME to a folder that this user may write"),
        ) from error
    return final


def _fill(final: Path, make: Callable[[Path], None]) -> None:
    half = final.with_name(final.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    try:
        make(half)
        half.rename(final)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _prune(folder: Path, kind: str, newest: Path) -> None:
    """Remove all but the things used last, and the halves of makers that were killed: nobody else is making now."""
    found = [each for each in folder.glob(f"{kind}-*") if each != newest]
    whole = sorted((each for each in found if each.suffix != ".new"), key=_used, reverse=True)
    for old in [*whole[KEPT - 1 :], *(each for each in found if each.suffix == ".new")]:
        shutil.rmtree(old, ignore_errors=True)


def _used(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)

"""Files that only their owner may read: keys, and whatever a `file:` reference names."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from policies.errors import ConfigError, StorageFailed
from policies.texts import t

#: A secret or key file larger than this is a mistake.
MAX_PRIVATE = 65_536


def read_private(path: Path, where: str = "") -> bytes:
    """Read a file that group and others must not be able to touch; raises ConfigError that says what to do.

    The mode is checked on the open file, so that nobody can swap it in between; a FIFO or a device is refused.
    """
    where = where or str(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise ConfigError(
            t("the file {path} cannot be read ({cause})", path=path, cause=error.strerror or ""),
            where=where,
            next_step=t("check that it exists and belongs to the user who runs Portseal"),
        ) from None
    try:
        _check(os.fstat(handle), path, where)
        with os.fdopen(handle, "rb", closefd=False) as file:
            content = file.read(MAX_PRIVATE + 1)
    finally:
        os.close(handle)
    if len(content) > MAX_PRIVATE:
        raise ConfigError(
            t("the file {path} is too large for a secret", path=path),
            where=where,
            next_step=t("name the file that holds the secret"),
        )
    return content


def _check(facts: os.stat_result, path: Path, where: str) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise ConfigError(
            t("{path} is not a file", path=path), where=where, next_step=t("name the file that holds the secret")
        )
    if facts.st_mode & 0o077:
        mode = f"{facts.st_mode & 0o777:04o}"
        raise ConfigError(
            t("the file {path} is open to other users (mode {mode})", path=path, mode=mode),
            where=where,
            next_step=t("run: chmod 600 {path}", path=path),
        )


def write_private(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace a file in one step: after a crash the old or the new content is there, whole. Raises StorageFailed."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from None


def create_private(path: Path, content: bytes) -> bool:
    """Make a file that must not exist yet, whole or not at all; False when somebody else was first."""
    candidate = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    write_private(candidate, content)
    try:
        # A hard link fails when the name is taken: two starts at once agree on one key.
        path.hardlink_to(candidate)
        _sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise _unwritable(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            candidate.unlink()
    return True


def _unwritable(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        t("the file cannot be written ({cause})", cause=error.strerror or ""),
        where=str(path),
        next_step=t("check free space and the owner and mode of the folder"),
    )


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

"""Writes the archive that the kernel unpacks as its first file system.

Format: "newc", the kernel's Documentation/driver-api/early-userspace/buffer-format.rst. Several archives, each
compressed or not, may follow each other in one file; a later one overwrites files of an earlier one.
"""

from __future__ import annotations

import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.net import environment
from policies.errors import EquipmentError
from policies.texts import t

_TRAILER = "TRAILER!!!"
#: The kernel looks for the next archive at a multiple of four; the padding of old makes that sure for any reader.
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, link or folder: its `mode` with type bits as in stat(2), its bytes, or where the link leads."""

    mode: int
    data: bytes = b""


def file(data: bytes, *, executable: bool = False) -> Entry:
    """Give a plain file, readable by all."""
    return Entry(stat.S_IFREG | (0o755 if executable else 0o644), data)


def link(target: str) -> Entry:
    """Give a symbolic link."""
    return Entry(stat.S_IFLNK | 0o777, target.encode())


def folder(mode: int = 0o755) -> Entry:
    """Give an empty folder."""
    return Entry(stat.S_IFDIR | mode)


def pack(entries: Mapping[str, Entry]) -> bytes:
    """Give the archive of `entries` by path (without a leading slash), owned by root, with the folders they need."""
    complete = dict(entries)
    for path in entries:
        for parent in PurePosixPath(path).parents:
            if (name := str(parent)) != ".":
                complete.setdefault(name, folder())
    parts = [
        part
        for number, (path, entry) in enumerate(sorted(complete.items()), 1)
        for part in _record(number, path, entry)
    ]
    parts += _record(0, _TRAILER, Entry(0))
    archive = b"".join(parts)
    return archive + bytes(-len(archive) % _BLOCK)


def _record(number: int, path: str, entry: Entry) -> tuple[bytes, bytes]:
    name = path.encode() + b"\0"
    links = 2 if stat.S_ISDIR(entry.mode) else 1
    # inode, mode, uid, gid, links, mtime, size, device (2), rdevice (2), length of the name, checksum
    fields = (number, entry.mode, 0, 0, links, 0, len(entry.data), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + name
    return head + bytes(-len(head) % 4), entry.data + bytes(-len(entry.data) % 4)


def write(entries: Mapping[str, Entry], target: Path, level: int) -> None:
    """Write the archive, compressed with lz4 at `level` (1 quick … 12 small).

    The legacy frame (-l) is the one that the kernel reads, and the only one of its formats that unpacks fast enough in
    an emulated processor.

    Raises:
        EquipmentError: lz4 is missing or failed.

    """
    target.write_bytes(_lz4(["-l", f"-{level}"], pack(entries)))


def read(archive: Path) -> bytes:
    """Give an archive that :func:`write` wrote, as it was before it was compressed."""
    return _lz4(["-d"], archive.read_bytes())


def _lz4(options: list[str], data: bytes) -> bytes:
    try:
        argv = ["lz4", *options, "-q", "-", "-"]
        done = subprocess.run(argv, input=data, capture_output=True, env=environment(), check=False)
    except FileNotFoundError as error:
        raise EquipmentError(
            t("the program '{name}' is not installed on this machine.", name="lz4"),
            next_step=t("install it and try again"),
        ) from error
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:300]
        raise EquipmentError(t("the program '{name}' failed: {said}", name="lz4", said=said))
    return done.stdout

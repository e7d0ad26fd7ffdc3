"""Mount tables: what is mounted where, and what is left of disks that have gone. Pure.

Format: Linux, Documentation/filesystems/proc.rst (mountinfo).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from policies.errors import InputError
from policies.texts import t

_OCTAL = re.compile(rb"\\([0-3][0-7]{2})")
#: Disks and partitions of the kind that USB storage makes.
_DISK = re.compile(rb"/dev/(sd[a-z]+[0-9]*)")


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo: ids of the mount and of the one it stands on, `major:minor`, where, from what."""

    ident: int
    parent: int
    device: str
    point: bytes
    source: bytes


def read_mounts(data: bytes) -> tuple[Mount, ...]:
    """Read a mountinfo file; names come back as they are, whatever bytes they hold. Raises InputError."""
    found = []
    for line in data.split(b"\n"):
        if not line:
            continue
        fields = line.split(b" ")
        try:
            dash = fields.index(b"-", 6)
            ident, parent, device, source = int(fields[0]), int(fields[1]), fields[2].decode("ascii"), fields[dash + 2]
        except (ValueError, IndexError):
            raise InputError(
                t("a line of the mount table is not understood: {line}", line=repr(line[:80])), where="mountinfo"
            ) from None
        found.append(Mount(ident, parent, device, unescape(fields[4]), unescape(source)))
    return tuple(found)


def unescape(name: bytes) -> bytes:
    r"""Undo the kernel's octal escapes (\040 blank, \011 tab, \012 line end, \134 backslash, \043 #)."""
    return _OCTAL.sub(lambda found: bytes([int(found.group(1), 8)]), name)


def dead(table: tuple[Mount, ...], present: Collection[str]) -> tuple[Mount, ...]:
    """Give the mounts of SCSI disks, which USB's are, that are not among the kernel's block devices `present`.

    An unplugged disk leaves its mounts behind: nothing can be read there. Later ones, which may stand on earlier ones,
    come first. Without a single known block device nothing is dead: then sysfs could not be read.
    """
    gone = []
    for each in table:
        found = _DISK.fullmatch(each.source)
        if found and present and found.group(1).decode("ascii") not in present:
            gone.append(each)
    return tuple(reversed(gone))

"""Reading and writing the attribute files of one sysfs folder, where everything can vanish between two calls."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from policies.texts import Text, t

#: What the kernel answers when a device has left: a fresh open finds nothing, a held file has no device behind it.
GONE = frozenset({errno.ENOENT, errno.ENODEV})
#: Longest string of a device, in characters: a USB string descriptor has 126 UTF-16 units at most.
LONGEST_STRING = 126
_INTERFACE = re.compile(r"(\d{1,4}-\d{1,3}(?:\.\d{1,3}){0,6}):(\d{1,3})\.(\d{1,3})")


class Folder:
    """An open folder of sysfs; names are opened through it, so they are of this folder and of no successor.

    Every method raises OSError; `errno` is in GONE when the device has left.
    """

    __slots__ = ("fd",)

    def __init__(self, path: str | Path) -> None:
        self.fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.fd)

    def names(self) -> list[str]:
        """Give the names in the folder, in no order."""
        with os.scandir(self.fd) as entries:
            return [each.name for each in entries]

    def text(self, name: str) -> str:
        """Give an attribute as one line without control characters."""
        return _clean(self.content(name, 4096, whole=False))

    def number(self, name: str) -> int:
        """Give an attribute that is a decimal number; anything else there is EBADMSG."""
        try:
            return int(self.content(name, 64, whole=False))
        except ValueError:
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG), name) from None

    def string(self, name: str) -> str:
        """Give a string of the device's own, "" when it has none."""
        try:
            return self.text(name)[:LONGEST_STRING]
        except OSError as error:
            if error.errno in GONE:
                return ""
            raise

    def content(self, name: str, limit: int, *, whole: bool = True) -> bytes:
        """Read a file; a whole one that is longer than `limit` bytes is EFBIG."""
        # sysfs gives a binary file in pieces of a page, and an attribute in one.
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            data = os.read(fd, limit)
            while whole and (more := os.read(fd, limit)):
                data += more
                if len(data) > limit:
                    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), name)
        finally:
            os.close(fd)
        return data

    def put(self, name: str, value: str) -> None:
        """Write, and read back; EPROTO when the kernel took it without an error and shows something else."""
        fd = os.open(name, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC, dir_fd=self.fd)
        try:
            os.write(fd, value.encode("ascii"))
        finally:
            os.close(fd)
        if (found := self.text(name)) != value:
            raise OSError(errno.EPROTO, f"{value} was written, {found[:16] or 'nothing'} is read back", name)

    def driver(self, interface: str) -> str:
        """Give the name of the driver that has taken an interface of the device whose folder this is; "" if none."""
        try:
            return os.readlink(f"{interface}/driver", dir_fd=self.fd).rpartition("/")[2]
        except OSError as error:
            if error.errno in GONE:
                return ""
            raise


def cause(error: OSError) -> str:
    """Give the system's words for an error."""
    return error.strerror or type(error).__name__


def unreadable(where: str, error: OSError) -> Text:
    """Say that something could not be read."""
    return t("{file} cannot be read ({cause})", file=where, cause=cause(error))


@contextmanager
def noted(where: str, problems: list[Text]) -> Iterator[None]:
    """Note what cannot be read as a problem; what has left is none."""
    try:
        yield
    except OSError as error:
        if error.errno not in GONE:
            problems.append(unreadable(where, error))


def read_state(
    folder: Folder, interfaces: Iterable[str], problems: list[Text], where: str
) -> tuple[bool | None, frozenset[int], dict[int, str]] | None:
    """Read what is admitted now, and which driver has taken what of it; None when the device has left."""
    try:
        authorized = folder.number("authorized") != 0
    except OSError as error:
        if error.errno in GONE:
            return None
        problems.append(unreadable(f"{where}/authorized", error))
        return None, frozenset(), {}
    released: set[int] = set()
    drivers: dict[int, str] = {}
    for name in interfaces if authorized else ():
        with noted(f"{where}/{name}", problems):
            number = int(name.rpartition(".")[2])
            if folder.number(f"{name}/authorized"):
                released.add(number)
                if driver := folder.driver(name):
                    drivers[number] = driver
    return authorized, frozenset(released), drivers


def shown(folder: Folder, name: str) -> dict[str, tuple[int, int]]:
    """Give the interfaces of the configuration that the kernel chose, with the numbers of both."""
    found = (_INTERFACE.fullmatch(each) for each in sorted(folder.names()))
    return {each[0]: (int(each[2]), int(each[3])) for each in found if each is not None and each[1] == name}


def withhold(folder: Folder, names: Iterable[str]) -> None:
    """Shut interfaces; when one stays open, the device is refused and the error raised."""
    try:
        for name in names:
            if folder.text(f"{name}/authorized") != "0":
                folder.put(f"{name}/authorized", "0")
    except OSError as error:
        if error.errno not in GONE:
            folder.put("authorized", "0")
        raise


def _clean(content: bytes) -> str:
    """Make one line without control characters of it: a device names itself, and may send terminal commands."""
    text = content.decode("utf-8", "replace").strip()
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)

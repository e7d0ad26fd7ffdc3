"""A disk whose write cache a power cut empties, as a real disk's: what was not flushed may be gone.

A guest's power cut is the end of QEMU, and all that QEMU has written by then is safe in this machine's memory: behind
a plain file, a program that never syncs would pass every test. Here the guest reads and writes a copy, over NBD, and
only a flush (or a write with FUA) brings what was written before it to the disk itself. The cut lets every other write
since then through, as chance has it: disks reorder.

The protocol is NBD's newstyle, fixed, with simple replies: https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md
"""

from __future__ import annotations

import os
import random
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from lab.net import run

_GREETING = b"NBDMAGICIHAVEOPT" + struct.pack(">H", 1 | 2)
_OPTION, _OPTION_REPLY = struct.Struct(">8sII"), struct.Struct(">QIII")
_OPTION_MAGIC, _REPLY_MAGIC = b"IHAVEOPT", 0x3E889045565A9
_ABORT, _GO = 2, 7
_ACK, _INFO, _UNSUPPORTED = 1, 3, (1 << 31) + 1
#: It has flags, it can be flushed, it knows FUA.
_FLAGS = 1 | 4 | 8
_REQUEST, _SIMPLE = struct.Struct(">IHHQQI"), struct.Struct(">IIQ")
_REQUEST_MAGIC, _SIMPLE_MAGIC = 0x25609513, 0x67446698
_READ, _WRITE, _DISCONNECT, _FLUSH = 0, 1, 2, 3
_FUA = 1
_EINVAL = 22


class VolatileDisk:
    """The disk `path` for one guest; its copy and its socket are in `folder`."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._copy, self._socket = path, folder / f"{path.name}.now", folder / f"{path.name}.nbd"
        run(["cp", "--sparse=always", "--reflink=auto", str(path), str(self._copy)])
        self._now = os.open(self._copy, os.O_RDWR | os.O_CLOEXEC)
        self._safe = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        #: Writes that no flush has followed: where, and what.
        self._waiting: list[tuple[int, bytes]] = []
        #: How many flushes have come, and how many writes were waiting at the end.
        self.flushes, self.lost = 0, 0
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._socket))
        self._listener.listen(1)
        self._server = threading.Thread(target=self._serve, name="portseal-lab-disk", daemon=True)
        self._server.start()

    @property
    def node(self) -> dict[str, Any]:
        """What QEMU's blockdev-add is told of it."""
        return {"driver": "nbd", "server": {"type": "unix", "path": str(self._socket)}}

    def close(self, *, seed: int = 72) -> None:
        """Take it away from a guest that has ended; of what waits in its cache half comes through, by chance."""
        self._listener.close()
        with suppress(OSError), socket.socket(socket.AF_UNIX) as knock:  # for a server that nobody ever came to
            knock.connect(str(self._socket))
        self._server.join(20)
        dice = random.Random(seed)  # noqa: S311 - chance, not a secret
        for at, data in self._waiting:
            if dice.random() < 0.5:
                os.pwrite(self._safe, data, at)
            else:
                self.lost += 1
        self._waiting.clear()
        for fd in (self._now, self._safe):
            os.close(fd)
        self._copy.unlink(missing_ok=True)

    def _serve(self) -> None:
        with suppress(OSError, EOFError):
            line, _ = self._listener.accept()
            with line:
                if self._greet(line):
                    while self._answer(line):
                        pass

    def _greet(self, line: socket.socket) -> bool:
        line.sendall(_GREETING)
        _receive(line, 4)
        while True:
            magic, option, length = _OPTION.unpack(_receive(line, _OPTION.size))
            _receive(line, length)
            if magic != _OPTION_MAGIC or option == _ABORT:
                return False
            if option != _GO:
                line.sendall(_OPTION_REPLY.pack(_REPLY_MAGIC, option, _UNSUPPORTED, 0))
                continue
            about = struct.pack(">HQH", 0, os.fstat(self._now).st_size, _FLAGS)
            line.sendall(_OPTION_REPLY.pack(_REPLY_MAGIC, option, _INFO, len(about)) + about)
            line.sendall(_OPTION_REPLY.pack(_REPLY_MAGIC, option, _ACK, 0))
            return True

    def _answer(self, line: socket.socket) -> bool:
        magic, flags, kind, handle, at, length = _REQUEST.unpack(_receive(line, _REQUEST.size))
        if magic != _REQUEST_MAGIC or kind == _DISCONNECT:
            return False
        error, told = 0, b""
        if kind == _READ:
            told = os.pread(self._now, length, at)
        elif kind == _WRITE:
            data = _receive(line, length)
            os.pwrite(self._now, data, at)
            if flags & _FUA:
                os.pwrite(self._safe, data, at)
            else:
                self._waiting.append((at, data))
        elif kind == _FLUSH:
            self._flush()
        else:
            error = _EINVAL
        line.sendall(_SIMPLE.pack(_SIMPLE_MAGIC, error, handle) + told)
        return True

    def _flush(self) -> None:
        for at, data in self._waiting:
            os.pwrite(self._safe, data, at)
        self._waiting.clear()
        self.flushes += 1


def _receive(line: socket.socket, length: int) -> bytes:
    data = bytearray()
    while len(data) < length:
        part = line.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return bytes(data)

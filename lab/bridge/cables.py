"""What is plugged into the switch's ports: one socket each of this process, which hears all the time.

QEMU must never find a socket full: its dgram netdev then tries again without a pause, and the guest gets no time.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lab.hosts import frames

_LONGEST = 65536


class Cables:
    """The cables at `ports`, in `folder`: what QEMU sends to `near`, and where it hears us, `far`."""

    def __init__(self, folder: Path, ports: Iterable[int]) -> None:
        self.folder = folder
        self._sockets: dict[int, socket.socket] = {}
        self._marks: dict[int, list[str]] = {}
        self._news = threading.Condition()
        for port in ports:
            self._sockets[port] = cable = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._marks[port] = []
            cable.bind(str(self.near(port)))
        self._wake, self._end = socket.socketpair()
        self._ears = threading.Thread(target=self._hear, name="portseal-lab-cables", daemon=True)
        self._ears.start()

    def near(self, port: int) -> Path:
        """Our end of a cable."""
        return self.folder / f"cable{port}"

    def far(self, port: int) -> Path:
        """The switch's end of it."""
        return self.folder / f"port{port}"

    def send(self, port: int, mac: str, vlan: int | None = None) -> str:
        """Put one broadcast frame into a port, tagged with `vlan` if given; give its mark."""
        mark = os.urandom(6).hex()
        frame = frames.raw(mac, frames.BROADCAST, frames.marked_payload("bench", mark), vlan)
        with suppress(OSError):
            self._sockets[port].sendto(frame, str(self.far(port)))
        return mark

    def heard(self, port: int, last: str, wait: float) -> list[str]:
        """Give the marks that have come out of a port, as soon as `last` is among them, or after `wait` seconds."""
        deadline = time.monotonic() + wait
        with self._news:
            while last not in self._marks[port] and (left := deadline - time.monotonic()) > 0:
                self._news.wait(left)
            return list(self._marks[port])

    def close(self) -> None:
        """Pull them all."""
        self._wake.close()
        self._ears.join(20)
        for cable in (*self._sockets.values(), self._end):
            cable.close()

    def _hear(self) -> None:
        ports = {cable: port for port, cable in self._sockets.items()}
        while True:
            ready, _, _ = select.select([*ports, self._end], [], [])
            if self._end in ready:
                return
            for cable in ready:
                frame = frames.heard(cable.recv(_LONGEST))
                if frame is not None:
                    with self._news:
                        self._marks[ports[cable]].append(frame.mark)
                        self._news.notify_all()

"""One host: its sockets in its namespace, the stream it sends, and what it heard."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress

from lab.hosts.frames import Heard, heard, stream_payload
from lab.net import in_netns
from lab.site import PREFIX, STREAM_PORT, HostSpec

log = logging.getLogger("portseal.lab.hosts")

_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_AT_ONCE = 64
_MARKERS_KEPT = 20_000
INTERFACE = "eth0"


class Station:
    """A host that is or is not plugged in; all methods run in the event loop's thread."""

    def __init__(self, spec: HostSpec, target_ip: str) -> None:
        self.spec = spec
        self.streaming = spec.every > 0
        self.sent = 0
        self.received: Counter[tuple[str, str, str]] = Counter()
        self._target = (target_ip, STREAM_PORT)
        self._marks: OrderedDict[str, int] = OrderedDict()
        self._raw: socket.socket | None = None
        self._udp: socket.socket | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._every = spec.every

    @property
    def plugged(self) -> bool:
        """Whether the host has a cable."""
        return self._raw is not None

    def attach(self) -> None:
        """Take the cable that was plugged in: open sockets on it, in place of earlier ones."""
        self.detach()
        with in_netns(PREFIX + self.spec.name):
            flags = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | flags, 0)
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | flags)
            raw.bind((INTERFACE, _ETH_P_ALL))
        # What arrives is read from the packet socket, with its MAC; this one only keeps the kernel from answering
        # "port unreachable" to a stream.
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        udp.bind(("", STREAM_PORT))
        self._raw, self._udp = raw, udp
        asyncio.get_running_loop().add_reader(raw, self._readable, raw)

    def detach(self) -> None:
        """Let go of the cable; a host without one is fine."""
        if self._raw is not None:
            asyncio.get_running_loop().remove_reader(self._raw)
            self._raw.close()
        if self._udp is not None:
            self._udp.close()
        self._raw = self._udp = None

    def stream(self) -> None:
        """Send one datagram of the stream and come back for the next."""
        asyncio.get_running_loop().call_later(self._every, self.stream)
        if self.streaming and self._udp is not None:
            self.sent += 1
            with suppress(OSError):  # no link, no answer to ARP: what every host meets on a shut port
                self._udp.sendto(stream_payload(self.spec.name, self.sent), self._target)

    def send(self, frame: bytes) -> None:
        """Put `frame` on the cable as it is; OSError when there is none or it has no link here."""
        if self._raw is None:
            raise OSError(f"{self.spec.name} is not plugged in")
        self._raw.send(frame)

    def seen(self, marker: str) -> int:
        """Count the frames with `marker` that arrived."""
        return self._marks.get(marker, 0)

    def count(self, host: str, mac: str = "", ip: str = "") -> int:
        """Count the datagrams of `host`'s stream that arrived, with source `mac` and `ip` where given."""
        return sum(
            number
            for (name, source, address), number in self.received.items()
            if name == host and mac in ("", source) and ip in ("", address)
        )

    async def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until `true` holds, asked whenever something arrives; False after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    future = asyncio.get_running_loop().create_future()
                    self._waiting.add(future)
                    try:
                        await future
                    finally:
                        self._waiting.discard(future)
        except TimeoutError:
            return true()  # it may have come together with the timeout
        return True

    def _readable(self, raw: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                data, address = raw.recvfrom(2048)
            except BlockingIOError:
                break
            except OSError as error:  # the link went down: said once, and the socket goes on
                log.debug("%s: %s", self.spec.name, error)
                break
            if address[2] != _PACKET_OUTGOING and (what := heard(data)) is not None:
                self._note(what)

    def _note(self, what: Heard) -> None:
        if what.kind == "S":
            self.received[what.host, what.mac, what.ip] += 1
        else:
            self._marks[what.mark] = self._marks.get(what.mark, 0) + 1
            while len(self._marks) > _MARKERS_KEPT:
                self._marks.popitem(last=False)
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

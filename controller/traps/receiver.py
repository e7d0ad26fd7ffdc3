"""The socket that notifications come to, read by a thread of its own."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from controller.traps.gather import Address, Gather
from drivers.snmp.notifications import Agent, Receiver
from policies.errors import EquipmentError
from policies.texts import t

_log = logging.getLogger("portseal.traps")

#: Octets of datagrams that the kernel keeps while nobody reads: seconds of a storm. Root may have all of it.
BUFFER = 16 << 20
#: Socket option by which Linux tells how many datagrams it had no room for (socket(7)); Python has no name for it.
_SO_RXQ_OVFL = 40
#: IP_FREEBIND (ip(7)): an address may be bound before it is there; Python has no name for it either.
_IP_FREEBIND = 15
_COUNT = struct.Struct("=I")
#: Datagrams that are read before others have their turn, and seconds between two calls of `news`.
_AT_ONCE, _NEWS_EVERY = 256, 0.05
_MAX_DATAGRAM = 65_535

#: The switches at an address.
Agents = Mapping[str, tuple[Agent, ...]]


class Listener:
    """Receives until closed. `news` is called, from the thread, when something came that the loop should hear soon."""

    def __init__(
        self, address: Address, receiver: Receiver, gather: Gather, clock: Callable[[], datetime],
        news: Callable[[], None],
    ) -> None:  # fmt: skip
        self._receiver, self._gather, self._clock, self._news = receiver, gather, clock, news
        self.agents: Agents = {}
        self._address = address
        self._socket = _bound(address)
        if not self.present:
            _log.warning(
                "notifications: this machine has no address %s now; they are received as soon as it has", address[0]
            )
        self._dropped = 0
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, name="traps", daemon=True)

    @property
    def port(self) -> int:
        """The UDP port."""
        return int(self._socket.getsockname()[1])

    @property
    def present(self) -> bool:
        """Whether this machine has the address now."""
        host, _ = self._address
        with socket.socket(_family(host), socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
            try:
                probe.bind((host, 0))
            except OSError as error:
                return error.errno != errno.EADDRNOTAVAIL
        return True

    def start(self) -> None:
        """Begin to receive."""
        self._thread.start()

    def close(self) -> None:
        """Stop receiving; what has been gathered stays gathered."""
        os.write(self._waker, b"x")
        if self._thread.ident is not None:
            self._thread.join(5)
        self._socket.close()
        os.close(self._wake)
        os.close(self._waker)

    def send(self, reply: bytes, address: Address) -> None:
        """Send an answer; one that is lost is asked for again."""
        with contextlib.suppress(OSError):
            self._socket.sendto(reply, address)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        told, pending = 0.0, False
        while all(fd != self._wake for fd, _ in poll.poll(_NEWS_EVERY * 1000 if pending else None)):
            pending |= self._drain()
            if pending and time.monotonic() - told >= _NEWS_EVERY:
                told, pending = time.monotonic(), False
                self._news()

    def _drain(self) -> bool:
        """Read what waits; True when some of it is news."""
        news = False
        for _ in range(_AT_ONCE):
            try:
                data, extra, _, address = self._socket.recvmsg(_MAX_DATAGRAM, 64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                break
            except OSError as error:
                # An answer that could not be delivered (ICMP) comes back as an error of the next read.
                _log.debug("the socket of notifications: %s", error)
                continue
            for level, kind, content in extra:
                if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                    news |= self._overflow(_COUNT.unpack_from(content)[0])
            try:
                news |= self._one(data, (str(address[0]), int(address[1])))
            except Exception:  # noqa: BLE001 - a mistake of ours with one datagram must not deafen us
                _log.exception("a notification from %s could not be handled", address[0])
        return news

    def _one(self, data: bytes, address: Address) -> bool:
        sender = address[0].removeprefix("::ffff:")
        gather = self._gather
        gather.totals.received += 1
        agents = self.agents.get(sender)
        if not agents:
            return gather.refuse(sender, "sender", "")
        taken = self._receiver.take(data, agents)
        if taken.refused is not None:
            self.send(taken.reply, address) if taken.reply else None
            switch = taken.agent or (agents[0].name if len(agents) == 1 else "")
            return gather.refuse(sender, taken.refused, switch)
        if taken.pdu is None:
            self.send(taken.reply, address)
            return False
        news = gather.take(taken.agent, taken.proof, taken.pdu, sender, self._clock())
        if taken.reply:
            gather.answer(taken.reply, address)
            return True
        return news

    def _overflow(self, count: int) -> bool:
        """Count what the kernel dropped since the last datagram; its counter wraps at 32 bits."""
        more, self._dropped = (count - self._dropped) & 0xFFFF_FFFF, count
        if more:
            self._gather.lost(more)
        return bool(more)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _bound(address: Address) -> socket.socket:
    """Give a socket at the address, with a large buffer; raises EquipmentError.

    An address that is not there is bound all the same: an interface that comes up late, or a lab that is down, is no
    reason for the controller not to serve card readers and terminals.
    """
    host, port = address
    made = socket.socket(_family(host), socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        made.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        try:
            made.setsockopt(socket.SOL_SOCKET, getattr(socket, "SO_RCVBUFFORCE", 33), BUFFER)
        except PermissionError:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        made.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise EquipmentError(
            t("notifications cannot be received ({cause})", cause=error.strerror or str(error)),
            where=f"traps.listen {host}, traps.port {port}",
            next_step=t("correct them; ports below 1024 need root, or the capability CAP_NET_BIND_SERVICE"),
        ) from None
    return made

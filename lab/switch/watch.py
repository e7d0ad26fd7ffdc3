"""Sees foreign frames: one packet socket on all interfaces of the switch's namespace, read by a thread."""

from __future__ import annotations

import logging
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable

from lab.net import in_netns
from lab.switch.dataplane import ForeignFrame

log = logging.getLogger("portseal.lab.watch")

_ETH_P_ALL = 3
_PACKET_OUTGOING = 4
_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_AUXDATA = struct.Struct("IIIHHHH")  # tp_status, tp_len, tp_snaplen, tp_mac, tp_net, tp_vlan_tci, tp_vlan_tpid
_TP_STATUS_VLAN_VALID = 0x10
_RATE = 50
_KEPT = 10_000


class Watcher:
    """Reports source MACs that a port does not admit.

    `admitted(port, mac)` decides; `vlan_of(port)` is the VLAN of an untagged frame. Frames that the data plane itself
    sends out of a port are not looked at.
    """

    def __init__(
        self,
        netns: str | None,
        admitted: Callable[[str, str], bool],
        vlan_of: Callable[[str], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._netns = netns
        self._admitted = admitted
        self._vlan_of = vlan_of
        self._ports: frozenset[str] = frozenset()
        self._foreign: ForeignFrame | None = None
        self._thread: threading.Thread | None = None
        self._wake = -1
        self._clock = clock
        self._counts: dict[tuple[str, str], int] = {}
        self._second = 0

    def start(self, ports: Iterable[str], foreign: ForeignFrame) -> None:
        """Begin (or change whom to tell); returns when the socket is open."""
        self._ports = frozenset(ports)
        self._foreign = foreign
        if self._thread is not None:
            return
        with in_netns(self._netns):
            kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
            packets = socket.socket(socket.AF_PACKET, kind, socket.htons(_ETH_P_ALL))
        packets.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        packets.setblocking(False)
        reader, self._wake = os.pipe2(os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._run, args=(packets, reader), name="foreign-frames", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; no report comes after this returns."""
        if self._thread is None:
            return
        os.close(self._wake)
        self._thread.join()
        self._thread = None

    def _run(self, packets: socket.socket, stop: int) -> None:
        poll = select.poll()
        poll.register(packets, select.POLLIN)
        poll.register(stop, select.POLLIN)
        try:
            while all(fd != stop for fd, _ in poll.poll()):
                self._read(packets)
        finally:
            packets.close()
            os.close(stop)

    def _read(self, packets: socket.socket) -> None:
        try:
            data, extra, _, address = packets.recvmsg(64, 64)
        except OSError as error:  # an interface went down: the packet socket says so once and goes on
            log.debug("packet socket: %s", error)
            return
        port, kind = str(address[0]), address[2]
        if kind == _PACKET_OUTGOING or port not in self._ports or len(data) < 14:
            return
        mac = data[6:12].hex(":")
        if not self._admitted(port, mac) and self.allows(port, mac) and self._foreign is not None:
            self._foreign(port, mac, _tag(extra) or self._vlan_of(port))

    def allows(self, port: str, mac: str) -> bool:
        """Count one foreign frame and tell whether it may still be reported this second."""
        second = int(self._clock())
        if second != self._second or len(self._counts) > _KEPT:
            self._second = second
            self._counts.clear()
        count = self._counts[port, mac] = self._counts.get((port, mac), 0) + 1
        return count <= _RATE


def _tag(extra: list[tuple[int, int, bytes]]) -> int:
    """Give the VLAN id that the kernel took out of the frame; 0 if it had none."""
    for level, kind, value in extra:
        if level == _SOL_PACKET and kind == _PACKET_AUXDATA and len(value) >= _AUXDATA.size:
            status, _, _, _, _, tci, _ = _AUXDATA.unpack_from(value)
            if status & _TP_STATUS_VLAN_VALID:
                return int(tci) & 0xFFF
    return 0

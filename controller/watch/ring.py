"""One interface's frames: an AF_PACKET socket with a TPACKET_V3 ring, and the filter in front of it (packet(7)).

Whole blocks are copied out and given back to the kernel at once, so that judging never keeps the ring full. What the
kernel had no room for is counted by it, and told with the status.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
import struct
from dataclasses import dataclass
from typing import Self

from policies.watch.bpf import Instruction, packed

# linux/if_packet.h, linux/if_ether.h, asm-generic/socket.h
_ETH_P_ALL = 0x0003
_SOL_PACKET = 263
_ADD_MEMBERSHIP, _RX_RING, _STATISTICS, _VERSION, _IGNORE_OUTGOING = 1, 5, 6, 10, 23
_TPACKET_V3, _MR_PROMISC, _SO_ATTACH_FILTER = 2, 1, 26
_STATUS_USER = 1
#: struct tpacket_req3, tpacket_stats_v3, packet_mreq, sock_fprog; of a block: status, frames, offset, length.
_REQUEST, _STATS, _MEMBER, _PROGRAM = (
    struct.Struct("7I"), struct.Struct("3I"), struct.Struct("iHH8s"), struct.Struct("@HP"),
)  # fmt: skip
_BLOCK, _STATUS = struct.Struct("=8x4I"), struct.Struct("=I")
_FRAME_SIZE = 2048
#: Milliseconds after which a block that is not full is handed over.
_RETIRE_MS = 50
_BLOCK_OCTETS = 1 << 17


@dataclass(frozen=True, slots=True)
class Block:
    """Some frames, as the kernel laid them out; the first begins at `offset`."""

    data: bytes
    frames: int
    offset: int


@dataclass(slots=True)
class Counters:
    """What the kernel counted since the start: frames that passed the filter, and those of them without room."""

    passed: int = 0
    lost: int = 0


class Ring:
    """The frames of one interface that pass the filter; close it (it is a context manager).

    Raises PermissionError without CAP_NET_RAW, and OSError for an interface that is not there.
    """

    def __init__(self, interface: str, program: tuple[Instruction, ...], octets: int) -> None:
        self.interface, self.counters, self.alive = interface, Counters(), True
        index = socket.if_nametoindex(interface)
        # No protocol: until it is bound nothing comes, so that no frame precedes the filter.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            self._blocks = max(2, octets // _BLOCK_OCTETS)
            self._socket.setsockopt(_SOL_PACKET, _VERSION, _TPACKET_V3)
            self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
            self.attach(program)
            frames = self._blocks * (_BLOCK_OCTETS // _FRAME_SIZE)
            request = _REQUEST.pack(_BLOCK_OCTETS, self._blocks, _FRAME_SIZE, frames, _RETIRE_MS, 0, 0)
            self._socket.setsockopt(_SOL_PACKET, _RX_RING, request)
            self._map = mmap.mmap(self._socket.fileno(), self._blocks * _BLOCK_OCTETS)
            self._socket.bind((interface, _ETH_P_ALL))
            self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, _MEMBER.pack(index, _MR_PROMISC, 0, b""))
        except BaseException:
            self._socket.close()
            raise
        self._next = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the ring back."""
        self._map.close()
        self._socket.close()

    def fileno(self) -> int:
        """Give the socket's descriptor, to wait on."""
        return self._socket.fileno()

    def attach(self, program: tuple[Instruction, ...]) -> None:
        """Put a filter in place of the one before: each frame meets the one or the other, and none meets none."""
        instructions = ctypes.create_string_buffer(packed(program))
        self._socket.setsockopt(
            socket.SOL_SOCKET, _SO_ATTACH_FILTER, _PROGRAM.pack(len(program), ctypes.addressof(instructions))
        )

    def take(self) -> Block | None:
        """Give the next block, if the kernel has handed one over."""
        start = self._next * _BLOCK_OCTETS
        status, frames, offset, length = _BLOCK.unpack_from(self._map, start)
        if not status & _STATUS_USER:
            return None
        block = Block(self._map[start : start + length], frames, offset)
        _STATUS.pack_into(self._map, start + 8, 0)
        self._next = (self._next + 1) % self._blocks
        return block

    def count(self) -> Counters:
        """Give the kernel's counters, which it sets back at every reading."""
        passed, lost, _ = _STATS.unpack(self._socket.getsockopt(_SOL_PACKET, _STATISTICS, _STATS.size))
        self.counters.passed += passed
        self.counters.lost += lost
        return self.counters

    def trouble(self) -> None:
        """Take the socket's pending error: the interface went down; `alive` is False when it is gone for good."""
        code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code not in (0, errno.ENETDOWN):
            self.alive = False
        try:
            socket.if_nametoindex(self.interface)
        except OSError:
            self.alive = False


def wire_frames(table: str) -> dict[str, int]:
    """Read /proc/net/dev: how many frames each interface has received."""
    found = {}
    for line in table.splitlines():
        name, mark, rest = line.partition(":")
        numbers = rest.split()
        if mark and len(numbers) > 1 and numbers[1].isdecimal():
            found[name.strip()] = int(numbers[1])
    return found

"""Reading blocks of frames: what was judged already is counted by its flow, and only what is new is looked at.

A flow is the fields of a frame by which it is judged. Its rows are remembered for a minute, so that a frame of a known
flow costs less than a microsecond. Looking at new ones may take half of the time: what a flood brings beyond that is
counted as not judged, so that the ring is emptied in any case.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from controller.watch.ring import Block
from policies.watch.frame import BadFrame, Frame, parse
from policies.watch.sighting import Row, Seen
from policies.watch.told import Told
from policies.watch.wire import Wire

#: struct tpacket3_hdr: to the next one, octets, status, where the frame begins, tag.
_HEAD = struct.Struct("=I8xI4xIH6xI")
_VLAN_VALID = 0x10
#: EtherType and the octet after it: IPv4 with a head of 20 octets; ARP, of which the hardware is Ethernet.
_IPV4, _ARP = b"\x08\x00\x45", b"\x08\x06\x00"
#: Flows that are remembered, and for how many seconds.
_FLOWS, _REMEMBERED = 65_536, 60.0
#: The part of a second of this process's own time that new flows may take.
_SHARE = 0.5

#: Gives what reads a frame further, and reads it.
Reading = Callable[[Frame, bytes], Told | None]
Further = Callable[[Frame, bytes], Reading | None]
Dissect = Callable[[Reading, Frame, bytes], Told | None]


@dataclass(slots=True)
class Tally:
    """Frames read since the start, those that were new, those of a flood that were not judged."""

    frames: int = 0
    judged: int = 0
    unjudged: int = 0


class Reader:
    """Judges blocks. `further` and `dissect` are controller.watch.dissect's, or stand for them in tests."""

    def __init__(self, wire: Wire, further: Further, dissect: Dissect) -> None:
        self.wire, self.tally = wire, Tally()
        self._further, self._dissect = further, dissect
        self._flows: dict[bytes, tuple[Row, ...]] = {}
        self._forget_at = self._second_at = 0.0
        self._spent = 0.0

    def change(self, wire: Wire) -> None:
        """Judge by other rules from now on."""
        self.wire = wire
        self._flows.clear()

    def block(self, interface: str, block: Block, now: float) -> None:
        """Judge the frames of a block, read at `now` (seconds since 1970)."""
        self._clock(now)
        data, at, head, flow_rows, flow_of = block.data, block.offset, _HEAD.unpack_from, self._flows.get, _flow
        for _ in range(block.frames):
            ahead, octets, status, offset, tag = head(data, at)
            start = at + offset
            flow = flow_of(data, start, octets)
            if status & _VLAN_VALID and flow is not None:
                flow += tag.to_bytes(4)
            rows = flow_rows(flow) if flow is not None else None
            if rows is None:
                vlan = tag & 0x0FFF if status & _VLAN_VALID else None
                self._new(data[start : start + octets], flow, Seen(now, interface, vlan))
            elif rows:
                for row in rows:
                    row.count += 1
                    row.last = now
            at += ahead
        self.tally.frames += block.frames

    def _clock(self, now: float) -> None:
        if now >= self._forget_at or now < self._forget_at - 2 * _REMEMBERED:
            self._flows.clear()
            self._forget_at = now + _REMEMBERED
        if not 0 <= now - self._second_at < 1:
            self._second_at, self._spent = now, 0.0

    def _new(self, data: bytes, flow: bytes | None, seen: Seen) -> None:
        if self._spent > _SHARE:
            self.tally.unjudged += 1
            return
        started = time.process_time()
        self.tally.judged += 1
        rows, certain = self._judge(data, Seen(seen.at, seen.interface, seen.vlan, data))
        if flow is not None and certain:
            if len(self._flows) >= _FLOWS:
                self._flows.clear()
            self._flows[flow] = rows
        self._spent += time.process_time() - started

    def _judge(self, data: bytes, seen: Seen) -> tuple[tuple[Row, ...], bool]:
        """Judge one frame; also tells whether all of its flow is judged by it."""
        try:
            frame = parse(data, seen.vlan)
            rows = self.wire.see(frame, seen)
            further = self._further(frame, data)
            if further is None:
                return rows, frame.packet is None or not frame.packet.fragment
            told = self._dissect(further, frame, data)
        except BadFrame as error:
            return self.wire.bad(data, seen, error.code), False
        if told is not None:
            rows += self.wire.hear(frame, told, seen)
        return rows, False


def _flow(data: bytes, start: int, octets: int) -> bytes | None:
    """Give all fields by which a frame is judged, where it is one of the many: untagged plain IPv4, or ARP."""
    kind = data[start + 12 : start + 15]
    if kind == _IPV4 and octets >= 38:
        # MACs, type, version, class; fragment, TTL, protocol; addresses and ports.
        return data[start : start + 16] + data[start + 20 : start + 24] + data[start + 26 : start + 38]
    if kind == _ARP and octets >= 42:
        return data[start + 6 : start + 42]
    return None

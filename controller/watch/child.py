"""The watch's child: `python -m controller.watch.child` opens the rings, gives every privilege up, and judges frames.

It is told what to do in JSON lines on standard input, the first of which has `interfaces`, `rules` and `kept`
fingerprints; a later one has new `rules` and `kept`. What it saw are JSON lines on standard output: `ready`,
`sighting`, `fingerprint`, `status`, `failed`. It ends when standard input does.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from controller.watch import dissect
from controller.watch.privileges import drop
from controller.watch.reader import Reader
from controller.watch.ring import Ring, wire_frames
from policies.watch import rules as rules_
from policies.watch.filter import Filter, Ttls, known_good
from policies.watch.sighting import Kind, Row, Seen
from policies.watch.wire import Wire

#: Octets of all rings together, and blocks of one that are read before others have their turn.
_RINGS, _AT_ONCE = 24 << 20, 16
#: Seconds between two looks at the clock, two counts of one sighting that are told, and two statuses.
_TICK, _AGAIN, _STATUS = 0.5, 10.0, 10.0
_LONGEST_LINE = 64 << 20
_WIRE = Path("/proc/self/net/dev")


class Child:
    """The loop. `order` is the first line."""

    def __init__(self, order: dict[str, Any], stack: ExitStack) -> None:
        self._wire = Wire(rules_.load(order["rules"]), order["kept"])
        self._again = float(order.get("again_s", _AGAIN))
        self._ttls: Ttls = self._wire.ttls(time.time())
        self._filter: Filter = known_good(self._wire.index, self._ttls)
        names = order["interfaces"]
        self._rings = [
            stack.enter_context(Ring(name, self._filter.program, _RINGS // len(names))) for name in names
        ]  # fmt: skip
        self._table: IO[str] = stack.enter_context(_WIRE.open(encoding="ascii"))
        self._wired = self._wire_frames()
        self._reader = Reader(self._wire, dissect.reading, dissect.dissect)
        self._by_descriptor = {ring.fileno(): ring for ring in self._rings}
        self._input = b""
        self._status_at = self._tick_at = time.monotonic()
        self._lost = 0

    def run(self) -> int:
        """Read until standard input ends; 3 when an interface is gone."""
        waiting = select.poll()
        for descriptor in self._by_descriptor:
            waiting.register(descriptor, select.POLLIN)
        waiting.register(sys.stdin.fileno(), select.POLLIN)
        self._tell("ready", interfaces=[ring.interface for ring in self._rings], **self._filter_facts())
        while True:
            for descriptor, events in waiting.poll(_TICK * 1000):
                if descriptor == sys.stdin.fileno():
                    if not self._ordered():
                        self._tick(last=True)
                        return 0
                elif events & select.POLLERR:
                    self._by_descriptor[descriptor].trouble()
            self._read()
            if time.monotonic() - self._tick_at >= _TICK:
                self._tick()
            for ring in self._rings:
                if not ring.alive:
                    self._tick(last=True)
                    self._tell("failed", code="gone", interface=ring.interface)
                    return 3

    def _read(self) -> None:
        for ring in self._rings:
            for _ in range(_AT_ONCE):
                block = ring.take()
                if block is None:
                    break
                self._reader.block(ring.interface, block, time.time())

    def _tick(self, *, last: bool = False) -> None:
        """Tell what is new, change the filter when devices were learned, and count."""
        now, self._tick_at = time.time(), time.monotonic()
        learned = self._wire.identities.learned()
        for each in learned:
            self._tell("fingerprint", at=now, mac=each.mac, trait=each.trait, value=each.value)
        self._count(now)
        for row in self._wire.book.untold(now, 0.0 if last else self._again):
            self._tell("sighting", **sighting(row))
        if learned or self._wire.identities.any_doubt:
            ttls = self._wire.ttls(now)
            if ttls != self._ttls:
                self._ttls = ttls
                self._put_filter()
                self._status_at -= _STATUS  # how far it has learned is told at once
        if last or self._tick_at - self._status_at >= _STATUS:
            self._status_at = self._tick_at
            self._tell("status", at=now, **self._counts())

    def _put_filter(self) -> None:
        self._filter = known_good(self._wire.index, self._ttls)
        for ring in self._rings:
            ring.attach(self._filter.program)

    def _count(self, now: float) -> None:
        """Read the kernel's counters; frames without room are a sighting: the watch was blind for a moment."""
        lost = sum(ring.count().lost for ring in self._rings)
        blind = lost + self._reader.tally.unjudged
        if blind > self._lost:
            row = self._wire.book.sight(Row(Kind.LOST, ""), Seen(now))
            row.count += blind - self._lost - 1
            row.facts = {"lost": lost, "unjudged": self._reader.tally.unjudged}
            self._lost = blind

    def _counts(self) -> dict[str, Any]:
        wired, tally = self._wire_frames(), self._reader.tally
        return {
            "interfaces": [
                {
                    "interface": ring.interface,
                    "wire": max(0, wired.get(ring.interface, 0) - self._wired.get(ring.interface, 0)),
                    "passed": ring.counters.passed,
                    "lost": ring.counters.lost,
                }
                for ring in self._rings
            ],
            "read": tally.frames, "judged": tally.judged, "unjudged": tally.unjudged, **self._filter_facts(),
        }  # fmt: skip

    def _filter_facts(self) -> dict[str, Any]:
        return {
            "filter": len(self._filter.program), "devices": self._filter.devices, "left_out": self._filter.left_out,
            "learned": len(self._ttls),
        }  # fmt: skip

    def _wire_frames(self) -> dict[str, int]:
        self._table.seek(0)
        return wire_frames(self._table.read())

    def _ordered(self) -> bool:
        """Read standard input, and follow whole lines; False at its end."""
        data = os.read(sys.stdin.fileno(), 1 << 16)
        self._input += data
        *lines, self._input = self._input.split(b"\n")
        for line in lines:
            self._follow(json.loads(line))
        return bool(data) and len(self._input) < _LONGEST_LINE

    def _follow(self, order: dict[str, Any]) -> None:
        """Judge by other rules; what is open stays so."""
        self._wire = Wire(rules_.load(order["rules"]), order["kept"], self._wire.book)
        self._ttls = self._wire.ttls(time.time())
        self._put_filter()
        self._reader.change(self._wire)

    def _tell(self, event: str, **facts: object) -> None:
        tell({"event": event, **facts})


def sighting(row: Row) -> dict[str, Any]:
    """Give a row as the values of its line."""
    return {
        "kind": row.kind, "mac": row.mac, "ip": row.ip, "other": row.other, "vlan": row.vlan,
        "interface": row.interface, "confidence": row.confidence, "facts": row.facts, "evidence": row.evidence.hex(),
        "first": row.first, "last": row.last, "count": row.count,
    }  # fmt: skip


def tell(line: dict[str, object]) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    sys.stdout.flush()


def first_line(read: Iterable[bytes]) -> dict[str, Any]:
    """Read the order that begins it, octet by octet, so that nothing behind it is taken from the loop."""
    line = b""
    for octet in read:
        if octet in (b"\n", b""):
            break
        line += octet
    order: dict[str, Any] = json.loads(line)
    return order


def main() -> int:
    """Open, give up, judge; a failure is one line with its code."""
    order = first_line(iter(lambda: os.read(sys.stdin.fileno(), 1), None))
    with ExitStack() as stack:
        try:
            child = Child(order, stack)
        except PermissionError:
            tell({"event": "failed", "code": "permission"})
            return 3
        except OSError as error:
            tell({"event": "failed", "code": "interface", "reason": error.strerror or str(error)})
            return 3
        drop()
        return child.run()


if __name__ == "__main__":
    sys.exit(main())

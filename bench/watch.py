"""Frames a second without loss, and CPU for each, beside scapy, arpwatch and a ring in C on the same cable."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

from bench import watch_peers as peers
from bench.result import Line, most
from bench.watch_peers import Cable, Run
from policies.watch.bpf import packed
from policies.watch.filter import known_good
from policies.watch.rules import Index

SECONDS, MISSING = 1.5, 0.001
#: Frames of unknown MACs among 10,000, where the rest is known good.
UNKNOWN = 10
FASTEST = 2_000_000.0

Work = Callable[[], tuple[int, int, float]]


def measure() -> Iterator[Line]:
    """Look for the rate of each, then let the filter have the wire at full speed."""
    if os.geteuid() != 0 or shutil.which("gcc") is None:
        yield Line("not measured: needs root and gcc. Next: run it as root, apt-get install gcc", held=False)
        return
    with peers.cable() as at:
        yield from _all_read(at)
        yield from _known_good(at)
        yield from _arp(at)


def _all_read(at: Cable) -> Iterator[Line]:
    """No filter drops anything: every frame is read and looked at."""
    floor, floor_run = _lossless(at, lambda work: peers.ring(at, work), 40_000)
    own, own_run = _lossless(at, lambda work: peers.ours(at, False, work)[0], 40_000)
    scapy, scapy_run = _lossless(at, lambda work: peers.scapy(at, SECONDS, work), 1_000)
    for name, rate, run in (("C ring", floor, floor_run), ("watch", own, own_run), ("scapy.sniff", scapy, scapy_run)):
        yield Line(f"all read, {name}: {rate:,.0f} frames/s without loss, {_micro(run):.2f} µs of CPU a frame")
    value = own / scapy
    yield Line(
        f"all read, watch / scapy.sniff: {value:.0f} times the frames (target 100)"
        f" {'ok' if value >= 100 else 'MISSED'}; {_micro(scapy_run) / _micro(own_run):.0f} times less CPU",
        value >= 100,
    )
    yield Line(
        f"all read, watch / C ring: {own / floor:.2f} of the frames,"
        f" {_micro(own_run) / _micro(floor_run):.0f} times the CPU"
    )


def _known_good(at: Cable) -> Iterator[Line]:
    """The filter drops known traffic; some of unknown MACs is among it."""
    alone = at.send(FASTEST, SECONDS)
    known, _ = peers.ours(at, True, lambda: at.send(FASTEST, SECONDS * 2))
    yield Line(
        f"known good dropped: {known.sent / known.seconds:,.0f} frames/s on the wire; the sender without a watch:"
        f" {alone[0] / alone[2]:,.0f}"
    )
    yield most("known good dropped: CPU of the watch for a known frame", _micro(known), 0.1, "µs")
    run, status = peers.ours(at, True, lambda: at.send(FASTEST, SECONDS * 2, unknown=UNKNOWN))
    yield Line(
        f"known good dropped, 1 of 1,000 unknown: {run.sent / run.seconds:,.0f} frames/s, unknown frames seen:"
        f" {run.seen:,} of {run.strange:,}, lost by the kernel: {run.lost};"
        f" {_micro(run):.2f} µs of CPU a frame on the wire",
        run.seen == run.strange and run.lost == 0,
    )
    yield Line(f"known good dropped: filter: {status['filter']} instructions for {status['devices']} devices")
    made = peers.rules(with_ip=True)
    ttls: dict[str, tuple[int | None, int | None]] = {each.mac: (64, 64) for each in made.devices}
    program = packed(known_good(Index(made), ttls).program)
    seconds = SECONDS * 2
    other = peers.scapy(at, seconds, lambda: at.send(FASTEST, seconds, unknown=UNKNOWN), program)
    yield Line(
        f"known good dropped: scapy.sniff behind the same filter: {other.seen:,} of {other.strange:,} seen,"
        f" {other.cpu / max(other.strange, 1) * 1e6:.0f} µs for each; the watch:"
        f" {run.cpu / max(run.strange, 1) * 1e6:.0f} µs"
    )


def _arp(at: Cable) -> Iterator[Line]:
    """ARP of known hosts only, as arpwatch keeps it."""
    rate, seconds = 150_000.0, SECONDS * 3
    peer = peers.arpwatch(at, lambda: at.send(rate, seconds, kind="arp"))
    own, _ = peers.ours(at, False, lambda: at.send(rate, seconds, kind="arp"))
    kept, _ = peers.ours(at, True, lambda: at.send(rate, seconds, kind="arp"))
    if peer is None:
        yield Line("ARP: arpwatch is not installed. Next: apt-get install arpwatch", held=False)
        return
    yield Line(
        f"ARP at {rate:,.0f}/s: arpwatch {_micro(peer):.2f} µs a frame, watch {_micro(own):.2f} µs when it reads all,"
        f" {_micro(kept):.3f} µs with its filter"
    )
    yield most("ARP, watch with its filter / arpwatch", _micro(kept) / _micro(peer), 1.0, "times the CPU")


def _lossless(at: Cable, receive: Callable[[Work], Run], start: float) -> tuple[float, Run]:
    """Find the highest rate at which at most 0.1 % is missing: double, then halve the distance."""
    low, best, rate, high = 0.0, None, start, 0.0
    for _ in range(12):
        run = receive(lambda rate=rate: at.send(rate, SECONDS))  # type: ignore[misc]
        reached = run.sent / run.seconds
        if run.missing <= MISSING:
            low, best = max(low, reached), run
            if reached < rate * 0.9:  # the sender has no more
                break
        else:
            high = rate
        if high and high - low < high * 0.15:
            break
        rate = (low + high) / 2 if high else rate * 2
    assert best is not None, "not even the slowest rate is without loss"
    return low, best


def _micro(run: Run) -> float:
    return max(run.cpu, 0.01) / run.sent * 1e6

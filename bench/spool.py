"""Events made durable per second beside a plain sqlite3 insert and commit, and 50,000 waiting ones paged through."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from agent.link.spool import Spool, SpoolPlace, open_spool
from bench.result import Line, most, ratio
from policies.grants import Moment
from policies.keys import SigningKey
from policies.messages.event import Data

EVENTS, WAITING, BATCH, PAGE = 500, 50_000, 500, 500
KEY = SigningKey(bytes(32))
NOW = Moment(1_795_341_600.0, 42.0)
DATA: Data = {
    "port": "pci-0000:00:14.0-usbv2-0:2.4", "vid": "0781", "pid": "5567", "serial": "4C530001",
    "product": "Cruzer Blade", "descriptors": "ab" * 32, "interfaces": ["08:06:50"],
}  # fmt: skip


def measure() -> Iterator[Line]:
    """Time both on the same disk, interleaved in fifths; then fill up to 50,000 and read, start and ack."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        place = SpoolPlace(Path(name) / "state", Path(name) / "run", "bench", "0b1c2d3e-0000-4000-8000-000000000001")
        with open_spool(place, KEY, NOW) as spool, closing(_plain(Path(name) / "plain.db")) as plain:
            ours, peer = _appends(spool, plain)
            yield ratio(f"{EVENTS} events signed, chained, durable / plain insert and commit", ours, peer, 3.0)
            yield Line(f"one event at a time: {EVENTS / ours:.0f} durable events a second")
            started = time.perf_counter()
            while spool.state.held < WAITING:
                spool.append_all([("usb.blocked", DATA)] * BATCH, NOW)
            taken = time.perf_counter() - started
            yield Line(f"in commits of {BATCH}: {(WAITING - EVENTS) / taken:.0f} durable events a second")
            yield most(f"paging through {WAITING} waiting events", _page_through(spool), 2.0, "s")
        started = time.perf_counter()
        with open_spool(place, KEY, NOW) as spool:
            yield most(f"start with {WAITING} waiting events, all examined", time.perf_counter() - started, 5.0, "s")
            started = time.perf_counter()
            spool.ack(WAITING, spool.state.head.digest, NOW)
            yield most(f"one ack of {WAITING} events", time.perf_counter() - started, 2.0, "s")


def _plain(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, raw BLOB NOT NULL)")
    return connection


def _appends(spool: Spool, plain: sqlite3.Connection) -> tuple[float, float]:
    ours = peer = 0.0
    raw = b"x" * 700
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(EVENTS // 5):
            spool.append("usb.blocked", DATA, NOW)
        ours += time.perf_counter() - started
        started = time.perf_counter()
        for _ in range(EVENTS // 5):
            plain.execute("BEGIN IMMEDIATE")
            plain.execute("INSERT INTO event (raw) VALUES (?)", (raw,))
            plain.execute("COMMIT")
        peer += time.perf_counter() - started
    return ours, peer


def _page_through(spool: Spool) -> float:
    started = time.perf_counter()
    after = count = 0
    while page := spool.unacked(after, PAGE):
        after, count = page[-1][0], count + len(page)
    assert count == WAITING
    return time.perf_counter() - started

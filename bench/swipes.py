"""Swipe to lease over the real broker, beside three paho clients that pass on a message; and swipes a second."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.relay import SWIPE, connected
from bench.result import Line, ratio
from controller.broker.site import ManagedBroker
from controller.context import open_context
from policies.messages.identities import Identity, Role
from tests.replay.agent_process import running
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import Site, swipe

#: Swipes of each kind in a block, and blocks; the two kinds take turns, so that a noisy minute meets both.
BLOCK, BLOCKS, WARM = 25, 2, 3
FLOOD = 20_000
#: Seconds between two swipes, for both: within swipe_again_s the same card is the same swipe, and swipes are rare. Who
#: is woken out of a second's rest has lost the processor's caches, whatever it then does.
REST = 1.1
#: Seconds between two looks into the database: what the figures are too large by, at most.
LOOK = 0.0005


def measure() -> Iterator[Line]:
    """Run both on one broker's certificates, then flood."""
    bare: list[float] = []
    ours: list[float] = []
    with contextlib.closing(Site()) as site, tempfile.TemporaryDirectory() as temporary:
        _certificates(site, Path(temporary))
        place = site.terminal(Path(temporary) / "T1")
        for _ in range(BLOCKS):
            bare += _bare(site, Path(temporary))
            site.start()
            with running(place):
                ours += _ours(site)
            site.stop()
        yield from _lines(bare, ours)
        yield Line(f"one fsync here: {_fsync(site.folder) * 1e3:.2f} ms (in ours: three, of swipe, lease and event)")
        site.start()
        yield _sustained(site, Path(temporary))
        yield Line(f"the controller's memory after it: {_memory(site):.0f} MB")


def _lines(bare: list[float], ours: list[float]) -> Iterator[Line]:
    for what, cut, target in (("p50", 50, 2.0), ("p95", 95, 0.0), ("p99", 99, 3.0)):
        mine, peer = (statistics.quantiles(each, n=100)[cut - 1] * 1e3 for each in (ours, bare))
        if target:
            yield ratio(f"swipe to lease in the ledger / three paho clients, {what}", mine, peer, target, "ms")
        else:
            yield Line(f"{what}: {mine:.2f} ms / {peer:.2f} ms")


def _certificates(site: Site, folder: Path) -> None:
    for identity in (Identity(Role.CONTROLLER), Identity(Role.TERMINAL, "T1"), Identity(Role.READER, "gate-1")):
        vouching, certificate, key = site.enrol(identity)
        (folder / "ca.pem").write_bytes(vouching)
        (folder / f"{identity}.pem").write_bytes(certificate + key)


@contextlib.contextmanager
def _playing(role: str, port: int, folder: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "bench.relay", role, str(port), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process
        process.kill()


def _bare(site: Site, folder: Path) -> list[float]:
    """Time three clients, each a process: reader to controller to terminal to controller."""
    times = []
    with open_context(site.folder) as context:
        broker = ManagedBroker(context)
        broker.start()
        try:
            with _playing("controller", site.port, folder) as far, _playing("terminal", site.port, folder):
                assert far.stdout is not None
                reader = connected(site.port, folder, "reader.gate-1")
                for number in range(WARM + BLOCK):
                    begun = time.monotonic_ns()
                    reader.publish(SWIPE, b"x" * 200, qos=1)
                    ended = int(far.stdout.readline())
                    if number >= WARM:
                        times.append((ended - begun) / 1e9)
                    time.sleep(REST)
                reader.disconnect()
                reader.loop_stop()
        finally:
            broker.stop()
    return times


def _ours(site: Site) -> list[float]:
    """Time the real ones, from the swipe's publication until the lease that it opened is in the ledger."""
    site.until(lambda: site.ask(do="terminals")["online"]["T1"], 60)
    reader: Client = site.client(Identity(Role.READER, "gate-1"))
    times = []
    with contextlib.closing(sqlite3.connect(f"file:{site.folder}/portseal.db?mode=ro", uri=True)) as database:
        for number in range(WARM + BLOCK):
            before = _count(database, "open")
            begun = time.monotonic_ns()
            swipe(reader)
            _until(database, "open", before + 1)
            if number >= WARM:
                times.append((time.monotonic_ns() - begun) / 1e9)
            time.sleep(REST)
            ended = _count(database, "ended")
            swipe(reader)
            _until(database, "ended", ended + 1)
            time.sleep(REST)
    reader.close()
    return times


def _count(database: sqlite3.Connection, state: str) -> int:
    found: int = database.execute("SELECT COUNT(*) FROM card_grant WHERE state = ?", (state,)).fetchone()[0]
    return found


def _until(database: sqlite3.Connection, state: str, count: int) -> None:
    ends, before = time.monotonic() + 30, 0
    while True:
        # Cheap: it says only whether anybody has written. A count each time would take the processor from who is timed.
        (now,) = database.execute("PRAGMA data_version").fetchone()
        if now != before and _count(database, state) >= count:
            return
        before = now
        if time.monotonic() > ends:
            raise SystemExit(f"no lease came to '{state}'")
        time.sleep(LOOK)


def _fsync(folder: Path) -> float:
    """Time what one commit waits for on this disk."""
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begun)
    (folder / "probe").unlink()
    return statistics.median(times)


def _sustained(site: Site, folder: Path) -> Line:
    """Flood the controller and count what is durable in its ledger each second."""
    command = [sys.executable, "-m", "bench.relay", "flood", str(site.port), str(folder), str(FLOOD)]
    with contextlib.closing(sqlite3.connect(f"file:{site.folder}/portseal.db?mode=ro", uri=True)) as database:
        sql = "SELECT COUNT(*) FROM ledger WHERE kind = 'swipe.denied'"
        # Cheap, unlike a count each time: that took the processor from who is timed.
        last = "SELECT MAX(seq) FROM ledger"
        before: int = database.execute(sql).fetchone()[0]
        first: int = database.execute(last).fetchone()[0] or 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            begun = int(process.stdout.readline())
            ends = time.monotonic() + 120
            done = 0
            while done < FLOOD and time.monotonic() < ends:
                time.sleep(0.05)
                (done,) = database.execute(last).fetchone()
                done -= first
            seconds = (time.monotonic_ns() - begun) / 1e9
        done = database.execute(sql).fetchone()[0] - before
    rate = done / seconds
    held = done == FLOOD and rate >= 2000
    text = (
        f"swipes, each durable in the ledger: {done} of {FLOOD} in {seconds:.1f} s = {rate:.0f} a second (target 2000)"
    )
    return Line(f"{text} {'ok' if held else 'MISSED'}", held)


def _memory(site: Site) -> float:
    status = Path(f"/proc/{site.pid}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024

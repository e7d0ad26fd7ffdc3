"""`portseal --help` beside `python -c "import click"`: what lazy imports save."""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.result import Line, ratio

RUNS = 21
ROOT = Path(__file__).parents[1]


def measure() -> Iterator[Line]:
    """Time both, interleaved, and compare the medians."""
    # pip compiles what it installs, the peer among it; a work tree is compiled when it is first run, or never.
    for package in ("controller", "policies"):
        compileall.compile_dir(ROOT / package, quiet=1)
    ours = [str(Path(sys.executable).with_name("portseal")), "--help"]
    peer = [sys.executable, "-c", "import click"]
    times: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(RUNS):
        for name, command in (("ours", ours), ("peer", peer)):
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            times[name].append(time.perf_counter() - started)
    yield ratio(
        "portseal --help / import click", statistics.median(times["ours"]), statistics.median(times["peer"]), 1.5
    )

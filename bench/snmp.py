"""Bulk reading of 200 agents × 2,000 rows over SNMP, v2c and v3: rows and CPU beside snmpbulkwalk and pysnmp."""

from __future__ import annotations

import contextlib
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.result import Line

AGENTS, ROWS, RUNS = 200, 2000, 3
#: pysnmp takes a minute for what the others do in one or two seconds: it reads fewer agents, and rows/s are compared.
AGENTS_OF_PYSNMP = 20
ROOT = Path(__file__).parent.parent


def measure() -> Iterator[Line]:
    """Start the agents once, let each client read them in turn, and compare the medians."""
    if shutil.which("snmpbulkwalk") is None:
        yield Line("snmpbulkwalk is not installed: apt-get install snmp", held=False)
        return
    with _agents() as ports:
        for version in ("v2c", "v3"):
            found: dict[str, list[dict[str, Any]]] = {"snmpbulkwalk": [], "ours": [], "pysnmp": []}
            for _ in range(RUNS):
                for who, runs in found.items():
                    runs.append(_run(who, version, ports[:AGENTS_OF_PYSNMP] if who == "pysnmp" else ports))
            yield from _compared(version, found)


def _compared(version: str, found: dict[str, list[dict[str, Any]]]) -> Iterator[Line]:
    speed = {who: statistics.median(run["rows"] / run["wall"] for run in runs) for who, runs in found.items()}
    cpu = {who: statistics.median(run["cpu"] / run["rows"] * 10_000 for run in runs) for who, runs in found.items()}
    for who, runs in found.items():
        agents = AGENTS_OF_PYSNMP if who == "pysnmp" else AGENTS
        lost = agents * ROWS - min(run["rows"] for run in runs)
        yield Line(f"{version} {who}: {speed[who]:,.0f} rows/s, {cpu[who]:.3f} s CPU for 10,000 rows, {lost} rows lost",
                   held=lost == 0 or who != "ours")  # fmt: skip
    for peer, target in (("snmpbulkwalk", 1.0), ("pysnmp", 20.0)):
        ratio = speed["ours"] / speed[peer]
        verdict = "ok" if ratio >= target else "MISSED"
        yield Line(
            f"{version} rows/s, ours / {peer}: {ratio:.2f} (target at least {target:g}) {verdict}", ratio >= target
        )


def _run(who: str, version: str, ports: list[int]) -> dict[str, Any]:
    argv = [sys.executable, "-m", "bench.snmp_clients", who, version, json.dumps(ports)]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{who} over {version} failed: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextlib.contextmanager
def _agents() -> Iterator[list[int]]:
    argv = [sys.executable, "-m", "bench.snmp_agents", str(AGENTS), str(ROWS)]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        ports: list[int] = json.loads(process.stdout.readline())
        yield ports
    finally:
        process.kill()
        process.wait(20)

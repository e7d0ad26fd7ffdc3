"""An audit of 100 switches with 5,000 ports over SSH: Portseal beside a plain Netmiko pool and beside asyncssh."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.audit_fleet import PASSWORD, PORTS, STEMS, USER, VLAN, commands, mac
from bench.result import Line, most, ratio
from controller.network.pool import WORKERS

SWITCHES, PROCESSES, RUNS = 100, 2, 3
#: Sessions that are looked at for prompt errors: rounds over all switches, and threads.
ROUNDS, THREADS = 10, 100
ROOT = Path(__file__).parent.parent
_TICKS = os.sysconf("SC_CLK_TCK")


class Fleet:
    """The switches' processes, and the site that declares them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        self.order = folder / "order.json"

    def start(self) -> None:
        """Start them, and write the order for the clients."""
        share = SWITCHES // PROCESSES
        for first in range(0, SWITCHES, share):
            argv = [sys.executable, "-m", "bench.audit_fleet", str(self.folder), str(first), str(share)]
            piped = subprocess.PIPE
            self.processes.append(subprocess.Popen(argv, stdin=piped, stdout=piped, text=True, cwd=ROOT))
        switches: list[dict[str, Any]] = []
        for process in self.processes:
            assert process.stdout is not None
            switches += json.loads(process.stdout.readline())
        for switch in switches:
            switch["commands"] = commands(switch["platform"])
        site = _site(self.folder / "site", switches)
        self.order.write_text(json.dumps({"site": str(site), "switches": switches}), "utf-8")

    def cpu(self) -> float:
        """Give the CPU seconds that the switches have used."""
        return sum(_cpu(process.pid) for process in self.processes)

    def said(self) -> dict[str, dict[str, str]]:
        """Stop the switches and give what they answered, as digests by switch and command."""
        for process in self.processes:
            assert process.stdin is not None
            process.stdin.close()
        for process in self.processes:
            process.wait(60)
        found: dict[str, dict[str, str]] = {}
        for path in self.folder.glob("said-*.json"):
            found |= json.loads(path.read_text("utf-8"))
        return found

    def stop(self) -> None:
        """End what still runs."""
        for process in self.processes:
            process.kill()
            process.wait(20)


def measure() -> Iterator[Line]:
    """Start the switches once, let the clients read them in turn, and compare the medians."""
    with tempfile.TemporaryDirectory() as folder, contextlib.closing(_Stopping(Path(folder))) as made:
        fleet = made.fleet
        fleet.start()
        yield Line(f"load at the beginning: {os.getloadavg()[0]:.2f}, {os.cpu_count()} processors")
        seen: list[dict[str, Any]] = []
        for reads in (1, 20):
            found: dict[str, list[dict[str, Any]]] = {who: [] for who in ("netmiko", "asyncssh", "ours")}
            for _ in range(RUNS):
                for who, runs in found.items():
                    runs.append(_run(fleet, who, reads, 1, WORKERS))
            seen += found["ours"]
            yield from _compared(reads, found)
        whole = [_run(fleet, "ours", 0, 1, WORKERS) for _ in range(RUNS)]
        yield from _audit(whole)
        many = _run(fleet, "ours", 1, ROUNDS, THREADS)
        yield from _errors([*seen, many], many, fleet.said())


class _Stopping:
    def __init__(self, folder: Path) -> None:
        self.fleet = Fleet(folder)

    def close(self) -> None:
        """Stop the switches."""
        self.fleet.stop()


def _compared(reads: int, found: dict[str, list[dict[str, Any]]]) -> Iterator[Line]:
    wall = {who: statistics.median(run["wall"] for run in runs) for who, runs in found.items()}
    for who, runs in found.items():
        failed = sum(len(run["errors"]) for run in runs)
        own, theirs = (statistics.median(run[part] for run in runs) / SWITCHES * 1000 for part in ("cpu", "server"))
        yield Line(
            f"{reads} reads, {who}: {wall[who]:.2f} s, CPU a switch {own:.1f} ms (the switches' own: {theirs:.1f} ms), "
            f"{failed} of {RUNS * SWITCHES} sessions failed",
            who != "ours" or not failed,
        )
    yield ratio(f"{reads} reads, ours / Netmiko", wall["ours"], wall["netmiko"], 0.6 if reads == 1 else 0.25)
    yield ratio(f"{reads} reads, ours / asyncssh", wall["ours"], wall["asyncssh"], 1.3)


def _audit(runs: list[dict[str, Any]]) -> Iterator[Line]:
    middle = sorted(runs, key=lambda run: run["wall"])[len(runs) // 2]
    ports, wall, rules = middle["ports"], middle["wall"], middle["rules_wall"]
    yield Line(
        f"audit: {ports:,.0f} ports, {middle['bound']:,.0f} bound, in {wall:.2f} s: {ports / wall:,.0f} a second",
        ports == middle["bound"] == SWITCHES * PORTS and not any(run["errors"] for run in runs),
    )
    # Threads share two processors: what each of them waited adds up to more than the clock shows.
    total = middle["network"] + middle["parsing"]
    yield Line(
        f"audit: of the reading's {middle['read_wall']:.2f} s, network {middle['network'] / total:.0%}, parsing "
        f"{middle['parsing'] / total:.0%}; then rules {rules:.3f} s (CPU {middle['rules_cpu']:.3f} s)"
    )
    yield most("audit: rules, of the whole time", rules / wall * 100, 5, "%")
    yield Line(f"audit: peak memory {middle['rss_mb']:.0f} MB, CPU {middle['cpu']:.2f} s")


def _errors(runs: list[dict[str, Any]], many: dict[str, Any], said: dict[str, dict[str, str]]) -> Iterator[Line]:
    """Compare every answer with what the switch sent, and count the failures of many sessions at a time."""
    wrong = checked = 0
    for run in runs:
        for name, answers in run["seen"].items():
            for command, digests in answers.items():
                checked += 1
                wrong += digests != [said[name].get(command)]
    yield Line(f"answers that are not what the switch sent: {wrong} of {checked:,} (switch, command) pairs", not wrong)
    failed = many["errors"]
    yield Line(
        f"{ROUNDS * SWITCHES} sessions, {THREADS} threads: {len(failed)} failed, {many['wall']:.0f} s{_first(failed)}",
        not failed,
    )


def _first(errors: list[str]) -> str:
    return f"; the first: {errors[0]}" if errors else ""


def _run(fleet: Fleet, who: str, reads: int, rounds: int, threads: int) -> dict[str, Any]:
    argv = [sys.executable, "-m", "bench.audit_clients", who, str(fleet.order), str(reads), str(rounds), str(threads)]
    before = fleet.cpu()
    done = subprocess.run(argv, check=True, capture_output=True, text=True, cwd=ROOT)
    answer: dict[str, Any] = json.loads(done.stdout)
    return {**answer, "server": fleet.cpu() - before}


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _site(folder: Path, switches: list[dict[str, Any]]) -> Path:
    from controller.context import open_context
    from policies.names import canonical
    from policies.platforms import literal_names

    folder.mkdir()
    text = f'[site]\nname = "bench"\n[vlans.face]\nid = {VLAN}\npurpose = "face"\n'
    for switch in switches:
        text += (
            f'[switches.{switch["name"]}]\nplatform = "{switch["platform"]}"\nhost = "127.0.0.1"\n'
            f'port = {switch["port"]}\nusername = "{USER}"\npassword = "file:password"\n'
            f'ports = ["{STEMS[switch["platform"]]}1-{PORTS}"]\n'
        )
    (folder / "site.toml").write_text(text, "utf-8")
    (folder / "password").touch(0o600)
    (folder / "password").write_text(PASSWORD)
    known = "".join(f"[127.0.0.1]:{switch['port']} {switch['key']}\n" for switch in switches)
    (folder / "known_hosts").write_text(known, "ascii")
    with open_context(folder) as context, context.store.transaction():
        for number, switch in enumerate(switches):
            for port in range(1, PORTS + 1):
                name = canonical(f"{STEMS[switch['platform']]}{port}", literal=literal_names(switch["platform"]))
                device = f"cam{number}-{port}"
                values = device, mac(number, port)
                context.store.execute("INSERT INTO device VALUES (?, 'camera', ?, NULL, '', '', '', '')", values)
                context.store.execute(
                    "INSERT INTO binding (device, switch, port, vlan) VALUES (?, ?, ?, ?)",
                    (device, switch["name"], name, VLAN),
                )
    return folder

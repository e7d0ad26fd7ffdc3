"""Reading 504 ports over 12 switches: Portseal beside a plain Netmiko script with the same commands and threads."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.result import Line, most, ratio
from drivers.dialects import dialect

SWITCHES, PORTS, RUNS = 12, 42, 3
USER, PASSWORD = "admin", "bench-password"
HERE = Path(__file__).parent


def measure() -> Iterator[Line]:
    """Start the switches once, let both read them in turn, and compare the medians."""
    with tempfile.TemporaryDirectory() as folder, _switches(Path(folder)) as ports:
        site = _site(Path(folder) / "site", ports)
        commands = list(
            dict.fromkeys(read.command for read in dialect("cisco_ios").reads if read.observe and not read.each)
        )
        asked = json.dumps({"ports": ports, "commands": commands, "user": USER, "password": PASSWORD})
        ours, peers = [], []
        for _ in range(RUNS):
            peers.append(_run("peer_netmiko.py", asked))
            ours.append(_run("ours_read.py", str(site)))
    wall = statistics.median(run["wall"] for run in ours)
    peer = statistics.median(run["wall"] for run in peers)
    last = ours[-1]
    total = last["network"] + last["parse"]
    yield ratio(f"wall, {SWITCHES} switches × {PORTS} ports, {len(commands)} commands each", wall, peer, 0.5)
    yield Line(f"of all switches' time: network {last['network']:.2f} s, parsing {last['parse']:.2f} s")
    yield Line(f"parallelism: {total / last['wall']:.1f} switches at a time (peer: {peers[-1]['busy'] / peer:.1f})")
    yield Line(f"plan and verdict on what was read, the store's queries included: {last['rules_us']:.0f} µs a port")
    yield most("peak memory", max(run["rss_mb"] for run in ours), 200, "MB")
    yield Line(f"peer's peak memory: {max(run['rss_mb'] for run in peers):.0f} MB")
    assert last["ports"] == SWITCHES * PORTS, last


def _run(script: str, argument: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(HERE / script), argument], check=True, capture_output=True, text=True, cwd=HERE.parent
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextlib.contextmanager
def _switches(folder: Path) -> Iterator[list[int]]:
    processes = []
    try:
        for number in range(SWITCHES):
            config = folder / f"sw{number}.json"
            config.write_text(json.dumps(_persona(number)), "utf-8")
            command = [sys.executable, "-m", "lab.switch.persona", str(config)]
            processes.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE.parent))
        ports = []
        for process in processes:
            assert process.stdout is not None
            ports.append(int(json.loads(process.stdout.readline())["ssh_port"]))
        yield ports
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(20)


def _persona(number: int) -> dict[str, Any]:
    lines = []
    for port in range(1, PORTS + 1):
        mac = f"02ca.00{number:02x}.00{port:02x}"
        lines += [
            f"interface GigabitEthernet1/0/{port}",
            f" description pole {port}",
            " switchport access vlan 100",
            " switchport mode access",
            " switchport port-security violation restrict",
            f" switchport port-security mac-address {mac}",
            " switchport port-security",
            " spanning-tree portfast",
            "!",
        ]
    return {
        "name": f"sw{number}",
        "hostname": f"sw{number}",
        "platform": "cisco_ios",
        "listen": "127.0.0.1",
        "ssh_port": 0,
        "snmp_port": 0,
        "credentials": {"username": USER, "password": PASSWORD, "enable": ""},
        "snmp": {"community": "bench"},
        "ports": {f"GigabitEthernet1/0/{port}": f"p{port}" for port in range(1, PORTS + 1)},
        "initial": "vlan 100\n name face\n!\n" + "\n".join(lines) + "\nend\n",
    }


def _site(folder: Path, ports: list[int]) -> Path:
    folder.mkdir()
    switches = "".join(
        f'[switches.sw{number}]\nplatform = "cisco_ios"\nhost = "127.0.0.1"\nport = {port}\nusername = "{USER}"\n'
        f'password = "file:password"\nports = ["Gi1/0/1-{PORTS}"]\n'
        for number, port in enumerate(ports)
    )
    text = '[site]\nname = "bench"\n[vlans.face]\nid = 100\npurpose = "face"\n'
    (folder / "site.toml").write_text(text + switches, "utf-8")
    (folder / "password").touch(0o600)
    (folder / "password").write_text(PASSWORD)
    return folder

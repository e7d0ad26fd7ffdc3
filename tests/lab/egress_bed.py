"""A terminal, a server of its site, a router, and a fake internet behind it, each in a network namespace of its own.

    terminal 10.77.1.10 ─┐
                         ├─ router 10.77.1.1 │ 198.18.0.1 ── outside 198.18.0.2 (answers ping, TCP, UDP, DNS)
    server   10.77.1.2  ─┘                     2001:2::1     2001:2::2

The outside is in ranges for benchmarks (RFC 2544, RFC 5180); no namespace has a way to the machine's own network.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TERMINAL, SERVER, ROUTER, OUTSIDE = "terminal", "server", "router", "outside"
SITE4, SITE6 = "10.77.1.0/24", "fd00:77:1::/64"
DECLARED = """\
networks = ["10.77.1.0/24", "fd00:77:1::/64"]
every_seconds = 10
[controls]
icmp = ["10.77.1.2", "fd00:77:1::2"]
tcp = ["10.77.1.2:8883", "[fd00:77:1::2]:8883"]
udp = ["10.77.1.2:123", "[fd00:77:1::2]:123"]
[canaries]
icmp = ["198.18.0.2", "2001:2::2"]
tcp = ["198.18.0.2:443", "[2001:2::2]:443"]
udp = ["198.18.0.2:123", "[2001:2::2]:123"]
dns = ["198.18.0.2", "2001:2::2"]
"""
_ANSWERS = """
import selectors, socket, sys
chosen = selectors.DefaultSelector()
for port in map(int, sys.argv[1].split(",")):
    made = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    chosen.register(made, selectors.EVENT_READ, "tcp")
for port in map(int, sys.argv[2].split(",")):
    made = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind(("::", port))
    chosen.register(made, selectors.EVENT_READ, "udp")
kept = []
print("ready", flush=True)
while True:
    for key, _ in chosen.select():
        if key.data == "tcp":
            kept.append(key.fileobj.accept()[0])
        else:
            data, peer = key.fileobj.recvfrom(2048)
            key.fileobj.sendto(data, peer)
"""
_GUARD = """
import sys
from pathlib import Path
from agent.egress.guard import serve
from agent.egress.nft import the_nft
from agent.egress.places import GuardPlaces
import logging
logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
root = Path(sys.argv[1])
serve(GuardPlaces(root / "guard.toml", root / "state", root / "run", ("10.77.1.2",), root), the_nft())
"""


def run(*argv: str, check: bool = True) -> str:
    """Run a program and give what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0 or not check, f"{' '.join(argv)}: {done.stderr}"
    return done.stdout


@dataclass
class Bed:
    """The namespaces of one test, and the folder that is the terminal's root for what the guard reads there."""

    root: Path
    names: dict[str, str] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)

    def at(self, who: str, *argv: str, check: bool = True) -> str:
        """Run a program in a namespace."""
        return run("ip", "netns", "exec", self.names[who], *argv, check=check)

    def start(self, who: str, *argv: str) -> subprocess.Popen[str]:
        """Start a program in a namespace; it ends with the bed."""
        command = ["ip", "netns", "exec", self.names[who], *argv]
        with (self.root / "stderr").open("ab") as errors:
            made = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        self.processes.append(made)
        return made

    def guard(self) -> subprocess.Popen[str]:
        """Start the guard and wait until it says how things stand."""
        made = self.start(TERMINAL, sys.executable, "-c", _GUARD, str(self.root))
        self.until((self.root / "run/guard.json").exists)
        return made

    def declare(self, text: str = DECLARED) -> None:
        """Write guard.toml, whole."""
        beside = self.root / "guard.new"
        beside.write_text(text, "utf-8")
        beside.replace(self.root / "guard.toml")

    def state(self) -> dict[str, Any]:
        """Give what the guard says of itself."""
        told: dict[str, Any] = json.loads((self.root / "run/guard.json").read_text("utf-8"))
        return told

    def wrong(self) -> list[str]:
        """Give what the last round found, in English, or that there was none yet."""
        told = self.state()
        return ["no round yet"] if told["proof"] is None else [each["text"]["en"] for each in told["wrong"]]

    def records(self) -> list[dict[str, Any]]:
        """Give what the guard wants told."""
        return [json.loads(each.read_text("utf-8")) for each in sorted((self.root / "state/guard").glob("*.json"))]

    def kinds(self) -> list[str]:
        return [each["kind"] for each in self.records()]

    def rules(self) -> str:
        """Give the rules that the kernel has for the terminal."""
        return self.at(TERMINAL, "nft", "list", "table", "inet", "portseal", check=False)

    def reaches(self, target: str, port: int) -> bool:
        """Tell whether an application on the terminal gets a connection."""
        code = f"import socket; socket.create_connection(({target!r}, {port}), 1.5)"
        command = ["ip", "netns", "exec", self.names[TERMINAL], sys.executable, "-c", code]
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0

    def until(self, ready: Callable[[], bool], seconds: float = 45.0) -> None:
        """Wait until something is so."""
        ends = time.monotonic() + seconds
        while not ready():
            assert time.monotonic() < ends, f"it did not come: {self._said()}"
            time.sleep(0.1)

    def _said(self) -> str:
        state = self.root / "run/guard.json"
        return (state.read_text("utf-8") if state.exists() else "") + (self.root / "stderr").read_text("utf-8")[-2000:]


@contextmanager
def bed(root: Path) -> Iterator[Bed]:
    """Build the namespaces, and take them away again."""
    made = Bed(root, {who: f"ps{os.getpid()}{who[0]}" for who in (TERMINAL, SERVER, ROUTER, OUTSIDE)})
    for name in ("etc", "run", "state"):
        (root / name).mkdir()
    for name in ("proc", "sys"):
        (root / name).symlink_to(f"/{name}")
    made.declare()
    try:
        _build(made)
        for who, tcp, udp in ((SERVER, "8883", "123"), (OUTSIDE, "443", "53,123")):
            started = made.start(who, sys.executable, "-c", _ANSWERS, tcp, udp)
            assert started.stdout is not None
            assert started.stdout.readline() == "ready\n"
        yield made
    finally:
        for each in made.processes:
            each.send_signal(signal.SIGKILL)
            each.wait(10)
            if each.stdout is not None:
                each.stdout.close()
        for name in made.names.values():
            run("ip", "netns", "del", name, check=False)


def _build(made: Bed) -> None:
    for who, name in made.names.items():
        run("ip", "netns", "add", name)
        made.at(who, "ip", "link", "set", "lo", "up")
        # Duplicate address detection takes seconds, and nobody else is here.
        made.at(who, "sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0")
    for who in (TERMINAL, SERVER, OUTSIDE):
        run("ip", "-n", made.names[who], "link", "add", "eth0", "type", "veth", "peer", "name", f"to{who[0]}",
            "netns", made.names[ROUTER])  # fmt: skip
        made.at(ROUTER, "ip", "link", "set", f"to{who[0]}", "up")
        made.at(who, "ip", "link", "set", "eth0", "up")
    made.at(ROUTER, "ip", "link", "add", "site", "type", "bridge")
    made.at(ROUTER, "ip", "link", "set", "site", "up")
    for port in ("tot", "tos"):
        made.at(ROUTER, "ip", "link", "set", port, "master", "site")
    for who, link, *addresses in (
        (ROUTER, "site", "10.77.1.1/24", "fd00:77:1::1/64"), (ROUTER, "too", "198.18.0.1/24", "2001:2::1/64"),
        (TERMINAL, "eth0", "10.77.1.10/24", "fd00:77:1::10/64"), (SERVER, "eth0", "10.77.1.2/24", "fd00:77:1::2/64"),
        (OUTSIDE, "eth0", "198.18.0.2/24", "2001:2::2/64"),
    ):  # fmt: skip
        for address in addresses:
            made.at(who, "ip", "address", "add", address, "dev", link, "nodad") if ":" in address else made.at(
                who, "ip", "address", "add", address, "dev", link
            )
    made.at(ROUTER, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    made.at(OUTSIDE, "ip", "route", "add", "default", "via", "198.18.0.1")
    made.at(OUTSIDE, "ip", "-6", "route", "add", "default", "via", "2001:2::1")


def give_default_routes(made: Bed) -> None:
    """Give the terminal default routes by the router, as somebody would who wants the internet."""
    made.at(TERMINAL, "ip", "route", "add", "default", "via", "10.77.1.1")
    made.at(TERMINAL, "ip", "-6", "route", "add", "default", "via", "fd00:77:1::1")


def take_default_routes(made: Bed) -> None:
    """Take them away again."""
    made.at(TERMINAL, "ip", "route", "del", "default")
    made.at(TERMINAL, "ip", "-6", "route", "del", "default")

"""One emulated switch alone in a namespace, with real frames on its ports: for a vendor that the lab's site has not.

Ports p1, p2, … are cables whose far ends h1, h2, … are in a second namespace, where a test sends frames and listens.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.hosts import frames
from lab.net import environment, in_netns, ip_batch, kill, processes, quiet
from lab.switch.ovs import build_bridge
from lab.switch.ovsd import Daemons

_ALL = 3  # ETH_P_ALL
WAIT = 20.0


@dataclass(frozen=True)
class VendorBench:
    """A running switch."""

    netns: str
    hosts: str

    def connect(self) -> socket.socket:
        """Open a connection to its SSH port."""
        with in_netns(self.netns):
            return socket.create_connection(("127.0.0.1", 22), WAIT)

    def send(self, port: int, mac: str, ip: str = "", vlan: int | None = None) -> str:
        """Send one broadcast frame into a port: IPv4 when `ip` is given; give its mark. Without a link it is lost."""
        mark = os.urandom(6).hex()
        payload = frames.marked_payload("bench", mark)
        frame = frames.raw(mac, frames.BROADCAST, payload, vlan)
        if ip:
            frame = frames.udp((mac, ip), (frames.BROADCAST, "198.18.100.255"), 5005, payload, vlan)
        with closing(self._open(port)) as link, suppress(OSError):
            link.send(frame)
        return mark

    def arrives(self, sender: int, receiver: int, mac: str, ip: str = "") -> bool:
        """Tell whether a frame that is sent into one port comes out of another within two seconds."""
        with closing(self._open(receiver)) as link:
            mark = self.send(sender, mac, ip)
            deadline = time.monotonic() + 2.0
            while (left := deadline - time.monotonic()) > 0:
                if select.select([link], [], [], left)[0]:
                    heard = frames.heard(link.recv(2048))
                    if heard is not None and heard.mark == mark:
                        return True
        return False

    def comes_through(self, sender: int, receiver: int, mac: str, ip: str = "") -> bool:
        """Try until a frame arrives; False when none does in time (a port may still be learning)."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if self.arrives(sender, receiver, mac, ip):
                return True
        return False

    def _open(self, port: int) -> socket.socket:
        with in_netns(self.hosts):
            link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        link.bind((f"h{port}", _ALL))
        return link


@contextmanager
def vendor_bench(config: dict[str, Any], folder: Path) -> Iterator[VendorBench]:
    """Run a persona with a cable at each port until the block ends; `config` names its platform and ports p1, p2, …."""
    bench = VendorBench(f"portseal-t{os.getpid()}-sw", f"portseal-t{os.getpid()}-h")
    ip_batch([f"netns add {bench.netns}", f"netns add {bench.hosts}"])
    try:
        for name in (bench.netns, bench.hosts):
            quiet(name)
        numbers = range(1, len(config["ports"]) + 1)
        cables = [f"link add p{n} netns {bench.netns} type veth peer name h{n} netns {bench.hosts}" for n in numbers]
        ip_batch(cables)
        ip_batch([f"link set h{n} up" for n in numbers], bench.hosts)
        ip_batch(["link set lo up", *(f"link set p{n} up" for n in numbers)], bench.netns)
        daemons = Daemons(folder / "ovs", folder / "ovs/conf.db", bench.netns)
        daemons.start()
        build_bridge(daemons.db, "br0", [f"p{n}" for n in numbers])
        bridge = {"db": daemons.db, "rundir": str(daemons.rundir), "name": "br0"}
        settings = {**config, "ssh_port": 22, "snmp_port": 161, "bridge": bridge, "state": str(folder / "startup.json")}
        path = folder / "persona.json"
        path.write_text(json.dumps(settings), encoding="utf-8")
        with _persona(bench.netns, path):
            yield bench
    finally:
        kill(processes(f"portseal-t{os.getpid()}-"))
        ip_batch([f"netns del {bench.netns}", f"netns del {bench.hosts}"])


@contextmanager
def _persona(netns: str, path: Path) -> Iterator[None]:
    argv = ["ip", "netns", "exec", netns, sys.executable, "-m", "lab.switch.persona", str(path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline(), "the persona did not start"
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)

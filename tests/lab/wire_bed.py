"""Two ends of a cable between two network namespaces: frames are sent at one, the packet watch is at the other."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from controller.context import Context, open_context
from controller.store.inventory import add_device, bind
from controller.watch.lines import Event, Sighting, Status
from controller.watch.watch import Watch
from lab.net import in_netns, ip_batch, quiet
from policies.model import Binding, Device, DeviceRole
from tests.unit.watch_frames import IPS, ROLES

WAIT_S = 20.0
SITE = """
[site]
name = "demo"
[vlans.face]
id = 100
purpose = "face"
[switches.sw1]
platform = "cisco_ios"
host = "192.0.2.1"
ports = ["Gi0/1-24"]
uplinks = ["Gi0/24"]
[watch]
networks = ["10.7.0.0/24"]
[watch.peers.platform]
networks = ["10.9.0.0/29"]
"""


class Bed:
    """A site folder, a cable `near` (watched) to `far`, and a socket that sends at its far end."""

    def __init__(self, folder: Path, name: str, context: Context) -> None:
        self.folder, self.context = folder, context
        self.near, self.far = f"{name}n", f"{name}f"
        with in_netns(self.far):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
            self._socket.bind(("far", 0))
        self.seen: list[Event] = []

    def close(self) -> None:
        self._socket.close()

    def send(self, *frames: bytes) -> None:
        for frame in frames:
            self._socket.send(frame)

    @contextmanager
    def watching(self, *interfaces: str) -> Iterator[Watch]:
        """Watch in the near namespace; what was seen before is forgotten."""
        self.seen = []
        made = Watch(self.context, interfaces or ("near",))
        with ExitStack() as stack:
            with in_netns(self.near):
                stack.enter_context(made)
            yield made

    def until(self, watch: Watch, wanted: Callable[[Event], bool]) -> Event:
        """Wait for an event, among those that came already too."""
        deadline = time.monotonic() + WAIT_S
        while True:
            for event in self.seen:
                if wanted(event):
                    return event
            assert time.monotonic() < deadline, self.seen
            self.seen += watch.events(0.2)

    def last(self, watch: Watch) -> Status:
        """Stop the watch; what it said last is kept, and its counters given."""
        self.seen += watch.stop()
        return next(event for event in reversed(self.seen) if isinstance(event, Status))

    def sightings(self) -> list[Sighting]:
        return [event for event in self.seen if isinstance(event, Sighting)]

    def portseal(self, *arguments: str, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start the command line in the near namespace."""
        code = "from controller.cli.main import main; main()"
        program = [*before, sys.executable, "-c", code, "--site", str(self.folder), *arguments]
        with in_netns(self.near):
            return subprocess.Popen(
                program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "PORTSEAL_LANG": "en"},
            )  # fmt: skip


@contextmanager
def bed(folder: Path) -> Iterator[Bed]:
    """Lay the cable, make the site with its devices, and take both away."""
    name = f"psw{os.getpid()}{folder.name[-6:]}"
    folder.mkdir(exist_ok=True)
    (folder / "site.toml").write_text(SITE, "utf-8")
    with ExitStack() as stack:
        for end in ("n", "f"):
            ip_batch([f"netns add {name}{end}"])
            stack.callback(ip_batch, [f"netns del {name}{end}"], force=True)
            quiet(f"{name}{end}")
        ip_batch([f"link add near netns {name}n type veth peer name far netns {name}f"])
        ip_batch(["link set near up"], f"{name}n")
        ip_batch(["link set far up"], f"{name}f")
        context = stack.enter_context(open_context(folder, actor="test"))
        for number, (mac, ip) in enumerate(IPS.items(), 1):
            device = Device(ROLES[mac] + mac[-2:], DeviceRole(ROLES[mac]), mac, ip)
            add_device(context.store, device)
            bind(context.store, Binding(device.name, "sw1", f"GigabitEthernet0/{number}", 100))
        made = Bed(folder, name, context)
        stack.callback(made.close)
        yield made

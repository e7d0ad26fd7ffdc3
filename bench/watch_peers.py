"""What the packet watch is measured beside, each a process on the near end of a cable: scapy, arpwatch, a ring in C."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.net import in_netns, ip_batch, quiet, run
from policies.watch.rules import Known, Rules, dump

HERE = Path(__file__).parent
DEVICES = 500
RECORDER = ("02:00:00:00:ff:01", "10.7.255.1")
#: Scapy as its documentation starts it, and with the kernel's filter of the watch in front.
SCAPY = """
import sys
from scapy.all import sniff, conf
conf.verb = 0
seen = {}
def look(frame):
    seen[frame.src] = seen.get(frame.src, 0) + 1
socket = conf.L2listen(iface="near")
if len(sys.argv) > 1:
    import ctypes, struct
    program = bytes.fromhex(sys.argv[1])
    held = ctypes.create_string_buffer(program)
    socket.ins.setsockopt(1, 26, struct.pack("@HP", len(program) // 8, ctypes.addressof(held)))
import select
print("ready", flush=True)
sniff(opened_socket=[socket], store=False, prn=look, stop_filter=lambda _: False, timeout=float(sys.stdin.readline()))
print(sum(seen.values()), flush=True)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: frames sent and seen, of them those of unknown MACs, CPU seconds of the receiver, and its losses."""

    sent: int
    strange: int
    seconds: float
    seen: int
    cpu: float
    lost: int = 0

    @property
    def missing(self) -> float:
        """The part that was not seen."""
        return 1 - self.seen / self.sent if self.sent else 0.0


@dataclass(frozen=True, slots=True)
class Cable:
    """The two namespaces, and the programs that were compiled for the run."""

    near: str
    far: str
    folder: Path

    def start(self, *argv: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        """Start a receiver; it says a line when it is ready."""
        with in_netns(self.near):
            return subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env
            )

    def send(self, rate: float, seconds: float, *, unknown: int = 0, kind: str = "udp") -> tuple[int, int, float]:
        """Send at a rate; gives how many frames, how many of unknown MACs, and how long it took."""
        with in_netns(self.far):
            said = run([str(self.folder / "gen"), "far", str(rate), str(seconds), str(DEVICES), str(unknown), kind])
        sent, strange, took = said.split()
        return int(sent), int(strange), float(took)


@contextmanager
def cable() -> Iterator[Cable]:
    """Lay a cable between two namespaces and compile the generator and the ring."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("gen", "ring"):
            run(["gcc", "-O2", "-o", str(folder / name), str(HERE / f"watch_{name}.c")])
        name = f"psb{os.getpid()}"
        for end in ("n", "f"):
            ip_batch([f"netns add {name}{end}"])
            stack.callback(ip_batch, [f"netns del {name}{end}"], force=True)
            quiet(f"{name}{end}")
        ip_batch([f"link add near netns {name}n type veth peer name far netns {name}f"])
        ip_batch(["link set near up"], f"{name}n")
        ip_batch(["link set far up"], f"{name}f")
        yield Cable(f"{name}n", f"{name}f", folder)


def rules(*, with_ip: bool) -> Rules:
    """Give the devices that the generator speaks for; without their IPs the filter lets all they send pass."""
    devices = [
        Known(
            f"d{number}", "camera", f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}",
            f"10.7.{number >> 8}.{number & 255}" if with_ip else None,
        )
        for number in range(1, DEVICES + 1)
    ]  # fmt: skip
    recorder = Known("recorder", "recorder", *RECORDER)
    return Rules((*devices, recorder), ("10.7.0.0/16",))


def ours(at: Cable, with_ip: bool, work: Callable[[], tuple[int, int, float]]) -> tuple[Run, dict[str, Any]]:
    """Run the watch's child while `work` sends; gives the run and its last status."""
    nowhere = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"), "/dev/null/none")
    process = at.start(sys.executable, "-m", "controller.watch.child", env={"PATH": "/usr/bin:/bin", **nowhere})
    assert process.stdin is not None
    assert process.stdout is not None
    made = rules(with_ip=with_ip)
    kept = {each.mac: {"ttl_udp": "64", "ttl_tcp": "64"} for each in made.devices}
    process.stdin.write(json.dumps({"interfaces": ["near"], "rules": dump(made), "kept": kept}) + "\n")
    process.stdin.flush()
    process.stdout.readline()
    said: list[str] = []
    listening = threading.Thread(target=said.extend, args=(process.stdout,))
    listening.start()
    before = cpu(process.pid)
    sent, strange, took = work()
    time.sleep(0.3)
    used = cpu(process.pid) - before
    process.stdin.close()
    listening.join()
    process.wait()
    lines = [json.loads(line) for line in said]
    status = next(line for line in reversed(lines) if line["event"] == "status")
    unknown = sum(line["count"] for line in _latest(lines) if line["kind"] == "unknown_mac")
    seen = unknown if with_ip else status["read"]
    return Run(sent, strange, took, seen, used, status["interfaces"][0]["lost"]), status


def _latest(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = {
        (line["kind"], line["mac"], line["ip"], line["other"]): line for line in lines if line["event"] == "sighting"
    }
    return list(found.values())


def ring(at: Cable, work: Callable[[], tuple[int, int, float]]) -> Run:
    """Run the ring in C while `work` sends."""
    process = at.start(str(at.folder / "ring"), "near")
    assert process.stdout is not None
    process.stdout.readline()
    before = cpu(process.pid)
    sent, strange, took = work()
    time.sleep(0.3)
    used = cpu(process.pid) - before
    out, _ = process.communicate()
    seen, lost, _ = out.split()
    return Run(sent, strange, took, int(seen), used, int(lost))


def scapy(at: Cable, seconds: float, work: Callable[[], tuple[int, int, float]], program: bytes = b"") -> Run:
    """Run scapy's sniff while `work` sends; it stops by itself when nothing more can come."""
    process = at.start(sys.executable, "-c", SCAPY, *([program.hex()] if program else []))
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.readline()
    process.stdin.write(f"{seconds + 1.5}\n")
    process.stdin.flush()
    time.sleep(0.3)
    before = cpu(process.pid)
    sent, strange, took = work()
    time.sleep(0.5)
    used = cpu(process.pid) - before
    out, _ = process.communicate()
    return Run(sent, strange, took, int(out), used)


def arpwatch(at: Cable, work: Callable[[], tuple[int, int, float]]) -> Run | None:
    """Run arpwatch, which has learned the hosts in a first round; None when it is not installed."""
    path = shutil.which("arpwatch", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if path is None:
        return None
    data = at.folder / "arp.dat"
    data.touch()
    ip_batch(["addr add 10.7.255.254/16 dev near"], at.near)  # it watches no interface without one
    with in_netns(at.near), Path(os.devnull).open("w", encoding="ascii") as nowhere:
        argv = [path, "-d", "-N", "-Q", "-i", "near", "-f", str(data)]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=nowhere, stderr=nowhere)
    time.sleep(1.0)
    at.send(5_000, 1.0, kind="arp")
    time.sleep(1.0)
    before = cpu(process.pid)
    sent, strange, took = work()
    time.sleep(0.3)
    used = cpu(process.pid) - before
    process.terminate()
    process.wait()
    known = len(data.read_text("ascii").splitlines())
    assert known >= DEVICES, f"arpwatch has learned {known} hosts only"
    return Run(sent, strange, took, sent, used)


def cpu(pid: int) -> float:
    """Give the CPU seconds that a process has used, its user and system time."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

"""The agent at rest and at work: memory, CPU, grant to authorised (simulated bus, QEMU), a hub with 16 devices."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.control import SOCKET, ask
from agent.usb.enforce import Enforcer
from agent.usb.events import Moment
from agent.usb.gate import decide
from agent.usb.sysfs import Usb
from bench.result import Line, most
from lab.terminal import api
from lab.terminal.gadget import OUTER, plug_hubs
from lab.terminal.guest import build
from lab.terminal.machine import Machine
from lab.terminal.sealed import COPY, LAB_KEY, NAME, SITE, Sealed, make_grant
from policies.errors import PortsealError
from policies.grants import sign
from policies.usb import HID, HUB, STORAGE, Scope
from tests.unit.usb_tree import Tree

DEVICES, REST_S = 20, 20.0
STICK = [(0, "08", "06", "50")]


def measure() -> Iterator[Line]:
    """Measure on plain files first, then on a real kernel's USB where this machine can run a guest."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        tree = _tree(root)
        with _agent(root) as process:
            yield from _at_rest(process)
            yield most("grant received to authorised, simulated bus", 1000 * _grant(root, tree), 50, "ms")
    yield most("one pass over 16 devices behind two hubs", 1000 * _pass(), 20, "ms")
    try:
        api.requirements()
    except PortsealError as error:
        yield Line(f"QEMU: not measured ({error})")
        return
    yield from _in_qemu()
    yield from _hub_in_qemu()


def _tree(root: Path) -> Tree:
    tree = Tree(root / "sys", parameter="0")
    tree.bus("usb1", "pci0000:00/0000:00:14.0", "2.00")
    for number in range(1, DEVICES + 1):
        tree.plug(f"1-{number}", "0781", "5567", STICK, serial=str(number), devnum=number + 1)
        tree.interfaces(f"1-{number}")  # the kernel would make them at once; plain files do not
    return tree


@contextmanager
def _agent(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the agent as a process of its own on the tree at `root`."""
    (root / "etc").mkdir()
    (root / "etc/grant.pub").write_bytes(LAB_KEY.public.to_pem())
    (root / "etc/agent.toml").write_text(
        f'site = "{SITE}"\nterminal = "{NAME}"\nstate = "{root}/state"\nrun = "{root}/run"\n', "utf-8"
    )
    code = "import sys; from pathlib import Path; from agent.loop import serve; serve(*map(Path, sys.argv[1:]))"
    command = [sys.executable, "-c", code, str(root / "etc"), str(root / "sys")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            ends = time.monotonic() + 30
            while not (root / "run" / SOCKET).exists() and time.monotonic() < ends:
                time.sleep(0.05)
            ask(root / "run" / SOCKET, {"do": "status"})
            yield process
        finally:
            process.terminate()


def _at_rest(process: subprocess.Popen[bytes]) -> Iterator[Line]:
    time.sleep(3.0)
    before = _cpu(process.pid)
    time.sleep(REST_S)
    used = _cpu(process.pid) - before
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    resident = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    yield most(f"idle agent, {DEVICES} devices: memory", resident / 1024, 40, "MB")
    yield most(f"idle agent, {DEVICES} devices: CPU", 100 * used / REST_S, 0.5, "%")


def _cpu(pid: int) -> float:
    """Give the CPU seconds of a process so far."""
    return _cpu_of(Path(f"/proc/{pid}/stat").read_text("ascii"))


def _cpu_of(stat: str) -> float:
    fields = stat.rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _grant(root: Path, tree: Tree) -> float:
    told = ask(root / "run" / SOCKET, {"do": "status"})
    token = sign(make_grant(told, COPY, 60, told["counter"] + 1), LAB_KEY)
    started = time.perf_counter()
    answer = ask(root / "run" / SOCKET, {"do": "grant", "token": token})
    taken = time.perf_counter() - started
    assert answer["ok"], answer
    assert sum(tree.written(f"1-{number}/authorized") == "1" for number in range(1, DEVICES + 1)) == 1
    return taken


def _pass() -> float:
    """Time passes in which nothing changes: what the agent does every second."""
    with tempfile.TemporaryDirectory() as name:
        tree = Tree(Path(name) / "sys", parameter="0")
        tree.bus("usb1", "pci0000:00/0000:00:14.0", "2.00")
        hub = [(0, "09", "00", "00")]
        tree.plug("1-1", "05e3", "0608", hub, device_class="09", devnum=2)
        tree.plug("1-1.1", "05e3", "0608", hub, device_class="09", devnum=3)
        for number in range(2, 9):
            tree.plug(f"1-1.{number}", "0781", "5567", STICK, serial=f"a{number}", devnum=number + 2)
            tree.plug(f"1-1.1.{number - 1}", "0781", "5567", STICK, serial=f"b{number}", devnum=number + 12)
        enforcer = Enforcer(Usb(tree.root), decide)
        enforcer.run_pass((), (), Moment(0.0, "boot"))
        times = []
        for number in range(1, 60):
            started = time.perf_counter()
            enforcer.run_pass((), (), Moment(float(number), "boot"))
            times.append(time.perf_counter() - started)
        return sorted(times)[len(times) // 2]


def _in_qemu() -> Iterator[Line]:
    with Sealed.restore(Machine(build())) as sealed:
        guest = sealed.guest
        guest.plug("usb-storage", "stick", "1", drive=guest.disk("stick"), serial="S-1")
        guest.until(lambda: "2-1" in sealed.devices())
        done = sealed.swipe(seconds=60)
        assert done["ok"], done
        events = {each.kind: each for each in sealed.events()}
        taken = events["usb.opened"].uptime_ms - events["lease.opened"].uptime_ms
        yield Line(f"QEMU (emulated CPU): lease durable to authorised and told: {taken} ms")


def _hub_in_qemu() -> Iterator[Line]:
    """Two hubs with fourteen devices on a real kernel: one swipe opens all sixteen, a relock shuts them."""
    everything = Scope(("*",), (STORAGE, HID, HUB), 16, "maintenance")
    with Sealed.restore(Machine(build())) as sealed:
        guest = sealed.guest
        plug_hubs(guest)
        guest.until(lambda: OUTER in sealed.devices())
        answer = sealed.swipe(everything, 300)
        assert answer["ok"], answer
        guest.until(lambda: len(_told(sealed, "usb.opened")) == 16, 120)
        # A hub takes its time before what is behind it is there: the kernel's, and the emulator's.
        taken = _told(sealed, "usb.opened")[-1] - _told(sealed, "lease.opened")[0]
        yield Line(f"QEMU (emulated CPU): hub with 16 devices, lease durable to the last one opened: {taken} ms")
        yield from _settled_in_qemu(sealed)
        started = guest.uptime()
        sealed.talk({"do": "relock"})
        guest.until(lambda: not any(each["allowed"] for each in sealed.devices().values()), 60)
        taken = round(1000 * (guest.uptime() - started))
        yield Line(f"QEMU (emulated CPU): hub with 16 devices, relock asked to all of it shut: {taken} ms")


def _settled_in_qemu(sealed: Sealed) -> Iterator[Line]:
    guest, process = sealed.guest, sealed.guest.read("/run/agent.pid")
    before = _cpu_of(guest.read(f"/proc/{process}/stat")), guest.uptime()
    time.sleep(REST_S)
    used, passed = _cpu_of(guest.read(f"/proc/{process}/stat")) - before[0], guest.uptime() - before[1]
    yield Line(f"QEMU (emulated CPU): idle agent, hub with 16 devices: CPU {100 * used / passed:.2f} %")


def _told(sealed: Sealed, kind: str) -> list[int]:
    """Give when the events of a kind were told, in milliseconds since the guest's start."""
    return [each.uptime_ms for each in sealed.events() if each.kind == kind]

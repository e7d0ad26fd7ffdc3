"""A thousand terminals at one controller: at rest, and after every connection was cut at once."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.result import Line, most
from controller.broker.files import authority, row_of
from controller.context import open_context
from controller.store.certificates import put_certificate
from policies.codec import moment_of
from policies.messages.identities import Identity, Role
from tests.replay.serve_bench import Site

COUNT, PROCESSES = 1000, 2
#: What systemd and shells let a process open unless told otherwise.
FILES = 1024
#: Seconds of rest that are measured, and until everybody must be there.
REST, PATIENCE = 20.0, 120.0
BACK_S, MEMORY_MB = 5.0, 150.0

#: Who → process and seconds of CPU.
_Worked = dict[str, tuple[int, float]]
_WHOLE = "the machine"


def measure() -> Iterator[Line]:
    """Connect all, let them rest, then cut them twice."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with contextlib.closing(_site()) as site, tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _enrol(site, folder)
        site.start()
        with contextlib.ExitStack() as stack:
            began = time.time()
            fleet = [stack.enter_context(_playing(site, folder, number)) for number in range(PROCESSES)]
            yield Line(f"{COUNT} terminals, all of them new: there after {_back(site, fleet, began):.1f} s")
            yield _rest(site, fleet)
            yield from _storm(site, fleet, "the broker is killed", lambda: os.kill(site.broker, signal.SIGKILL))
            time.sleep(5.0)
            yield from _storm(site, fleet, "every connection breaks", lambda: None, "x")
            yield most("the controller's memory after it", _status(site.pid, "VmRSS"), MEMORY_MB, "MB")
            yield most("and at its most", _status(site.pid, "VmHWM"), MEMORY_MB, "MB")


def _site() -> Site:
    more = "".join(
        f'[terminals.T{number}]\nplatform = "linux"\nagent = true\nplace = "room {number}"\nowner = "security"\n'
        for number in range(2, COUNT + 1)
    )
    return Site(more)


def _enrol(site: Site, folder: Path) -> None:
    """Give every terminal its certificate, as the controller issues them, and the controller their rows."""
    now = datetime.now(UTC)
    with open_context(site.folder) as context:
        vouching = authority(context)
        (folder / "ca.pem").write_bytes(vouching.certificate)
        with context.store.transaction() as connection:
            for number in range(1, COUNT + 1):
                identity = Identity(Role.TERMINAL, f"T{number}")
                key, issued = vouching.issue_own(identity, now)
                put_certificate(connection, row_of(issued, now))
                (folder / f"{identity}.pem").write_bytes(issued.pem + key)


@dataclass(frozen=True, slots=True)
class _Fleet:
    """A process that plays some of the terminals."""

    process: subprocess.Popen[str]

    def ask(self, word: str = "?") -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(word)
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found


@contextlib.contextmanager
def _playing(site: Site, folder: Path, number: int) -> Iterator[_Fleet]:
    share = COUNT // PROCESSES
    command = [sys.executable, "-m", "bench.fleet", *map(str, (site.port, folder, 1 + number * share, share))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield _Fleet(process)
        process.kill()


def _storm(site: Site, fleet: list[_Fleet], what: str, cut: Callable[[], None], word: str = "?") -> Iterator[Line]:
    """Cut all connections; time until the controller has heard every terminal again, and count who worked how much."""
    before = _worked(site, fleet)
    began = time.time()
    cut()
    for each in fleet:
        each.ask(word)
    seconds = _back(site, fleet, began)
    after = _worked(site, fleet)
    yield most(f"{what}: all {COUNT} heard again after", seconds, BACK_S, "s")
    used = ", ".join(f"{name} {spent:.1f} s" for name, spent in _spent(before, after).items())
    yield Line(f"CPU meanwhile: {used}")


def _back(site: Site, fleet: list[_Fleet], began: float) -> float:
    """Give seconds from `began` until the controller had heard every terminal's status after it."""
    ends = time.monotonic() + PATIENCE
    while True:
        if sum(each.ask()["up"] for each in fleet) == COUNT:
            told = site.ask(do="terminals")
            heard = [moment_of(at).timestamp() for at in told["heard"].values() if at]
            if len(heard) == COUNT and min(heard) > began and all(told["online"].values()):
                return max(heard) - began
        if time.monotonic() > ends:
            raise SystemExit(f"they do not come back: {[each.ask() for each in fleet]}\n{site.printed()}")
        time.sleep(0.1)


def _rest(site: Site, fleet: list[_Fleet]) -> Line:
    before = _worked(site, fleet)
    time.sleep(REST)
    after = _worked(site, fleet)
    used = ", ".join(f"{name} {spent / REST:.1%}" for name, spent in _spent(before, after).items())
    return Line(f"at rest, of one core: {used}")


def _spent(before: _Worked, after: _Worked) -> dict[str, float]:
    """Give seconds of CPU between two looks; a broker that was started meanwhile began with none."""
    found = {
        name: seconds - (before[name][1] if before[name][0] == process else 0.0)
        for name, (process, seconds) in after.items()
    }
    whole = found.pop(_WHOLE)
    return found | {"others on this machine": whole - sum(found.values())}


def _worked(site: Site, fleet: list[_Fleet]) -> _Worked:
    """Give the process and seconds of CPU of each side since it began, and of the whole machine."""
    broker = site.broker
    found = {
        "controller": (site.pid, _cpu(site.pid)),
        "broker": (broker, _cpu(broker)),
        "terminals (played)": (0, sum(each.ask()["cpu"] for each in fleet)),
    }
    return found | {_WHOLE: (0, _all())}


def _all() -> float:
    """Give seconds of CPU that this machine has worked: all of the first line but idle and iowait (proc(5))."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
    return sum(int(each) for number, each in enumerate(words) if number not in (3, 4)) / os.sysconf("SC_CLK_TCK")


def _cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _status(pid: int, member: str) -> float:
    text = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(text.partition(f"{member}:")[2].split()[0]) / 1024

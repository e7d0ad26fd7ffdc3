"""What this machine uses of a USB device's storage, and giving it back before the device is refused.

A device that is refused while it is mounted loses what was not written yet, so a relock unmounts first, and only for so
long: a busy file, a slow stick or a hung kernel call never keeps a port open. Everything that may hang runs in a child
that is abandoned at the deadline (a task in the kernel's D state cannot even be killed).

It must run in the mount namespace of PID 1. A systemd unit with ProtectSystem=, PrivateTmp= and their like has a
namespace of its own, a slave of the host's: an unmount on the host arrives there, one made there stays there, the file
system stays mounted. So the hardened units ask (`ask`) a helper without such options, which a socket starts.
Formats: Linux, Documentation/filesystems/proc.rst (mountinfo), Documentation/ABI/stable/sysfs-block, umount(2).
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.usb import release_calls as calls
from agent.usb.mounts import Mount, dead, read_mounts, unescape
from policies.errors import InputError
from policies.texts import t

#: Where the helper listens; only root may connect.
SOCKET = Path("/run/portseal-unmount.sock")
#: A request may not hold the port open for longer than this, in seconds.
LONGEST = 30.0
#: What the second, lazy attempt may take, in seconds: it waits for nothing unless the kernel hangs.
_LAZY_SECONDS = 2.0
_TICK = 0.05
_NAME = re.compile(r"[0-9]{1,4}-[0-9]{1,3}(?:\.[0-9]{1,3}){0,6}")


class Outcome(StrEnum):
    """How storage was given back: all written and closed; cut off while in use; still in use, or nobody could tell."""

    CLEAN = "clean"
    LAZILY = "lazily"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Released:
    """What became of a device's storage; after anything but `clean` data may be lost. `mounts` are the mount points."""

    outcome: Outcome
    mounts: tuple[str, ...] = ()
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """Where the kernel shows the machine; `pid` is the process whose mounts count (1: the host's namespace)."""

    sysfs: Path = Path("/sys")
    proc: Path = Path("/proc")
    dev: Path = Path("/dev")
    pid: str = "1"


@dataclass(frozen=True, slots=True)
class Use:
    """What the machine has of a device: its block devices, those built on them (topmost last), mounts, swaps.

    `mounts` are in the order in which they can be undone: what stands on another one comes first.
    """

    blocks: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    swaps: tuple[bytes, ...] = ()


def is_device_name(name: str) -> bool:
    """Tell whether `name` is a kernel name of a USB device below a root hub (2-1.4): never a path, never a root hub."""
    return _NAME.fullmatch(name) is not None


def in_use(name: str, host: Host = Host()) -> Use:
    """Tell what the machine uses of the USB device `name`, everything behind it included when it is a hub.

    Follows partitions, device-mapper (LUKS, LVM), md, and loop devices over files on a mount of it, to the end.
    A device without storage, or one that has left, has an empty use. Raises InputError for a broken mount table.
    """
    if not is_device_name(name):
        raise InputError(t("{name} is no USB device", name=name))
    blocks = _blocks_below((host.sysfs / "bus/usb/devices" / name).resolve(), host)
    if not blocks:
        return Use()
    table = read_mounts((host.proc / host.pid / "mountinfo").read_bytes())
    known = _held_by(blocks, host)
    while True:
        mounts = _mounts_on(known, table, host)
        loops = [each for each in _loops(known, mounts, host) if each not in known]
        if not loops:
            break
        known = _held_by((*known, *loops), host)
    holders = tuple(each for each in known if each not in blocks)
    return Use(blocks, holders, mounts, _swaps(known, mounts, host))


def writable(name: str, host: Host = Host()) -> tuple[str, ...]:
    """Name the block devices of `name` that the kernel lets be written: empty when a read-only lease is kept."""
    blocks = _blocks_below((host.sysfs / "bus/usb/devices" / name).resolve(), host)
    return tuple(each for each in blocks if _text(host.sysfs / "class/block" / each / "ro") != "1")


def release(name: str, seconds: float, host: Host = Host()) -> Released:
    """Write out and unmount what is used of `name` within `seconds`, then cut loose what is still busy.

    For a process with one thread (it forks). It returns soon after the deadline whatever hangs, and raises nothing
    that a device could cause: what cannot be read or done is `failed`.
    """
    ends = time.monotonic() + min(max(seconds, 0.0), LONGEST)
    try:
        use = in_use(name, host)
        points = tuple(os.fsdecode(each.point) for each in use.mounts)
        if not use.blocks:
            return _too_late(host)
        if in_a_namespace_of_its_own(host):
            return Released(Outcome.FAILED, points, "this process has a mount namespace of its own")
        if _in_child(lambda: _tidy(name, use, ends, host), ends):
            return Released(Outcome.CLEAN, points)
        _in_child(lambda: _detach(use, host), time.monotonic() + _LAZY_SECONDS)
        after = in_use(name, host)
    except (OSError, InputError) as error:
        return Released(Outcome.FAILED, (), str(error)[:200])
    if after.mounts or after.swaps:
        return Released(Outcome.FAILED, points, "still mounted")
    return Released(Outcome.LAZILY, points, "it was busy at the deadline")


def _too_late(host: Host) -> Released:
    """Take away what a disk left mounted that went before it was given back: whoever asked did not wait any longer."""
    present = {each.name for each in _entries(host.sysfs / "class/block")}
    left = dead(read_mounts((host.proc / host.pid / "mountinfo").read_bytes()), present)
    if not left or in_a_namespace_of_its_own(host):
        return Released(Outcome.CLEAN)
    points = tuple(os.fsdecode(each.point) for each in left)
    _in_child(lambda: _detach(Use(mounts=left), host), time.monotonic() + _LAZY_SECONDS)
    return Released(Outcome.LAZILY, points, "its disk was gone already")


def in_a_namespace_of_its_own(host: Host) -> bool:
    """Tell whether this process sees other mounts than those that count.

    Compares mount ids, which no two namespaces share: reading the link in /proc/1/ns needs rights the helper has not.
    """
    theirs, ours = (
        {each.ident for each in read_mounts((host.proc / pid / "mountinfo").read_bytes())} for pid in (host.pid, "self")
    )
    return theirs.isdisjoint(ours)


def ask(name: str, devnum: int, seconds: float, path: Path = SOCKET) -> Released:
    """Let the helper release `name`, as long as it still is the enumeration `devnum`.

    Comes back within `seconds` and a little; no helper, no answer or a strange one is `failed`.
    """
    request = json.dumps({"v": 1, "device": name, "devnum": devnum, "seconds": seconds}).encode() + b"\n"
    ends = time.monotonic() + seconds + 2 * _LAZY_SECONDS
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as link:
            link.settimeout(seconds + 2 * _LAZY_SECONDS)
            link.connect(os.fspath(path))
            link.sendall(request)
            answer = b""
            while not answer.endswith(b"\n") and len(answer) < 1 << 16 and (left := ends - time.monotonic()) > 0:
                link.settimeout(left)
                if not (piece := link.recv(4096)):
                    break
                answer += piece
        told = json.loads(answer)
        points = tuple(str(each) for each in told["mounts"])
        return Released(Outcome(told["outcome"]), points, str(told["detail"])[:200])
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        return Released(Outcome.FAILED, (), f"the unmount helper: {error}"[:200])


def answer_one(request: bytes, host: Host = Host()) -> bytes:
    """Do what one request of `ask` says and give the answer's line."""
    try:
        name, devnum, seconds = _request(request)
    except (ValueError, TypeError, KeyError, RecursionError):
        done = Released(Outcome.FAILED, (), "not a request")
    else:
        if _text(host.sysfs / "bus/usb/devices" / name / "devnum") == str(devnum):
            done = release(name, seconds, host)
        else:
            done = Released(Outcome.CLEAN, (), "it has left")
    told = {"v": 1, "outcome": done.outcome, "mounts": done.mounts, "detail": done.detail}
    return json.dumps(told, ensure_ascii=True).encode() + b"\n"


def _request(line: bytes) -> tuple[str, int, float]:
    told = json.loads(line)
    name, devnum, seconds = told["device"], told["devnum"], told["seconds"]
    if told["v"] != 1 or not isinstance(name, str) or not is_device_name(name) or type(devnum) is not int:
        raise ValueError
    if type(seconds) not in (int, float) or not math.isfinite(seconds):
        raise ValueError
    return name, devnum, seconds


def main(read: int = 0, write: int = 1) -> int:
    """Answer one request that arrives on `read`; the exit code is 0, the answer tells the rest."""
    request = b""
    while not request.endswith(b"\n") and len(request) < 4096 and (piece := os.read(read, 4096)):
        request += piece
    answer = answer_one(request)
    try:
        os.write(write, answer)
    except OSError:
        # Whoever asked has gone; the work is done all the same.
        return 0
    return 0


def _blocks_below(folder: Path, host: Host) -> tuple[str, ...]:
    """Name the disks and partitions whose place in sysfs is below the USB device's folder."""
    below = os.fspath(folder) + os.sep
    return tuple(
        sorted(
            each.name for each in _entries(host.sysfs / "class/block") if os.fspath(each.resolve()).startswith(below)
        )
    )


def _held_by(names: Iterable[str], host: Host) -> tuple[str, ...]:
    """Give `names`, their partitions and what is built on any of them, what is built on another one later."""
    found = list(dict.fromkeys(names))
    for name in found:
        folder = host.sysfs / "class/block" / name
        above = [each.name for each in _entries(folder / "holders")]
        above += [each.name for each in _entries(folder) if (each / "partition").exists()]
        found += [each for each in above if each not in found]
    return tuple(found)


def _mounts_on(names: tuple[str, ...], table: tuple[Mount, ...], host: Host) -> tuple[Mount, ...]:
    """Give the mounts of these block devices and all that stands on them, deepest first."""
    numbers = {_text(host.sysfs / "class/block" / each / "dev") for each in names} - {""}
    # btrfs and FUSE show a made-up number: there the source's name tells, and btrfs' list of the file system's disks.
    sources = {os.fsencode(f"/dev/{path}") for each in _with_btrfs(names, host) for path in _nodes(each, host)}
    taken = {each.ident: each for each in table if each.device in numbers or each.source in sources}
    grown = True
    while grown:
        above = [each for each in table if each.parent in taken and each.ident not in taken]
        taken |= {each.ident: each for each in above}
        grown = bool(above)

    def depth(mount: Mount) -> int:
        steps, seen = 0, {mount.ident}
        while (below := taken.get(mount.parent)) is not None and below.ident not in seen:
            steps, mount = steps + 1, below
            seen.add(mount.ident)
        return steps

    return tuple(sorted(taken.values(), key=lambda each: (depth(each), each.ident), reverse=True))


def _with_btrfs(names: tuple[str, ...], host: Host) -> set[str]:
    found = set(names)
    for system in _entries(host.sysfs / "fs/btrfs"):
        disks = {each.name for each in _entries(system / "devices")}
        if disks & found:
            found |= disks
    return found


def _nodes(name: str, host: Host) -> list[str]:
    """Give the names under /dev that a mount table may show for a block device."""
    mapped = _text(host.sysfs / "class/block" / name / "dm/name")
    return [name.replace("!", "/"), *([f"mapper/{mapped}"] if mapped else [])]


def _loops(names: tuple[str, ...], mounts: tuple[Mount, ...], host: Host) -> list[str]:
    """Name the loop devices over a file on one of these mounts, or over one of these block devices."""
    nodes = {os.fsencode(f"/dev/{path}") for each in names for path in _nodes(each, host)}
    found = []
    for each in _entries(host.sysfs / "class/block"):
        try:
            behind = (each / "loop/backing_file").read_bytes().rstrip(b"\n")
        except OSError:
            continue
        if behind in nodes or any(behind.startswith(mount.point.rstrip(b"/") + b"/") for mount in mounts):
            found.append(each.name)
    return found


def _swaps(names: tuple[str, ...], mounts: tuple[Mount, ...], host: Host) -> tuple[bytes, ...]:
    nodes = {os.fsencode(f"/dev/{path}") for each in names for path in _nodes(each, host)}
    try:
        lines = (host.proc / "swaps").read_bytes().splitlines()[1:]
    except OSError:
        return ()
    places = [unescape(line.split(b" ", 1)[0].split(b"\t", 1)[0]) for line in lines]
    points = [mount.point.rstrip(b"/") + b"/" for mount in mounts]
    return tuple(each for each in places if each in nodes or any(each.startswith(point) for point in points))


def _tidy(name: str, use: Use, ends: float, host: Host) -> bool:
    """Write out, unmount and close all of it, again and again until it is done; tells whether it is."""
    for swap in use.swaps:
        calls.swap_off(swap)
    for mount in use.mounts:
        calls.sync_file_system(mount.point)
    while True:
        left = [each for each in use.mounts if calls.unmount(each.point) == errno.EBUSY]
        if not left:
            for each in reversed(use.holders):
                calls.close_holder(each, host.sysfs, host.dev)
            nodes = [host.dev / each.replace("!", "/") for each in use.blocks]
            # Mounted in another namespace, or held by a program: the claim on the disk tells, whoever has it.
            if not any(calls.claimed(node) for node in nodes):
                after = in_use(name, host)
                return not after.mounts and not after.swaps
        if time.monotonic() >= ends:
            return False
        time.sleep(_TICK)


def _detach(use: Use, host: Host) -> bool:
    for mount in use.mounts:
        calls.unmount(mount.point, lazily=True)
    for each in reversed(use.holders):
        calls.close_holder(each, host.sysfs, host.dev, deferred=True)
    return True


def _in_child(work: Callable[[], bool], ends: float) -> bool:
    """Do `work` in a process that is given up at `ends` (monotonic seconds); tells whether it ended well."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        # Its own loop ends at the deadline too: the grace tells a hung call from a last round.
        if time.monotonic() >= ends + 4 * _TICK:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, os.WNOHANG)
            return False
        time.sleep(_TICK / 5)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    raise SystemExit(main())

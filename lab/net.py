"""Network namespaces, veth cables and the processes in them: the thin layer over iproute2 and a few system calls."""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from policies.errors import EquipmentError
from policies.texts import t

NETNS = Path("/run/netns")
_CLONE_NEWNET = 0x40000000
# linux/sockios.h, linux/if.h, linux/ethtool.h
_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_SIOCETHTOOL = 0x8946
_ETHTOOL_STXCSUM = 0x17
_ETHTOOL_GLINK = 0x0A
_IFF_UP = 0x1
_IFREQ = struct.Struct("16sH14x")
_IFREQ_POINTER = struct.Struct("16sP8x")


def environment() -> dict[str, str]:
    """Give this process's environment with the system folders in PATH, where a plain `su` leaves them out."""
    return {**os.environ, "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"}


def run(argv: Sequence[str], *, given: str | None = None, timeout: float = 60.0) -> str:
    """Run a program and give its standard output; EquipmentError with its own words if it fails."""
    try:
        done = subprocess.run(
            argv, input=given, env=environment(), capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise EquipmentError(
            t("the program '{name}' is not installed on this machine.", name=argv[0]),
            next_step=t("install it and try again"),
        ) from error
    except subprocess.TimeoutExpired as error:
        raise EquipmentError(
            t("the program '{name}' did not end within {seconds} s.", name=argv[0], seconds=f"{timeout:g}"),
            next_step=t("run 'portseal lab down' and try again"),
        ) from error
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[:300]
        raise EquipmentError(t("the program '{name}' failed: {said}", name=argv[0], said=said))
    return done.stdout


def ip_batch(lines: Iterable[str], netns: str | None = None, *, force: bool = False) -> None:
    """Give `lines` to one `ip -batch`, in `netns` if named; `force` goes on after a failing line, without an error."""
    text = "\n".join(lines)
    if not text:
        return
    argv = ["ip", *(["-n", netns] if netns else []), *(["-force"] if force else []), "-batch", "-"]
    with suppress(*((EquipmentError,) if force else ())):
        run(argv, given=text + "\n")


@contextmanager
def in_netns(name: str | None) -> Iterator[None]:
    """Put this thread into network namespace `name` (None: stay) for the block; sockets made there stay there."""
    if name is None:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        there = os.open(NETNS / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(libc, there)
        finally:
            os.close(there)
        try:
            yield
        finally:
            _setns(libc, home)
    finally:
        os.close(home)


def _setns(libc: ctypes.CDLL, fd: int) -> None:
    if libc.setns(fd, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def namespaces(prefix: str) -> list[str]:
    """Name the network namespaces that begin with `prefix`, half-made ones included."""
    if not NETNS.is_dir():
        return []
    return sorted(path.name for path in NETNS.iterdir() if path.name.startswith(prefix))


def quiet(netns: str) -> None:
    """Switch IPv6 off in `netns`: else the kernel itself speaks on every cable, with MACs nobody plugged in."""
    with in_netns(netns):
        for which in ("all", "default"):
            with suppress(FileNotFoundError):  # a kernel without IPv6 is quiet already
                Path(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6").write_text("1", "ascii")


def sysctl(netns: str, settings: dict[str, str]) -> None:
    """Write `settings` (path below /proc/sys → value) as seen from `netns`."""
    with in_netns(netns):
        for path, value in settings.items():
            Path("/proc/sys", path).write_text(value, "ascii")


def control_socket(netns: str | None = None) -> socket.socket:
    """Open a datagram socket in `netns`, good for asking about interfaces there."""
    with in_netns(netns):
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)


def link_flags(control: socket.socket, interface: str) -> int:
    """Read the flags of `interface` (netdevice(7)); OSError if there is none."""
    answer = fcntl.ioctl(control, _SIOCGIFFLAGS, _IFREQ.pack(interface.encode(), 0))
    return int(_IFREQ.unpack(answer)[1])


def carrier(control: socket.socket, interface: str) -> bool:
    """Tell whether `interface` is up and its peer is too.

    Asked of the driver: the RUNNING flag follows a change of link up to a second later.
    """
    if not link_flags(control, interface) & _IFF_UP:
        return False
    value = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_GLINK, 0), 8)
    fcntl.ioctl(control, _SIOCETHTOOL, _IFREQ_POINTER.pack(interface.encode(), ctypes.addressof(value)))
    return bool(struct.unpack("II", value.raw)[1])


def set_up(control: socket.socket, interface: str, up: bool) -> None:
    """Set `interface` up or down; the peer of a veth sees its carrier come or go."""
    flags = link_flags(control, interface)
    flags = flags | _IFF_UP if up else flags & ~_IFF_UP
    fcntl.ioctl(control, _SIOCSIFFLAGS, _IFREQ.pack(interface.encode(), flags))


def checksums_in_software(control: socket.socket, interface: str) -> None:
    """Switch transmit checksum offload off.

    A veth end with offload leaves UDP and TCP checksums to hardware that does not exist; the userspace data plane
    carries the frame unfinished and the receiver drops it: ping passes, and no stream arrives.
    """
    value = ctypes.create_string_buffer(struct.pack("II", _ETHTOOL_STXCSUM, 0), 8)
    fcntl.ioctl(control, _SIOCETHTOOL, _IFREQ_POINTER.pack(interface.encode(), ctypes.addressof(value)))


def processes(prefix: str, mark: tuple[str, str] | None = None) -> dict[int, str]:
    """Find processes whose network namespace begins with `prefix`, or whose environment has `mark`.

    Gives pid → namespace name ("" when found by the mark alone). It reads /proc rather than pid files, so that nothing
    escapes that was started by a run which was killed half-way.
    """
    inodes: dict[int, str] = {}
    for name in namespaces(prefix):
        with suppress(FileNotFoundError):
            inodes[(NETNS / name).stat().st_ino] = name
    wanted = f"{mark[0]}={mark[1]}\0".encode() if mark else None
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with suppress(FileNotFoundError, ProcessLookupError, PermissionError):
            home = inodes.get((entry / "ns/net").stat().st_ino)
            if home is not None:
                found[int(entry.name)] = home
            elif wanted and b"\0" + wanted in b"\0" + (entry / "environ").read_bytes():
                found[int(entry.name)] = ""
    return found


def kill(pids: Iterable[int], timeout: float = 10.0) -> None:
    """Kill processes (SIGKILL) and wait until each is gone; a pid that is gone already is no error."""
    waiting: dict[int, int] = {}
    poll = select.poll()
    try:
        for pid in pids:
            with suppress(ProcessLookupError):
                fd = os.pidfd_open(pid)
                waiting[fd] = pid
                poll.register(fd, select.POLLIN)
                signal.pidfd_send_signal(fd, signal.SIGKILL)
        left = set(waiting)
        while left:
            events = poll.poll(timeout * 1000)
            if not events:
                names = ", ".join(str(waiting[fd]) for fd in left)
                raise EquipmentError(
                    t("processes do not end: {pids}", pids=names), next_step=t("look at them with 'ps', then try again")
                )
            for fd, _ in events:
                poll.unregister(fd)
                left.discard(fd)
    finally:
        for fd in waiting:
            os.close(fd)

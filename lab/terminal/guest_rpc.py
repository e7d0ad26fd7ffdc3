"""Runs in the guest, with nothing but Python's standard library: does what the host asks on a virtio-serial port.

One JSON object per line, one answer per question. Questions are `run` (a list, or a line for the shell), `put`, `get`,
`lay`, `read`, `look`, `speak` and `wake`; an answer has the question's `id`, and `error` when the question could not be
done at all. What can be done without starting a program is: an emulated processor needs long for one.
"""

from __future__ import annotations

import base64
import ctypes
import fcntl
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

PORT = "portseal.rpc"
_PORTS = Path("/sys/class/virtio-ports")
_POLL_S, _LOOK_S = 0.02, 0.1
# linux/random.h: take up new entropy at once
_RNDRESEEDCRNG = 0x5207
# sys/mount.h
_MS_BIND = 4096
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def find_port() -> Path:
    """Wait until the port with our name is there."""
    while True:
        for name in _PORTS.glob("*/name"):
            if name.read_text("utf-8").strip() == PORT:
                return Path("/dev") / name.parent.name
        time.sleep(_POLL_S)


def run(command: str | list[str], timeout: float, given: str = "") -> dict[str, Any]:
    """Run a command; its output goes to a file, so that what it leaves in the background does not hold the answer."""
    argv = ["/bin/sh", "-c", command] if isinstance(command, str) else command
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as source:
        source.write(base64.b64decode(given))
        source.seek(0)
        started = time.monotonic()
        process = subprocess.Popen(argv, stdin=source, stdout=output, stderr=output, start_new_session=True)
        code: int | None
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        ended = time.monotonic()
        output.seek(0)
        return {"code": code, "output": output.read().decode("utf-8", "replace"), "started": started, "ended": ended}


def put(path: str, data: str, mode: int, *, append: bool) -> dict[str, Any]:
    """Write or continue a file."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("ab" if append else "wb") as file:
        file.write(base64.b64decode(data))
    target.chmod(mode)
    return {}


def get(path: str) -> dict[str, Any]:
    """Read a whole file."""
    return {"data": base64.b64encode(Path(path).read_bytes()).decode("ascii")}


def lay(steps: list[list[str]]) -> dict[str, Any]:
    """Do what a shell would need a process each for: mkdir, rmdir, remove, size, write (to what is there) and link."""
    for act, path, *more in steps:
        _LAID[act](path, *more)
    return {}


def _write(path: str, text: str) -> None:
    # One write of all of it, and no reading: so the kernel's files want it.
    file = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(file, text.encode("latin-1"))
    finally:
        os.close(file)


def _size(path: str, length: str) -> None:
    with Path(path).open("ab") as file:
        file.truncate(int(length))


def _link(path: str, target: str) -> None:
    Path(path).symlink_to(target)


_LAID: dict[str, Callable[..., None]] = {
    "mkdir": os.makedirs, "rmdir": os.rmdir, "remove": os.unlink, "size": _size, "write": _write, "link": _link,
}  # fmt: skip


def read(path: str) -> dict[str, Any]:
    """Give a file's text without its line end; empty when it is not there, or has gone meanwhile."""
    try:
        return {"text": Path(path).read_bytes().decode("utf-8", "replace").rstrip("\n")}
    except OSError:
        return {"text": ""}


def look(pattern: str, wanted: str, timeout: float) -> dict[str, Any]:
    """Wait until a path that fits the pattern is there (`wanted` is "there") or until none is ("gone")."""
    deadline = time.monotonic() + timeout
    plain = not set(pattern) & set("*?[")
    while True:
        each_path = (Path(pattern),) if plain else Path("/").glob(pattern.lstrip("/"))
        found = [str(each) for each in each_path if each.exists()]
        if bool(found) == (wanted == "there") or time.monotonic() >= deadline:
            return {"found": found}
        time.sleep(_LOOK_S)


def speak(path: str, lines: list[str], timeout: float) -> dict[str, Any]:
    """Send each line over a connection of its own to a Unix socket; the answers are lines, empty where none came."""
    answers = []
    for line in lines:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(timeout)
                link.connect(path)
                link.sendall(line.encode() + b"\n")
                said = b""
                while not said.endswith(b"\n") and (data := link.recv(1 << 20)):
                    said += data
        except OSError:
            said = b""
        answers.append(said.decode("utf-8", "replace").rstrip("\n"))
    return {"answers": answers}


def wake(now: float | None, entropy: str, boot_id: str) -> dict[str, Any]:
    """Become a guest of its own after a snapshot: its own random numbers, its own boot id, the time of today."""
    if now is not None:
        time.clock_settime(time.CLOCK_REALTIME, now)
    with Path("/dev/urandom").open("wb", buffering=0) as random:
        random.write(base64.b64decode(entropy))
        fcntl.ioctl(random, _RNDRESEEDCRNG)
    if boot_id:
        mine = Path("/run/boot_id")
        mine.write_text(boot_id + "\n", "ascii")
        if ctypes.CDLL(None, use_errno=True).mount(bytes(mine), bytes(_BOOT_ID), None, _MS_BIND, None) != 0:
            raise OSError(ctypes.get_errno(), "the boot id cannot be covered")
    return {}


ACTS: dict[str, Callable[..., dict[str, Any]]] = {
    "run": run, "put": put, "get": get, "lay": lay, "read": read, "look": look, "speak": speak, "wake": wake,
}  # fmt: skip


def answer(line: bytes) -> dict[str, Any]:
    """Do one question."""
    question: dict[str, Any] = json.loads(line)
    number, act = question.pop("id"), question.pop("do")
    try:
        return {"id": number, **ACTS[act](**question)}
    except Exception as error:  # noqa: BLE001 - whatever it was, the host is told, and the server lives on
        return {"id": number, "error": f"{type(error).__name__}: {error}"}


def lines(port: int) -> Iterator[bytes]:
    """Give line after line; an end of file means that no host is there, and what it had begun to say is void."""
    buffer = bytearray()
    while True:
        data = os.read(port, 1 << 20)
        if not data:
            buffer.clear()
            time.sleep(_POLL_S)
            continue
        buffer += data
        if b"\n" not in data:
            continue
        *whole, rest = bytes(buffer).split(b"\n")
        buffer[:] = rest
        yield from whole


def say(port: int, answered: dict[str, Any]) -> None:
    """Write one answer."""
    data = memoryview(json.dumps(answered).encode() + b"\n")
    while data:
        data = data[os.write(port, data) :]


def main() -> None:
    """Serve for ever."""
    port = os.open(find_port(), os.O_RDWR | os.O_CLOEXEC)
    say(port, {"id": 0, "uptime": time.monotonic()})
    for line in lines(port):
        say(port, answer(line))


if __name__ == "__main__":
    main()

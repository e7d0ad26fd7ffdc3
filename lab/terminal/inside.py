"""What is done inside a guest: commands, files, looks and questions, over the line to the server that runs there."""

from __future__ import annotations

import base64
import json
import secrets
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lab.terminal.qmp import Channel
from policies.errors import DeviceTimeout, EquipmentError
from policies.texts import t

_CHUNK = 1 << 20
#: Seconds between two questions of :meth:`Inside.until`: asking without a pause keeps an emulated processor busy.
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Result:
    """How a command in the guest ended: its exit code, what it said (both outputs), and when (guest's monotonic s)."""

    code: int
    output: str
    started: float
    ended: float


class Inside:
    """One end of the line; :class:`lab.terminal.vm.Terminal` is the guest at the other."""

    def __init__(self) -> None:
        self._question = 0
        self._rpc: Channel | None = None

    def sh(self, command: str | list[str], timeout: float = 30.0, stdin: bytes = b"") -> Result:
        """Run a program (a list) or a line of shell, and wait for it; for a background job end the line with `&`.

        Raises:
            DeviceTimeout: it did not end within `timeout` seconds; it and its group were killed.

        """
        given = base64.b64encode(stdin).decode("ascii")
        answer = self._ask(timeout + 30, do="run", command=command, timeout=timeout, given=given)
        if answer["code"] is None:
            raise DeviceTimeout(
                t(
                    "'{command}' did not end within {seconds} s; it said: {said}",
                    command=str(command)[:80],
                    seconds=f"{timeout:g}",
                    said=answer["output"][-200:],
                ),
                where="terminal",
            )
        return Result(answer["code"], answer["output"], answer["started"], answer["ended"])

    def ok(self, command: str | list[str], timeout: float = 30.0, stdin: bytes = b"") -> str:
        """Run a command that must succeed and give what it said; EquipmentError with that otherwise."""
        result = self.sh(command, timeout, stdin)
        if result.code != 0:
            raise EquipmentError(
                t(
                    "'{command}' failed with {code}: {said}",
                    command=str(command)[:80],
                    code=result.code,
                    said=result.output[-300:],
                ),
                where="terminal",
            )
        return result.output

    def until(self, ready: Callable[[], bool], timeout: float = 60.0) -> None:
        """Wait until `ready`, which asks the guest again and again; DeviceTimeout when it never is."""
        deadline = time.monotonic() + timeout
        while not ready():
            if time.monotonic() > deadline:
                raise DeviceTimeout(
                    t("what was expected did not come within {seconds} s.", seconds=f"{timeout:g}"), where="terminal"
                )
            time.sleep(_POLL_S)

    def put(self, data: bytes, path: str, mode: int = 0o644) -> None:
        """Write a file in the guest, with the folders it needs."""
        for start in range(0, max(len(data), 1), _CHUNK):
            part = base64.b64encode(data[start : start + _CHUNK]).decode("ascii")
            self._ask(60, do="put", path=path, data=part, mode=mode, append=start > 0)

    def get(self, path: str) -> bytes:
        """Read a file of the guest."""
        return base64.b64decode(self._ask(60, do="get", path=path)["data"])

    def lay(self, *steps: Sequence[str]) -> None:
        """Do small things to the guest's files, in order: ("mkdir", PATH), ("rmdir", PATH), ("remove", PATH).

        ("write", PATH, TEXT) writes at once to what is there, as files of the kernel want it, ("size", PATH, BYTES)
        makes a file of zeros, and ("link", PATH, TARGET) a link. EquipmentError with the reason of what fails.
        """
        self._ask(60, do="lay", steps=steps)

    def read(self, path: str) -> str:
        """Give the text of a small file, as the kernel has many, without its line end; empty when it is not there."""
        return str(self._ask(60, do="read", path=path)["text"])

    def uptime(self) -> float:
        """Give the seconds since the guest's start (CLOCK_BOOTTIME)."""
        return float(self.read("/proc/uptime").split()[0])

    def there(self, pattern: str) -> bool:
        """Tell whether a path is there, or one that fits a pattern of the shell's."""
        return self._look(pattern, "there", 0)

    def comes(self, pattern: str, timeout: float = 30.0) -> bool:
        """Wait for such a path; False when none came. The guest itself looks, ten times a second."""
        return self._look(pattern, "there", timeout)

    def goes(self, pattern: str, timeout: float = 30.0) -> bool:
        """Wait until there is no such path; False when there still is one."""
        return not self._look(pattern, "gone", timeout)

    def _look(self, pattern: str, wanted: str, timeout: float) -> bool:
        return bool(self._ask(timeout + 30, do="look", pattern=pattern, wanted=wanted, timeout=timeout)["found"])

    def speak(self, socket: str, requests: Sequence[Mapping[str, Any]], timeout: float = 20.0) -> list[Any]:
        """Send JSON objects to a Unix socket, each over a connection of its own; None is for what had no answer."""
        lines = [json.dumps(each) for each in requests]
        answers = self._ask(30 + timeout * len(lines), do="speak", path=socket, lines=lines, timeout=timeout)["answers"]
        return [json.loads(each) if each else None for each in answers]

    def _ask(self, wait: float, /, **question: Any) -> dict[str, Any]:
        self._question += 1
        assert self._rpc is not None
        self._rpc.send({"id": self._question, **question})
        answer = self._answered(self._question, wait)
        if "error" in answer:
            raise EquipmentError(t("the guest could not do it: {said}", said=answer["error"]), where="terminal")
        return answer

    def _answered(self, number: int, timeout: float) -> dict[str, Any]:
        assert self._rpc is not None
        while True:
            # The answer to a question that was given up may still come.
            answer = self._rpc.receive(timeout)
            if answer["id"] == number:
                return answer

    def _wake(self, *, now: bool, boot_id: bool) -> None:
        entropy = base64.b64encode(secrets.token_bytes(64)).decode("ascii")
        identity = str(uuid.uuid4()) if boot_id else ""
        self._ask(60, do="wake", now=time.time() if now else None, entropy=entropy, boot_id=identity)

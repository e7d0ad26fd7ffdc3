"""The two lines to a guest: QEMU's own control protocol, and the server that runs commands inside.

Both are JSON lines on Unix sockets. QMP: qemu/docs/interop/qmp-spec.txt.
"""

from __future__ import annotations

import array
import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from policies.errors import DeviceTimeout, EquipmentError
from policies.texts import t

_POLL_S = 0.01


class Channel:
    """A line of JSON objects. `lost` makes the error when the other end is gone."""

    def __init__(self, path: Path, alive: Callable[[], bool], lost: Callable[[], EquipmentError]) -> None:
        self._lost = lost
        self._buffer = b""
        deadline = time.monotonic() + 20
        while True:
            self._socket = socket.socket(socket.AF_UNIX)
            try:
                self._socket.connect(str(path))
            except OSError:
                self._socket.close()
                if not alive() or time.monotonic() > deadline:
                    raise lost() from None
                time.sleep(_POLL_S)
            else:
                return

    def send(self, message: dict[str, Any], fd: int | None = None) -> None:
        """Send one object, with an open file if `fd` says so."""
        data = json.dumps(message).encode() + b"\n"
        try:
            self._socket.settimeout(60)
            if fd is not None:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
                data = data[self._socket.sendmsg([data], rights) :]
            self._socket.sendall(data)
        except OSError as error:
            raise self._lost() from error

    def receive(self, timeout: float) -> dict[str, Any]:
        """Wait for one object; DeviceTimeout when none comes, the error of `lost` when none can come any more."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            try:
                self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
                data = self._socket.recv(1 << 20)
            except TimeoutError as error:
                raise DeviceTimeout(t("it does not answer within {seconds} s.", seconds=f"{timeout:g}")) from error
            except OSError as error:
                raise self._lost() from error
            if not data:
                raise self._lost()
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return dict(json.loads(line))

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


class Qmp:
    """QEMU's control; its events are not kept, its state is asked."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._channel.receive(20)
        self.ask("qmp_capabilities")

    def ask(self, command: str, arguments: dict[str, Any] | None = None, *, fd: int | None = None) -> Any:
        """Run a command and give its result; EquipmentError with QEMU's words when it refuses."""
        self._channel.send({"execute": command, "arguments": arguments or {}}, fd)
        while True:
            message = self._channel.receive(60)
            if "event" in message:
                continue
            if "error" in message:
                raise EquipmentError(
                    t("QEMU refuses '{command}': {said}", command=command, said=str(message["error"].get("desc", "")))
                )
            return message["return"]

    def delete(self, name: str) -> None:
        """Take out a device, and wait until it is gone.

        QEMU sends no DEVICE_DELETED for some (its xHCI), so its list of devices is asked.
        """
        self.ask("device_del", {"id": name})
        deadline = time.monotonic() + 30
        while any(each["name"] == name for each in self.ask("qom-list", {"path": "/machine/peripheral"})):
            if time.monotonic() > deadline:
                raise DeviceTimeout(t("the guest does not let go of the device '{name}'.", name=name), where="terminal")
            time.sleep(_POLL_S)

    def send_and_leave(self, command: str) -> None:
        """Send a command whose answer may never come, as that of `quit`."""
        self._channel.send({"execute": command})

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

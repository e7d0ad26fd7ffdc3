"""The sockets by which others speak to the running agent: one JSON object in a line, one JSON object back.

A client that says nothing, says too much or never reads must not hold the gate: every connection is non-blocking,
small, and closed when it has had its time. On root's socket only root may connect: the file's mode says so, and the
kernel says who it is. The operators' socket is for the group of its folder; it takes a few verbs, so many in a second.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from policies.errors import EquipmentError, InputError, Unreachable
from policies.texts import LANGUAGES, render, t

#: Root's socket in the run folder, and the operators' in the folder that is declared for it.
SOCKET, OPERATORS_SOCKET = "control.sock", "operator.sock"
#: The longest request in bytes (a grant is below 4 KiB), and how long a client may take, in seconds.
LARGEST_REQUEST, PATIENCE = 65536, 5.0
_CLIENTS = 16
_CREDENTIALS = struct.Struct("3i")
#: What the operators' socket answers in a second, and at most at once.
_RATE, _BURST = 20.0, 40.0

#: Answers one request; it may raise nothing.
Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class Control:
    """The serving side, driven by the agent's loop through its selector; `operators`: not only for root."""

    def __init__(
        self, path: Path, answer: Answer, selector: selectors.BaseSelector, *, operators: bool = False
    ) -> None:
        self._path, self._answer, self._selector, self._operators = path, answer, selector, operators
        self._clients: dict[socket.socket, _Client] = {}
        self._left, self._counted = _BURST, time.monotonic()
        self._listener = _listen(path, 0o660 if operators else 0o600)
        selector.register(self._listener, selectors.EVENT_READ, self.accept)

    def accept(self, _mask: int) -> None:
        """Take a new connection, unless it is not root's or there are too many."""
        with suppress(OSError):
            connection, _ = self._listener.accept()
            connection.setblocking(False)
            _, user, _ = _CREDENTIALS.unpack(
                connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            )
            if (user != os.geteuid() and not self._operators) or len(self._clients) >= _CLIENTS:
                connection.close()
                return
            client = _Client(connection, time.monotonic() + PATIENCE)
            self._clients[connection] = client
            self._selector.register(connection, selectors.EVENT_READ, lambda mask: self._serve(client, mask))

    def tidy(self) -> None:
        """Close connections whose time is over; called at every tick."""
        now = time.monotonic()
        for client in [each for each in self._clients.values() if now > each.until]:
            self._drop(client)

    def close(self) -> None:
        """Close everything and take the socket away."""
        for client in list(self._clients.values()):
            self._drop(client)
        self._selector.unregister(self._listener)
        self._listener.close()
        self._path.unlink(missing_ok=True)

    def _serve(self, client: _Client, mask: int) -> None:
        try:
            if mask & selectors.EVENT_READ and not client.out:
                self._read(client)
            if client.out:
                sent = client.connection.send(client.out)
                client.out = client.out[sent:]
                if not client.out:
                    self._drop(client)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)

    def _read(self, client: _Client) -> None:
        data = client.connection.recv(LARGEST_REQUEST)
        client.received += data
        if not data or len(client.received) > LARGEST_REQUEST:
            self._drop(client)
        elif client.received.endswith(b"\n"):
            client.out = _line(self._answer(_request(client.received)) if self._may_ask() else _busy())
            self._selector.modify(client.connection, selectors.EVENT_WRITE, lambda mask: self._serve(client, mask))

    def _may_ask(self) -> bool:
        """Count one more question; of the operators' too many in a second are not answered."""
        now = time.monotonic()
        self._left = min(_BURST, self._left + _RATE * (now - self._counted)) - 1
        self._counted = now
        if self._left < 0 and self._operators:
            self._left = 0.0
            return False
        return True

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection, None):
            self._selector.unregister(client.connection)
            client.connection.close()


class _Client:
    __slots__ = ("connection", "out", "received", "until")

    def __init__(self, connection: socket.socket, until: float) -> None:
        self.connection, self.until = connection, until
        self.received, self.out = b"", b""


def _listen(path: Path, mode: int) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.setblocking(False)
    # The mode is right from the first moment: bind() makes the file with the umask's.
    before = os.umask(0o777 & ~mode)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen(_CLIENTS)
    return listener


def _request(data: bytes) -> Mapping[str, Any]:
    with suppress(ValueError, RecursionError):
        read = json.loads(data)
        if isinstance(read, dict):
            return read
    return {}


def _line(answer: Mapping[str, Any]) -> bytes:
    return json.dumps(answer, ensure_ascii=False).encode() + b"\n"


def _busy() -> Mapping[str, Any]:
    words = t("too many requests in a short time")
    said = {language: render(words, language) for language in LANGUAGES}
    return {"ok": False, "code": "busy", "exit_code": 4, "error": said}


def ask(path: Path, request: Mapping[str, Any], timeout: float = 15.0) -> dict[str, Any]:
    """Send one request to the agent that serves `path` and give its answer.

    Raises Unreachable when no agent runs, EquipmentError when it does not answer in `timeout` seconds.
    """
    with _connected(path, timeout) as connection:
        connection.sendall(_line(request))
        received = b""
        while not received.endswith(b"\n"):
            data = connection.recv(1 << 20)
            if not data:
                break
            received += data
    try:
        read = json.loads(received)
    except ValueError:
        raise EquipmentError(t("the agent gave no answer"), where=str(path), next_step=_NEXT) from None
    if not isinstance(read, dict):
        raise InputError(t("the agent gave no answer"), where=str(path), next_step=_NEXT)
    return read


_NEXT = t("read its journal: journalctl -u portseal-agent")


@contextmanager
def _connected(path: Path, timeout: float) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(str(path))
            yield connection
        except PermissionError:
            raise Unreachable(
                t("this account may not speak to the agent"),
                where=str(path),
                next_step=t("run it as root, or as an operator, who is in the group portseal"),
            ) from None
        except (FileNotFoundError, ConnectionError):
            raise Unreachable(
                t("the agent does not run"), where=str(path), next_step=t("start it: systemctl start portseal-agent")
            ) from None
        except TimeoutError:
            raise EquipmentError(t("the agent gave no answer"), where=str(path), next_step=_NEXT) from None

"""How verbs on this machine speak to the controller that runs: one line of JSON each way, over a Unix socket.

Only the account that runs the controller may speak. What is asked is done in the controller's own loop, between two
batches, so that there is one writer.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from policies.errors import Busy, EquipmentError, PortsealError, UsageError
from policies.texts import LANGUAGES, t

#: The socket in the site folder, and bytes and seconds that one request may take.
SOCKET = "serve.sock"
MAX_LINE, SECONDS = 1 << 20, 20.0

Asked = Mapping[str, Any]
Answer = dict[str, Any]


class Control:
    """Listens at a site folder's socket; `answer` is called in a thread of its own for each request."""

    def __init__(self, folder: Path, answer: Callable[[Asked], Answer]) -> None:
        self._path = folder / SOCKET
        if runs(folder):
            raise Busy(
                t("another controller serves this site"),
                where=str(self._path),
                next_step=t("stop that one first"),
            )
        self._path.unlink(missing_ok=True)
        # The mode is right from the first moment: bind() makes the file with the umask's.
        before = os.umask(0o177)
        try:
            self._server = _Server(str(self._path), answer)
        except OSError as error:
            raise EquipmentError(
                t("the controller's socket cannot be made ({cause})", cause=error.strerror or str(error)),
                where=str(self._path),
                next_step=t("move the site folder where its path is shorter than 100 bytes, on a local disk"),
            ) from None
        finally:
            os.umask(before)
        threading.Thread(target=self._server.serve_forever, name="control", daemon=True).start()

    def close(self) -> None:
        """Stop listening and take the socket away."""
        self._server.shutdown()
        self._server.server_close()
        self._path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True

    def __init__(self, path: str, answer: Callable[[Asked], Answer]) -> None:
        self.answer = answer
        super().__init__(path, _Request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that went away is no news."""


class _Request(socketserver.StreamRequestHandler):
    timeout = SECONDS

    def handle(self) -> None:
        """Answer one line."""
        line = self.rfile.readline(MAX_LINE)
        try:
            asked = json.loads(line)
            if not isinstance(asked, dict):
                raise UsageError(t("the controller does not know what is asked"))
            assert isinstance(self.server, _Server)
            answer = {"ok": True, **self.server.answer(asked)}
        except (ValueError, RecursionError):
            answer = _failed(UsageError(t("the controller does not know what is asked")))
        except PortsealError as error:
            answer = _failed(error)
        with suppress(OSError):
            self.wfile.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")


def _failed(error: PortsealError) -> Answer:
    lines = {language: error.line(language) for language in LANGUAGES}
    return {"ok": False, "exit_code": error.exit_code, "error": lines}


class Refused(PortsealError):
    """What the controller answered when it did not do what was asked: its own line, and its exit code."""

    def __init__(self, lines: Mapping[str, str], exit_code: int) -> None:
        super().__init__(t("{line}", line=lines.get("en", "")))
        self._lines = dict(lines)
        self.exit_code = exit_code

    def line(self, language: str) -> str:
        """Give the controller's line in `language`."""
        return self._lines.get(language) or super().line(language)


def ask(folder: Path, request: Asked) -> Answer:
    """Ask the controller that serves this site folder; raises Refused with its answer, EquipmentError without one."""
    path = folder / SOCKET
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(SECONDS + 5)
        try:
            link.connect(str(path))
            link.sendall(json.dumps(request, ensure_ascii=False).encode() + b"\n")
            with link.makefile("rb") as file:
                answer = json.loads(file.readline(MAX_LINE))
        except (FileNotFoundError, ConnectionError):
            raise EquipmentError(
                t("the controller does not run"), where=str(path), next_step=t("start it with 'portseal serve'")
            ) from None
        except (OSError, ValueError) as error:
            raise EquipmentError(
                t("the controller gave no answer ({cause})", cause=str(error)[:100]),
                where=str(path),
                next_step=t("read what 'portseal serve' printed"),
            ) from None
    if not isinstance(answer, dict) or not answer.get("ok"):
        lines = answer.get("error") if isinstance(answer, dict) else None
        raise Refused(lines if isinstance(lines, dict) else {}, int(answer.get("exit_code", 3)) if lines else 3)
    return answer


def runs(folder: Path) -> bool:
    """Tell whether a controller serves this site folder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(2)
        try:
            link.connect(str(folder / SOCKET))
        except OSError:
            return False
    return True

"""Asks the process that plays the hosts."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

from policies.errors import EquipmentError
from policies.texts import t


def ask(path: Path, do: str, *, timeout: float = 0.0, **values: Any) -> dict[str, Any]:
    """Ask once and give the answer; the other side waits up to `timeout` seconds for what is asked to come true.

    Raises EquipmentError when nobody is there or it refuses.
    """
    request = json.dumps({"do": do, "timeout": timeout, **values}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout + 10.0)
            connection.connect(str(path))
            connection.sendall(request)
            with connection.makefile("rb") as lines:
                line = lines.readline()
    except OSError as error:
        raise EquipmentError(
            t("the lab's hosts do not answer."), where=str(path), next_step=t("start the lab with 'portseal lab up'")
        ) from error
    answer: dict[str, Any] = json.loads(line) if line else {"error": "connection closed"}
    if "error" in answer:
        raise EquipmentError(t("the lab's hosts refused: {said}", said=answer["error"]), where=str(path))
    return answer

"""The agent's own key, which signs its events: made on the terminal, and never anywhere else."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from agent.usb.bindings import replace_file
from policies.errors import StorageFailed
from policies.keys import SigningKey
from policies.texts import t

#: The key's file in the state folder; only root may read it.
KEY_FILE = "agent.key"


def agent_key(state: Path) -> SigningKey:
    """Read the key, or make it at the first start.

    Raises ConfigError for a file that is no key: a new one would not be the terminal that the controller knows.
    """
    path = state / KEY_FILE
    try:
        if not path.exists():
            _make(path)
        return SigningKey.from_pem(path.read_bytes(), str(path))
    except OSError as error:
        raise StorageFailed(
            t("the key of this terminal cannot be read ({cause})", cause=error.strerror or ""),
            where=str(path),
            next_step=t("run it as root, for example with sudo"),
        ) from None


def _make(path: Path) -> None:
    """Make the key once: an enrolment and the agent's first start may come here at the same time."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    replace_file(beside, SigningKey.generate().to_pem())
    try:
        with suppress(FileExistsError):
            path.hardlink_to(beside)
    finally:
        beside.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

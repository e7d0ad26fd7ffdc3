"""The agent's own key, which signs its events: made on the terminal, and never anywhere else."""

from __future__ import annotations

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
        return SigningKey.from_pem(path.read_bytes(), str(path))
    except FileNotFoundError:
        key = SigningKey.generate()
        replace_file(path, key.to_pem())
        return key
    except OSError as error:
        raise StorageFailed(
            t("the key of this terminal cannot be read ({cause})", cause=error.strerror or ""),
            where=str(path),
            next_step=t("run it as root, for example with sudo"),
        ) from None

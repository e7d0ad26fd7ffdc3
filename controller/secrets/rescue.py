"""The rescue secrets of the terminals: keys/rescue/NAME.key (0600), which the controller keeps and the terminal copies.

A file is one line of 64 hex digits, so that it survives a console's clipboard as well as a copy. It belongs to one
terminal alone: a code for one opens no other.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from controller.secrets.files import create_private, read_private, write_private
from policies.errors import ConfigError, SafetyRefusal
from policies.rescue import SECRET_BYTES, RescueSecret
from policies.texts import t

FOLDER = "keys/rescue"


def rescue_file(site_folder: Path, terminal: str) -> Path:
    """Give where the terminal's rescue secret lies, or would."""
    return site_folder / FOLDER / f"{terminal}.key"


def make_rescue_secret(site_folder: Path, terminal: str, *, renew: bool = False) -> Path:
    """Make the terminal's secret and give its file; raises StorageFailed.

    Raises SafetyRefusal when there is one, unless `renew`: the terminal would no longer know the controller's codes.
    """
    path = rescue_file(site_folder, terminal)
    content = (secrets.token_hex(SECRET_BYTES) + "\n").encode("ascii")
    if renew:
        write_private(path, content)
    elif not create_private(path, content):
        raise secret_exists(path)
    return path


def secret_exists(path: Path) -> SafetyRefusal:
    """Give the refusal to make a secret that is there."""
    return SafetyRefusal(
        t("the terminal has a rescue secret already"),
        where=str(path),
        next_step=t("copy this file to the terminal, or make another one with --renew"),
    )


def read_rescue_secret(site_folder: Path, terminal: str) -> RescueSecret:
    """Read the terminal's secret; raises ConfigError when there is none, others may read it, or it is none."""
    path = rescue_file(site_folder, terminal)
    if not path.exists():
        raise ConfigError(
            t("the terminal {name} has no rescue secret", name=terminal),
            where=str(path),
            next_step=t("make it with 'portseal terminal rescue-key', and copy it to the terminal"),
        )
    content = read_private(path)
    try:
        return RescueSecret(bytes.fromhex(content.decode("ascii").strip()))
    except ValueError:
        raise ConfigError(
            t("this file holds no rescue secret"),
            where=str(path),
            next_step=t("restore it from a backup, or make another one with --renew"),
        ) from None

"""The lab's passwords and keys: made afresh, or taken from the site folder of an earlier lab so that it still fits."""

from __future__ import annotations

import ctypes
import json
import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.net import run
from policies.errors import ConfigError, EquipmentError
from policies.texts import t

#: The account on each platform.
USERNAMES = {
    "openvswitch": "netadmin",
    "cisco_ios": "admin",
    "huawei_vrp": "admin",
    "huawei_vrpv8": "admin",
    "h3c_comware": "admin",
    "ruijie_os": "admin",
}
SNMP_USER = "portseal"
_LETTERS = string.ascii_letters + string.digits


def _word() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(16))


@dataclass(frozen=True, slots=True)
class SwitchSecrets:
    """What it takes to enter one switch; never printed."""

    password: str
    enable: str
    community: str
    snmp_auth: str
    snmp_priv: str

    def __repr__(self) -> str:
        """Keep the secrets out of logs."""
        return "SwitchSecrets(…)"


def make() -> SwitchSecrets:
    """Make new ones."""
    return SwitchSecrets(*(_word() for _ in range(5)))


def load(path: Path) -> dict[str, SwitchSecrets]:
    """Read secrets by switch; ConfigError when the file is not one of the lab's."""
    try:
        raw = json.loads(path.read_text("utf-8"))
        return {name: SwitchSecrets(**entry) for name, entry in raw.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            t("the lab's secrets cannot be read."),
            where=str(path),
            next_step=t("delete the file and start the lab again"),
        ) from error


def save(path: Path, entries: dict[str, SwitchSecrets]) -> None:
    """Write secrets, readable by their owner alone."""
    write_private(path, json.dumps({name: asdict(entry) for name, entry in entries.items()}, indent=1) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600; it never exists with another."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text, "utf-8")


def make_key(path: Path, comment: str) -> None:
    """Make an Ed25519 SSH key pair at `path` and `path`.pub unless it is there."""
    if not path.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])


def crypt(password: str) -> str:
    """Hash `password` as shadow(5) keeps it (SHA-512), by the same library that sshd asks."""
    try:
        library = ctypes.CDLL("libcrypt.so.1")
    except OSError:
        try:
            library = ctypes.CDLL("libcrypt.so.2")
        except OSError as error:
            raise EquipmentError(
                t("the library libcrypt is not installed on this machine."), next_step=t("install it and try again")
            ) from error
    library.crypt.restype = ctypes.c_char_p
    hashed = library.crypt(password.encode(), f"$6${_word()}".encode())
    return bytes(hashed).decode("ascii")

"""The encrypted store behind `secret:NAME`: one AES-256-GCM box in secrets.json, its key in keys/secrets.key.

All secrets are in one box, so that removing or swapping one of them is noticed like any other tampering. It protects
copies of the site folder without keys/ (backups, tickets); who can read keys/ can read the secrets.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from controller.secrets.files import create_private, read_private, write_private
from controller.secrets.value import Secret
from policies.errors import ConfigError, InputError, NotFound, StorageFailed
from policies.texts import Text, t

FILE_NAME = "secrets.json"
KEY_NAME = "keys/secrets.key"

_BOUND_TO = b"portseal secrets 1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def set_secret(site_folder: Path, name: str, value: str) -> None:
    """Keep a secret under `name`, replacing the one there; raises InputError, ConfigError and StorageFailed."""
    if not _NAME.fullmatch(name):
        raise InputError(
            t("'{name}' cannot be the name of a secret", name=name[:64]),
            next_step=t("use letters, digits, dot, hyphen and underscore, at most 64"),
        )
    if not value or len(value) > 4096 or "\x00" in value:
        raise InputError(t("the secret is empty or too long"), where=name, next_step=t("give 1 to 4096 characters"))
    with _alone(site_folder):
        secrets = _read(site_folder)
        secrets[name] = value
        _write(site_folder, secrets)


def remove_secret(site_folder: Path, name: str) -> None:
    """Forget a secret; raises NotFound when it is not there."""
    with _alone(site_folder):
        secrets = _read(site_folder)
        if name not in secrets:
            raise _missing(name)
        del secrets[name]
        _write(site_folder, secrets)


def list_secrets(site_folder: Path) -> tuple[str, ...]:
    """Name the secrets that are kept, sorted; never their values."""
    return tuple(sorted(_read(site_folder)))


def get_secret(site_folder: Path, name: str) -> Secret:
    """Give the secret called `name`; raises NotFound, and ConfigError when the store was tampered with."""
    secrets = _read(site_folder)
    if name not in secrets:
        raise _missing(name)
    return Secret(secrets[name])


def _missing(name: str) -> NotFound:
    return NotFound(
        t("there is no secret called {name}", name=name[:64]), next_step=t("keep one with 'portseal secret set'")
    )


@contextlib.contextmanager
def _alone(site_folder: Path) -> Iterator[None]:
    """Let one process at a time change the store: two `secret set` at once must both survive."""
    keys = site_folder / "keys"
    try:
        keys.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(keys / ".secrets.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(
            t("the file cannot be written ({cause})", cause=error.strerror or ""),
            where=str(keys),
            next_step=t("check free space and the owner and mode of the folder"),
        ) from None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _key(site_folder: Path, *, create: bool) -> bytes:
    path = site_folder / KEY_NAME
    if create and not path.exists():
        create_private(path, os.urandom(32))
    key = read_private(path)
    if len(key) != 32:
        raise _unusable(path, t("the key of the secret store is damaged"))
    return key


def _read(site_folder: Path) -> dict[str, str]:
    path = site_folder / FILE_NAME
    if not path.exists():
        return {}
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    sealed = read_private(path)
    key = _key(site_folder, create=False)
    try:
        box = json.loads(sealed)
        nonce, content = (base64.b64decode(box[part], validate=True) for part in ("nonce", "box"))
        secrets = json.loads(AESGCM(key).decrypt(nonce, content, _BOUND_TO))
    except (ValueError, TypeError, KeyError, InvalidTag, binascii.Error, RecursionError):
        raise _unusable(path, t("the secret store was changed or damaged, or its key is another one")) from None
    return {str(name): str(value) for name, value in secrets.items()}


def _write(site_folder: Path, secrets: dict[str, str]) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = os.urandom(12)
    content = AESGCM(_key(site_folder, create=True)).encrypt(nonce, json.dumps(secrets).encode(), _BOUND_TO)
    box = {"v": 1, "nonce": base64.b64encode(nonce).decode(), "box": base64.b64encode(content).decode()}
    write_private(site_folder / FILE_NAME, (json.dumps(box, indent=1) + "\n").encode())


def _unusable(path: Path, what: Text) -> ConfigError:
    return ConfigError(
        what, where=str(path), next_step=t("restore {path} and keys/ from the same backup", path=path.name)
    )

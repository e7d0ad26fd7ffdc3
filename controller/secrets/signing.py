"""The site's Ed25519 keys: keys/NAME.key (0600) and keys/NAME.pub. The ledger has one, and grants have another.

A key is made at the first need. One whose public half is there and which is gone itself is never made anew: others
trust the old one, and what the new one signs would be refused by all of them.
"""

from __future__ import annotations

from pathlib import Path

from controller.secrets.files import create_private, read_private, write_private
from policies.errors import ConfigError
from policies.keys import PublicKey, SigningKey
from policies.texts import t

#: The key that signs grants, acks, notices, and answers to enrolments.
GRANT = "grant"


def signing_key(site_folder: Path, name: str) -> SigningKey:
    """Give the key called `name`, making it at the first use; raises ConfigError and StorageFailed."""
    path, public = site_folder / f"keys/{name}.key", site_folder / f"keys/{name}.pub"
    if not path.exists():
        if public.exists():
            raise lost_key(path)
        create_private(path, SigningKey.generate().to_pem())
    key = SigningKey.from_pem(read_private(path), str(path))
    if not public.exists():
        write_private(public, key.public.to_pem(), mode=0o644)
    return key


def grant_key(site_folder: Path) -> SigningKey:
    """Give the site's grant key; raises ConfigError and StorageFailed."""
    return signing_key(site_folder, GRANT)


def grant_public_key(site_folder: Path) -> PublicKey:
    """Give its public half, which every terminal has."""
    return grant_key(site_folder).public


def lost_key(path: Path) -> ConfigError:
    """Give the error for a key that others trust and that is gone."""
    return ConfigError(
        t("the key is gone, and others trust it"),
        where=str(path),
        next_step=t("restore the key from the backup of the site folder"),
    )

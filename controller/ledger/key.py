"""The ledger's own Ed25519 key in the site folder: keys/ledger.key (0600) and keys/ledger.pub."""

from __future__ import annotations

from pathlib import Path

from controller.ledger.ledger import Ledger
from controller.secrets.files import create_private, read_private, write_private
from controller.store.open import Store
from policies.errors import ConfigError
from policies.keys import PublicKey, SigningKey
from policies.texts import t

KEY_NAME = "keys/ledger.key"
PUBLIC_NAME = "keys/ledger.pub"


def ledger_key(site_folder: Path) -> SigningKey:
    """Give the key that signs checkpoints, making it at the first use; raises ConfigError and StorageFailed."""
    path = site_folder / KEY_NAME
    if not path.exists():
        create_private(path, SigningKey.generate().to_pem())
    key = SigningKey.from_pem(read_private(path), str(path))
    public = site_folder / PUBLIC_NAME
    if not public.exists():
        write_private(public, key.public.to_pem(), mode=0o644)
    return key


def ledger_public_key(site_folder: Path) -> PublicKey:
    """Give the public half, which is enough to verify; raises ConfigError when it is not there."""
    path = site_folder / PUBLIC_NAME
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            t("the file {path} cannot be read ({cause})", path=path, cause=error.strerror or ""),
            where=str(path),
            next_step=t("copy it from the site, or run 'portseal audit checkpoint' there once"),
        ) from None
    return PublicKey.from_pem(pem, str(path))


def open_ledger(store: Store, origin: str) -> Ledger:
    """Give the ledger of the site whose database is open, with its key; `origin` is the site's name."""
    return Ledger(store, origin, ledger_key(store.path.parent))

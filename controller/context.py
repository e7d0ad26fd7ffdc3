"""What a verb works with: the site's declaration, its open store and ledger, who acts, and a clock."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from controller.ledger.key import open_ledger
from controller.ledger.ledger import Ledger
from controller.store.open import Clock, Store, open_store, utc_now
from policies.load import load_site
from policies.site import Site


@dataclass(frozen=True, slots=True)
class Context:
    """An open site. `actor` names who acts, as the ledger keeps it; `clock` gives aware UTC."""

    site: Site
    store: Store
    ledger: Ledger
    actor: str
    clock: Clock


def local_actor() -> str:
    """Name the account of this machine that runs the command; behind sudo, the person's own."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"local:{name}"


@contextlib.contextmanager
def open_context(folder: Path, clock: Clock = utc_now, actor: str = "") -> Iterator[Context]:
    """Open the site in `folder`; its database is made or upgraded when needed.

    Raises:
        ConfigError: the folder is no site, or site.toml cannot be used.
        StorageFailed: the database cannot be opened or written.

    """
    site = load_site(folder)
    with open_store(folder, clock=clock) as store:
        yield Context(site, store, open_ledger(store, site.name), actor or local_actor(), clock)

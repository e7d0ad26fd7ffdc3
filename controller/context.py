"""What a verb works with: the site's declaration, its open store and ledger, who acts, and a clock."""

from __future__ import annotations

import contextlib
import getpass
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from controller.ledger.key import open_ledger
from controller.ledger.ledger import Ledger
from controller.store.open import Store, open_store
from policies.load import load_site
from policies.site import Site


@dataclass(frozen=True, slots=True)
class Context:
    """An open site. `actor` names who acts, as the ledger keeps it; `clock` gives aware UTC."""

    site: Site
    store: Store
    ledger: Ledger
    actor: str
    clock: Callable[[], datetime]


def local_actor() -> str:
    """Name the account of this machine that runs the command; behind sudo, the person's own."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        name = str(os.getuid())
    return f"local:{name}"


def now() -> datetime:
    """Give the wall clock in aware UTC."""
    return datetime.now(UTC)


@contextlib.contextmanager
def open_context(folder: Path, clock: Callable[[], datetime] = now, actor: str = "") -> Iterator[Context]:
    """Open the site in `folder`; its database is made or upgraded when needed.

    Raises:
        ConfigError: the folder is no site, or site.toml cannot be used.
        StorageFailed: the database cannot be opened or written.

    """
    site = load_site(folder)
    with open_store(folder, clock=clock) as store:
        yield Context(site, store, open_ledger(store, site.name), actor or local_actor(), clock)

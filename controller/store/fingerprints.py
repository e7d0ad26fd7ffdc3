"""How devices behave on the wire, trait by trait, as the packet watch learned it first."""

from __future__ import annotations

from datetime import datetime

from controller.store.open import Store
from policies.codec import stamp


def fingerprints(store: Store) -> dict[str, dict[str, str]]:
    """Give what is known, by MAC."""
    found: dict[str, dict[str, str]] = {}
    for row in store.rows("SELECT mac, trait, value FROM fingerprint ORDER BY mac, trait"):
        found.setdefault(row["mac"], {})[row["trait"]] = row["value"]
    return found


def put_trait(store: Store, mac: str, trait: str, value: str, at: datetime) -> bool:
    """Keep a trait that was not known; False when one is known already, which then stays."""
    sql = "INSERT INTO fingerprint (mac, trait, value, first_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
    return store.execute(sql, (mac, trait, value, stamp(at))) > 0


def forget_fingerprint(store: Store, mac: str) -> dict[str, str]:
    """Forget what is known of a MAC, so that it is learned anew; gives what it was."""
    with store.transaction():
        known = {
            row["trait"]: row["value"]
            for row in store.rows("SELECT trait, value FROM fingerprint WHERE mac = ?", (mac,))
        }
        store.execute("DELETE FROM fingerprint WHERE mac = ?", (mac,))
    return known

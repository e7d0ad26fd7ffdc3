"""The latest snapshot of each switch, as it was read."""

from __future__ import annotations

from controller.store.open import Store
from policies.changeset_json import dump_observed, load_observed
from policies.codec import stamp
from policies.errors import InputError, StorageFailed
from policies.model import ObservedSwitch
from policies.texts import t


def put_observation(store: Store, observed: ObservedSwitch) -> bool:
    """Keep what was read; False when a newer snapshot of the switch is kept already, which then stays."""
    changed = store.execute(
        """INSERT INTO observation (switch, read_at, observed) VALUES (?, ?, ?) ON CONFLICT (switch) DO UPDATE
        SET read_at = excluded.read_at, observed = excluded.observed WHERE excluded.read_at >= observation.read_at""",
        (observed.switch, stamp(observed.read_at), dump_observed(observed)),
    )
    return changed > 0


def observation(store: Store, switch: str) -> ObservedSwitch | None:
    """Give the latest snapshot of a switch, if it was ever read."""
    row = store.row("SELECT observed FROM observation WHERE switch = ?", (switch,))
    return None if row is None else _load(switch, row["observed"])


def observations(store: Store) -> tuple[ObservedSwitch, ...]:
    """Give the latest snapshot of every switch, by switch name."""
    rows = store.rows("SELECT switch, observed FROM observation ORDER BY switch")
    return tuple(_load(row["switch"], row["observed"]) for row in rows)


def forget_observation(store: Store, switch: str) -> None:
    """Drop the snapshot of a switch that left the site."""
    store.execute("DELETE FROM observation WHERE switch = ?", (switch,))


def _load(switch: str, text: str) -> ObservedSwitch:
    try:
        return load_observed(text, switch)
    except InputError as error:
        raise StorageFailed(
            t("the kept snapshot cannot be read ({cause})", cause=error.what),
            where=switch,
            next_step=t("read the switch again with 'portseal discover'"),
        ) from error

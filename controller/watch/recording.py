"""What the watch tells, kept: sightings in the ledger, once for each cause, and devices' manners in the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from controller.context import Context
from controller.ledger.entry import Draft
from controller.store.fingerprints import forget_fingerprint, put_trait
from controller.store.inventory import device
from controller.watch.lines import Event, Fingerprint, Sighting
from policies.codec import stamp

#: Entries in an hour; what comes beyond is in one entry, with its number.
MOST, PERIOD = 200, timedelta(hours=1)
#: Causes that are remembered as told.
_REMEMBERED = 10_000


class Recorder:
    """Writes what is new. One cause is one entry: a sighting that only grew is none."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told: dict[tuple[str, str, str, str], None] = {}
        self._times: deque[datetime] = deque()
        self._crowded = 0

    def take(self, events: Iterable[Event]) -> None:
        """Keep these, in one commit; raises StorageFailed, and then nothing was kept."""
        drafts: list[Draft] = []
        told: list[tuple[str, str, str, str]] = []
        traits: list[Fingerprint] = []
        for event in events:
            if isinstance(event, Fingerprint):
                traits.append(event)
            elif isinstance(event, Sighting) and event.key not in self._told and event.key not in told:
                told.append(event.key)
                drafts += self._draft(event)
        if not drafts and not traits:
            return
        with self._context.store.transaction():
            for trait in traits:
                put_trait(self._context.store, trait.mac, trait.trait, trait.value, trait.at)
            if drafts:
                self._context.ledger.append_many(drafts)
        self._told.update(dict.fromkeys(told))
        while len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]

    def _draft(self, sighting: Sighting) -> list[Draft]:
        """Give the entry of a sighting; beyond the limit only that there are more, once an hour."""
        now = self._context.clock()
        while self._times and now - self._times[0] >= PERIOD:
            self._times.popleft()
        if len(self._times) >= MOST:
            self._crowded += 1
            return []
        made = []
        if self._crowded:
            data = {"count": self._crowded}
            made.append(Draft.make("watch.crowded", self._context.site.name, data, self._context.actor))
            self._crowded = 0
        self._times.append(now)
        made.append(Draft.make(f"watch.{sighting.kind}", sighting.subject, entry_data(sighting), self._context.actor))
        return made


def entry_data(sighting: Sighting) -> dict[str, object]:
    """Give what an entry says of a sighting."""
    return {
        "clause": sighting.clause, "confidence": sighting.confidence.value, "count": sighting.count,
        "device": sighting.device, "evidence": sighting.evidence.hex(), "facts": dict(sighting.facts),
        "first_at": stamp(sighting.first_at), "interface": sighting.interface, "ip": sighting.ip,
        "last_at": stamp(sighting.last_at), "mac": sighting.mac, "other": sighting.other, "port": sighting.port,
        "vlan": sighting.vlan,
    }  # fmt: skip


def relearn(context: Context, names: Iterable[str]) -> None:
    """Forget how these devices behave, so that the next values are taken as theirs; the ledger has what was known.

    Raises NotFound for a device that the inventory does not have, and forgets nothing then.
    """
    found = [device(context.store, name) for name in names]
    with context.store.transaction():
        drafts = [
            Draft.make(
                "watch.relearned", each.name,
                {"known": forget_fingerprint(context.store, each.mac), "mac": each.mac}, context.actor,
            )
            for each in found
        ]  # fmt: skip
        if drafts:
            context.ledger.append_many(drafts)

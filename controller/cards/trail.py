"""The causal chain of an opening, out of the ledger: the swipe, why it was decided so, and all that came of it."""

from __future__ import annotations

from dataclasses import dataclass

from controller.ledger.entry import Entry
from controller.ledger.query import Filter, entries, entry
from controller.store.grants import KeptGrant, grant_of
from controller.store.open import Store
from policies import canonical
from policies.cards.decide import replay
from policies.cards.rights import Outcome
from policies.errors import InputError, NotFound
from policies.names.shown import cleaned, shown
from policies.texts import t


@dataclass(frozen=True, slots=True)
class Trail:
    """One chain. `decision` is the entry that it begins with; `outcome` what the recorded case comes to today.

    `outcome` is None for an opening that no swipe made, or a case of other rules. `entries` are the chain, in order.
    """

    grant: KeptGrant | None
    decision: Entry
    outcome: Outcome | None
    entries: tuple[Entry, ...]

    @property
    def same(self) -> bool:
        """Whether the case, decided again, comes to what was written down then."""
        return self.outcome is not None and self.outcome.code == self.decision.data.get("code")


def trail_of(store: Store, subject: str) -> Trail:
    """Give the chain of a lease (its id, or the beginning of it) or of a decision (#NUMBER of its entry).

    Raises NotFound for what is neither.
    """
    text = cleaned(subject)
    if text.startswith("#") and text[1:].isascii() and text[1:].isdecimal():
        decision = entry(store, int(text[1:]))
        jti = decision.data.get("jti")
        return _trail(store, grant_of(store, jti) if isinstance(jti, str) else None, decision)
    grant = find_grant(store, text)
    return _trail(store, grant, entry(store, grant.entry))


def find_grant(store: Store, text: str) -> KeptGrant:
    """Give the grant whose id is, or begins with, `text` (four letters or more); raises NotFound."""
    wanted = cleaned(text)
    rows = store.rows(
        "SELECT jti FROM card_grant WHERE jti >= ? AND jti < ? LIMIT 2", (wanted, wanted + "\U0010ffff")
    ) if len(wanted) >= 4 else []  # fmt: skip
    grant = grant_of(store, rows[0]["jti"]) if len(rows) == 1 else grant_of(store, wanted)
    if grant is None:
        raise NotFound(
            t("no single lease is called {name}", name=shown(text)),
            next_step=t("see 'portseal lease list --all', and give more of its id"),
        )
    return grant


def _trail(store: Store, grant: KeptGrant | None, decision: Entry) -> Trail:
    found = [decision]
    if grant is not None:
        found += _behind(store, grant, decision)
    question = decision.data.get("question")
    if isinstance(question, int):
        found.insert(0, entry(store, question))
    return Trail(grant, decision, _again(decision), tuple(found))


def _behind(store: Store, grant: KeptGrant, decision: Entry) -> list[Entry]:
    """Give what came after, up to the lease's end: whatever in the ledger names it."""
    found = []
    for each in entries(store, Filter(text=grant.jti, after_seq=decision.seq)):
        found.append(each)
        if each.kind == "terminal.lease.ended":
            break
    return found


def _again(decision: Entry) -> Outcome | None:
    case = decision.data.get("case")
    if case is None:
        return None
    try:
        return replay(canonical.encode(case))
    except InputError:
        return None

"""What the ledger says of every terminal's ways out: its last proof, and what interrupted the guard (clause 7.2d)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from controller.context import Context
from controller.ledger.entry import Entry
from controller.ledger.query import Filter, entries
from policies import canonical
from policies.clauses.c72d import ENDINGS, INTERRUPTIONS, EgressSight
from policies.errors import InputError
from policies.messages.event import AgentEvent, read_event
from policies.messages.proof import read_proof

#: The events that carry a proof: without and with a way out.
_PROOFS = frozenset({"terminal.egress.proof", "terminal.egress.leak"})


def sights_of(context: Context, since: datetime) -> dict[str, EgressSight]:
    """Give what the ledger says, interruptions from `since` on, of every terminal declared with an agent."""
    return {each.name: _sight(context, each.name, since) for each in context.site.terminals if each.agent}


def _sight(context: Context, terminal: str, since: datetime) -> EgressSight:
    told = Filter(kind="terminal.egress", subject=terminal, since=since)
    found = [each for each in entries(context.store, told) if each.kind in INTERRUPTIONS]
    members: dict[str, Any] = {"since": since, "interruptions": len(found)}
    if found:
        members["last_interruption"] = found[-1].at
    newest = entries(context.store, Filter(kind="terminal.egress", subject=terminal), newest_first=True)
    for entry in newest:
        if entry.kind in _PROOFS:
            return EgressSight(**members, **_proved(entry))
        if entry.kind in ENDINGS and "ended" not in members:
            members["ended"] = entry.at
    return EgressSight(**members)


def _proved(entry: Entry) -> dict[str, Any]:
    try:
        event = read_event(canonical.encode(entry.data.get("event")), None)
        proof = read_proof(event.data, f"#{entry.seq}")
    except (InputError, TypeError, ValueError):
        return {"entry": entry.seq, "unreadable": True}
    return {"entry": entry.seq, "proof": proof, "measured": _measured(event, proof.at_ms)}


def _measured(event: AgentEvent, at_ms: int) -> datetime:
    """Give when the round was made: the agent signs a little later, or much later when it was not there."""
    return event.at - timedelta(milliseconds=max(0, event.uptime_ms - at_ms))

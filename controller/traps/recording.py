"""An entry that somebody should look at, with its number, which rows refer to."""

from __future__ import annotations

from collections.abc import Mapping

from controller.broker.say import Say
from controller.context import Context
from controller.ledger.entry import Draft
from policies import canonical
from policies.messages.topics import Kind


def record(context: Context, kind: str, subject: str, data: Mapping[str, object]) -> tuple[list[Say], int]:
    """Write an entry in the open transaction; gives what to tell on the broker, and the entry's number."""
    (entry,) = context.ledger.append_many([Draft.make(kind, subject, data, "controller")])
    told = canonical.encode({"entry": entry.seq, "kind": kind, "subject": subject, **data})
    return [Say(Kind.FINDING, "", lambda: told)], entry.seq

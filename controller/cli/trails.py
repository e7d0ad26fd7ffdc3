"""What `explain` tells of an opening: the swipe, the decision replayed, and the chain from there to the relock."""

from __future__ import annotations

from controller.cards.trail import Trail, trail_of
from controller.cli.base import NOT_COMPLIANT, Settings
from controller.cli.words import entry_json, local_time
from controller.ledger.entry import Entry
from controller.store.open import Store
from policies.cards.reasons import NEXT, SENTENCES
from policies.errors import NotFound
from policies.messages.kinds import KINDS
from policies.texts import Text, t

#: Entries of the controller's own, in words; those of terminals are said by their kind of event.
_OURS: dict[str, Text] = {
    "swipe.asked": t("the card was swiped; the operator was asked"),
    "swipe.granted": t("the swipe was granted"),
    "swipe.denied": t("the swipe was refused"),
    "swipe.relocked": t("the same card was swiped again: the terminal is shut"),
    "swipe.unanswered": t("nobody answered for the swipe"),
    "lease.extension.granted": t("the lease was prolonged"),
    "lease.extension.denied": t("the lease was not prolonged"),
    "lease.manual": t("the terminal was opened without a swipe, for two people"),
    "lease.revoked": t("the lease was ended from here"),
    "offline.granted": t("it was allowed in advance that this card opens the terminal without a connection"),
    "lease.lapsed": t("the terminal did not answer; the grant was withdrawn"),
}


def trail_or_none(store: Store, subject: str) -> Trail | None:
    """Give the chain that `subject` names; None when it is no lease and no decision, but perhaps something else."""
    text = subject.strip()
    if not text.startswith("#") and (len(text) < 4 or not text.replace("-", "").replace("_", "").isalnum()):
        return None
    try:
        found = trail_of(store, text)
    except NotFound:
        if text.startswith("#"):
            raise
        return None
    return found


def show_trail(chosen: Settings, trail: Trail) -> int:
    """Print the chain; exit code 1 when the decision, made again, comes to another end."""
    agrees = trail.same or trail.outcome is None
    if chosen.json:
        chosen.give(_json(chosen, trail))
        return 0 if agrees else NOT_COMPLIANT
    for sentence in _sentences(trail):
        chosen.say(sentence)
    chosen.table(
        (t("no."), t("time"), t("what"), t("details")),
        [(each.seq, local_time(each.at), _what(each), _details(each)) for each in trail.entries],
    )
    return 0 if agrees else NOT_COMPLIANT


def _sentences(trail: Trail) -> list[Text]:
    data, code = trail.decision.data, str(trail.decision.data.get("code", ""))
    told: list[Text] = []
    if trail.decision.kind == "offline.granted":
        told.append(t("terminal {terminal}, card {card}: allowed in advance, for hours without a connection",
                      terminal=data.get("terminal", "-"), card=str(data.get("card") or "-")))  # fmt: skip
    elif trail.outcome is not None:
        told.append(t("reader {reader}, terminal {terminal}, card {card}", reader=trail.decision.subject,
                      terminal=data.get("terminal", "-"), card=str(data.get("card") or "-")))  # fmt: skip
    elif trail.decision.kind == "lease.manual":
        told.append(t("terminal {terminal}: no card was swiped; clause 7.2b fails for this opening",
                      terminal=trail.decision.subject))  # fmt: skip
    if code in SENTENCES:
        told += [t("decision: {reason}", reason=_reason(trail)), t("next: {step}", step=NEXT[code])]
    if trail.outcome is not None:
        same = t("decided again from what was recorded, it comes to the same end")
        told.append(
            same if trail.same else t("DECIDED AGAIN, IT COMES TO ANOTHER END: {code}", code=trail.outcome.code)
        )
    return told


def _reason(trail: Trail) -> Text:
    return trail.outcome.reason if trail.outcome is not None and trail.same else SENTENCES[trail.decision.data["code"]]


def _what(entry: Entry) -> Text | str:
    if entry.kind in _OURS:
        return _OURS[entry.kind]
    event = KINDS.get(entry.kind.removeprefix("terminal."))
    return entry.kind if event is None else event.about


def _details(entry: Entry) -> str:
    """Give what of an entry helps: a device, a reason, a time."""
    data = entry.data
    data = data.get("event", {}).get("data", data) if isinstance(data.get("event"), dict) else data
    wanted = ("terminal", "code", "name", "product", "why", "storage", "seconds", "purpose", "expires")
    return "; ".join(f"{name}: {data[name]}" for name in wanted if data.get(name) not in (None, "", []))[:200]


def _json(chosen: Settings, trail: Trail) -> dict[str, object]:
    data = trail.decision.data
    return {
        "subject": trail.grant.jti if trail.grant is not None else f"#{trail.decision.seq}",
        "kind": "lease" if trail.grant is not None else "decision",
        "entry": trail.decision.seq,
        "code": data.get("code"),
        "replayed": None if trail.outcome is None else trail.outcome.code,
        "same": trail.same if trail.outcome is not None else None,
        "statements": [chosen.text(sentence) for sentence in _sentences(trail)],
        "chain": [{**entry_json(each), "text": chosen.text(_what(each))} for each in trail.entries],
    }

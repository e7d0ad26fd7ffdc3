"""What a swipe opens: one pure function from everything that counts to an outcome with its reason.

A case (:mod:`policies.cards.case`) is the whole input. It is written beside the outcome, and :func:`replay` decides it
again, years later, to the same end. The checks stand in the order in which they are told: first whether the swipe
itself counts, then whose it is, then what it may open, then the terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from policies import canonical
from policies.cards.case import Case, read_case
from policies.cards.profile import hours
from policies.cards.reasons import CODES, NEXT
from policies.cards.rights import (
    Card,
    CardPolicy,
    HolderStatus,
    Kind,
    Limits,
    OpenLease,
    Outcome,
    Presented,
    ReaderFacts,
    Right,
    Trust,
    common,
)
from policies.codec import to_plain
from policies.errors import InputError
from policies.grants import EVERY, MAX_DEVICES, Purpose
from policies.texts import t
from policies.usb import HID, STORAGE, Scope


@dataclass(frozen=True, slots=True)
class _Entitled:
    """What a card's rights give now: `code` says why nothing, else `until` (None: no end of its own)."""

    code: str
    until: datetime | None = None
    purposes: tuple[Purpose, ...] = ()


def decide(case: Case) -> Outcome:
    """Decide one case. The same case always has the same outcome; nothing outside of it counts."""
    reader, card = case.reader, case.card
    answered = case.purpose is not None or case.second is not None
    wrong = _swipe(case, case.presented, reader, answered=answered) or ("unknown_card" if card is None else "")
    if wrong or reader is None or card is None:
        return _denied(wrong)
    mine = [lease for lease in case.terminal.leases if _own(lease, case)]
    if mine and not answered:
        return _again(mine, case)
    entitled = _entitled(case, card)
    if code := _said(case.presented) or entitled.code or _room(case):
        return _denied(code)
    if case.purpose is None:
        return _needs("purpose", entitled.purposes)
    return _open(case, reader, card, case.purpose)


def fault_of_swipe(case: Case) -> str:
    """Name what is wrong with the swipe itself or with whose card it is, or "" (a code of :data:`CODES`).

    It does not ask what the card may open: for who only has to show who stands there.
    """
    wrong = _swipe(case, case.presented, case.reader, answered=False)
    if wrong or case.card is None:
        return wrong or "unknown_card"
    return _standing(case.card, case.now)


def replay(data: bytes) -> Outcome:
    """Decide a recorded case again; raises InputError as :func:`read_case` does."""
    case = read_case(data)
    try:
        return decide(case)
    except OverflowError:
        raise InputError(
            t("a time or a number of the decision cannot be"),
            where="case",
            next_step=t("take the bytes from where they were written, unchanged"),
        ) from None


def write_outcome(outcome: Outcome) -> bytes:
    """Give the outcome as canonical JSON, for a comparison with a replay."""
    return canonical.encode(to_plain(outcome))


def _denied(code: str, because: str = "") -> Outcome:
    reason = CODES[code]
    if because:
        reason = replace(reason, values=(("reason", CODES[because]),))
    return Outcome(Kind.DENIED, code, reason, NEXT[because or code], because=because)


def _needs(code: str, purposes: tuple[Purpose, ...] = ()) -> Outcome:
    return Outcome(Kind.NEEDS, code, CODES[code], NEXT[code], purposes=purposes)


def _again(mine: list[OpenLease], case: Case) -> Outcome:
    """Shut what the card has open: the safe direction, so neither the card's rights nor its hours are asked."""
    latest = max(lease.opened for lease in mine)
    if _seconds(case.presented.received - latest) < case.policy.swipe_again_s:
        return _denied("read_twice")
    ended = tuple(lease.jti for lease in mine)
    return Outcome(Kind.RELOCK, "already_open", CODES["already_open"], NEXT["already_open"], relock=ended)


def _own(lease: OpenLease, case: Case) -> bool:
    return lease.terminal == case.terminal.name and case.presented.card in lease.cards


def _swipe(case: Case, swipe: Presented, reader: ReaderFacts | None, *, answered: bool) -> str:
    """Name what is wrong with the swipe itself, or "". `answered`: the operator was asked something since."""
    policy, at = case.policy, swipe.at or swipe.received
    ahead = timedelta(seconds=policy.swipe_ahead_s)
    oldest = timedelta(seconds=policy.swipe_max_age_s)
    # What the operator answers takes longer than a swipe may: then its way here counts, and the answer's own time.
    since = swipe.received if answered else case.now
    checks = (
        ("reader_unknown", reader is not None and reader.name == swipe.reader),
        ("reader_terminal", reader is not None and case.terminal.name in reader.terminals),
        ("swipe_future", at <= swipe.received + ahead and swipe.received <= case.now + ahead),
        ("swipe_old", since - at <= oldest and since - swipe.received <= oldest),
        ("answer_late", _seconds(case.now - swipe.received) <= policy.swipe_answer_s),
        ("replayed", not swipe.repeated),
    )
    return next((code for code, holds in checks if not holds), "")


def _entitled(case: Case, card: Card) -> _Entitled:
    """Tell what the list gives this card at this terminal, for this purpose, now."""
    if code := _standing(card, case.now):
        return _Entitled(code)
    rights = [right for right in card.rights if right.at(case.terminal.name)]
    if not rights:
        return _Entitled("no_right")
    if case.purpose is not None:
        rights = [right for right in rights if case.purpose in right.purposes]
    if not rights:
        return _Entitled("no_purpose")
    return _now(case, rights)


def _standing(card: Card, now: datetime) -> str:
    checks = (
        ("revoked", card.status is not HolderStatus.REVOKED),
        ("suspended", card.status is HolderStatus.ACTIVE),
        ("not_yet_valid", card.valid_from is None or card.valid_from <= now),
        ("expired", card.valid_until is None or now < card.valid_until),
    )
    return next((code for code, holds in checks if not holds), "")


def _now(case: Case, rights: list[Right]) -> _Entitled:
    """Keep the rights whose hours are now; the one that lasts longest tells the end."""
    profiles = {profile.name: profile for profile in case.profiles}
    ends: list[datetime | None] = []
    purposes: set[Purpose] = set()
    why: set[str] = set()
    for right in rights:
        if right.profile and right.profile not in profiles:
            why.add("profile_unknown")
            continue
        if right.profile:
            found = hours(profiles[right.profile], case.holidays, case.now, case.zone)
            if not found.open:
                why.add("holiday" if found.holiday else "outside_hours")
                continue
            ends.append(found.until)
        else:
            ends.append(None)
        purposes |= set(right.purposes)
    if not ends:
        return _Entitled(next(code for code in ("holiday", "outside_hours", "profile_unknown") if code in why))
    finite = [end for end in ends if end is not None]
    until = max(finite) if len(finite) == len(ends) else None
    return _Entitled("", until, tuple(each for each in Purpose if each in purposes))


def _room(case: Case) -> str:
    """Name what keeps the terminal from opening, whoever swipes."""
    terminal, policy = case.terminal, case.policy
    silent = terminal.status_at is None or _seconds(case.now - terminal.status_at) > policy.terminal_silent_s
    here = [lease for lease in terminal.leases if lease.terminal == terminal.name]
    checks = (
        ("offline", terminal.online and not silent),
        ("terminal_taken", len(here) < policy.leases_per_terminal),
        ("too_many_leases", _held(case) < policy.leases_per_card),
    )
    return next((code for code, holds in checks if not holds), "")


def _held(case: Case) -> int:
    return len([lease for lease in case.terminal.leases if case.presented.card in lease.cards])


def _open(case: Case, reader: ReaderFacts, card: Card, purpose: Purpose) -> Outcome:
    """Open what card, reader, terminal and policy all allow, with the second person where one must stand by."""
    limits = _policy_limits(case.policy, purpose).meet(card.limits).meet(_reader_limits(reader))
    limits = _ends(replace(limits, ports=common(limits.ports, case.terminal.ports)), case, card)
    needed = STORAGE in limits.classes and not limits.empty and _needs_second(case, reader)
    if needed and (refused := _second_refused(case, reader, card)) is not None:
        return refused
    other = case.second_card if needed else None
    if other is not None:
        limits = _ends(limits.meet(other.limits), case, other)
    if limits.empty:
        return _denied("nothing_allowed")
    scope = Scope(limits.ports, limits.classes, limits.devices, purpose, once=True, read_only=limits.read_only)
    return Outcome(
        Kind.GRANT, "granted", CODES["granted"], NEXT["granted"], scope=scope, seconds=limits.seconds,
        second="" if other is None else other.card,
    )  # fmt: skip


def _needs_second(case: Case, reader: ReaderFacts) -> bool:
    """Whether storage needs another person's swipe: the site says so, or the first swipe is not proven."""
    return case.policy.second_person_for_storage or not _proven(case.presented, reader)


def _second_refused(case: Case, reader: ReaderFacts, first: Card) -> Outcome | None:
    """Give the refusal, or the question, that the second person's card leads to; None when it counts.

    Where the site asks for two people, two proven swipes are needed: with a copy of a colleague's card at a reader that
    proves nothing, one person would be two.
    """
    if not _proven(case.presented, reader) and (case.policy.second_person_for_storage or case.second is None):
        return _denied("reader_trust")
    if case.second is None:
        return _needs("second_person")
    card = case.second_card
    wrong = _swipe(case, case.second, case.second_reader, answered=True) or ("unknown_card" if card is None else "")
    if wrong or card is None or case.second_reader is None:
        return _denied("second_refused", wrong)
    if code := _one_person(first, card):
        return _denied(code)
    if wrong := _said(case.second) or _entitled(case, card).code:
        return _denied("second_refused", wrong)
    return None if _proven(case.second, case.second_reader) else _denied("reader_trust")


def _one_person(first: Card, second: Card) -> str:
    """Name why two cards do not stand for two people; only holders that the list names are known to be two."""
    if first.card == second.card or (first.bearer and first.bearer == second.bearer):
        return "second_same"
    return "" if first.bearer and second.bearer else "second_unknown"


def _said(swipe: Presented) -> str:
    return "source_denied" if swipe.granted is False else ""


def _proven(swipe: Presented, reader: ReaderFacts) -> bool:
    """Whether the swipe is proven to be the reader's: by what the reader can do, and by what this message showed."""
    return reader.trust is Trust.AUTHENTICATED and swipe.authenticated


def _policy_limits(policy: CardPolicy, purpose: Purpose) -> Limits:
    minutes: Mapping[Purpose, int] = {
        Purpose.CASE: policy.lease_case_minutes,
        Purpose.MAINTENANCE: policy.lease_maintenance_minutes,
        Purpose.OTHER: policy.lease_other_minutes,
    }
    classes = (HID, STORAGE) if policy.lease_keyboards else (STORAGE,)
    return Limits(seconds=minutes[purpose] * 60, devices=min(policy.lease_devices, MAX_DEVICES), classes=classes)


def _reader_limits(reader: ReaderFacts) -> Limits:
    return Limits(seconds=reader.longest_minutes * 60, devices=MAX_DEVICES, classes=(EVERY,))


def end_of(case: Case, card: Card) -> datetime | None:
    """Give when the card's hours or its validity end, whichever is sooner; None when neither does."""
    return min((end for end in (_entitled(case, card).until, card.valid_until) if end is not None), default=None)


def _ends(limits: Limits, case: Case, card: Card) -> Limits:
    """Cut the time where the card's hours or its validity end."""
    end = end_of(case, card)
    return limits if end is None else replace(limits, seconds=min(limits.seconds, _seconds(end - case.now)))


def _seconds(span: timedelta) -> int:
    return span // timedelta(seconds=1)

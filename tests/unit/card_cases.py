"""Cases of swipes at a small site: each code of a decision with its control arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from policies.cards.case import CardRules, Case, case_of, rules_of
from policies.cards.number import CardRule
from policies.cards.profile import parse_window
from policies.cards.rights import (
    Asked,
    Authority,
    Card,
    HolderStatus,
    Holiday,
    Limits,
    OpenLease,
    Presented,
    Reader,
    Right,
    TerminalState,
    TimeProfile,
    Trust,
    content_hash,
)
from policies.grants import MAX_DEVICES, Purpose
from policies.site import Site
from policies.usb import HID

NOW = datetime(2026, 9, 7, 2, 0, tzinfo=UTC)  # Monday 10:00 of the site
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
OFFICE = TimeProfile("office", (parse_window("mon-fri 08:00-18:00"),))
LIMITS = Limits(3600, MAX_DEVICES)
RIGHT = Right(("guard-1",), (Purpose.CASE, Purpose.MAINTENANCE), "office")
WANG = Card("card-wang", "person-wang", HolderStatus.ACTIVE, (RIGHT,), LIMITS)
LI = Card("card-li", "person-li", HolderStatus.ACTIVE, (RIGHT,), LIMITS)
ANYWHERE = replace(WANG, rights=(Right(("*",), (Purpose.CASE,)),))
TAPPED = Presented("card-wang", "gate", NOW, NOW, authenticated=True)
TAPPED_LI = Presented("card-li", "gate", NOW, NOW, authenticated=True)
TERMINAL = TerminalState("guard-1", online=True, status_at=NOW - 20 * SECOND)
SITE = Site(
    "park",
    Path("/nowhere"),
    readers=(
        Reader("gate", "native", ("guard-1", "guard-2"), Trust.AUTHENTICATED, CardRule()),
        Reader("cheap", "tasmota", ("guard-1",), Trust.IDENTIFIED, CardRule()),
        Reader("brief", "native", ("guard-1",), Trust.AUTHENTICATED, CardRule(), longest_minutes=5),
    ),
    profiles=(OFFICE,),
)
RULES_OF_SITE = rules_of(SITE)
FOR_CASE = Asked(Purpose.CASE)


def listed(*cards: Card) -> Authority:
    ordered = tuple(sorted(cards, key=lambda card: card.card))
    return Authority(7, "ab" * 32, content_hash(ordered), ordered)


def case(
    *,
    tapped: Presented = TAPPED,
    card: Card | None = WANG,
    other: Card = LI,
    terminal: TerminalState = TERMINAL,
    rules: CardRules = RULES_OF_SITE,
    asked: Asked | None = FOR_CASE,
) -> Case:
    cards = [each for each in (card, other) if each is not None]
    return case_of(tapped, terminal, listed(*cards), rules, NOW, asked)


def policy(**changes: object) -> CardRules:
    return replace(RULES_OF_SITE, policy=replace(RULES_OF_SITE.policy, **changes))  # type: ignore[arg-type]


def lease(card: str = "card-wang", terminal: str = "guard-1", ago: int = 60) -> OpenLease:
    return OpenLease("jti-1", terminal, (card,), NOW - ago * SECOND)


def holding(*leases: OpenLease) -> TerminalState:
    return replace(TERMINAL, leases=leases)


TWO = policy(second_person_for_storage=True)
CHEAP = replace(TAPPED, reader="cheap", authenticated=False)
WITH_LI = Asked(Purpose.CASE, TAPPED_LI)

#: Each code: what leads to it, and its control arm, which differs in that alone and does not end in it.
ARMS: dict[str, tuple[Callable[[], Case], Callable[[], Case]]] = {
    "reader_unknown": (lambda: case(tapped=replace(TAPPED, reader="nobody")), case),
    "reader_terminal": (
        lambda: case(tapped=CHEAP, terminal=replace(TERMINAL, name="guard-2")),
        lambda: case(terminal=replace(TERMINAL, name="guard-2"), card=ANYWHERE),
    ),
    "swipe_future": (
        lambda: case(tapped=replace(TAPPED, at=NOW + 6 * SECOND)),
        lambda: case(tapped=replace(TAPPED, at=NOW + 5 * SECOND)),
    ),
    "swipe_old": (
        lambda: case(tapped=replace(TAPPED, at=NOW - 11 * SECOND)),
        lambda: case(tapped=replace(TAPPED, at=NOW - 10 * SECOND)),
    ),
    "answer_late": (
        lambda: case(tapped=replace(TAPPED, at=None, received=NOW - 61 * SECOND)),
        lambda: case(tapped=replace(TAPPED, at=None, received=NOW - 60 * SECOND)),
    ),
    "replayed": (lambda: case(tapped=replace(TAPPED, repeated=True)), case),
    "unknown_card": (lambda: case(card=None), case),
    "read_twice": (
        lambda: case(terminal=holding(lease(ago=2)), asked=None),
        lambda: case(terminal=holding(lease(ago=3)), asked=None),
    ),
    "already_open": (
        lambda: case(terminal=holding(lease()), asked=None),
        lambda: case(terminal=holding(lease("card-li")), asked=None),
    ),
    "source_denied": (
        lambda: case(tapped=replace(TAPPED, granted=False)),
        lambda: case(tapped=replace(TAPPED, granted=True)),
    ),
    "revoked": (lambda: case(card=replace(WANG, status=HolderStatus.REVOKED)), case),
    "suspended": (lambda: case(card=replace(WANG, status=HolderStatus.SUSPENDED)), case),
    "not_yet_valid": (
        lambda: case(card=replace(WANG, valid_from=NOW + SECOND)),
        lambda: case(card=replace(WANG, valid_from=NOW)),
    ),
    "expired": (
        lambda: case(card=replace(WANG, valid_until=NOW)),
        lambda: case(card=replace(WANG, valid_until=NOW + SECOND)),
    ),
    "no_right": (
        lambda: case(card=replace(WANG, rights=(replace(RIGHT, terminals=("guard-9",)),))),
        lambda: case(card=replace(WANG, rights=(replace(RIGHT, terminals=("*",)),))),
    ),
    "no_purpose": (lambda: case(asked=Asked(Purpose.OTHER)), lambda: case(asked=Asked(Purpose.MAINTENANCE))),
    "holiday": (
        lambda: case(rules=replace(RULES_OF_SITE, holidays=(Holiday(NOW.date()),))),
        lambda: case(rules=replace(RULES_OF_SITE, holidays=(Holiday(NOW.date() + DAY),))),
    ),
    "outside_hours": (
        lambda: case(rules=replace(RULES_OF_SITE, zone="+00:00")),  # 02:00
        lambda: case(rules=replace(RULES_OF_SITE, zone="+06:00")),  # 08:00
    ),
    "profile_unknown": (
        lambda: case(rules=replace(RULES_OF_SITE, profiles=())),
        lambda: case(card=ANYWHERE, rules=replace(RULES_OF_SITE, profiles=())),
    ),
    "offline": (lambda: case(terminal=replace(TERMINAL, online=False)), case),
    "terminal_taken": (
        lambda: case(terminal=holding(lease("card-li"))),
        lambda: case(terminal=holding(lease("card-li", "guard-2"))),
    ),
    "too_many_leases": (
        lambda: case(terminal=holding(lease(terminal="guard-2"))),
        lambda: case(terminal=holding(lease(terminal="guard-2")), rules=policy(leases_per_card=2)),
    ),
    "purpose": (lambda: case(asked=None), case),
    "nothing_allowed": (
        lambda: case(card=replace(WANG, limits=replace(LIMITS, classes=(HID,)))),
        lambda: case(card=replace(WANG, limits=replace(LIMITS, classes=(HID,))), rules=policy(lease_keyboards=True)),
    ),
    "reader_trust": (lambda: case(tapped=CHEAP), lambda: case(tapped=CHEAP, asked=WITH_LI)),
    "second_person": (lambda: case(rules=TWO), lambda: case(rules=TWO, asked=WITH_LI)),
    "second_refused": (
        lambda: case(rules=TWO, asked=WITH_LI, other=replace(LI, rights=())),
        lambda: case(rules=TWO, asked=WITH_LI),
    ),
    "second_same": (
        lambda: case(rules=TWO, asked=Asked(Purpose.CASE, TAPPED)),
        lambda: case(rules=TWO, asked=WITH_LI),
    ),
    "second_unknown": (
        lambda: case(rules=TWO, asked=WITH_LI, other=replace(LI, bearer="")),
        lambda: case(rules=TWO, asked=WITH_LI),
    ),
    "granted": (case, lambda: case(card=None)),
}  # fmt: skip

"""What one decision rests on: gathered, written beside the outcome, and read back to be decided again.

A :class:`Case` is the whole input, without names and card numbers, and is written as canonical JSON (RFC 8785).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import lru_cache

from policies import canonical
from policies.cards.profile import near, parse_zone
from policies.cards.rights import (
    Asked,
    Authority,
    Card,
    CardPolicy,
    Holiday,
    Presented,
    Reader,
    ReaderFacts,
    TerminalState,
    TimeProfile,
)
from policies.codec import from_plain, to_plain
from policies.errors import InputError
from policies.grants import Purpose
from policies.site import Site
from policies.texts import t

#: The version of these rules; it rises when the same case could come to another end.
RULES = 1


#: Members of a case that many cases share: each value is written once, for swipes come by the thousand.
_SHARED = frozenset({"reader", "card", "policy", "second_reader", "second_card", "profiles", "holidays"})


@dataclass(frozen=True, slots=True)
class CardRules:
    """What the site declares for swipes."""

    policy: CardPolicy
    zone: str
    readers: tuple[Reader, ...] = ()
    profiles: tuple[TimeProfile, ...] = ()
    holidays: tuple[Holiday, ...] = ()

    def reader(self, name: str) -> Reader | None:
        """Give the reader called `name`, if it is declared."""
        return next((reader for reader in self.readers if reader.name == name), None)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that one decision rests on; see :func:`case_of`. `version`, `file_mac` and `content` name the list."""

    rules: int
    now: datetime
    presented: Presented
    reader: ReaderFacts | None
    card: Card | None
    terminal: TerminalState
    policy: CardPolicy
    zone: str
    version: int
    file_mac: str
    content: str
    purpose: Purpose | None = None
    second: Presented | None = None
    second_reader: ReaderFacts | None = None
    second_card: Card | None = None
    profiles: tuple[TimeProfile, ...] = ()
    holidays: tuple[Holiday, ...] = ()


_MEMBERS = tuple(item.name for item in fields(Case))


def rules_of(site: Site) -> CardRules:
    """Take what the site declares for swipes out of its declaration."""
    policy = CardPolicy(**{item.name: getattr(site.parameters, item.name) for item in fields(CardPolicy)})
    return CardRules(policy, site.zone, site.readers, site.profiles, site.holidays)


def case_of(
    presented: Presented, terminal: TerminalState, authority: Authority, rules: CardRules, now: datetime,
    asked: Asked | None = None,
) -> Case:  # fmt: skip
    """Gather what counts for one swipe, and nothing else: other people's cards stay out of the record."""
    asked = asked or Asked()
    second = asked.second
    card = authority.card(presented.card) if presented.card else None
    other = authority.card(second.card) if second is not None and second.card else None
    wanted = {right.profile for each in (card, other) if each is not None for right in each.rights}
    leases = [lease for lease in terminal.leases if lease.terminal == terminal.name or presented.card in lease.cards]
    mine = tuple(sorted(leases, key=lambda lease: lease.jti))
    return Case(
        rules=RULES,
        now=now,
        presented=presented,
        reader=_facts(rules, presented.reader),
        card=card,
        terminal=replace(terminal, leases=mine) if mine != terminal.leases else terminal,
        policy=rules.policy,
        zone=rules.zone,
        version=authority.version,
        file_mac=authority.file_mac,
        content=authority.content,
        purpose=asked.purpose,
        second=second,
        second_reader=None if second is None else _facts(rules, second.reader),
        second_card=other,
        profiles=tuple(profile for profile in rules.profiles if profile.name in wanted),
        holidays=near(rules.holidays, now, rules.zone),
    )


def write_case(case: Case) -> bytes:
    """Give the case as canonical JSON (RFC 8785)."""
    written = {
        name: _once(value) if name in _SHARED else canonical.dump_plain(to_plain(value))
        for name in _MEMBERS
        if (value := getattr(case, name)) is not None
    }
    return canonical.encode_object({}, written).encode("utf-8")


@lru_cache(maxsize=4096)
def _once(value: object) -> str:
    return canonical.dump_plain(to_plain(value))


def read_case(data: bytes) -> Case:
    """Read what :func:`write_case` gave; raises InputError for any other bytes, and for other rules' cases."""
    case = from_plain(Case, canonical.decode(data, "case"), "case")
    if case.rules != RULES:
        raise InputError(
            t("the decision was made by version {version} of the rules, not {ours}", version=case.rules, ours=RULES),
            where="case.rules",
            next_step=t("replay it with the release of Portseal that made it"),
        )
    parse_zone(case.zone)
    return case


def _facts(rules: CardRules, name: str) -> ReaderFacts | None:
    reader = rules.reader(name)
    return None if reader is None else reader.facts

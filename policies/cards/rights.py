"""The vocabulary of cards: what the access-control system's list says of them, what was swiped, and what comes of it.

No name of a person and no card number is in any of these values: a card and its holder are random pseudonyms, so that
a decision's whole input can stand in the ledger. Times are aware; :mod:`policies.codec` writes all of it as JSON.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256

from policies import canonical
from policies.cards.number import CardRule
from policies.codec import to_plain
from policies.grants import EVERY, Purpose
from policies.texts import Text
from policies.usb import STORAGE, Scope


class HolderStatus(StrEnum):
    """What the list says of a card and its holder: in force, held back for a while (also a lost card), or ended."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class Trust(StrEnum):
    """What a reader's swipe proves: that the message is the reader's own (authenticated), or only which card it names.

    A reader of trust `identified` alone never opens storage: others can make its messages or its cards' numbers.
    """

    AUTHENTICATED = "authenticated"
    IDENTIFIED = "identified"


class HolidayKind(StrEnum):
    """`off`: a holiday; `work`: a day of the weekend that is worked in exchange, and counts as a Monday."""

    OFF = "off"
    WORK = "work"


class OnHolidays(StrEnum):
    """What a time profile does on a holiday: stay shut, or follow the day of the week."""

    SHUT = "shut"
    OPEN = "open"


@dataclass(frozen=True, slots=True, order=True)
class Holiday:
    """A day that the calendar of the week does not tell."""

    day: date
    kind: HolidayKind = HolidayKind.OFF


@dataclass(frozen=True, slots=True)
class Window:
    """Hours of a week: `days` are ISO weekdays (1 Monday to 7 Sunday), `start` and `end` minutes of the day.

    `end` is exclusive and up to 1440. At or before `start` it is on the next day; the hours belong to `start`'s day.
    """

    days: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class TimeProfile:
    """When rights that name it count."""

    name: str
    windows: tuple[Window, ...]
    on_holidays: OnHolidays = OnHolidays.SHUT


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an opening goes. "*" alone in `ports` or `classes` is every one; `classes` are two hex digits each."""

    seconds: int
    devices: int
    classes: tuple[str, ...] = (STORAGE,)
    ports: tuple[str, ...] = (EVERY,)
    read_only: bool = False

    def meet(self, other: Limits) -> Limits:
        """Give what both allow: never more than either."""
        return Limits(
            seconds=min(self.seconds, other.seconds),
            devices=min(self.devices, other.devices),
            classes=common(self.classes, other.classes),
            ports=common(self.ports, other.ports),
            read_only=self.read_only or other.read_only,
        )

    @property
    def empty(self) -> bool:
        """Whether nothing is left to open."""
        return self.seconds < 1 or self.devices < 1 or not self.classes or not self.ports


def common(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """Give what is in both lists, in order, each once; "*" stands for everything."""
    if EVERY in one:
        return tuple(sorted(set(other))) if EVERY not in other else (EVERY,)
    return tuple(sorted(set(one) if EVERY in other else set(one) & set(other)))


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """That a card may open `terminals` ("*": every one) for `purposes`, in the hours of `profile` ("": at any time)."""

    terminals: tuple[str, ...]
    purposes: tuple[Purpose, ...]
    profile: str = ""

    def at(self, terminal: str) -> bool:
        """Tell whether it holds for a terminal."""
        return EVERY in self.terminals or terminal in self.terminals


@dataclass(frozen=True, slots=True)
class Card:
    """A card of the list by its pseudonym. `bearer` is its holder's ("": the list does not say whose it is).

    It counts from `valid_from` until before `valid_until` (None: no such bound). `limits` hold for all of its rights,
    so that more rights never narrow and fewer never widen what it opens.
    """

    card: str
    bearer: str
    status: HolderStatus
    rights: tuple[Right, ...]
    limits: Limits
    valid_from: datetime | None = None
    valid_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Authority:
    """The access-control system's list as imported: `version` rises with every import.

    `file_mac` is a hash of the file as it was given, by a key of the site's: from a plain one the short numbers in it
    could be found by trying. `content` is the SHA-256 of what was understood of it, in pseudonyms (see
    :func:`content_hash`). Cards are in the order of their pseudonyms.
    """

    version: int
    file_mac: str
    content: str
    cards: tuple[Card, ...] = ()

    def card(self, pseudonym: str) -> Card | None:
        """Give the card with this pseudonym, if the list has it."""
        place = bisect_left(self.cards, pseudonym, key=lambda card: card.card)
        found = self.cards[place] if place < len(self.cards) else None
        return found if found is not None and found.card == pseudonym else None


def content_hash(cards: Iterable[Card]) -> str:
    """Hash what was understood of a list: SHA-256, in hex, of its cards as canonical JSON in pseudonyms' order."""
    digest = sha256(b"[")
    written: dict[object, str] = {}

    def text(value: object) -> str:
        # 50,000 cards have some dozens of rights, limits and days; each is written once.
        if value not in written:
            written[value] = canonical.encode(to_plain(value)).decode("utf-8")
        return written[value]

    for place, card in enumerate(sorted(cards, key=lambda card: card.card)):
        members = (
            f'"bearer":{canonical.quote(card.bearer)},"card":{canonical.quote(card.card)}',
            f'"limits":{text(card.limits)},"rights":{text(card.rights)},"status":{text(card.status)}',
            *([f'"valid_from":{text(card.valid_from)}'] if card.valid_from is not None else ()),
            *([f'"valid_until":{text(card.valid_until)}'] if card.valid_until is not None else ()),
        )
        digest.update(f"{',' if place else ''}{{{','.join(members)}}}".encode())
    digest.update(b"]")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class ReaderFacts:
    """What of a reader counts for a decision: the terminals that it opens, its trust, and its longest lease."""

    name: str
    terminals: tuple[str, ...]
    trust: Trust
    longest_minutes: int = 480


@dataclass(frozen=True, slots=True)
class Reader:
    """A declared reader. `terminals` are those that it opens; `rule` is how its card numbers are to be read.

    `zone` (±hh:mm) is for times that it writes without one. No lease from a swipe here is longer than
    `longest_minutes`. Its messages come on `topics` (MQTT filters), to a webhook, or on its native topic; `device` and
    `door` pick them out of those that several readers share. `login` and `password` are those of a source without a
    certificate; `password` and `secret` (HMAC) are references, `public_key` is a PEM file below the site folder.
    """

    name: str
    format: str
    terminals: tuple[str, ...]
    trust: Trust
    rule: CardRule
    zone: str = "+08:00"
    longest_minutes: int = 480
    topics: tuple[str, ...] = ()
    webhook: str = ""
    device: str = ""
    door: str = ""
    login: str = ""
    password: str | None = None
    secret: str | None = None
    public_key: str = ""

    @property
    def native(self) -> bool:
        """Whether it speaks Portseal's own format, on its own topic, with a certificate of the site."""
        return self.format == "native"

    @property
    def webhook_name(self) -> str:
        """The last part of the address to which its device sends; "" for a reader on MQTT."""
        return "" if self.topics or self.native else self.webhook or self.name

    @property
    def facts(self) -> ReaderFacts:
        """What of it counts for a decision."""
        return ReaderFacts(self.name, self.terminals, self.trust, self.longest_minutes)


@dataclass(frozen=True, slots=True)
class Presented:
    """A swipe that reached the controller: `card` is the pseudonym ("": the number is in no list).

    `at` is the reader's own time, if it has a clock, `received` the controller's. `granted` is the access-control
    system's own word, if it gave one. `authenticated`: the message proved that it comes from the reader. `repeated`: an
    event with its id was taken before.
    """

    card: str
    reader: str
    received: datetime
    at: datetime | None = None
    granted: bool | None = None
    authenticated: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """What the operator said at the terminal: what for, and the second person's swipe, if there was one."""

    purpose: Purpose | None = None
    second: Presented | None = None


@dataclass(frozen=True, slots=True)
class OpenLease:
    """A lease that is open now: `cards` are those of the one or two people who opened it."""

    jti: str
    terminal: str
    cards: tuple[str, ...]
    opened: datetime


@dataclass(frozen=True, slots=True)
class TerminalState:
    """A terminal as the controller knows it. `status_at`: its last sign of life (None: none yet).

    `leases` are the open ones, other terminals' too; `ports` are those that may open at all.
    """

    name: str
    online: bool
    status_at: datetime | None
    leases: tuple[OpenLease, ...] = ()
    ports: tuple[str, ...] = (EVERY,)


@dataclass(frozen=True, slots=True)
class CardPolicy:
    """The site's parameters for swipes, under the names of `[policy]` in site.toml; the defaults are the notice's."""

    swipe_max_age_s: int
    swipe_ahead_s: int
    swipe_answer_s: int
    swipe_again_s: int
    terminal_silent_s: int
    second_person_for_storage: bool
    lease_case_minutes: int
    lease_maintenance_minutes: int
    lease_other_minutes: int
    lease_devices: int
    lease_keyboards: bool
    leases_per_terminal: int
    leases_per_card: int


class Kind(StrEnum):
    """What comes of a swipe: a grant, a refusal, a question to the operator, or the end of the card's own lease."""

    GRANT = "grant"
    DENIED = "denied"
    NEEDS = "needs"
    RELOCK = "relock"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided. `code` is a key of CODES in :mod:`policies.cards.decide`, `reason` its sentence.

    `next_step` says what helps and whom to ask. A grant has `scope` and `seconds`, and `second` when another person's
    card counted. `because` is the code of what is wrong with the second card. `purposes` are those to choose from,
    `relock` the leases (jti) that end.
    """

    kind: Kind
    code: str
    reason: Text
    next_step: Text
    scope: Scope | None = None
    seconds: int = 0
    second: str = ""
    because: str = ""
    purposes: tuple[Purpose, ...] = ()
    relock: tuple[str, ...] = ()

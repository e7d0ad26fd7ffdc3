"""A desk at a small site, on a real store and ledger: swipes in, and what is said and written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from controller.broker.events import Events
from controller.broker.presence import Presence
from controller.broker.say import Say
from controller.cards.desk import Desk, Parts
from controller.cards.leases import Leases
from controller.cards.manual import Manual
from controller.cards.offline import Offline
from controller.cards.offline import Parts as OfflineParts
from controller.cards.presenting import Presenting
from controller.cards.pseudonyms import CardKey
from controller.cards.signing import Signing
from controller.context import Context
from controller.ledger.entry import Entry
from controller.ledger.key import open_ledger
from controller.ledger.query import entries
from controller.store.open import open_store
from policies.cards.number import CardNumber
from policies.cards.rights import Authority
from policies.cards.swipe import Swipe
from policies.grants import Grant, Purpose, Revoke, read, read_revoke
from policies.keys import SigningKey
from policies.messages import notice
from policies.messages.event import AgentEvent, Head, Origin, sign_event
from policies.messages.notice import Notice
from policies.messages.request import Request
from policies.messages.status import State, Status
from policies.messages.topics import Kind
from policies.site import Site
from policies.terminal import Terminal, TerminalPlatform
from tests.unit.card_cases import LI, NOW, SITE, WANG, listed
from tests.unit.made_grants import BOOT, KEY, NONCE

AGENT = SigningKey(bytes(range(1, 33)))
NUMBERS = {"card-wang": CardNumber("04A1B2C3"), "card-li": CardNumber("04A1B2C4"), "": CardNumber("0BADC0DE")}
NAMES = {"card-wang": "王小明", "card-li": "李雷"}
TERMINALS = tuple(Terminal(name, TerminalPlatform.LINUX, True, "room", "office") for name in ("guard-1", "guard-2"))


@dataclass
class Answered:
    """What was said in one step, read as a terminal reads it."""

    said: list[Say] = field(default_factory=list)

    def of(self, kind: Kind) -> list[Say]:
        return [each for each in self.said if each.kind is kind]

    @property
    def grants(self) -> list[Grant]:
        return [read(each.payload, KEY.public) for each in self.of(Kind.GRANT) if not _is_notice(each.payload)]

    @property
    def notices(self) -> list[Notice]:
        found = [each.payload for each in self.of(Kind.GRANT) if _is_notice(each.payload)]
        return [notice.read(each, KEY.public) for each in found]

    @property
    def codes(self) -> list[str]:
        return [each.code for each in self.notices]

    @property
    def revokes(self) -> list[Revoke]:
        return [read_revoke(each.payload, KEY.public) for each in self.of(Kind.REVOKE)]


class DeskBench:
    """The desk with both terminals on the line; `now` moves when a test says so."""

    def __init__(self, folder: Path, site: Site = SITE, authority: Authority | None = None) -> None:
        self.now = NOW
        self.asked = 0
        self.store = open_store(folder, clock=lambda: self.now)
        self.site = replace(site, terminals=site.terminals or TERMINALS)
        self.context = Context(
            self.site, self.store, open_ledger(self.store, site.name), "controller", lambda: self.now
        )
        self.list = authority or listed(WANG, LI)
        self.key = CardKey(bytes(32))
        self.find = {self.key.card(number): card for card, number in NUMBERS.items() if card}
        self.start()

    def start(self) -> None:
        """Begin anew, as a process does that was killed: only the store knows what was before."""
        self.signing = Signing(self.context, KEY, lambda card: NAMES.get(card, ""))
        self.presence = Presence(self.context, self.now)
        self.leases = Leases(self.context, self.signing)
        self.offline = Offline(
            OfflineParts(self.context, self.presence, lambda: self.list, self.leases, KEY, self.key, self.signing.jti)
        )
        self.events = Events(self.context, KEY, self.heard)
        presenting = Presenting(self.store, self.key, lambda lookup: self.find.get(lookup, ""), self.offline.note)
        self.desk = Desk(Parts(self.context, self.presence, presenting, self.signing, lambda: self.list), self.leases)
        self.manual = Manual(self.context, self.presence, self.signing, self.leases)
        self.heads: dict[str, Head] = {}
        for name in ("guard-1", "guard-2"):
            self.status(name)

    def heard(self, event: AgentEvent, entry: Entry) -> list[Say]:
        return [*self.offline.heard(event, entry.at), *self.leases.heard(event, entry)]

    def close(self) -> None:
        self.offline.close()
        self.store.close()

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def do(self, work: Callable[[], list[Say]]) -> Answered:
        with self.store.transaction():
            return Answered(work())

    def status(self, name: str = "guard-1", state: State = State.SHUT, nonce: str = NONCE, ctr: int = 0) -> Answered:
        status = Status(BOOT, 1, nonce, 0, ctr, state)
        return self.do(lambda: self.presence.heard(name, status, self.now))

    def swipe(
        self, card: str = "card-wang", reader: str = "gate", received: datetime | None = None, **changes: Any
    ) -> Answered:
        """Swipe; the event has no number and no time but what is given."""
        made = Swipe(reader, NUMBERS[card], None, None, None, "native", authenticated=reader != "cheap")
        return self.do(lambda: self.desk.swipe(replace(made, **changes), received or self.now, self.now))

    def ask(self, purpose: Purpose = Purpose.CASE, name: str = "guard-1", id: str = "", **more: Any) -> Answered:  # noqa: A002
        self.asked += 1
        request = Request(id or f"r-{self.asked}", purpose, **more)
        return self.do(lambda: self.desk.request(name, request, self.now))

    def tell(self, kind: str, name: str = "guard-1", **data: Any) -> Answered:
        """Let a terminal tell an event of a lease, as it comes out of its chain."""
        event = self.event(kind, name, **data)
        return self.do(lambda: self.heard(event, self.last))

    def event(self, kind: str, name: str = "guard-1", **data: Any) -> AgentEvent:
        from policies.grants import Moment

        after = self.heads.get(name, Head())
        moment = Moment(self.now.timestamp(), 100.0)
        made = sign_event(AGENT, Origin(name, 1, BOOT), after, moment, kind, data)
        self.heads[name] = made.head
        return made

    def tick(self) -> Answered:
        return self.do(lambda: [*self.desk.tick(self.now), *self.leases.tick(self.now), *self.presence.tick(self.now)])

    def open(self, card: str = "card-wang", name: str = "guard-1") -> Grant:
        """Swipe, choose a purpose, and let the terminal open; gives the grant."""
        self.ask(name=name)
        (grant,) = self.swipe(card).grants
        self.tell("lease.opened", name, lease=grant.jti)
        return grant

    @property
    def entries(self) -> list[Entry]:
        return list(entries(self.store))

    @property
    def last(self) -> Entry:
        return self.entries[-1]

    @property
    def kinds(self) -> list[str]:
        return [each.kind for each in self.entries]


def _is_notice(token: bytes) -> bool:
    try:
        notice.read(token, KEY.public)
    except ValueError:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, it is no notice
        return False
    return True


def at(bench: DeskBench, ago: float = 0.0) -> datetime:
    """Give a time so many seconds ago."""
    return bench.now - timedelta(seconds=ago)

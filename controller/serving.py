"""What `portseal serve` is made of: broker, desk, web door, the socket for verbs, and the loop over them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from controller.broker.enrolment import enrol, renew
from controller.broker.events import Events
from controller.broker.link import Link, Place
from controller.broker.locks import Locks
from controller.broker.presence import Presence
from controller.broker.say import Say
from controller.broker.site import ManagedBroker, broker_address, client_tls
from controller.cards.book import Book
from controller.cards.desk import Desk, Parts
from controller.cards.follow import Following
from controller.cards.leases import Leases
from controller.cards.manual import Manual, ManualGrant
from controller.cards.offline import Offline
from controller.cards.offline import Parts as OfflineParts
from controller.cards.people import two_people
from controller.cards.posting import may_post
from controller.cards.presenting import BY_NUMBER, Presenting
from controller.cards.pseudonyms import card_key
from controller.cards.publishing import Publishing
from controller.cards.readers import Readers
from controller.cards.signing import Signing
from controller.context import Context
from controller.control import Answer, Asked, Control
from controller.inbox import Desks, Inbox
from controller.ledger.entry import Entry
from controller.secrets.signing import grant_key
from controller.server import CHECKPOINT, LOOK, Chore, Server
from controller.store.grants import forget_swipes
from controller.store.offline import forget_permits
from controller.store.traps import sweep_traps
from controller.traps.site import TrapReceiver
from controller.web.door import Callbacks, Posted
from controller.web.site import site_door
from policies.cards.number import UnreadableSwipe
from policies.codec import stamp
from policies.errors import InputError, NotFound, UsageError
from policies.grants import Purpose
from policies.messages.event import AgentEvent
from policies.messages.identities import Identity, Role
from policies.messages.topics import Kind
from policies.site import BrokerMode
from policies.texts import t

_log = logging.getLogger("portseal.serve")

#: Seconds between two sweeps of what needs no remembering any more.
_SWEEP = 3600.0


@dataclass(frozen=True, slots=True)
class Serving:
    """The running controller, put together; `broker` is None where the site has one of its own."""

    context: Context
    server: Server
    desks: Desks
    inbox: Inbox
    book: Book
    manual: Manual
    broker: ManagedBroker | None
    more: dict[object, Callable[[Asked], Answer]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Answer:
        """Do what a verb on this machine asks; runs in a thread of the control socket."""
        verbs: dict[object, Callable[[Asked], Answer]] = {
            "terminals": self._terminals, "grant": self._grant, "lease.revoke": self._revoke,
        }  # fmt: skip
        verb = verbs.get(asked.get("do")) or self.more.get(asked.get("do"))
        if verb is None:
            raise UsageError(t("the controller does not know what is asked"))
        return verb(asked)

    def callbacks(self) -> Callbacks:
        """Give what the web door calls, in threads of its own."""

        def enrolled(data: bytes, peer: str) -> str:
            answer = enrol(self.context, data, peer=peer)
            self.server.soon("identities")  # the broker must know it before it comes
            return answer

        def renewed(data: bytes, serial: str, peer: str) -> str:
            return renew(self.context, data, serial, peer=peer)

        return Callbacks(enrolled, renewed, self._posted)

    def _posted(self, posted: Posted) -> int:
        """Take what a reader has sent to the web door; gives the HTTP status."""
        readers = self.desks.readers
        if not may_post(readers, posted.reader, posted.authorization):
            return 401

        def work(now: datetime) -> tuple[int, list[Say]]:
            try:
                swipes = readers.webhook(posted.reader, posted.content_type, posted.body)
            except UnreadableSwipe as error:
                return 400, self.inbox.unreadable(error.reader or posted.reader, error, now)
            return 200, [said for each in swipes for said in self.desks.desk.swipe(each, now, now)]

        return self.server.call(work)

    def _terminals(self, _: Asked) -> Answer:
        """Say which terminals are there now, and when each was last heard."""

        def work(now: datetime) -> tuple[Answer, list[Say]]:
            presence = self.desks.presence
            names = [each.name for each in self.context.site.terminals if each.agent]
            heard = {name: presence.heard_at(name) for name in names}
            told: Answer = {
                "broker": self.server.connected,
                "online": {name: presence.online(name, now) for name in names},
                "heard": {name: None if at is None else stamp(at) for name, at in heard.items()},
            }
            return told, []

        return self.server.call(work)

    def _grant(self, asked: Asked) -> Answer:
        terminal = self.context.site.terminal(_text(asked, "terminal"))
        if terminal is None:
            raise NotFound(t("the site has no such terminal"), where=_text(asked, "terminal"))
        minutes = asked.get("minutes")
        if not isinstance(minutes, int) or not 1 <= minutes <= 60:
            raise InputError(t("the time is 1 to 60 minutes"), where="--minutes")
        people = asked.get("people")
        wanted = ManualGrant(
            terminal, two_people([str(each) for each in people] if isinstance(people, list) else []),
            Purpose(_text(asked, "purpose")), minutes, _text(asked, "reason"),
        )  # fmt: skip
        actor = _text(asked, "actor")
        return {"lease": self.server.call(lambda now: self.manual.grant(wanted, actor, now))}

    def _revoke(self, asked: Asked) -> Answer:
        jti, reason, actor = (_text(asked, member) for member in ("jti", "reason", "actor"))

        def work(now: datetime) -> tuple[bool, list[Say]]:
            found = [each for each in self.desks.leases.open(now) if each.jti == jti]
            said = [said for each in found for said in self.desks.leases.revoke(each, "revoked", actor, now, reason)]
            return bool(found), said

        return {"ended": self.server.call(work)}


@contextlib.contextmanager
def serving(context: Context) -> Iterator[Serving]:
    """Put the controller together and start its parts; `Serving.server.run` is the caller's to call.

    Raises ConfigError for keys, secrets or a declaration that cannot be used, Busy when another one serves this site,
    and EquipmentError when the broker does not start.
    """
    context = replace(context, actor="controller")
    with contextlib.ExitStack() as stack:
        broker = ManagedBroker(context) if context.site.broker.mode is BrokerMode.MANAGED else None
        following, publishing = Following(context), Publishing(context)
        stack.callback(following.close)
        stack.callback(publishing.close)
        made = _assembled(context, broker, following, publishing)
        # First: it is also what keeps a second controller from this site.
        stack.callback(made.desks.offline.close)
        control = Control(context.site.folder, made.answer)
        stack.callback(control.close)
        if broker is not None:
            broker.start()
            stack.callback(broker.stop)
        if context.site.traps.listen:
            _receiving(context, made, stack)
        door = site_door(context, made.callbacks())
        door.start()
        stack.callback(door.stop)
        yield made


def _receiving(context: Context, made: Serving, stack: contextlib.ExitStack) -> None:
    """Receive switches' notifications, until the stack is left."""
    receiver = TrapReceiver(context, lambda: made.server.soon("traps"))
    stack.callback(receiver.close)
    made.server.add(Chore("traps", 1.0, receiver.work))
    made.more["traps"] = lambda _: receiver.status()
    receiver.start()


def _assembled(
    context: Context, broker: ManagedBroker | None, following: Following, publishing: Publishing
) -> Serving:  # fmt: skip
    key, now = grant_key(context.site.folder), context.clock()
    book = Book(context.store)
    signing = Signing(context, key, book.name)
    leases = Leases(context, signing)
    presence = Presence(context, now)
    cards = card_key(context.site.folder)
    offline = Offline(OfflineParts(context, presence, book.authority, leases, key, cards, signing.jti))
    presenting = Presenting(context.store, cards, book.find, offline.note)
    desk = Desk(Parts(context, presence, presenting, signing, book.authority), leases)
    locks = Locks(context, key, presence)
    readers = Readers.load(context.site, certified=broker is not None)

    def heard(event: AgentEvent, entry: Entry) -> list[Say]:
        """Take what a terminal's event says; an opening without a connection first becomes a lease like others."""
        return [*offline.heard(event, entry.at), *leases.heard(event, entry)]

    desks = Desks(desk, leases, Events(context, key, heard), presence, readers, offline, publishing, locks)
    inbox = Inbox(context, desks)
    identity = Identity(Role.CONTROLLER)
    place = Place(*broker_address(context.site), client_tls(context, identity))
    link = Link(place, str(identity), inbox.interests(), context.clock)
    manual = Manual(context, presence, signing, leases)
    server = Server(context, link, inbox, _chores(context, inbox, desks, book, broker, following))
    return Serving(context, server, desks, inbox, book, manual, broker)


def _chores(
    context: Context, inbox: Inbox, desks: Desks, book: Book, broker: ManagedBroker | None, following: Following
) -> tuple[Chore, ...]:  # fmt: skip
    def cards(now: datetime) -> list[Say]:
        """Let go of what a new list, or a revocation, does not give any more."""
        withdrawn = book.look()
        return inbox.together(lambda: desks.leases.withdraw(withdrawn, now)) if withdrawn else []

    def identities(_: datetime) -> list[Say]:
        if broker is not None:
            broker.look()
        return []

    def checkpoint(_: datetime) -> list[Say]:
        note = context.ledger.checkpoint(keep=False).note.encode()
        return [Say(Kind.CHECKPOINT, "", lambda: note, retain=True)]

    def sweep(now: datetime) -> list[Say]:
        forget_swipes(context.store, now)
        sweep_traps(context.store, now)
        forget_permits(context.store, now - BY_NUMBER)
        return []

    def published(now: datetime) -> list[Say]:
        """Read what the access-control system has published."""
        publishing = desks.publishing
        if publishing is None or not publishing.wanted:
            return []
        return inbox.together(lambda: publishing.step(now))

    def export(_: datetime) -> list[Say]:
        """Follow the access-control system's export; what is wrong with it is in the ledger, and told here."""
        following.step()
        return []

    return (
        Chore("export", 1.0, export),
        Chore("published", 1.0, published),
        Chore("cards", 1.0, cards),
        Chore("identities", LOOK, identities, hurried=True),
        Chore("checkpoint", CHECKPOINT, checkpoint),
        Chore("sweep", _SWEEP, sweep),
    )


def _text(asked: Asked, member: str) -> str:
    value: Any = asked.get(member)
    if not isinstance(value, str) or not value:
        raise UsageError(t("the request has no {member}", member=member))
    return value

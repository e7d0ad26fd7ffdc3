"""What comes over the broker, one batch in one commit: decided and written down together, answered afterwards."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.broker.events import Events, finding
from controller.broker.link import Interest, Message
from controller.broker.locks import Locks
from controller.broker.presence import Presence
from controller.broker.say import Say
from controller.cards.desk import Desk
from controller.cards.leases import Leases
from controller.cards.offline import Offline
from controller.cards.publishing import Publishing
from controller.cards.readers import Readers
from controller.context import Context
from policies.cards.number import UnreadableSwipe
from policies.cards.rights import Kind as Came
from policies.errors import InputError, StorageFailed
from policies.messages import request, status, topics
from policies.messages.lock import parse_state
from policies.messages.topics import Kind, Topic

_log = logging.getLogger("portseal.serve")

#: What a reader sends that cannot be read is written down again after this long, not each time.
QUIET = timedelta(minutes=1)
#: Kinds of our own topics that the controller listens to; only a status is wanted as the broker keeps it.
_OURS = (Kind.REQUEST, Kind.EVENT, Kind.STATUS, Kind.LOCK_STATE)


@dataclass(frozen=True, slots=True)
class Desks:
    """Who handles what comes."""

    desk: Desk
    leases: Leases
    events: Events
    presence: Presence
    readers: Readers
    offline: Offline
    publishing: Publishing | None = None
    locks: Locks | None = None


class Inbox:
    """Takes batches; what is given back is to be sent, and the messages to be acknowledged."""

    def __init__(self, context: Context, desks: Desks) -> None:
        self._context, self._desks = context, desks
        self._terminals = frozenset(each.name for each in context.site.terminals)
        self._agents = frozenset(each.name for each in context.site.terminals if each.agent)
        self._told: dict[tuple[str, str, str], datetime] = {}

    def interests(self) -> list[Interest]:
        """Give what to subscribe to."""
        site = self._context.site.name
        publishing, readers = self._desks.publishing, self._desks.readers
        kinds = [*_OURS, *([Kind.CARDS] if publishing is not None and publishing.wanted else [])]
        ours = [Interest(topics.every(site, kind), retained=kind is Kind.STATUS) for kind in kinds]
        return [*ours, *(Interest(topic, waiting=readers.dated(topic)) for topic in readers.topics())]

    def take(self, messages: Sequence[Message], now: datetime) -> list[Say]:
        """Handle a batch in one commit; raises StorageFailed when nothing of it could be written down.

        A message whose handling fails by a mistake of ours is dropped alone, and not with the whole batch.
        """
        try:
            return self.together(lambda: [said for each in messages for said in self._one(each, now)])
        except StorageFailed:
            raise
        except Exception:  # noqa: BLE001 - a mistake of ours in one thing must not take all others down
            _log.exception("a message could not be handled")
            if len(messages) == 1:
                return []
        return [said for each in messages for said in self.take([each], now)]

    def together(self, work: Callable[[], list[Say]]) -> list[Say]:
        """Do something in one commit; when that fails, nothing of it is remembered either."""
        desks = self._desks
        memory, told = desks.desk.memory.copy(), dict(self._told)
        try:
            with self._context.store.transaction():
                return [*work(), *desks.events.acks()]
        except BaseException:
            desks.desk.memory, self._told = memory, told
            desks.events.forget()
            desks.presence.forget()
            desks.offline.forget()
            for each in (desks.publishing, desks.locks):
                if each is not None:
                    each.forget()
            raise

    def unrecorded(self, messages: Sequence[Message], now: datetime) -> list[Say]:
        """Tell operators whose swipe is among messages that could not be written down that nothing opens."""
        readers, signing = self._desks.readers, self._desks.desk.signing
        names = {name for each in messages for name in readers.terminals_of(each.topic)}
        return [signing.say(signing.notice(name, Came.DENIED, "not_recorded", now)) for name in sorted(names)]

    def tick(self, now: datetime) -> list[Say]:
        """Do what time brings."""
        desks = self._desks
        ticks = [desks.desk.tick, desks.leases.tick, desks.presence.tick, desks.offline.tick]
        ticks += [] if desks.locks is None else [desks.locks.tick]
        return self.together(lambda: [said for tick in ticks for said in tick(now)])

    def _one(self, message: Message, now: datetime) -> list[Say]:
        topic = _ours(message.topic, self._context.site.name)
        if topic is None or topic.kind is Kind.SWIPE:
            return self._swiped(message, now)
        if topic.kind is Kind.CARDS:
            return self._published(message, now)
        try:
            return self._told_by_terminal(topic, message, now)
        except InputError as error:
            return self._unreadable(f"terminal.{topic.kind.name.lower()}_unreadable", topic.name, error, now)

    def _told_by_terminal(self, topic: Topic, message: Message, now: datetime) -> list[Say]:
        desks = self._desks
        if topic.name not in (self._terminals if topic.kind is Kind.LOCK_STATE else self._agents):
            return []  # removed from site.toml; its certificate is to be revoked
        if topic.kind is Kind.STATUS:
            return desks.presence.heard(topic.name, status.parse(message.payload), now)
        if message.retained:
            return []  # a request or an event that the broker keeps is a replay
        if topic.kind is Kind.LOCK_STATE:
            return [] if desks.locks is None else desks.locks.heard(topic.name, parse_state(message.payload), now)
        if topic.kind is Kind.REQUEST:
            return desks.desk.request(topic.name, request.parse(message.payload), now)
        return desks.events.take(topic.name, message.payload, now)

    def _published(self, message: Message, now: datetime) -> list[Say]:
        publishing = self._desks.publishing
        if publishing is None or not publishing.wanted or message.retained:
            return []
        try:
            return publishing.take(message.payload, now)
        except InputError as error:
            return self._unreadable("cards.unreadable", "cards", error, now)

    def _swiped(self, message: Message, now: datetime) -> list[Say]:
        try:
            swipes = self._desks.readers.swipes(message.topic, message.payload, retained=message.retained)
        except UnreadableSwipe as error:
            return self.unreadable(error.reader or message.topic, error, now)
        return [said for each in swipes for said in self._desks.desk.swipe(each, message.at, now)]

    def unreadable(self, subject: str, error: UnreadableSwipe, now: datetime) -> list[Say]:
        """Write down that what a reader has sent could not be read; `subject` is the reader, or where it came from."""
        return self._unreadable("swipe.unreadable", subject, error, now)

    def _unreadable(self, kind: str, subject: str, error: InputError, now: datetime) -> list[Say]:
        """Write down that something could not be read, once in a while: noise may come without end."""
        cause = str(getattr(error, "fault", "malformed"))
        before = self._told.get((kind, subject, cause))
        if before is not None and now - before < QUIET:
            return []
        self._told[kind, subject, cause] = now
        return finding(self._context, kind, subject[:200], {"cause": cause, "where": error.where[:200]})


def _ours(topic: str, site: str) -> Topic | None:
    """Give a topic of ours; None for one in a reader's own words."""
    if not topic.startswith(topics.ROOT):
        return None
    try:
        found = topics.parse(topic)
    except InputError:
        return None
    return found if found.site == site else None

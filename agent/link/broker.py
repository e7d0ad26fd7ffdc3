"""The terminal's connection to the broker (MQTT 5 over TLS): orders in, events and status out.

paho's thread only hands over: what arrives waits in a queue until the agent's one loop takes it. The broker keeps
nothing for us (a clean start each time): orders that came while the terminal was away are worthless, and events wait on
our own disk until the controller says that they are in its ledger.

paho can be dead and look alive (an exception in a callback ends its thread, and it still says "connected"). So the
status goes out regularly, and one that the broker does not confirm in time has the whole client made anew.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from policies.errors import ConfigError, InputError, Unreachable
from policies.messages import topics
from policies.messages.request import EXPIRY_SECONDS
from policies.messages.status import State, Status
from policies.messages.topics import Kind, Topic
from policies.texts import t

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_log = logging.getLogger("portseal.link")
_SPREAD = random.SystemRandom()

#: Seconds between two statuses when nothing changes, and until the broker must have confirmed one.
HEARTBEAT_SECONDS, PATIENCE_SECONDS = 30.0, 15.0
#: Seconds of MQTT's keep-alive: after one and a half of them the broker sends our last will.
KEEPALIVE_SECONDS = 15
#: Seconds after which events are sent again that the controller has not acknowledged: at first, and at most.
AGAIN_SECONDS, LATER_SECONDS = 4.0, 60.0
#: Events on their way at one time, and orders that wait for the loop (further ones are dropped: they come again).
WINDOW, MOST_ORDERS = 100, 1000
#: Seconds until a lost connection is tried again: a time between these two, another one for each terminal, or a
#: thousand of them would come in the same moment to a broker that has room for a hundred to wait; and at most.
BACK_SECONDS, LATEST_SECONDS = (0.5, 2.5), 30
#: What the terminal listens to.
_ORDERS = (Kind.GRANT, Kind.REVOKE, Kind.EVENT_ACK, Kind.LOCK_STATE)


@dataclass(frozen=True, slots=True)
class BrokerPlace:
    """Where the broker is, and the files that prove who is who: the authority, our certificate, our key."""

    host: str
    port: int
    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Order:
    """A message for the terminal; a retained one is a replay of something old."""

    kind: Kind
    payload: bytes
    retained: bool


class Sent(StrEnum):
    """How far a request came: handed to the broker, confirmed by it, or given up."""

    SENT = "sent"
    CONFIRMED = "confirmed"
    LOST = "lost"


@dataclass(slots=True)
class _Asking:
    """A request on its way since `since` (monotonic)."""

    since: float
    info: Any = None
    sent: Sent = Sent.SENT

    def look(self) -> Sent:
        """See whether the broker has confirmed it."""
        if self.sent is Sent.SENT and self.info is not None:
            try:
                self.sent = Sent.CONFIRMED if self.info.is_published() else Sent.SENT
            except (ValueError, RuntimeError):  # paho did not take it
                self.sent = Sent.LOST
        return self.sent


class Link:
    """One terminal's connection; `start` returns at once, and connecting goes on for as long as it takes."""

    def __init__(self, place: BrokerPlace, site: str, terminal: str, status: Callable[[], Status]) -> None:
        self._place, self._site, self._terminal, self._status = place, site, terminal, status
        self._orders: queue.Queue[Order] = queue.Queue(MOST_ORDERS)
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._context = _context(place)
        self._client: Client | None = None
        self._connections = 0
        self._seen = 0
        self._sent = 0
        self._sent_at = 0.0
        self._acked = 0
        self._again = AGAIN_SECONDS
        self._said: Status | None = None
        self._said_at = 0.0
        self._unconfirmed: list[tuple[Any, float]] = []
        self._refused = False
        self._asking: list[_Asking] = []
        self._losses = 0
        self._over = False

    @property
    def connected(self) -> bool:
        """Whether the broker is there now, as far as is known."""
        return self._client is not None and self._client.is_connected()

    def fileno(self) -> int:
        """Give a file descriptor that is readable when orders wait or the connection changed."""
        return self._reader

    def start(self) -> None:
        """Begin to connect, in the background."""
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        client = mqtt.Client(CallbackAPIVersion.VERSION2, f"terminal.{self._terminal}", protocol=mqtt.MQTTv5)
        client.tls_set_context(self._context)
        # paho doubles it each time, whether it is whole or not.
        client.reconnect_delay_set(_SPREAD.uniform(*BACK_SECONDS), LATEST_SECONDS)  # type: ignore[arg-type]
        client.max_queued_messages_set(2 * WINDOW)
        offline = replace(self._status(), state=State.OFFLINE)
        client.will_set(self._topic(Kind.STATUS), offline.encode(), qos=1, retain=True)
        client.on_socket_open = _at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.connect_async(self._place.host, self._place.port, KEEPALIVE_SECONDS)
        client.loop_start()
        self._client = client

    def move(self, place: BrokerPlace) -> None:
        """Connect anew, with other certificates or to another place; raises ConfigError when they cannot be used."""
        self._context, self._place = _context(place), place
        self._drop()
        self.start()

    def close(self, last: State = State.STOPPED) -> None:
        """Say that the terminal stops, and hang up."""
        if self._client is not None:
            if self._client.is_connected():
                with suppress(ValueError, RuntimeError):
                    status = replace(self._status(), state=last)
                    self._publish(Kind.STATUS, status.encode(), retain=True).wait_for_publish(2.0)
            self._drop()
        for descriptor in (self._reader, self._writer):
            os.close(descriptor)

    def orders(self) -> list[Order]:
        """Take what has arrived since the last call."""
        with suppress(BlockingIOError):
            while os.read(self._reader, 4096):
                pass
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._orders.get_nowait())
        return found

    def pump(self, unacked: Callable[[int, int], tuple[tuple[int, bytes], ...]], acked: int, head: int) -> None:
        """Send the status when it is time, and events that the controller lacks.

        `acked` is the number of the last event that it has, `head` that of our last; `unacked` gives pages between.
        """
        now = time.monotonic()
        self._look_after_requests(now)
        if self._client is None or not self._client.is_connected():
            return
        if self._connections != self._seen:
            # Whatever was on its way on the old connection may be lost.
            self._seen, self._sent, self._said = self._connections, acked, None
            self._unconfirmed.clear()
        self._unconfirmed = [(info, since) for info, since in self._unconfirmed if not info.is_published()]
        if any(now - since > PATIENCE_SECONDS for _, since in self._unconfirmed):
            _log.warning("the broker confirms nothing; connecting anew")
            self._anew()
            return
        if acked > self._acked:
            self._acked, self._again = acked, AGAIN_SECONDS
        if self._sent > acked and now - self._sent_at > self._again:
            self._sent, self._again = acked, min(2 * self._again, LATER_SECONDS)
        self._sent = max(self._sent, acked)
        room = WINDOW - (self._sent - acked)
        for seq, raw in unacked(self._sent, room) if room > 0 and head > self._sent else ():
            self._publish(Kind.EVENT, raw)
            self._sent, self._sent_at = seq, now
        # Behind the events: that a lease has opened is waited for, and the next status is for the next grant.
        self._say_status(now)

    def request(self, payload: bytes) -> Callable[[], Sent]:
        """Send a request of the operator's, now or never; gives what tells how far it came.

        Raises Unreachable when the broker is away. paho sends again on the next connection what was not confirmed on
        the last one, however late; so a client that loses its connection with a request on its way is given up.
        """
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        losses = self._losses
        if not self.connected:
            raise _away()
        assert self._client is not None
        asking = _Asking(time.monotonic())
        self._asking.append(asking)  # first: the connection may be lost while it is handed over
        expiry = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        expiry.MessageExpiryInterval = EXPIRY_SECONDS
        asking.info = self._client.publish(self._topic(Kind.REQUEST), payload, qos=1, retain=False, properties=expiry)
        if self._losses != losses or not self.connected:
            self._anew()
            raise _away()
        return asking.look

    def _look_after_requests(self, now: float) -> None:
        """Give up requests that the broker does not confirm, together with the client that would send them again."""
        self._asking = [each for each in self._asking if each.look() is Sent.SENT]
        late = any(now - each.since > EXPIRY_SECONDS for each in self._asking)
        if self._over or late:
            self._anew()

    def _anew(self) -> None:
        for each in self._asking:
            each.sent = Sent.LOST
        self._asking, self._over = [], False
        self._drop()
        self.start()

    def _say_status(self, now: float) -> None:
        status = self._status()
        same = self._said is not None and replace(self._said, seq=status.seq) == status
        # Right after its enrolment a terminal may come before the broker knows what it may say.
        if same and now - self._said_at < (AGAIN_SECONDS if self._refused else HEARTBEAT_SECONDS):
            return
        self._refused = False
        info = self._publish(Kind.STATUS, status.encode(), retain=True)
        self._said, self._said_at = status, now
        self._unconfirmed.append((info, now))

    def _publish(self, kind: Kind, payload: bytes, *, retain: bool = False) -> Any:
        assert self._client is not None
        return self._client.publish(self._topic(kind), payload, qos=1, retain=retain)

    def _topic(self, kind: Kind) -> str:
        return str(Topic(self._site, kind, self._terminal))

    def _drop(self) -> None:
        if self._client is not None:
            with suppress(ValueError, OSError):
                self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    # paho's thread. Nothing may be raised here: it would end that thread without a word.

    def _on_connect(self, client: Client, _user: object, _flags: object, code: Any, _properties: object) -> None:
        if code.is_failure:
            _log.warning("the broker refuses this terminal: %s", code)
            return
        client.subscribe([(self._topic(kind), _options()) for kind in _ORDERS])
        self._connections += 1
        self._wake()

    def _on_disconnect(self, client: Client, _user: object, _flags: object, _code: Any, _properties: object) -> None:
        self._losses += 1
        if self._asking:
            self._over = True
            client.loop_stop()  # from its own thread: it ends, and connects no more
        self._wake()

    def _on_message(self, _client: Client, _user: object, message: MQTTMessage) -> None:
        with suppress(InputError, queue.Full):
            kind = topics.parse(message.topic).kind
            self._orders.put_nowait(Order(kind, bytes(message.payload), bool(message.retain)))
        self._wake()

    def _on_publish(self, _client: Client, _user: object, _mid: int, code: Any, _properties: object) -> None:
        if code.is_failure:
            self._refused = True

    def _wake(self) -> None:
        with suppress(OSError):
            os.write(self._writer, b"x")


def _away() -> Unreachable:
    return Unreachable(
        t("the connection to the controller is down"),
        next_step=t("wait until it is back, or ask the administrator of this site"),
    )


def _at_once(_client: Client, _user: object, sock: Any) -> None:
    """Send small messages at once: an event behind an acknowledgement waited 40 ms for the other end's TCP."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _options() -> Any:
    """Ask not to be sent what the broker keeps: an order that is kept is a replay."""
    from paho.mqtt.subscribeoptions import SubscribeOptions

    return SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)


def _context(place: BrokerPlace) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(place.authority))
        context.load_cert_chain(place.certificate, place.key)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            t("the certificates for the broker cannot be used ({cause})", cause=str(error)[:200]),
            where=str(place.certificate.parent),
            next_step=t("enrol the terminal anew"),
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context

"""The controller's connection to the broker (MQTT 5 over TLS), for one thread that also does everything else.

There is no thread of paho's: who owns the link waits for its socket, and what was readable together is handled in one
commit. A message is acknowledged to the broker only after that commit, so that what a killed controller had not yet
written down is delivered again. What goes out is worth nothing later: after a loss of the connection it is dropped.
"""

from __future__ import annotations

import functools
import logging
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_log = logging.getLogger("portseal.broker")

#: Seconds of MQTT's keep-alive, and until a connection must stand.
KEEPALIVE_SECONDS, PATIENCE_SECONDS = 30, 10
#: Seconds for which the broker keeps what comes while the controller is away.
SESSION_SECONDS = 3600
#: Messages that the broker may have on their way to us at one time, and that one batch takes.
IN_FLIGHT, BATCH = 1000, 500
#: Seconds between two attempts to connect: at first, and at most.
AGAIN_SECONDS, LATER_SECONDS = 0.2, 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker listens, and how it and we know each other."""

    host: str
    port: int
    tls: ssl.SSLContext = field(repr=False)


@dataclass(frozen=True, slots=True)
class Interest:
    """A topic filter to subscribe to; `retained`: what the broker keeps there is wanted too.

    With `waiting` False the broker keeps nothing of it while we are away: what says no time of its own would be taken
    for new when it comes late.
    """

    topic: str
    retained: bool = False
    waiting: bool = True


@dataclass(frozen=True, slots=True)
class Message:
    """What came, and when by the clock here. `mid` and `qos` are for its acknowledgement."""

    topic: str
    payload: bytes = field(repr=False)
    retained: bool
    mid: int
    qos: int
    connection: int
    at: datetime


class Link:
    """One identity's connection; nothing here blocks, and nothing raises for what the network does."""

    def __init__(
        self, place: Place, identity: str, interests: Iterable[Interest], clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._place, self._identity, self._interests = place, identity, tuple(interests)
        self._client: Client | None = None
        self._dialling: threading.Thread | None = None
        self._dialled: Client | None = None
        self._wait, self._next = AGAIN_SECONDS, 0.0
        self._inbox: list[Message] = []
        self._ready_at = 0.0
        self.connection = 0
        self.up = False

    def socket(self) -> Any:
        """Give the socket to wait for, or None while there is none."""
        return None if self._client is None else self._client.socket()

    def wants_write(self) -> bool:
        """Whether something waits to go out."""
        return self._client is not None and self._client.want_write()

    def tend(self) -> None:
        """Connect, notice what is broken, send pings; to be called at least every second."""
        now = time.monotonic()
        if self._client is not None:
            self._client.loop_misc()
            if self._client.socket() is None:
                self._lost()
            elif not self.up and now - self._ready_at > PATIENCE_SECONDS:
                _log.warning("the broker does not answer")
                self._lost()
        elif self._dialling is not None:
            if not self._dialling.is_alive():
                self._dialling, self._client, self._dialled = None, self._dialled, None
                self._ready_at = now
                if self._client is None:
                    self._next, self._wait = now + self._wait, min(2 * self._wait, LATER_SECONDS)
        elif now >= self._next:
            self._dialling = threading.Thread(target=self._dial, name="dial", daemon=True)
            self._dialling.start()

    def read(self) -> list[Message]:
        """Take what has arrived, up to a batch."""
        client = self._client
        if client is None:
            return []
        try:
            while len(self._inbox) < BATCH and self._readable(client):
                if client.loop_read() != 0:
                    break
        except Exception:  # noqa: BLE001 - paho raises whatever it meets in a packet that no broker would send
            _log.warning("the broker sent what cannot be read; connecting anew")
            self._lost()
        found, self._inbox = self._inbox, []
        return found

    @property
    def buffered(self) -> bool:
        """Whether TLS holds bytes that the socket does not show any more."""
        return self._client is not None and self._pending(self._client)

    def flush(self) -> None:
        """Write what waits, as far as the socket takes it."""
        if self._client is not None and self._client.want_write():
            self._client.loop_write()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False, expiry: int = 0) -> bool:
        """Send with QoS 1, to be dropped by the broker after `expiry` seconds; False while there is no connection."""
        if self._client is None or not self.up:
            return False
        properties = _expiring(expiry) if expiry else None
        with suppress(ValueError):
            return self._client.publish(topic, payload, qos=1, retain=retain, properties=properties).rc == 0
        return False

    def done(self, messages: Iterable[Message]) -> None:
        """Acknowledge messages: what came of them is on disk."""
        for message in messages:
            if self._client is not None and message.connection == self.connection:
                self._client.ack(message.mid, message.qos)

    def close(self) -> None:
        """Hang up; the broker forgets nothing that was not acknowledged."""
        if self._client is not None:
            with suppress(ValueError, OSError):
                self._client.disconnect()
                self._client.loop_write()
        self._client, self.up = None, False

    def _dial(self) -> None:
        """Connect, in a thread of its own: names, TCP and TLS may take their time, or never answer."""
        client = self._made()
        try:
            client.connect(self._place.host, self._place.port, KEEPALIVE_SECONDS, clean_start=False,
                           properties=_session())  # fmt: skip
        except (OSError, ValueError) as error:
            _log.warning("the broker cannot be reached: %s", error)
            return
        self._dialled = client

    def _made(self) -> Client:
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            self._identity,
            protocol=mqtt.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        client.connect_timeout = PATIENCE_SECONDS
        client.max_queued_messages_set(0)
        # 0: no limit. With one, paho looks through all that is on its way at every acknowledgement.
        client.max_inflight_messages_set(0)
        client.tls_set_context(self._place.tls)
        client.on_socket_open = _at_once
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _lost(self) -> None:
        with suppress(ValueError, OSError):
            if self._client is not None:
                self._client.disconnect()
        self._client, self.up = None, False
        self._inbox.clear()
        self._next = time.monotonic() + self._wait
        self._wait = min(2 * self._wait, LATER_SECONDS)

    def _on_connect(self, client: Client, _user: object, _flags: object, code: Any, _properties: object) -> None:
        if code.is_failure:
            _log.warning("the broker refuses us: %s", code)
            return
        self.up, self._wait = True, AGAIN_SECONDS
        self.connection += 1
        client.subscribe([(each.topic, _options(each)) for each in self._interests])

    def _on_disconnect(self, client: Client, _user: object, _flags: object, _code: Any, _properties: object) -> None:
        if client is self._client and self.up:
            _log.warning("the connection to the broker is lost")
            self.up = False

    def _on_message(self, _client: Client, _user: object, message: MQTTMessage) -> None:
        with suppress(UnicodeDecodeError):
            self._inbox.append(
                Message(
                    message.topic, bytes(message.payload), bool(message.retain), message.mid, message.qos,
                    self.connection, self._clock(),
                )
            )  # fmt: skip

    @classmethod
    def _readable(cls, client: Client) -> bool:
        """Whether a read would give something now; paho's own answer does not tell."""
        sock = client.socket()
        return sock is not None and (cls._pending(client) or bool(select.select([sock], [], [], 0)[0]))

    @staticmethod
    def _pending(client: Client) -> bool:
        sock = client.socket()
        return isinstance(sock, ssl.SSLSocket) and sock.pending() > 0


def _at_once(_client: Client, _user: object, sock: Any) -> None:
    """Send small messages at once: a grant behind an acknowledgement waited 40 ms for the other end's TCP."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _options(interest: Interest) -> Any:
    from paho.mqtt.subscribeoptions import SubscribeOptions

    handling = SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE if interest.retained else SubscribeOptions.RETAIN_DO_NOT_SEND
    return SubscribeOptions(qos=int(interest.waiting), retainHandling=handling)


@functools.cache
def _expiring(seconds: int) -> Any:
    """Give a message's properties; making them takes paho longer than sending it, and few are ever asked for."""
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = seconds
    return properties


def _session() -> Any:
    from paho.mqtt.packettypes import PacketTypes
    from paho.mqtt.properties import Properties

    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = SESSION_SECONDS
    properties.ReceiveMaximum = IN_FLIGHT
    return properties

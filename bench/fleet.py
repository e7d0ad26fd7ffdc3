"""Many terminals in one process: `python -m bench.fleet PORT FOLDER FIRST COUNT`, told what to do on stdin.

Each has its own certificate, TLS and MQTT 5 session, subscriptions, last will, retained status and heartbeat, as
`agent.link.broker` has them, and comes back after a loss as it does: after a second or two, then after twice as long.
But one loop drives them all, with paho's loop functions and handshakes that do not block. On stdout: a line of JSON for
each question.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import random
import resource
import secrets
import selectors
import socket
import ssl
import sys
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.link.broker import BACK_SECONDS, HEARTBEAT_SECONDS, KEEPALIVE_SECONDS, LATEST_SECONDS, PATIENCE_SECONDS
from policies.messages.status import State, Status
from policies.messages.topics import Kind, Topic

SITE = "hq"
_ORDERS = (Kind.GRANT, Kind.REVOKE, Kind.EVENT_ACK, Kind.LOCK_STATE)
_AGAIN = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


class _Client(mqtt.Client):
    """paho's client on a socket that was connected, and its handshake done, without blocking."""

    ready: Any = None

    def _create_socket(self) -> Any:
        return self.ready


@dataclass(frozen=True, slots=True)
class Place:
    """Where the broker listens, the folder of the certificates, and the loop's selector."""

    port: int
    folder: Path
    selector: selectors.BaseSelector


class Terminal:
    """One terminal; `due` is when it wants to be looked at next (monotonic)."""

    def __init__(self, place: Place, name: str) -> None:
        self._place, self._name = place, name
        self._context = ssl.create_default_context(cafile=str(place.folder / "ca.pem"))
        self._context.load_cert_chain(place.folder / f"terminal.{name}.pem")
        self.status = Status(str(uuid.uuid4()), 1, secrets.token_urlsafe(16), 1, 0, State.SHUT)
        self._first = random.uniform(*BACK_SECONDS)
        self._delay, self._since = 0.0, 0.0
        self._shaking: Any = None
        self.up, self.due, self.attempts = False, 0.0, 0
        self._client = _Client(CallbackAPIVersion.VERSION2, f"terminal.{name}", protocol=mqtt.MQTTv5)
        self._client.tls_set_context(self._context)
        self._client.on_connect, self._client.on_publish = self._on_connect, self._on_publish
        self._client.on_disconnect = lambda *_: self._later()
        self._client.on_socket_open = lambda _c, _u, sock: self._watch(sock, selectors.EVENT_READ)
        self._client.on_socket_close = lambda _c, _u, sock: self._unwatch(sock)
        self._client.on_socket_register_write = lambda _c, _u, sock: self._watch(sock, 3)
        self._client.on_socket_unregister_write = lambda _c, _u, sock: self._watch(sock, selectors.EVENT_READ)
        self._client.connect_async("127.0.0.1", place.port, KEEPALIVE_SECONDS)

    def cut(self) -> None:
        """Lose the connection without a word, and come back as after a start: with another boot and nonce."""
        if self._shaking is not None:
            self._unwatch(self._shaking)
            self._shaking.close()
            self._shaking = None
        self._client._sock_close()
        self.status = replace(self.status, boot=str(uuid.uuid4()), boots=self.status.boots + 1,
                              nonce=secrets.token_urlsafe(16))  # fmt: skip
        self._delay = 0.0
        self._later()

    def look(self, now: float) -> None:
        """Do what time brings: connect, give up, say the status again, ping."""
        if self._shaking is not None:
            self._failed()  # the handshake took too long
        elif self._client.socket() is None:
            self._dial(now)
        else:
            self._client.loop_misc()
            self.due = now + 1.0
            if self.up and now - self._since > HEARTBEAT_SECONDS:
                self._say(now)

    def ready(self, mask: int) -> None:
        """Go on with the socket, which is readable or writable."""
        if self._shaking is not None:
            self._shake()
            return
        if mask & selectors.EVENT_WRITE:
            self._client.loop_write()
        if mask & selectors.EVENT_READ:
            self._client.loop_read()
            while isinstance(sock := self._client.socket(), ssl.SSLSocket) and sock.pending():
                self._client.loop_read()

    def _dial(self, now: float) -> None:
        self.attempts += 1
        plain = socket.socket()
        plain.setblocking(False)
        with suppress(BlockingIOError):
            plain.connect(("127.0.0.1", self._place.port))
        self._shaking = plain
        self._watch(plain, selectors.EVENT_WRITE)
        self.due = now + PATIENCE_SECONDS

    def _shake(self) -> None:
        sock = self._shaking
        assert sock is not None
        try:
            if not isinstance(sock, ssl.SSLSocket):
                self._unwatch(sock)
                sock = self._shaking = self._context.wrap_socket(
                    sock, server_hostname="127.0.0.1", do_handshake_on_connect=False
                )
            sock.do_handshake()
        except _AGAIN as wanted:
            self._watch(sock, selectors.EVENT_READ if isinstance(wanted, ssl.SSLWantReadError) else 2)
        except OSError:
            self._failed()
        else:
            self._unwatch(sock)
            self._shaking, self._client.ready = None, sock
            self._client.will_set(self._topic(Kind.STATUS), replace(self.status, state=State.OFFLINE).encode(), 1, True)
            self._client.reconnect()
            self.due = time.monotonic() + 1.0

    def _failed(self) -> None:
        if self._shaking is not None:
            self._unwatch(self._shaking)
            self._shaking.close()
            self._shaking = None
        self._later()

    def _later(self) -> None:
        self._delay = min(2 * self._delay or self._first, LATEST_SECONDS)
        self.up, self.due = False, time.monotonic() + self._delay

    def _on_connect(self, client: mqtt.Client, _user: object, _flags: object, code: Any, _properties: object) -> None:
        if code.is_failure:
            return
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe([(self._topic(kind), options) for kind in _ORDERS])
        self._say(time.monotonic())

    def _on_publish(self, _client: object, _user: object, _mid: int, code: Any, _properties: object) -> None:
        if not code.is_failure:
            self._delay, self.up = 0.0, True

    def _say(self, now: float) -> None:
        self._since = now
        self._client.publish(self._topic(Kind.STATUS), self.status.encode(), qos=1, retain=True)

    def _topic(self, kind: Kind) -> str:
        return str(Topic(SITE, kind, self._name))

    def _watch(self, sock: Any, mask: int) -> None:
        selector = self._place.selector
        known = sock.fileno() in selector.get_map()
        (selector.modify if known else selector.register)(sock, mask, self)

    def _unwatch(self, sock: Any) -> None:
        with suppress(KeyError, ValueError):
            self._place.selector.unregister(sock)


class Fleet:
    """All of them, and the loop."""

    def __init__(self, place: Place, names: list[str]) -> None:
        self._place = place
        self._terminals = [Terminal(place, name) for name in names]
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Terminal]] = []

    def run(self) -> None:
        """Drive them until stdin ends."""
        self._place.selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        self._requeue()
        ends = 0.0
        while True:
            for key, mask in self._place.selector.select(0.02):
                if key.data is None:
                    word = os.read(sys.stdin.fileno(), 1)
                    if not word:
                        return
                    self._told(word)
                else:
                    key.data.ready(mask)
            now = time.monotonic()
            if now >= ends:
                self._requeue()
                ends = now + 0.1
            while self._queue and self._queue[0][0] <= now:
                heapq.heappop(self._queue)[2].look(now)

    def _requeue(self) -> None:
        # Their times change with what happens to them; so the queue is made anew, now and then.
        self._queue = [(each.due, next(self._order), each) for each in self._terminals]
        heapq.heapify(self._queue)

    def _told(self, word: bytes) -> None:
        if word == b"x":
            for each in self._terminals:
                each.cut()
            self._requeue()
        used = resource.getrusage(resource.RUSAGE_SELF)
        told = {
            "up": sum(each.up for each in self._terminals), "attempts": sum(each.attempts for each in self._terminals),
            "cpu": used.ru_utime + used.ru_stime, "mb": used.ru_maxrss / 1024,
        }  # fmt: skip
        print(json.dumps(told), flush=True)


def main(port: int, folder: Path, first: int, count: int) -> None:
    """Play so many terminals."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    names = [f"T{number}" for number in range(first, first + count)]
    Fleet(Place(port, folder, selectors.DefaultSelector()), names).run()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))

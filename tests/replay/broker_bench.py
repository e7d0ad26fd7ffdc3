"""A real broker with the site's own certificates, and clients that say and hear as one identity each."""

from __future__ import annotations

import queue
import socket
import ssl
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from controller.broker.authority import Authority, broker_key, private_pem
from controller.broker.mosquitto import Files, Legacy, Listener, Mosquitto
from controller.broker.passwords import password_file
from controller.secrets.value import Secret
from policies.messages.identities import Identity, Role, acl, login_acl

SITE = "hq"
NOW = datetime.now(UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True)
class Sources:
    """Readers that speak another format: their topics by name; login → (password, topics) of the legacy listener."""

    foreign: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    logins: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)


class Bench:
    """A broker of `identities` (and the controller) in `root`; with `sources` it has the legacy listener too."""

    def __init__(self, root: Path, *identities: Identity, sources: Sources | None = None) -> None:
        self.root = root
        self.sources = sources or Sources()
        self.authority, _ = Authority.create(SITE, NOW)
        self.identities = [Identity(Role.CONTROLLER), *identities]
        self.revoked: list[str] = []
        self.clients: list[Client] = []
        key = broker_key()
        self._key, self._certificate = private_pem(key), self.authority.issue_broker(key, ["127.0.0.1"], NOW).pem
        # Not below `root`: a broker that root starts becomes another user, who cannot enter pytest's folders.
        self._folder = tempfile.TemporaryDirectory(prefix="portseal-broker-")
        legacy = Legacy(port=free_port()) if sources is not None else None
        self.broker = Mosquitto(Path(self._folder.name), Listener(port=free_port()), root / "broker.log", legacy)
        self.broker.start(self.files())

    def close(self) -> None:
        self.hang_up()
        self.broker.stop()
        self._folder.cleanup()

    def files(self) -> Files:
        revoked = self.authority.revocations(self.revoked, NOW)
        return Files(
            self.authority.certificate,
            self._certificate,
            self._key,
            revoked,
            acl(SITE, self.identities, self.sources.foreign),
            login_acl({login: topics for login, (_, topics) in self.sources.logins.items()}),
            password_file({login: Secret(word) for login, (word, _) in self.sources.logins.items()}),
        )

    def context(self, identity: Identity, authority: Authority | None = None) -> ssl.SSLContext:
        """Make the TLS side of a process with its own key and certificate."""
        key, issued = (authority or self.authority).issue_own(identity, NOW)
        self.last_serial = issued.serial
        folder = self.root / f"tls-{issued.serial}"
        folder.mkdir()
        (folder / "key").write_bytes(key)
        (folder / "pem").write_bytes(issued.pem)
        context = ssl.create_default_context(cadata=self.authority.certificate.decode())
        context.load_cert_chain(folder / "pem", folder / "key")
        return context

    def client(self, identity: Identity, client_id: str = "", authority: Authority | None = None) -> Client:
        made = Client(self.broker.listener.port, self.context(identity, authority), client_id)
        self.clients.append(made)
        return made

    def plain(
        self, login: str, word: str, client_id: str = "", *, version: MQTTProtocolVersion = mqtt.MQTTv5, **more: Any
    ) -> Client:
        """Connect to the legacy listener with name and password; `more` are the client's (will, keepalive)."""
        assert self.broker.legacy is not None
        made = Client(self.broker.legacy.port, None, client_id, login=(login, word), **more)
        self.clients.append(made)
        return made

    def hang_up(self) -> None:
        """Close every client that a test has left."""
        while self.clients:
            self.clients.pop().close()


class Client:
    """A connected client; `heard` is a queue of (topic, payload, retained)."""

    def __init__(
        self,
        port: int,
        context: ssl.SSLContext | None,
        client_id: str,
        *,
        login: tuple[str, str] | None = None,
        version: MQTTProtocolVersion = mqtt.MQTTv5,
        will: str = "",
        keepalive: int = 60,
    ) -> None:
        self.heard: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        self.ended = threading.Event()
        self._answers: dict[int, Any] = {}
        self._answered = threading.Condition()
        self.version = version
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=version, reconnect_on_failure=False)
        self.mqtt.max_inflight_messages_set(500)
        if context is not None:
            self.mqtt.tls_set_context(context)
        if login is not None:
            self.mqtt.username_pw_set(*login)
        if will:
            self.mqtt.will_set(will, b"offline", retain=True)
        self.mqtt.on_message = lambda _c, _u, m: self.heard.put((m.topic, bytes(m.payload), m.retain))
        self.mqtt.on_publish = lambda _c, _u, mid, code, _p: self._answer(mid, code)
        self.mqtt.on_subscribe = lambda _c, _u, mid, codes, _p: self._answer(mid, codes[0])
        self.mqtt.on_disconnect = lambda *_: self.ended.set()
        connected = threading.Event()
        self.code: Any = None

        def on_connect(_c: object, _u: object, _f: object, code: Any, _p: object) -> None:
            self.code = code
            connected.set()

        self.mqtt.on_connect = on_connect
        try:
            self.mqtt.connect("127.0.0.1", port, keepalive)
            self.mqtt.loop_start()
            if not connected.wait(3):
                raise ConnectionError("no answer to CONNECT")
        except OSError:
            self.close()
            raise

    def subscribe(self, topic: str) -> Any:
        _, mid = self.mqtt.subscribe(topic, qos=1)
        assert mid is not None
        return self._wait(mid)

    def say(self, topic: str, payload: bytes, *, retain: bool = False, expiry: int = 0) -> Any:
        """Publish with QoS 1 and give the broker's reason code."""
        if self.version != mqtt.MQTTv5:
            return self._wait(self.mqtt.publish(topic, payload, qos=1, retain=retain).mid)
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if expiry:
            properties.MessageExpiryInterval = expiry
        info = self.mqtt.publish(topic, payload, qos=1, retain=retain, properties=properties)
        return self._wait(info.mid)

    def hear(self, seconds: float = 5.0) -> tuple[str, bytes, bool] | None:
        try:
            return self.heard.get(timeout=seconds)
        except queue.Empty:
            return None

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        # paho leaves a pair of sockets to its __del__, and in a cycle of garbage theirs may come first, and warn.
        self.mqtt._reset_sockets()

    def _answer(self, mid: int, code: Any) -> None:
        with self._answered:
            self._answers[mid] = code
            self._answered.notify_all()

    def _wait(self, mid: int) -> Any:
        with self._answered:
            assert self._answered.wait_for(lambda: mid in self._answers, 5), "no answer from the broker"
            return self._answers.pop(mid)

"""A real broker with the site's own certificates, and clients that say and hear as one identity each."""

from __future__ import annotations

import queue
import socket
import ssl
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from controller.broker.authority import Authority, broker_key, private_pem
from controller.broker.mosquitto import Files, Listener, Mosquitto
from policies.messages.identities import Identity, Role, acl

SITE = "hq"
NOW = datetime.now(UTC)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Bench:
    """A broker of `identities` (and the controller) in `root`."""

    def __init__(self, root: Path, *identities: Identity) -> None:
        self.root = root
        self.authority, _ = Authority.create(SITE, NOW)
        self.identities = [Identity(Role.CONTROLLER), *identities]
        self.revoked: list[str] = []
        self.clients: list[Client] = []
        key = broker_key()
        self._key, self._certificate = private_pem(key), self.authority.issue_broker(key, ["127.0.0.1"], NOW).pem
        # Not below `root`: a broker that root starts becomes another user, who cannot enter pytest's folders.
        self._folder = tempfile.TemporaryDirectory(prefix="portseal-broker-")
        self.broker = Mosquitto(Path(self._folder.name), Listener(port=free_port()), root / "broker.log")
        self.broker.start(self.files())

    def close(self) -> None:
        self.hang_up()
        self.broker.stop()
        self._folder.cleanup()

    def files(self) -> Files:
        revoked = self.authority.revocations(self.revoked, NOW)
        return Files(self.authority.certificate, self._certificate, self._key, revoked, acl(SITE, self.identities))

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

    def hang_up(self) -> None:
        """Close every client that a test has left."""
        while self.clients:
            self.clients.pop().close()


class Client:
    """A connected client; `heard` is a queue of (topic, payload, retained)."""

    def __init__(self, port: int, context: ssl.SSLContext, client_id: str) -> None:
        self.heard: queue.Queue[tuple[str, bytes, bool]] = queue.Queue()
        self.ended = threading.Event()
        self._answers: dict[int, Any] = {}
        self._answered = threading.Condition()
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5)
        self.mqtt.tls_set_context(context)
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
            self.mqtt.connect("127.0.0.1", port)
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

    def _answer(self, mid: int, code: Any) -> None:
        with self._answered:
            self._answers[mid] = code
            self._answered.notify_all()

    def _wait(self, mid: int) -> Any:
        with self._answered:
            assert self._answered.wait_for(lambda: mid in self._answers, 5), "no answer from the broker"
            return self._answers.pop(mid)

"""A native reader of the lab: enrolled with a certificate, it swipes cards over the site's broker."""

from __future__ import annotations

import secrets
import ssl
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.broker.files import authority, row_of
from controller.broker.site import broker_address
from controller.context import Context
from controller.store.certificates import put_certificate
from policies import canonical
from policies.errors import DeviceTimeout
from policies.messages.identities import Identity, Role
from policies.messages.topics import Kind, Topic
from policies.texts import t

#: Seconds until the broker must have taken a swipe.
PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Gate:
    """One reader; every swipe is a connection of its own, as of a device that sleeps in between."""

    site: str
    name: str
    host: str
    port: int
    tls: ssl.SSLContext = field(repr=False)

    @classmethod
    def enrol(cls, context: Context, name: str) -> Gate:
        """Make a reader's key and certificate; on a real site its key is made in the reader."""
        identity = Identity(Role.READER, name)
        vouching = authority(context)
        key, issued = vouching.issue_own(identity, datetime.now(UTC))
        with context.store.transaction() as connection:
            put_certificate(connection, row_of(issued, datetime.now(UTC)))
        tls = ssl.create_default_context(cadata=vouching.certificate.decode("ascii"))
        with tempfile.TemporaryDirectory() as folder:
            both = Path(folder) / "reader.pem"
            both.touch(mode=0o600)
            both.write_bytes(issued.pem + key)
            tls.load_cert_chain(both)
        return cls(context.site.name, name, *broker_address(context.site), tls)

    def swipe(self, card: str) -> None:
        """Swipe a card, by its number as the reader writes it; raises DeviceTimeout when the broker does not take it.

        The message is written here from its schema (policies/messages/schemas/swipe.json).
        """
        import paho.mqtt.client as mqtt
        from paho.mqtt.enums import CallbackAPIVersion

        message = canonical.encode(
            {"at": int(time.time()), "card": card, "jti": secrets.token_urlsafe(16), "reader": self.name,
             "typ": "portseal-swipe/1"}
        )  # fmt: skip
        client = mqtt.Client(CallbackAPIVersion.VERSION2, f"reader.{self.name}", protocol=mqtt.MQTTv5)
        client.tls_set_context(self.tls)
        ready = threading.Event()

        def connected(*_: Any) -> None:
            ready.set()

        client.on_connect = connected
        client.connect(self.host, self.port)
        client.loop_start()
        try:
            taken = ready.wait(PATIENCE_S)
            if taken:
                info = client.publish(str(Topic(self.site, Kind.SWIPE, self.name)), message, qos=1)
                info.wait_for_publish(PATIENCE_S)
                taken = info.is_published()
        finally:
            client.disconnect()
            client.loop_stop()
        if not taken:
            raise DeviceTimeout(t("the broker does not answer"), where=f"{self.host}:{self.port}")

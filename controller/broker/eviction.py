"""Ending one process's live connection to the broker, and nobody else's.

A broker keeps a connection whose certificate was revoked meanwhile. But a client id is the name in the certificate, and
has one connection at a time (MQTT 5.0, section 3.1.4): whoever comes under the same name takes it over. So the site's
authority makes itself a certificate of that name, for a moment, comes, and goes.
"""

from __future__ import annotations

import ssl
import tempfile
import threading
from pathlib import Path
from typing import Any

from controller.broker.files import authority
from controller.context import Context
from policies.errors import DeviceTimeout
from policies.messages.identities import Identity
from policies.texts import t

#: Seconds until the broker must have taken the connection.
_SECONDS = 5.0


def evict(context: Context, identity: Identity, host: str, port: int) -> None:
    """End the connection of `identity`, if it has one; raises OSError or DeviceTimeout when that cannot be said."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    taken = threading.Event()

    def connected(_client: object, _user: object, _flags: object, code: Any, _properties: object) -> None:
        if not code.is_failure:
            taken.set()

    client = mqtt.Client(CallbackAPIVersion.VERSION2, str(identity), protocol=mqtt.MQTTv5)
    client.tls_set_context(_passing(context, identity))
    client.on_connect = connected
    client.connect(host, port)
    client.loop_start()
    try:
        if not taken.wait(_SECONDS):
            raise DeviceTimeout(t("the broker does not answer"), where=f"{host}:{port}")
    finally:
        client.disconnect()
        client.loop_stop()


def _passing(context: Context, identity: Identity) -> ssl.SSLContext:
    """Make a certificate that is in no file for longer than it takes to read it, and good for a day."""
    vouching = authority(context)
    key, issued = vouching.issue_own(identity, context.clock(), days=1)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(cadata=vouching.certificate.decode("ascii"))
    with tempfile.TemporaryDirectory(prefix="portseal-") as folder:
        both = Path(folder) / "both.pem"
        both.touch(0o600)
        both.write_bytes(key + issued.pem)
        made.load_cert_chain(both)
    return made

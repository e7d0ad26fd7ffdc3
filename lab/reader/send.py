"""Sending what a device sends: to a broker with a certificate or with a login, or to a webhook."""

from __future__ import annotations

import base64
import http.client
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lab.reader.tap import Sent
from policies.errors import AuthenticationFailed, DeviceTimeout, InputError, Unreachable
from policies.texts import t

#: Seconds that the other side has for an answer.
_PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Way:
    """How a device reaches the other side: `authority` (PEM) for TLS, with its own certificate or with a login."""

    host: str
    port: int
    authority: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    login: str = ""
    password: str = field(default="", repr=False)

    def tls(self) -> ssl.SSLContext | None:
        """Give the TLS side; None for plain TCP."""
        if self.authority is None:
            return None
        made = ssl.create_default_context(cafile=str(self.authority))
        if self.certificate is not None:
            made.load_cert_chain(self.certificate, self.key)
        return made


def publish(way: Way, messages: Iterable[Sent], *, retain: bool = False) -> None:
    """Publish with QoS 1, as devices do: MQTT 3.1.1, or 5 with a certificate.

    Raises Unreachable, AuthenticationFailed and DeviceTimeout. A message on a topic that the broker forbids is lost
    without a word with 3.1.1, as it is for a device.
    """
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    version = mqtt.MQTTv5 if way.certificate is not None else mqtt.MQTTv311
    client = mqtt.Client(CallbackAPIVersion.VERSION2, "", protocol=version, reconnect_on_failure=False)
    if (context := way.tls()) is not None:
        client.tls_set_context(context)
    if way.login:
        client.username_pw_set(way.login, way.password)
    answers: list[Any] = []
    client.on_connect = lambda _c, _u, _f, code, _p: answers.append(code)
    where = f"{way.host}:{way.port}"
    try:
        client.connect(way.host, way.port, keepalive=30)
        _until(client, lambda: bool(answers), where)
        if answers[0].is_failure:
            raise AuthenticationFailed(t("the broker refuses the reader's login or certificate"), where=where)
        for each in messages:
            told = client.publish(each.topic, each.payload, qos=1, retain=retain)
            _until(client, told.is_published, where)
        client.disconnect()
        client.loop(0.1)
    except DeviceTimeout:
        raise
    except OSError as error:
        raise Unreachable(
            t("the broker cannot be reached ({cause})", cause=error.strerror or type(error).__name__), where=where
        ) from None
    finally:
        client._reset_sockets()


def _until(client: Any, done: Any, where: str) -> None:
    from time import monotonic

    ends = monotonic() + _PATIENCE
    while not done():
        # A refusal is an answer, and ends the connection too.
        ended = client.loop(0.1) != 0
        if not done() and (ended or monotonic() > ends):
            raise DeviceTimeout(t("the broker does not answer"), where=where)


def post(url: str, sent: Sent, way: Way | None = None) -> int:
    """Send a body to a webhook and give the HTTP status; raises InputError for no address, and Unreachable."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InputError(t("not an address of a webhook"), next_step=t("write https://HOST:PORT/reader/NAME"))
    headers = {"Content-Type": sent.content_type, "User-Agent": "Portseal lab"}
    if way is not None and way.login:
        word = base64.b64encode(f"{way.login}:{way.password}".encode()).decode()
        headers["Authorization"] = f"Basic {word}"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = (way.tls() if way is not None else None) or ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.hostname, parts.port or 443, timeout=_PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port or 80, timeout=_PATIENCE)
    try:
        connection.request("POST", parts.path or "/", sent.payload, headers)
        return connection.getresponse().status
    except OSError as error:
        cause = error.strerror or type(error).__name__
        raise Unreachable(t("the webhook cannot be reached ({cause})", cause=cause), where=url) from None
    finally:
        connection.close()

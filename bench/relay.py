"""One end of a message's way, as a process: `python -m bench.relay ROLE PORT FOLDER`; what it measures is on stdout.

`controller` and `terminal` pass on what they hear as the real ones would, with nothing done in between; `flood` swipes
as fast as the broker takes it.
"""

from __future__ import annotations

import secrets
import ssl
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from drivers.cards.native import NativeSwipe

TOPIC = "portseal/1/hq"
SWIPE, GRANT, EVENT = (f"{TOPIC}/{rest}" for rest in ("reader/gate-1/swipe", "terminal/T1/grant", "terminal/T1/event"))


def connected(port: int, folder: Path, name: str, *subscribed: str) -> mqtt.Client:
    """Give a client with a thread of its own, connected and subscribed."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    context.load_cert_chain(folder / f"{name}.pem")
    client = mqtt.Client(CallbackAPIVersion.VERSION2, name, protocol=mqtt.MQTTv5)
    client.tls_set_context(context)
    client.max_inflight_messages_set(500)
    ready = Event()
    client.on_subscribe = lambda *_: ready.set()

    def on_connect(*_: Any) -> None:
        if subscribed:
            client.subscribe([(topic, 1) for topic in subscribed])
        else:
            ready.set()

    client.on_connect = on_connect
    client.connect("127.0.0.1", port)
    client.loop_start()
    if not ready.wait(20):
        raise SystemExit(f"{name}: the broker does not answer")
    return client


def relay(client: mqtt.Client, name: str) -> None:
    """Pass on what comes; the controller tells when it came back."""

    def on_message(_client: object, _user: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == SWIPE:
            client.publish(GRANT, message.payload, qos=1)
        elif message.topic == GRANT:
            client.publish(EVENT, message.payload, qos=1)
        else:
            print(time.monotonic_ns(), flush=True)

    client.on_message = on_message
    print(f"{name} is ready", flush=True)
    Event().wait()


def flood(client: mqtt.Client, count: int) -> None:
    """Swipe so often, as fast as the broker takes it."""
    print(time.monotonic_ns(), flush=True)
    last = None
    for number in range(count):
        message = NativeSwipe("gate-1", f"{number % 50 + 1:08X}", int(time.time()), secrets.token_urlsafe(16))
        last = client.publish(SWIPE, message.encode(), qos=1)
        if number % 500 == 499:
            last.wait_for_publish(60)
    if last is not None:
        last.wait_for_publish(60)
    print(time.monotonic_ns(), flush=True)


def main(role: str, port: int, folder: Path, count: int = 0) -> None:
    """Play one role."""
    if role == "controller":
        relay(connected(port, folder, "controller", SWIPE, EVENT), role)
    elif role == "terminal":
        relay(connected(port, folder, "terminal.T1", GRANT), role)
    else:
        flood(connected(port, folder, "reader.gate-1"), count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:]))

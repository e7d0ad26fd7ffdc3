"""The controller's end of a terminal's connection, and the terminal's enrolment, for tests over a real broker."""

from __future__ import annotations

import secrets
import time
from typing import Any

from policies.cards.rights import Kind
from policies.grants import Grant, sign
from policies.keys import SigningKey
from policies.messages import ack as acks
from policies.messages import notice as notices
from policies.messages.event import AgentEvent, digest, read_event
from policies.messages.identities import Identity, Role
from policies.messages.notice import Notice
from policies.messages.request import Request
from policies.messages.request import parse as parse_request
from policies.messages.status import Status
from policies.messages.status import parse as parse_status
from policies.usb import Scope
from tests.replay.agent_process import KEY, Place
from tests.replay.broker_bench import NOW, Bench, Client

CONTROLLER, TERMINAL = Identity(Role.CONTROLLER), Identity(Role.TERMINAL, "T1")
TOPIC = "portseal/1/hq/terminal/T1"
COPY = Scope(("*",), ("08",), 1, "case")


class Controller:
    """The other end: hears all of the terminal, and signs for it."""

    def __init__(self, bench: Bench) -> None:
        self.client: Client = bench.client(CONTROLLER)
        for last in ("event", "status", "request"):
            self.client.subscribe(f"{TOPIC}/{last}")
        self.events: dict[int, AgentEvent] = {}
        self.statuses: list[Status] = []
        self.requests: list[Request] = []

    def listen(self, until: Any, seconds: float = 15.0) -> None:
        """Take what comes until a condition holds."""
        ends = time.monotonic() + seconds
        while not until():
            heard = self.client.hear(max(0.01, ends - time.monotonic()))
            assert heard is not None, (self.kinds(), self.statuses[-1:])
            topic, payload, _ = heard
            if topic.endswith("/event"):
                event = read_event(payload, None)
                self.events.setdefault(event.seq, event)
            elif topic.endswith("/request"):
                self.requests.append(parse_request(payload))
            else:
                self.statuses.append(parse_status(payload))

    def kinds(self) -> list[str]:
        return [self.events[seq].kind for seq in sorted(self.events)]

    def wait_for(self, kind: str) -> None:
        self.listen(lambda: kind in self.kinds())

    def token(self, **changes: Any) -> bytes:
        status = self.statuses[-1]
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": "hq", "aud": "T1", "sub": "c", "jti": secrets.token_hex(8), "iat": now, "nbf": now, "exp": now + 60,
            "boot": status.boot, "nonce": status.nonce, "ctr": status.ctr + 1, "scope": COPY,
        }  # fmt: skip
        return sign(Grant(**(claims | changes)), KEY).encode()

    def grant(self, **changes: Any) -> None:
        """Let it open."""
        self.client.say(f"{TOPIC}/grant", self.token(**changes), expiry=10)

    def notice(self, kind: Kind, code: str, *, retain: bool = False, **more: Any) -> None:
        """Answer a swipe with a notice."""
        told = Notice("hq", "T1", int(time.time()), secrets.token_hex(8), kind, code, **more)
        self.client.say(f"{TOPIC}/grant", notices.sign(told, KEY).encode(), retain=retain, expiry=0 if retain else 10)

    def ack(self, seq: int, key: SigningKey = KEY) -> None:
        raw = self.events[seq].raw
        self.client.say(f"{TOPIC}/event/ack", acks.sign(acks.Ack("hq", "T1", seq, digest(raw)), key).encode())


def enrol(place: Place, bench: Bench) -> None:
    """Give a terminal its certificate, and the broker's place."""
    key, issued = bench.authority.issue_own(TERMINAL, NOW)
    for name, content in (("ca.pem", bench.authority.certificate), ("agent.pem", issued.pem), ("agent-tls.key", key)):
        (place.etc / name).write_bytes(content)
    with (place.etc / "agent.toml").open("a", encoding="utf-8") as file:
        file.write(f'[broker]\nhost = "127.0.0.1"\nport = {bench.broker.listener.port}\n')

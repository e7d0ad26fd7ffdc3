"""A lab terminal with the agent at work in it, and the controller's side of it: its site key, its grants.

What a terminal has after enrolment is put there by hand: agent.toml and the public grant key. In a guest without a
service manager the processes of the units are started one by one, as the units do.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.fleet import golden
from lab.terminal.machine import Machine
from lab.terminal.vm import Result, Snapshot, Terminal
from policies.grants import Grant, Revoke, sign, sign_revoke
from policies.keys import PublicKey, SigningKey
from policies.messages import event as events
from policies.messages.event import AgentEvent, Head
from policies.usb import STORAGE, Scope

AGENT = "/opt/portseal/bin/portseal-agent"
PYTHON = "PYTHONPATH=/opt/portseal python3"
SITE, NAME = "lab", "terminal-1"
#: A grant as a swipe for copying a video makes it: one storage device at any port.
COPY = Scope(("*",), (STORAGE,), 1, "case")

#: The lab's site key: everybody may know it, and a snapshot that has it can be used by all.
LAB_KEY = SigningKey(hashlib.sha256(b"portseal lab terminal").digest())

#: Stands for the socket unit, which starts a process for each connection.
_UNMOUNT = """
import os, signal, socket
from agent.usb import storage
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
storage.SOCKET.unlink(missing_ok=True)
listener = socket.socket(socket.AF_UNIX)
listener.bind(str(storage.SOCKET))
listener.listen()
while True:
    link, _ = listener.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os._exit(storage.main(link.fileno(), link.fileno()))
    link.close()
"""


@dataclass(slots=True)
class Sealed:
    """The agent in `guest`. `key` signs grants; `counter` is of the last one."""

    guest: Terminal
    key: SigningKey = LAB_KEY
    counter: int = 0

    @classmethod
    def restore(cls, machine: Machine) -> Sealed:
        """Give a guest in which all is at work, and in which nothing is plugged in; to be closed by the caller."""
        return cls(Terminal.restore(_at_work(machine), same_boot=True))

    def set_up(self) -> None:
        """Put the declaration there, as enrolment does."""
        self.guest.ok("mkdir -p /etc/portseal-agent /run/portseal-agent /var/lib/portseal-agent")
        self.guest.put(f'site = "{SITE}"\nterminal = "{NAME}"\n'.encode(), "/etc/portseal-agent/agent.toml")
        self.guest.put(self.key.public.to_pem(), "/etc/portseal-agent/grant.pub")

    def start(self) -> None:
        """Start the agent, the keeper and the unmount helper, and wait until the gate is at work."""
        self.start_unmount()
        self.start_keeper()
        self.start_agent()

    def start_agent(self) -> None:
        """Start the agent alone."""
        self._spawn("agent", f"{AGENT} run")
        self.guest.until(lambda: self.ask("status").code == 0, timeout=30)

    def start_keeper(self) -> None:
        """Start the keeper alone."""
        self._spawn("keeper", f"env {PYTHON} -m agent.usb.keeper")

    def start_unmount(self) -> None:
        """Start what the socket unit starts."""
        self.guest.put(_UNMOUNT.encode(), "/run/unmount.py")
        self._spawn("unmount", f"env {PYTHON} /run/unmount.py")

    def stop(self, name: str = "agent", signal: str = "KILL") -> None:
        """Send a signal to one of the processes and wait for its end when it is deadly."""
        self.guest.ok(f"kill -{signal} $(cat /run/{name}.pid)")
        if signal in ("KILL", "TERM"):
            self.guest.until(lambda: self.guest.sh(f"kill -0 $(cat /run/{name}.pid)").code != 0)

    def ask(self, *words: str, stdin: bytes = b"") -> Result:
        """Run `portseal-agent` with these words."""
        return self.guest.sh([AGENT, "--lang", "en", *words], stdin=stdin)

    def status(self) -> dict[str, Any]:
        """Give the agent's status."""
        told: dict[str, Any] = json.loads(self.guest.ok([AGENT, "status", "--json"]))
        return told

    def devices(self) -> dict[str, Mapping[str, Any]]:
        """Give what the gate decided, by the kernel's name."""
        done = self.ask("devices", "--json")
        return {each["name"]: each for each in json.loads(done.output or "[]")}

    def bind(self, at: str, name: str, role: str = "keyboard") -> None:
        """Bind what is plugged in."""
        self.guest.ok([AGENT, "bind", at, name, "--role", role])

    def grant(self, scope: Scope = COPY, seconds: int = 60, **changes: Any) -> Result:
        """Make a grant for now and hand it over; `changes` replace claims."""
        return self.hand(self.token(scope, seconds, **changes))

    def token(self, scope: Scope = COPY, seconds: int = 60, key: SigningKey | None = None, **changes: Any) -> str:
        """Make a grant that answers the terminal's status."""
        told = self.status()
        self.counter = max(self.counter, told["counter"]) + 1
        now = int(time.time())
        grant = Grant(
            iss=SITE, aud=NAME, sub="card-1", jti=secrets.token_hex(8), iat=now, nbf=now, exp=now + seconds,
            boot=told["boot_id"], nonce=told["nonce"], ctr=self.counter, scope=scope,
        )  # fmt: skip
        return sign(replace(grant, **changes), key or self.key)

    def hand(self, token: str) -> Result:
        """Hand a grant over, whatever it is."""
        return self.ask("grant", stdin=token.encode())

    def revoke(self, jti: str = "*") -> Result:
        """Take a grant back, or all."""
        token = sign_revoke(Revoke(SITE, NAME, jti, int(time.time())), self.key)
        return self.ask("revoke", stdin=token.encode())

    def events(self, after: int = 0) -> list[AgentEvent]:
        """Give the waiting events, each read as it was signed."""
        done = self.ask("events", "--after", str(after))
        return [events.read_event(line.encode(), None) for line in done.output.splitlines() if line]

    def kinds(self, after: int = 0) -> list[str]:
        """Give the kinds of the waiting events, in order."""
        return [each.kind for each in self.events(after)]

    def public(self) -> PublicKey:
        """Give the agent's public key."""
        pem = self.guest.get("/var/lib/portseal-agent/agent.key")
        return SigningKey.from_pem(pem).public

    def verify(self, raw: Sequence[bytes]) -> Head:
        """Verify a chain of events from its beginning."""
        return events.verify_chain(raw, self.public())

    def ack(self, event: AgentEvent) -> None:
        """Let the agent forget up to this event."""
        self.guest.ok([AGENT, "events", "--ack", f"{event.seq}:{events.digest(event.raw)}"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.guest.close()

    def _spawn(self, name: str, command: str) -> None:
        self.guest.ok(f"setsid sh -c 'echo $$ > /run/{name}.pid; exec {command}' > /run/{name}.log 2>&1 < /dev/null &")
        self.guest.until(lambda: self.guest.sh(f"test -s /run/{name}.pid").code == 0)


def _at_work(machine: Machine) -> Snapshot:
    def finish(into: Path) -> None:
        with Terminal.further(golden(machine), machine, into) as guest:
            sealed = Sealed(guest)
            sealed.set_up()
            sealed.start()
            guest.save(into)

    return Snapshot(machine, kept(default_folder(), "sealed", digest(*machine.key, _recipe()), finish))


def _recipe() -> bytes:
    return Path(__file__).read_bytes()

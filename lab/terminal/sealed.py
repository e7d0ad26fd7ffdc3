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

from agent import units
from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.fleet import golden
from lab.terminal.machine import Machine
from lab.terminal.vm import Result, Snapshot, Terminal
from policies.errors import EquipmentError
from policies.grants import Grant, Revoke, sign, sign_revoke
from policies.keys import PublicKey, SigningKey
from policies.messages import event as events
from policies.messages.event import AgentEvent, Head
from policies.texts import t
from policies.usb import STORAGE, Scope

AGENT = "/opt/portseal/bin/portseal-agent"
PYTHON = "PYTHONPATH=/opt/portseal python3"
SITE, NAME = "lab", "terminal-1"
#: A grant as a swipe for copying a video makes it: one storage device at any port.
COPY = Scope(("*",), (STORAGE,), 1, "case")

#: The lab's site key: everybody may know it, and a snapshot that has it can be used by all.
LAB_SEED = hashlib.sha256(b"portseal lab terminal").digest()
LAB_KEY = SigningKey(LAB_SEED)

#: Asks the agent without a start of Python each time, which takes an emulated processor longer than the answer does.
_TALK = """
import json, os, socket
for name in ("in", "out"):
    os.mkfifo("/run/talk." + name)
while True:
    with open("/run/talk.in", "rb") as file:
        asked = file.read().splitlines(True)
    answers = []
    for line in asked:
        try:
            with socket.socket(socket.AF_UNIX) as link:
                link.settimeout(20)
                link.connect("/run/portseal-agent/control.sock")
                link.sendall(line)
                answer = b""
                while not answer.endswith(b"\\n"):
                    answer += link.recv(1 << 20) or b"null\\n"
        except OSError as error:
            answer = json.dumps({"ok": False, "code": "unreachable", "error": str(error)}).encode() + b"\\n"
        answers.append(answer)
    with open("/run/talk.out", "wb") as file:
        file.write(b"".join(answers))
"""

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

#: A card reader and its controller in one, for a person at the guest's console: `swipe [SECONDS [CLASS…]]`.
_SWIPE = f"""#!/usr/bin/python3
import secrets, sys, time
from pathlib import Path
from agent.control import ask
from policies.grants import Grant, sign
from policies.keys import SigningKey
from policies.usb import Scope

socket = Path("/run/portseal-agent/control.sock")
seconds, classes = int((sys.argv[1:] or ["60"])[0]), tuple(sys.argv[2:]) or ("08",)
told, now = ask(socket, {{"do": "status"}}), int(time.time())
grant = Grant(told["site"], told["terminal"], "card-1", secrets.token_hex(8), now, now, now + seconds,
              told["boot_id"], told["nonce"], told["counter"] + 1, Scope(("*",), classes, 1, "case"))
print(ask(socket, {{"do": "grant", "token": sign(grant, SigningKey({LAB_SEED!r}))}}))
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
        """Put there what enrolment and installing do: the declaration, the grant key, the rule for read-only leases."""
        self.guest.ok("mkdir -p /etc/portseal-agent /run/portseal-agent /var/lib/portseal-agent")
        self.guest.put(f'site = "{SITE}"\nterminal = "{NAME}"\n'.encode(), "/etc/portseal-agent/agent.toml")
        self.guest.put(self.key.public.to_pem(), "/etc/portseal-agent/grant.pub")
        self.guest.put(_SWIPE.encode(), "/opt/portseal/bin/swipe", mode=0o755)
        rule = Path(units.__file__).with_name("read-only.rules").read_bytes()
        self.guest.put(rule, "/etc/udev/rules.d/55-portseal-read-only.rules")
        self.guest.ok("udevadm control --reload")
        self.open_talk()

    def open_talk(self) -> None:
        """Start what `talk` speaks through, once in a boot."""
        self.guest.put(_TALK.encode(), "/run/talk.py")
        self._spawn("talk", "python3 -I -S /run/talk.py")
        self.guest.until(lambda: self.guest.sh("[ -p /run/talk.out ]").code == 0)

    def start(self) -> None:
        """Start the agent, the keeper and the unmount helper, and wait until the gate is at work."""
        self.start_unmount()
        self.start_keeper()
        self.start_agent()

    def start_agent(self, wait: float = 30) -> None:
        """Start the agent alone, and wait so many seconds until it answers; 0 does not wait."""
        self._spawn("agent", f"{AGENT} run")
        if wait:
            self.guest.until(self.answers, wait)

    def answers(self) -> bool:
        """Tell whether the agent runs and answers."""
        try:
            return bool(self.status()["ok"])
        except EquipmentError:
            return False

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

    def talk(self, *requests: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send requests to the agent's socket, one after the other, and give the answers; quicker than `ask`."""
        asked = b"".join(json.dumps(each).encode() + b"\n" for each in requests)
        said = self.guest.ok("cat > /run/talk.in; cat /run/talk.out", 60, stdin=asked)
        answers = [json.loads(line) for line in said.splitlines()]
        for each in answers:
            if each is None or each.get("code") == "unreachable":
                raise EquipmentError(t("the agent gave no answer"), where="terminal")
        return answers

    def status(self) -> dict[str, Any]:
        """Give the agent's status."""
        return self.talk({"do": "status"})[0]

    def devices(self) -> dict[str, Mapping[str, Any]]:
        """Give what the gate decided, by the kernel's name."""
        return {each["name"]: each for each in self.talk({"do": "devices"})[0]["devices"]}

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
        return sign(replace(make_grant(told, scope, seconds, self.counter), **changes), key or self.key)

    def hand(self, token: str) -> Result:
        """Hand a grant over, whatever it is."""
        return self.ask("grant", stdin=token.encode())

    def offer(self, token: str) -> dict[str, Any]:
        """Hand a grant over at the socket, and give the agent's answer."""
        return self.talk({"do": "grant", "token": token})[0]

    def revoke(self, jti: str = "*") -> Result:
        """Take a grant back, or all."""
        token = sign_revoke(Revoke(SITE, NAME, jti, int(time.time())), self.key)
        return self.ask("revoke", stdin=token.encode())

    def events(self, after: int = 0) -> list[AgentEvent]:
        """Give the waiting events, each read as it was signed."""
        found: list[AgentEvent] = []
        while page := self.talk({"do": "events", "after": found[-1].seq if found else after})[0]["events"]:
            found += (events.read_event(each.encode(), None) for each in page)
        return found

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


def make_grant(told: Mapping[str, Any], scope: Scope, seconds: int, counter: int) -> Grant:
    """Make a grant that answers a terminal's status, from now."""
    now = int(time.time())
    return Grant(
        iss=SITE, aud=NAME, sub="card-1", jti=secrets.token_hex(8), iat=now, nbf=now, exp=now + seconds,
        boot=told["boot_id"], nonce=told["nonce"], ctr=counter, scope=scope,
    )  # fmt: skip


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

"""A lab terminal with the agent at work in it, and the controller's side of it: its site key, its grants.

What a terminal has after enrolment is put there by hand: agent.toml and the public grant key. In a guest without a
service manager the processes of the units are started one by one, as the units do.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from agent import units
from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.fleet import golden
from lab.terminal.inside import Result
from lab.terminal.machine import Machine
from lab.terminal.vm import Snapshot, Terminal
from policies.errors import EquipmentError
from policies.grants import Grant, Revoke, sign, sign_revoke
from policies.keys import PublicKey, SigningKey
from policies.messages import event as events
from policies.messages.event import AgentEvent, Head
from policies.texts import t
from policies.usb import STORAGE, Scope

AGENT = "/opt/portseal/bin/portseal-agent"
SOCKET = "/run/portseal-agent/control.sock"
SITE, NAME = "lab", "terminal-1"
#: A grant as a swipe for copying a video makes it: one storage device at any port.
COPY = Scope(("*",), (STORAGE,), 1, "case")

#: The lab's site key: everybody may know it, and a snapshot that has it can be used by all.
LAB_SEED = hashlib.sha256(b"portseal lab terminal").digest()
LAB_KEY = SigningKey(LAB_SEED)

#: Has loaded what the agent's processes are made of, and starts each as a fork of itself: an emulated processor needs
#: seconds to load them. A request names the process (for its files in /run: pid, log, code) and gives what it runs.
_NURSERY = """
import json, os, signal, socket, sys, traceback
sys.path.insert(0, "/opt/portseal/lib")
import agent.cli.main, agent.cli.running, agent.loop, agent.usb.keeper, agent.usb.storage

def live(asked):
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    place = "/run/" + asked["name"]
    log = os.open(place + ".log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for number in (1, 2):
        os.dup2(log, number)
    code = 1
    try:
        exec(asked["code"], {})
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        with open(place + ".code", "w") as file:
            file.write(str(code))
        os._exit(code)

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/nursery")
listener.listen()
while True:
    link, _ = listener.accept()
    with link, link.makefile() as file:
        asked = json.loads(file.readline())
        if os.path.exists("/run/" + asked["name"] + ".code"):
            os.unlink("/run/" + asked["name"] + ".code")
        born = os.fork()
        if born == 0:
            listener.close()
            link.close()
            live(asked)
        with open("/run/" + asked["name"] + ".pid", "w") as file:
            file.write(str(born))
        link.sendall(b"{}\\n")
"""
_RUN = 'import sys; from agent.cli.main import main; sys.argv = ["portseal-agent", "run"]; main()'

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
        self._open_nursery()

    def start(self) -> None:
        """Start the agent, the keeper and the unmount helper, and wait until the gate is at work."""
        self.start_unmount()
        self.start_keeper()
        self.start_agent()

    def start_agent(self, wait: float = 30) -> None:
        """Start the agent alone, and wait so many seconds until it answers; 0 does not wait."""
        self.begin("agent", _RUN)
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
        self.begin("keeper", keeper())

    def start_unmount(self) -> None:
        """Start what the socket unit starts."""
        self.begin("unmount", _UNMOUNT)

    def stop(self, name: str = "agent", signal: str = "KILL") -> None:
        """Send a signal to one of the processes and wait for its end when it is deadly."""
        self.guest.ok(f"kill -{signal} $(cat /run/{name}.pid)")
        if signal in ("KILL", "TERM"):
            process = self.guest.read(f"/run/{name}.pid")
            self.guest.until(lambda: not alive(self.guest, process))

    def ask(self, *words: str, stdin: bytes = b"") -> Result:
        """Run `portseal-agent` with these words."""
        return self.guest.sh([AGENT, "--lang", "en", *words], stdin=stdin)

    def talk(self, *requests: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send requests to the agent's socket, one after the other, and give the answers; quicker than `ask`."""
        answers = self.guest.speak(SOCKET, requests)
        if None in answers:
            raise EquipmentError(t("the agent gave no answer"), where="terminal")
        return answers

    def status(self) -> dict[str, Any]:
        """Give the agent's status."""
        return self.talk({"do": "status"})[0]

    def devices(self) -> dict[str, Mapping[str, Any]]:
        """Give what the gate decided, by the kernel's name."""
        return {each["name"]: each for each in self.talk({"do": "devices"})[0]["devices"]}

    def bind(self, at: str, name: str, role: str = "keyboard") -> None:
        """Bind what is plugged in; EquipmentError when the agent refuses."""
        (answer,) = self.talk({"do": "bind", "at": at, "name": name, "role": role})
        if not answer["ok"]:
            raise EquipmentError(t("{said}", said=str(answer.get("error", answer))), where="terminal")

    def grant(self, scope: Scope = COPY, seconds: int = 60, **changes: Any) -> Result:
        """Make a grant for now and hand it over by `portseal-agent grant`; `changes` replace claims."""
        return self.hand(self.token(scope, seconds, **changes))

    def swipe(self, scope: Scope = COPY, seconds: int = 60, **changes: Any) -> dict[str, Any]:
        """Make a grant for now, offer it at the socket, which is quicker, and give the agent's answer."""
        return self.offer(self.token(scope, seconds, **changes))

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

    def revoke(self, jti: str = "*") -> dict[str, Any]:
        """Take a grant back, or all, and give the agent's answer."""
        token = sign_revoke(Revoke(SITE, NAME, jti, int(time.time())), self.key)
        return self.talk({"do": "revoke", "token": token})[0]

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

    def begin(self, name: str, code: str) -> None:
        """Start a process that runs this Python; its id, output and exit code are /run/NAME.pid, .log and .code."""
        if self.guest.speak("/run/nursery", [{"name": name, "code": code}]) != [{}]:
            raise EquipmentError(t("the guest could not do it: {said}", said=name), where="terminal")

    def finish(self, name: str, code: str, timeout: float = 60) -> int:
        """Run this Python in a process of its own, wait for its end and give its exit code."""
        self.begin(name, code)
        self.guest.until(lambda: bool(self.guest.read(f"/run/{name}.code")), timeout)
        return int(self.guest.read(f"/run/{name}.code"))

    def _open_nursery(self) -> None:
        self.guest.put(_NURSERY.encode(), "/run/nursery.py")
        self.guest.ok("setsid python3 -I -S /run/nursery.py > /run/nursery.log 2>&1 < /dev/null &")
        if not self.guest.comes("/run/nursery", 240):
            raise EquipmentError(
                t("the guest could not do it: {said}", said=self.guest.read("/run/nursery.log")), where="terminal"
            )


def keeper(*words: str) -> str:
    """Give the Python that `python -m agent.usb.keeper` with these words runs."""
    return f"from agent.usb.keeper import main; raise SystemExit(main({list(words)!r}))"


def alive(guest: Terminal, process: str) -> bool:
    """Tell whether a process of the guest runs; one that only waits to be reaped does not."""
    return guest.read(f"/proc/{process}/stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


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

"""A whole site on this machine: the controller as its own process, a real broker, and whoever speaks to it."""

from __future__ import annotations

import secrets
import ssl
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.broker.files import authority, row_of
from controller.cards.authority import Door, import_bytes
from controller.cards.pseudonyms import card_key
from controller.context import open_context
from controller.control import ask
from controller.ledger.entry import Entry
from controller.ledger.query import entries
from controller.secrets.signing import grant_key
from controller.store.cards import NewList, authority_version, known, put_list
from controller.store.certificates import put_certificate
from controller.store.open import open_store
from drivers.cards.native import NativeSwipe
from policies.errors import EquipmentError
from policies.keys import SigningKey
from policies.messages.identities import Identity, Role
from tests.replay.agent_process import Place
from tests.replay.broker_bench import Client, free_port

#: Card numbers as the site's reader and list write them.
WANG, LI, NOBODY = "04A1B2C3", "04A1B2C4", "0BADC0DE"
LIST = """卡号,姓名,工号,终端,用途
04A1B2C3,王小明,P001,T1,案件调取
04A1B2C4,李雷,P002,*,"案件调取,维护"
"""
#: The site; `{port}` and `{web}` are free ports.
SITE = """
[site]
name = "hq"
[policy]
swipe_again_s = 1
[broker]
host = "127.0.0.1"
listen = "127.0.0.1"
port = {port}
[web]
listen = "127.0.0.1"
port = {web}
[readers.gate-1]
format = "native"
trust = "authenticated"
terminals = ["T1"]
[terminals.T1]
platform = "linux"
agent = true
place = "guard room"
owner = "security office"
{more}
"""


class Site:
    """A site folder with keys, a list of cards and identities; `start` runs the controller."""

    def __init__(self, more: str = "", cards: str = LIST) -> None:
        # Not in pytest's folders: a broker that root starts becomes another user, who cannot enter them.
        self._temporary = tempfile.TemporaryDirectory(prefix="portseal-serve-")
        self.folder = Path(self._temporary.name) / "site"
        self.folder.mkdir(mode=0o755)
        Path(self._temporary.name).chmod(0o755)
        self.port, self.web = free_port(), free_port()
        (self.folder / "site.toml").write_text(SITE.format(port=self.port, web=self.web, more=more), "utf-8")
        self.key = grant_key(self.folder)
        self.clients: list[Client] = []
        self._process: subprocess.Popen[bytes] | None = None
        self.import_cards(cards)

    def close(self) -> None:
        for client in self.clients:
            client.close()
        self.stop()
        self._temporary.cleanup()

    @property
    def broker(self) -> int:
        """The broker's process, the controller's child; 0 while there is none."""
        found = []
        for child in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text("ascii").split():
            with suppress(OSError):  # it has ended meanwhile
                if b"mosquitto" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
        return found[0] if found else 0

    def import_cards(self, text: str, encoding: str = "utf-8") -> None:
        with open_context(self.folder) as context:
            seen = authority_version(context.store)
            door = Door(context.site, card_key(self.folder), 1 + _lists(context.store), known(context.store))
            made = import_bytes(text.encode(encoding), "list.csv", door)
            new = NewList(made.require(), made.identities, made.bearers, "file", "test", seen)
            put_list(context.store, new)

    def enrol(self, identity: Identity) -> tuple[bytes, bytes, bytes]:
        """Give the authority's certificate, a new one for `identity`, and its key."""
        with open_context(self.folder) as context:
            vouching = authority(context)
            key, issued = vouching.issue_own(identity, datetime.now(UTC))
            with context.store.transaction() as connection:
                put_certificate(connection, row_of(issued, datetime.now(UTC)))
            return vouching.certificate, issued.pem, key

    def terminal(self, root: Path, name: str = "T1") -> Place:
        """Make a terminal that is enrolled: its declaration, its certificate, and trust in its key."""
        from agent.link.identity import agent_key

        place = Place(root)
        identity = Identity(Role.TERMINAL, name)
        for file, content in zip(("ca.pem", "agent.pem", "agent-tls.key"), self.enrol(identity), strict=True):
            (place.etc / file).write_bytes(content)
        (place.etc / "grant.pub").write_bytes(self.key.public.to_pem())
        with (place.etc / "agent.toml").open("a", encoding="utf-8") as file_:
            file_.write(f'[broker]\nhost = "127.0.0.1"\nport = {self.port}\n')
        (root / "state").mkdir(exist_ok=True)
        self.trust(name, agent_key(root / "state"))
        return place

    def trust(self, name: str, key: SigningKey) -> None:
        with open_store(self.folder) as store:
            store.execute(
                "INSERT OR REPLACE INTO terminal_key (terminal, key, trusted_at) VALUES (?, ?, ?)",
                (name, key.public.raw, "2026-01-01T00:00:00.000000Z"),
            )

    def client(self, identity: Identity) -> Client:
        vouching, certificate, key = self.enrol(identity)
        folder = Path(tempfile.mkdtemp(dir=self._temporary.name))
        (folder / "pem").write_bytes(certificate + key)
        context = ssl.create_default_context(cadata=vouching.decode())
        context.load_cert_chain(folder / "pem")
        made = Client(self.port, context, "")
        self.clients.append(made)
        return made

    def start(self, module: str = "tests.replay.serve_process", *more: str) -> None:
        """Run the controller until it answers."""
        command = [sys.executable, "-m", module, str(self.folder), *more]
        with (self.folder.parent / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        self.until(self.at_work, 30)

    @property
    def pid(self) -> int:
        """The controller's process."""
        assert self._process is not None
        return self._process.pid

    def ended(self, seconds: float = 30.0) -> int:
        """Wait until the controller has ended by itself; gives its exit code."""
        assert self._process is not None
        code = self._process.wait(seconds)
        self._process = None
        return code

    def at_work(self) -> bool:
        """Tell whether the controller answers, and is on the broker."""
        try:
            return bool(self.ask(do="terminals")["broker"])
        except EquipmentError:
            return False

    def stop(self, *, kill: bool = False) -> int:
        """End the controller; gives its exit code."""
        if self._process is None:
            return 0
        self._process.kill() if kill else self._process.terminate()
        code = self._process.wait(20)
        self._process = None
        return code

    def ask(self, **request: Any) -> dict[str, Any]:
        return ask(self.folder, request)

    def until(self, holds: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait until something holds; what the controller printed is in the failure."""
        ends = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < ends, (Counter(self.kinds()), self.kinds()[-40:], self.printed())
            time.sleep(0.05)

    def wait_for(self, kind: str, count: int = 1, seconds: float = 20.0) -> Entry:
        """Wait until the ledger has so many entries of a kind; gives the last of them."""
        self.until(lambda: self.kinds().count(kind) >= count, seconds)
        return [each for each in self.entries() if each.kind == kind][count - 1]

    def entries(self) -> list[Entry]:
        with open_store(self.folder) as store:
            return list(entries(store))

    def kinds(self) -> list[str]:
        return [each.kind for each in self.entries()]

    def printed(self) -> str:
        return (self.folder.parent / "serve.log").read_text("utf-8", "replace")[-3000:]


def swipe(reader: Client, card: str = WANG, name: str = "gate-1", jti: str = "", at: float = 0.0) -> str:
    """Swipe at a native reader; gives the event's id."""
    jti = jti or secrets.token_urlsafe(16)
    message = NativeSwipe(name, card, int(at or time.time()), jti).encode()
    reader.say(f"portseal/1/hq/reader/{name}/swipe", message)
    return jti


def _lists(store: Any) -> int:
    row = store.row("SELECT COALESCE(MAX(version), 0) FROM card_list")
    return int(row[0])

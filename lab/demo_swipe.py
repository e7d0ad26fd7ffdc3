"""The second half of `portseal lab run`: a card is swiped, a real kernel's USB opens, relocks; one ledger tells of it.

Everything is the product's own: the controller as `portseal serve`, a broker, a terminal in QEMU with the agent in it,
enrolled over the network, and a reader with a certificate.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from agent.enrol.keys import make_key
from controller.control import ask
from controller.ledger.entry import Entry
from controller.ledger.query import Filter, entries
from controller.secrets.files import write_private
from controller.store.grants import recent_grants
from controller.store.open import open_store
from lab.folder import declare_terminal
from lab.stage import Stage
from lab.terminal import api
from lab.terminal.guest import build
from lab.terminal.machine import Machine
from lab.terminal.sealed import AGENT, NAME, Sealed
from policies.errors import PortsealError
from policies.texts import t

#: How long something may take to come or go, and the longest opening for a case that the demonstration declares.
PATIENCE_S, LEASE_S = 120.0, 60
_STICK = "/sys/bus/usb/devices/2-1"
#: The reader beside the terminal, and where it reaches the broker.
READER, BROKER = "gate", "127.0.0.1:18883"
#: Cards of the demonstration: with a right, without one to this terminal, and one that is in no list.
WANG, LI, STRANGER = "04A1B2C3", "04A1B2C4", "0BADC0DE"
_CARDS = f"""卡号,姓名,工号,状态,终端,用途
{WANG},王小明,P0117,正常,{NAME},"案件调取,维护"
{LI},李雷,P0204,正常,recorder-1,维护
"""


def show_terminal(stage: Stage, folder: Path) -> bool:
    """Start controller and terminal and walk the job; False when a command failed.

    Raises UsageError when this machine cannot run a terminal; the remedy is in the message.
    """
    api.requirements()
    stage.title(t("A terminal: a real kernel's USB, refused by its default"))
    stage.say(t("starting it (the first time takes a minute)"))
    declare_terminal(folder)
    (folder / "cards.csv").write_text(_CARDS, "utf-8")
    with _Controller(folder) as controller, Sealed.restore(Machine(build(), reach_host=True)) as sealed:
        return _Walk(stage, folder, controller, sealed).run()


class _Controller:
    """`portseal serve`, as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # The same folder may have seen an earlier demonstration: what it told proves nothing of this one.
        with open_store(folder) as store:
            self._before = max((each.seq for each in entries(store, newest_first=True, limit=1)), default=0)
        program = Path(sys.executable).with_name("portseal")
        with (folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen([str(program), "--site", str(folder), "serve"], stdout=log, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def there(self) -> dict[str, Any]:
        """Say who is on the line; empty while the controller does not answer."""
        try:
            return ask(self.folder, {"do": "terminals"})
        except PortsealError:
            return {}

    def kinds(self) -> list[str]:
        """Give the kinds of all entries in the ledger since this controller's start."""
        return [each.kind for each in self._entries()]

    def codes(self) -> list[str]:
        """Give the codes of all decisions since this controller's start, in order."""
        return [str(each.data["code"]) for each in self._entries("swipe") if "code" in each.data]

    def _entries(self, kind: str | None = None) -> list[Entry]:
        with open_store(self.folder) as store:
            return list(entries(store, Filter(kind=kind, after_seq=self._before)))

    def lease(self) -> str:
        """Give the id of the last grant."""
        with open_store(self.folder) as store:
            found = recent_grants(store, 1)
        return found[0].jti if found else ""


@dataclass(slots=True)
class _Walk:
    stage: Stage
    folder: Path
    controller: _Controller
    sealed: Sealed

    def run(self) -> bool:
        """Walk all of it; False when a command failed."""
        good = self._enrolled()
        self._keyboard()
        good = self._cards() and good
        self._shut()
        self._refused()
        self._opened()
        self._relocked()
        self._pulled()
        return self._told() and good

    def _enrolled(self) -> bool:
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        self._comes(lambda: bool(self.controller.there().get("broker")))
        bundle = self.folder / "terminal-1.bundle"
        bundle.unlink(missing_ok=True)
        good = self._portseal("terminal", "enroll", NAME, "--out", str(bundle))
        self.sealed.guest.put(bundle.read_bytes(), "/root/terminal-1.bundle")
        good = self._agent("enroll", "/root/terminal-1.bundle") and good
        self.sealed.stop("agent", "TERM")
        self.sealed.start_agent()
        there = self._comes(lambda: bool(self.controller.there().get("online", {}).get(NAME)))
        self.stage.prove(t("the terminal is enrolled, and the controller hears it"), there)
        made = make_key(READER)  # in a real reader, by the reader
        request = x509.load_der_x509_csr(made.csr).public_bytes(Encoding.PEM)
        for name, content in (("key", made.pem), ("csr", request)):
            write_private(self._reader(name), content)
        return (
            self._portseal("reader", "enroll", READER, str(self._reader("csr")), "--out", str(self._reader("pem")))
            and good
        )

    def _keyboard(self) -> None:
        self.sealed.guest.plug("usb-kbd", "keyboard", "2", serial="K-1")
        self._comes(lambda: self._there("/sys/bus/usb/devices/1-2"))
        self.stage.prove(
            t("a keyboard that nobody bound does not type"), not self._there("/dev/input/by-path/*usb*kbd")
        )
        self._agent("bind", "1-2", "键盘", "--role", "keyboard")
        self.stage.prove(t("the bound keyboard types"), self._comes(lambda: self._there("/dev/input/by-path/*usb*kbd")))

    def _cards(self) -> bool:
        self.stage.title(t("The access-control system's list of cards"))
        return self._portseal("card", "import", str(self.folder / "cards.csv"), "--yes") and self._portseal(
            "card", "list"
        )

    def _shut(self) -> None:
        self.stage.title(t("Before a card is swiped"))
        guest = self.sealed.guest
        guest.plug("usb-storage", "stick", "1", drive=guest.disk("stick"), serial="S-1")
        plugged = self._comes(lambda: self._there(_STICK))
        time.sleep(3.0)  # a stick that is let in becomes a disk within 1.2 s
        self.stage.prove(
            t("a stick is plugged in while shut: there is no disk"), plugged and not self._there("/dev/sda")
        )

    def _refused(self) -> None:
        self._swipe(STRANGER)
        told = self._comes(lambda: self.controller.codes()[-1:] == ["unknown_card"])
        self.stage.prove(t("a card that is in no list opens nothing"), told and not self._there("/dev/sda"))
        self._swipe(LI)
        told = self._comes(lambda: self.controller.codes()[-1:] == ["no_right"])
        self.stage.prove(t("a card without a right to this terminal opens nothing"),
                         told and not self._there("/dev/sda"))  # fmt: skip
        self._agent("status")

    def _opened(self) -> None:
        self.stage.title(t("A swipe opens it"))
        self._swipe(WANG)
        asked = self._comes(lambda: self.controller.codes()[-1:] == ["purpose"])
        self.stage.prove(t("the card is accepted, and the operator is asked what for"), asked)
        self._agent("request", "case")
        self.stage.prove(t("the stick is a disk"), self._comes(lambda: self._there("/dev/sda")))
        copied = self.sealed.guest.sh(
            "modprobe vfat; mkdir -p /mnt/stick; mkfs.vfat /dev/sda >/dev/null && mount /dev/sda /mnt/stick"
            " && echo evidence > /mnt/stick/video.txt"
        )
        self.stage.prove(t("a file is copied onto it"), copied.code == 0)
        self._agent("status")
        self._portseal("lease", "list")

    def _relocked(self) -> None:
        gone = self._comes(lambda: not self._there("/dev/sda"), LEASE_S + PATIENCE_S)
        self.stage.prove(t("the time is over: unmounted and shut, no disk"), gone)
        disk = self.sealed.guest.folder / "disk-stick"
        self.stage.prove(t("what was copied is on the stick"), disk.exists() and b"evidence" in disk.read_bytes())
        ended = self._comes(lambda: "terminal.lease.ended" in self.controller.kinds())
        self.stage.prove(t("the ledger has the lease's end, signed by the terminal"), ended)

    def _pulled(self) -> None:
        self.stage.title(t("The bound keyboard is pulled"))
        self.stage.prove(t("before, there was no alarm"), "terminal.tamper.removed" not in self.controller.kinds())
        self.sealed.guest.unplug("keyboard")
        told = self._comes(lambda: "terminal.tamper.removed" in self.controller.kinds())
        self.stage.prove(t("that is an alarm, in the controller's ledger"), told)

    def _told(self) -> bool:
        self.stage.title(t("From the swipe to the relock, out of the ledger"))
        return self._portseal("explain", self.controller.lease()) and self._portseal("audit", "verify")

    def _swipe(self, card: str) -> bool:
        way = ("--ca", self.folder / "keys/ca.pem", "--certificate", self._reader("pem"), "--key", self._reader("key"))
        words = ("lab", "reader", "native", "--name", READER, "--uid", card, "--to", BROKER, *map(str, way))
        return self._portseal(*words)

    def _reader(self, suffix: str) -> Path:
        return self.folder / f"{READER}.{suffix}"

    def _portseal(self, *arguments: str) -> bool:
        self.stage.command(" ".join(["portseal", *arguments]).replace(str(self.folder), "SITE"))
        environment = {**os.environ, "PORTSEAL_SITE": str(self.folder), "PORTSEAL_LANG": self.stage.language}
        program = Path(sys.executable).with_name("portseal")
        done = subprocess.run([str(program), *arguments], env=environment, check=False)
        if done.returncode:
            self.stage.say(t("the command ended with exit code {code}", code=done.returncode))
        return done.returncode == 0

    def _agent(self, *words: str) -> bool:
        self.stage.command(" ".join(["portseal-agent", *words]), prompt="#")
        done = self.sealed.guest.sh([AGENT, "--lang", self.stage.language, *words], timeout=PATIENCE_S)
        self.stage.say(done.output.rstrip())
        return done.code == 0

    def _there(self, path: str) -> bool:
        return self.sealed.guest.sh(f'set -- {path}; [ -e "$1" ]').code == 0

    @staticmethod
    def _comes(ready: Callable[[], bool], seconds: float = PATIENCE_S) -> bool:
        ends = time.monotonic() + seconds
        while not (held := ready()) and time.monotonic() < ends:
            time.sleep(0.2)
        return held

"""A whole agent on a tree of plain files that behaves as the kernel does, with clocks set by hand."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agent.answers import Answers
from agent.clock import Clock, Reading
from agent.config import Config
from agent.link.identity import agent_key
from agent.link.spool import Spool, SpoolPlace, open_spool
from agent.locks import DeclaredLock
from agent.terminal import Terminal
from agent.usb.storage import Outcome, Released
from policies.grants import Grant, Moment, sign
from policies.keys import SigningKey
from policies.messages.event import read_event
from policies.usb import Scope
from tests.unit.usb_tree import LiveUsb, Tree

KEY = SigningKey(bytes(range(32)))
BOOT = "0f8fad5b-d9cb-469f-a165-70867728950e"
STICK, BOARD = [(0, "08", "06", "50")], [(0, "03", "01", "01")]
COPY = Scope(("*",), ("08",), 1, "case")


class HandClock(Clock):
    """Clocks that stand still until they are moved."""

    def __init__(self) -> None:
        self.boot = BOOT
        self.now = Reading(1_800_000_000.0, 1000.0, 1000.0)

    def read(self) -> Reading:
        return self.now

    def pass_by(self, seconds: float, *, slept: float = 0.0, wall: float = 0.0) -> None:
        """Let time pass, some of it asleep; and set the wall clock by `wall` more."""
        now = self.now
        total = seconds + slept
        self.now = Reading(now.wall + total + wall, now.boottime + total, now.monotonic + seconds)


class Bench:
    """A terminal with a keyboard at 1-2 and a stick at 1-1; nothing is bound yet."""

    def __init__(self, root: Path, *, locks: tuple[DeclaredLock, ...] = ()) -> None:
        self.tree = Tree(root / "sys", parameter="0")
        self.tree.bus("usb1", "pci0000:00/0000:00:14.0", "2.00")
        self.tree.plug("1-1", "0781", "5567", STICK, serial="4C53")
        self.tree.plug("1-2", "046d", "c31c", BOARD, devnum=3)
        for name in ("state", "run"):
            (root / name).mkdir()
        self.config = Config(
            "hq", "T1", KEY.public, root / "bindings.json", root / "state", root / "run", 1800, 30,
            root / "rescue.key", locks,
        )  # fmt: skip
        self.clock = HandClock()
        self.unmounted: list[str] = []
        self.counter = 0
        self.spool = self._open()
        self.terminal = self._terminal()
        self.terminal.start()
        self.answers = Answers(self.terminal)

    def restart(self, boot: str = BOOT) -> None:
        """Let the agent die and start again, on another boot if so."""
        self.spool.close()
        self.clock.boot = boot
        self.spool = self._open()
        self.terminal = self._terminal()
        self.terminal.start()
        self.answers = Answers(self.terminal)

    def look(self, seconds: float = 1.0) -> None:
        """Let time pass and make a pass."""
        self.clock.pass_by(seconds)
        self.terminal.look()

    def ask(self, do: str, **members: Any) -> Mapping[str, Any]:
        """Ask as root would."""
        return self.answers.answer({"do": do, **members})

    def token(self, scope: Scope = COPY, seconds: int = 60, **changes: Any) -> str:
        """Make a grant that answers the terminal's status."""
        told = self.ask("status")
        self.counter = max(self.counter, told["counter"]) + 1
        now = int(self.clock.now.wall)
        grant = Grant(
            iss="hq", aud="T1", sub="card-1", jti=secrets.token_hex(8), iat=now, nbf=now, exp=now + seconds,
            boot=told["boot_id"], nonce=told["nonce"], ctr=self.counter, scope=scope,
        )  # fmt: skip
        return sign(replace(grant, **changes), KEY)

    def grant(self, scope: Scope = COPY, seconds: int = 60, **changes: Any) -> Mapping[str, Any]:
        """Make a grant and hand it over."""
        return self.ask("grant", token=self.token(scope, seconds, **changes))

    def is_open(self, name: str) -> bool:
        return self.tree.written(f"{name}/authorized") == "1"

    def events(self) -> list[tuple[str, Mapping[str, Any]]]:
        """Give what waits for the controller: kind and data."""
        read = (read_event(raw, agent_key(self.config.state).public) for _, raw in self.spool.unacked())
        return [(each.kind, each.data) for each in read]

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.events()]

    def told(self, kind: str) -> list[Mapping[str, Any]]:
        """Give the data of the events of one kind."""
        return [data for each, data in self.events() if each == kind]

    def _open(self) -> Spool:
        place = SpoolPlace(self.config.state, self.config.run, "T1", self.clock.boot)
        now = self.clock.read()
        return open_spool(place, agent_key(self.config.state), Moment(now.wall, now.boottime))

    def _terminal(self) -> Terminal:
        def unmount(name: str, devnum: int, seconds: float) -> Released:
            self.unmounted.append(name)
            return Released(Outcome.CLEAN)

        return Terminal(self.config, self.clock, self.spool, LiveUsb(self.tree), unmount)

"""A site with its real door and broker on loopback, and terminals as folders on which the agent's own verb runs."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import run as agent_run
from agent.config import Config, load_config
from controller.broker.enrolment import HOURS, enrol, open_enrolment, renew
from controller.broker.site import ManagedBroker
from controller.context import Context
from controller.web.door import Callbacks, Posted
from controller.web.site import site_door
from policies.messages.bundle import Bundle, write_bundle
from tests.replay.broker_bench import Client, free_port
from tests.unit.broker_site import SITE, opened


@dataclass(frozen=True, slots=True)
class Ran:
    """One run of the agent's command line."""

    code: int
    out: str
    err: str


class Machine:
    """A machine that is, or becomes, a terminal: its declaration in `folder`/etc, its state in `folder`/state."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.etc, self.state, self._capsys = folder / "etc", folder / "state", capsys
        self.etc.mkdir(parents=True)

    def enroll(self, *words: object) -> Ran:
        self._capsys.readouterr()
        code = agent_run(["--lang", "en", "enroll", *map(str, words)], {}, folder=self.etc)
        captured = self._capsys.readouterr()
        assert "Traceback" not in captured.err
        return Ran(code, captured.out, captured.err)

    def declare(self, text: str = "") -> None:
        """Write what an administrator has put into agent.toml before: the state beside it, and `text`."""
        (self.etc / "agent.toml").write_text(
            f'site = "hq"\nterminal = "guard-1"\nstate = "{self.state}"\n{text}', "utf-8"
        )

    @property
    def config(self) -> Config:
        return load_config(self.etc)

    def context(self) -> ssl.SSLContext:
        """Give the TLS side that the agent would have on the broker."""
        place = self.config.broker
        assert place is not None
        made = ssl.create_default_context(cafile=str(place.authority))
        made.load_cert_chain(place.certificate, place.key)
        return made

    def contents(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.etc)): path.read_bytes() for path in self.etc.rglob("*") if path.is_file()}


class Site:
    """A site that is open, with its door."""

    def __init__(self, context: Context, folder: Path) -> None:
        self.context, self.folder = context, folder
        self.posted: list[Posted] = []
        self.status = 204
        self.door = site_door(context, Callbacks(
            lambda body, peer: enrol(self.context, body, peer=peer),
            lambda body, serial, peer: renew(self.context, body, serial, peer=peer),
            self._read,
        ))  # fmt: skip
        self.broker = ManagedBroker(context)

    def _read(self, posted: Posted) -> int:
        self.posted.append(posted)
        return self.status

    def bundle(self, name: str = "guard-1", hours: int = HOURS, **changes: Any) -> Path:
        """Make a bundle in a file, as the verb does; `changes` replace what it says."""
        terminal = self.context.site.terminal(name)
        assert terminal is not None
        made: Bundle = open_enrolment(self.context, terminal, hours).bundle
        path = self.folder / f"{name}.bundle"
        path.write_bytes(write_bundle(replace(made, **changes)))
        return path

    def told(self, kind: str) -> list[dict[str, Any]]:
        """Give the data of all entries of a kind."""
        from controller.ledger.query import Filter, entries

        return [each.data for each in entries(self.context.store, Filter(kind=kind))]

    def client(self, context: ssl.SSLContext) -> Client:
        return Client(self.context.site.broker.port, context, "")


@contextmanager
def site_on_loopback(folder: Path) -> Iterator[Site]:
    """Open a site whose door is open; its broker is the caller's to start."""
    text = SITE.replace("[broker]", f'[broker]\nlisten = "127.0.0.1"\nport = {free_port()}')
    text += f'[web]\nlisten = "127.0.0.1"\nport = {free_port()}\n'
    with opened(folder / "site", text) as context:
        made = Site(context, folder)
        made.door.start()
        try:
            yield made
        finally:
            made.door.stop()
            made.broker.stop()


def port_is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    """Give a machine besides the first one."""
    made = Machine(tmp_path / "another", capsys)
    made.declare()
    return made

"""kill -9 of the controller at every moment between a swipe and the grant: all of it is there, or nothing.

The walk is made from what the code does (tests/killed_serve.py). After each kill the next start is judged at all three
ends: the ledger, the agent's own memory, and the stick.
"""

from __future__ import annotations

import secrets
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.link.state import AgentState
from controller.ledger.entry import Entry
from controller.ledger.key import ledger_public_key
from controller.ledger.verify import verify
from controller.store.open import open_store
from drivers.cards.native import NativeSwipe
from policies.messages.identities import Identity, Role
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import WANG, Site

KILLED = "tests.killed_serve"
TOPIC = "portseal/1/hq/reader/gate-1/swipe"


@dataclass
class Bench:
    """A site whose controller is killed and started, and a terminal whose agent lives through all of it."""

    site: Site
    place: Place
    moments: Path

    @property
    def stick(self) -> str:
        return self.place.tree.written("1-1/authorized")

    def start(self, at: int) -> None:
        self.moments.unlink(missing_ok=True)
        self.site.start(KILLED, str(self.moments), str(at))
        self.online()

    def online(self) -> None:
        self.site.until(lambda: self.site.ask(do="terminals")["online"]["T1"], 60)

    def swipe(self) -> None:
        """Swipe once, and do not wait for the controller."""
        reader: Client = self.site.client(Identity(Role.READER, "gate-1"))
        message = NativeSwipe("gate-1", WANG, int(time.time()), secrets.token_urlsafe(16))
        reader.say(TOPIC, message.encode())
        reader.close()

    def found(self, kind: str) -> list[Entry]:
        return [each for each in self.site.entries() if each.kind == kind]

    def leases(self, kind: str) -> list[str]:
        return [each.data["event"]["data"]["lease"] for each in self.found(f"terminal.lease.{kind}")]

    def waiting(self) -> int:
        """Count grants of which nobody knows yet what became."""
        with open_store(self.site.folder) as store:
            row = store.row(
                "SELECT COUNT(*) FROM card_grant WHERE state = 'signed' OR (ending != '' AND state = 'open')"
            )
        return 0 if row is None else int(row[0])

    def accepted(self) -> set[str]:
        """Give the grants in the agent's own memory."""
        with closing(sqlite3.connect(f"file:{self.place.root}/state/agent.db?mode=ro", uri=True)) as database:
            (raw,) = database.execute("SELECT raw FROM state").fetchone()
        return set(AgentState.decode(raw).used_jti)

    def shut(self) -> None:
        """Swipe until the stick is shut, as the person would who finds it open."""
        time.sleep(1.2)  # within swipe_again_s the same card is the same swipe
        ended = len(self.leases("ended"))
        self.swipe()
        self.site.until(lambda: self.stick == "0" and len(self.leases("ended")) == ended + 1, 40)
        time.sleep(1.2)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    site = Site()
    place = site.terminal(tmp_path / "T1")
    with running(place):
        yield Bench(site, place, tmp_path / "moments")
    site.close()


@pytest.mark.parametrize("committed", [False, True], ids=["until the commit", "after the commit"])
def test_killed_at_every_moment_all_of_it_is_there_or_nothing(bench: Bench, committed: bool) -> None:
    bench.start(0)
    bench.swipe()
    bench.site.until(lambda: bench.stick == "1", 40)
    bench.site.wait_for("terminal.lease.opened")
    names = bench.moments.read_text("utf-8").splitlines()
    assert {"BEGIN", "INSERT INTO ledger", "INSERT INTO card_grant", "COMMIT", "after sending grant"} <= {*names}
    commit = names.index("COMMIT") + 1
    bench.shut()
    bench.site.stop()
    for number in range(commit + 1, len(names) + 1) if committed else range(1, commit + 1):
        before = len(bench.found("swipe.granted"))
        bench.start(number)
        bench.swipe()
        assert bench.site.ended(40) == -signal.SIGKILL
        bench.site.start()
        bench.online()
        bench.site.until(lambda: bench.waiting() == 0, 60)
        assert len(bench.found("swipe.granted")) == before + int(committed), names[number - 1]
        _judge(bench, names[number - 1])
        bench.site.stop()


def _judge(bench: Bench, moment: str) -> None:
    """Compare the three ends, and swipe once more: what is open is shut by it, and what is shut opens."""
    granted = [each.data["jti"] for each in bench.found("swipe.granted")]
    lapsed = [each.data["jti"] for each in bench.found("lease.lapsed")]
    opened = bench.leases("opened")
    assert len(set(granted)) == len(granted), moment
    assert sorted(opened + lapsed) == sorted(granted), moment
    assert bench.accepted() == set(opened), moment
    seqs = [each.data["event"]["seq"] for each in bench.site.entries() if "event" in each.data]
    assert seqs == list(range(1, len(seqs) + 1)), moment
    with open_store(bench.site.folder) as store:
        assert verify(store, "hq", ledger_public_key(bench.site.folder)).entries == len(bench.site.entries())
    assert bench.stick == str(len(opened) - len(bench.leases("ended"))), moment
    if bench.stick == "0":
        bench.swipe()
        bench.site.until(lambda: bench.stick == "1", 40)
        bench.site.wait_for("terminal.lease.opened", len(opened) + 1)
    bench.shut()

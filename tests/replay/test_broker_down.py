"""The broker is down: for an hour, and for as long as a terminal can keep its events. Nothing is lost, nothing doubled.

Nobody waits an hour: what happened in it is told with the clocks of that hour, and the terminal's queue is filled while
the broker is held down. Afterwards the ids at the reader, at the agent and in the ledger are compared.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agent.control import ask as ask_agent
from agent.link.identity import agent_key
from agent.link.spool import Spool, SpoolPlace, open_spool
from controller.cards.keep import import_list
from controller.cards.pseudonyms import card_key
from controller.context import open_context
from controller.findings.openings import lists_of, uses_of
from controller.ledger.key import ledger_public_key
from controller.ledger.verify import verify
from controller.store.open import open_store
from policies import canonical
from policies.clauses import c72b, c72c
from policies.grants import Moment
from policies.messages.event import digest, verify_chain
from policies.messages.identities import Identity, Role
from policies.model import Verdict
from tests.replay.agent_process import STICK, Place, running
from tests.replay.serve_bench import LI, LIST, NOBODY, WANG, Site, swipe

READER = Identity(Role.READER, "gate-1")
HOUR = 3600.0
#: What a terminal keeps at least (docs/agent.md), and events of a busy hour.
QUEUE, BUSY = 50_000, 600


class DownSite(Site):
    """A site whose broker can be held down: what would start it gives up as long as a file is there."""

    def start(self, module: str = "tests.replay.serve_process", *more: str) -> None:
        """Run the controller with a mosquitto that can be held down in front of the real one."""
        front = self.folder.parent / "front"
        front.mkdir(exist_ok=True)
        self.held = front / "held"
        real = subprocess.run(
            ["/bin/sh", "-c", "PATH=$PATH:/usr/local/sbin:/usr/sbin command -v mosquitto"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        program = front / "mosquitto"
        program.write_text(f'#!/bin/sh\n[ -e {self.held} ] && exit 1\nexec {real} "$@"\n', "utf-8")
        program.chmod(0o755)
        before, os.environ["PATH"] = os.environ["PATH"], f"{front}:{os.environ['PATH']}"
        try:
            super().start(module, *more)
        finally:
            os.environ["PATH"] = before

    def hold(self) -> None:
        """Kill the broker, and let it come back no more."""
        self.held.touch()
        os.kill(self.broker, signal.SIGKILL)
        self.until(lambda: not self.at_work())

    def count(self, table: str, where: str = "1") -> int:
        """Count rows, without reading a long ledger again and again."""
        with open_store(self.folder) as store:
            return int(store.rows(f"SELECT COUNT(*) FROM {table} WHERE {where}")[0][0])

    def kept(self, jti: str) -> int:
        """Count how often the reader's event with this id is remembered."""
        key = card_key(self.folder).event(f"id\x00gate-1\x00{jti}")
        return self.count("swipe_seen", f"key = '{key}'")


@pytest.fixture
def site() -> Iterator[DownSite]:
    made = DownSite()
    with open_context(made.folder) as context:  # an import that the ledger tells of
        import_list(context, (LIST + "04A1B2C5,韩梅梅,P003,T1,其他\n").encode(), "list.csv", force=True)
    for identity in (READER, Identity(Role.TERMINAL, "T1")):
        made.enrol(identity)
    made.start()
    yield made
    made.close()


def spool(place: Place, moment: Moment) -> Spool:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    folder = SpoolPlace(place.root / "state", place.root / "run", "T1", boot)
    return open_spool(folder, agent_key(place.root / "state"), moment)


def fill(place: Place, count: int) -> dict[int, str]:
    """Let the terminal tell so much over the last hour, while nobody hears it; gives the digests by number."""
    wall, up = time.time() - HOUR, time.clock_gettime(time.CLOCK_BOOTTIME)
    made: dict[int, str] = {}
    with spool(place, Moment(wall, up)) as memory:
        for start in range(0, count, 500):
            part = range(start, min(count, start + 500))
            moment = Moment(wall + HOUR * start / count, up)
            for event in memory.append_all([("usb.blocked", {"n": n}) for n in part], moment):
                assert event is not None
                made[event.seq] = digest(event.raw)
    return made


def nowhere(folders: list[Path], *numbers: str) -> int:
    """No number is in any file; gives how many files were looked at."""
    looked = 0
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes().upper()
                looked += 1
                assert [each for each in numbers if each.encode() in content] == [], path
    return looked


def in_ledger(site: DownSite) -> list[bytes]:
    """Give the terminal's events as they stand in the ledger, in its order."""
    return [canonical.encode(each.data["event"]) for each in site.entries() if "event" in each.data]


@pytest.mark.clause("7.2b")
@pytest.mark.clause("7.2c")
@pytest.mark.parametrize("count", [BUSY, QUEUE], ids=["an hour", "the queue's length"])
def test_the_broker_is_down_and_everything_is_there_once_when_it_is_back(
    site: DownSite, tmp_path: Path, count: int
) -> None:
    place = site.terminal(tmp_path / "T1")
    reader = site.client(READER)
    ids: dict[str, list[str]] = {"before": [], "late": [], "after": []}
    logs = tmp_path / "agent.log"
    with running(place) as process:
        site.until(lambda: bool(site.ask(do="terminals")["online"]["T1"]))
        ids["before"].append(swipe(reader, WANG))
        opened = site.wait_for("terminal.lease.opened").data["event"]["data"]["lease"]
        site.wait_for("terminal.usb.opened")
        site.hold()
        # What is open ends at the terminal; the stick of a stranger is refused; both wait on its disk.
        assert ask_agent(place.socket, {"do": "relock"})["ok"]
        site.until(lambda: place.tree.written("1-1/authorized") == "0")
        place.tree.plug("1-3", "0781", "9999", STICK, devnum=9)
        time.sleep(1.5)
        process.terminate()
        logs.write_text(process.communicate(timeout=20)[1], "utf-8")
    made = fill(place, count)
    before = site.count("ledger")
    with running(place) as process:
        time.sleep(3.0)  # both sides try in vain meanwhile
        assert not site.at_work()
        assert site.count("ledger") <= before + 1  # that the terminal is silent, at most
        site.held.unlink()
        site.until(site.at_work, 60)
        site.until(lambda: site.count("terminal_event") >= max(made), 300)
        late = site.client(READER)
        # The reader had kept three swipes of that hour, and sends each twice: its broker did not answer.
        for card in (WANG, LI, NOBODY):
            ids["late"].append(swipe(late, card, at=time.time() - HOUR))
            swipe(late, card, jti=ids["late"][-1], at=time.time() - HOUR)
        site.until(lambda: site.count("ledger", "kind = 'swipe.denied'") == 6, 60)
        site.until(lambda: bool(site.ask(do="terminals")["online"]["T1"]), 60)
        ids["after"].append(swipe(late, WANG))
        swipe(late, WANG, jti=ids["after"][0])  # the reader did not hear that it was taken
        again = site.wait_for("terminal.lease.opened", 2, 60).data["event"]["data"]["lease"]
        site.wait_for("terminal.usb.opened", 2, 60)
        assert place.tree.written("1-1/authorized") == "1"
        # The terminal has been told that all of it is in the ledger.
        site.until(lambda: acknowledged(place, site), 60)
        process.terminate()
        with logs.open("a", encoding="utf-8") as file:
            file.write(process.communicate(timeout=20)[1])
    compare_reader(site, ids)
    compare_agent(site, place, made)
    compare_leases(site, [opened, again])
    looked = nowhere([site.folder.parent, tmp_path], WANG, LI, NOBODY, "04A1B2C5")
    assert looked > 20
    logs.write_text(f"read {LI.lower()}", "utf-8")
    with pytest.raises(AssertionError):  # the control: it would have been found
        nowhere([tmp_path], LI)


def acknowledged(place: Place, site: DownSite) -> bool:
    """Tell whether the agent holds nothing back that the ledger has not."""
    told = ask_agent(place.socket, {"do": "events"})
    return bool(told["unacked"] == 0) and site.count("terminal_event") > 0


def compare_reader(site: DownSite, ids: dict[str, list[str]]) -> None:
    """Each id of the reader's was decided once; what came twice, or late, opened nothing."""
    every = [each for listed in ids.values() for each in listed]
    assert [site.kept(each) for each in every] == [1] * len(every)
    assert site.kept(secrets.token_urlsafe(16)) == 0  # the control
    told = [each for each in site.entries() if each.kind.startswith("swipe.")]
    codes = [each.data["code"] for each in told]
    assert codes.count("granted") == len(ids["before"]) + len(ids["after"])
    assert codes.count("swipe_old") == 2 * len(ids["late"])
    assert codes.count("replayed") == len(ids["after"])
    assert len(codes) == len(every) + len(ids["late"]) + len(ids["after"])


def compare_agent(site: DownSite, place: Place, made: dict[int, str]) -> None:
    """Every event of the agent's is in the ledger once, in the order of its chain, byte for byte."""
    found = in_ledger(site)
    head = verify_chain(found, agent_key(place.root / "state").public)
    assert head.seq == len(found) == site.count("terminal_event")
    with open_store(site.folder) as store:
        rows = store.rows("SELECT seq, digest, entry FROM terminal_event WHERE terminal = 'T1'")
        assert len({row["entry"] for row in rows}) == len(rows)
        digests = {row["seq"]: row["digest"] for row in rows}
        assert verify(store, "hq", ledger_public_key(site.folder)).entries == site.count("ledger")
    assert {seq: digests[seq] for seq in made} == made
    assert "terminal.chain_gap" not in site.kinds()
    with spool(place, Moment(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME))) as memory:
        # That it was stopped may be in the ledger already, with the acknowledgement on its way to nobody.
        waiting = dict(memory.unacked(0, 100))
        assert len(waiting) < 10
        assert {seq: digest(raw) for seq, raw in waiting.items() if seq <= head.seq}.items() <= digests.items()
        assert memory.state.head.seq == max([head.seq, *waiting])


def compare_leases(site: DownSite, leases: list[str]) -> None:
    """Each grant was opened once, and the clauses are judged by it as if the broker had been there."""
    entries = site.entries()
    granted = [each.data["jti"] for each in entries if each.kind == "swipe.granted"]
    opened = [each.data["event"]["data"]["lease"] for each in entries if each.kind == "terminal.lease.opened"]
    ended = [each.data["event"]["data"]["lease"] for each in entries if each.kind == "terminal.lease.ended"]
    assert granted == opened == leases
    assert ended.count(leases[0]) == 1
    with open_context(site.folder) as context:
        now = context.clock()
        use, lists = uses_of(context, now - timedelta(days=1))["T1"], lists_of(context)
        found = [*c72b.judge(context.site.terminals[0], use, lists, now)]
        wrong = [str(each.text) for each in found[:-1] if each.verdict is not Verdict.PASS]
        assert wrong == ["the kernel's gate alone: the clause names an anti-plug device, and there is none"]
        assert [each.jti for each in use.openings] == leases
        assert list(c72c._openings(use, now)) == []

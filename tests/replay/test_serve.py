"""The running controller on real parts: swipe to relock over a real broker and the agent's own process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.link.identity import agent_key
from controller.broker.revocation import revoke
from controller.cards.trail import trail_of
from controller.context import open_context
from controller.ledger.key import ledger_public_key
from controller.ledger.verify import verify
from controller.store.open import open_store
from policies.grants import Moment
from policies.messages.event import Head, Origin, sign_event
from policies.messages.identities import Identity, Role
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import LI, NOBODY, WANG, Site, swipe

READER, TERMINAL = Identity(Role.READER, "gate-1"), Identity(Role.TERMINAL, "T1")
ORIGIN = Origin("T1", 1, "0f8fad5b-d9cb-469f-a165-70867728950e")


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.start()
    yield made
    made.close()


@pytest.fixture
def place(site: Site, tmp_path: Path) -> Place:
    return site.terminal(tmp_path / "T1")


@pytest.fixture
def reader(site: Site) -> Client:
    return site.client(READER)


@pytest.fixture
def agent(site: Site, place: Place) -> Iterator[Place]:
    with running(place):
        site.wait_for("terminal.agent.enforcing")
        site.until(lambda: site.ask(do="terminals")["online"]["T1"])
        yield place


def stick(place: Place) -> str:
    return place.tree.written("1-1/authorized")


def test_a_swipe_opens_and_the_same_card_shuts_all_of_it_in_one_chain(site: Site, agent: Place, reader: Client) -> None:
    assert stick(agent) == "0"
    swipe(reader)
    opened = site.wait_for("terminal.usb.opened")
    assert stick(agent) == "1"
    time.sleep(1.5)
    swipe(reader)
    site.wait_for("terminal.lease.ended")
    assert stick(agent) == "0"
    jti = opened.data["event"]["data"]["lease"]
    with open_store(site.folder) as store:
        trail = trail_of(store, jti)
        assert trail.same
        kinds = [each.kind for each in trail.entries]
        assert kinds[0] == "swipe.granted"
        assert kinds[-1] == "terminal.lease.ended"
        assert {"terminal.lease.opened", "terminal.usb.opened", "swipe.relocked", "terminal.usb.relocked"} <= {*kinds}
        assert verify(store, "hq", ledger_public_key(site.folder)).entries == len(site.entries())


def test_an_unknown_card_opens_nothing_and_its_number_is_nowhere(site: Site, agent: Place, reader: Client) -> None:
    swipe(reader, NOBODY)
    denied = site.wait_for("swipe.denied")
    assert denied.data["code"] == "unknown_card"
    swipe(reader, WANG)  # the control: a known one opens
    site.wait_for("terminal.usb.opened")
    time.sleep(0.5)
    for path in sorted(site.folder.parent.rglob("*")):
        if path.is_file():
            content = path.read_bytes().upper()
            assert NOBODY.encode() not in content, path
            assert WANG.encode() not in content, path


def test_a_card_that_the_list_has_no_more_is_shut_out_at_once(site: Site, agent: Place, reader: Client) -> None:
    swipe(reader)
    site.wait_for("terminal.usb.opened")
    site.import_cards(f"卡号,姓名,工号,终端,用途\n{LI},李雷,P002,T1,维护\n")
    site.wait_for("terminal.lease.ended")
    assert stick(agent) == "0"
    assert site.wait_for("lease.revoked").data["why"] == "withdrawn"


def test_a_lease_is_ended_and_opened_by_verbs(site: Site, agent: Place, reader: Client) -> None:
    swipe(reader)
    site.wait_for("terminal.usb.opened")
    jti = site.wait_for("swipe.granted").data["jti"]
    assert site.ask(do="lease.revoke", jti=jti, reason="drill", actor="local:test")["ended"] is True
    site.wait_for("terminal.lease.ended")
    told = site.ask(
        do="grant", terminal="T1", people=["p1", "p2"], purpose="case", minutes=5, reason="drill", actor="local:test"
    )
    site.until(lambda: stick(agent) == "1")
    assert site.wait_for("lease.manual").data["fails"] == "7.2b"
    assert site.ask(do="lease.revoke", jti=told["lease"], reason="over", actor="local:test")["ended"] is True
    site.until(lambda: stick(agent) == "0")


def test_killed_and_started_again_nothing_is_lost_or_doubled(site: Site, agent: Place, reader: Client) -> None:
    swipe(reader)
    site.wait_for("terminal.usb.opened")
    site.stop(kill=True)
    agent.tree.plug("1-3", "0781", "9999", [(0, "08", "06", "50")], devnum=9)
    time.sleep(1.5)
    site.start()
    site.wait_for("terminal.usb.blocked", 3, seconds=40)
    told = [each.data["event"]["seq"] for each in site.entries() if "event" in each.data]
    assert told == list(range(1, len(told) + 1))
    reader.close()
    again = site.client(READER)
    swipe(again)  # the lease from before is known: the card shuts it
    site.wait_for("swipe.relocked")
    site.wait_for("terminal.lease.ended")


def test_a_grant_to_a_terminal_that_has_gone_is_withdrawn(site: Site, place: Place, reader: Client) -> None:
    with running(place) as process:
        site.until(lambda: site.ask(do="terminals")["online"]["T1"])
        process.kill()
        process.wait()
    site.until(lambda: "terminal.silent" in site.kinds())
    swipe(reader)
    assert site.wait_for("swipe.denied").data["code"] == "offline"


def test_two_controllers_do_not_serve_one_site(site: Site) -> None:
    other = Site.__new__(Site)
    other.folder = site.folder
    from controller.control import runs

    assert runs(site.folder)
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "tests.replay.serve_process", str(site.folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 4
    assert "serves this site" in done.stderr
    assert runs(site.folder)


def test_what_a_revoked_terminals_key_signs_is_refused_and_told(site: Site, place: Place) -> None:
    """Whoever has the machine has its key: also over a connection that should not be, nothing of it counts."""
    with running(place):
        site.wait_for("terminal.agent.enforcing")
    site.wait_for("terminal.silent")
    with open_context(site.folder) as context:
        assert revoke(context, TERMINAL, "stolen").fingerprint
    last = len(site.kinds())
    event = sign_event(agent_key(place.root / "state"), ORIGIN, Head(), Moment(time.time(), 1.0), "usb.opened", {})
    other = site.client(TERMINAL)  # a certificate that was made behind everybody's back

    def refused() -> bool:
        other.say("portseal/1/hq/terminal/T1/event", event.raw)
        time.sleep(0.3)
        return "terminal.chain_revoked" in site.kinds()

    site.until(refused)
    assert "terminal.usb.opened" not in site.kinds()[last:]

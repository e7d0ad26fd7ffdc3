"""Openings without a connection on real parts: a real broker that goes away, and the agent's own process.

The agent asks for ten seconds without a connection before it acts alone; the tests wait for its answer to change.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from agent.control import ask
from controller.cards.trail import trail_of
from controller.ledger.key import ledger_public_key
from controller.ledger.verify import verify
from controller.store.open import open_store
from policies.errors import EquipmentError
from policies.messages.identities import Identity, Role
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import LI, LIST, NOBODY, WANG, Site, swipe

READER = Identity(Role.READER, "gate-1")
#: Each card has one purpose, so that nobody has to be asked.
CARDS = LIST.replace('"案件调取,维护"', "案件调取")
RULE = "[terminals.T1.offline]\nvalid_minutes = 60\nlease_minutes = 5\nsecond_person = {two}\n"


@contextmanager
def site_with(two: str) -> Iterator[Site]:
    made = Site(RULE.format(two=two), CARDS)
    made.start()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def site() -> Iterator[Site]:
    with site_with("false") as made:
        yield made


@pytest.fixture
def place(site: Site, tmp_path: Path) -> Place:
    return site.terminal(tmp_path / "T1")


def use(site: Site, reader: Client, card: str) -> None:
    """Let a card open the terminal by a swipe, and shut it again, so that it is kept there."""
    opened, ended = site.kinds().count("terminal.lease.opened"), site.kinds().count("terminal.lease.ended")
    swipe(reader, card)
    site.wait_for("terminal.lease.opened", opened + 1)
    time.sleep(1.5)
    swipe(reader, card)
    site.wait_for("terminal.lease.ended", ended + 1)


def kept(site: Site, place: Place, *cards: str) -> None:
    """Run the controller and the terminal until these cards are kept there."""
    site.until(lambda: site.ask(do="terminals")["online"]["T1"])
    reader = site.client(READER)
    for card in cards:
        use(site, reader, card)

    def complete() -> bool:
        told = ask(place.socket, {"do": "status"})["offline"]
        return bool(told) and told["cards"] == len(cards)

    site.until(complete)


def present(place: Place, card: str = WANG) -> dict[str, Any]:
    return ask(place.socket, {"do": "present", "card": card})


def alone(site: Site, place: Place) -> None:
    """Take controller and broker away, and wait until the terminal knows that nobody can be asked."""
    site.stop()

    def counts() -> bool:
        told = ask(place.socket, {"do": "status"})["offline"]
        return bool(told) and bool(told["counts"])

    site.until(counts, 40)


def stick(place: Place) -> str:
    return place.tree.written("1-1/authorized")


def test_a_kept_card_opens_once_and_the_ledger_has_its_chain_when_the_controller_is_back(
    site: Site, place: Place
) -> None:
    with running(place) as agent:
        kept(site, place, WANG)
        assert present(place)["code"] == "connected"
        alone(site, place)
        assert present(place, NOBODY)["code"] == "unknown"
        assert stick(place) == "0"
        opened = present(place)
        assert opened["ok"]
        assert stick(place) == "1"
        agent.send_signal(signal.SIGKILL)
    with running(place):
        site.until(lambda: "ended" in present(place), 40)  # the same card again; at first it is not alone yet
        assert stick(place) == "0"
        assert present(place)["code"] == "used"
        site.start()
        site.wait_for("terminal.offline.refused", 2)
        site.until(lambda: present(place)["code"] == "connected")
        entry = site.wait_for("terminal.offline.opened")
        jti = entry.data["event"]["data"]["lease"]
        assert jti == opened["lease"]
        with open_store(site.folder) as store:
            trail = trail_of(store, jti)
            assert trail.same
            kinds = [each.kind for each in trail.entries]
            assert (kinds[0], kinds[-1]) == ("offline.granted", "terminal.lease.ended")
            assert {"terminal.offline.opened", "terminal.usb.opened", "terminal.usb.relocked"} <= {*kinds}
            assert verify(store, "hq", ledger_public_key(site.folder)).entries == len(site.entries())
        site.until(lambda: bool(ask(place.socket, {"do": "status"})["offline"]))  # and it is signed anew
        for path in sorted(place.root.rglob("*")) + sorted(site.folder.parent.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            assert not any(each.encode() in content for each in (WANG, WANG.lower(), NOBODY)), path


def test_a_card_that_was_revoked_meanwhile_is_shut_out_at_the_next_contact(site: Site, place: Place) -> None:
    with running(place):
        kept(site, place, WANG, LI)
        alone(site, place)
        site.import_cards("\n".join(line for line in CARDS.splitlines() if WANG not in line))
        assert present(place)["ok"]
        assert stick(place) == "1"
        site.start()
        ended = site.wait_for("terminal.lease.ended", 3)
        assert ended.data["event"]["data"]["why"] == "revoked"
        assert stick(place) == "0"
        site.until(lambda: _kept_last(site)["cards"] == 1)
        alone(site, place)
        assert present(place)["code"] == "unknown"
        assert present(place, LI)["ok"]


def test_two_people_where_the_site_wants_two(tmp_path: Path) -> None:
    with site_with("true") as site:
        place = site.terminal(tmp_path / "T1")
        with running(place):
            kept(site, place, WANG, LI)
            alone(site, place)
            assert present(place)["needs"] == "second_person"
            assert present(place)["code"] == "second_same"
            assert stick(place) == "0"
            assert present(place, LI)["ok"]
            assert stick(place) == "1"


def test_an_agent_that_is_killed_at_any_moment_opens_once(site: Site, place: Place) -> None:
    """Killed while it decides: the card has opened and is used up, or has not opened and still may."""
    with running(place):
        kept(site, place, WANG, LI)
        alone(site, place)
    for number, card in enumerate((WANG, LI)):
        with running(place) as agent:
            site.until(lambda: bool(ask(place.socket, {"do": "status"})["offline"]["counts"]), 40)
            thread = threading.Thread(target=_try, args=(place, card))
            thread.start()
            time.sleep(0.05 + 0.15 * number)  # the slow hash takes about as long
            os.kill(agent.pid, signal.SIGKILL)
            thread.join()
        with running(place):
            site.until(lambda: present(place, NOBODY)["code"] in ("unknown", "wait", "terminal_taken", "nothing"), 40)
            ask(place.socket, {"do": "relock"})
            for _ in range(3):
                present(place, card)
            ask(place.socket, {"do": "relock"})
            assert present(place, card)["code"] == "used"
    site.start()
    with running(place):
        site.wait_for("terminal.offline.opened", 2)
        time.sleep(2)
        assert site.kinds().count("terminal.offline.opened") == 2


def _kept_last(site: Site) -> Any:
    """Give what the terminal told last of what it keeps."""
    return [each.data["event"]["data"] for each in site.entries() if each.kind == "terminal.offline.kept"][-1]


def _try(place: Place, card: str) -> None:
    with suppress(EquipmentError, OSError):
        present(place, card)

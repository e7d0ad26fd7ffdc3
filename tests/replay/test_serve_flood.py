"""A flood of swipes at the running controller, true ones among them: none is lost, none counts twice."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.link.state import AgentState
from controller.cards.pseudonyms import card_key
from controller.ledger.entry import Entry
from controller.ledger.key import ledger_public_key
from controller.ledger.verify import verify
from controller.store.open import open_store
from drivers.cards.native import NativeSwipe
from policies.messages.identities import Identity, Role
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import WANG, Site

#: Swipes of strangers in one wave, and waves; after each one the card of somebody known is swiped.
WAVE, WAVES = 1000, 4
#: Every such message is delivered once more at the end, as a broker may do (MQTT 5.0, section 4.3.2).
AGAIN = 300
#: What the controller says of it: known, or (on a slow machine) not even new enough to ask.
_AGAIN = {"replayed": "again", "swipe_old": "again"}


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.start()
    yield made
    made.close()


class Reader:
    """A reader that does not wait for the broker between two swipes; `sent` has the id of each, in order."""

    def __init__(self, client: Client) -> None:
        self._mqtt = client.mqtt
        self.sent: dict[str, bytes] = {}

    def swipe(self, card: str) -> str:
        jti = secrets.token_urlsafe(16)
        self.sent[jti] = NativeSwipe("gate-1", card, int(time.time()), jti).encode()
        self.publish(jti)
        return jti

    def publish(self, jti: str) -> None:
        self._last = self._mqtt.publish("portseal/1/hq/reader/gate-1/swipe", self.sent[jti], qos=1)

    def settle(self) -> None:
        """Wait until the broker has taken all of them."""
        self._last.wait_for_publish(60)
        assert self._last.is_published()


def decisions(site: Site) -> list[Entry]:
    return [each for each in site.entries() if each.kind.startswith("swipe.")]


def known_by_the_controller(site: Site, jtis: list[str]) -> set[str]:
    """Give those that it has seen: it keeps a keyed hash of each reader's id, and not the id."""
    key = card_key(site.folder)
    with open_store(site.folder) as store:
        kept = {row["key"] for row in store.rows("SELECT key FROM swipe_seen")}
    return {jti for jti in jtis if key.event(f"id\x00gate-1\x00{jti}") in kept}


def accepted_by_the_agent(place: Place) -> set[str]:
    """Give the grants in the agent's own memory."""
    with closing(sqlite3.connect(f"file:{place.root}/state/agent.db?mode=ro", uri=True)) as database:
        (raw,) = database.execute("SELECT raw FROM state").fetchone()
    return set(AgentState.decode(raw).used_jti)


def test_thousands_of_swipes_with_true_ones_among_them(site: Site, tmp_path: Path) -> None:
    place = site.terminal(tmp_path / "T1")
    with running(place):
        site.until(lambda: site.ask(do="terminals")["online"]["T1"], 40)
        reader = Reader(site.client(Identity(Role.READER, "gate-1")))
        true: list[str] = []
        for wave in range(WAVES):
            for number in range(WAVE):
                reader.swipe(f"{wave * WAVE + number + 1:08X}")
                if number == WAVE // 2:
                    true.append(reader.swipe(WANG))
            reader.settle()
            site.wait_for(("swipe.granted", "swipe.relocked")[wave % 2], 1 + wave // 2, 120)
            site.wait_for(("terminal.lease.opened", "terminal.lease.ended")[wave % 2], 1 + wave // 2, 60)
            time.sleep(1.2)  # within swipe_again_s the same card is the same swipe
        for jti in [*true, *list(reader.sent)[:AGAIN]]:
            reader.publish(jti)
        reader.settle()
        expected = len(reader.sent) + len(true) + AGAIN
        site.until(lambda: len(decisions(site)) >= expected, 120)
    _compare(site, place, reader, true, expected)


def _compare(site: Site, place: Place, reader: Reader, true: list[str], expected: int) -> None:
    found = decisions(site)
    assert len(found) == expected
    codes = Counter(_AGAIN.get(each.data["code"], each.data["code"]) for each in found)
    assert codes == {
        "unknown_card": WAVE * WAVES, "granted": WAVES // 2, "already_open": WAVES // 2, "again": len(true) + AGAIN,
    }  # fmt: skip
    assert known_by_the_controller(site, list(reader.sent)) == set(reader.sent)
    granted = [each.data["jti"] for each in found if each.kind == "swipe.granted"]
    events = [each.data["event"] for each in site.entries() if "event" in each.data]
    opened = [each["data"]["lease"] for each in events if each["kind"] == "lease.opened"]
    assert len(set(granted)) == len(true) // 2
    assert sorted(opened) == sorted(granted)
    assert accepted_by_the_agent(place) == set(granted)
    assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
    with open_store(site.folder) as store:
        assert verify(store, "hq", ledger_public_key(site.folder)).entries == len(site.entries())

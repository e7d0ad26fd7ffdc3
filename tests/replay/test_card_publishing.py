"""The access-control system publishes its list to a running controller, over a real broker with its own identity."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from controller.store.cards import listing
from controller.store.open import open_store
from policies.messages.cards import ListAck, read_ack, split
from policies.messages.identities import Identity, Role
from tests.replay.broker_bench import Client
from tests.replay.serve_bench import SITE, WANG, Site, swipe

ACCESS = Identity(Role.ACCESS)
#: More than one part, and never two numbers that could be in a file by chance.
OTHERS = [f"F7{n:06X}" for n in range(900)]


def cards(*numbers: str) -> bytes:
    return json.dumps({
        "cards": [
            {"number": each, "name": "王小明", "staff": f"P{n}", "terminals": "T1", "purposes": "case"}
            for n, each in enumerate(numbers)
        ]
    }).encode()  # fmt: skip


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site("[authority]\npublished = true\nmost_removed_percent = 50\n")
    made.start()
    yield made
    made.close()


@pytest.fixture
def access(site: Site) -> Client:
    made = site.client(ACCESS)
    made.subscribe("portseal/1/hq/cards/ack")
    return made


def publish(access: Client, version: int, content: bytes) -> ListAck:
    for each in split(version, content):
        assert not access.say("portseal/1/hq/cards", each).is_failure
    heard = access.hear(60)
    assert heard is not None
    return read_ack(heard[1])


def inforce(site: Site) -> Any:
    with open_store(site.folder) as store:
        return listing(store)


def test_a_published_list_opens_and_an_older_one_does_not_come_back(site: Site, access: Client) -> None:
    first = publish(access, 7, cards(WANG, *OTHERS))
    assert (first.code, first.taken) == ("imported", True)
    assert (inforce(site).cards, inforce(site).source, inforce(site).version) == (901, "topic", first.list)
    assert publish(access, 7, cards(WANG, *OTHERS)).code == "same"
    assert publish(access, 8, cards(*OTHERS)).code == "imported"
    old = publish(access, 7, cards(WANG, *OTHERS))
    assert (old.code, old.taken) == ("older", False)
    assert site.wait_for("cards.refused").data == {"code": "older", "version": 7}
    assert publish(access, 8, cards(WANG)).code == "other"
    assert publish(access, 9, cards(WANG)).code == "shrinks"
    assert publish(access, 10, b'{"cards": [{"number": "zz"}]}').code == "problems"
    assert inforce(site).cards == 900
    reader = site.client(Identity(Role.READER, "gate-1"))
    swipe(reader)
    assert site.wait_for("swipe.denied").data["code"] == "unknown_card"  # the older list would have it
    swipe(reader, OTHERS[0])
    site.until(lambda: site.kinds().count("swipe.denied") == 2)
    codes = [each.data["code"] for each in site.entries() if each.kind == "swipe.denied"]
    assert codes[1] == "offline"  # the control: this card is known
    nowhere(site, WANG, OTHERS[0], OTHERS[500])


def nowhere(site: Site, *numbers: str) -> None:
    """No number is in any file: database, its log, broker, controller's output."""
    for path in sorted(site.folder.parent.rglob("*")):
        if path.is_file():
            content = path.read_bytes().upper()
            for each in numbers:
                assert each.upper().encode() not in content, (path, each)


def test_one_that_is_killed_answers_nothing_and_takes_the_list_when_it_is_sent_again(
    site: Site, access: Client
) -> None:  # fmt: skip
    before = inforce(site).version
    parts = split(7, cards(WANG, *OTHERS))
    for each in parts[:-1]:
        access.say("portseal/1/hq/cards", each)
    site.stop(kill=True)
    site.start()
    again = site.client(ACCESS)
    again.subscribe("portseal/1/hq/cards/ack")
    again.say("portseal/1/hq/cards", parts[-1])
    heard = again.hear(30)
    assert heard is not None
    assert read_ack(heard[1]).code == "parts"
    assert inforce(site).version == before
    assert publish(again, 7, cards(WANG, *OTHERS)).code == "imported"


def test_without_the_declaration_nobody_hears_a_list() -> None:
    site = Site()
    try:
        site.start()
        access = site.client(ACCESS)
        for each in split(1, cards(WANG)):
            assert access.say("portseal/1/hq/cards", each).is_failure
        assert "published" not in SITE
        assert not any(each.startswith("cards.") for each in site.kinds())
    finally:
        site.close()

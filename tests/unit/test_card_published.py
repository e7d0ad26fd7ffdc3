"""A list that the access-control system has published: taken once, never an older one, and answered in every case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.broker.certify import certify_access
from controller.broker.say import Say
from controller.broker.site import standing as on_the_broker
from controller.cards.keep import import_list
from controller.cards.published import packed, take_published, unpacked
from controller.cards.publishing import QUIET, Publishing
from controller.cards.sync import SourceState, last_look, overdue, sync
from controller.context import Context, open_context
from controller.store import cards
from controller.store.published import last_mark
from policies.errors import ConfigError, InputError
from policies.load import load_site
from policies.messages.cards import Collector, ListAck, PublishedList, read_ack, read_part, split
from policies.messages.identities import Identity, Role
from policies.messages.topics import Kind
from tests.unit.broker_site import SetClock
from tests.unit.card_site import SITE, card_site, certificate_request, pseudonym

PUBLISHED = SITE.replace('source = "export/cards.csv"\n', "published = true\n")


def person(number: int, **more: Any) -> dict[str, Any]:
    return {"number": f"{number}", "staff": f"B{number}", "terminals": "guard-1", "purposes": "case", **more}


def listed(count: int, first: int = 1_000_000, **more: Any) -> bytes:
    return json.dumps({"cards": [person(first + n, **more) for n in range(count)]}).encode()


def published(version: int, content: bytes) -> PublishedList:
    collector = Collector()
    found = [collector.add(read_part(each), 1.0) for each in split(version, content)][-1]
    assert found is not None
    return found


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def site(tmp_path: Path, clock: SetClock) -> Iterator[Context]:
    with open_context(card_site(tmp_path / "site", PUBLISHED), clock) as context:
        yield context


def take(site: Context, version: int, content: bytes) -> tuple[str, int]:
    found = take_published(site, unpacked(packed(published(version, content))))
    assert found.version == version
    assert read_ack(found.encode()) == found
    return found.code, found.list


def kinds(site: Context) -> list[str]:
    return [row["kind"] for row in site.store.rows("SELECT kind FROM ledger ORDER BY seq")]


class TestTaking:
    def test_a_new_list_is_put_in_force_once(self, site: Context) -> None:
        assert take(site, 5, listed(10)) == ("imported", 1)
        found = cards.listing(site.store)
        assert found is not None
        assert (found.source, found.cards) == ("topic", 10)
        assert pseudonym(site.site.folder, 1_000_003)
        assert take(site, 5, listed(10)) == ("same", 1)
        assert take(site, 6, listed(10)) == ("same", 1)
        assert take(site, 7, listed(9)) == ("imported", 2)
        assert kinds(site).count("cards.import.done") == 2

    def test_an_older_list_and_another_one_under_its_version_never_come_back(self, site: Context) -> None:
        take(site, 5, listed(10))
        take(site, 6, listed(9))
        assert take(site, 5, listed(10)) == ("older", 2)
        assert take(site, 1, listed(11)) == ("older", 2)
        assert take(site, 6, listed(10)) == ("other", 2)
        found = cards.listing(site.store)
        assert found is not None
        assert found.cards == 9

    def test_a_list_that_is_refused_lets_none_before_it_back_and_may_come_again(self, site: Context) -> None:
        take(site, 5, listed(10))
        assert take(site, 9, listed(2)) == ("shrinks", 1)
        assert take(site, 8, listed(9)) == ("older", 1)
        assert take(site, 10, listed(10, terminals="nowhere")) == ("problems", 1)
        assert take(site, 10, listed(10, terminals="nowhere")) == ("problems", 1)
        assert take(site, 11, listed(9)) == ("imported", 2)

    def test_problems_are_told_by_row_and_column_without_what_stood_there(self, site: Context) -> None:
        found = take_published(site, published(1, listed(30, terminals="geheim")))
        assert found.code == "problems"
        assert len(found.problems) == 10
        assert (found.problems[0].row, found.problems[0].column) == (1, "terminals")
        assert "终端" in found.problems[0].text
        text = found.encode().decode()
        assert "geheim" not in text
        assert "1000000" not in text
        broken = take_published(site, published(2, b'{"cards": 7}'))
        assert [each.row for each in broken.problems] == [0]

    def test_it_counts_again_after_another_list_was_imported_by_hand(self, site: Context) -> None:
        take(site, 5, listed(10))
        import_list(site, listed(9), "by hand")
        assert take(site, 5, listed(10)) == ("imported", 3)

    def test_a_system_that_sends_none_any_more_is_told(self, site: Context, clock: SetClock) -> None:
        overdue(site)
        take(site, 5, listed(3))
        clock.forward(days=1)
        overdue(site)
        assert (found := last_look(site.store)) and found.state is SourceState.IMPORTED
        clock.forward(days=1, seconds=1)
        overdue(site)
        overdue(site)
        assert (found := last_look(site.store)) and found.state is SourceState.OLD
        assert kinds(site)[-1] == "cards.source"
        assert kinds(site).count("cards.source") == 1
        assert take(site, 5, listed(3)) == ("same", 1)
        assert (found := last_look(site.store)) and found.state is SourceState.SAME

    def test_no_number_name_or_bare_hash_is_written_down(self, site: Context) -> None:
        content = listed(3, name="王丽华")
        take(site, 5, content)
        take(site, 4, content)
        digest = published(5, content).digest
        for row in site.store.rows("SELECT bytes FROM ledger"):
            text = bytes(row["bytes"]).decode()
            assert not any(each in text for each in ("1000000", "王", digest))
        mark = last_mark(site.store)
        assert mark is not None
        assert mark.file_mac != digest


class Loop:
    """The serving side, without the process that reads lists."""

    def __init__(self, site: Context) -> None:
        self.site, self.publishing = site, Publishing(site)

    def publish(self, version: int, content: bytes) -> list[ListAck]:
        said: list[Say] = []
        for each in split(version, content):
            with self.site.store.transaction():
                said += self.publishing.take(each, self.site.clock())
        assert {each.kind for each in said} <= {Kind.CARDS_ACK, Kind.FINDING}
        return [read_ack(each.payload) for each in said if each.kind is Kind.CARDS_ACK]


class TestServing:
    def test_an_old_list_is_answered_at_its_end_and_written_down_once(self, site: Context, clock: SetClock) -> None:
        take(site, 5, listed(900))
        loop = Loop(site)
        for _ in range(3):
            (ack,) = loop.publish(4, listed(900))
            assert (ack.code, ack.version, ack.list) == ("older", 4, 1)
        assert kinds(site).count("cards.refused") == 1
        loop.publishing.forget()
        loop.publish(4, listed(900))
        clock.now += QUIET + timedelta(seconds=1)
        loop.publish(4, listed(900))
        assert kinds(site).count("cards.refused") == 3
        assert loop.publishing._waiting is None

    def test_of_lists_that_come_fast_only_the_newest_is_read(self, site: Context) -> None:
        loop = Loop(site)
        assert loop.publish(5, listed(10)) == []
        assert loop.publish(5, listed(10)) == []  # the same one again
        (ack,) = loop.publish(6, listed(11))
        assert (ack.code, ack.version) == ("superseded", 5)
        waiting = loop.publishing._waiting
        assert waiting is not None
        assert waiting.version == 6

    def test_noise_is_refused(self, site: Context) -> None:
        loop = Loop(site)
        for noise in (b"", b"[]", listed(3), b"\xff" * 70_000, split(1, listed(1))[0][:-1]):
            with pytest.raises(InputError):
                loop.publishing.take(noise, site.clock())


def test_the_site_says_file_or_broker_and_the_verb_for_files_says_so(site: Context, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sends its list itself"):
        sync(site)
    both = tmp_path / "both"
    both.mkdir()
    (both / "site.toml").write_text(SITE.replace("source =", "published = true\nsource ="), "utf-8")
    with pytest.raises(ConfigError, match="remove one of the two"):
        load_site(both)


def test_only_a_declared_system_may_come_to_the_broker(site: Context, tmp_path: Path) -> None:
    access = Identity(Role.ACCESS)
    assert access in on_the_broker(site).identities
    with open_context(card_site(tmp_path / "other")) as other:
        assert access not in on_the_broker(other).identities
        with pytest.raises(ConfigError, match="published = true"):
            certify_access(other, b"")


def test_a_system_that_was_set_up_anew_may_count_from_the_beginning(site: Context) -> None:
    take(site, 5, listed(3))
    request = certificate_request()
    first = certify_access(site, request)
    assert take(site, 1, listed(3)) == ("older", 1)
    second = certify_access(site, request, anew=True)
    assert second.ended == (first.issued.serial,)
    assert take(site, 1, listed(3)) == ("same", 1)
    (row,) = site.store.rows("SELECT bytes FROM ledger WHERE kind = 'cards.versions_anew'")
    assert json.loads(row["bytes"])["data"] == {"highest": 5}

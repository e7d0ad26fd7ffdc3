"""The list of cards in the database: put whole or not at all, read back, revoked here, erased."""

from __future__ import annotations

import sqlite3
import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cards.authority import AuthorityImport, Door, import_bytes
from controller.cards.pseudonyms import CardIdentity, CardKey
from controller.store import cards
from controller.store.cards import NewList
from controller.store.open import Store, open_store
from policies.cards.number import CardNumber, CardRule, Digits
from policies.cards.rights import Authority, Card, HolderStatus, Limits, Right, content_hash
from policies.errors import Busy, StorageFailed
from policies.grants import Purpose
from policies.site import Site
from policies.terminal import Terminal, TerminalPlatform

KEY = CardKey(b"k" * 32)
SITE = Site(
    "park",
    Path("/nowhere"),
    terminals=(Terminal("guard-1", TerminalPlatform.LINUX, agent=True, place="x", owner="y"),),
    authority=CardRule(4, Digits.DECIMAL),
)
HEAD = "卡号,姓名,工号,状态,失效日期,终端,用途\n"
WANG = "77705923,王丽,A01,正常,2026-12-31,guard-1,案件调取\n"
LI = "81655381,李雷,A02,挂失,,*,全部\n"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


def read(store: Store, *rows: str) -> AuthorityImport:
    last = cards.listing(store)
    version = 1 if last is None else last.version + 1
    numbers = count(1)
    door = Door(SITE, KEY, version, cards.known(store), fresh=lambda: f"p{version}-{next(numbers)}")
    return import_bytes((HEAD + "".join(rows)).encode(), "list.csv", door)


def new_list(store: Store, *rows: str) -> NewList:
    found = read(store, *rows)
    return NewList(found.require(), found.identities, found.bearers, "file", "local:li", cards.authority_version(store))


def put(store: Store, *rows: str) -> Authority:
    new = new_list(store, *rows)
    cards.put_list(store, new)
    return new.authority


def card_of(store: Store, number: int) -> str:
    return cards.pseudonym_of(store, KEY.card(CardNumber(f"{number:08X}")))


def whole(store: Store) -> list[tuple[object, ...]]:
    tables = ("card_list", "card", "card_identity", "card_bearer", "card_revocation", "card_changes")
    return [tuple(row) for table in tables for row in store.rows(f"SELECT * FROM {table}")]


def test_a_list_comes_back_as_it_was_imported(store: Store) -> None:
    assert cards.authority(store) is None
    assert cards.listing(store) is None
    assert cards.authority_version(store) == 0
    first = put(store, WANG, LI)
    assert cards.authority(store) == cards.listed(store) == first
    assert content_hash(first.cards) == first.content
    put_there = cards.listing(store)
    assert put_there is not None
    assert (put_there.version, put_there.source, put_there.actor, put_there.cards) == (1, "file", "local:li", 2)
    wang = card_of(store, 77705923)
    assert cards.name_of(store, wang) == "王丽"
    assert cards.names(store) == {wang: "王丽", card_of(store, 81655381): "李雷"}
    assert (card_of(store, 1), cards.name_of(store, "nobody")) == ("", "")


def test_the_next_list_replaces_it_and_keeps_who_is_known(store: Store) -> None:
    put(store, WANG, LI)
    wang, li = card_of(store, 77705923), card_of(store, 81655381)
    second = put(store, WANG.replace("王丽", "王莉").replace("正常", "注销"))
    assert cards.authority(store) == second
    assert [card.card for card in second.cards] == [wang]
    assert cards.name_of(store, wang) == "王莉"
    assert cards.name_of(store, li) == "李雷"  # who opened what last month is still to be told
    assert len(store.rows("SELECT * FROM card_bearer")) == 1
    assert put(store, WANG, LI).card(li) is not None
    assert card_of(store, 81655381) == li


_text = st.text(string.ascii_letters + "王丽", min_size=1, max_size=6)
_when = st.none() | st.integers(10**9, 4 * 10**9).map(lambda second: datetime.fromtimestamp(second, UTC))
_cards = st.builds(
    Card,
    card=_text,
    bearer=st.just("") | _text,
    status=st.sampled_from(HolderStatus),
    rights=st.lists(
        st.builds(
            Right,
            st.lists(_text, min_size=1, max_size=2).map(tuple),
            st.lists(st.sampled_from(Purpose), max_size=3).map(tuple),
            _text,
        ),
        max_size=3,
    ).map(tuple),
    limits=st.builds(Limits, st.integers(0, 28_800), st.integers(0, 16), read_only=st.booleans()),
    valid_from=_when,
    valid_until=_when,
)


@given(lists=st.lists(st.lists(_cards, max_size=6, unique_by=lambda card: card.card), min_size=1, max_size=3))
@settings(deadline=None, max_examples=40)
def test_every_card_comes_back_whatever_list_was_there_before(
    lists: list[list[Card]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with open_store(tmp_path_factory.mktemp("site")) as store:
        for version, listed in enumerate(lists, 1):
            ordered = tuple(sorted(listed, key=lambda card: card.card))
            made = Authority(version, "f" * 64, content_hash(ordered), ordered)
            cards.put_list(store, NewList(made, (), (), "file", "local:li", cards.authority_version(store)))
            assert cards.authority(store) == made


class TestAllOrNothing:
    def test_a_change_by_somebody_else_in_between_stops_the_import(self, store: Store) -> None:
        put(store, WANG, LI)
        new = new_list(store, WANG)
        cards.revoke(store, card_of(store, 77705923), "lost", "local:li")
        before = whole(store)
        with pytest.raises(Busy):
            cards.put_list(store, new)
        assert whole(store) == before
        with pytest.raises(Busy):
            cards.put_list(store, replace(new, seen=cards.authority_version(store), authority=put_again(new, 7)))
        assert whole(store) == before

    def test_a_list_that_breaks_in_the_middle_changes_nothing(self, store: Store) -> None:
        put(store, WANG)
        new = new_list(store, WANG, LI)
        taken = replace(new.identities[0], card="somebody else's", index=new.identities[0].index)
        before = whole(store)
        with pytest.raises(StorageFailed):
            cards.put_list(store, replace(new, identities=(*new.identities, taken)))
        assert whole(store) == before
        assert cards.pseudonym_of(store, new.identities[0].index) != "somebody else's"

    def test_with_an_error_around_it_nothing_is_kept(self, store: Store) -> None:
        new = new_list(store, WANG)
        with pytest.raises(ZeroDivisionError), store.transaction():
            cards.put_list(store, new)
            raise ZeroDivisionError
        assert cards.authority(store) is None
        assert cards.authority_version(store) == 0


def put_again(new: NewList, version: int) -> Authority:
    return replace(new.authority, version=version)


class TestRevokedHere:
    def test_it_holds_against_the_list_until_it_is_taken_back(self, store: Store) -> None:
        put(store, WANG, LI)
        wang = card_of(store, 77705923)
        seen = cards.authority_version(store)
        assert cards.revoke(store, wang, "left the company", "local:li")
        assert not cards.revoke(store, wang, "again", "local:zhao")
        assert cards.authority_version(store) == seen + 1
        assert status(store, wang) is HolderStatus.REVOKED
        put(store, WANG, LI)
        assert status(store, wang) is HolderStatus.REVOKED
        listed = cards.listed(store)
        assert listed is not None
        assert [card.status for card in listed.cards if card.card == wang] == [HolderStatus.ACTIVE]
        here = cards.revocations(store)
        assert list(here) == [wang]
        assert (here[wang].reason, here[wang].actor) == ("left the company", "local:li")
        assert "left the company" not in repr(here)
        assert cards.restore(store, wang)
        assert not cards.restore(store, wang)
        assert status(store, wang) is HolderStatus.ACTIVE
        assert cards.authority_version(store) == seen + 3

    def test_a_card_that_comes_back_to_the_list_is_revoked_still(self, store: Store) -> None:
        put(store, WANG, LI)
        wang = card_of(store, 77705923)
        cards.revoke(store, wang, "lost", "local:li")
        put(store, LI)
        put(store, WANG, LI)
        assert status(store, wang) is HolderStatus.REVOKED


def status(store: Store, card: str) -> HolderStatus:
    found = cards.authority(store)
    assert found is not None
    there = found.card(card)
    assert there is not None
    return there.status


class TestErased:
    def test_the_card_is_unknown_and_its_pseudonym_means_nobody(self, store: Store) -> None:
        put(store, WANG, LI)
        wang, li = card_of(store, 77705923), card_of(store, 81655381)
        cards.revoke(store, wang, "wanted to be forgotten", "local:li")
        seen = cards.authority_version(store)
        assert cards.erase(store, wang)
        assert cards.authority_version(store) == seen + 1
        assert card_of(store, 77705923) == ""
        assert cards.name_of(store, wang) == ""
        left = cards.authority(store)
        assert left is not None
        assert [card.card for card in left.cards] == [li]
        assert cards.revocations(store) == {}
        assert len(store.rows("SELECT * FROM card_bearer")) == 1
        assert not cards.erase(store, wang)
        assert cards.authority_version(store) == seen + 1

    def test_a_holder_with_another_card_stays_one_person(self, store: Store) -> None:
        put(store, WANG, WANG.replace("77705923", "1"))
        cards.erase(store, card_of(store, 77705923))
        before = cards.listed(store)
        after = put(store, WANG.replace("77705923", "1"))
        assert before is not None
        assert after.cards == before.cards  # the same holder's pseudonym

    def test_who_comes_back_is_somebody_new(self, store: Store) -> None:
        put(store, WANG)
        wang = card_of(store, 77705923)
        cards.erase(store, wang)
        put(store, WANG)
        assert card_of(store, 77705923) not in ("", wang)


def test_pseudonyms_are_found_by_their_beginning(store: Store) -> None:
    people = tuple(CardIdentity(card, f"i-{card}", "c", "s") for card in ("aa1", "aa2", "ab", "z"))
    made = Authority(1, "f" * 64, content_hash(()), ())
    cards.put_list(store, NewList(made, people, (), "file", "local:li", 0))
    cards.revoke(store, "aa3", "lost", "local:li")
    assert cards.matching(store, "aa") == ("aa1", "aa2", "aa3")
    assert cards.matching(store, "ab") == ("ab",)
    assert cards.matching(store, "b") == ()
    assert cards.matching(store, "a", 2) == ("aa1", "aa2")


@pytest.mark.parametrize(
    "damage",
    ["status = 'gone'", "rights = '[]}'", """rights = '[{"terminals": 1}]'""", "limits = '{}'", "valid_until = 'x'"],
)
def test_a_damaged_list_is_said_in_one_line(store: Store, damage: str) -> None:
    put(store, WANG)
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"UPDATE card SET {damage}")
    connection.close()
    with pytest.raises(StorageFailed, match="damaged"):
        cards.authority(store)

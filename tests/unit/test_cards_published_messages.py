"""A published list of cards: its parts, how they are put together, the answer, and that the schemas say the same."""

from __future__ import annotations

import copy
import json
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InputError
from policies.messages import cards
from policies.messages.cards import (
    CODES,
    MAX_DATA,
    MAX_LIST,
    PATIENCE_SECONDS,
    Collector,
    ListAck,
    ListPart,
    ListProblem,
    ListRefused,
    read_ack,
    read_part,
    split,
)
from tests.unit.test_grants_messages import fits, plain, schema_of, variants

LIST = b'{"cards":[' + b",".join([b'{"number":"%08d"}' % n for n in range(5000)]) + b"]}"
ACK = ListAck(7, "ab" * 32, "problems", 3, (ListProblem(2, "number", "wrong"),))
DIGEST = sha256(LIST).hexdigest()


def parts(version: int = 7, content: bytes = LIST) -> list[ListPart]:
    return [read_part(each) for each in split(version, content)]


def put_together(collector: Collector, *given: ListPart, at: float = 1.0) -> bytes | None:
    found = None
    for each in given:
        made = collector.add(each, at)
        found = found if made is None else made.content
    return found


def refused(collector: Collector, part: ListPart, at: float = 1.0) -> str:
    with pytest.raises(ListRefused) as caught:
        collector.add(part, at)
    return caught.value.code


class TestParts:
    def test_a_list_in_parts_is_put_together_as_it_was(self) -> None:
        made = parts()
        assert len(made) == -(-len(LIST) // MAX_DATA) > 2
        assert put_together(Collector(), *made) == LIST
        assert all(len(each) < cards.MAX_PART for each in split(7, LIST))
        assert "00000007" not in repr(made[0])

    @given(st.binary(min_size=1, max_size=3 * MAX_DATA), st.integers(1, 2**53 - 1))
    def test_any_bytes_come_through(self, content: bytes, version: int) -> None:
        content = b"[" + content
        assert put_together(Collector(), *parts(version, content)) == content

    def test_a_part_that_comes_twice_changes_nothing(self) -> None:
        first, *others = parts()
        collector = Collector()
        assert put_together(collector, first, others[0], others[0], first, *others) == LIST
        assert collector.add(others[-1], 2.0) is None  # of the list that is whole already
        assert put_together(collector, first, *others) == LIST  # sent again

    def test_a_missing_a_foreign_and_a_late_part_are_refused(self) -> None:
        first, second, *others = parts()
        assert refused(Collector(), second) == "parts"
        collector = Collector()
        collector.add(first, 1.0)
        assert refused(collector, others[0]) == "parts"
        assert refused(collector, second) == "parts"  # what there was is forgotten
        collector.add(first, 1.0)
        assert refused(collector, parts(8)[1]) == "parts"
        collector.add(first, 1.0)
        assert refused(collector, second, 2.0 + PATIENCE_SECONDS) == "parts"
        assert put_together(collector, *parts()) == LIST

    def test_bytes_that_are_not_those_of_the_hash_are_refused(self) -> None:
        made = parts()
        wrong = ListPart(7, DIGEST, 2, len(made), made[1].data[:-1] + b"x")
        collector = Collector()
        assert put_together(collector, made[0], wrong, *made[2:-1]) is None
        assert refused(collector, made[-1]) == "hash"

    @pytest.mark.parametrize("content", [b"PK\x03\x04", "卡号,终端\n".encode(), b"  x", b"\xef\xbb\xbf"])
    def test_what_is_not_json_is_refused(self, content: bytes) -> None:
        assert refused(Collector(), parts(1, content)[0]) == "format"

    def test_a_list_that_is_too_large_is_neither_sent_nor_put_together(self) -> None:
        with pytest.raises(ListRefused) as caught:
            split(1, b"[" * (MAX_LIST + 1))
        assert caught.value.code == "size"
        collector, data = Collector(), b"[" * MAX_DATA
        most = MAX_LIST // MAX_DATA
        for n in range(most):
            collector.add(ListPart(1, DIGEST, n + 1, most + 1, data), 1.0)
        assert refused(collector, ListPart(1, DIGEST, most + 1, most + 1, b"[")) == "size"
        assert len(collector._content) == 0

    @given(st.binary(max_size=300))
    def test_noise_is_refused(self, noise: bytes) -> None:
        for read in (read_part, read_ack):
            with pytest.raises(InputError):
                read(noise)


class TestAck:
    @pytest.mark.parametrize("code", CODES)
    def test_every_answer_reads_back(self, code: str) -> None:
        for made in (ListAck(1, DIGEST, code, 0), ListAck(2, DIGEST, code, 5, ACK.problems)):
            assert read_ack(made.encode()) == made
            assert made.taken is (code in ("imported", "same"))

    def test_long_and_many_problems_are_cut_to_what_fits(self) -> None:
        many = tuple(ListProblem(n, "终" * 500, "端" * 500) for n in range(50))
        read = read_ack(ListAck(1, DIGEST, "problems", 0, many).encode())
        assert 0 < len(read.problems) < 10
        assert len(read.problems[0].text) == 200


PART_DOCUMENT: dict[str, Any] = json.loads(split(7, b"[]" * 20)[0])
ACK_DOCUMENT: dict[str, Any] = json.loads(ACK.encode())


@pytest.mark.parametrize(
    ("name", "document", "read"), [("cards", PART_DOCUMENT, read_part), ("cards_ack", ACK_DOCUMENT, read_ack)]
)
def test_a_schema_says_what_the_reader_reads(name: str, document: dict[str, Any], read: Any) -> None:
    """A schema cannot say that a part is none of more than there are, nor that `taken` follows from `code`."""
    schema = schema_of(name)

    def is_read(given: object) -> bool:
        try:
            read(plain(given))
        except InputError:
            return False
        return True

    assert fits(document, schema)
    assert is_read(document)
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(document)
    told = [
        (fits(each, schema), is_read(each), each)
        for each in variants(copy.deepcopy(document))
        if each.get("part", 1) == 1 and each.get("taken") in (False, None) and each.get("parts") != 0
    ]
    assert [each for each in told if each[0] != each[1]] == []
    assert {each[0] for each in told} == {True, False}
    assert not is_read(PART_DOCUMENT | {"part": 2})
    assert not is_read(ACK_DOCUMENT | {"taken": True})
    assert schema_of("cards_ack")["properties"]["code"]["enum"] == list(CODES)

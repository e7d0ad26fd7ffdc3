"""swipe.json says what the native reader's parser reads: no more, and no less."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

from drivers.cards import native
from lab.reader.native import swipe
from lab.reader.tap import Plastic, Tap
from policies.cards import Fault, ReaderConfig, UnreadableSwipe
from policies.errors import InputError
from policies.messages.topics import Kind, Topic
from tests.unit.test_grants_messages import fits, plain, schema_of, variants

SCHEMA = schema_of("swipe")
#: A whole one, from the lab's reader, which was written from the schema.
WHOLE: dict[str, Any] = json.loads(
    swipe(Tap(Plastic(b"\x04\xa1\xb2\xc3"), datetime.fromtimestamp(1760000000, UTC), seed=bytes(range(32)))).payload
)


def is_read(document: dict[str, Any]) -> bool:
    """Tell whether it is a swipe of the reader that it names; whether the card fits a rule is no part of the format."""
    name = document.get("reader")
    try:
        topic = str(Topic("lab", Kind.SWIPE, name if isinstance(name, str) else "gate-1"))
        native.parse(topic, plain(document), ReaderConfig(name if isinstance(name, str) else "gate-1"))
    except UnreadableSwipe as error:
        return error.fault is Fault.CARD
    except InputError:
        return False
    return True


def test_the_schema_says_what_the_parser_reads() -> None:
    assert fits(WHOLE, SCHEMA)
    assert is_read(WHOLE)
    told = [(fits(each, SCHEMA), is_read(each), each) for each in variants(copy.deepcopy(WHOLE))]
    assert [each for each in told if each[0] != each[1]] == []
    assert {each[0] for each in told} == {True, False}
    assert len(told) > 200


def test_the_schema_is_closed_and_tells_every_member() -> None:
    assert SCHEMA["additionalProperties"] is False
    assert set(SCHEMA["properties"]) == set(WHOLE)
    assert all("description" in each for each in SCHEMA["properties"].values())
    assert set(SCHEMA["required"]) == set(WHOLE) - {"granted", "sig"}


def test_what_may_be_left_out_may() -> None:
    for key in ("granted", "sig"):
        shorter = {name: value for name, value in WHOLE.items() if name != key}
        assert fits(shorter, SCHEMA)
        assert is_read(shorter)

"""Revocations, requests and statuses are read strictly, and every message is what its JSON Schema says."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import canonical, grants
from policies.cards.rights import Kind
from policies.errors import InputError
from policies.grants import GRANT_TYPE, REVOKE_TYPE, GrantRefused, Purpose, Revoke, read, read_revoke, sign_revoke
from policies.messages import ack, notice, request, status
from policies.messages.ack import ACK_TYPE
from policies.messages.notice import NOTICE_TYPE, Notice
from policies.messages.request import Request
from policies.messages.status import State, Status
from policies.offline.tokens import PERMIT_TYPE, SET_TYPE, read_permit, read_set
from policies.texts import render
from tests.unit.made_grants import BOOT, KEY, NONCE, NOW, OTHER_KEY, claims, token

SCHEMAS = Path(grants.__file__).parent / "messages/schemas"
REVOKE = Revoke("hq", "T1", "g-1", NOW, 7)
REQUEST = Request("r-1", Purpose.CASE, "g-1", second_card=True)
STATUS = Status(BOOT, 3, NONCE, 41, 7, State.OPEN)
REVOKE_CLAIMS = {"iss": "hq", "aud": "T1", "jti": "g-1", "iat": NOW, "ctr": 7}
NOTICE_CLAIMS = {
    "iss": "hq", "aud": "T1", "iat": NOW, "id": "n-1", "kind": "needs", "code": "second_refused", "because": "expired",
    "purposes": ["case", "other"], "until": NOW + 60, "jti": "g-1", "who": "王**",
}  # fmt: skip
SET_CLAIMS: dict[str, Any] = {
    "iss": "hq", "aud": "T1", "iat": NOW, "boot": BOOT, "set": 7, "permits": 3, "key": "ab" * 32, "answer": 60,
    "rule": {"length": "wiegand-26", "digits": "dec", "order": "as-read", "parity": False},
}  # fmt: skip
PERMIT_CLAIMS: dict[str, Any] = {
    "iss": "hq", "aud": "T1", "sub": "c-1", "jti": "p-1", "iat": NOW, "valid": 3600, "boot": BOOT, "set": 7,
    "bearer": "h-1", "second": True, "seconds": 600, "verifier": "cd" * 32, "scope": claims()["scope"],
}  # fmt: skip
ACK_CLAIMS = {"iss": "hq", "aud": "T1", "seq": 7, "digest": "ab" * 32}

#: Each message: its schema's name, a right document with every member, and the reader.
MESSAGES: dict[str, tuple[dict[str, Any], Callable[[Any], object]]] = {
    "grant": (claims(), lambda document: read(token(document), KEY.public)),
    "revoke": (REVOKE_CLAIMS, lambda document: read_revoke(token(document, REVOKE_TYPE), KEY.public)),
    "ack": (ACK_CLAIMS, lambda document: ack.read(token(document, ACK_TYPE), KEY.public)),
    "notice": (NOTICE_CLAIMS, lambda document: notice.read(token(document, NOTICE_TYPE), KEY.public)),
    "offline_set": (SET_CLAIMS, lambda document: read_set(token(document, SET_TYPE), KEY.public)),
    "offline": (PERMIT_CLAIMS, lambda document: read_permit(token(document, PERMIT_TYPE), KEY.public)),
    "request": (json.loads(REQUEST.encode()), lambda document: request.parse(plain(document))),
    "status": (json.loads(STATUS.encode()), lambda document: status.parse(plain(document))),
}
#: Values that take the place of a right one; names that only the reader can judge (bytes of UTF-8) are not among them.
WRONG: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 16, 17, 2**53 - 1, 2**53, 253402300799, 253402300800, "", "*", "x", "x" * 16,
    "x" * 64, "x" * 65, "a/b", "a b", " a", "a\n", "a+", "case", "Case", "open", "offline", "08", "0E",
    BOOT, BOOT.upper(), [], {}, {"a": 1}, ["*"], ["*", "*"], ["08"], ["08", "08"], ["08", "*"], [1], ["1-2"],
    ["pci-0000:00:14.0-usbv2-0:2.4"], ["pci-0000:00:14.0-usbv2-0:2.4", "*"],
    [f"{n:02x}" for n in range(16)], [f"{n:02x}" for n in range(17)],
)  # fmt: skip


def plain(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class TestRevocation:
    def test_is_read_back_as_it_was_with_and_without_a_counter(self) -> None:
        for revoke in (REVOKE, Revoke("hq", "T1", "*", 0)):
            assert read_revoke(sign_revoke(revoke, KEY).encode(), KEY.public) == revoke

    def test_is_of_the_trusted_key(self) -> None:
        with pytest.raises(GrantRefused) as caught:
            read_revoke(sign_revoke(REVOKE, OTHER_KEY).encode(), KEY.public)
        assert caught.value.code == "signature"

    def test_is_never_taken_for_a_grant_nor_a_grant_for_it(self) -> None:
        """The types differ, and not only the claims: each is refused before its claims are read."""
        crossed = (
            (read, token(claims(), REVOKE_TYPE)),
            (read_revoke, token(REVOKE_CLAIMS, GRANT_TYPE)),
            (read_revoke, token(claims())),
            (read, sign_revoke(REVOKE, KEY).encode()),
        )
        for reader, given_token in crossed:
            with pytest.raises(GrantRefused) as caught:
                reader(given_token, KEY.public)
            assert caught.value.code == "type"

    def test_that_no_terminal_would_read_is_not_signed(self) -> None:
        for wrong in (Revoke("hq", "T1", "**", NOW), Revoke("hq", "#", "*", NOW), Revoke("hq", "T1", "*", -1)):
            with pytest.raises(GrantRefused) as caught:
                sign_revoke(wrong, KEY)
            assert caught.value.code == "claims"


class TestNotice:
    FULL = Notice("hq", "T1", NOW, "n-1", Kind.NEEDS, "second_refused", "expired", (Purpose.CASE,), NOW, "g-1", "王*")

    def test_is_read_back_as_it_was_whatever_it_holds(self) -> None:
        for made in (self.FULL, Notice("hq", "T1", 0, "n", Kind.DENIED, "unknown_card")):
            assert notice.read(notice.sign(made, KEY).encode(), KEY.public) == made

    def test_is_of_the_trusted_key_and_never_taken_for_a_grant(self) -> None:
        signed = notice.sign(self.FULL, OTHER_KEY).encode()
        for wrong, code in ((signed, "signature"), (token(claims()), "type")):
            with pytest.raises(InputError) as caught:
                notice.read(wrong, KEY.public)
            assert getattr(caught.value, "code", "") == code
        with pytest.raises(GrantRefused):
            read(notice.sign(self.FULL, KEY).encode(), KEY.public)

    def test_says_its_reason_in_words_with_what_is_wrong_with_the_second_card(self) -> None:
        assert render(self.FULL.reason, "en") == "the second card does not count: the card is no longer valid"
        assert render(self.FULL.next_step, "en") == "ask the office that issues the cards"

    def test_that_no_terminal_would_read_is_not_signed(self) -> None:
        for wrong in (replace(self.FULL, who="x" * 65), replace(self.FULL, who="a\x1bb"), replace(self.FULL, code="x")):
            with pytest.raises(InputError):
                notice.sign(wrong, KEY)

    def test_a_name_is_masked_and_never_shows_in_a_repr(self) -> None:
        assert [notice.masked(name) for name in ("王小明", " 李雷 ", "Ann Lee", "王", "", "\x00")] == [
            "王**", "李*", "A**", "王", "", "",
        ]  # fmt: skip
        assert "王" not in repr(self.FULL)


class TestRequest:
    def test_is_read_back_as_it_was(self) -> None:
        for made in (REQUEST, Request("r-2", Purpose.OTHER)):
            assert request.parse(made.encode()) == made

    def test_that_cannot_be_is_not_written(self) -> None:
        with pytest.raises(InputError):
            Request("", Purpose.CASE).encode()


class TestStatus:
    def test_is_read_back_as_it_was_in_every_state(self) -> None:
        for state in State:
            made = Status(BOOT, 1, NONCE, 0, 0, state)
            assert status.parse(made.encode()) == made

    def test_that_cannot_be_is_not_written(self) -> None:
        for wrong in (Status(BOOT, 0, NONCE, 0, 0, State.SHUT), Status(BOOT, 1, "\ud800" * 20, 0, 0, State.SHUT)):
            with pytest.raises(InputError):
                wrong.encode()


@pytest.mark.parametrize("parse", [request.parse, status.parse], ids=["request", "status"])
class TestNoise:
    @given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
    def test_is_refused(self, parse: Callable[[bytes], object], noise: bytes) -> None:
        with pytest.raises(InputError):
            parse(noise)

    def test_of_every_known_kind_is_refused(self, parse: Callable[[bytes], object]) -> None:
        for noise in (
            b"",
            b"{}",
            b"[]",
            b"null",
            b"[" * 4000,
            b"\xff",
            b'"' + b"x" * 4096 + b'"',
            b'"\\ud800"',
            b"1e9",
        ):
            with pytest.raises(InputError):
                parse(noise)


@pytest.mark.parametrize("encoded", [REQUEST.encode(), STATUS.encode()], ids=["request", "status"])
def test_another_spelling_of_a_message_is_refused(encoded: bytes) -> None:
    parse: Callable[[bytes], object] = request.parse if b"purpose" in encoded else status.parse
    parse(encoded)
    twice = encoded.replace(b"{", b'{"seq":1,', 1) if b'"seq"' in encoded else encoded.replace(b"{", b'{"id":"a",', 1)
    for other in (encoded + b"\n", encoded.replace(b":", b": ", 1), twice, b"\xef\xbb\xbf" + encoded):
        with pytest.raises(InputError):
            parse(other)


def test_a_message_that_is_too_long_is_not_parsed() -> None:
    with pytest.raises(InputError, match="4096"):
        status.parse(STATUS.encode() + b" " * 4096)


# ------------------------------------------------------------------------------------------------------- JSON Schemas

KNOWN = {
    "$schema", "$id", "title", "description", "type", "additionalProperties", "required", "properties", "pattern",
    "maxLength", "minimum", "maximum", "enum", "const", "oneOf", "items", "minItems", "maxItems", "uniqueItems",
    "anyOf", "maxProperties", "propertyNames",
}  # fmt: skip
TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: type(value) is int,
    "null": lambda value: value is None,
}
RULES: dict[str, Callable[[Any, Any], bool]] = {
    # "$" means the very end in a schema (ECMA 262), and not before a last line end as in Python.
    "pattern": lambda value, rule: re.search(rule.removesuffix("$") + r"\Z", value) is not None,
    "maxLength": lambda value, rule: len(value) <= rule,
    "minimum": lambda value, rule: bool(value >= rule),
    "maximum": lambda value, rule: bool(value <= rule),
    "minItems": lambda value, rule: len(value) >= rule,
    "maxItems": lambda value, rule: len(value) <= rule,
    "uniqueItems": lambda value, _: len({repr(each) for each in value}) == len(value),
    "items": lambda value, rule: all(fits(each, rule) for each in value),
    "required": lambda value, rule: set(rule) <= set(value),
    "maxProperties": lambda value, rule: len(value) <= rule,
    "propertyNames": lambda value, rule: all(fits(each, rule) for each in value),
}


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Tell whether `value` is what a schema says: the part of draft 2020-12 that ours use; the rest is a mistake."""
    assert set(schema) <= KNOWN
    types = schema.get("type", [])
    if types and not any(TYPES[each](value) for each in ([types] if isinstance(types, str) else types)):
        return False
    return (
        _chosen(value, schema)
        and ("additionalProperties" not in schema or _members_fit(value, schema))
        and all(rule(value, schema[name]) for name, rule in RULES.items() if name in schema)
    )


def _chosen(value: Any, schema: dict[str, Any]) -> bool:
    """Tell whether it is one of those that a schema lists."""
    if "anyOf" in schema and not any(fits(value, each) for each in schema["anyOf"]):
        return False
    if "oneOf" in schema and [fits(value, each) for each in schema["oneOf"]].count(True) != 1:
        return False
    if "enum" in schema and repr(value) not in map(repr, schema["enum"]):
        return False
    return "const" not in schema or value == schema["const"]


def _members_fit(value: Any, schema: dict[str, Any]) -> bool:
    known, more = schema.get("properties", {}), schema["additionalProperties"]
    if more is False and not set(value) <= set(known):
        return False
    return all(fits(each, known.get(key, more)) for key, each in value.items())


def schema_of(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))
    return loaded


def is_read(name: str, document: object) -> bool:
    try:
        MESSAGES[name][1](document)
    except InputError:
        return False
    return True


def variants(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the document with one member changed, gone or added, inside its objects too."""
    yield document | {"extra": 1}
    for key, value in document.items():
        yield {other: each for other, each in document.items() if other != key}
        yield from (document | {key: wrong} for wrong in WRONG)
        if isinstance(value, dict):
            yield from (document | {key: inner} for inner in variants(value))


@pytest.mark.parametrize("name", sorted(MESSAGES))
class TestSchema:
    def test_says_what_the_reader_reads(self, name: str) -> None:
        schema, document = schema_of(name), MESSAGES[name][0]
        assert fits(document, schema)
        assert is_read(name, document)
        told = [(fits(each, schema), is_read(name, each)) for each in variants(copy.deepcopy(document))]
        assert [each for each in told if each[0] != each[1]] == []
        assert {each[0] for each in told} == {True, False}

    def test_is_closed_and_tells_every_member(self, name: str) -> None:
        schema = schema_of(name)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"].endswith(f"/{name}.json")
        assert set(schema["properties"]) == set(MESSAGES[name][0])
        pending = [schema]
        while pending:
            part = pending.pop()
            if "properties" in part:
                assert part["additionalProperties"] is False
                assert all("description" in each for each in part["properties"].values())
                pending += part["properties"].values()

    def test_document_is_canonical(self, name: str) -> None:
        assert canonical.decode(plain(MESSAGES[name][0])) == MESSAGES[name][0]

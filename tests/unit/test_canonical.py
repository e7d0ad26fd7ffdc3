"""Canonical JSON: RFC 8785's rules for the types that entries hold, and nothing else gets through."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import canonical
from policies.errors import InputError

SAFE = st.integers(-canonical.MAX_INTEGER, canonical.MAX_INTEGER)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | SAFE | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


def test_keys_sort_by_utf16_units_as_in_the_rfc_example() -> None:
    # RFC 8785, section 3.2.3: the surrogate pair of the emoji sorts before U+FB33, although its code point is higher.
    value = {
        "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
        "\U0001f600": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "Latin Small Letter O With Diaeresis",
    }  # fmt: skip
    assert list(json.loads(canonical.encode(value))) == [
        "\r",
        "1",
        "\u0080",
        "\u00f6",
        "\u20ac",
        "\U0001f600",
        "\ufb33",
    ]
    assert canonical.decode(canonical.encode(value)) == value


def test_strings_are_escaped_as_in_the_rfc_example() -> None:
    # RFC 8785, section 3.2.2.2.
    value = '\u20ac$\u000f\nA\'B"\\\\"/'
    assert canonical.encode(value) == b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'


def test_short_escapes_are_used_and_delete_is_literal() -> None:
    assert canonical.encode("\b\t\n\f\r\x7f\x1f") == b'"\\b\\t\\n\\f\\r\x7f\\u001f"'


@given(VALUES)
def test_every_value_survives_a_round_trip_in_one_form(value: Any) -> None:
    data = canonical.encode(value)
    assert canonical.decode(data) == value
    assert canonical.encode(canonical.decode(data)) == data


@given(st.dictionaries(TEXT, SAFE, min_size=2, max_size=6))
def test_insertion_order_does_not_matter(value: Any) -> None:
    assert canonical.encode(dict(reversed(value.items()))) == canonical.encode(value)


@pytest.mark.parametrize("value", [1.0, {"a": [0.5]}, float("nan"), b"x", {1: 2}, {"a": {None: 1}}, {1, 2}, object()])
def test_types_without_a_canonical_form_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        canonical.encode(value)


@pytest.mark.parametrize("value", [2**53, -(2**53), "\ud800", {"\udfff": 1}])
def test_values_without_a_safe_form_are_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical.encode(value)


def test_endless_nesting_is_refused_when_written_and_when_read() -> None:
    value: list[object] = []
    for _ in range(100):
        value = [value]
    with pytest.raises(ValueError, match="deeply"):
        canonical.encode(value)
    with pytest.raises(InputError):
        canonical.decode(b"[" * 100_000)


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}', b'{"a": 1}', b'{"a":1,"a":1}', b"1.0", b"1e3", b"-0", b"NaN", b"9007199254740992",
        b'"\\u0041"', b'"\\/"', b'"\\u001F"', b"", b"\xff", b"tru", b'{"a":1} ', b"\xef\xbb\xbf1", b'"\\ud800"',
        b"9" * 5000,
    ],
)  # fmt: skip
def test_bytes_in_any_other_form_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        canonical.decode(data, "entry 7")


@given(st.binary(max_size=40))
def test_noise_raises_the_one_error_or_is_canonical(data: bytes) -> None:
    try:
        value = canonical.decode(data)
    except InputError:
        return
    assert canonical.encode(value) == data


def test_an_object_of_parts_is_the_object() -> None:
    whole: dict[str, object] = {"b": [1, "x"], "a": {"é": None}, "卡": True, "c": {"z": 1, "y": "\n"}}
    parts = {name: canonical.encode(whole[name]).decode() for name in ("c", "a")}
    rest = {name: value for name, value in whole.items() if name not in parts}
    assert canonical.encode_object(rest, parts).encode() == canonical.encode(whole)

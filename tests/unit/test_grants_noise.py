"""Grants that are noise, or nearly right: one typed error, whatever comes."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from policies import canonical
from policies.grants import (
    CODES,
    Grant,
    GrantRefused,
    Purpose,
    Revoke,
    read,
    read_revoke,
    sign,
    sign_revoke,
)
from policies.usb import Scope
from tests.unit.made_grants import GRANT, KEY, base64url, claims, header, signed, token

RIGHT = sign(GRANT, KEY).encode()
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
IDS = st.text(LETTERS, min_size=1, max_size=64)
NAMES = st.from_regex(r"[A-Za-z0-9总部.*%$-]{1,20}", fullmatch=True)
SECONDS = st.integers(0, 253_402_300_799)
PORT_PATHS = st.from_regex(
    r"(pci-0000:00:[0-9a-f]{2}\.[0-7]|platform-[a-z_]{1,9}\.[0-9])-usbv[23]-0:[1-9](\.[1-9]){0,5}", fullmatch=True
)
SCOPES = st.builds(
    Scope,
    ports=st.just(("*",)) | st.lists(PORT_PATHS, min_size=1, max_size=8, unique=True).map(tuple),
    classes=st.lists(st.from_regex(r"[0-9a-f]{2}", fullmatch=True), min_size=1, max_size=8, unique=True).map(tuple),
    devices=st.integers(1, 16),
    purpose=st.sampled_from([each.value for each in Purpose]),
    once=st.booleans(),
    read_only=st.booleans(),
)
GRANTS = st.builds(
    Grant, iss=NAMES, aud=NAMES, sub=IDS, jti=IDS, iat=SECONDS, nbf=SECONDS, exp=SECONDS, boot=st.uuids().map(str),
    nonce=st.text(LETTERS, min_size=16, max_size=64), ctr=st.integers(1, 2**53 - 1), scope=SCOPES,
)  # fmt: skip
REVOKES = st.builds(
    Revoke, iss=NAMES, aud=NAMES, jti=st.just("*") | IDS, iat=SECONDS, ctr=st.none() | st.integers(1, 2**53 - 1)
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


def refused(given_bytes: bytes) -> bool:
    """Tell whether both readers refuse it with their one error; anything else that is raised fails the test."""
    count = 0
    for reader in (read, read_revoke):
        try:
            reader(given_bytes, KEY.public)
        except GrantRefused as error:
            assert error.code in CODES
            count += 1
    return count == 2


@given(GRANTS)
def test_what_is_signed_is_read_back(grant: Grant) -> None:
    assert read(sign(grant, KEY).encode(), KEY.public) == grant


@given(REVOKES)
def test_what_is_revoked_is_read_back(revoke: Revoke) -> None:
    assert read_revoke(sign_revoke(revoke, KEY).encode(), KEY.public) == revoke


@given(st.binary(max_size=300))
@example(b"." * 5000)
@example(b"..")
def test_noise_is_refused(noise: bytes) -> None:
    assert refused(noise)


@given(st.text(LETTERS + ".", max_size=300))
def test_noise_of_the_right_letters_is_refused(noise: str) -> None:
    assert refused(noise.encode())


@given(st.lists(st.binary(max_size=60), min_size=3, max_size=3))
def test_three_encoded_parts_of_noise_are_refused(parts: list[bytes]) -> None:
    assert refused(b".".join(base64url(part) for part in parts))


@given(st.data())
def test_a_right_token_with_any_byte_changed_added_or_gone_is_refused(data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(RIGHT) - 1))
    gone = data.draw(st.integers(0, 4))
    added = data.draw(st.binary(max_size=4) | st.text(LETTERS + ".=", max_size=4).map(str.encode))
    changed = RIGHT[:place] + added + RIGHT[place + gone :]
    assert refused(changed) == (changed != RIGHT)


@given(st.permutations(RIGHT.split(b".")), st.sampled_from([b".", b"..", b"", b"\n.", b","]))
def test_parts_in_any_other_order_are_refused(parts: list[bytes], between: bytes) -> None:
    made = between.join(parts)
    assert refused(made) == (made != RIGHT)


@given(st.binary(max_size=200) | JSON.map(lambda value: repr(value).encode("utf-8", "surrogatepass")))
def test_a_signed_payload_of_noise_is_refused(payload: bytes) -> None:
    """The key's holder alone gets this far; the reader holds all the same."""
    assert refused(token(payload))


@given(st.sampled_from(sorted(claims())), JSON)
def test_a_signed_claim_of_any_value_is_read_as_it_was_or_refused(name: str, value: Any) -> None:
    with suppress(UnicodeEncodeError):  # a lone surrogate, which no signer can write
        raw = token(claims(**{name: value}))
        if not refused(raw):
            assert sign(read(raw, KEY.public), KEY).encode() == raw


@given(st.sampled_from(sorted(claims()["scope"])), JSON)
def test_a_signed_scope_of_any_value_is_read_as_it_was_or_refused(name: str, value: Any) -> None:
    with suppress(UnicodeEncodeError):
        raw = token(claims(scope=claims()["scope"] | {name: value}))
        if not refused(raw):
            assert sign(read(raw, KEY.public), KEY).encode() == raw


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_a_header_with_anything_more_is_refused(more: dict[str, Any]) -> None:
    try:
        head = header(**more)
    except (TypeError, ValueError):  # nothing that canonical JSON can hold
        return
    body = base64url(canonical.encode(claims()))
    assert refused(signed(head, body)) == (head != header())

"""Bundles, requests and answers of an enrolment: what reads back, and what is refused."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InputError
from policies.keys import SigningKey
from policies.messages.bundle import At, Bundle, read_bundle, token_key, write_bundle
from policies.messages.enrolment import (
    Answer,
    make_renewal,
    make_request,
    read_answer,
    read_request,
    sign_answer,
)

PEM = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
GRANT, AGENT, OTHER = (SigningKey(bytes([number]) * 32) for number in (1, 2, 3))
BUNDLE = Bundle(
    site="hq", terminal="终端 2", authority=PEM, broker=At("10.1.0.2", 8883), broker_authority=PEM,
    door=At("fd00::2", 8843), grant_key=GRANT.public, expires=datetime(2026, 3, 2, tzinfo=UTC), token=bytes(range(32)),
)  # fmt: skip
RAW = write_bundle(BUNDLE)
REQUEST = make_request(BUNDLE, b"a certificate request", AGENT)
RENEWAL = make_renewal("hq", "终端 2", b"a certificate request", AGENT)
ANSWER = Answer("hq", "终端 2", REQUEST.digest, b"a certificate")
TOKEN = sign_answer(ANSWER, GRANT).encode()


def test_a_bundle_reads_back_and_shows_its_token_nowhere() -> None:
    assert read_bundle(RAW) == BUNDLE
    assert read_bundle(RAW.rstrip() + b"\r\n") == BUNDLE
    token = BUNDLE.token.hex()
    assert token not in repr(BUNDLE)
    assert str(BUNDLE.token) not in repr(BUNDLE)
    assert str(BUNDLE.door) == "[fd00::2]:8843"
    assert BUNDLE.digest == replace(BUNDLE, token=bytes(32)).digest
    assert BUNDLE.digest != replace(BUNDLE, grant_key=OTHER.public).digest
    assert len(BUNDLE.fingerprint) == 39


@given(st.integers(0, len(RAW) - 2), st.integers(1, 255))
def test_one_changed_byte_of_a_bundle_is_noticed(place: int, change: int) -> None:
    changed = bytearray(RAW)
    changed[place] ^= change
    with pytest.raises(InputError, match="no bundle") as caught:
        read_bundle(bytes(changed), "b.json")
    assert BUNDLE.token.hex() not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"{}", RAW[:-40], RAW + RAW, b" " + RAW, RAW * 100, "终端".encode()])
def test_what_is_no_bundle_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError, match=r"no bundle.*copy it again"):
        read_bundle(raw)


def test_a_bundle_that_no_terminal_would_read_is_not_made() -> None:
    for wrong in (
        replace(BUNDLE, terminal="a/b"),
        replace(BUNDLE, token=b"short"),
        replace(BUNDLE, authority="-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n"),
        replace(BUNDLE, door=At("a b", 1)),
        replace(BUNDLE, broker=At("a", 0)),
    ):
        with pytest.raises(InputError):
            write_bundle(wrong)


def test_a_request_is_proved_by_the_token_and_by_the_terminals_own_key() -> None:
    read = read_request(REQUEST.raw)
    assert read == REQUEST
    assert (read.site, read.terminal, read.key, read.bundle) == ("hq", "终端 2", AGENT.public, BUNDLE.digest)
    assert read.signed_by(token_key(BUNDLE.token).public)
    assert not read.signed_by(token_key(bytes(32)).public)
    assert not read.signed_by(AGENT.public)
    assert BUNDLE.token.hex().encode() not in REQUEST.raw


def changed(raw: bytes, **members: object) -> bytes:
    from policies import canonical

    return canonical.encode({**json.loads(raw), **members})


def test_a_swapped_certificate_request_or_key_is_noticed() -> None:
    with pytest.raises(InputError, match="no request"):
        read_request(changed(REQUEST.raw, csr="bWluZQ=="))
    with pytest.raises(InputError, match="no request"):
        read_request(changed(REQUEST.raw, key=OTHER.public.raw.hex()))
    # With a key of one's own the proof can be made, but not the signature of the token.
    forged = make_request(replace(BUNDLE, token=bytes(32)), b"mine", OTHER)
    assert not forged.signed_by(BUNDLE.key.public)
    swapped = read_request(changed(forged.raw, sig=json.loads(REQUEST.raw)["sig"]))
    assert not swapped.signed_by(BUNDLE.key.public)


def test_a_renewal_is_signed_by_the_terminals_own_key_and_is_no_enrolment() -> None:
    read = read_request(RENEWAL.raw)
    assert (read.key, read.bundle) == (None, "")
    assert read.signed_by(AGENT.public)
    assert not read.signed_by(OTHER.public)
    with pytest.raises(InputError):
        read_request(changed(RENEWAL.raw, typ="portseal-enrol-request/1"))
    with pytest.raises(InputError):
        read_request(changed(REQUEST.raw, typ="portseal-renew-request/1"))


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", REQUEST.raw[:-1], REQUEST.raw + b"x", REQUEST.raw.replace(b'"hq"', b'"h/q"'),
            changed(REQUEST.raw, csr=""), changed(REQUEST.raw, csr="AB=="), changed(REQUEST.raw, typ=1),
            changed(REQUEST.raw, more=1), b"[" * 5000],
)  # fmt: skip
def test_what_is_no_request_is_refused(raw: bytes) -> None:
    with pytest.raises(InputError, match=r"r\.json: this is no request.*carry the file unchanged"):
        read_request(raw, "r.json")


@given(st.binary(max_size=200))
def test_noise_is_refused_by_every_reader(raw: bytes) -> None:
    for read in (read_bundle, read_request, lambda data: read_answer(data, GRANT.public)):
        with contextlib.suppress(InputError):
            read(raw)


def test_an_answer_counts_for_its_request_and_by_the_grant_key_only() -> None:
    assert read_answer(TOKEN + b"\n", GRANT.public) == ANSWER
    for key, raw in (
        (OTHER.public, TOKEN),
        (GRANT.public, TOKEN[:-2] + b"AA"),
        (GRANT.public, TOKEN[:60]),
        (GRANT.public, b""),
        (GRANT.public, GRANT.sign(b"x")),
    ):
        with pytest.raises(InputError, match="no answer of this terminal's controller"):
            read_answer(raw, key, "a")
    with pytest.raises(InputError):
        sign_answer(replace(ANSWER, request="abc"), GRANT)


def test_another_token_of_the_grant_key_is_no_answer() -> None:
    from policies import jwt

    payload = jwt.unseal(TOKEN, "portseal-enrol-answer+jwt", GRANT.public)
    with pytest.raises(InputError):
        read_answer(jwt.seal(payload, "portseal-ack+jwt", GRANT).encode(), GRANT.public)

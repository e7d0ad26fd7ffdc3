"""A terminal's signed census as a document: what is read back, what is refused, and that its schema says the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies import canonical
from policies.errors import InputError
from policies.grants import Moment
from policies.keys import SigningKey
from policies.messages.event import Head, Origin, read_event, sign_event
from policies.messages.evidence import EVIDENCE_TYPE, MAX_EVIDENCE, SignedCensus, read_evidence, sign_evidence
from policies.terminal import TerminalEvidence
from policies.usb import UsbAppearance
from tests.unit.test_grants_messages import fits, schema_of
from tests.unit.test_terminal_register import BOUND, REPORT, STICK

BOOT = "0f8fad5b-d9cb-469f-a165-70867728950e"
KEY, OTHER_KEY = SigningKey(bytes(range(32))), SigningKey(bytes(32))
LEASED = UsbAppearance(STICK.port, 2, STICK.identity)
EVIDENCE = TerminalEvidence(replace(REPORT, boot=BOOT), (BOUND,), (LEASED,))

Plain = dict[str, Any]
#: Values that take the place of right ones.
WRONG: tuple[Any, ...] = (
    None, True, 0, -1, 2**53 - 1, "", "x", "x" * 65, "x" * 257, "a b", "a/b", "046d", "AB" * 32, "ab" * 32, BOOT,
    [], {}, ["a"], [1], "running", "mouse", "2026-11-22T09:00:00.000000Z",
)  # fmt: skip


def made(evidence: TerminalEvidence = EVIDENCE, *, running: bool = True, site: str = "hq") -> SignedCensus:
    return sign_evidence(KEY, site, evidence, running=running)


def signed(members: Plain, key: SigningKey = KEY) -> bytes:
    """Give any members as a document with a right signature."""
    rest = {name: value for name, value in members.items() if name != "sig"}
    return canonical.encode({**rest, "sig": key.sign(canonical.encode(rest)).hex()})


def plain() -> Plain:
    members: Plain = json.loads(made().raw)
    return members


def is_read(data: bytes) -> bool:
    try:
        read_evidence(data)
    except InputError:
        return False
    return True


class TestRoundTrip:
    @pytest.mark.parametrize("running", [True, False])
    def test_what_was_signed_is_read_back_as_it_was(self, running: bool) -> None:
        evidence = EVIDENCE if running else TerminalEvidence(EVIDENCE.report)
        one = made(evidence, running=running, site="浦东-1")
        again = read_evidence(one.raw)
        assert again == one
        assert (again.evidence, again.running, again.site) == (evidence, running, "浦东-1")
        assert (again.terminal, again.taken_at, again.key) == ("guard-1", REPORT.taken_at, KEY.public)
        assert canonical.decode(one.raw)["typ"] == EVIDENCE_TYPE

    @pytest.mark.parametrize(
        "evidence",
        [
            replace(EVIDENCE, report=replace(EVIDENCE.report, boot="boot-1")),
            replace(EVIDENCE, report=replace(EVIDENCE.report, terminal="a/b")),
            replace(EVIDENCE, report=replace(EVIDENCE.report, taken_at=REPORT.taken_at.replace(tzinfo=None))),
            replace(EVIDENCE, bindings=(replace(BOUND, name="x" * 257),)),
            replace(EVIDENCE, bindings=(replace(BOUND, name="\ud800"),)),
            replace(EVIDENCE, bindings=tuple(replace(BOUND, name=str(n), ports=(f"p{n}",)) for n in range(6000))),
        ],
        ids=["boot", "name", "no zone", "long", "surrogate", "too large"],
    )
    def test_what_no_reader_would_take_is_not_signed(self, evidence: TerminalEvidence) -> None:
        with pytest.raises(InputError):
            made(evidence)


class TestSignature:
    def test_any_other_byte_is_refused(self) -> None:
        raw = made().raw
        for old, new in (
            (b'"guard-1"', b'"guard-2"'),
            (b'"authorized":true', b'"authorized":false'),
            (b'"hq"', b'"hx"'),
        ):
            assert old in raw
            with pytest.raises(InputError, match="signature"):
                read_evidence(raw.replace(old, new, 1))

    def test_another_key_in_the_place_of_the_right_one_is_refused(self) -> None:
        with pytest.raises(InputError, match="signature"):
            read_evidence(made().raw.replace(KEY.public.raw.hex().encode(), OTHER_KEY.public.raw.hex().encode()))
        assert read_evidence(signed({**plain(), "key": OTHER_KEY.public.raw.hex()}, OTHER_KEY)).key == OTHER_KEY.public

    def test_an_event_is_never_taken_for_a_census_nor_a_census_for_an_event(self) -> None:
        event = sign_event(KEY, Origin("guard-1", 1, BOOT), Head(), Moment(1e9, 1.0), "usb.blocked", {})
        members = json.loads(event.raw)
        # Whatever stands beside its members: the signature of an event holds for an event only.
        for document in (event.raw, canonical.encode({**plain(), "sig": members["sig"]})):
            assert not is_read(document)
        with pytest.raises(InputError):
            read_event(made().raw, KEY.public)


class TestRefused:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda plain: plain.pop("site"),
            lambda plain: plain.update(extra=1),
            lambda plain: plain.update(typ="portseal-census/2"),
            lambda plain: plain.update(agent="not running"),
            lambda plain: plain.update(agent="yes"),
            lambda plain: plain.update(site="a/b"),
            lambda plain: plain["evidence"].pop("leased"),
            lambda plain: plain["evidence"]["report"].update(terminal="a+"),
            lambda plain: plain["evidence"]["report"].update(boot="boot-1"),
            lambda plain: plain["evidence"]["report"]["census"].update(new_controllers=None),
            lambda plain: plain["evidence"]["report"]["census"]["ports"][0].update(port="a b"),
            lambda plain: plain["evidence"]["report"]["census"]["ports"][0]["device"].update(product="\x1b[2J"),
            lambda plain: plain["evidence"]["bindings"].append(plain["evidence"]["bindings"][0]),
            lambda plain: plain["evidence"]["bindings"][0].update(ports=[]),
            lambda plain: plain["evidence"]["bindings"][0].update(role="toaster"),
            lambda plain: plain["evidence"]["bindings"][0].update(name=" "),
            lambda plain: plain["evidence"]["bindings"][0]["identity"].update(descriptors=""),
            lambda plain: plain["evidence"]["bindings"][0]["identity"].update(vendor_id="046D"),
            lambda plain: plain["evidence"]["bindings"][0]["identity"].update(serial="a\u202eb"),
            lambda plain: plain["evidence"]["leased"][0].update(devnum=-1),
            lambda plain: plain["evidence"]["leased"][0].update(devnum=True),
            lambda plain: plain["evidence"]["leased"][0].update(port="a/b"),
        ],
    )
    def test_what_is_not_exactly_a_census_is_refused_though_its_signature_is_right(
        self, spoil: Callable[[Plain], object]
    ) -> None:
        members = plain()
        assert is_read(signed(members))  # the control
        spoil(members)
        with pytest.raises(InputError) as caught:
            read_evidence(signed(members), "guard-1.census")
        assert str(caught.value).startswith("guard-1.census")
        assert "census --report" in str(caught.value)

    def test_another_spelling_is_refused(self) -> None:
        raw = made().raw
        others = [raw + b"\n", raw[:-1], raw.replace(b":", b": ", 1), b"\xef\xbb\xbf" + raw, b"", b"{}", b"[]", b"null"]
        others += [b"[" * 5000, raw.replace(b"{", b'{"agent":"running",', 1), b'"\\ud800"', b"1e9"]
        for other in others:
            assert not is_read(other), other[:60]

    def test_one_that_is_too_large_is_not_parsed(self) -> None:
        with pytest.raises(InputError, match=str(MAX_EVIDENCE)):
            read_evidence(made().raw + b" " * MAX_EVIDENCE)


class TestNoise:
    @given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("gb18030", "replace")))
    def test_is_refused_with_the_one_error(self, noise: bytes) -> None:
        with pytest.raises(InputError) as caught:
            read_evidence(noise, "file")
        assert caught.value.line("en").isprintable()

    @given(st.data())
    @settings(max_examples=200)
    def test_a_cut_or_a_flipped_byte_is_refused(self, data: st.DataObject) -> None:
        raw = made().raw
        spot = data.draw(st.integers(0, len(raw) - 1))
        bad = bytearray(raw)
        bad[spot] ^= data.draw(st.integers(1, 255))
        assert not is_read(bytes(bad))
        assert not is_read(raw[:spot])

    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
            max_leaves=12,
        ),
        st.sampled_from(["report", "bindings", "leased", "census", "ports", "device"]),
    )
    @settings(max_examples=200)
    def test_any_value_in_any_place_is_a_census_or_the_one_error(self, value: Any, place: str) -> None:
        """The signature is right each time: only the reader's own checks stand behind it."""
        members = plain()
        report = members["evidence"]["report"]
        at = {"report": members["evidence"], "bindings": members["evidence"], "leased": members["evidence"]}
        at |= {"census": report, "ports": report["census"], "device": report["census"]["ports"][0]}
        at[place][place] = value
        is_read(signed(members))


def variants(part: Any) -> Iterator[Any]:
    """Give the part with one member or element changed, gone or added, at every depth."""
    if isinstance(part, dict):
        yield part | {"extra": 1}
        for key, value in part.items():
            yield {other: each for other, each in part.items() if other != key}
            yield from (part | {key: wrong} for wrong in WRONG)
            yield from (part | {key: inner} for inner in variants(value))
    elif isinstance(part, list) and part:
        yield from ([inner, *part[1:]] for inner in variants(part[0]))


class TestSchema:
    def test_refuses_only_what_the_reader_refuses_and_nearly_all_of_that(self) -> None:
        """A schema cannot say what is printable, there once, or empty beside another member: the reader does."""
        schema, members = schema_of("census"), plain()
        members["evidence"]["report"]["census"]["ports"] = members["evidence"]["report"]["census"]["ports"][:1]
        members["evidence"]["report"]["census"]["hidden"] = [{"address": "0000:3c:00.0", "driver": ""}]
        assert fits(members, schema)
        assert is_read(signed(members))
        sealed = (members["key"], members["sig"])
        given = [each for each in variants(members) if (each.get("key"), each.get("sig")) == sealed]
        told = [(fits(each, schema), is_read(signed(each)), each) for each in given]
        assert [each for right, read, each in told if read and not right] == []
        assert len([each for right, read, each in told if right and not read]) < len(told) / 20
        assert len(told) > 1000

    def test_is_closed_and_tells_every_member(self) -> None:
        schema = schema_of("census")
        assert schema["properties"].keys() == plain().keys() == set(schema["required"])
        assert schema["properties"]["typ"]["const"] == EVIDENCE_TYPE
        pending = [schema]
        while pending:
            part = pending.pop()
            if "properties" in part:
                assert part["additionalProperties"] is False
                assert all("description" in each for each in part["properties"].values())
                pending += part["properties"].values()
            pending += [part["items"]] if "items" in part else []

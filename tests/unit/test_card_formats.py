"""Every card format: the samples give the right swipe, and each known trap springs only where it should."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from drivers.cards import FORMATS, esp_rfid, find_format, native, uhppoted
from drivers.cards.native import NativeSwipe
from drivers.cards.times import stamp
from policies import canonical
from policies.cards import (
    CHINA,
    CardNumber,
    CardRule,
    Digits,
    Fault,
    ReaderConfig,
    Swipe,
    UnreadableSwipe,
    Wiegand,
)
from policies.errors import InputError
from policies.keys import SigningKey
from tests.unit.card_samples import (
    DECIMAL,
    ESP,
    LIVE,
    NATIVE_TOPIC,
    SAMPLES,
    SECRET,
    UHPPOTED_EVENT,
    UNPADDED,
    Sample,
    config,
    fault,
    one,
    raw,
)

ROOT = Path(__file__).parents[2]
KEY = SigningKey(bytes(range(32)))


class Chicago(tzinfo):
    """The end of summer time in 2025 in Chicago, without the system's zone files."""

    def utcoffset(self, when: datetime | None) -> timedelta:
        return timedelta(hours=-6) + (self.dst(when) or timedelta())

    def dst(self, when: datetime | None) -> timedelta:
        assert when is not None
        plain = when.replace(tzinfo=None)
        ends = datetime(2025, 11, 2, 2) if when.fold == 0 else datetime(2025, 11, 2, 1)  # noqa: DTZ001
        return timedelta(hours=1 if datetime(2025, 3, 9, 2) <= plain < ends else 0)  # noqa: DTZ001

    def tzname(self, when: datetime | None) -> str:
        return "CDT" if self.dst(when) else "CST"


class TestSamples:
    @pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.format} {sample.topic}")
    def test_the_sample_of_the_documentation_gives_its_swipe(self, sample: Sample) -> None:
        swipe = one(find_format(sample.format).parse(sample.topic, sample.payload, sample.config))
        assert swipe.card.reveal() == sample.card
        assert (swipe.reader, swipe.format) == ("gate-1", sample.format)
        assert (swipe.granted, swipe.at) == (sample.granted, sample.at)
        assert (swipe.source_event_id, swipe.authenticated) == (sample.event_id, sample.authenticated)
        assert swipe.received is None
        shown = f"{swipe!r} {swipe}"
        assert not any(word in shown for word in (sample.card, "bob", "4302741608", "8165538", SECRET.decode()))

    def test_every_format_has_a_sample_and_is_in_the_registry(self) -> None:
        files = {path.stem for path in (ROOT / "drivers/cards").glob("*.py")}
        assert files - {"__init__", "form", "payload", "times"} == {each.name.replace("-", "_") for each in FORMATS}
        assert {sample.format for sample in SAMPLES} == {each.name for each in FORMATS}
        with pytest.raises(InputError, match=r"wiegand-net.*native"):
            find_format("wiegand-net")

    def test_the_page_says_what_each_format_has(self) -> None:
        page = (ROOT / "docs/readers.md").read_text("utf-8")
        table = page.split("## Reader formats")[1].split("\n## ")[0]
        rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \|.*?\| (.*) \|$", table, re.MULTILINE))
        assert list(rows) == [each.name for each in FORMATS]
        for each in FORMATS:
            said = ["yes" if flag else "no" for flag in (each.decides, each.dated, each.numbered, each.signs)]
            assert [cell.strip() for cell in rows[each.name].split("|")][-5:] == [*said, each.seen]

    @pytest.mark.parametrize("each", FORMATS, ids=lambda each: each.name)
    def test_a_format_claims_no_more_than_its_samples_show(self, each: object) -> None:
        assert isinstance(each, type(FORMATS[0]))
        found = [sample for sample in SAMPLES if sample.format == each.name]
        assert each.decides == any(sample.granted is not None for sample in found)
        assert each.dated == any(sample.at is not None for sample in found)


class TestVocabulary:
    SWIPE = Swipe("gate-1", CardNumber("04A1B2C3"), None, datetime(2026, 1, 1, tzinfo=UTC), "7", "native")

    def test_a_repetition_is_told_by_number_or_by_card_and_time(self) -> None:
        again = replace(self.SWIPE, received=datetime(2026, 1, 2, tzinfo=UTC))
        assert again.repeat_keys == self.SWIPE.repeat_keys
        assert set(replace(self.SWIPE, source_event_id=None).repeat_keys) < set(self.SWIPE.repeat_keys)
        for other in (replace(self.SWIPE, source_event_id="8", at=None), replace(self.SWIPE, reader="gate-2")):
            assert not set(other.repeat_keys) & set(self.SWIPE.repeat_keys)
        assert replace(self.SWIPE, source_event_id=None, at=None).repeat_keys == ()
        assert "04A1" not in repr(self.SWIPE.repeat_keys)

    def test_times_are_aware(self) -> None:
        with pytest.raises(ValueError, match="aware"):
            replace(self.SWIPE, at=datetime(2026, 1, 1))  # noqa: DTZ001
        there = self.SWIPE.receive(datetime(2026, 1, 1, 8, tzinfo=CHINA))
        assert there.received == datetime(2026, 1, 1, tzinfo=UTC)

    def test_the_secret_of_a_reader_is_not_shown(self) -> None:
        assert "secret" not in repr(ReaderConfig("gate-1", secret=SECRET, key=KEY.public))


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "zone", "hour"),
        [
            ("2026-03-01 16:00:00", CHINA, 8),
            ("2026-03-01T16:00:00", CHINA, 8),
            ("2026-03-01 16:00:00 CST", CHINA, 8),
            ("2026-03-01 16:00:00 CST", Chicago(), 22),
            ("2026-03-01 16:00:00 PDT", CHINA, 23),
            ("2026-03-01 16:00:00 UTC", CHINA, 16),
            ("2026-03-01T16:00:00Z", CHINA, 16),
            ("2026-03-01T16:00:00.123456789+08:00", UTC, 8),
            ("2026-03-01 16:00:00 +08", UTC, 8),
            ("2026-03-01 16:00:00 -0430", UTC, 20),
        ],
    )
    def test_the_hour_is_the_right_one(self, text: str, zone: tzinfo, hour: int) -> None:
        found = stamp(text, zone)
        assert found is not None
        assert (found.hour, found.tzinfo) == (hour, UTC)

    @pytest.mark.parametrize("text", ["2026-03-01 16:00:00 CST", "2026-03-01 16:00:00 IST", "2026-03-01 16:00:00 PST"])
    def test_an_abbreviation_of_several_zones_is_no_time_unless_it_is_the_readers_own(self, text: str) -> None:
        assert stamp(text, UTC) is None

    def test_the_hour_that_comes_twice_is_told_by_its_abbreviation(self) -> None:
        first, second = (stamp(f"2025-11-02 01:30:00 {name}", Chicago()) for name in ("CDT", "CST"))
        assert first is not None
        assert second is not None
        assert second - first == timedelta(hours=1)

    def test_a_clock_that_was_never_set_gives_no_time(self) -> None:
        assert stamp("1970-01-01T00:00:08", CHINA) is None
        assert stamp("2000-01-01 00:00:00", CHINA) is None
        assert stamp("", CHINA) is None
        assert one(esp_rfid.parse("t", raw(ESP | {"time": 12}), config(UNPADDED))).at is None

    @pytest.mark.parametrize("text", ["yesterday", "2026-02-30 00:00:00", "2026-01-01", 5, "2026-01-01 00:00:00 +99"])
    def test_what_is_no_time_is_refused(self, text: object) -> None:
        with pytest.raises(UnreadableSwipe):
            stamp(text, CHINA)


class TestNative:
    SIGNED = config(key=KEY.public)
    SWIPE = NativeSwipe("gate-1", "04A1B2C3", 1760000000, "0123456789abcdef")

    def test_a_signed_swipe_is_authenticated(self) -> None:
        swipe = one(native.parse(NATIVE_TOPIC, self.SWIPE.encode(KEY), self.SIGNED))
        assert (swipe.authenticated, swipe.granted) == (True, None)
        assert not one(native.parse(NATIVE_TOPIC, self.SWIPE.encode(KEY), config())).authenticated

    def test_a_reader_with_a_key_must_sign_and_with_its_own(self) -> None:
        assert fault(native.parse, NATIVE_TOPIC, self.SWIPE.encode(), self.SIGNED) is Fault.UNSIGNED
        assert (
            fault(native.parse, NATIVE_TOPIC, self.SWIPE.encode(SigningKey(b"2" * 32)), self.SIGNED) is Fault.SIGNATURE
        )
        edited = self.SWIPE.encode(KEY).replace(b"1760000000", b"1760000001")
        assert fault(native.parse, NATIVE_TOPIC, edited, self.SIGNED) is Fault.SIGNATURE

    def test_a_swipe_is_of_the_reader_of_its_topic(self) -> None:
        for topic in ("portseal/1/pudong-1/reader/gate-2/swipe", "portseal/1/pudong-1/terminal/gate-1/grant", "x"):
            assert fault(native.parse, topic, self.SWIPE.encode(KEY), self.SIGNED) in (Fault.VALUE, Fault.MALFORMED)
        assert (
            fault(native.parse, NATIVE_TOPIC, replace(self.SWIPE, reader="gate-2").encode(KEY), self.SIGNED)
            is Fault.VALUE
        )

    def test_the_shape_is_exact(self) -> None:
        told = json.loads(self.SWIPE.encode())
        for wrong in (
            told | {"name": "x"},
            {key: told[key] for key in told if key != "jti"},
            told | {"jti": "short"},
            told | {"at": 1.5},
            told | {"at": "1760000000"},
            told | {"granted": "true"},
            told | {"typ": "portseal-event/1"},
            told | {"card": 77705923},
        ):
            payload = raw(wrong) if wrong.get("at") == 1.5 else canonical.encode(wrong)
            assert fault(native.parse, NATIVE_TOPIC, payload, config()) is Fault.MALFORMED
        assert fault(native.parse, NATIVE_TOPIC, json.dumps(told, indent=1).encode(), config()) is Fault.MALFORMED
        assert fault(native.parse, NATIVE_TOPIC, b" " + self.SWIPE.encode(), config()) is Fault.MALFORMED
        with pytest.raises(InputError):
            replace(self.SWIPE, jti="short").encode()
        assert "04A1" not in repr(self.SWIPE)


class TestUhppoted:
    READER = config(DECIMAL, secret=SECRET)

    def event(self, old: bytes = b"", new: bytes = b"") -> bytes:
        assert old in UHPPOTED_EVENT
        return UHPPOTED_EVENT.replace(old, new) if old else UHPPOTED_EVENT

    def test_the_hmac_is_over_the_bytes_as_they_were_sent(self) -> None:
        # Spaces, escapes and the order of members are not those of a re-encoding, and Go writes < as \u003c.
        odd = self.event(b'"event-reason-text":""', b'"event-reason-text": "\\u003c\\u5f20" ').replace(b"{", b"{ ", 1)
        sealed = uhppoted.seal(odd, SECRET)
        assert json.dumps(json.loads(odd)).encode() != odd
        assert one(uhppoted.parse(LIVE, sealed, self.READER)).authenticated
        spaced = sealed.replace(b'{"message":', b' { "message" : ', 1).replace(b',"hmac"', b' , "hmac"', 1)
        assert one(uhppoted.parse(LIVE, spaced, self.READER)).authenticated
        for wrong in (
            sealed.replace(b"\\u003c", b"<"),
            sealed.replace(b"{ ", b"{", 1),
            sealed.replace(b":50,", b":51,"),
        ):
            assert fault(uhppoted.parse, LIVE, wrong, self.READER) is Fault.SIGNATURE

    def test_the_hmac_is_what_another_implementation_makes(self) -> None:
        # openssl dgst -sha256 -hmac 'a secret of the gateway', over the bytes {"event":null}
        digest = "547caedf0e9636ce35a6d3f38887f9b0c172a1d5558d0c14d1c06223888c1a7a"
        assert uhppoted.seal(b'{"event":null}', SECRET) == f'{{"message":{{"event":null}},"hmac":"{digest}"}}'.encode()

    def test_with_a_secret_an_hmac_is_needed_and_without_one_it_proves_nothing(self) -> None:
        bare = uhppoted.seal(UHPPOTED_EVENT, b"")
        assert fault(uhppoted.parse, LIVE, bare, self.READER) is Fault.UNSIGNED
        assert fault(uhppoted.parse, LIVE, bare[:-1] + b',"hmac":""}', self.READER) is Fault.UNSIGNED
        assert fault(uhppoted.parse, LIVE, bare[:-1] + b',"hmac":"zz"}', self.READER) is Fault.SIGNATURE
        assert fault(uhppoted.parse, LIVE, uhppoted.seal(UHPPOTED_EVENT, b"other"), self.READER) is Fault.SIGNATURE
        open_reader = config(DECIMAL)
        assert not one(uhppoted.parse(LIVE, bare, open_reader)).authenticated
        assert not one(uhppoted.parse(LIVE, uhppoted.seal(UHPPOTED_EVENT, SECRET), open_reader)).authenticated

    def test_two_messages_in_one_are_refused(self) -> None:
        sealed = uhppoted.seal(UHPPOTED_EVENT, SECRET)
        forged = self.event(b"8165538", b"1234567")
        for wrong in (
            sealed[:-1] + b',"message":' + forged + b"}",
            b'{"message":' + forged + b"," + sealed[1:],
            sealed + sealed,
        ):
            assert fault(uhppoted.parse, LIVE, wrong, self.READER) is Fault.MALFORMED

    def test_the_catch_up_feed_is_no_live_source(self) -> None:
        sealed = uhppoted.seal(UHPPOTED_EVENT, SECRET)
        assert uhppoted.parse("uhppoted/gateway/events", sealed, self.READER) == ()
        assert len(uhppoted.parse(LIVE, sealed, self.READER)) == 1

    def test_only_card_swipes_are_swipes_and_a_denied_one_is_told(self) -> None:
        door = uhppoted.seal(self.event(b'"event-type":1', b'"event-type":2'), SECRET)
        assert uhppoted.parse(LIVE, door, self.READER) == ()
        denied = uhppoted.seal(self.event(b'"access-granted":true', b'"access-granted":false'), SECRET)
        assert one(uhppoted.parse(LIVE, denied, self.READER)).granted is False
        silent = uhppoted.seal(self.event(b'"access-granted":true,', b""), SECRET)
        assert one(uhppoted.parse(LIVE, silent, self.READER)).granted is False

    def test_a_replay_has_the_same_id_at_any_time(self) -> None:
        first = one(uhppoted.parse(LIVE, uhppoted.seal(UHPPOTED_EVENT, SECRET), self.READER))
        later = self.event(b"16:18:55", b"16:20:55")
        assert first.source_event_id == "405419896/50"
        assert (
            one(uhppoted.parse(LIVE, uhppoted.seal(later, SECRET), self.READER)).repeat_keys[0] == first.repeat_keys[0]
        )
        next_one = uhppoted.seal(self.event(b'"event-id":50', b'"event-id":51'), SECRET)
        assert not set(one(uhppoted.parse(LIVE, next_one, self.READER)).repeat_keys[:1]) & set(first.repeat_keys)

    def test_a_gateways_other_boards_and_doors_are_other_readers(self) -> None:
        sealed = uhppoted.seal(UHPPOTED_EVENT, SECRET)
        for mine in ({"device": "405419896"}, {"door": "4"}, {"device": "405419896", "door": "4"}):
            assert len(uhppoted.parse(LIVE, sealed, config(DECIMAL, secret=SECRET, **mine))) == 1
        for other in ({"device": "303986753"}, {"door": "1"}):
            assert uhppoted.parse(LIVE, sealed, config(DECIMAL, secret=SECRET, **other)) == ()

    def test_encrypted_events_say_what_to_change(self) -> None:
        sealed = uhppoted.seal(b'{"key":"AAAA","event":"BBBB"}', SECRET)
        with pytest.raises(UnreadableSwipe, match="encrypts"):
            uhppoted.parse(LIVE, sealed, self.READER)

    def test_facility_and_number_of_a_board_are_the_wiegand_number(self) -> None:
        reader = config(CardRule(Wiegand.W26, Digits.FACILITY), secret=SECRET)
        sealed = uhppoted.seal(self.event(b"8165538", b"12300042"), SECRET)
        assert one(uhppoted.parse(LIVE, sealed, reader)).card.reveal() == "7B002A"

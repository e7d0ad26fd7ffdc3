"""Whatever a reader, or somebody in its place, sends: swipes or the one typed error, and never the number in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.cards import FORMATS, Format, find_format, zigbee2mqtt
from drivers.cards.dahua import MAX_EVENT, EventStream
from drivers.cards.hikvision import MAX_BODY
from drivers.cards.payload import MAX_MESSAGE
from policies.cards import Fault, Swipe, UnreadableSwipe
from tests.unit.card_samples import DAHUA_DATA, NATIVE_TOPIC, SAMPLES, Sample, config, dahua

WORDS = ["", " ", "0", "true", "access", "Always", "Pulse", "04A1B2C3", "2021-01-23T13:10:50", "\ud800", "\u202e", "誠"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
TOPICS = st.sampled_from([NATIVE_TOPIC, *(sample.topic for sample in SAMPLES)]) | st.text(max_size=30)


def read(form: Format, topic: str, payload: bytes, sample: Sample) -> None:
    """Parse, and hold the parser to its promise."""
    try:
        found = form.parse(topic, payload, sample.config)
    except UnreadableSwipe as error:
        assert error.fault in Fault
        assert "\n" not in str(error)
        assert sample.card not in str(error)
    else:
        assert isinstance(found, tuple)
        for swipe in found:
            assert isinstance(swipe, Swipe)
            assert swipe.card.size == sample.config.rule.size
            assert swipe.at is None or swipe.at.utcoffset() is not None
            assert swipe.card.reveal() not in repr(swipe)


def samples(form: Format) -> st.SearchStrategy[Sample]:
    return st.sampled_from([sample for sample in SAMPLES if sample.format == form.name])


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
class TestNoise:
    @given(st.data(), TOPICS, st.binary(max_size=300))
    @settings(max_examples=25)
    def test_any_bytes(self, form: Format, data: st.DataObject, topic: str, payload: bytes) -> None:
        read(form, topic, payload, data.draw(samples(form)))

    @given(st.data(), VALUES)
    @settings(max_examples=25)
    def test_any_json(self, form: Format, data: st.DataObject, value: object) -> None:
        sample = data.draw(samples(form))
        read(form, sample.topic, json.dumps(value).encode("utf-8", "surrogatepass"), sample)

    @given(st.data(), st.binary(min_size=1, max_size=4))
    @settings(max_examples=50)
    def test_a_sample_with_bytes_changed_cut_out_or_put_in(self, form: Format, data: st.DataObject, put: bytes) -> None:
        sample = data.draw(samples(form))
        at = data.draw(st.integers(0, len(sample.payload)))
        until = data.draw(st.integers(at, min(len(sample.payload), at + 6)))
        read(form, sample.topic, sample.payload[:at] + put + sample.payload[until:], sample)

    @given(st.data(), VALUES)
    @settings(max_examples=60)
    def test_a_sample_with_a_member_of_another_type(self, form: Format, data: st.DataObject, value: object) -> None:
        sample = data.draw(samples(form))
        head, brace, body = sample.payload.partition(b"{")
        if not brace:
            return
        told = json.loads(brace + body)
        place = told
        while True:
            key = data.draw(st.sampled_from(sorted(place)))
            if not isinstance(place[key], dict) or data.draw(st.booleans()):
                break
            place = place[key]
        place[key] = value
        read(form, sample.topic, head + json.dumps(told).encode("utf-8", "surrogatepass"), sample)

    @pytest.mark.parametrize(
        "payload",
        [
            b"",
            b"{}",
            b"[]",
            b"null",
            b"\xff\xfe{}",
            b"[" * 5000,
            b'{"a":' * 3000,
            b'{"message":' * 1500,
            b'{"type":"access","uid":"04A1B2C3","uid":"04A1B2C4"}',
            b'{"type":"access","time":NaN}',
            b'{"type":"access","access":"Always","isKnown":"true","uid":"04A1B2C3","time":1e999}',
            b'{"Time":"0001-01-01T00:00:00","RC522":{"UID":"BA839D07"}}',
            b'{"Time":"9999-12-31T23:59:59","RC522":{"UID":"BA839D07"}}',
            b'{"Time":"2021-01-23T13:10:50+99:99","RC522":{"UID":"BA839D07"}}',
            b'{"action":[]}',
            b'{"n":' + b"9" * 5000 + b"}",
            b"Code=AccessControl;action=Pulse;index=0;data={",
            b"--b\r\n\r\n" * 200,
            b"--b\r\n\r\n{\r\n--b--",
        ],
        ids=range(19),
    )
    def test_known_ways_to_hurt_a_parser(self, form: Format, payload: bytes) -> None:
        for sample in SAMPLES:
            if sample.format == form.name:
                read(form, sample.topic, payload, sample)

    def test_what_is_too_long_is_refused_unread(self, form: Format) -> None:
        sample = next(sample for sample in SAMPLES if sample.format == form.name)
        limit = {"hikvision": MAX_BODY, "dahua": 65_536}.get(form.name, MAX_MESSAGE)
        with pytest.raises(UnreadableSwipe):
            form.parse(sample.topic, sample.payload + b" " * limit, sample.config)


@given(st.binary(max_size=200))
def test_the_answer_to_a_keypad_is_made_or_refused(payload: bytes) -> None:
    try:
        topic, _ = zigbee2mqtt.answer("zigbee2mqtt/pad", payload, granted=True)
    except UnreadableSwipe:
        return
    assert topic == "zigbee2mqtt/pad/set"


class TestStream:
    ONE = dahua(DAHUA_DATA, indent=2)
    PART = b"--myboundary\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\n"

    @given(st.data(), st.lists(st.sampled_from([ONE, dahua(DAHUA_DATA), b"Heartbeat"]), max_size=4))
    def test_events_come_out_whole_however_the_stream_is_cut(self, data: st.DataObject, events: list[bytes]) -> None:
        stream = b"".join(self.PART + event + b"\r\n" for event in events)
        cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
        feed = EventStream()
        found: list[bytes] = []
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
            found += feed.feed(stream[start:end])
        assert found == [event for event in events if event != b"Heartbeat"]
        parse = find_format("dahua").parse
        assert all(parse("", event, config())[0].card.reveal() == "AABB1122" for event in found)

    @given(st.lists(st.binary(max_size=60) | st.sampled_from([b"Code=", b"Code=A;action=Pulse;data={", b"\n--"])))
    @settings(max_examples=60)
    def test_any_stream_is_held_in_bounded_space(self, chunks: list[bytes]) -> None:
        feed = EventStream()
        for chunk in chunks:
            for event in feed.feed(chunk):
                assert len(event) <= MAX_EVENT

    def test_an_event_that_never_ends_is_given_out_and_the_next_one_is_read(self) -> None:
        feed = EventStream()
        broken = b'Code=AccessControl;action=Pulse;index=0;data={"CardNo":"AABB\n'
        found = feed.feed(broken + self.ONE)
        assert len(found) == 2
        with pytest.raises(UnreadableSwipe):
            find_format("dahua").parse("", found[0], config())
        assert found[1] == self.ONE
        assert feed.feed(b'Code=AccessControl;action=Pulse;index=0;data={"a":"' + b"x" * MAX_EVENT) != ()
        assert feed.feed(self.ONE) == (self.ONE,)

    def test_a_name_in_gbk_with_a_backslash_in_it_is_cut_as_any_other(self) -> None:
        event = self.ONE.replace(b'"9901"', '"赵誠"'.encode("gbk"))
        assert event.count(b"\\") == 1
        feed = EventStream()
        found: list[bytes] = []
        for byte in event + b"\r\n":
            found += feed.feed(bytes([byte]))
        assert found == [event]

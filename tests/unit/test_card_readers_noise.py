"""Whatever comes on a reader's topic or webhook: swipes, or the one typed error; and nothing of it is told again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from controller.cards.readers import Readers
from lab.reader import DEVICES
from lab.reader.tap import Plastic, Sent, Tap
from policies.cards import CardRule, Digits, Fault, Swipe, UnreadableSwipe, Wiegand
from policies.cards.rights import Reader, Trust
from policies.errors import InputError
from policies.site import Site
from policies.texts import LANGUAGES

SECRET = "0123456789abcdef-of-the-gateway"
AT = datetime(2026, 9, 7, 10, 0, tzinfo=timezone(timedelta(hours=8)))
TAP = Tap(Plastic(bytes.fromhex("A4F1B2C3"), 81, 64999), AT, holder="王小明", secret=SECRET)
#: How that card's numbers may be written.
NUMBERS = ("A4F1B2C3", "A4-F1-B2-C3", "2767303363", "8164999", "5373415", "5373399", "51FDE7", "王小明", SECRET)
RULES = {
    "uhppoted": CardRule(Wiegand.W26, Digits.FACILITY), "esp-rfid": CardRule(4, Digits.HEX_UNPADDED),
    "hikvision": CardRule(4, Digits.DECIMAL),
}  # fmt: skip
POSTED = ("hikvision", "dahua")


def readers_of(**secrets: str) -> Readers:
    made = []
    for form, device in DEVICES.items():
        sent = device(TAP)
        topics = () if form in ("native", *POSTED) else (sent.topic,)
        more = {"secret": "env:HMAC"} if form == "uhppoted" else {}
        name = "gate-1" if form == "native" else form
        rule = RULES.get(form, CardRule(4))
        made.append(Reader(name, form, ("t",), Trust.IDENTIFIED, rule, topics=topics, **more))  # type: ignore[arg-type]
    site = Site("lab", Path("/nowhere"), readers=tuple(made))
    return Readers.load(site, environment={"HMAC": SECRET, **secrets})


READERS = readers_of()
SENT = {form: device(TAP) for form, device in DEVICES.items()}


def taken(form: str, sent: Sent) -> tuple[Swipe, ...]:
    if form in POSTED:
        return READERS.webhook(form, sent.content_type, sent.payload)
    return READERS.swipes(sent.topic, sent.payload, retained=False)


def quiet(form: str, sent: Sent) -> None:
    """Take it; an error must be the typed one, name this reader, and tell nothing of what came."""
    try:
        found = taken(form, sent)
    except UnreadableSwipe as error:
        said = repr(error) + repr(error.args) + "".join(error.line(language) for language in LANGUAGES)
        assert error.reader == ("gate-1" if form == "native" else form)
        assert error.__cause__ is None
    else:
        said = repr(found)
    assert not [number for number in NUMBERS if number.lower() in said.lower()]


@pytest.mark.parametrize("form", DEVICES)
def test_the_device_as_it_is_gives_one_swipe(form: str) -> None:
    """The control arm: what is changed below is read when it is not changed."""
    assert len(taken(form, SENT[form])) == 1
    quiet(form, SENT[form])


@pytest.mark.parametrize("form", DEVICES)
@settings(max_examples=60)
@given(data=st.data())
def test_a_byte_more_less_or_other_is_a_swipe_or_the_typed_error(form: str, data: st.DataObject) -> None:
    payload = SENT[form].payload
    at = data.draw(st.integers(0, len(payload) - 1))
    put = data.draw(st.binary(max_size=4))
    cut = data.draw(st.integers(0, 3))
    quiet(form, replace(SENT[form], payload=payload[:at] + put + payload[at + cut :]))


@pytest.mark.parametrize("form", DEVICES)
@settings(max_examples=40)
@given(noise=st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_noise_is_a_swipe_or_the_typed_error(form: str, noise: bytes) -> None:
    quiet(form, replace(SENT[form], payload=noise))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.sampled_from(NUMBERS),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.parametrize("form", ["esp-rfid", "tasmota", "zigbee2mqtt", "dahua", "dahua-vto", "native"])
@settings(max_examples=60)
@given(data=st.data())
def test_another_value_in_any_member_is_a_swipe_or_the_typed_error(form: str, data: st.DataObject) -> None:
    told = json.loads(SENT[form].payload)
    inner = next((told[key] for key in ("Data", "RC522") if key in told and data.draw(st.booleans())), told)
    inner[data.draw(st.sampled_from(sorted(inner)))] = data.draw(VALUES)
    try:
        payload = json.dumps(told).encode("utf-8", "surrogatepass")
    except ValueError:
        return
    quiet(form, replace(SENT[form], payload=payload))


@settings(max_examples=60)
@given(topic=st.text(max_size=40) | st.sampled_from([each.topic for each in SENT.values()]), kind=st.text(max_size=60))
def test_another_topic_or_content_type_is_read_or_refused(topic: str, kind: str) -> None:
    for retained in (False, True):
        try:
            READERS.swipes(topic, SENT["esphome"].payload, retained=retained)
        except UnreadableSwipe as error:
            assert error.fault in Fault
            assert not topic or topic not in str(error) or len(topic) < 12
    try:
        READERS.webhook("hikvision", kind, SENT["hikvision"].payload)
    except InputError as error:
        assert isinstance(error, UnreadableSwipe)


@pytest.mark.parametrize("form", DEVICES)
def test_a_clock_far_away_is_told_as_it_is_and_one_never_set_is_unknown(form: str) -> None:
    """Whether a swipe is too old, or from tomorrow, is decided later and by two clocks: the parser has none."""
    known = taken(form, SENT[form])[0].at
    for moment in (AT - timedelta(days=400), AT + timedelta(hours=9)):
        swipe = taken(form, DEVICES[form](replace(TAP, at=moment)))[0]
        assert swipe.at == (None if known is None else moment)
    never = DEVICES[form](replace(TAP, at=datetime(1970, 1, 1, 8, 0, 9, tzinfo=AT.tzinfo)))
    at = taken(form, never)[0].at
    assert at is None or form == "native"


def test_a_name_in_gbk_whose_second_byte_is_a_backslash_does_not_end_the_json() -> None:
    from lab.reader import dahua, esp_rfid, hikvision

    holder = '誠\\許"蓋'
    assert b"\\" in "誠".encode("gbk")
    tap = replace(TAP, holder=holder)
    for form, sent in (
        ("hikvision", hikvision.listener(tap, encoding="gb18030")),
        ("dahua", dahua.attached(tap, encoding="gb18030")),
    ):
        swipe = taken(form, sent)[0]
        assert swipe.card.reveal() == "A4F1B2C3"
        assert swipe.granted is True
    message = replace(esp_rfid.access_2(tap, gbk=True), topic=SENT["esp-rfid"].topic)
    assert taken("esp-rfid", message)[0].card.reveal() == "A4F1B2C3"

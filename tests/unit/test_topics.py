"""Topics: what is built is read back, and no name can make another topic or a filter of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InputError
from policies.messages.topics import RETAINED, Kind, Topic, every, is_name, parse

#: The topics as the design has them.
TOPICS = {
    "portseal/1/hq/reader/R1/swipe": Topic("hq", Kind.SWIPE, "R1"),
    "portseal/1/hq/terminal/T1/grant": Topic("hq", Kind.GRANT, "T1"),
    "portseal/1/hq/terminal/T1/revoke": Topic("hq", Kind.REVOKE, "T1"),
    "portseal/1/hq/terminal/T1/request": Topic("hq", Kind.REQUEST, "T1"),
    "portseal/1/hq/terminal/T1/event": Topic("hq", Kind.EVENT, "T1"),
    "portseal/1/hq/terminal/T1/event/ack": Topic("hq", Kind.EVENT_ACK, "T1"),
    "portseal/1/hq/terminal/T1/status": Topic("hq", Kind.STATUS, "T1"),
    "portseal/1/hq/lock/T1/set": Topic("hq", Kind.LOCK_SET, "T1"),
    "portseal/1/hq/lock/T1/state": Topic("hq", Kind.LOCK_STATE, "T1"),
    "portseal/1/hq/cards": Topic("hq", Kind.CARDS),
    "portseal/1/hq/cards/ack": Topic("hq", Kind.CARDS_ACK),
    "portseal/1/hq/finding": Topic("hq", Kind.FINDING),
    "portseal/1/hq/checkpoint": Topic("hq", Kind.CHECKPOINT),
}
BAD_NAMES = [
    "", "/", "a/b", "+", "a+", "#", "a#", "\x00", "a\x00b", "a\nb", "a\x7f", "a\x85", " a", "a ", "\u3000a", "a\u2028b",
    "a\u202eb", "a\u200bb", "\ud800", "\uffff", "a" * 65, "名" * 22, "\U0001f600" * 17,
]  # fmt: skip
GOOD_NAMES = [
    "a",
    "T-0001",
    "总部",
    "门禁 3",
    "*",
    "$SYS",
    "..",
    "a" * 64,
    "名" * 21,
    "\U0001f600" * 16,
    "terminal",
    "1",
]


@pytest.mark.parametrize("text", TOPICS)
def test_every_topic_of_the_design_is_built_and_read(text: str) -> None:
    assert str(TOPICS[text]) == text
    assert parse(text) == TOPICS[text]


def test_every_kind_is_among_them() -> None:
    assert {topic.kind for topic in TOPICS.values()} == set(Kind)


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_name_that_cannot_be_is_refused_both_ways(name: str) -> None:
    assert not is_name(name)
    for make in (
        lambda: str(Topic("hq", Kind.GRANT, name)),
        lambda: str(Topic(name, Kind.GRANT, "T1")),
        lambda: every(name, Kind.GRANT),
        lambda: parse(f"portseal/1/hq/terminal/{name}/grant"),
        lambda: parse(f"portseal/1/{name}/terminal/T1/grant"),
    ):
        with pytest.raises(InputError):
            make()


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_name_that_can_be_is_taken_both_ways(name: str) -> None:
    assert is_name(name)
    topic = Topic(name, Kind.EVENT_ACK, name)
    assert parse(str(topic)) == topic


def test_a_kind_without_a_name_takes_none_and_a_kind_with_one_needs_it() -> None:
    for topic in (Topic("hq", Kind.FINDING, "T1"), Topic("hq", Kind.GRANT)):
        with pytest.raises(InputError):
            str(topic)


@pytest.mark.parametrize(
    "text",
    [
        "", "portseal", "portseal/1", "portseal/1/hq", "portseal/1/hq/", "portseal/1/hq/terminal",
        "portseal/1/hq/other",
        "portseal/1/hq/terminal/T1", "portseal/1/hq/terminal/T1/", "portseal/1/hq/terminal/T1/grant/",
        "portseal/1/hq/terminal/T1/grant/x", "portseal/1/hq/terminal/T1/event/ack/x", "portseal/1/hq/reader/R1/grant",
        "portseal/1/hq/finding/x", "portseal/1/hq/lock/T1/event/ack", "/portseal/1/hq/finding", "portseal/2/hq/finding",
        "Portseal/1/hq/finding", "portseal/1//finding", "portseal/1/hq/terminal//grant", "portseal//hq/finding",
        "portseal/1/hq/*", "portseal/1/hq/terminal/*", "$share/g/portseal/1/hq/finding", "/" * 60000,
    ],
)  # fmt: skip
def test_what_is_no_topic_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        parse(text)


def test_a_filter_has_a_plus_in_place_of_the_name() -> None:
    assert every("hq", Kind.EVENT_ACK) == "portseal/1/hq/terminal/+/event/ack"
    assert every("hq", Kind.FINDING) == "portseal/1/hq/finding"
    assert every("*", Kind.GRANT) == "portseal/1/*/terminal/+/grant"


def test_only_what_is_a_state_is_retained_and_never_a_command() -> None:
    assert frozenset({Kind.STATUS, Kind.CHECKPOINT}) == RETAINED


NAMES = st.text(max_size=70)


@given(NAMES, st.sampled_from(Kind), NAMES)
def test_a_topic_is_read_back_or_refused_whatever_the_names(site: str, kind: Kind, name: str) -> None:
    topic = Topic(site, kind, name if kind.named else "")
    try:
        text = str(topic)
    except InputError:
        assert not is_name(site) or not is_name(name)
        return
    assert parse(text) == topic
    assert len(text.split("/")) == kind.value.count("/") + 4
    assert not set(text) & set("+#\x00")


@given(st.text(max_size=100) | st.text("portseal/1hqTfindgrevu", max_size=60))
def test_noise_is_refused_or_is_a_topic(text: str) -> None:
    try:
        topic = parse(text)
    except InputError:
        return
    assert str(topic) == text

"""Recordings of conversations: written, read, replayed one character a read, and strict about what is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.transports.replay import Exchange, RecordingChannel, ReplayChannel, load_recording, save_recording
from policies.errors import DeviceTimeout, InputError, Unreachable
from tests.unit.conversations import StreamChannel

TALK = [Exchange("", "sw1#"), Exchange("show", "show\r\nok\r\nsw1#")]


def everything(channel: ReplayChannel) -> str:
    told = ""
    while True:
        try:
            told += channel.read(1)
        except (DeviceTimeout, Unreachable):
            return told


def test_it_gives_one_character_a_read() -> None:
    channel = ReplayChannel(TALK)
    assert [channel.read(1) for _ in range(4)] == ["s", "w", "1", "#"]


def test_what_was_not_recorded_yet_is_a_timeout_and_the_end_a_closed_line() -> None:
    channel = ReplayChannel(TALK, where="sw1 recording")
    assert everything(channel) == "sw1#"
    with pytest.raises(DeviceTimeout) as late:
        channel.read(3)
    channel.write("show\n")
    assert everything(channel) == "show\r\nok\r\nsw1#"
    with pytest.raises(Unreachable):
        channel.read(3)
    assert late.value.where == "sw1 recording"


@pytest.mark.parametrize("typed", ["shox\n", "show x\n", "\n", " "])
def test_anything_else_that_is_typed_is_refused(typed: str) -> None:
    with pytest.raises(InputError, match="expects 'show'"):
        ReplayChannel(TALK).write(typed)


def test_more_than_was_recorded_is_refused() -> None:
    channel = ReplayChannel(TALK)
    channel.write("show\n")
    with pytest.raises(InputError, match="expects ''"):
        channel.write("more\n")


def test_closing_twice_is_allowed() -> None:
    channel = ReplayChannel(TALK)
    channel.close()
    channel.close()


WORDS = st.text(st.characters(codec="utf-8"), max_size=20)


@given(talk=st.lists(st.builds(Exchange, WORDS, WORDS), max_size=5))
def test_what_is_saved_is_what_is_loaded(talk: list[Exchange], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("recording") / "talk.jsonl"
    save_recording(path, talk, lambda text: text)
    if talk:
        assert load_recording(path) == talk


def test_secrets_are_blanked_on_both_sides(tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    save_recording(
        path, [Exchange("enable s3cret", "s3cret is wrong")], lambda text: text.replace("s3cret", "<secret>")
    )
    assert "s3cret" not in path.read_text("utf-8")
    assert load_recording(path)[0].received == "<secret> is wrong"


@pytest.mark.parametrize("line", ["", "{}", '["one"]', '["a", "b", "c"]', "not json", "17", "null", '"ab"', "[1, 2]"])
def test_a_line_that_is_no_exchange_is_named(line: str, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    path.write_text(f'["", "sw1#"]\n{line}\n["x", "y"]\n', "utf-8")
    with pytest.raises(InputError) as error:
        load_recording(path)
    assert error.value.where == f"{path}:2"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "no text"])
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "talk.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as error:
        load_recording(path)
    assert error.value.where == str(path)


def test_a_recorder_keeps_what_passes_by_and_changes_nothing() -> None:
    inner = StreamChannel(iter(["sw", "1#", "show\r\n", "ok\r\nsw1#"]))
    recorder = RecordingChannel(inner)
    told = recorder.read(1) + recorder.read(1)
    recorder.write("show\n")
    told += recorder.read(1) + recorder.read(1)
    recorder.close()
    assert told == "sw1#show\r\nok\r\nsw1#"
    assert inner.typed == ["show\n"]
    assert inner.closed
    assert recorder.exchanges == TALK
    replayed = ReplayChannel(recorder.exchanges)
    assert everything(replayed) == "sw1#"

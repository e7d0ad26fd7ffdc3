"""Every dialect through a whole session, one character a read: transcripts, logins, saves; and noise for every read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.dialect import Read
from drivers.parse import parse
from drivers.reading import read_state
from drivers.transports.replay import Exchange
from policies.errors import CommandRejected, UnparsedOutput, VerifyFailed
from tests.conformance import NOW, Conformance, Transcript, answers_of, every, seen, typed
from tests.unit.conversations import exchanges, session


def each(field: str) -> list[object]:
    """Give (data, item) for every item of a data set, of every platform."""
    return [
        pytest.param(data, item, id=f"{data.platform}-{number}")
        for data in every()
        for number, item in enumerate(getattr(data, field))
    ]


def prompt_of(data: Conformance) -> str:
    """Give a prompt at which nothing has to be enabled: a bare `host>` is not privileged."""
    prompts = [text for text, kind in data.prompts if kind == "prompt"]
    return next(text for text in prompts if text.startswith("<") or not text.endswith(">"))


def recording(data: Conformance, transcript: Transcript) -> list[Exchange]:
    """Give what `drivers.reading` asks, in its order, and nothing else; what the transcript lacks is refused."""
    said, prompt = answers_of(data.platform, transcript.name), prompt_of(data)
    turns = [(line, "", prompt) for line in data.dialect.on_open]
    asked: set[str] = set()
    for read in data.dialect.reads:
        if not read.observe or read.each or read.command in asked:
            continue
        asked.add(read.command)
        for words in (read.command, *(alias for alias in read.aliases if "{" not in alias)):
            command = typed(data.dialect, words)
            answer = said.get(command, data.refused[0]).rstrip("\n").replace("\n", "\r\n")
            turns.append((command, f"{answer}\r\n", prompt))
            if command in said:
                break
    return exchanges(*turns, greeting=f"\r\n{prompt}")


@pytest.mark.parametrize(("data", "transcript"), each("transcripts"))
def test_a_session_gives_the_state_of_its_answers(data: Conformance, transcript: Transcript) -> None:
    spoken = replace(data.dialect, enable=None, reads=tuple(read for read in data.dialect.reads if not read.each))
    with session(spoken, recording(data, transcript)) as opened:
        found = read_state(opened, "sw", NOW)
    assert found == seen(spoken, answers_of(data.platform, transcript.name))


@pytest.mark.parametrize(("data", "greeting"), each("hosts"))
def test_a_login_is_understood_whatever_the_host_is_called(data: Conformance, greeting: str) -> None:
    turns = [(line, "", greeting) for line in data.dialect.on_open]
    spoken = replace(data.dialect, enable=None)
    with session(spoken, exchanges(*turns, ("x", "yes\r\n", greeting), greeting=f"\r\n{greeting}")) as opened:
        assert opened.hostname
        assert opened.hostname in greeting
        assert opened.read("x") == "yes"


def save(data: Conformance, said: str) -> None:
    """Save over a switch that says this."""
    spoken, prompt = replace(data.dialect, enable=None), prompt_of(data)
    assert spoken.save is not None
    turns = [(line, "", prompt) for line in spoken.on_open]
    turns.append((typed(spoken, spoken.save.command), said.replace("\n", "\r\n") + "\r\n", prompt))
    with session(spoken, exchanges(*turns, greeting=f"\r\n{prompt}")) as opened:
        opened.save()


@pytest.mark.parametrize(("data", "said"), each("saved"))
def test_an_answer_that_says_so_is_a_save(data: Conformance, said: str) -> None:
    save(data, said)


@pytest.mark.parametrize(("data", "said"), each("not_saved"))
def test_another_answer_is_none(data: Conformance, said: str) -> None:
    with pytest.raises((VerifyFailed, CommandRejected)):
        save(data, said)


READS = [
    pytest.param(data, read, id=f"{data.platform}-{read.command}-{read.fact}")
    for data in every()
    for read in data.dialect.reads
]


@pytest.mark.parametrize(("data", "read"), READS)
def test_a_refusal_never_parses_as_no_rows(data: Conformance, read: Read) -> None:
    for line in data.refused:
        for text in (line, f"{prompt_of(data)}{read.command}\r\n{line}\r\n{prompt_of(data)}"):
            if "%" in line:
                with pytest.raises(UnparsedOutput):
                    parse(read, text)


@pytest.mark.parametrize(("data", "read"), READS)
@settings(max_examples=25)
@given(text=st.text(max_size=200) | st.text("GEgiVLANvlan0123/.:-<>[]% \n\x08\r\t#", max_size=200))
def test_any_text_gives_rows_or_the_typed_error(data: Conformance, read: Read, text: str) -> None:
    try:
        found = parse(read, text)
    except UnparsedOutput as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(found, list)

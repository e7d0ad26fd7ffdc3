"""Every dialect against its data sets: prompts, questions, refusals, secrets, drift, and whole transcripts."""

from __future__ import annotations

import re

import pytest

from drivers.dialects import PLATFORMS
from drivers.observe import observe
from drivers.parse import find_reads, parse
from drivers.redact import blank_secrets
from policies.errors import UnparsedOutput
from tests.conformance import FOLDER, NOW, REAL, Conformance, Transcript, anchored, answers_of, every, seen, typed

KINDS = ("prompt", "config_prompt", "interface_prompt")


def each(field: str) -> list[object]:
    """Give (data, item) for every item of a data set, of every platform."""
    return [
        pytest.param(data, item, id=f"{data.platform}-{number}")
        for data in every()
        for number, item in enumerate(getattr(data, field))
    ]


def matches(patterns: tuple[str, ...], text: str) -> bool:
    return any(re.search(pattern, text, re.MULTILINE) for pattern in patterns)


def test_every_dialect_has_its_data_or_a_real_switch() -> None:
    assert {data.platform for data in every()} | REAL == set(PLATFORMS)
    for data in every():
        sets = ("prompts", "no_prompts", "refused", "not_refused", "secret", "not_secret", "same", "drift")
        assert all(getattr(data, name) for name in sets), data.platform


@pytest.mark.parametrize(("data", "case"), each("prompts"))
def test_a_prompt_is_of_one_mode(data: Conformance, case: tuple[str, str]) -> None:
    text, kind = case
    assert [name for name in KINDS if re.fullmatch(anchored(data, name), text)] == [kind]
    if kind == "prompt":
        found = re.fullmatch(data.dialect.prompt, text)
        assert found is not None
        assert found["host"] == data.host


@pytest.mark.parametrize(("data", "text"), each("no_prompts"))
def test_another_line_is_no_prompt(data: Conformance, text: str) -> None:
    assert not any(re.fullmatch(anchored(data, name), text) for name in KINDS)


@pytest.mark.parametrize(("data", "case"), each("questions"))
def test_a_question_is_known_and_has_its_reply(data: Conformance, case: tuple[str, str, str]) -> None:
    text, where, reply = case
    save = data.dialect.save
    known = {
        "greetings": data.dialect.greetings,
        "answers": data.dialect.answers,
        "save": save.answers if save is not None else (),
    }[where]
    assert [answer for question, answer in known if re.search(rf"(?:{question})\Z", text)] == [reply]


@pytest.mark.parametrize(("data", "text"), each("not_asked"))
def test_what_is_not_listed_is_not_answered(data: Conformance, text: str) -> None:
    known = (*data.dialect.greetings, *data.dialect.answers)
    assert not any(re.search(rf"(?:{question})\Z", text) for question, _ in known)


@pytest.mark.parametrize(("data", "answer"), each("refused"))
def test_a_refusal_is_a_failure(data: Conformance, answer: str) -> None:
    assert matches(data.dialect.failure, answer)


@pytest.mark.parametrize(("data", "answer"), each("refused_config"))
def test_some_answers_are_failures_of_configuration_only(data: Conformance, answer: str) -> None:
    assert matches(data.dialect.failure_config, answer)
    assert not matches(data.dialect.failure, answer)


@pytest.mark.parametrize(("data", "answer"), each("not_refused"))
def test_a_log_message_or_a_notice_is_no_failure(data: Conformance, answer: str) -> None:
    assert not matches(data.dialect.failure + data.dialect.failure_config, answer)


@pytest.mark.parametrize(("data", "line"), each("secret"))
def test_a_secret_vanishes_and_the_rest_of_its_line_stays(data: Conformance, line: str) -> None:
    shown = blank_secrets(data.dialect, line)
    assert "PLAIN" not in shown
    assert "<secret>" in shown
    assert shown.split()[0] == line.split(maxsplit=1)[0]


@pytest.mark.parametrize(("data", "line"), each("not_secret"))
def test_a_line_without_a_secret_stays_as_it_is(data: Conformance, line: str) -> None:
    assert blank_secrets(data.dialect, line) == line


@pytest.mark.parametrize("data", every(), ids=lambda data: data.platform)
def test_secrets_vanish_from_a_whole_configuration(data: Conformance) -> None:
    shown = "\n".join(data.secret)
    for pattern in data.dialect.secrets:
        assert re.compile(pattern).groups == 1
        shown = re.sub(pattern, lambda found: found[0].replace(found[1], "<secret>"), shown, flags=re.MULTILINE)
    assert "PLAIN" not in shown
    assert shown.count("\n") == len(data.secret) - 1


def differs(data: Conformance, running: str, startup: str) -> tuple[str, ...] | None:
    reads = {read.fact.value: read.command for read in data.dialect.reads if read.fact.value in ("running", "startup")}
    said_now = {reads["running"]: running, reads["startup"]: startup}
    known = [read for read in data.dialect.reads if read.command in said_now and read.observe]
    answers = [(read, parse(read, said_now[read.command])) for read in known]
    return observe(data.dialect, answers, switch="sw", read_at=NOW).startup_differs


@pytest.mark.parametrize(("data", "pair"), each("same"))
def test_what_differs_between_two_readings_of_one_state_is_no_drift(data: Conformance, pair: tuple[str, str]) -> None:
    assert differs(data, *pair) == ()


@pytest.mark.parametrize(("data", "case"), each("drift"))
def test_drift_is_shown_with_the_section_that_it_is_in(
    data: Conformance, case: tuple[str, str, tuple[str, ...]]
) -> None:
    running, startup, shown = case
    assert differs(data, running, startup) == shown


# -- transcripts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "transcript"), each("transcripts"))
def test_a_transcript_shows_what_a_person_reads_in_it(data: Conformance, transcript: Transcript) -> None:
    switch = seen(data.dialect, answers_of(data.platform, transcript.name))
    for name, value in transcript.switch.items():
        assert getattr(switch, name) == value, name
    assert len(switch.ports) == transcript.count, sorted(switch.ports)
    for name, expected in transcript.ports.items():
        port = switch.ports[name]
        assert port.config == expected.config, name
        assert {key: getattr(port, key) for key in expected.more} == expected.more, name


@pytest.mark.parametrize(("data", "transcript"), each("transcripts"))
def test_every_answer_of_a_transcript_is_read(data: Conformance, transcript: Transcript) -> None:
    for command, text in answers_of(data.platform, transcript.name).items():
        # One answer may tell of several things, and need not tell of all.
        assert any(parse(read, text) for read in find_reads(data.dialect, command)), command


@pytest.mark.parametrize("data", every(), ids=lambda data: data.platform)
def test_every_folder_of_transcripts_is_used_and_says_where_it_is_from(data: Conformance) -> None:
    folder = FOLDER / data.platform
    folders = {path.name for path in folder.iterdir()} if folder.exists() else set()
    assert folders == {transcript.name for transcript in data.transcripts}
    for path in folder.glob("*/*.txt"):
        first = path.read_text("utf-8").split("\n", 1)[0]
        assert re.fullmatch(r"source: (?:recording|document), \S.*", first), path.name


@pytest.mark.parametrize(("data", "transcript"), each("transcripts"))
def test_a_transcript_cut_anywhere_gives_the_typed_error_or_less_never_more(
    data: Conformance, transcript: Transcript
) -> None:
    answers = answers_of(data.platform, transcript.name)
    for read in data.dialect.reads:
        command = typed(data.dialect, read.command)
        if command not in answers or not read.observe:
            continue
        text = answers[command]
        whole = parse(read, text)
        for cut in range(0, len(text), max(1, len(text) // 23)):
            try:
                rows = parse(read, text[:cut])
            except UnparsedOutput:
                continue
            assert len(rows) <= len(whole)
            assert rows[:-1] == whole[: max(0, len(rows) - 1)]

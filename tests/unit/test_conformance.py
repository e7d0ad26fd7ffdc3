"""Every dialect with a folder of conformance data keeps to it: states, prompts, refusals, secrets, saving, drift."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.dialect import Fact, Read
from drivers.dialects import PLATFORMS, dialect
from drivers.observe import observe
from drivers.parse import parse
from drivers.reading import read_state
from drivers.redact import blank_secrets
from policies.errors import CommandRejected, UnparsedOutput, VerifyFailed
from tests.unit import conformance
from tests.unit.conversations import exchanges as conversation
from tests.unit.conversations import session

NOW = datetime(2026, 11, 30, 10, 0, tzinfo=UTC)
EACH = [pytest.param(name, id=name) for name in conformance.PLATFORMS]


def cases(name: str, *keys: str) -> list[object]:
    """Give a parameter for every entry of one list of every platform."""
    return [
        pytest.param(platform, entry, id=f"{platform}-{key}-{number}")
        for platform in conformance.PLATFORMS
        for key in keys
        for number, entry in enumerate(conformance.data(platform, name)[key])
    ]


def sessions() -> list[object]:
    return [
        pytest.param(platform, path, id=f"{platform}-{path.stem}")
        for platform in conformance.PLATFORMS
        for path in conformance.transcripts(platform)
    ]


@pytest.mark.parametrize("platform", EACH)
def test_a_folder_is_whole_and_belongs_to_a_dialect(platform: str) -> None:
    assert platform in PLATFORMS
    for name in conformance.LISTS:
        assert conformance.data(platform, name), name
    found = conformance.transcripts(platform)
    assert found, "no transcript"
    folder = conformance.ROOT / platform / "transcripts"
    assert {path.stem for path in found} == {path.stem for path in folder.glob("*.toml")}


class TestTranscripts:
    @pytest.mark.parametrize(("platform", "path"), sessions())
    def test_a_session_read_one_character_at_a_time_gives_the_expected_state(self, platform: str, path: Path) -> None:
        wanted = tomllib.loads(path.with_suffix(".toml").read_text("utf-8"))
        assert wanted.pop("how") in ("recorded", "documentation")
        spoken = dialect(platform)
        recording = conformance.exchanges(spoken, path.read_text("utf-8"), wanted.pop("refusal", ""))
        with session(spoken, recording) as opened:
            seen = read_state(opened, "sw", NOW)
        lacking, differs = set(wanted.pop("lacking")), wanted.pop("startup_differs", None)
        assert seen.capabilities == spoken.capabilities - lacking
        if wanted.pop("unsaved", False):
            assert seen.startup_differs
        else:
            assert seen.startup_differs == (None if differs is None else tuple(differs))
        assert conformance.described(seen) == wanted

    @pytest.mark.parametrize(("platform", "path"), sessions())
    def test_every_answer_of_a_session_is_of_a_command_that_the_dialect_reads(self, platform: str, path: Path) -> None:
        spoken = dialect(platform)
        known = {name for read in spoken.reads for name in (read.command, *read.aliases)}
        assert set(conformance.answers(spoken, path.read_text("utf-8"))[1]) <= known


class TestPrompts:
    KINDS = (("prompt", "prompt"), ("config", "config_prompt"), ("interface", "interface_prompt"))

    @pytest.mark.parametrize("platform", EACH)
    def test_each_prompt_is_known_as_one_of_its_mode_and_other_lines_are_none(self, platform: str) -> None:
        told, spoken = conformance.data(platform, "prompts"), dialect(platform)
        for kind, name in self.KINDS:
            assert told[kind]
            for text in told[kind]:
                assert re.fullmatch(getattr(spoken, name), text), (kind, text)
        for text in told["prompt"]:
            assert not re.fullmatch(spoken.config_prompt, text), text
            assert not re.fullmatch(spoken.interface_prompt, text), text
        for text in told["none"]:
            for _, name in self.KINDS:
                assert not re.fullmatch(getattr(spoken, name), text), (name, text)

    @pytest.mark.parametrize(("platform", "greeting"), cases("prompts", "prompt"))
    def test_a_login_at_this_prompt_is_understood(self, platform: str, greeting: str) -> None:
        spoken = replace(dialect(platform), enable=None)
        turns = [(line, "", greeting) for line in spoken.on_open]
        recording = conversation(*turns, ("x", "yes\r\n", greeting), greeting=f"\r\n{greeting}")
        with session(spoken, recording) as opened:
            assert opened.hostname
            assert opened.hostname in greeting
            assert opened.read("x") == "yes"


class TestRefusals:
    @pytest.mark.parametrize(("platform", "line"), cases("failures", "refused"))
    def test_a_refusal_is_one_wherever_it_comes(self, platform: str, line: str) -> None:
        assert any(re.search(pattern, line, re.MULTILINE) for pattern in dialect(platform).failure)

    @pytest.mark.parametrize(("platform", "line"), cases("failures", "refused_configuring"))
    def test_a_refusal_of_a_setting_is_one(self, platform: str, line: str) -> None:
        assert any(re.search(pattern, line, re.MULTILINE) for pattern in dialect(platform).failure_config)

    @pytest.mark.parametrize(("platform", "line"), cases("failures", "accepted"))
    def test_a_notice_is_no_refusal(self, platform: str, line: str) -> None:
        spoken = dialect(platform)
        markers = spoken.failure + spoken.failure_config
        assert not any(re.search(pattern, line, re.MULTILINE) for pattern in markers)


READS = [
    pytest.param(platform, read, id=f"{platform}-{read.command}-{read.fact}")
    for platform in conformance.PLATFORMS
    for read in dialect(platform).reads
]


class TestReads:
    @pytest.mark.parametrize(("platform", "read"), READS)
    def test_a_refusal_never_parses_as_no_rows(self, platform: str, read: Read) -> None:
        prompt = conformance.data(platform, "prompts")["prompt"][0]
        for line in conformance.data(platform, "failures")["refused"]:
            if line.lstrip().startswith("%"):
                for text in (line, f"{prompt}{read.command}\r\n{line}\r\n{prompt}"):
                    with pytest.raises(UnparsedOutput):
                        parse(read, text)

    @pytest.mark.parametrize(("platform", "read"), READS)
    @settings(max_examples=40)
    @given(text=st.text(max_size=200) | st.text("GEgiVLANvlan0123/.:-<>[]% \n\x08\r\t#", max_size=200))
    def test_any_text_gives_rows_or_the_typed_error(self, platform: str, read: Read, text: str) -> None:
        try:
            found = parse(read, text)
        except UnparsedOutput as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(found, list)


class TestSecrets:
    @pytest.mark.parametrize(("platform", "line"), cases("secrets", "vanish"))
    def test_a_secret_vanishes_and_the_lines_first_word_stays(self, platform: str, line: str) -> None:
        shown = blank_secrets(dialect(platform), line)
        assert "PLAIN" in line
        assert "PLAIN" not in shown
        assert "<secret>" in shown
        assert shown.split()[0] == line.split(maxsplit=1)[0]

    @pytest.mark.parametrize(("platform", "line"), cases("secrets", "stay"))
    def test_a_line_without_a_secret_stays_as_it_is(self, platform: str, line: str) -> None:
        assert blank_secrets(dialect(platform), line) == line


class TestSave:
    @pytest.mark.parametrize(("platform", "said"), cases("save", "saved", "not_saved"))
    def test_only_an_answer_that_says_so_is_a_save(self, platform: str, said: str) -> None:
        spoken = replace(dialect(platform), enable=None)
        assert spoken.save is not None
        prompt = conformance.data(platform, "prompts")["prompt"][0]
        turns = [(line, "", prompt) for line in spoken.on_open]
        answer = said.replace("\n", "\r\n") + "\r\n"
        recording = conversation(*turns, (spoken.save.command, answer, prompt), greeting=f"\r\n{prompt}")
        with session(spoken, recording) as opened:
            if said in conformance.data(platform, "save")["saved"]:
                opened.save()
            else:
                with pytest.raises((VerifyFailed, CommandRejected)):
                    opened.save()

    @pytest.mark.parametrize("platform", EACH)
    def test_what_a_switch_may_ask_while_saving_is_answered(self, platform: str) -> None:
        told, spoken = conformance.data(platform, "save"), replace(dialect(platform), enable=None)
        assert spoken.save is not None
        for question in told["questions"]:
            answered = next(
                reply for asks, reply in spoken.save.answers if re.search(f"(?:{asks})$", question["asked"])
            )
            assert answered == question["answered"], question["asked"]


class TestDrift:
    @pytest.mark.parametrize(
        ("platform", "case"),
        [
            pytest.param(platform, case, id=f"{platform}-{case['name']}")
            for platform in conformance.PLATFORMS
            for case in conformance.data(platform, "drift")["case"]
        ],
    )
    def test_a_difference_of_startup_is_told_with_its_section_and_without_secrets(
        self, platform: str, case: dict[str, object]
    ) -> None:
        spoken = dialect(platform)
        texts = {Fact.RUNNING: str(case["running"]), Fact.STARTUP: str(case["startup"])}
        told = [(read, parse(read, texts[read.fact])) for read in spoken.reads if read.fact in texts]
        seen = observe(spoken, told, switch="sw", read_at=NOW)
        assert seen.startup_differs == tuple(case["drift"])  # type: ignore[arg-type]

"""The verbs about the network guard: its file is checked before it is used, and an installation never locks out."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.cli.main import run
from policies.keys import SigningKey
from tests.unit.test_egress_declared import WHOLE

AGENT = 'site = "hq"\nterminal = "T1"\n[broker]\nhost = "{host}"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "grant.pub").write_bytes(SigningKey(bytes(range(32))).public.to_pem())
    declare(tmp_path)
    (tmp_path / "guard.toml").write_text(WHOLE, "utf-8")
    return tmp_path


def declare(folder: Path, host: str = "10.1.0.2") -> None:
    (folder / "agent.toml").write_text(AGENT.format(host=host), "utf-8")


def call(folder: Path, *words: str) -> int:
    return run([*words, "--lang", "en"], {}, folder / "sys", folder)


class TestCheck:
    def test_a_right_file_is_told_in_words(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert call(folder, "guard", "check") == 0
        out = capsys.readouterr().out
        assert "allowed: 10.1.0.0/23" in out
        assert "allowed for NTP alone: 10.9.9.9" in out
        assert "4 canaries must fail, 2 controls must answer, every 30 s." in out

    def test_one_that_cuts_the_controller_off_is_refused(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        declare(folder, "10.2.0.2")
        assert call(folder, "guard", "check") == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "networks: the controller's address 10.2.0.2 is in none of the networks" in error

    def test_without_a_controller_nobody_can_say(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "agent.toml").unlink()
        assert call(folder, "guard", "check") == 4
        assert "enrol the terminal first" in capsys.readouterr().err

    def test_a_mistake_is_one_line_with_the_nearest_key(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "guard.toml").write_text(WHOLE.replace("networks", "netwroks"), "utf-8")
        assert call(folder, "guard", "check") == 2
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "guard.toml: netwroks" in error
        assert "is networks meant?" in error


class TestInstall:
    """A guard that would lock out is refused before anything is touched: also in a dry run."""

    def test_a_file_that_cuts_the_controller_off(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        declare(folder, "10.2.0.2")
        assert call(folder, "install", "--headless", "--dry-run") == 2
        assert "10.2.0.2 is in none of the networks" in capsys.readouterr().err

    def test_a_file_with_a_mistake(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "guard.toml").write_text("networks = []", "utf-8")
        assert call(folder, "install", "--headless", "--dry-run") == 2
        assert "no network is named" in capsys.readouterr().err


def test_a_terminal_without_a_running_agent_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f'run = "{folder}/run"\noperators = "{folder}/operators"\n' + AGENT.format(host="10.1.0.2")
    (folder / "agent.toml").write_text(text, "utf-8")
    assert call(folder, "guard", "show") == 3
    assert "the agent does not run" in capsys.readouterr().err

"""What a switch is, found out from its own words: recordings, every emulated vendor both ways, and strangers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from controller.cli.base import run
from controller.cli.main import cli
from drivers.detect import at_terminal, judge
from lab.switch.persona.running import running_persona
from policies.errors import DeviceTimeout, Unreachable
from policies.texts import t
from tests.replay import test_persona_h3c as h3c
from tests.replay import test_persona_ruijie as ruijie
from tests.replay.snmp_written import config
from tests.replay.test_revert_qbridge import CONFIG as STANDARD

PAGED = "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.0(2a)EX5\r\n --More-- "
HUAWEI: dict[str, Any] = {"ports": {"GigabitEthernet0/0/1": "p1"}, "initial": ""}
CLOUD: dict[str, Any] = {"ports": {"10GE1/0/1": "p1"}, "initial": ""}
#: Platform → its emulated switch.
SWITCHES: dict[str, dict[str, Any]] = {
    "cisco_ios": config(2),
    "huawei_vrp": config(**{**HUAWEI, "platform": "huawei_vrp"}),
    "huawei_vrpv8": config(**{**CLOUD, "platform": "huawei_vrpv8"}),
    "h3c_comware": h3c.CONFIG,
    "ruijie_os": ruijie.CONFIG,
}


class Words:
    """A channel that says what it was given, and keeps what was typed."""

    where = "words"

    def __init__(self, greeting: str, **answers: str) -> None:
        self.answers, self.typed = {name.replace("_", " "): text for name, text in answers.items()}, list[str]()
        self._out = greeting

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        self.typed.append(text)
        said = self.answers.get(text.strip(), "% Invalid input detected at '^' marker.\r\n")
        self._out += f"{text.strip()}\r\n{said}sw>"

    def read(self, timeout: float) -> str:
        """See :class:`drivers.transports.Channel`."""
        if not self._out:
            raise DeviceTimeout(t("no answer for {seconds} s", seconds=timeout), where=self.where)
        told, self._out = self._out, ""
        return told

    def close(self) -> None:
        """See :class:`drivers.transports.Channel`."""


def recordings() -> list[Path]:
    root = os.environ.get("PORTSEAL_FIXTURES")
    return sorted(Path(root).glob("cli/*/*version*/*.raw")) if root else []


def test_recorded_version_texts_are_told_apart(record_property: Any) -> None:
    if not recordings():
        pytest.skip("PORTSEAL_FIXTURES is not set: point it to the folder of recordings, or run make test")
    record_property("recordings", len(recordings()))
    for path in recordings():
        folder, found = path.parent.parent.name, judge(path.read_text("utf-8", "replace"))
        if folder == "huawei_vrp":  # the folder has both generations
            eight = "Version 8." in path.read_text("utf-8", "replace")
            assert found == ("huawei_vrpv8" if eight else "huawei_vrp",), path
        else:
            assert found == (() if folder == "cisco_s300" else (folder,)), path


@contextmanager
def site_of(folder: Path, settings: dict[str, Any], declared: str, *, ssh: bool, snmp: bool) -> Iterator[Path]:
    """Run a switch and declare it as `declared`."""
    with running_persona({**settings, "ssh_port": 0, "snmp_port": 0}) as persona:
        folder.mkdir(exist_ok=True)
        access = persona.persona.config
        lines = [
            '[site]\nname = "x"\n[switches.swx]', f'platform = "{declared}"', 'host = "127.0.0.1"', "timeout_s = 10",
            f"port = {persona.ssh_port}",
        ]  # fmt: skip
        if ssh:
            lines += [f'username = "{access.credentials.username}"', 'password = "file:word"']
        if snmp:
            lines += ["[switches.swx.snmp]", f"port = {persona.snmp_port}", 'community = "file:community"']
        (folder / "site.toml").write_text("\n".join(lines) + "\n", "utf-8")
        for name, word in (("word", access.credentials.password), ("community", access.snmp.community)):
            (folder / name).touch(mode=0o600)
            (folder / name).write_text(word, "utf-8")
        yield folder


def detected(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run(cli, ["--site", str(folder), "--lang", "en", "--json", "dialect", "detect", "swx"])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, told


@pytest.mark.parametrize("platform", SWITCHES)
def test_every_emulated_switch_says_what_it_is_both_ways(
    platform: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with site_of(tmp_path, SWITCHES[platform], platform, ssh=True, snmp=True) as folder:
        code, told = detected(folder, capsys)
    assert [(each["way"], each["platforms"]) for each in told["asked"]] == [("snmp", [platform]), ("ssh", [platform])]
    assert (code, told["platform"], told["errors"]) == (0, platform, [])


def test_a_wrong_declaration_is_said_and_nothing_else_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with site_of(tmp_path, h3c.CONFIG, "cisco_ios", ssh=False, snmp=True) as folder:
        assert detected(folder, capsys)[0] == 1
        assert run(cli, ["--site", str(folder), "--lang", "en", "dialect", "detect", "swx"]) == 1
    said = capsys.readouterr().out
    assert "swx is h3c_comware, and site.toml declares cisco_ios" in said


def test_a_switch_of_nobody_is_a_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with site_of(tmp_path, config(**STANDARD), "cisco_ios", ssh=False, snmp=True) as folder:
        assert run(cli, ["--site", str(folder), "--lang", "en", "dialect", "detect", "swx"]) == 1
    assert "fit no platform that Portseal knows" in capsys.readouterr().out


def test_words_of_two_platforms_are_a_question_and_no_guess() -> None:
    both = "Cisco IOS Software, C2960\r\nH3C Comware Software, Version 7.1.070\r\n"
    found = at_terminal(Words("\r\nsw>", show_version=both), 1.0)
    assert found.platform == ""
    assert set(found.platforms) == {"cisco_ios", "h3c_comware"}


def test_a_pager_is_left_after_its_first_page() -> None:
    assert at_terminal(_Paged(PAGED), 1.0).platform == "cisco_ios"


class _Paged(Words):
    """A switch that waits in its pager."""

    def __init__(self, page: str) -> None:
        super().__init__("\r\nsw>")
        self.page = page

    def write(self, text: str) -> None:
        """See :class:`drivers.transports.Channel`."""
        self.typed.append(text)
        self._out += f"{text.strip()}\r\n{self.page}" if text.startswith("show") else "\r\nsw>"


@pytest.mark.parametrize(
    "question", ["Warning: change the password now? [Y/N]:", "Password: ", "Press ENTER to get started"]
)
def test_a_question_is_never_answered(question: str) -> None:
    channel = Words(f"Huawei Versatile Routing Platform\r\n{question}")
    assert at_terminal(channel, 1.0).platform == ""
    assert channel.typed == []


def test_a_line_that_closes_is_an_error_of_its_own() -> None:
    class Gone(Words):
        def write(self, text: str) -> None:
            raise Unreachable(t("the connection was closed"), where=self.where)

    with pytest.raises(Unreachable):
        at_terminal(Gone("\r\nsw>"), 1.0)

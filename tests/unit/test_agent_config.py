"""agent.toml and the clocks of a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.clock import Clock, Jump, Reading, jump
from agent.config import load_config
from policies.errors import ConfigError
from policies.keys import SigningKey


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "grant.pub").write_bytes(SigningKey(bytes(32)).public.to_pem())
    (tmp_path / "agent.toml").write_text('site = "hq"\nterminal = "T1"\n', "utf-8")
    return tmp_path


def test_two_lines_are_enough(folder: Path) -> None:
    config = load_config(folder)
    assert (config.site, config.terminal) == ("hq", "T1")
    assert config.grant_key == SigningKey(bytes(32)).public
    assert config.bindings == folder / "bindings.json"
    assert config.state == Path("/var/lib/portseal-agent")
    assert config.operators == Path("/run/portseal")
    assert (config.longest_lease, config.skew) == (1800, 30)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('site = "hq"\n', "terminal"),
        ('site = "hq"\nterminal = "T/1"\n', "cannot be a name"),
        ('site = "hq"\nterminal = "T1"\nskew_second = 3\n', "is skew_seconds meant"),
        ('site = "hq"\nterminal = "T1"\nlongest_lease_minutes = 0\n', "longest_lease_minutes"),
        ('site = "hq"\nterminal = "T1"\ngrant_key = "no.pub"\n', "grant_key"),
        ("site =\n", "agent.toml:1"),
    ],
)
def test_a_mistake_names_file_and_key(folder: Path, text: str, said: str) -> None:
    (folder / "agent.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=said) as caught:
        load_config(folder)
    assert "agent.toml" in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_key_that_is_none_is_refused(folder: Path) -> None:
    (folder / "grant.pub").write_text("-----BEGIN PUBLIC KEY-----\n", "ascii")
    with pytest.raises(ConfigError, match=r"grant\.pub"):
        load_config(folder)


def test_a_machine_that_is_no_terminal_is_told_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="enrol"):
        load_config(tmp_path)


BEFORE = Reading(wall=1000.0, boottime=50.0, monotonic=40.0)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (Reading(1010.0, 60.0, 50.0), Jump()),
        (Reading(1011.5, 60.0, 50.0), Jump()),
        (Reading(4610.0, 60.0, 50.0), Jump(wall=3600.0)),
        (Reading(10.0, 60.0, 50.0), Jump(wall=-1000.0)),
        (Reading(1110.0, 160.0, 50.0), Jump(slept=100.0)),
        (Reading(1210.0, 160.0, 50.0), Jump(wall=100.0, slept=100.0)),
    ],
    ids=["time passed", "NTP slewed", "set forward", "set back", "slept", "slept and set"],
)
def test_the_clocks_compared_tell_setting_from_sleeping(after: Reading, expected: Jump) -> None:
    assert jump(BEFORE, after) == expected


def test_the_kernels_clocks_are_read(tmp_path: Path) -> None:
    clock = Clock()
    first, second = clock.read(), clock.read()
    assert len(clock.boot) == 36
    assert second.boottime >= first.boottime > 0
    assert jump(first, second) == Jump()

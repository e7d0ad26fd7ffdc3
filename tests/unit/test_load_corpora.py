"""Every good site.toml of the corpus loads; every bad one is refused with the place and the words that it names."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from policies.errors import ConfigError
from policies.load import load_site

DATA = Path(__file__).parent / "data"
GOOD = sorted((DATA / "good").glob("*.toml"))
BAD = sorted((DATA / "bad").glob("*.toml"))


def site_folder(tmp_path: Path, sample: Path) -> Path:
    shutil.copy(sample, tmp_path / "site.toml")
    return tmp_path


def test_the_corpora_are_not_empty() -> None:
    assert len(GOOD) >= 4
    assert len(BAD) >= 60


@pytest.mark.parametrize("sample", GOOD, ids=lambda path: path.stem)
def test_a_good_file_loads(sample: Path, tmp_path: Path) -> None:
    site = load_site(site_folder(tmp_path, sample))
    assert site.folder == tmp_path
    assert site.name


@pytest.mark.parametrize("sample", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_place_message_and_next_step(sample: Path, tmp_path: Path) -> None:
    text = sample.read_text(encoding="utf-8")
    where = re.findall(r"^# where: (.+)$", text, re.MULTILINE)
    says = re.findall(r"^# says: (.+)$", text, re.MULTILINE)
    assert len(where) == len(says) == 1
    with pytest.raises(ConfigError) as caught:
        load_site(site_folder(tmp_path, sample))
    line = str(caught.value)
    assert caught.value.where.removeprefix(f"{tmp_path}/") == where[0]
    for part in says[0].split(" | "):
        assert part in line
    assert " Next: " in line
    assert line.isprintable()
    assert "hunter2" not in line
    assert caught.value.exit_code == 2

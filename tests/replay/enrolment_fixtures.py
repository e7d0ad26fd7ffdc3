"""Fixtures: a site on loopback, and a machine that is to become its terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.replay.enrolment_bench import Machine, Site, site_on_loopback


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with site_on_loopback(tmp_path) as made:
        yield made


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    made = Machine(tmp_path / "machine", capsys)
    made.declare()
    return made

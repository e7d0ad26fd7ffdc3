"""Fixtures: an agent as a process of its own, on a real broker, and the controller's end of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from tests.replay.agent_controller import TERMINAL, Controller, enrol
from tests.replay.agent_process import Place, running
from tests.replay.broker_bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, TERMINAL)
    yield made
    made.close()


@pytest.fixture
def place(tmp_path: Path, bench: Bench) -> Place:
    """Give a terminal that is enrolled with the broker."""
    made = Place(tmp_path / "terminal")
    enrol(made, bench)
    return made


@pytest.fixture
def agent(place: Place) -> Iterator[Popen[str]]:
    with running(place) as process:
        yield process


@pytest.fixture
def controller(bench: Bench, agent: Popen[str]) -> Controller:
    made = Controller(bench)
    made.wait_for("agent.enforcing")
    made.listen(lambda: bool(made.statuses))
    return made

"""From the terminal's view to an open port, with the real controller, broker and agent: at most three actions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.messages.identities import Identity, Role
from tests.replay.agent_process import running
from tests.replay.operator_walk import WALKS, Operator
from tests.replay.pty_screen import viewing
from tests.replay.serve_bench import Site

#: What an operator may have to do who has never seen it.
MOST_ACTIONS = 3


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    made.start()
    yield made
    made.close()


@pytest.mark.parametrize("way", WALKS)
def test_an_operator_opens_the_port_in_three_actions_at_most(site: Site, tmp_path: Path, way: str) -> None:
    walk, card = WALKS[way]
    place = site.terminal(tmp_path / "T1")
    place.tree.unplug("1-1")
    with running(place), viewing(place.etc, "zh") as screen:
        site.until(lambda: site.ask(do="terminals")["online"]["T1"], 60)
        operator = Operator(site, place, screen, site.client(Identity(Role.READER, "gate-1")), card)
        walk(operator)
        assert len(operator.actions) <= MOST_ACTIONS, operator.actions
        assert operator.actions[-1] == "plug"
        assert len([each for each in site.entries() if each.kind == "swipe.granted"]) == 1
        operator.lock()
        site.wait_for("terminal.lease.ended")

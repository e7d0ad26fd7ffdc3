"""The agent's answers to what nobody of ours asks: an answer each time, never an exception."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agent.answers import Answers
from tests.unit.terminal_bench import Bench


@pytest.mark.parametrize("verb", [["grant"], {"do": "grant"}, None, 5, "", "toast", True])
def test_a_verb_that_cannot_be_is_an_answer_and_the_agent_goes_on(tmp_path: Path, verb: Any) -> None:
    bench = Bench(tmp_path)
    answers = Answers(bench.terminal)
    assert answers.answer({"do": verb})["ok"] is False
    assert answers.answer({"do": "status"})["ok"] is True
    bench.spool.close()


class TestAMemoryThatIsTakenAway:
    def test_ends_leases_opens_nothing_and_is_told_once(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        assert bench.grant()["ok"]
        assert bench.is_open("1-1")
        bench.spool.place.path.unlink()
        bench.look()
        bench.look()
        assert not bench.is_open("1-1")
        assert [each["reason"] for each in bench.told("state.corrupt")] == ["deleted"]
        assert bench.told("lease.ended")[0]["why"] == "lost"
        assert bench.ask("status")["fault"]
        assert not bench.grant()["ok"]
        bench.spool.close()

    def test_a_damaged_tamper_watch_is_told_and_a_missing_one_is_not(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path)
        (bench.config.run / "tamper.json").unlink()
        bench.restart()
        assert bench.told("state.corrupt") == []
        (bench.config.run / "tamper.json").write_bytes(b"\xff{")
        bench.restart()
        assert [Path(each["file"]).name for each in bench.told("state.corrupt")] == ["tamper.json"]
        bench.spool.close()

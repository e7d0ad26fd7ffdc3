"""The guard's records become signed events of the terminal, its state part of the status; its silence is told once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.display.scene import compose
from agent.egress import records
from agent.egress.records import MOST, RECORDS, STATE, Outbox
from agent.terminal import Terminal
from policies.egress import judge_proof
from policies.messages.proof import read_proof
from policies.model import Verdict
from policies.texts import t
from tests.unit.terminal_bench import BOOT, Bench
from tests.unit.test_cli_json import examples
from tests.unit.test_egress_proof import PROOF_DATA


class GuardBench(Bench):
    """A terminal with a guard's file; `says` stands for the guard's process."""

    def _terminal(self) -> Terminal:
        self.config = replace(self.config, guard=self.config.state / "guard.toml")
        return super()._terminal()

    def says(self, *, ago: float = 0.0, **members: Any) -> None:
        now = round((self.clock.now.boottime - ago) * 1000)
        told = {"boot": BOOT, "at_ms": now, "guard": "in_force", "fault": None, "wrong": [], "proved_ms": now - 3000}
        (self.config.run / STATE).write_text(json.dumps(told | members), "utf-8")

    @property
    def shown(self) -> Any:
        return self.ask("status")["guard"]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[GuardBench]:
    made = GuardBench(tmp_path)
    yield made
    made.spool.close()


class TestRecords:
    def test_what_the_guard_leaves_is_told_in_its_order_and_gone(self, bench: GuardBench) -> None:
        outbox = Outbox(bench.config.state, BOOT)
        outbox.put("egress.started", {"networks": ["10.1.0.0/24"], "at_ms": 5})
        outbox.put("egress.proof", PROOF_DATA)
        bench.look()
        assert bench.told("egress.started") == [{"networks": ["10.1.0.0/24"], "at_ms": 5}]
        assert bench.told("egress.proof") == [PROOF_DATA]
        assert [kind for kind in bench.kinds() if kind.startswith("egress")] == ["egress.started", "egress.proof"]
        assert list((bench.config.state / RECORDS).iterdir()) == []
        bench.look()
        assert len(bench.told("egress.proof")) == 1

    def test_of_an_earlier_boot_only_that_it_was_before_is_known(self, bench: GuardBench) -> None:
        Outbox(bench.config.state, "another boot").put("egress.proof", PROOF_DATA)
        bench.look()
        assert bench.told("egress.proof") == [PROOF_DATA | {"at_ms": 0}]

    def test_what_finds_no_room_is_counted(self, bench: GuardBench) -> None:
        outbox = Outbox(bench.config.state, BOOT)
        for _ in range(MOST + 3):
            outbox.put("egress.stopped", {"why": "x"})
        assert len(list((bench.config.state / RECORDS).iterdir())) == MOST
        bench.look()
        outbox.put("egress.started", {})
        # The bench shows the first 500 events that wait; let them go.
        assert bench.ask("ack", seq=bench.spool.state.head.seq, digest=bench.spool.state.head.digest)["ok"]
        bench.look()
        assert bench.told("egress.lost") == [{"count": 3}]

    def test_the_order_goes_on_after_a_restart_of_the_guard(self, bench: GuardBench) -> None:
        for why in ("first", "second", "third"):
            Outbox(bench.config.state, BOOT).put("egress.stopped", {"why": why})
        bench.look()
        assert [each["why"] for each in bench.told("egress.stopped")] == ["first", "second", "third"]

    @pytest.mark.parametrize("content", [
        b"", b"{}", b"[]", b"\xff", b'{"v":1}',
        json.dumps({"v": 1, "boot": "b", "kind": "agent.stopped", "data": {}, "lost": 0}),
        json.dumps({"v": 1, "boot": "b", "kind": "egress.proof", "data": {"a": {}}, "lost": 0}),
        json.dumps({"v": 1, "boot": "b", "kind": "egress.proof", "data": {"A b": 1}, "lost": 0}),
        json.dumps({"v": 1, "boot": "b", "kind": "egress.proof", "data": {"a": 1 << 60}, "lost": 0}),
        json.dumps({"v": 1, "boot": "b", "kind": "egress.proof", "data": {"a": "x" * 16000}, "lost": 0}),
        json.dumps({"v": 1, "boot": "b", "kind": "egress.proof", "data": {"a": 1.5}, "lost": 0}),
    ])  # fmt: skip
    def test_what_is_no_record_is_deleted_and_the_gate_goes_on(self, bench: GuardBench, content: bytes | str) -> None:
        folder = bench.config.state / RECORDS
        folder.mkdir()
        (folder / "00000001.json").write_bytes(content if isinstance(content, bytes) else content.encode())
        bench.look()
        assert list(folder.iterdir()) == []
        assert [kind for kind in bench.kinds() if kind.startswith("egress")] == []

    def test_an_unreadable_state_is_none(self, tmp_path: Path) -> None:
        assert records.read_state(tmp_path) is None
        for content in ("", "[]", '{"boot": 1, "at_ms": 1}', '{"boot": "b", "at_ms": "1"}'):
            (tmp_path / STATE).write_text(content)
            assert records.read_state(tmp_path) is None


class TestSilence:
    def test_a_guard_that_says_nothing_any_more_is_told_once(self, bench: GuardBench) -> None:
        bench.config.guard.touch()
        bench.says()
        bench.look()
        for _ in range(4):
            bench.look(30)
        assert len(bench.told("egress.silent")) == 1
        assert bench.shown["guard"] == "silent"
        bench.says()
        bench.look()
        for _ in range(4):
            bench.look(30)
        assert len(bench.told("egress.silent")) == 2

    def test_one_that_never_speaks_after_a_start_is_told_too(self, bench: GuardBench) -> None:
        bench.config.guard.touch()
        bench.look(30)
        assert bench.told("egress.silent") == []
        bench.look(40)
        assert len(bench.told("egress.silent")) == 1

    def test_without_a_guard_there_is_nothing_to_miss(self, bench: GuardBench) -> None:
        bench.look(600)
        assert bench.told("egress.silent") == []
        assert bench.shown is None

    def test_the_state_of_another_boot_is_none(self, bench: GuardBench) -> None:
        bench.says(boot="another")
        assert bench.shown is None


class TestStatus:
    def test_it_says_how_the_guard_stands_and_how_old_that_is(self, bench: GuardBench) -> None:
        bench.says()
        assert bench.shown == {"guard": "in_force", "fault": None, "wrong": [], "seconds": 3}

    def test_the_operator_sees_a_way_out_and_a_damaged_file(self, bench: GuardBench) -> None:
        wrong = {"verdict": "fail", "text": {"zh": "甲", "en": "a route leads outside: default"}}
        unproved = {"verdict": "unverified", "text": {"zh": "乙", "en": "no canary"}}
        bench.says(wrong=[wrong, unproved], fault={"zh": "丙", "en": "guard.toml: broken"})
        alarms = compose(bench.ask("status"), "en").alarms
        assert alarms == ("NETWORK GUARD: guard.toml: broken", "NETWORK: A route leads outside: default.")
        bench.says(ago=90)
        bench.config.guard.touch()
        assert "The network guard does not run" in compose(bench.ask("status"), "en").alarms[0]


def test_the_documented_json_of_the_guard_is_what_it_prints(bench: GuardBench) -> None:
    documented = examples()["portseal-agent guard show"]
    assert set(documented) == {*bench_shown(bench), "networks", "proof"}
    assert judge_proof(read_proof(documented["proof"]))[0] == (
        Verdict.FAIL,
        t("a route leads outside: {what}", what="default via 10.1.0.1 dev eth0"),
    )


def bench_shown(bench: GuardBench) -> set[str]:
    bench.says()
    return set(bench.shown)

"""7.2d out of a real ledger: a terminal tells proofs and interruptions, and the clause is judged by its entries."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.findings.egress import sights_of
from policies.clauses.c72d import EgressSight
from policies.comply import comply_egress
from policies.messages.proof import proof_data
from policies.model import Verdict
from tests.unit.test_egress_proof import GOOD, WRONG
from tests.unit.test_openings import DAYS, Bench

GOOD_DATA: dict[str, Any] = {**proof_data(GOOD), "at_ms": 99_000}


class EgressBench(Bench):
    """The bench of openings, whose terminal's events are signed at 100 s of CLOCK_BOOTTIME."""

    @property
    def sight(self) -> EgressSight:
        return sights_of(self.context, self.now - DAYS)["guard-1"]

    def verdicts(self) -> dict[str, Verdict]:
        found = comply_egress(self.site, sights_of(self.context, self.now - DAYS), self.now)
        return {each.subject: each.verdict for each in found}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[EgressBench]:
    made = EgressBench(tmp_path)
    yield made
    made.close()


@pytest.mark.clause("7.2d")
def test_the_last_proof_counts_at_the_time_of_its_round(bench: EgressBench) -> None:
    assert bench.verdicts()["guard-1"] is Verdict.UNVERIFIED
    bench.hear("egress.leak", **{**proof_data(WRONG["proxy"][0]), "at_ms": 99_000})
    assert bench.verdicts()["guard-1"] is Verdict.FAIL
    bench.hear("egress.proof", **GOOD_DATA)
    assert bench.verdicts()["guard-1"] is Verdict.PASS
    assert bench.sight.measured == bench.now - timedelta(seconds=1)


@pytest.mark.clause("7.2d")
def test_a_proof_that_was_told_long_after_its_round_is_as_old_as_the_round(bench: EgressBench) -> None:
    bench.hear("egress.proof", **GOOD_DATA)
    bench.now += timedelta(days=1, seconds=5)
    assert bench.verdicts()["guard-1"] is Verdict.UNVERIFIED


@pytest.mark.clause("7.2d")
@pytest.mark.parametrize("ending", ["egress.stopped", "egress.silent"])
def test_a_guard_that_ended_is_unverified_until_it_proves_again(bench: EgressBench, ending: str) -> None:
    bench.hear("egress.proof", **GOOD_DATA)
    bench.hear(ending, why="SIGTERM")
    assert bench.verdicts()["guard-1"] is Verdict.UNVERIFIED
    bench.hear("egress.started")
    assert bench.verdicts()["guard-1"] is Verdict.UNVERIFIED
    bench.hear("egress.proof", **GOOD_DATA)
    assert bench.verdicts()["guard-1"] is Verdict.PASS


def test_interruptions_are_counted_and_do_not_fail_what_is_proved_again(bench: EgressBench) -> None:
    for _ in range(2):
        bench.hear("egress.tampered", what="removed", applied=True)
    bench.hear("egress.proof", **GOOD_DATA)
    assert bench.sight.interruptions == 2
    assert bench.verdicts()["guard-1"] is Verdict.PASS


@pytest.mark.clause("7.2d")
def test_a_proof_that_cannot_be_read_is_unverified(bench: EgressBench) -> None:
    bench.hear("egress.proof", **{**GOOD_DATA, "guard": "off"})
    assert bench.sight.unreadable
    assert bench.verdicts()["guard-1"] is Verdict.UNVERIFIED

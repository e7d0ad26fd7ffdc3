"""A swap that a card may do: whose swipe counts, from where, and for how long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.network.swapping import allow, permit_by_card
from controller.store import inventory
from policies.cards.rights import HolderStatus
from policies.errors import SafetyRefusal
from policies.model import Binding, Device, DeviceRole
from policies.swap import SWIPE_COUNTS
from tests.unit.card_cases import LI, WANG, listed
from tests.unit.desk_bench import DeskBench

CAM = Device("cam05", DeviceRole.CAMERA, "02:ca:00:00:00:05", "198.18.100.5")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    made = DeskBench(tmp_path)
    inventory.add_device(made.store, CAM)
    inventory.bind(made.store, Binding("cam05", "sw2", "GigabitEthernet1/0/1", 100))
    yield made
    made.close()


def allowed(bench: DeskBench, card: str = "card-li") -> None:
    assert allow(bench.context, CAM, "no picture", timedelta(hours=2), card)[0] == ""
    bench.wait(60)


def refused(bench: DeskBench) -> str:
    with pytest.raises(SafetyRefusal) as error:
        permit_by_card(bench.context, CAM)
    return str(error.value)


def test_the_swipe_of_the_card_that_was_named_counts_for_some_minutes(bench: DeskBench) -> None:
    allowed(bench)
    assert "was not swiped" in refused(bench)
    bench.swipe("card-li")
    bench.wait(SWIPE_COUNTS.total_seconds() - 1)
    assert permit_by_card(bench.context, CAM).card == "card-li"
    bench.wait(2)
    assert "was not swiped" in refused(bench)


@pytest.mark.parametrize("card", ["card-wang", ""], ids=["another's", "unknown"])
def test_no_other_card_counts(bench: DeskBench, card: str) -> None:
    allowed(bench)
    bench.swipe(card)
    assert "was not swiped" in refused(bench)


def test_a_reader_that_proves_nothing_does_not_count(bench: DeskBench) -> None:
    allowed(bench)
    bench.swipe("card-li", reader="cheap")
    assert "was not swiped" in refused(bench)


def test_a_swipe_from_before_the_permission_does_not_count(bench: DeskBench) -> None:
    bench.swipe("card-li")
    bench.wait(1)
    allowed(bench)
    assert "was not swiped" in refused(bench)


def test_a_swipe_that_is_repeated_does_not_count(bench: DeskBench) -> None:
    bench.swipe("card-li", source_event_id="e-1")
    bench.wait(1)
    allowed(bench)
    bench.swipe("card-li", source_event_id="e-1")
    assert "was not swiped" in refused(bench)


@pytest.mark.parametrize("status", [HolderStatus.REVOKED, HolderStatus.SUSPENDED])
def test_a_card_that_is_not_good_any_more_does_not_count(bench: DeskBench, status: HolderStatus) -> None:
    allowed(bench)
    bench.list = listed(WANG, replace(LI, status=status))
    bench.swipe("card-li")
    assert "was not swiped" in refused(bench)


def test_a_permission_by_code_is_none_by_card_and_the_other_way_round(bench: DeskBench) -> None:
    allow(bench.context, CAM, "no picture", timedelta(hours=2))
    bench.swipe("card-li")
    assert "no card is allowed" in refused(bench)
    allowed(bench)
    bench.swipe("card-li")
    assert permit_by_card(bench.context, CAM).card == "card-li"
    bench.wait(2 * 3600)
    bench.swipe("card-li")
    assert "no card is allowed" in refused(bench)


def test_the_ledger_tells_who_may_and_who_was_refused(bench: DeskBench) -> None:
    allowed(bench)
    refused(bench)
    told = {each.kind: each.data for each in bench.entries if each.kind.startswith("swap.")}
    assert told["swap.allowed"]["card"] == "card-li"
    assert told["swap.card_refused"] == {"card": "card-li"}

"""More time for the same card: the second lease takes over what the first has opened; nothing is shut."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.terminal_bench import COPY, STICK, Bench
from tests.unit.usb_tree import LiveUsb

ONCE = replace(COPY, once=True)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.spool.close()


def leases(bench: Bench) -> list[str]:
    return [each["lease"] for each in bench.ask("status")["leases"]]


def holder(bench: Bench, name: str = "1-1") -> str:
    """Give the lease that holds a device open."""
    return next(str(each["lease"]) for each in bench.ask("devices")["devices"] if each["name"] == name)


def calls(bench: Bench) -> list[str]:
    usb = bench.terminal._enforcer._usb
    assert isinstance(usb, LiveUsb)
    return usb.calls


class TestTheSameCard:
    def test_the_device_stays_open_and_mounted_over_the_first_lease_s_end(self, bench: Bench) -> None:
        first = bench.grant(ONCE, 60)["lease"]
        assert bench.is_open("1-1")
        assert holder(bench) == first
        bench.look(40)
        second = bench.grant(ONCE, 60)["lease"]
        assert holder(bench) == second  # at once, so that nothing depends on who looks at the first one's end
        before = list(calls(bench))
        for _ in range(30):
            bench.look()
            assert bench.is_open("1-1")
        assert leases(bench) == [second]
        assert bench.unmounted == []
        assert calls(bench) == before
        ended = bench.told("lease.ended")
        assert [(each["lease"], each["why"], each["storage"]) for each in ended] == [(first, "expired", "")]

    def test_the_second_lease_s_end_shuts_it_and_the_events_name_that_lease(self, bench: Bench) -> None:
        bench.grant(ONCE, 60)
        bench.look(40)
        second = bench.grant(ONCE, 60)["lease"]
        bench.look(61)
        assert not bench.is_open("1-1")
        assert bench.unmounted == ["1-1"]
        assert bench.told("usb.relocked")[-1]["lease"] == second
        assert bench.told("lease.ended")[-1]["storage"] == "clean"

    def test_a_restarted_agent_holds_it_open_too(self, bench: Bench) -> None:
        bench.grant(ONCE, 60)
        bench.look(40)
        second = bench.grant(ONCE, 60)["lease"]
        bench.restart()
        bench.look(30)
        assert bench.is_open("1-1")
        assert leases(bench) == [second]

    def test_no_further_device_opens_while_both_leases_are_live(self, bench: Bench) -> None:
        bench.grant(ONCE, 60)
        bench.grant(ONCE, 60)
        bench.tree.plug("1-3", "0781", "5567", STICK, serial="another", devnum=7)
        bench.look()
        assert (bench.is_open("1-1"), bench.is_open("1-3")) == (True, False)

    def test_a_pulled_device_stays_pulled(self, bench: Bench) -> None:
        bench.grant(ONCE, 60)
        bench.tree.replug("1-1", 8)
        bench.look()
        bench.grant(ONCE, 60)
        bench.look()
        assert not bench.is_open("1-1")

    def test_both_ends_at_once_tell_what_became_of_the_data(self, bench: Bench) -> None:
        bench.grant(ONCE, 60)
        bench.grant(ONCE, 60)
        bench.ask("relock")
        assert [each["storage"] for each in bench.told("lease.ended")] == ["clean", "clean"]

    def test_what_the_second_lease_does_not_allow_is_shut_at_the_first_one_s_end(self, bench: Bench) -> None:
        bench.grant(ONCE, 60)
        bench.look(40)
        bench.grant(replace(ONCE, classes=("03",)), 60)
        assert bench.is_open("1-1")
        bench.look(20)
        assert not bench.is_open("1-1")

    def test_a_read_only_lease_does_not_take_over_what_is_open_for_writing(self, bench: Bench) -> None:
        bench.grant(ONCE, 60)
        bench.look(40)
        second = bench.grant(replace(ONCE, read_only=True), 60)["lease"]
        bench.look(20)
        assert bench.unmounted == ["1-1"]
        bench.look()
        assert bench.is_open("1-1")
        assert holder(bench) == second
        assert [path.name for path in (bench.config.run / "read-only").iterdir()] == ["1-1"]


def test_another_card_s_lease_takes_over_nothing(bench: Bench) -> None:
    bench.grant(ONCE, 60)
    bench.grant(ONCE, 60, sub="card-2")
    bench.tree.plug("1-3", "0781", "5567", STICK, serial="another", devnum=7)
    bench.look()
    assert (bench.is_open("1-1"), bench.is_open("1-3")) == (True, True)

"""Notifications on the desk: one row and one entry for each port and cause, and no verdict without a reading."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.store.observations import put_observation
from controller.traps.desk import AT_ONCE, LONGEST, MOST_TOLD, QUIET
from controller.traps.gather import MOST_KEYS, MOST_MACS, MOST_SENDERS
from drivers.snmp.notifications import Refused
from policies.errors import StorageFailed, Unreachable
from policies.model import Learned, ObservedPort, Oper
from policies.texts import t
from tests.unit.trap_desk_bench import (
    CAMERA,
    CONFIG,
    ERR_DISABLE,
    IF_INDEX,
    IF_NAME,
    LAPTOP,
    LINK_DOWN,
    LINK_UP,
    MAC_CHANGE,
    ONE,
    TWO,
    DeskBench,
    desk_bench,
    octets,
    up,
)

STRANGE = "1.3.6.1.4.1.99999.0.7"
CALM, SHAKEN = up(ONE, violations=0), up(ONE, violations=7, last_violator=LAPTOP)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    with desk_bench(tmp_path) as made:
        yield made


class TestViolations:
    def test_it_is_a_claim_until_the_switch_was_read(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(SHAKEN)
        bench.violated()
        assert [said.kind for said in bench.work()] == ["finding"]
        assert bench.told() == [("trap.violation", f"sw1/{ONE}")]
        (claim,) = bench.data("trap.violation")
        assert claim == {
            "cause": "port-security", "count": 1, "macs": [LAPTOP], "more_macs": 0, "proof": "authPriv",
            "notification": "CISCO-PORT-SECURITY-MIB::cpsSecureMacAddrViolation", "sender": "192.0.2.1", "vlan": None,
        }  # fmt: skip
        bench.read()
        assert bench.told()[1:] == [("violation.confirmed", f"sw1/{ONE}")]
        (found,) = bench.data("violation.confirmed")
        assert (found["evidence"], found["claimed"], found["violations"]) == (["offender"], 1, 7)
        assert bench.rows()[0].reading == "confirmed"

    def test_what_the_switch_does_not_show_is_not_confirmed(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(CALM)
        bench.violated()
        bench.work()
        bench.read()
        assert [kind for kind, _ in bench.told()] == ["trap.violation", "violation.unconfirmed"]

    def test_a_switch_that_cannot_be_read_is_asked_again_until_it_answers(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = Unreachable(t("nobody answers"), where="sw1")
        bench.violated()
        bench.work()
        bench.read()
        assert [kind for kind, _ in bench.told()] == ["trap.violation", "violation.unread"]
        bench.pass_quiet(seconds=61)
        bench.answers["sw1"] = bench.observed(SHAKEN)
        bench.work()
        bench.read()
        assert [kind for kind, _ in bench.told()][2:] == ["violation.confirmed"]

    def test_the_same_again_is_counted_and_told_when_it_ends(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(SHAKEN)
        for _ in range(3):
            for _ in range(100):
                bench.violated()
            bench.work()
        (row,) = bench.rows()
        assert (row.count, row.open) == (300, True)
        assert bench.data("trap.violation")[0]["count"] == 100
        bench.read()
        bench.pass_quiet(seconds=QUIET.total_seconds() + 1)
        bench.work()
        (ended,) = bench.data("trap.violation_ended")
        assert (ended["count"], ended["opened"], ended["reading"]) == (300, 1, "confirmed")
        assert [row.open for row in bench.rows()] == [False]
        bench.violated()
        bench.work()
        assert len(bench.data("trap.violation")) == 2

    def test_one_that_never_stops_is_told_every_hour(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(SHAKEN)
        minutes = int(LONGEST.total_seconds() // 60) + 2
        for _ in range(minutes):
            bench.violated()
            bench.work()
            bench.pass_quiet(minutes=1)
        assert len(bench.data("trap.violation_ended")) == 1
        assert sum(row.count for row in bench.rows()) == minutes

    def test_macs_are_kept_up_to_a_limit_and_counted_beyond(self, bench: DeskBench) -> None:
        for number in range(2 * MOST_MACS):
            bench.violated(mac=f"66:77:88:99:00:{number:02x}")
            if number % 10 == 9:
                bench.work()
        bench.work()
        (row,) = bench.rows()
        assert (len(row.macs), row.count) == (MOST_MACS, 2 * MOST_MACS)
        assert row.more_macs == MOST_MACS

    def test_a_port_that_only_its_index_names_is_found_by_the_mac(self, bench: DeskBench) -> None:
        put_observation(bench.context.store, bench.observed(CALM, up(TWO, violations=0)))
        bench.answers["sw1"] = bench.observed(CALM, up(TWO, violations=1, last_violator=LAPTOP))
        bench.hear("1.3.6.1.4.1.9.9.315.0.0.1", ("1.3.6.1.4.1.9.9.315.1.2.1.1.10.10102", octets(LAPTOP)))
        bench.work()
        assert bench.told() == [("trap.violation", "sw1/ifIndex 10102")]
        bench.read()
        assert bench.told()[1:] == [("violation.confirmed", f"sw1/{TWO}")]

    def test_a_port_without_index_and_mac_is_found_by_what_is_new(self, bench: DeskBench) -> None:
        put_observation(bench.context.store, bench.observed(CALM, up(TWO)))
        bench.answers["sw1"] = bench.observed(CALM, ObservedPort(TWO, oper=Oper.BLOCKED, blocked_cause="psecure"))
        bench.hear(ERR_DISABLE)
        bench.work()
        bench.read()
        assert bench.told() == [("trap.blocked", "sw1"), ("violation.confirmed", f"sw1/{TWO}")]

    def test_a_violation_that_nobody_told_is_found_by_the_reading(self, bench: DeskBench) -> None:
        put_observation(bench.context.store, bench.observed(CALM, up(TWO, violations=0)))
        bench.answers["sw1"] = bench.observed(SHAKEN, up(TWO, violations=2, last_violator="66:00:00:00:00:02"))
        bench.violated()
        bench.work()
        bench.read()
        assert bench.told()[1:] == [("violation.confirmed", f"sw1/{ONE}"), ("violation.confirmed", f"sw1/{TWO}")]
        untold = next(row for row in bench.rows() if row.port == TWO)
        assert (untold.proof, untold.macs, untold.reading) == ("reading", ("66:00:00:00:00:02",), "confirmed")
        bench.violated(2, "66:00:00:00:00:02")
        bench.work()
        assert len(bench.data("trap.violation")) == 1  # its row is open: it is counted there
        assert {row.port: row.count for row in bench.rows()} == {ONE: 1, TWO: 2}


class TestOtherKinds:
    def test_a_foreign_mac_is_told_and_one_at_its_place_is_only_counted(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(up(TWO, learned=frozenset({Learned(LAPTOP, 30)})))
        changes = b"".join(b"\x01\x00\x1e" + octets(mac) + b"\x00\x02" for mac in (CAMERA, LAPTOP))
        bench.hear(MAC_CHANGE, ("1.3.6.1.4.1.9.9.215.1.1.8.1.2.1", changes))
        bench.work()
        assert bench.told() == [("trap.mac_learned", "sw1/bridge port 2")]
        assert {(row.cause, row.macs, row.reading) for row in bench.rows()} == {
            ("foreign", (LAPTOP,), "waiting"), ("known", (CAMERA,), "none"),
        }  # fmt: skip
        bench.read()
        assert bench.told()[1:] == [("violation.confirmed", f"sw1/{TWO}")]

    def test_a_device_of_the_site_at_another_port_is_foreign_there_and_not_on_an_uplink(self, bench: DeskBench) -> None:
        learned = "1.3.6.1.4.1.25506.2.26.1.3.1"
        for port in (b"Gi1/0/2", b"Gi1/0/4", b"Gi1/0/1"):
            bench.hear(learned, (IF_NAME + "1", port), ("1.3.6.1.4.1.25506.2.26.1.2.2.1.1.1", octets(CAMERA)))
        bench.work()
        assert bench.told() == [("trap.mac_learned", f"sw1/{TWO}")]

    def test_links_are_read_and_only_counted(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(ObservedPort(ONE, oper=Oper.DOWN))
        for oid in (LINK_DOWN, LINK_UP) * 5:
            bench.hear(oid, (IF_NAME + "10101", b"Gi1/0/1"))
        bench.work()
        bench.read()
        assert bench.told() == []
        assert sorted((row.kind, row.count, row.reading) for row in bench.rows()) == [
            ("link_down", 5, "read"), ("link_up", 5, "read"),
        ]  # fmt: skip
        assert {row.found["link"] for row in bench.rows()} == {"down"}

    def test_a_changed_configuration_names_the_ports_that_changed(self, bench: DeskBench) -> None:
        put_observation(bench.context.store, bench.observed(CALM))
        bench.answers["sw1"] = bench.observed(CALM, up(TWO))
        bench.hear(CONFIG)
        bench.work()
        bench.read()
        assert bench.told() == [("trap.config", "sw1")]
        (row,) = bench.rows()
        assert (row.reading, row.found["changed"], row.found["saved"]) == ("read", [TWO], None)

    def test_an_unknown_one_is_kept_with_its_variables_and_the_switch_is_read(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(CALM)
        bench.hear(STRANGE, ("1.3.6.1.4.1.99999.1", b"\x00\xff"), ("1.3.6.1.4.1.99999.2", 5))
        bench.work()
        bench.read()
        (row,) = bench.rows()
        assert (row.kind, row.name, row.reading) == ("unknown", STRANGE, "read")
        assert row.said == [["1.3.6.1.4.1.99999.1", "octets", "00ff"], ["1.3.6.1.4.1.99999.2", "number", 5]]
        assert bench.asked == ["sw1"]
        assert bench.told() == []

    def test_a_violation_that_an_unknown_one_meant_is_found_by_the_reading(self, bench: DeskBench) -> None:
        put_observation(bench.context.store, bench.observed(CALM))
        bench.answers["sw1"] = bench.observed(SHAKEN)
        bench.hear(STRANGE)
        bench.work()
        bench.read()
        assert bench.told() == [("violation.confirmed", f"sw1/{ONE}")]
        (data,) = bench.data("violation.confirmed")
        assert (data["macs"], data["claim"]) == ([LAPTOP], None)

    def test_unknown_ones_that_go_on_are_read_now_and_then(self, bench: DeskBench) -> None:
        """Some switches tell of their fans all day."""
        bench.answers["sw1"] = bench.observed(CALM)
        bench.hear(STRANGE)
        bench.work()
        bench.read()
        for _ in range(9):
            bench.pass_quiet(minutes=1)
            bench.hear(STRANGE)
            bench.work()
        assert bench.asked == ["sw1"]
        bench.pass_quiet(minutes=1)
        bench.hear(STRANGE)
        bench.work()
        bench.read()
        assert bench.asked == ["sw1", "sw1"]

    def test_an_unknown_one_of_a_switch_on_which_nothing_is_bound_is_kept_and_not_read(self, bench: DeskBench) -> None:
        bench.hear(STRANGE, switch="sw2")
        bench.work()
        (row,) = bench.rows()
        assert (row.kind, row.reading, bench.asked) == ("unknown", "none", [])

    def test_a_name_that_is_no_port_is_kept_as_it_is(self, bench: DeskBench) -> None:
        bench.hear("1.3.6.1.4.1.9.9.315.0.0.1", (IF_NAME + "1", b"../../etc\x1b[2J"))
        bench.work()
        (row,) = bench.rows()
        assert row.subject.count("/") == 1
        assert row.port.isprintable()


class TestLimits:
    def test_informs_are_answered_after_the_commit(self, bench: DeskBench, monkeypatch: pytest.MonkeyPatch) -> None:
        bench.violated()
        bench.gather.answer(b"answer", ("192.0.2.1", 5000))
        with monkeypatch.context() as patch:
            patch.setattr(bench.context.ledger, "append_many", _full_disk)
            with pytest.raises(StorageFailed):
                bench.work()
        assert bench.sent == []
        assert bench.rows() == []
        bench.violated()
        bench.work()
        assert bench.sent == [(b"answer", ("192.0.2.1", 5000))]
        assert [row.count for row in bench.rows()] == [2]

    def test_a_commit_takes_so_many_claims_and_leaves_the_others_with_their_answers(self, bench: DeskBench) -> None:
        for number in range(AT_ONCE + 1):
            bench.hear(LINK_DOWN, (IF_INDEX + str(number + 1), number + 1), switch=f"sw{number % 2 + 1}")
        bench.gather.answer(b"answer", ("192.0.2.1", 5000))
        bench.desk.work(bench.clock.now)
        assert (sum(row.count for row in bench.rows()), bench.sent) == (AT_ONCE, [])
        bench.desk.work(bench.clock.now)
        assert sum(row.count for row in bench.rows()) == AT_ONCE + 1
        assert len(bench.sent) == 1

    def test_one_round_holds_so_many_claims_and_counts_the_rest(self, bench: DeskBench) -> None:
        for number in range(MOST_KEYS + 50):
            bench.hear(LINK_DOWN, (IF_INDEX + str(number + 1), number + 1))
        assert bench.gather.totals.overflow == 50
        bench.work()
        assert len(bench.rows()) < 300 + 10  # 256 besides four for each of the four ports, and one for the rest
        assert sum(row.count for row in bench.rows()) == MOST_KEYS
        assert bench.data("trap.lost") == [{"lost": 0, "crowded": 50}]

    def test_a_claim_without_a_row_of_its_own_is_read_all_the_same(self, bench: DeskBench) -> None:
        for number in range(400):
            bench.hear("1.3.6.1.4.1.4881.1.1.10.2.6.2.1", (IF_INDEX + str(number + 1), number + 1), switch="sw2")
        bench.work()
        rest = next(row for row in bench.rows() if row.cause == "*")
        assert (rest.switch, rest.port, rest.reading, rest.count) == ("sw2", "", "waiting", 400 - 264)

    def test_what_the_kernel_lost_is_told_and_whoever_is_heard_is_read(self, bench: DeskBench) -> None:
        bench.answers["sw1"] = bench.observed(CALM)
        bench.gather.lost(1234)
        bench.hear("1.3.6.1.4.1.99999.0.7")
        bench.work()
        assert bench.data("trap.lost") == [{"lost": 1234, "crowded": 0}]
        bench.read()
        assert bench.asked == ["sw1"]

    def test_strangers_are_counted_and_told_but_not_all_of_them(self, bench: DeskBench) -> None:
        for number in range(MOST_SENDERS + 300):
            bench.gather.refuse(f"198.51.{number // 250}.{number % 250}", "sender", "")
        bench.gather.refuse("192.0.2.1", Refused.DIGEST, "sw1")
        bench.work()
        assert len([kind for kind, _ in bench.told() if kind == "trap.refused"]) == MOST_TOLD + 1
        assert ("trap.refused", "sw1") in bench.told()
        bench.pass_quiet(hours=2)
        bench.gather.refuse("192.0.2.1", Refused.DIGEST, "sw1")
        bench.work()
        assert bench.told()[-1] == ("trap.refused", "sw1")
        row = bench.context.store.row("SELECT count(*), sum(count) FROM trap_refused")
        assert row is not None
        assert (row[0], row[1]) == (MOST_SENDERS + 2, MOST_SENDERS + 302)


def _full_disk(*_: object) -> None:
    raise StorageFailed(t("the disk is full")) from sqlite3.OperationalError("full")

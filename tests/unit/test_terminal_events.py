"""Terminals' events into the ledger: each once, in order, whatever is lost, repeated, forged or comes late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.broker.say import Say
from controller.store.terminals import revoke_key, trust_key
from policies import canonical
from policies.keys import SigningKey
from policies.messages import ack as acks
from policies.messages.ack import Ack
from policies.messages.event import NO_DIGEST, AgentEvent, Head, Origin, sign_event
from policies.messages.status import State
from policies.messages.topics import Kind
from tests.unit.desk_bench import AGENT, DeskBench
from tests.unit.made_grants import BOOT, KEY


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    made = DeskBench(tmp_path)
    trust(made, AGENT)
    yield made
    made.close()


def trust(bench: DeskBench, key: SigningKey, name: str = "guard-1") -> None:
    bench.store.execute(
        "INSERT OR REPLACE INTO terminal_key (terminal, key, trusted_at) VALUES (?, ?, '2026-01-01T00:00:00.000000Z')",
        (name, key.public.raw),
    )


def take(bench: DeskBench, *events: AgentEvent | bytes, name: str = "guard-1") -> tuple[list[Ack], list[str]]:
    """Let events come; gives what is acknowledged, and the kinds of findings."""
    raws = [each.raw if isinstance(each, AgentEvent) else each for each in events]
    told = bench.do(lambda: [x for raw in raws for x in bench.events.take(name, raw, bench.now)] + bench.events.acks())
    found = [acks.read(each.payload, KEY.public) for each in told.of(Kind.EVENT_ACK)]
    return found, [canonical.decode(each.payload)["kind"] for each in told.of(Kind.FINDING)]


def made(bench: DeskBench, count: int, kind: str = "usb.blocked", **data: Any) -> list[AgentEvent]:
    return [bench.event(kind, n=number, **data) for number in range(count)]


def numbers(bench: DeskBench) -> list[int]:
    """Give the numbers of the events in the ledger, in its order."""
    told = [each.data["event"]["seq"] for each in bench.entries if each.kind.startswith("terminal.usb")]
    return [int(each) for each in told]


class TestInOrder:
    def test_are_written_down_byte_for_byte_and_acknowledged_once(self, bench: DeskBench) -> None:
        events = made(bench, 3)
        found, _ = take(bench, *events)
        assert found == [Ack("park", "guard-1", 3, events[2].head.digest)]
        kept = [canonical.encode(each.data["event"]) for each in bench.entries]
        assert kept == [each.raw for each in events]
        assert {(each.actor, each.subject) for each in bench.entries} == {("terminal:guard-1", "guard-1")}

    def test_are_acknowledged_again_and_not_written_again(self, bench: DeskBench) -> None:
        events = made(bench, 3)
        take(bench, *events)
        found, _ = take(bench, events[0], events[2])
        assert [each.seq for each in found] == [3]
        bench.start()
        bench.heads["guard-1"] = events[2].head
        assert [each.seq for each in take(bench, events[1])[0]] == [3]
        assert numbers(bench) == [1, 2, 3]

    def test_go_on_after_a_restart_of_the_controller(self, bench: DeskBench) -> None:
        first = made(bench, 2)
        take(bench, *first)
        head = bench.heads["guard-1"]
        bench.start()
        bench.heads["guard-1"] = head
        take(bench, *made(bench, 1))
        assert numbers(bench) == [1, 2, 3]

    def test_of_a_batch_that_could_not_be_written_come_again(self, bench: DeskBench) -> None:
        events = made(bench, 2)

        def fail() -> list[Say]:
            for each in events:
                bench.events.take("guard-1", each.raw, bench.now)
            raise OSError

        with pytest.raises(OSError):
            bench.do(fail)
        bench.events.forget()
        assert bench.entries == []
        take(bench, *events)
        assert numbers(bench) == [1, 2]


class TestGaps:
    def test_are_filled_by_what_comes_again(self, bench: DeskBench) -> None:
        events = made(bench, 3)
        assert take(bench, events[0], events[2])[0][0].seq == 1
        take(bench, *events[1:])
        assert numbers(bench) == [1, 2, 3]

    def test_that_nothing_fills_are_told_and_the_chain_goes_on(self, bench: DeskBench) -> None:
        events = made(bench, 5)
        take(bench, events[0])
        told = []
        for _ in range(4):
            told += take(bench, *events[3:])[1]
            bench.wait(10)
        assert told == ["terminal.chain_gap"]
        (gap,) = [each for each in bench.entries if each.kind == "terminal.chain_gap"]
        assert (gap.data["first"], gap.data["last"]) == (2, 3)
        assert numbers(bench) == [1, 4, 5]

    def test_are_not_believed_at_once(self, bench: DeskBench) -> None:
        events = made(bench, 3)
        for _ in range(10):
            take(bench, events[2])
        assert numbers(bench) == []


class TestForged:
    def test_by_another_key_are_neither_written_nor_acknowledged(self, bench: DeskBench) -> None:
        (event,) = made(bench, 1)
        trust(bench, SigningKey(bytes(32)))
        assert take(bench, event) == ([], ["terminal.chain_unreadable"])
        trust(bench, AGENT)
        assert take(bench, event)[0][0].seq == 1

    def test_of_a_terminal_that_is_not_enrolled(self, bench: DeskBench) -> None:
        bench.store.execute("DELETE FROM terminal_key")
        assert take(bench, *made(bench, 1)) == ([], ["terminal.chain_not_enrolled"])

    def test_of_a_terminal_whose_key_was_revoked(self, bench: DeskBench) -> None:
        before, after, later = made(bench, 3)
        assert take(bench, before)[0][0].seq == 1
        with bench.store.transaction() as connection:
            revoke_key(connection, "guard-1", bench.now)
        assert take(bench, before, after) == ([], ["terminal.chain_revoked"])
        assert numbers(bench) == [1]
        with bench.store.transaction() as connection:
            trust_key(connection, "guard-1", AGENT.public, bench.now)  # enrolled anew: its chain goes on
        found, told = take(bench, after, later)
        assert (found[0].seq, told) == (3, [])

    def test_under_another_terminals_topic(self, bench: DeskBench) -> None:
        trust(bench, AGENT, "guard-2")
        assert take(bench, *made(bench, 1), name="guard-2") == ([], ["terminal.chain_terminal"])

    def test_another_event_with_a_number_that_was_there_is_a_fork(self, bench: DeskBench) -> None:
        take(bench, *made(bench, 2))
        bench.heads["guard-1"] = Head(0, NO_DIGEST)
        (other,) = made(bench, 1, kind="usb.opened")
        assert take(bench, other) == ([], ["terminal.chain_fork"])
        assert take(bench, other) == ([], [])  # and that is said once in a while
        bench.wait(601)
        assert take(bench, other) == ([], ["terminal.chain_fork"])

    @pytest.mark.parametrize("noise", [b"", b"{}", b"\xff" * 40, b"[" * 20_000, b'{"typ":"portseal-event/1"}'])
    def test_noise(self, bench: DeskBench, noise: bytes) -> None:
        assert take(bench, noise) == ([], ["terminal.chain_unreadable"])

    def test_what_may_not_stand_in_the_ledger_is_withheld_and_acknowledged(self, bench: DeskBench) -> None:
        event = bench.event("usb.blocked", card_number="04A1B2C3")
        assert take(bench, event)[0][0].seq == 1
        assert bench.last.data == {"digest": event.head.digest, "seq": 1, "withheld": True}


def test_a_chain_that_was_rolled_back_goes_on(bench: DeskBench) -> None:
    take(bench, *made(bench, 3))
    origin = Origin("guard-1", 1, BOOT)
    from policies.grants import Moment

    again = sign_event(AGENT, origin, bench.heads["guard-1"], Moment(bench.now.timestamp(), 1), "state.rolled_back", {})
    assert take(bench, again)[0][0].seq == 4


class TestPresence:
    def test_who_is_lost_and_comes_back_is_written_down_once(self, bench: DeskBench) -> None:
        bench.status(state=State.OFFLINE)
        bench.status(state=State.OFFLINE)
        bench.tick()
        assert bench.kinds == ["terminal.silent"]
        bench.status()
        assert bench.kinds == ["terminal.silent", "terminal.heard"]

    def test_who_stands_still_with_a_good_connection_is_lost_after_a_while(self, bench: DeskBench) -> None:
        bench.wait(90)
        bench.tick()
        assert bench.kinds == []
        bench.wait(1)
        told = bench.tick()
        assert sorted(each.subject for each in bench.entries) == ["guard-1", "guard-2"]
        assert len(told.of(Kind.FINDING)) == 2

    def test_who_was_never_heard_is_lost_a_while_after_the_start(self, tmp_path: Path) -> None:
        from controller.broker.presence import Presence

        (tmp_path / "site").mkdir()
        bench = DeskBench(tmp_path / "site")
        bench.presence = Presence(bench.context, bench.now)
        assert bench.tick().said == []
        bench.wait(91)
        bench.tick()
        assert bench.kinds == ["terminal.silent", "terminal.silent"]
        assert {each.data["last"] for each in bench.entries} == {"none"}
        bench.close()

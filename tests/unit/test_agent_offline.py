"""Openings without a connection at the terminal: once, only while nobody can be asked, and never prolonged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.answers import OPERATOR
from agent.offline.contact import Contact
from policies.messages.event import digest
from policies.usb import Scope
from tests.unit.made_permits import LI, WANG, made_set, permit
from tests.unit.offline_bench import OTHER_BOOT, Alone


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    made = Alone(tmp_path)
    yield made
    made.spool.close()


class TestOpens:
    def test_a_kept_card_opens_once_and_all_of_it_is_told(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        assert alone.told("offline.kept") == [{"set": 1, "permits": 1, "cards": 1}]
        alone.cut()
        answer = alone.present()
        assert (answer["ok"], answer["seconds"]) == (True, 600)
        assert alone.is_open("1-1")
        (told,) = alone.told("offline.opened")
        assert (told["card"], told["purpose"], told["set"]) == ("card-3", "case", 1)
        assert told["permits"] == [told["lease"]]
        alone.look(600)
        assert not alone.is_open("1-1")
        assert alone.present()["code"] == "used"
        assert alone.kinds()[-1] == "offline.refused"
        assert not alone.is_open("1-1")

    def test_the_same_card_again_shuts(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        alone.present()
        assert alone.present()["ended"]
        assert not alone.is_open("1-1")
        assert alone.told("lease.ended")[0]["why"] == "swiped_again"
        assert alone.present()["code"] == "used"

    def test_all_purposes_of_a_card_are_used_up_together(self, alone: Alone) -> None:
        other = replace(permit(alone.now), scope=Scope(("*",), ("08",), 1, "other", once=True))
        alone.keep(permit(alone.now), other)
        alone.cut()
        assert alone.present()["purposes"] == ["case", "other"]
        assert alone.ask("status")["notices"][-1]["code"] == "purpose"
        assert alone.ask("request", purpose="other")["ok"]
        assert alone.is_open("1-1")
        alone.ask("relock")
        assert alone.ask("request", purpose="case")["ok"]  # chosen before the card comes
        assert alone.present()["code"] == "used"

    def test_a_purpose_chosen_before_is_taken_for_as_long_as_the_site_says(self, alone: Alone) -> None:
        other = replace(permit(alone.now), scope=Scope(("*",), ("08",), 1, "other", once=True))
        alone.keep(permit(alone.now), other)
        alone.cut()
        alone.ask("request", purpose="other")
        alone.tick(61)
        assert alone.present()["needs"] == "purpose"
        alone.tick(61)
        alone.ask("request", purpose="other")
        alone.present()
        assert alone.told("offline.opened")[0]["purpose"] == "other"

    def test_two_people_where_the_site_wants_two(self, alone: Alone) -> None:
        one, other = permit(alone.now, second=True), permit(alone.now, LI, second=True, seconds=300)
        alone.keep(one, other)
        alone.cut()
        assert alone.present()["needs"] == "second_person"
        assert alone.present()["code"] == "second_same"
        assert not alone.is_open("1-1")
        answer = alone.present(LI)
        assert answer["seconds"] == 300
        (told,) = alone.told("offline.opened")
        assert (told["card"], told["second_card"]) == ("card-3", "card-4")
        alone.ask("relock")
        assert [alone.present(each)["code"] for each in (WANG, LI)] == ["used", "used"]

    @pytest.mark.parametrize(
        ("bearer", "code"), [("person-3", "second_same"), ("", "second_unknown")], ids=["one person", "nobody knows"]
    )
    def test_two_cards_that_are_not_two_people(self, alone: Alone, bearer: str, code: str) -> None:
        alone.keep(permit(alone.now, second=True), permit(alone.now, LI, second=True, bearer=bearer))
        alone.cut()
        alone.present()
        assert alone.present(LI)["code"] == code
        assert not alone.is_open("1-1")

    def test_no_lease_is_longer_than_the_terminal_allows(self, alone: Alone) -> None:
        alone.keep(permit(alone.now, seconds=3600))
        alone.cut()
        assert alone.present()["seconds"] == 1800


class TestOnlyAlone:
    def test_nothing_opens_while_connected_or_in_a_short_break(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.tick(3600 - 20)
        assert alone.present()["code"] == "connected"
        alone.line.connected = False
        alone.tick(0)
        alone.tick(9)
        assert alone.present()["code"] == "connected"
        alone.tick(2)
        assert alone.present()["ok"]

    def test_and_at_once_not_any_more_when_it_is_back(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        alone.line.connected = True
        assert alone.present()["code"] == "connected"

    def test_a_broker_without_its_controller_is_no_contact(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))  # which tells an event that nobody acknowledges
        alone.tick(0)
        alone.tick(59)
        assert alone.present()["code"] == "connected"
        alone.tick(2)
        assert alone.present()["ok"]

    def test_only_root_may_present_a_card(self, alone: Alone) -> None:
        assert "present" not in OPERATOR
        assert alone.answers.operator({"do": "present", "card": WANG})["code"] == "refused"

    def test_the_status_says_what_is_kept_and_whether_it_counts(self, alone: Alone) -> None:
        assert alone.ask("status")["offline"] is None
        alone.keep(permit(alone.now), permit(alone.now, LI, valid=60))
        assert alone.ask("status")["offline"] == {"cards": 2, "seconds": 3600, "counts": False}
        alone.cut()
        alone.tick(60)
        assert alone.ask("status")["offline"] == {"cards": 1, "seconds": 3529, "counts": True}


class TestContact:
    def test_what_waited_during_a_break_says_nothing_of_the_controller(self) -> None:
        contact = Contact(0.0)
        contact.note(connected=False, acked=0, head=5, now=1.0)
        contact.note(connected=True, acked=0, head=5, now=500.0)
        assert not contact.away(500.0)
        assert not contact.away(559.0)
        assert contact.away(560.0)
        contact.note(connected=True, acked=1, head=5, now=560.0)
        assert not contact.away(600.0)


class TestEnds:
    def test_with_its_time(self, alone: Alone) -> None:
        alone.keep(permit(alone.now, valid=300))
        alone.cut()
        alone.tick(300)
        assert alone.present()["code"] == "nothing"
        assert not alone.file.exists()

    def test_a_clock_that_is_set_back_prolongs_nothing(self, alone: Alone) -> None:
        alone.keep(permit(alone.now, valid=300), permit(alone.now, LI, valid=300))
        alone.cut()
        for _ in range(13):
            alone.tick(20, wall=-20.0)
        assert alone.present(LI)["ok"]  # the control: it is still its time
        alone.ask("relock")
        alone.tick(40, wall=-40.0)
        assert not alone.present()["ok"]
        assert not alone.is_open("1-1")

    def test_a_clock_far_back_opens_nothing_at_all(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        alone.tick(1, wall=-100.0)
        assert alone.present()["code"] == "clock_back"

    def test_a_clock_that_runs_ahead_ends_it_sooner(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        alone.tick(1, wall=4000.0)
        assert not alone.present()["ok"]

    def test_with_the_boot(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        alone.restart(OTHER_BOOT)
        alone.tick(11)
        assert alone.present()["code"] == "nothing"

    def test_with_the_next_set_also_an_empty_one(self, alone: Alone) -> None:
        old = permit(alone.now)
        alone.keep(old)
        alone.keep()
        assert not alone.file.exists()
        alone.hear(replace(old, set=1))  # the broker repeats what was before
        alone.cut()
        assert alone.present()["code"] == "nothing"
        assert [each["code"] for each in alone.told("lease.refused")] == ["set"]


class TestOnce:
    def test_also_for_an_agent_that_was_killed(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        kept = alone.file.read_bytes()
        alone.present()
        alone.restart()
        alone.file.write_bytes(kept)  # whatever the run folder held a moment before
        alone.ask("relock")
        alone.tick(11)
        assert alone.present()["code"] == "used"

    def test_an_agent_that_comes_back_still_knows_what_is_kept(self, alone: Alone) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        alone.restart()
        alone.tick(11)
        assert alone.present()["ok"]

    def test_a_memory_that_was_put_back_opens_nothing(self, alone: Alone, tmp_path: Path) -> None:
        alone.keep(permit(alone.now))
        alone.cut()
        run = alone.file.read_bytes()
        alone.spool.close()
        shutil.copytree(alone.config.state, tmp_path / "copy")
        alone.restart()
        alone.tick(11)
        assert alone.present()["ok"]
        alone.ask("relock")
        alone.spool.close()
        shutil.rmtree(alone.config.state)
        shutil.copytree(tmp_path / "copy", alone.config.state)
        alone.file.write_bytes(run)
        alone.restart()
        alone.tick(11)
        assert "state.rolled_back" in alone.kinds()
        assert alone.present()["code"] == "memory"
        last = alone.spool.unacked()[-1]
        alone.spool.ack(last[0], digest(last[1]), alone.terminal.moment)
        assert alone.present()["code"] == "nothing"  # the controller knows now: what was kept is gone all the same
        assert not alone.is_open("1-1")

    def test_a_set_of_before_comes_to_nothing_after_the_run_folder_was_emptied(self, alone: Alone) -> None:
        made, old = made_set(alone.now), permit(alone.now)
        alone.keep(old)
        alone.file.unlink()
        alone.restart()
        for each in (made, replace(old, set=1)):
            alone.hear(each)
        alone.cut()
        assert alone.present()["code"] == "nothing"

"""The desk: what a swipe, an answer and a terminal's word lead to, with every decision in the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.store.grants import GrantState, grant_of, live_grants
from policies import canonical
from policies.cards.decide import replay
from policies.cards.rights import HolderStatus, Kind, Right
from policies.grants import Purpose
from policies.messages.status import State
from tests.unit.card_cases import ANYWHERE, LI, RIGHT, SITE, WANG, listed
from tests.unit.desk_bench import NUMBERS, DeskBench, at

TWO_PEOPLE = replace(SITE, parameters=replace(SITE.parameters, second_person_for_storage=True))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[DeskBench]:
    made = DeskBench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[DeskBench]:
    made = DeskBench(tmp_path, TWO_PEOPLE)
    yield made
    made.close()


class TestSwipe:
    def test_with_a_purpose_chosen_before_opens(self, bench: DeskBench) -> None:
        bench.ask(Purpose.CASE)
        told = bench.swipe()
        (grant,) = told.grants
        assert (grant.aud, grant.sub, grant.scope.purpose, grant.ctr) == ("guard-1", "card-wang", "case", 1)
        assert (grant.boot, grant.nonce) != ("", "")
        assert grant.exp - grant.nbf == 30 * 60
        assert [(each.kind, each.jti, each.who) for each in told.notices] == [(Kind.GRANT, grant.jti, "王**")]
        kept = grant_of(bench.store, grant.jti)
        assert kept is not None
        assert (kept.state, kept.entry, kept.reader) == (GrantState.SIGNED, bench.last.seq, "gate")

    def test_a_choice_is_confirmed_for_as_long_as_it_counts(self, bench: DeskBench) -> None:
        (told,) = bench.ask(Purpose.CASE).notices
        assert (told.kind, told.code, told.purposes) == (Kind.NEEDS, "chosen", ("case",))
        assert told.until == int((bench.now + timedelta(seconds=60)).timestamp())
        bench.wait(60)
        assert bench.swipe().grants  # and that long it does count

    def test_without_one_asks_and_opens_for_the_answer(self, bench: DeskBench) -> None:
        told = bench.swipe()
        (asked,) = told.notices
        assert told.grants == []
        assert (asked.kind, asked.code, asked.purposes) == (Kind.NEEDS, "purpose", ("case", "maintenance"))
        assert asked.until == int((bench.now + timedelta(seconds=60)).timestamp())
        question = bench.last
        bench.wait(20)
        (grant,) = bench.ask(Purpose.MAINTENANCE).grants
        assert grant.scope.purpose == "maintenance"
        assert bench.last.data["question"] == question.seq
        assert bench.kinds == ["swipe.asked", "swipe.granted"]

    def test_with_one_right_only_needs_no_answer(self, bench: DeskBench) -> None:
        bench.list = listed(replace(WANG, rights=(replace(RIGHT, purposes=(Purpose.MAINTENANCE,)),)), LI)
        (grant,) = bench.swipe().grants
        assert grant.scope.purpose == "maintenance"

    def test_that_nobody_answers_for_opens_nothing_later(self, bench: DeskBench) -> None:
        bench.swipe()
        bench.wait(61)
        assert bench.tick().codes == ["answer_late"]
        assert bench.kinds[-1] == "swipe.unanswered"
        assert bench.ask().grants == []

    def test_of_an_unknown_card_is_told_and_written_without_its_number(self, bench: DeskBench) -> None:
        told = bench.swipe("")
        assert [(each.aud, each.code) for each in told.notices] == [
            ("guard-1", "unknown_card"), ("guard-2", "unknown_card"),
        ]  # fmt: skip
        assert bench.kinds == ["swipe.denied"]
        assert NUMBERS[""].reveal() not in bench.last.raw.decode()
        assert bench.last.data["card"] == ""

    def test_is_decided_again_to_the_same_end_from_its_entry(self, bench: DeskBench) -> None:
        bench.ask()
        for card in ("card-wang", "", "card-li"):
            bench.swipe(card)
        assert bench.kinds == ["swipe.granted", "swipe.denied", "swipe.denied"]
        for entry in bench.entries:
            assert replay(canonical.encode(entry.data["case"])).code == entry.data["code"]

    def test_that_comes_again_by_its_number_is_for_the_ledger_only(self, bench: DeskBench) -> None:
        bench.ask()
        assert len(bench.swipe(source_event_id="e-1").grants) == 1
        again = bench.swipe(source_event_id="e-1")
        assert again.said == []
        assert bench.last.data["code"] == "replayed"
        bench.wait(399 * 86_400)
        assert bench.swipe(source_event_id="e-1").said == []

    def test_that_comes_again_by_its_time_is_known_too(self, bench: DeskBench) -> None:
        for _ in range(2):
            bench.swipe(at=at(bench, 2), format="uhppoted", source_event_id=f"e-{len(bench.entries)}")
        assert [each.data["code"] for each in bench.entries] == ["purpose", "replayed"]

    def test_of_a_native_reader_is_told_by_its_id_alone(self, bench: DeskBench) -> None:
        for _ in range(2):
            bench.swipe(at=at(bench, 2), source_event_id=f"e-{len(bench.entries)}")
        assert [each.data["code"] for each in bench.entries] == ["purpose", "purpose"]

    def test_that_is_old_opens_nothing(self, bench: DeskBench) -> None:
        bench.ask()
        assert bench.swipe(at=at(bench, 11)).codes == ["swipe_old"]
        assert len(bench.swipe(at=at(bench, 9)).grants) == 1

    def test_that_waited_here_for_the_disk_is_as_old_as_it_is(self, bench: DeskBench) -> None:
        assert set(bench.swipe(received=at(bench, 11)).codes) == {"swipe_old"}
        assert bench.swipe(received=at(bench, 9)).codes == ["purpose"]

    def test_at_a_silent_terminal_opens_nothing(self, bench: DeskBench) -> None:
        bench.ask()
        bench.status(state=State.OFFLINE)
        assert bench.swipe().codes == ["offline"]
        bench.status()
        bench.ask(id="again")
        assert len(bench.swipe().grants) == 1

    def test_by_another_card_leaves_a_question_open(self, bench: DeskBench) -> None:
        bench.swipe()
        assert set(bench.swipe("").codes) == {"unknown_card"}
        assert len(bench.ask().grants) == 1

    def test_counters_rise_over_grants_restarts_and_what_the_terminal_has_seen(self, bench: DeskBench) -> None:
        counters: list[int] = []
        for seen in (0, 40, 0):
            bench.status(ctr=seen)
            bench.ask(id=f"r-{len(counters)}")
            (grant,) = bench.swipe().grants
            counters.append(grant.ctr)
            bench.tell("lease.opened", lease=grant.jti)
            bench.tell("lease.ended", lease=grant.jti, why="expired")
            bench.start()
        assert counters == [1, 41, 42]


class TestReaderOfTwoTerminals:
    @pytest.fixture(autouse=True)
    def _both(self, bench: DeskBench) -> None:
        bench.list = listed(replace(ANYWHERE, rights=(Right(("*",), (Purpose.CASE, Purpose.OTHER)),)), LI)

    def test_asks_at_both_and_opens_where_the_answer_comes_from(self, bench: DeskBench) -> None:
        told = bench.swipe()
        assert {each.aud for each in told.notices} == {"guard-1", "guard-2"}
        (grant,) = bench.ask(name="guard-2").grants
        assert grant.aud == "guard-2"
        assert bench.ask(name="guard-1", id="late").grants == []

    def test_opens_where_a_purpose_was_chosen_before(self, bench: DeskBench) -> None:
        bench.ask(name="guard-2")
        (grant,) = bench.swipe().grants
        assert grant.aud == "guard-2"

    def test_shuts_where_the_card_has_opened(self, bench: DeskBench) -> None:
        grant = bench.open(name="guard-2")
        bench.wait(10)
        assert [each.jti for each in bench.swipe().revokes] == [grant.jti]


class TestSecondPerson:
    def test_opens_what_one_does_not(self, strict: DeskBench) -> None:
        strict.ask()
        assert strict.swipe().codes == ["second_person"]
        (grant,) = strict.swipe("card-li").grants
        kept = grant_of(strict.store, grant.jti)
        assert kept is not None
        assert kept.cards == ("card-wang", "card-li")

    def test_is_not_the_first_one_again(self, strict: DeskBench) -> None:
        strict.ask()
        strict.swipe()
        strict.wait(5)
        assert strict.swipe().codes == ["second_person"]
        assert live_grants(strict.store, strict.now) == []

    def test_that_does_not_count_leaves_the_question_open(self, strict: DeskBench) -> None:
        strict.list = listed(WANG, replace(LI, status=HolderStatus.SUSPENDED))
        strict.ask()
        strict.swipe()
        assert strict.swipe("card-li").codes == ["second_refused"]
        strict.list = listed(WANG, LI)
        assert len(strict.swipe("card-li").grants) == 1

    def test_comes_in_time(self, strict: DeskBench) -> None:
        strict.ask()
        strict.swipe()
        strict.wait(61)
        strict.tick()
        assert strict.swipe("card-li").grants == []


class TestRelock:
    def test_by_the_same_card_ends_its_lease(self, bench: DeskBench) -> None:
        grant = bench.open()
        bench.wait(10)
        told = bench.swipe()
        assert [each.jti for each in told.revokes] == [grant.jti]
        assert told.codes == ["already_open"]
        assert bench.last.kind == "swipe.relocked"
        assert bench.last.data["relock"] == [grant.jti]

    def test_is_said_until_the_terminal_obeys(self, bench: DeskBench) -> None:
        grant = bench.open()
        bench.wait(10)
        bench.swipe()
        assert bench.tick().revokes == []
        bench.wait(6)
        assert [each.jti for each in bench.tick().revokes] == [grant.jti]
        bench.start()  # also by the next process
        bench.wait(6)
        assert [each.jti for each in bench.tick().revokes] == [grant.jti]
        bench.tell("lease.ended", lease=grant.jti, why="revoked")
        bench.wait(6)
        assert bench.tick().revokes == []

    def test_of_a_card_that_may_open_nothing_more(self, bench: DeskBench) -> None:
        grant = bench.open()
        told = bench.do(lambda: bench.leases.withdraw(("card-wang",), bench.now))
        assert [each.jti for each in told.revokes] == [grant.jti]
        assert told.codes == ["withdrawn"]
        assert bench.last.kind == "lease.revoked"
        assert bench.do(lambda: bench.leases.withdraw(("card-li",), bench.now)).said == []

    def test_twice_read_is_once_swiped(self, bench: DeskBench) -> None:
        bench.open()
        bench.wait(1)
        told = bench.swipe()
        assert (told.codes, told.revokes) == (["read_twice"], [])


class TestGrantsThatAreNotAnswered:
    def test_are_withdrawn_also_after_a_restart(self, bench: DeskBench) -> None:
        for restart in (False, True):
            bench.ask(id=f"r-{restart}")
            (grant,) = bench.swipe().grants
            if restart:
                bench.start()
            assert bench.tick().revokes == []
            bench.wait(16)
            told = bench.tick()
            assert [(each.jti, each.ctr) for each in told.revokes] == [(grant.jti, grant.ctr)]
            assert bench.last.kind == "lease.lapsed"
            assert live_grants(bench.store, bench.now) == []

    def test_and_open_after_all_are_ended(self, bench: DeskBench) -> None:
        bench.ask()
        (grant,) = bench.swipe().grants
        bench.wait(16)
        bench.tick()
        bench.tell("lease.opened", lease=grant.jti)
        bench.wait(6)
        assert [each.jti for each in bench.tick().revokes] == [grant.jti]

    def test_refused_ones_are_over(self, bench: DeskBench) -> None:
        bench.ask()
        (grant,) = bench.swipe().grants
        bench.tell("lease.refused", lease=grant.jti, code="nonce")
        bench.wait(16)
        assert bench.tick().said == []
        kept = grant_of(bench.store, grant.jti)
        assert kept is not None
        assert (kept.state, kept.why) == (GrantState.REFUSED, "nonce")


class TestProlonging:
    def test_is_granted_once(self, bench: DeskBench) -> None:
        first = bench.open()
        bench.wait(25 * 60)
        bench.status(state=State.OPEN)
        (second,) = bench.ask(extend=first.jti).grants
        assert (second.scope, second.exp) == (first.scope, int(bench.now.timestamp()) + 30 * 60)
        assert bench.last.kind == "lease.extension.granted"
        bench.tell("lease.opened", lease=second.jti)
        assert bench.ask(extend=first.jti, id="again").codes == ["prolonged_before"]
        assert bench.ask(extend=second.jti, id="more").codes == ["prolonged_before"]

    def test_asks_the_list_anew(self, bench: DeskBench) -> None:
        first = bench.open()
        bench.list = listed(replace(WANG, status=HolderStatus.REVOKED), LI)
        assert bench.ask(extend=first.jti).codes == ["revoked"]

    def test_is_for_the_terminal_that_is_open(self, bench: DeskBench) -> None:
        first = bench.open()
        assert bench.ask(extend=first.jti, name="guard-2").codes == ["not_open"]
        bench.tell("lease.ended", lease=first.jti, why="expired")
        assert bench.ask(extend=first.jti, id="late").codes == ["not_open"]
        assert bench.ask(extend="nobody", id="noise").codes == ["not_open"]

    def test_the_card_shuts_the_prolonged_lease_too(self, bench: DeskBench) -> None:
        first = bench.open()
        (second,) = bench.ask(extend=first.jti).grants
        bench.tell("lease.opened", lease=second.jti)
        bench.wait(10)
        assert {each.jti for each in bench.swipe().revokes} == {first.jti, second.jti}

    def test_after_its_first_half_has_ended_the_card_still_shuts_it(self, bench: DeskBench) -> None:
        first = bench.open()
        (second,) = bench.ask(extend=first.jti).grants
        bench.tell("lease.opened", lease=second.jti)
        bench.tell("lease.ended", lease=first.jti, why="expired")
        bench.wait(10)
        told = bench.swipe()
        assert [each.jti for each in told.revokes] == [second.jti]
        assert told.grants == []


def test_a_request_that_comes_twice_is_done_once(bench: DeskBench) -> None:
    first = bench.open()
    assert len(bench.ask(extend=first.jti, id="once").grants) == 1
    assert bench.ask(extend=first.jti, id="once").said == []


def test_what_a_person_types_never_looks_like_an_option(bench: DeskBench) -> None:
    assert not [jti for jti in (bench.signing.jti() for _ in range(2000)) if jti.startswith("-")]

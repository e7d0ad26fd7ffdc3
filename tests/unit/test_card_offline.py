"""Permits for terminals that may open without a connection: what is signed, when, and what comes of them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.broker.say import Say
from controller.cards.offline import UNCONFIRMED
from controller.cards.trail import trail_of
from controller.store.cards import erase
from controller.store.grants import GrantState, grant_of
from controller.store.offline import may_hold, tags
from policies.cards.rights import HolderStatus
from policies.grants import Purpose
from policies.jwt import says
from policies.messages.status import State
from policies.messages.topics import Kind
from policies.offline.rule import OfflineRule
from policies.offline.tokens import PERMIT_TYPE, SET_TYPE, OfflineSet, Permit, read_permit, read_set
from policies.offline.verifier import tag, verifier
from policies.terminal import Terminal
from tests.unit.card_cases import LI, RIGHT, SITE, WANG, listed
from tests.unit.desk_bench import NUMBERS, TERMINALS, DeskBench
from tests.unit.made_grants import BOOT, KEY

RULE = OfflineRule(valid_minutes=60, lease_minutes=5)


def with_rule(rule: OfflineRule | None) -> tuple[Terminal, ...]:
    return (replace(TERMINALS[0], offline=rule), TERMINALS[1])


class Bench(DeskBench):
    """A site whose terminal guard-1 may open without a connection."""

    def __init__(self, folder: Path, rule: OfflineRule | None = RULE, **changes: Any) -> None:
        parameters = replace(SITE.parameters, **changes)
        super().__init__(folder, replace(SITE, terminals=with_rule(rule), parameters=parameters))

    def used(self, card: str = "card-wang", purpose: Purpose = Purpose.CASE) -> None:
        """Let a card open guard-1, and shut it."""
        self.ask(purpose)
        (grant,) = self.swipe(card).grants
        self.tell("lease.opened", lease=grant.jti)
        self.tell("lease.ended", lease=grant.jti, why="relocked")
        self.wait(5)

    def sign(self, wanted: bool = True) -> tuple[list[OfflineSet], list[Permit]]:
        """Let a second pass, and what is computed be ready; gives what is sent."""
        said: list[Say] = []
        for _ in range(500 if wanted else 3):
            self.wait(0.001)
            said = self.do(lambda: self.offline.tick(self.now)).of(Kind.GRANT)
            if said:
                break
            time.sleep(0.01)
        tokens = [each.payload for each in said]
        sets = [read_set(each, KEY.public) for each in tokens if says(each, SET_TYPE)]
        return sets, [read_permit(each, KEY.public) for each in tokens if says(each, PERMIT_TYPE)]

    def keep(self) -> tuple[OfflineSet, list[Permit]]:
        """Let a set go out, and the terminal say that it has it."""
        (made,), permits = self.sign()
        self.tell("offline.kept", set=made.set, permits=len(permits), cards=1)
        return made, permits

    def opens(self, *permits: Permit) -> str:
        """Let the terminal tell that it opened by permits; gives the lease."""
        jtis = [each.jti for each in permits]
        self.tell("offline.opened", lease=jtis[0], permits=jtis, seconds=300, card=permits[0].sub, purpose="case")
        return jtis[0]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


class TestSigned:
    def test_for_the_cards_that_opened_it_each_purpose_apart(self, bench: Bench) -> None:
        assert bench.sign(wanted=False) == ([], [])
        bench.used()
        (made,), permits = bench.sign()
        assert (made.aud, made.boot, made.permits, made.answer) == ("guard-1", BOOT, 2, 60)
        assert made.set == [each.seq for each in bench.entries if each.kind == "offline.set"][-1]
        assert [(each.sub, each.scope.purpose) for each in permits] == [
            ("card-wang", "case"),
            ("card-wang", "maintenance"),
        ]
        for each in permits:
            assert (each.set, each.valid, each.seconds, each.second) == (made.set, 3600, 300, True)
            assert each.verifier == verifier(tag(NUMBERS["card-wang"], made.key), "park", "guard-1", BOOT)

    def test_nothing_where_the_site_does_not_say_so(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, None)
        bench.used()
        assert bench.sign(wanted=False) == ([], [])
        assert tags(bench.store, "guard-1") == {}
        bench.close()

    def test_nothing_for_a_card_that_only_others_opened_with(self, bench: Bench) -> None:
        bench.used()
        bench.swipe("card-li")  # asked for its purpose, and never answered
        _, permits = bench.sign()
        assert {each.sub for each in permits} == {"card-wang"}

    def test_decisions_are_in_the_ledger_before_anything_is_sent_and_can_be_made_again(self, bench: Bench) -> None:
        bench.used()
        _, (permit, _) = bench.sign()
        entries = [each for each in bench.entries if each.kind == "offline.granted"]
        assert entries[0].data["jti"] == permit.jti
        assert trail_of(bench.store, f"#{entries[0].seq}").same

    def test_at_most_so_many_cards_and_so_many_days(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, replace(RULE, cards=1, days=1))
        bench.used("card-wang")
        bench.used("card-li")
        assert {each.sub for each in bench.sign()[1]} == {"card-li"}
        bench.wait(2 * 86400)
        bench.status()
        (made,), permits = bench.sign()
        assert (made.permits, permits) == (0, [])
        bench.close()

    def test_its_lease_ends_before_the_hours_do(self, bench: Bench) -> None:
        bench.used()
        bench.now = bench.now.replace(hour=9, minute=30, second=0)  # 17:30 of the site; the hours end at 18:00
        bench.status()
        _, permits = bench.sign()
        assert {each.seconds for each in permits} == {300}
        assert {each.valid for each in permits} <= {1499, 1500}
        bench.now = bench.now.replace(minute=54, second=30)
        bench.status()
        (made,), permits = bench.sign()
        assert (made.permits, permits) == (0, [])

    def test_one_person_alone_where_the_site_says_so(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, replace(RULE, second_person=False))
        bench.used()
        assert {each.second for each in bench.sign()[1]} == {False}
        bench.close()

    def test_not_where_the_site_wants_two_people_at_all_times(self, tmp_path: Path) -> None:
        bench = Bench(tmp_path, replace(RULE, second_person=False))
        bench.used()
        strict = replace(bench.site.parameters, second_person_for_storage=True)
        bench.context = replace(bench.context, site=replace(bench.site, parameters=strict))
        bench.offline.close()
        bench.start()
        assert {each.second for each in bench.sign()[1]} == {True}
        bench.close()


class TestAnew:
    def test_not_as_long_as_nothing_changes(self, bench: Bench) -> None:
        bench.used()
        bench.keep()
        bench.wait(600)
        bench.status()
        assert bench.sign(wanted=False) == ([], [])

    def test_when_half_of_the_time_is_over(self, bench: Bench) -> None:
        bench.used()
        first, _ = bench.keep()
        bench.wait(1801)
        bench.status()
        (second,), permits = bench.sign()
        assert second.set > first.set
        assert len(permits) == 2

    def test_when_the_terminal_has_started_anew(self, bench: Bench) -> None:
        bench.used()
        bench.keep()
        from policies.messages.status import Status

        other = "1" + BOOT[1:]
        bench.do(lambda: bench.presence.heard("guard-1", Status(other, 2, "A" * 22, 0, 0, State.SHUT), bench.now))
        (made,), permits = bench.sign()
        assert made.boot == other
        assert {each.boot for each in permits} == {other}

    def test_when_it_is_back(self, bench: Bench) -> None:
        bench.used()
        bench.keep()
        bench.status(state=State.OFFLINE)
        assert bench.sign(wanted=False) == ([], [])
        bench.status()
        assert len(bench.sign()[1]) == 2

    def test_when_it_does_not_say_that_it_has_the_last_one(self, bench: Bench) -> None:
        bench.used()
        bench.sign()
        bench.wait(UNCONFIRMED.total_seconds() - 5)
        bench.status()
        assert bench.sign(wanted=False) == ([], [])
        bench.wait(6)
        assert len(bench.sign()[1]) == 2
        bench.wait(31)
        bench.status()
        assert bench.sign(wanted=False) == ([], [])  # the patience doubles

    def test_after_a_transaction_that_was_rolled_back(self, bench: Bench) -> None:
        bench.used()
        bench.keep()
        bench.offline.forget()
        assert len(bench.sign()[1]) == 2

    def test_by_a_controller_that_has_started_anew(self, bench: Bench) -> None:
        bench.used()
        first, _ = bench.keep()
        bench.offline.close()
        bench.start()
        (second,), permits = bench.sign()
        assert second.set > first.set
        assert len(permits) == 2


class TestWithdrawn:
    @pytest.mark.parametrize("what", ["revoked", "gone", "no right"])
    def test_when_the_list_gives_it_no_more(self, bench: Bench, what: str) -> None:
        bench.used()
        bench.keep()
        changed = {
            "revoked": [replace(WANG, status=HolderStatus.REVOKED)],
            "gone": [],
            "no right": [replace(WANG, rights=(replace(RIGHT, terminals=("guard-2",)),))],
        }
        bench.list = listed(LI, *changed[what])
        (made,), permits = bench.sign()
        assert (made.permits, permits, made.key) == (0, [], bytes(32))
        bench.tell("offline.kept", set=made.set, permits=0, cards=0)
        bench.wait(3600)
        bench.status()
        assert bench.sign(wanted=False) == ([], [])

    def test_when_less_is_allowed(self, bench: Bench) -> None:
        bench.used()
        bench.keep()
        bench.list = listed(LI, replace(WANG, rights=(replace(RIGHT, purposes=(Purpose.CASE,)),)))
        _, permits = bench.sign()
        assert [each.scope.purpose for each in permits] == ["case"]

    def test_when_the_site_does_not_allow_it_any_more(self, bench: Bench) -> None:
        bench.used()
        bench.keep()
        bench.offline.close()
        bench.context = replace(bench.context, site=replace(bench.site, terminals=with_rule(None)))
        bench.start()
        (made,), permits = bench.sign()
        assert (made.permits, permits) == (0, [])

    def test_what_stood_for_a_card_goes_when_it_is_erased(self, bench: Bench) -> None:
        bench.used()
        assert set(tags(bench.store, "guard-1")) == {"card-wang"}
        erase(bench.store, "card-wang")
        assert tags(bench.store, "guard-1") == {}


class TestOpened:
    def test_is_a_lease_from_then_on_with_its_chain(self, bench: Bench) -> None:
        bench.used()
        _, (permit, _) = bench.keep()
        jti = bench.opens(permit)
        kept = grant_of(bench.store, jti)
        assert kept is not None
        assert (kept.state, kept.cards, kept.reader) == (GrantState.OPEN, ("card-wang",), "guard-1/offline")
        assert [each.jti for each in bench.leases.open(bench.now)] == [jti]
        bench.tell("lease.ended", lease=jti, why="expired")
        trail = trail_of(bench.store, jti)
        assert trail.same
        assert trail.decision.kind == "offline.granted"

    def test_of_two_people(self, bench: Bench) -> None:
        bench.used("card-wang")
        bench.used("card-li")
        _, permits = bench.keep()
        pair = [next(each for each in permits if each.sub == card) for card in ("card-wang", "card-li")]
        kept = grant_of(bench.store, bench.opens(*pair))
        assert kept is not None
        assert kept.cards == ("card-wang", "card-li")

    def test_by_a_card_that_was_revoked_meanwhile_is_ended_at_once(self, bench: Bench) -> None:
        bench.used()
        _, (permit, _) = bench.keep()
        bench.list = listed(LI)
        bench.heads = {}
        event = bench.event("offline.opened", lease=permit.jti, permits=[permit.jti], seconds=300, card="card-wang")
        told = bench.do(lambda: bench.heard(event, bench.last))
        assert [each.jti for each in told.revokes] == [permit.jti]
        assert bench.last.data["why"] == "withdrawn"

    def test_days_later_it_is_known_and_nothing_is_ended(self, bench: Bench) -> None:
        bench.used()
        _, (permit, _) = bench.keep()
        event = bench.event("offline.opened", lease=permit.jti, permits=[permit.jti], seconds=300, card="card-wang")
        bench.list = listed(LI)
        bench.now += timedelta(days=3)
        assert bench.do(lambda: bench.offline.heard(event, bench.now)).said == []
        assert bench.leases.open(bench.now) == ()
        assert not may_hold(bench.store, "guard-1", bench.now)

    @pytest.mark.parametrize(
        "data",
        [{"permits": ["nobody"], "lease": "nobody"}, {"permits": [], "lease": ""}, {"lease": "x"}, {"seconds": "300"}],
    )
    def test_what_no_permit_explains_is_written_down(self, bench: Bench, data: dict[str, Any]) -> None:
        bench.used()
        _, (permit, _) = bench.keep()
        told: dict[str, Any] = {"lease": permit.jti, "permits": [permit.jti], "seconds": 300} | data
        bench.tell("offline.opened", **told)
        assert bench.last.kind == "offline.unexplained"

    def test_it_cannot_be_prolonged_without_another_swipe(self, bench: Bench) -> None:
        bench.used()
        _, (permit, _) = bench.keep()
        told = bench.ask(extend=bench.opens(permit))
        assert told.grants == []
        assert told.codes == ["reader_unknown"]


def test_no_number_and_no_key_is_in_the_database(bench: Bench, tmp_path: Path) -> None:
    bench.used()
    bench.keep()
    number, key = NUMBERS["card-wang"], bench.key.tags("guard-1")
    secrets = (number.reveal().encode(), tag(number, key), key, key.hex().encode(), bytes(32))
    for path in tmp_path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert not any(each in content for each in secrets[:-1]), path

"""What a swipe opens: every code with the case that leads to it and its control arm, and replays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.ledger.guard import check
from policies.cards.case import RULES, Case, read_case, write_case
from policies.cards.decide import decide, replay, write_outcome
from policies.cards.profile import parse_window
from policies.cards.reasons import CODES, NEXT, SENTENCES
from policies.cards.rights import (
    Asked,
    Authority,
    Card,
    HolderStatus,
    Kind,
    Outcome,
    Presented,
    TimeProfile,
    common,
)
from policies.codec import from_plain
from policies.errors import InputError
from policies.grants import Grant, Purpose, sign
from policies.keys import SigningKey
from policies.site import Parameters
from policies.texts import render
from policies.usb import HID, STORAGE
from tests.unit.card_cases import (
    ARMS,
    CHEAP,
    DAY,
    LI,
    LIMITS,
    NOW,
    OFFICE,
    RIGHT,
    RULES_OF_SITE,
    SECOND,
    TAPPED,
    TAPPED_LI,
    TERMINAL,
    TWO,
    WANG,
    WITH_LI,
    case,
    holding,
    lease,
    listed,
    policy,
)


def test_every_code_has_its_arms_a_sentence_and_what_helps_in_plain_words() -> None:
    assert set(ARMS) == set(CODES)
    assert set(NEXT) == set(SENTENCES)
    for code in SENTENCES:
        for text in (SENTENCES[code], NEXT[code]):
            words = render(text, "en")
            assert words.isprintable()
            assert len(words) < 120
            assert code not in words or "_" not in code


@pytest.mark.parametrize("code", ARMS)
def test_a_code_is_given_for_its_reason_and_not_for_the_control(code: str) -> None:
    given_case, control = (arm() for arm in ARMS[code])
    found, other = decide(given_case), decide(control)
    assert found.code == code
    assert other.code != code
    assert str(found.next_step) == str(NEXT[found.because or code])
    assert (found.scope is not None) == (found.kind is Kind.GRANT) == (found.seconds > 0)


@pytest.mark.parametrize(
    "code",
    sorted(set(ARMS) - {"granted", "read_twice", "already_open", "purpose", "terminal_taken", "unknown_card"}),
)
def test_the_control_opens_where_that_reason_is_the_only_one(code: str) -> None:
    assert decide(ARMS[code][1]()).kind is Kind.GRANT


@pytest.mark.parametrize("code", ARMS)
@pytest.mark.parametrize("arm", [0, 1], ids=["reason", "control"])
def test_a_recorded_decision_replays_to_the_same_bytes(code: str, arm: int) -> None:
    made = ARMS[code][arm]()
    written = write_case(made)
    assert read_case(written) == made
    assert write_case(read_case(written)) == written
    outcome = decide(made)
    assert replay(written) == outcome
    assert write_outcome(replay(written)) == write_outcome(outcome)
    assert from_plain(Outcome, json.loads(write_outcome(outcome))) == outcome


@pytest.mark.parametrize("code", ARMS)
def test_a_recorded_decision_may_stand_in_the_ledger(code: str) -> None:
    check(json.loads(write_case(ARMS[code][0]())))


def test_only_the_cards_that_were_swiped_are_recorded() -> None:
    written = write_case(case(terminal=holding(lease("card-li", "guard-2"))))
    assert b"card-wang" in written
    assert b"card-li" not in written
    assert b"card-li" in write_case(case(asked=WITH_LI))


class TestGrants:
    def test_a_grant_is_what_was_asked_for_and_one_that_terminals_read(self) -> None:
        outcome = decide(case())
        assert outcome.scope is not None
        assert (outcome.scope.ports, outcome.scope.classes, outcome.scope.devices) == (("*",), (STORAGE,), 1)
        assert (outcome.scope.purpose, outcome.scope.once, outcome.scope.read_only) == ("case", True, False)
        assert (outcome.seconds, outcome.second) == (1800, "")
        boot, begins = "1b4e28ba-2fa1-11d2-883f-0016d3cca427", int(NOW.timestamp())
        grant = Grant(
            "park", "guard-1", WANG.card, "j" * 22, begins, begins, begins + outcome.seconds, boot, "n" * 22, 1,
            outcome.scope,
        )  # fmt: skip
        assert sign(grant, SigningKey.generate()).count(".") == 2

    @pytest.mark.parametrize(
        ("made", "seconds"),
        [
            (case(asked=Asked(Purpose.MAINTENANCE), rules=policy(lease_maintenance_minutes=2)), 120),
            (case(card=replace(WANG, limits=replace(LIMITS, seconds=90))), 90),
            (case(tapped=replace(TAPPED, reader="brief")), 300),
            (case(card=replace(WANG, valid_until=NOW + 45 * SECOND)), 45),
            (
                case(
                    rules=replace(policy(lease_case_minutes=480), zone="+13:30"),  # 15:30, two and a half hours to go
                    card=replace(WANG, limits=replace(LIMITS, seconds=99_999)),
                ),
                9000,
            ),
        ],
        ids=["policy", "card", "reader", "validity", "hours"],
    )
    def test_the_shortest_time_counts(self, made: Case, seconds: int) -> None:
        assert decide(made).seconds == seconds

    def test_less_than_a_second_opens_nothing(self) -> None:
        assert decide(case(card=replace(WANG, valid_until=NOW + SECOND / 2))).code == "nothing_allowed"

    def test_the_right_that_lasts_longest_tells_the_end(self) -> None:
        short = TimeProfile("short", (parse_window("mon 09:00-10:01"),))
        rules = replace(RULES_OF_SITE, profiles=(OFFICE, short))
        rights = (replace(RIGHT, profile="short"),)
        assert decide(case(card=replace(WANG, rights=rights), rules=rules)).seconds == 60
        assert decide(case(card=replace(WANG, rights=(*rights, RIGHT)), rules=rules)).seconds == 1800

    def test_read_only_and_the_terminals_ports_narrow_the_scope(self) -> None:
        ports = ("pci-0000:00:14.0-usbv2-0:2",)
        made = case(card=replace(WANG, limits=replace(LIMITS, read_only=True)), terminal=replace(TERMINAL, ports=ports))
        scope = decide(made).scope
        assert scope is not None
        assert (scope.read_only, scope.ports) == (True, ports)
        assert decide(case(terminal=replace(TERMINAL, ports=()))).code == "nothing_allowed"


class TestQuestions:
    def test_the_purposes_to_choose_from_are_those_of_the_card_now(self) -> None:
        outcome = decide(case(asked=None))
        assert (outcome.kind, outcome.purposes) == (Kind.NEEDS, (Purpose.CASE, Purpose.MAINTENANCE))

    def test_a_card_that_opens_nothing_is_told_before_anything_is_asked(self) -> None:
        assert decide(case(asked=None, rules=replace(RULES_OF_SITE, zone="+00:00"))).code == "outside_hours"
        assert decide(case(asked=None, terminal=replace(TERMINAL, online=False))).code == "offline"

    def test_an_unanswered_swipe_does_not_wait(self) -> None:
        waiting = replace(TAPPED, at=None, received=NOW - 11 * SECOND)
        assert decide(case(tapped=waiting, asked=None)).code == "swipe_old"
        assert decide(case(tapped=waiting)).kind is Kind.GRANT

    def test_a_swipe_held_back_on_its_way_stays_old_when_it_is_answered(self) -> None:
        held = replace(TAPPED, at=NOW - 41 * SECOND, received=NOW - 30 * SECOND)
        assert decide(case(tapped=held)).code == "swipe_old"

    def test_a_clock_of_ours_that_went_back_is_told(self) -> None:
        assert decide(case(tapped=replace(TAPPED, at=None, received=NOW + 6 * SECOND))).code == "swipe_future"


class TestRelock:
    def test_the_same_card_ends_its_leases_here_and_no_others(self) -> None:
        elsewhere = replace(lease(terminal="guard-2"), jti="jti-2")
        outcome = decide(case(terminal=holding(lease(), elsewhere), asked=None))
        assert (outcome.kind, outcome.relock) == (Kind.RELOCK, ("jti-1",))

    @pytest.mark.parametrize(
        "made",
        [
            case(terminal=holding(lease()), asked=None, card=replace(WANG, status=HolderStatus.REVOKED)),
            case(terminal=holding(lease()), asked=None, card=replace(WANG, rights=())),
            case(terminal=replace(holding(lease()), online=False), asked=None),
            case(terminal=holding(lease()), asked=None, tapped=CHEAP),
            case(terminal=holding(replace(lease("card-li"), cards=("card-li", "card-wang"))), asked=None),
        ],
        ids=["revoked", "no rights", "offline", "identified only", "second person"],
    )
    def test_shutting_needs_no_right(self, made: Case) -> None:
        assert decide(made).kind is Kind.RELOCK

    def test_a_replayed_or_old_swipe_shuts_nothing(self) -> None:
        for tapped in (replace(TAPPED, repeated=True), replace(TAPPED, at=NOW - 11 * SECOND)):
            assert decide(case(terminal=holding(lease()), asked=None, tapped=tapped)).kind is Kind.DENIED


class TestTrust:
    def test_a_message_without_proof_is_not_trusted_though_its_reader_could_prove(self) -> None:
        assert decide(case(tapped=replace(TAPPED, authenticated=False))).code == "reader_trust"

    def test_a_message_that_claims_a_proof_does_not_raise_its_readers_trust(self) -> None:
        assert decide(case(tapped=replace(CHEAP, authenticated=True))).code == "reader_trust"

    def test_two_swipes_without_proof_open_no_storage(self) -> None:
        second = replace(CHEAP, card="card-li")
        assert decide(case(tapped=CHEAP, asked=Asked(Purpose.CASE, second))).code == "reader_trust"

    def test_where_two_people_are_asked_for_both_swipes_are_proven(self) -> None:
        assert decide(case(tapped=CHEAP, asked=WITH_LI)).kind is Kind.GRANT
        assert decide(case(tapped=CHEAP, asked=WITH_LI, rules=TWO)).code == "reader_trust"

    def test_without_storage_an_identified_card_is_enough(self) -> None:
        card = replace(WANG, limits=replace(LIMITS, classes=(HID,)))
        outcome = decide(case(tapped=CHEAP, card=card, rules=policy(lease_keyboards=True)))
        assert outcome.scope is not None
        assert outcome.scope.classes == (HID,)


class TestSecondPerson:
    @pytest.mark.parametrize(
        ("second", "other", "because"),
        [
            (replace(TAPPED_LI, card=""), LI, "unknown_card"),
            (replace(TAPPED_LI, repeated=True), LI, "replayed"),
            (replace(TAPPED_LI, at=NOW - 11 * SECOND), LI, "swipe_old"),
            (replace(TAPPED_LI, reader="nobody"), LI, "reader_unknown"),
            (replace(TAPPED_LI, granted=False), LI, "source_denied"),
            (TAPPED_LI, replace(LI, status=HolderStatus.SUSPENDED), "suspended"),
            (TAPPED_LI, replace(LI, valid_until=NOW), "expired"),
            (TAPPED_LI, replace(LI, rights=()), "no_right"),
            (TAPPED_LI, replace(LI, rights=(replace(RIGHT, purposes=(Purpose.OTHER,)),)), "no_purpose"),
        ],
    )
    def test_a_second_card_counts_only_as_a_first_one_would(self, second: Presented, other: Card, because: str) -> None:
        outcome = decide(case(rules=TWO, other=other, asked=Asked(Purpose.CASE, second)))
        assert (outcome.code, outcome.because) == ("second_refused", because)
        assert str(CODES[because]) in str(outcome.reason)

    def test_two_cards_of_one_person_are_one_person(self) -> None:
        outcome = decide(case(rules=TWO, asked=WITH_LI, other=replace(LI, bearer=WANG.bearer)))
        assert outcome.code == "second_same"

    def test_the_second_person_is_named_and_narrows_what_opens(self) -> None:
        other = replace(LI, limits=replace(LIMITS, seconds=100, read_only=True), valid_until=NOW + DAY)
        outcome = decide(case(rules=TWO, asked=WITH_LI, other=other))
        assert (outcome.second, outcome.seconds) == ("card-li", 100)
        assert outcome.scope is not None
        assert outcome.scope.read_only

    def test_a_second_card_that_is_not_needed_is_not_counted(self) -> None:
        assert decide(case(asked=WITH_LI, other=replace(LI, rights=()))).second == ""


class TestReplay:
    @pytest.mark.parametrize(
        "change",
        [
            lambda plain: plain | {"rules": RULES + 1},
            lambda plain: plain | {"zone": "Europe/Berlin"},
            lambda plain: plain | {"extra": 1},
            lambda plain: {key: value for key, value in plain.items() if key != "policy"},
            lambda plain: plain | {"policy": plain["policy"] | {"swipe_max_age_s": 2**53 - 1}},
            lambda plain: plain | {"now": "9999-12-31T23:59:59.999999Z"},
            lambda plain: plain | {"now": "10:00"},
        ],
    )
    def test_what_is_no_case_is_refused(self, change: Callable[[dict[str, object]], dict[str, object]]) -> None:
        plain = change(json.loads(write_case(case())))
        data = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        with pytest.raises(InputError):
            replay(data)

    @given(st.binary(max_size=300))
    def test_noise_raises_the_typed_error_alone(self, noise: bytes) -> None:
        with pytest.raises(InputError):
            replay(noise)

    def test_another_list_is_another_record(self) -> None:
        one, two = (case(card=each) for each in (WANG, replace(WANG, valid_until=NOW + DAY)))
        assert one.content != two.content
        assert write_case(one) != write_case(two)


def test_the_policy_is_the_sites_parameters() -> None:
    for name in ("swipe_max_age_s", "lease_devices", "second_person_for_storage"):
        assert getattr(RULES_OF_SITE.policy, name) == getattr(Parameters(), name)


def test_everything_and_a_list_have_the_list_in_common() -> None:
    assert common(("*",), ("08", "03")) == ("03", "08")
    assert common(("08",), ("*",)) == ("08",)
    assert common(("*",), ("*",)) == ("*",)
    assert common(("03",), ("08",)) == ()


def test_a_card_is_found_by_its_pseudonym_alone() -> None:
    authority = listed(WANG, LI)
    assert authority.card("card-li") == LI
    assert authority.card("card-zhao") is None
    assert authority.card("") is None
    assert Authority(1, "", "").card("card-li") is None

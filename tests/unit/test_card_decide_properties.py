"""What holds for every swipe: fewer rights open no more, what has ended opens nothing, grants stay within bounds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from policies.cards.case import Case, write_case
from policies.cards.decide import decide, replay
from policies.cards.profile import parse_window
from policies.cards.rights import (
    Asked,
    Card,
    HolderStatus,
    Kind,
    Limits,
    Outcome,
    Right,
    TimeProfile,
    Trust,
)
from policies.grants import MAX_DEVICES, Purpose
from policies.usb import HID, STORAGE
from tests.unit.card_cases import DAY, NOW, OFFICE, SECOND, TAPPED, TAPPED_LI, TERMINAL, case, policy

PURPOSES = st.lists(st.sampled_from(Purpose), min_size=1, max_size=3, unique=True).map(tuple)
RIGHTS = st.lists(
    st.builds(
        Right,
        st.sampled_from([("guard-1",), ("guard-2",), ("*",)]),
        PURPOSES,
        st.sampled_from(["", "office", "nights", "mornings", "gone"]),
    ),
    max_size=4,
    unique=True,
).map(tuple)
LIMITED = st.builds(
    Limits,
    st.sampled_from([0, 1, 60, 1200, 9000]),
    st.sampled_from([0, 1, 2, MAX_DEVICES]),
    st.sampled_from([(STORAGE,), (HID, STORAGE), ("*",), (HID,), ()]),
    st.sampled_from([("*",), ("a-usbv2-0:1",), ("a-usbv2-0:1", "a-usbv2-0:2")]),
    st.booleans(),
)
BEGINS = st.sampled_from([None, None, NOW - DAY, NOW, NOW + SECOND])
ENDS = st.sampled_from([None, None, NOW + DAY, NOW + 90 * SECOND, NOW])


def cards(pseudonym: str, bearer: str) -> st.SearchStrategy[Card]:
    status = st.sampled_from([HolderStatus.ACTIVE] * 4 + [HolderStatus.SUSPENDED])
    return st.builds(Card, st.just(pseudonym), st.just(bearer), status, RIGHTS, LIMITED, BEGINS, ENDS)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    nights = TimeProfile("nights", (parse_window("sun 22:00-10:20"),))
    mornings = TimeProfile("mornings", (parse_window("daily 06:00-10:00"),))  # over by now
    rules = replace(
        policy(
            second_person_for_storage=draw(st.booleans()), lease_keyboards=draw(st.booleans()),
            lease_case_minutes=draw(st.integers(1, 480)), lease_devices=draw(st.integers(1, 16)),
        ),
        profiles=(OFFICE, nights, mornings),
    )  # fmt: skip
    tapped = replace(
        TAPPED, reader=draw(st.sampled_from(["gate", "cheap", "brief"])), authenticated=draw(st.booleans())
    )
    second = replace(TAPPED_LI, reader=draw(st.sampled_from(["gate", "cheap"])))
    asked = Asked(draw(st.sampled_from(Purpose)), draw(st.sampled_from([None, second])))
    return case(
        tapped=tapped,
        card=draw(cards("card-wang", "person-wang")),
        other=draw(cards("card-li", "person-li")),
        terminal=replace(TERMINAL, ports=draw(st.sampled_from([("*",), ("a-usbv2-0:1",)]))),
        rules=rules,
        asked=asked,
    )


def within(small: tuple[str, ...], large: tuple[str, ...]) -> bool:
    return "*" in large or ("*" not in small and set(small) <= set(large))


def no_more(less: Outcome, more: Outcome) -> bool:
    """Tell whether `less` opens nothing that `more` does not."""
    if less.scope is None:
        return True
    if more.scope is None:
        return False
    return (
        within(less.scope.ports, more.scope.ports)
        and within(less.scope.classes, more.scope.classes)
        and less.scope.devices <= more.scope.devices
        and less.seconds <= more.seconds
        and (less.scope.read_only or not more.scope.read_only)
    )


class TestProperties:
    @settings(max_examples=60)
    @given(cases(), st.data())
    def test_removing_a_right_never_opens_more(self, made: Case, data: st.DataObject) -> None:
        holder = data.draw(st.sampled_from(["card", "second_card"]))
        card: Card | None = getattr(made, holder)
        if card is None or not card.rights:
            return
        gone = data.draw(st.sampled_from(card.rights))
        fewer = replace(card, rights=tuple(right for right in card.rights if right != gone))
        less = replace(made, card=fewer) if holder == "card" else replace(made, second_card=fewer)
        assert no_more(decide(less), decide(made))

    @settings(max_examples=60)
    @given(cases(), st.integers(0, 10**6))
    def test_an_expired_card_never_opens(self, made: Case, since: int) -> None:
        assert made.card is not None
        ended = replace(made.card, valid_until=NOW - since * SECOND)
        assert decide(replace(made, card=ended)).kind is not Kind.GRANT
        outcome = decide(made)
        if outcome.second:
            assert made.second_card is not None
            ended = replace(made.second_card, valid_until=NOW - since * SECOND)
            assert decide(replace(made, second_card=ended)).kind is not Kind.GRANT

    @settings(max_examples=60)
    @given(cases())
    def test_a_grant_is_within_right_and_reader_and_policy(self, made: Case) -> None:
        outcome = decide(made)
        scope = outcome.scope
        if scope is None:
            return
        assert made.card is not None
        assert made.reader is not None
        minutes = {
            "case": made.policy.lease_case_minutes, "maintenance": made.policy.lease_maintenance_minutes,
            "other": made.policy.lease_other_minutes,
        }[scope.purpose]  # fmt: skip
        assert 0 < outcome.seconds <= min(minutes, made.reader.longest_minutes) * 60
        assert outcome.seconds <= made.card.limits.seconds
        assert made.card.valid_until is None or NOW + outcome.seconds * SECOND <= made.card.valid_until
        assert 0 < scope.devices <= min(made.policy.lease_devices, made.card.limits.devices)
        assert within(scope.classes, made.card.limits.classes)
        assert within(scope.classes, (HID, STORAGE) if made.policy.lease_keyboards else (STORAGE,))
        assert within(scope.ports, made.card.limits.ports)
        assert within(scope.ports, made.terminal.ports)
        assert scope.read_only or not made.card.limits.read_only
        assert any(right.at("guard-1") and scope.purpose in right.purposes for right in made.card.rights)
        assert made.terminal.name in made.reader.terminals
        proven = made.reader.trust is Trust.AUTHENTICATED and made.presented.authenticated
        if STORAGE in scope.classes:
            assert proven or outcome.second
            assert outcome.second or not made.policy.second_person_for_storage

    @settings(max_examples=30)
    @given(cases())
    def test_every_case_replays(self, made: Case) -> None:
        assert replay(write_case(made)) == decide(made)

    @given(LIMITED, LIMITED)
    def test_what_two_limits_allow_is_the_same_either_way_and_never_more(self, one: Limits, other: Limits) -> None:
        both = one.meet(other)
        assert both == other.meet(one)
        assert both.meet(one) == both
        assert within(both.classes, one.classes) or not both.classes

    @pytest.mark.parametrize("code", ["granted", "granted+", "reader_trust", "no_right", "outside_hours"])
    def test_the_strategies_reach(self, code: str) -> None:
        """Without it every property above could hold because nothing is ever granted."""

        def reached(made: Case) -> bool:
            outcome = decide(made)
            return outcome.code + ("+" if outcome.second else "") == code

        # As many cases as it takes: which ones come first changes with the modules that happen to be imported.
        patient = settings(max_examples=20_000, database=None, phases=[Phase.generate], deadline=None)
        assert reached(find(cases(), reached, settings=patient))

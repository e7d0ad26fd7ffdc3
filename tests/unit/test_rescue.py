"""The rescue code: what two people allow opens for them and for nothing else, once, and 7.2b fails for it."""

from __future__ import annotations

import hmac
import json
import string
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agent.usb.gate import decide
from policies import canonical, rescue
from policies.errors import InputError, SafetyRefusal
from policies.rescue import (
    FREE_TRIES,
    Challenge,
    Moment,
    Permit,
    RescueOutcome,
    RescueRefusal,
    RescueSecret,
    RescueUse,
    Tries,
    read_challenge,
    rescue_code,
    rescue_event,
    rescue_leases,
    try_code,
)
from policies.usb import UsbDevice, UsbIdentity, UsbInterface

SECRET = RescueSecret(bytes(range(32)))
CHALLENGE = Challenge("park-7", "guard-1", b"\x01\x02\x03\x04\xff", 7)
PEOPLE = ("wang.li", "赵敏")
PERMIT = Permit(CHALLENGE, frozenset({RescueUse.KEYBOARD}), 15, PEOPLE)
BOTH = replace(PERMIT, uses=frozenset(RescueUse))
CODE = rescue_code(SECRET, PERMIT)
NOW, NO_TRIES = Moment("boot-1", 1000.0), Tries()
SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

PERMITS = st.builds(
    Permit,
    st.builds(
        Challenge,
        st.sampled_from(["park-7", "park-8"]),
        st.sampled_from(["guard-1", "guard-2"]),
        st.binary(min_size=5, max_size=5),
        st.integers(0, 2**32 - 1),
    ),
    st.frozensets(st.sampled_from(RescueUse), min_size=1),
    st.integers(1, 60),
    st.sampled_from([("a", "b"), ("a", "c"), PEOPLE]),
)


def tried(
    typed: str,
    challenge: Challenge = CHALLENGE,
    people: tuple[str, str] = PEOPLE,
    tries: Tries = NO_TRIES,
    moment: Moment = NOW,
) -> RescueOutcome:
    return try_code(SECRET, challenge, typed, people, tries, moment)


class TestOpens:
    def test_the_code_opens_what_two_people_allowed_and_is_used_up(self) -> None:
        outcome = tried(CODE)
        assert outcome == RescueOutcome(Tries(), 8, PERMIT)

    @given(PERMITS)
    def test_whatever_may_be_allowed_arrives_as_it_was_allowed(self, permit: Permit) -> None:
        shown = read_challenge(permit.challenge.site, permit.challenge.terminal, permit.challenge.code)
        assert shown == permit.challenge
        outcome = tried(rescue_code(SECRET, permit), shown, permit.people)
        assert outcome.permit == permit
        assert outcome.counter == permit.challenge.counter + 1

    def test_the_code_is_five_groups_of_four_and_the_challenge_four(self) -> None:
        assert [len(group) for group in CODE.split("-")] == [4] * 5
        assert [len(group) for group in CHALLENGE.code.split("-")] == [4] * 4

    def test_a_code_of_this_version_opens_at_a_terminal_of_this_version(self) -> None:
        """Fixed, because controller and terminals are updated on different days."""
        assert CHALLENGE.code == "00G4-0R4Z-W000-007E"
        assert CODE == "10F7-M0NM-ZWC1-FS2M-8SBY"

    def test_the_order_and_the_spelling_of_the_people_do_not_matter(self) -> None:
        assert tried(CODE, people=("赵敏", " Ｗang.Li ")).permit is not None

    @pytest.mark.parametrize("number", range(32))
    def test_a_code_that_was_heard_and_typed_badly_is_understood(self, number: int) -> None:
        code = rescue_code(SECRET, replace(PERMIT, challenge=replace(CHALLENGE, counter=number)))
        heard = code.lower().replace("0", "o").replace("1", "l" if number % 2 else "I").replace("-", " ")
        full_width = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in heard)
        for typed in (heard, full_width, code.replace("-", ""), f"\t{code} \n", code.replace("-", "—")):
            assert tried(typed, replace(CHALLENGE, counter=number)).permit is not None, typed


class TestOpensNothingElse:
    @pytest.mark.parametrize(
        "other",
        [
            replace(CHALLENGE, site="park-8"),
            replace(CHALLENGE, terminal="guard-2"),
            replace(CHALLENGE, nonce=b"\x01\x02\x03\x04\xfe"),
            replace(CHALLENGE, counter=8),
            replace(CHALLENGE, counter=6),
        ],
        ids=["another site", "another terminal", "another boot", "used already", "a counter set back"],
    )
    def test_the_code_is_for_one_challenge(self, other: Challenge) -> None:
        outcome = tried(CODE, other)
        assert outcome.refusal is RescueRefusal.WRONG
        assert outcome.permit is None
        assert outcome.counter == other.counter

    @pytest.mark.parametrize("people", [("wang.li", "x"), ("wang.li", "wang.li"), ("", ""), ("", "赵敏")])
    def test_the_code_is_that_of_its_two_people(self, people: tuple[str, str]) -> None:
        assert tried(CODE, people=people).refusal is RescueRefusal.WRONG

    def test_another_terminals_secret_makes_no_code_for_this_one(self) -> None:
        other = rescue_code(RescueSecret(bytes(32)), PERMIT)
        assert tried(other).refusal is RescueRefusal.WRONG

    @given(st.integers(0, 18), st.sampled_from(SYMBOLS))
    def test_one_wrong_symbol_is_a_typo_and_costs_no_try(self, spot: int, symbol: str) -> None:
        plain = CODE.replace("-", "")
        assume(plain[spot] != symbol)
        outcome = tried(plain[:spot] + symbol + plain[spot + 1 :])
        assert (outcome.refusal, outcome.tries) == (RescueRefusal.TYPO, Tries())

    @given(st.integers(0, 17))
    def test_two_swapped_symbols_are_a_typo(self, spot: int) -> None:
        plain = CODE.replace("-", "")
        swapped = plain[:spot] + plain[spot + 1] + plain[spot] + plain[spot + 2 :]
        assume(swapped != plain)
        assert tried(swapped).refusal is RescueRefusal.TYPO

    @given(st.text(max_size=40) | st.text(SYMBOLS + string.ascii_lowercase + "*~$=U -", min_size=18, max_size=26))
    @settings(max_examples=300)
    def test_noise_never_opens_and_never_raises(self, typed: str) -> None:
        assert tried(typed).permit is None

    @given(st.integers(0, 2**95 - 1))
    @settings(max_examples=300)
    def test_well_written_codes_of_a_guesser_cost_a_try_each(self, number: int) -> None:
        guessed = rescue._written(number, 19)
        assume(guessed != CODE)
        outcome = tried(guessed)
        assert (outcome.permit, outcome.refusal, outcome.tries.wrong) == (None, RescueRefusal.WRONG, 1)

    @given(st.integers(0, 94))
    def test_no_bit_of_a_code_can_be_changed(self, bit: int) -> None:
        number = rescue._read(CODE, 19) ^ (1 << bit)
        assert tried(rescue._written(number, 19)).refusal is RescueRefusal.WRONG
        assert tried(rescue._written(number ^ (1 << bit), 19)).permit == PERMIT

    def test_a_terminal_that_allows_less_refuses_and_the_code_is_used_up(self) -> None:
        outcome = tried(CODE, moment=replace(NOW, longest=14))
        assert (outcome.permit, outcome.refusal, outcome.counter) == (None, RescueRefusal.TOO_LONG, 8)
        assert tried(CODE, moment=replace(NOW, longest=15)).permit is not None


class TestTwoPeople:
    @pytest.mark.parametrize("people", [("wang.li", "WANG.LI "), ("wang.li", ""), ("", ""), ("　", "x")])
    def test_one_person_gets_no_code(self, people: tuple[str, str]) -> None:
        with pytest.raises(SafetyRefusal, match="two different people"):
            rescue_code(SECRET, replace(PERMIT, people=people))

    def test_nothing_named_gets_no_code(self) -> None:
        with pytest.raises(SafetyRefusal, match="names what it opens"):
            rescue_code(SECRET, replace(PERMIT, uses=frozenset()))

    @pytest.mark.parametrize(("minutes", "longest"), [(0, 60), (61, 60), (-1, 60), (11, 10), (2000, 60)])
    def test_too_long_or_no_time_gets_no_code(self, minutes: int, longest: int) -> None:
        with pytest.raises(SafetyRefusal, match=f"1 to {longest} minutes"):
            rescue_code(SECRET, replace(PERMIT, minutes=minutes), longest)

    @given(st.text(max_size=30))
    def test_a_mistyped_challenge_is_the_one_error(self, text: str) -> None:
        with pytest.raises(InputError):
            read_challenge("park-7", "guard-1", text)

    def test_a_challenge_with_more_bits_than_one_has_is_refused(self) -> None:
        with pytest.raises(InputError):
            read_challenge("park-7", "guard-1", rescue._written(1 << 72, 15))


class TestTries:
    WRONG = rescue_code(RescueSecret(bytes(32)), PERMIT)

    def after(self, count: int) -> Tries:
        """Give the tries after `count` wrong codes, each as soon as it may be tried."""
        tries, now = Tries(), NOW.now
        for _ in range(count):
            now += tries.wait("boot-1", now)
            outcome = tried(self.WRONG, tries=tries, moment=Moment("boot-1", now))
            assert outcome.refusal is RescueRefusal.WRONG
            tries = outcome.tries
        return tries

    def test_the_first_five_are_free_and_then_the_wait_grows_to_an_hour(self) -> None:
        lengths = []
        for count in range(3, 15):
            tries = self.after(count)
            started = tries.until - rescue._wait(count)
            lengths.append(round(tries.wait("boot-1", started)))
        assert lengths == [0, 0, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
        assert rescue._wait(10**9) == 3600

    def test_while_it_waits_not_even_the_right_code_opens(self) -> None:
        tries = self.after(FREE_TRIES)
        early = tried(CODE, tries=tries, moment=Moment("boot-1", tries.until - 0.5))
        assert (early.refusal, early.tries, early.permit) == (RescueRefusal.WAIT, tries, None)
        assert "wait 1 seconds" in str(early.reason)
        assert tried(CODE, tries=tries, moment=Moment("boot-1", tries.until)).permit == PERMIT

    def test_a_reboot_does_not_end_the_wait(self) -> None:
        tries = self.after(FREE_TRIES)
        assert tried(CODE, tries=tries, moment=Moment("boot-2", 59.0)).refusal is RescueRefusal.WAIT
        assert tried(CODE, tries=tries, moment=Moment("boot-2", 60.0)).permit == PERMIT

    def test_a_typo_while_it_waits_says_nothing_of_the_code(self) -> None:
        tries = self.after(FREE_TRIES)
        assert tried("abc", tries=tries, moment=Moment("boot-1", tries.until - 1)).refusal is RescueRefusal.WAIT

    def test_a_right_code_forgets_the_wrong_ones(self) -> None:
        outcome = tried(CODE, tries=self.after(FREE_TRIES - 1), moment=Moment("boot-1", 1e6))
        assert outcome.tries == Tries()


class TestLeases:
    def test_each_use_is_a_lease_of_its_own_so_that_no_device_gets_both(self) -> None:
        keyboard, storage = rescue_leases(BOTH, NOW)
        assert (keyboard.scope.classes, storage.scope.classes) == (("03",), ("08",))
        assert keyboard.jti != storage.jti
        for lease in (keyboard, storage):
            assert (lease.card, lease.boot, lease.opened, lease.ends) == ("rescue", "boot-1", 1000.0, 1900.0)
            assert (lease.scope.ports, lease.scope.devices, lease.scope.once) == (("*",), 1, True)
            assert lease.used == ()

    def test_a_stick_that_is_a_keyboard_too_gets_one_of_the_two_only(self) -> None:
        parts = (UsbInterface(1, 0, 0, "08", "06", "50"), UsbInterface(1, 1, 0, "03", "01", "01"))

        def opened(interfaces: tuple[UsbInterface, ...]) -> frozenset[int]:
            device = UsbDevice(
                "1-1", "pci-0000:00:14.0-usbv2-0:1", 5, UsbIdentity("0781", "5567", "", "ab" * 32), interfaces,
                hub=False, authorized=False,
            )  # fmt: skip
            (decision,) = decide([device], [], rescue_leases(BOTH, NOW), NOW.now + 1, NOW.boot)
            return decision.interfaces

        assert [opened((part,)) for part in parts] == [{0}, {1}]
        assert len(opened(parts)) == 1

    def test_what_was_not_named_gets_no_lease(self) -> None:
        assert [lease.scope.classes for lease in rescue_leases(PERMIT, NOW)] == [("03",)]

    def test_no_lease_is_longer_than_the_terminal_allows(self) -> None:
        (lease,) = rescue_leases(replace(PERMIT, minutes=1000), NOW)
        assert lease.ends - lease.opened == 3600


class TestEvents:
    def test_a_rescue_says_that_no_card_was_swiped_and_which_clause_fails(self) -> None:
        data = rescue_event(CHALLENGE, RescueOutcome(Tries(), 8, BOTH))
        assert data == {
            "challenge": CHALLENGE.code, "counter": 7, "card": "rescue", "swipe": False, "fails": "7.2b",
            "uses": ["keyboard", "storage"], "minutes": 15, "people": ["wang.li", "赵敏"],
        }  # fmt: skip
        assert json.loads(canonical.encode(data)) == data

    @pytest.mark.parametrize("typed", ["abc", TestTries.WRONG])
    def test_a_refusal_says_why_and_not_what_was_typed(self, typed: str) -> None:
        data = rescue_event(CHALLENGE, tried(typed))
        assert data["reason"] in ("typo", "wrong")
        assert "swipe" not in data
        assert typed not in canonical.encode(data).decode()


class TestSecrets:
    def test_the_secret_and_the_code_are_in_no_repr(self) -> None:
        shown = repr(SECRET) + repr(tried(CODE)) + repr(tried(TestTries.WRONG)) + repr(tried("abc"))
        assert repr(SECRET) == "RescueSecret()"
        for secret in (SECRET.key.hex(), repr(SECRET.key)[2:-1], CODE, CODE.replace("-", ""), TestTries.WRONG):
            assert secret not in shown

    @pytest.mark.parametrize("key", [b"", bytes(31), bytes(33)])
    def test_a_secret_of_another_length_is_a_mistake(self, key: bytes) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            RescueSecret(key)

    @pytest.mark.parametrize(("nonce", "counter"), [(b"1234", 1), (b"123456", 1), (b"12345", -1), (b"12345", 2**32)])
    def test_a_challenge_that_no_code_can_hold_is_a_mistake(self, nonce: bytes, counter: int) -> None:
        with pytest.raises(ValueError, match="nonce of 5 bytes"):
            Challenge("s", "t", nonce, counter)

    def test_codes_are_compared_in_constant_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[tuple[int, int]] = []

        def compare(one: bytes, other: bytes) -> bool:
            asked.append((len(one), len(other)))
            return False

        monkeypatch.setattr(hmac, "compare_digest", compare)
        assert tried(CODE).refusal is RescueRefusal.WRONG
        assert asked == [(10, 10)]

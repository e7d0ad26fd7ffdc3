"""Whether a grant counts here and now: every refusal beside a control that differs only in what is refused."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import jwt
from policies.grants import ACCEPTED, CODES, Grant, Moment, Revoke, Standing, Verdict, judge, judge_revoke
from policies.texts import render
from tests.unit.made_grants import BOOT, GRANT, MOMENT, NOW, STANDING, grant

Case = tuple[Grant, Standing, Moment]
OTHER_BOOT = BOOT.replace("0", "1")


def at(wall: float) -> Moment:
    return Moment(wall, MOMENT.boottime)


def known(**changed: object) -> Standing:
    return replace(STANDING, **changed)  # type: ignore[arg-type]


#: Code, what is refused, and what is accepted although it differs from that in one property only.
CASES: list[tuple[str, Case, Case]] = [
    ("site", (grant(iss="hq2"), STANDING, MOMENT), (GRANT, STANDING, MOMENT)),
    ("site", (GRANT, known(site="HQ"), MOMENT), (GRANT, known(site="hq"), MOMENT)),
    ("terminal", (grant(aud="T2"), STANDING, MOMENT), (GRANT, STANDING, MOMENT)),
    ("terminal", (GRANT, known(terminal="T10"), MOMENT), (GRANT, known(terminal="T1"), MOMENT)),
    ("used", (GRANT, known(used={"g-1"}), MOMENT), (GRANT, known(used={"g-11"}), MOMENT)),
    ("boot", (grant(boot=OTHER_BOOT), STANDING, MOMENT), (GRANT, STANDING, MOMENT)),
    ("boot", (GRANT, known(boot=OTHER_BOOT), MOMENT), (GRANT, known(boot=BOOT), MOMENT)),
    ("nonce", (grant(nonce="x" * 16), STANDING, MOMENT), (GRANT, STANDING, MOMENT)),
    ("nonce", (GRANT, known(nonce=""), MOMENT), (GRANT, STANDING, MOMENT)),
    ("counter", (grant(ctr=6), STANDING, MOMENT), (grant(ctr=7), STANDING, MOMENT)),
    ("counter", (GRANT, known(counter=7), MOMENT), (GRANT, known(counter=6), MOMENT)),
    ("clock_back", (GRANT, known(seen=NOW + 130.5), MOMENT), (GRANT, known(seen=NOW + 130.0), MOMENT)),
    ("clock_back", (GRANT, known(seen=nan), MOMENT), (GRANT, known(seen=0.0), MOMENT)),
    ("issued_ahead", (grant(iat=NOW + 131), STANDING, MOMENT), (grant(iat=NOW + 130), STANDING, MOMENT)),
    ("not_yet", (grant(nbf=NOW + 131), STANDING, MOMENT), (grant(nbf=NOW + 130), STANDING, MOMENT)),
    ("expired", (GRANT, STANDING, at(NOW + 600.0)), (GRANT, STANDING, at(NOW + 599.5))),
    ("expired", (grant(exp=NOW + 100), STANDING, MOMENT), (grant(exp=NOW + 101), STANDING, MOMENT)),
    ("window", (grant(exp=NOW + 601), STANDING, MOMENT), (grant(exp=NOW + 600), STANDING, MOMENT)),
    ("window", (GRANT, known(longest=599.0), MOMENT), (GRANT, known(longest=600.0), MOMENT)),
    ("window", (grant(nbf=NOW + 120, exp=NOW + 120), STANDING, MOMENT),
     (grant(nbf=NOW + 120, exp=NOW + 121), STANDING, MOMENT)),
]  # fmt: skip


@pytest.mark.parametrize(("code", "refused", "control"), CASES, ids=[f"{n}-{case[0]}" for n, case in enumerate(CASES)])
def test_one_property_decides(code: str, refused: Case, control: Case) -> None:
    verdict = judge(*refused)
    assert (verdict.code, verdict.accepted, verdict.ends) == (code, False, 0.0)
    assert verdict.reason == CODES[code]
    assert judge(*control).accepted


def test_every_code_has_a_case_and_a_sentence_of_its_own() -> None:
    told_by_reading = {*jwt.CODES, "claims", "scope"}
    assert {case[0] for case in CASES} | told_by_reading == set(CODES)
    assert not {case[0] for case in CASES} & told_by_reading
    assert ACCEPTED not in CODES
    sentences = {render(sentence, "en") for sentence in CODES.values()}
    assert len(sentences) == len(CODES)
    assert all(sentences)


def test_the_same_grant_twice_is_accepted_once() -> None:
    assert judge(GRANT, STANDING, MOMENT).accepted
    after = known(used={GRANT.jti}, counter=GRANT.ctr)
    assert judge(GRANT, after, MOMENT).code == "used"
    # The list of used ids is bounded: the counter alone holds too.
    assert judge(GRANT, known(counter=GRANT.ctr), MOMENT).code == "counter"
    assert judge(grant(jti="g-2", ctr=8), after, MOMENT).accepted


def test_a_grant_that_lay_about_over_a_reboot_is_refused_although_its_window_is_open() -> None:
    rebooted = known(boot=OTHER_BOOT, nonce="n" * 16)
    assert judge(GRANT, rebooted, Moment(NOW + 100.0, 3.0)).code == "boot"
    answered = grant(boot=OTHER_BOOT, nonce="n" * 16)
    assert judge(answered, rebooted, Moment(NOW + 100.0, 3.0)).ends == 503.0


class TestEnd:
    def test_is_what_is_left_of_the_window_on_the_clock_that_nobody_sets(self) -> None:
        assert judge(GRANT, STANDING, MOMENT) == Verdict(ACCEPTED, judge(GRANT, STANDING, MOMENT).reason, 5500.0)
        assert judge(GRANT, STANDING, replace(MOMENT, boottime=9.25)).ends == 509.25

    def test_is_never_later_than_the_windows_length_when_the_clock_is_a_little_behind(self) -> None:
        early = at(NOW - 20.0)
        assert judge(GRANT, STANDING, early).ends == MOMENT.boottime + 600.0
        assert judge(grant(exp=NOW + 60), STANDING, early).ends == MOMENT.boottime + 60.0

    def test_a_clock_set_back_by_the_snapshot_of_a_machine_opens_nothing(self) -> None:
        """A guest that was restored was 1411 s behind: its grants from then have not expired by its own clock."""
        restored = at(NOW + 100.0)
        assert judge(GRANT, known(seen=NOW + 1511.0), restored).code == "clock_back"
        assert judge(GRANT, known(seen=NOW + 100.0), restored).accepted

    @pytest.mark.parametrize("wall", [nan, inf, -inf])
    def test_a_clock_that_is_no_time_opens_nothing(self, wall: float) -> None:
        assert not judge(GRANT, known(seen=-inf), at(wall)).accepted
        assert judge(GRANT, known(seen=-inf), MOMENT).accepted


SECONDS = st.integers(NOW - 2000, NOW + 2000)


@given(
    st.builds(grant, iat=SECONDS, nbf=SECONDS, exp=SECONDS),
    SECONDS,
    SECONDS,
    st.integers(1, 2000),
    st.integers(0, 300),
)
def test_an_accepted_lease_is_inside_its_window_and_never_longer_than_allowed(
    made: Grant, wall: int, seen: int, longest: int, skew: int
) -> None:
    verdict = judge(made, known(seen=float(seen), longest=float(longest), skew=float(skew)), at(float(wall)))
    inside = made.nbf - skew <= wall < made.exp and made.iat - skew <= wall and seen - skew <= wall
    assert verdict.accepted == (inside and 0 < made.exp - made.nbf <= longest)
    if verdict.accepted:
        length = verdict.ends - MOMENT.boottime
        assert 0 < length <= min(longest, made.exp - made.nbf)
        assert wall + length <= made.exp


class TestRevocation:
    def test_is_followed_by_the_terminal_that_it_names(self) -> None:
        revoke = Revoke("hq", "T1", "g-1", NOW)
        assert judge_revoke(revoke, STANDING).accepted
        assert judge_revoke(replace(revoke, iss="hq2"), STANDING).code == "site"
        assert judge_revoke(replace(revoke, aud="T2"), STANDING).code == "terminal"

    @pytest.mark.parametrize("iat", [0, NOW - 10**8, NOW + 10**8])
    def test_needs_no_freshness(self, iat: int) -> None:
        assert judge_revoke(Revoke("hq", "T1", "*", iat), known(seen=inf, boot="", nonce="")).accepted

    def test_ends_one_lease_or_all(self) -> None:
        assert Revoke("hq", "T1", "g-1", NOW).ends("g-1")
        assert not Revoke("hq", "T1", "g-1", NOW).ends("g-11")
        assert Revoke("hq", "T1", "*", NOW).ends("g-1")

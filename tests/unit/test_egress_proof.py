"""A terminal's proof of 7.2d: its format, what is wrong with one, and the clause that is judged by the last of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from policies import canonical
from policies.clauses import c72d
from policies.clauses.c72d import EgressSight
from policies.comply import comply_egress
from policies.egress import judge_proof
from policies.errors import InputError
from policies.messages.event import MAX_EVENT
from policies.messages.proof import (
    LONGEST,
    MOST,
    MOST_PLACES,
    GuardState,
    Probed,
    ProbeKind,
    Proof,
    Result,
    Role,
    proof_data,
    read_proof,
    split_target,
)
from policies.model import Finding, Verdict
from policies.site import Site
from policies.terminal import Terminal, TerminalPlatform
from policies.texts import render

NOW = datetime(2026, 9, 7, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def probe(role: Role, kind: ProbeKind, target: str, result: Result) -> Probed:
    return Probed(role, kind, target, result)


CONTROLS = (
    probe(Role.CONTROL, ProbeKind.ICMP, "10.1.0.2", Result.ANSWERED),
    probe(Role.CONTROL, ProbeKind.TCP, "10.1.0.2:8883", Result.ANSWERED),
    probe(Role.CONTROL, ProbeKind.UDP, "10.1.0.2:123", Result.REFUSED),
)
CANARIES = (
    probe(Role.CANARY, ProbeKind.ICMP, "198.18.0.2", Result.BLOCKED),
    probe(Role.CANARY, ProbeKind.TCP, "198.18.0.2:443", Result.SILENT),
    probe(Role.CANARY, ProbeKind.TCP, "[2001:2::2]:443", Result.NO_FAMILY),
    probe(Role.CANARY, ProbeKind.UDP, "198.18.0.2:123", Result.NO_ROUTE),
    probe(Role.CANARY, ProbeKind.DNS, "198.18.0.2:53", Result.NO_ROUTE),
    probe(Role.CANARY, ProbeKind.NAME, "10.1.0.2:53", Result.UNRESOLVED),
)
GOOD = Proof(GuardState.IN_FORCE, "ab" * 32, ("10.1.0.0/24",), 50_000, (*CONTROLS, *CANARIES))
PROOF_DATA: dict[str, Any] = {
    **proof_data(replace(GOOD, routes=("default via 10.1.0.1 dev eth0",), links=("wlan0 wifi up",), denied=7))
}
GUARD = Terminal("guard-1", TerminalPlatform.LINUX, agent=True, place="r", owner="o")
SIGHT = EgressSight(NOW - 30 * DAY, GOOD, NOW, 12)


def said(proof: Proof) -> list[tuple[str, str]]:
    return [(verdict.value, render(text, "en")) for verdict, text in judge_proof(proof)]


class TestFormat:
    def test_what_is_told_is_read_back(self) -> None:
        whole = replace(
            GOOD, routes=("default via 10.1.0.1",), links=("wlan0 wifi down",), modems=("ttyUSB0 option",),
            resolvers=("9.9.9.9 /etc/resolv.conf",), proxies=("/etc/environment http_proxy",),
            sockets=("tcp 10.1.0.5:1 9.9.9.9:443",), unseen=("routes: no ip",), denied=3, left_out=1,
        )  # fmt: skip
        data = canonical.decode(canonical.encode(proof_data(whole)))
        assert isinstance(data, dict)
        assert read_proof(data) == whole

    def test_what_is_too_long_or_too_much_is_cut_and_counted(self) -> None:
        data = proof_data(replace(GOOD, sockets=tuple(f"tcp {n}" for n in range(MOST + 5)), links=("x\n\u202e" * 99,)))
        assert data["left_out"] == 5
        read = read_proof(data)
        assert len(read.sockets) == MOST
        assert read.links[0].isprintable()
        assert len(read.links[0]) == LONGEST

    def test_the_fullest_proof_fits_into_an_event(self) -> None:
        hostile = ('\\"\n\u202e' * LONGEST,)
        lists = ("routes", "links", "modems", "resolvers", "proxies", "sockets", "unseen")
        longest = probe(Role.CANARY, ProbeKind.ICMP, "1111:1111:1111:1111:1111:1111:255.255.255.255", Result.UNRESOLVED)
        full = replace(
            GOOD, networks=hostile * MOST_PLACES, probes=(longest,) * MOST_PLACES,
            **dict.fromkeys(lists, hostile * MOST),  # type: ignore[arg-type]
        )  # fmt: skip
        assert len(canonical.encode(dict(proof_data(full)))) < MAX_EVENT - 1000

    @given(some.dictionaries(some.sampled_from(sorted(PROOF_DATA)), some.one_of(
        some.none(), some.integers(), some.text(), some.lists(some.text(), max_size=30), some.booleans())))  # fmt: skip
    def test_noise_is_refused_as_an_input_error_and_nothing_else(self, noise: dict[str, Any]) -> None:
        try:
            read_proof(PROOF_DATA | noise)
        except InputError:
            return
        assert set(PROOF_DATA | noise) == set(PROOF_DATA)

    @pytest.mark.parametrize("change", [
        {"guard": "off"}, {"rules": "x"}, {"denied": -1}, {"more": 1}, {"at_ms": True}, {"links": [""]},
        {"probes": ["canary tcp 1.2.3.4 gone"]}, {"links": "wlan0"},
    ])  # fmt: skip
    def test_each_part_that_is_wrong_is_refused(self, change: dict[str, Any]) -> None:
        with pytest.raises(InputError):
            read_proof(PROOF_DATA | change)

    @pytest.mark.parametrize(("text", "read"), [
        ("10.1.0.2", ("10.1.0.2", 0)), ("10.1.0.2:53", ("10.1.0.2", 53)), ("fd00::2", ("fd00::2", 0)),
        ("[fd00::2]:53", ("fd00::2", 53)),
    ])  # fmt: skip
    def test_a_target_is_an_address_with_or_without_a_port(self, text: str, read: tuple[str, int]) -> None:
        assert split_target(text) == read

    @pytest.mark.parametrize("text", ["", "x", "10.1.0.2:0", "10.1.0.2:65536", "[10.1.0.2]:53", "10.1.0", "[fd00::2]"])
    def test_anything_else_is_none(self, text: str) -> None:
        with pytest.raises(InputError):
            split_target(text)


#: What is wrong with a proof, and how it says so.
WRONG: dict[str, tuple[Proof, str, str]] = {
    "no rules": (replace(GOOD, guard=GuardState.ABSENT), "fail", "the guard's rules are not in force"),
    "damaged file": (replace(GOOD, guard=GuardState.DENIES_ALL), "unverified", "denies everything"),
    "default route": (replace(GOOD, routes=("default via 10.1.0.1",)), "fail", "a route leads outside: default"),
    "Wi-Fi": (replace(GOOD, links=("wlan0 wifi up",)), "fail", "Wi-Fi is on: wlan0"),
    "Wi-Fi that is off": (replace(GOOD, links=("wlan0 wifi down",)), "manual", "there is Wi-Fi, which is off"),
    "modem": (replace(GOOD, links=("wwan0 modem down",)), "fail", "a mobile modem is there: wwan0"),
    "modem's port": (replace(GOOD, modems=("ttyUSB0 option",)), "fail", "a mobile modem is there: ttyUSB0"),
    "tether": (replace(GOOD, links=("usb0 tether down",)), "fail", "a network over USB"),
    "second network": (replace(GOOD, links=("eth1 foreign up",)), "fail", "an address outside the site's networks"),
    "some other kind": (replace(GOOD, links=("x0 odd up",)), "fail", "an interface leads outside: x0"),
    "name server": (replace(GOOD, resolvers=("9.9.9.9 /etc/resolv.conf",)), "fail", "a name server is outside"),
    "proxy": (replace(GOOD, proxies=("/etc/environment http_proxy",)), "fail", "a proxy is set"),
    "connection": (replace(GOOD, sockets=("tcp 10.1.0.5:1 9.9.9.9:443",)), "fail", "a connection leads outside"),
    "blind": (replace(GOOD, unseen=("routes: no ip",)), "unverified", "it could not be looked at: routes"),
    "cut": (replace(GOOD, left_out=3), "unverified", "3 more things found no room"),
}


class TestJudgement:
    def test_no_way_out_and_controls_that_answer_are_right(self) -> None:
        assert said(GOOD) == []

    @pytest.mark.parametrize("what", WRONG)
    def test_each_thing_that_is_wrong_is_named(self, what: str) -> None:
        proof, verdict, words = WRONG[what]
        ((found, text),) = said(proof)
        assert found == verdict
        assert words in text

    @pytest.mark.parametrize("result", [Result.ANSWERED, Result.REFUSED])
    @pytest.mark.parametrize("number", range(len(CANARIES)))
    def test_a_canary_that_reached_anybody_fails(self, number: int, result: Result) -> None:
        canaries = list(CANARIES)
        canaries[number] = replace(canaries[number], result=result)
        ((verdict, text),) = said(replace(GOOD, probes=(*CONTROLS, *canaries)))
        assert verdict == "fail"
        assert canaries[number].target in text

    @pytest.mark.parametrize("number", range(len(CONTROLS)))
    def test_canaries_that_fail_prove_nothing_without_a_control_of_their_kind(self, number: int) -> None:
        gone = [each for place, each in enumerate(CONTROLS) if place != number]
        silent = [*gone, replace(CONTROLS[number], result=Result.SILENT)]
        for controls in (gone, silent):
            ((verdict, text),) = said(replace(GOOD, probes=(*controls, *CANARIES)))
            assert verdict == "unverified"
            assert "a failed canary proves nothing" in text
            assert CONTROLS[number].kind in text

    def test_a_site_with_ipv6_needs_a_control_over_it(self) -> None:
        both = replace(GOOD, networks=("10.1.0.0/24", "fd00::/64"))
        assert said(both) == [
            ("unverified", "no control inside the site answered for tcp/IPv6: a failed canary proves nothing")
        ]
        six = probe(Role.CONTROL, ProbeKind.TCP, "[fd00::2]:8883", Result.ANSWERED)
        assert said(replace(both, probes=(*both.probes, six))) == []

    def test_kinds_that_no_canary_tries_are_named(self) -> None:
        ((verdict, text),) = said(replace(GOOD, probes=CONTROLS))
        assert (verdict, text) == ("unverified", "no canary is declared for icmp, tcp, udp, dns, ipv6")


def judged(sight: EgressSight | None, terminal: Terminal = GUARD) -> list[Finding]:
    return list(c72d.judge(terminal, sight))


class TestClause:
    @pytest.mark.clause("7.2d")
    def test_a_fresh_proof_without_a_way_out_passes_and_says_what_was_tried(self) -> None:
        (found,) = judged(SIGHT)
        assert found.verdict is Verdict.PASS
        assert str(found.text) == ("6 of 6 canaries failed, 3 of 3 controls answered; since 2026-08-08 0 interruptions")
        assert found.evidence_at == NOW

    @pytest.mark.clause("7.2d")
    def test_a_way_out_fails_by_name_under_the_entry_that_tells_it(self) -> None:
        found = judged(replace(SIGHT, proof=WRONG["default route"][0]))
        assert [(each.subject, each.verdict) for each in found] == [
            ("guard-1/#12", Verdict.FAIL), ("guard-1", Verdict.FAIL),
        ]  # fmt: skip

    @pytest.mark.clause("7.2d")
    @pytest.mark.parametrize("sight", [
        None, EgressSight(NOW), EgressSight(NOW, unreadable=True), replace(SIGHT, ended=NOW),
        replace(SIGHT, proof=replace(GOOD, probes=CANARIES)),
    ], ids=["unknown", "nothing proved", "unreadable", "stopped", "no control"])  # fmt: skip
    def test_without_a_proof_it_is_unverified_and_never_a_pass(self, sight: EgressSight | None) -> None:
        assert {each.verdict for each in judged(sight)} == {Verdict.UNVERIFIED}

    @pytest.mark.clause("7.2d")
    def test_a_terminal_without_an_agent_is_for_a_person(self) -> None:
        (found,) = judged(None, replace(GUARD, agent=False))
        assert found.verdict is Verdict.MANUAL

    def test_interruptions_are_counted_with_the_last_one(self) -> None:
        (found,) = judged(replace(SIGHT, interruptions=2, last_interruption=NOW))
        assert found.verdict is Verdict.PASS
        assert "2 interruptions, the last at 2026-09-07T10:00:00" in str(found.text)

    @pytest.mark.clause("7.2d")
    @pytest.mark.parametrize(("age", "verdict"), [(DAY, Verdict.PASS), (DAY + timedelta(seconds=1), Verdict.UNVERIFIED),
                                                  (-timedelta(hours=1), Verdict.UNVERIFIED)])  # fmt: skip
    def test_an_old_proof_is_unverified(self, age: timedelta, verdict: Verdict) -> None:
        site = Site("park", Path("/nowhere"), terminals=(GUARD,))
        (found,) = comply_egress(site, {"guard-1": replace(SIGHT, measured=NOW - age)}, NOW)
        assert found.verdict is verdict

    def test_an_old_leak_still_fails(self) -> None:
        site = Site("park", Path("/nowhere"), terminals=(GUARD,))
        sight = replace(SIGHT, proof=WRONG["proxy"][0], measured=NOW - 9 * DAY)
        assert {each.verdict for each in comply_egress(site, {"guard-1": sight}, NOW)} == {Verdict.FAIL}

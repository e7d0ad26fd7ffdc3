"""7.2a: every USB port of every terminal is enumerated, and default-deny is read back; what was not seen fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from policies.comply import comply_terminals, verdict
from policies.model import Finding, Verdict
from policies.site import Parameters, Site
from policies.terminal import (
    Census,
    HiddenController,
    LockLevel,
    PortLock,
    RegisteredPort,
    Terminal,
    TerminalEvidence,
    TerminalPlatform,
)
from tests.unit.test_terminal_register import BOARD, BOUND, CENSUS, REGISTER, REPORT, STICK, THREE, TWO, with_device

GUARD = Terminal("guard-1", TerminalPlatform.LINUX, True, "room 1", "office", register=REGISTER)
LOCK = PortLock(LockLevel.ATTESTED, "KeyLock U4", "U4-1", "Wang Li", "GA 17", date(2026, 12, 31))
RECORDER = Terminal(
    "nvr-1", TerminalPlatform.RECORDER, False, "rack 2", "office", photo="nvr.jpg", register=REGISTER[:2], lock=LOCK
)
NOW = REPORT.taken_at + timedelta(minutes=5)
INTERNAL = "usb2 (0000:00:14.0) admits new devices on ports that the firmware calls internal"


def judged(
    terminal: Terminal = GUARD,
    census: Census | None = CENSUS,
    *,
    age: float = 300,
    evidence: Mapping[str, TerminalEvidence] | None = None,
) -> list[Finding]:
    site = Site("demo", Path("/nowhere"), terminals=(terminal,))
    if evidence is None:
        known = None if census is None else TerminalEvidence(replace(REPORT, census=census), (BOUND,))
        evidence = {} if known is None else {terminal.name: known}
    found = comply_terminals(site, evidence, REPORT.taken_at + timedelta(seconds=age))
    assert found
    assert {finding.clause for finding in found} == {"7.2a"}
    return found


def told(found: list[Finding], wanted: Verdict) -> list[tuple[str, str]]:
    return [(finding.subject, str(finding.text)) for finding in found if finding.verdict is wanted]


@pytest.mark.clause("7.2a")
class TestWithAgent:
    def test_a_terminal_whose_ports_are_all_registered_seen_and_shut_passes(self) -> None:
        (finding,) = judged()
        assert finding.verdict is Verdict.PASS
        assert finding.subject == "guard-1"
        assert str(finding.text) == "3 of 3 USB ports are registered, seen and shut or bound (100.0 %)"
        assert finding.evidence_at == REPORT.taken_at

    def test_a_terminal_without_a_census_is_unverified(self) -> None:
        assert told(judged(census=None), Verdict.UNVERIFIED) == [("guard-1", "there is no census of its USB ports")]

    @pytest.mark.parametrize(("age", "holds"), [(86_400, True), (86_401, False), (-300, True), (-301, False)])
    def test_a_census_counts_for_as_long_as_the_site_says(self, age: float, holds: bool) -> None:
        assert (verdict(judged(age=age)) is Verdict.PASS) is holds
        assert (verdict(judged(age=age)) is Verdict.UNVERIFIED) is not holds

    def test_the_age_is_the_sites(self) -> None:
        site = Site("demo", Path("/nowhere"), parameters=Parameters(evidence_max_age_s=60), terminals=(GUARD,))
        found = comply_terminals(site, {"guard-1": TerminalEvidence(REPORT, (BOUND,))}, NOW)
        assert verdict(found) is Verdict.UNVERIFIED
        assert "too old to count" in str(found[0].text)

    def test_a_failure_stays_one_however_old(self) -> None:
        assert verdict(judged(replace(GUARD, register=REGISTER[:2]), age=1e7)) is Verdict.FAIL

    def test_a_port_that_the_register_does_not_know_fails_by_its_path(self) -> None:
        found = judged(replace(GUARD, register=(REGISTER[0], REGISTER[2])))
        assert told(found, Verdict.FAIL) == [
            (f"guard-1/{TWO}2", "this USB port is not in the register, and 046d:c31c Stick is in it"),
            ("guard-1", "2 of 3 USB ports are registered, seen and shut or bound (66.6 %)"),
        ]

    def test_a_registered_port_that_was_not_seen_fails_by_its_label(self) -> None:
        found = judged(replace(GUARD, register=(*REGISTER, RegisteredPort(f"{TWO}9", "side"))))
        assert (
            f"guard-1/{TWO}9",
            "the register names the USB port side, and the census does not show it",
        ) in told(found, Verdict.FAIL)

    def test_an_empty_register_fails_for_every_port(self) -> None:
        found = told(judged(replace(GUARD, register=())), Verdict.FAIL)
        assert len(found) == 4
        assert found[-1][1].startswith("0 of 3 USB ports")

    def test_a_port_that_is_registered_twice_fails(self) -> None:
        found = judged(replace(GUARD, register=(*REGISTER, RegisteredPort(f"{THREE}1", "rear blue"))))
        assert ("guard-1", "the register names one USB port twice; the second entry is rear blue") in told(
            found, Verdict.FAIL
        )

    @pytest.mark.parametrize(
        ("default", "interfaces", "wanted", "says"),
        [
            (1, False, Verdict.FAIL, "usb2 (0000:00:14.0) admits new devices"),
            (7, False, Verdict.FAIL, "usb2 (0000:00:14.0) admits new devices"),
            (2, False, Verdict.FAIL, INTERNAL),
            (0, True, Verdict.FAIL, "usb2 (0000:00:14.0) admits every interface of an admitted device"),
            (1, None, Verdict.FAIL, "usb2 (0000:00:14.0) admits new devices"),
            (None, False, Verdict.UNVERIFIED, "whether usb2 (0000:00:14.0) refuses new devices could not be read"),
            (0, None, Verdict.UNVERIFIED, "whether usb2 (0000:00:14.0) refuses new devices could not be read"),
        ],
    )  # fmt: skip
    def test_a_bus_that_does_not_refuse_is_named(
        self, default: int | None, interfaces: bool | None, wanted: Verdict, says: str
    ) -> None:
        bus = replace(CENSUS.controllers[1], authorized_default=default, interface_authorized_default=interfaces)
        found = judged(census=replace(CENSUS, controllers=(CENSUS.controllers[0], bus)))
        assert ("guard-1/usb2", says) in told(found, wanted)
        assert verdict(found) is wanted

    @pytest.mark.parametrize(
        ("default", "wanted"), [(-1, Verdict.FAIL), (1, Verdict.FAIL), (2, Verdict.FAIL), (None, Verdict.UNVERIFIED)]
    )
    def test_controllers_to_come_must_refuse_too(self, default: int | None, wanted: Verdict) -> None:
        found = judged(census=replace(CENSUS, new_controllers=default))
        assert verdict(found) is wanted
        assert any("added later" in text for _, text in told(found, wanted))

    def test_an_admitted_device_that_nobody_bound_fails(self) -> None:
        found = judged(census=with_device(f"{THREE}2", replace(STICK, authorized=True)))
        assert (
            f"guard-1/{THREE}2",
            "046d:c31c Stick is admitted, and neither bound nor on a lease",
        ) in told(found, Verdict.FAIL)

    def test_a_device_that_left_while_it_was_read_is_unverified(self) -> None:
        found = judged(census=with_device(f"{TWO}1", replace(BOARD, authorized=None)))
        assert verdict(found) is Verdict.UNVERIFIED

    @pytest.mark.parametrize(("driver", "says"), [("", "has no driver"), ("vfio-pci", "is handed to vfio-pci")])
    def test_a_controller_that_shows_no_bus_fails(self, driver: str, says: str) -> None:
        found = judged(census=replace(CENSUS, hidden=(HiddenController("0000:3c:00.0", driver),)))
        ((subject, text), _) = told(found, Verdict.FAIL)
        assert subject == "guard-1/0000:3c:00.0"
        assert says in text

    def test_a_machine_that_shows_no_usb_is_left_to_a_person(self) -> None:
        nothing = Census((), (), (), None)
        assert verdict(judged(replace(GUARD, register=()), nothing)) is Verdict.MANUAL
        assert verdict(judged(GUARD, nothing)) is Verdict.FAIL

    def test_a_census_of_another_terminal_proves_nothing(self) -> None:
        other = TerminalEvidence(replace(REPORT, terminal="guard-2"), (BOUND,))
        assert verdict(judged(evidence={"guard-1": other})) is Verdict.UNVERIFIED

    def test_a_terminal_that_reports_and_is_not_declared_fails(self) -> None:
        known = {name: TerminalEvidence(replace(REPORT, terminal=name), (BOUND,)) for name in ("guard-1", "guard-9")}
        assert told(judged(evidence=known), Verdict.FAIL) == [
            ("guard-9", "this terminal reports, but the site does not declare it")
        ]


@pytest.mark.clause("7.2a")
class TestWithoutAgent:
    def test_a_registered_and_attested_terminal_is_left_to_a_person(self) -> None:
        (finding,) = judged(RECORDER, None)
        assert finding.verdict is Verdict.MANUAL
        for part in ("Wang Li", "GA 17", "2026-12-31", "2 registered USB ports"):
            assert part in str(finding.text)

    @pytest.mark.parametrize(
        ("terminal", "says"),
        [
            (replace(RECORDER, register=()), "names no USB port"),
            (replace(RECORDER, lock=PortLock()), "nobody attests"),
            (replace(RECORDER, lock=PortLock(LockLevel.SENSED, "M", "id")), "nobody attests"),
            (replace(RECORDER, lock=replace(LOCK, expires=date(2026, 11, 21))), "has expired on 2026-11-21"),
            (replace(RECORDER, photo=""), "no photo"),
        ],
        ids=["no register", "no lock", "a lock without a person", "expired", "no photo"],
    )
    def test_one_that_is_not_registered_and_attested_fails(self, terminal: Terminal, says: str) -> None:
        ((_, text),) = told(judged(terminal, None), Verdict.FAIL)
        assert says in text

    def test_an_attestation_holds_through_its_last_day(self) -> None:
        last = replace(RECORDER, lock=replace(LOCK, expires=NOW.date()))
        assert verdict(judged(last, None)) is Verdict.MANUAL

    def test_a_census_does_not_make_it_pass(self) -> None:
        assert verdict(judged(RECORDER, CENSUS)) is Verdict.MANUAL


def test_a_site_without_terminals_has_no_finding() -> None:
    assert comply_terminals(Site("demo", Path("/nowhere")), {}, NOW) == []

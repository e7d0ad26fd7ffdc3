"""comply(expected, observed): verdicts by sub-clause; nothing that was not seen may pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from policies.comply import comply, verdict
from policies.model import (
    Binding,
    ExpectedPort,
    ExpectedSwitch,
    Finding,
    Learned,
    Neighbour,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortConfig,
    PortMode,
    PortRole,
    SecureMac,
    Verdict,
)
from policies.plan import SETTINGS
from policies.settings import SETTING_WORDS
from policies.site import Parameters, Uplink
from policies.texts import t
from tests.unit.switch_states import (
    CAM,
    CAM2,
    CAPABLE,
    FACTORY,
    READ_AT,
    ROGUE,
    SITE,
    bound,
    expected,
    merged,
    observed,
    sealed,
)

SEALED = merged(FACTORY, sealed(CAM))
SHUT = ExpectedPort("Gi2", PortRole.SHUT, PortConfig(access_vlan=999, admin_up=False), t("unused"))
SHUT_SEEN = ObservedPort("Gi2", replace(FACTORY, mode=PortMode.ACCESS, access_vlan=999, admin_up=False), Oper.DOWN)
UPLINK = ExpectedPort("Gi9", PortRole.UPLINK, PortConfig(allowed_vlans=frozenset({100, 7})), t("declared uplink"))


#: The switch of the tests, and the inventory's bindings on it.
SW1 = replace(SITE.switches[0], ports=("Gi1", "Gi2", "Gi3", "Gi9"), uplinks=(Uplink("Gi9", frozenset({100, 7})),))
DEMO = replace(SITE, switches=(SW1,))
BINDINGS = (Binding("cam1", "sw1", "Gi1", 100), Binding("cam2", "sw1", "Gi3", 100))


def seen(*macs: str, port: str = "Gi1", config: PortConfig = SEALED, oper: Oper = Oper.UP) -> ObservedPort:
    return ObservedPort(port, config, oper, learned=frozenset(Learned(mac, 100) for mac in macs))


def judged(wanted: ExpectedSwitch, switch: ObservedSwitch | None, clause: str, age: float = 60.0) -> list[Finding]:
    now = READ_AT + timedelta(seconds=age)
    found = comply(DEMO, {"sw1": wanted}, {} if switch is None else {"sw1": switch}, [CAM, CAM2], BINDINGS, now)
    assert {finding.clause for finding in found} == {"7.1a", "7.1b", "7.1c"}
    return [finding for finding in found if finding.clause == clause]


def at(findings: list[Finding], subject: str) -> list[tuple[Verdict, str]]:
    return [(finding.verdict, str(finding.text)) for finding in findings if finding.subject == subject]


def verdicts(findings: list[Finding]) -> set[Verdict]:
    return {finding.verdict for finding in findings}


GOOD = observed(seen(CAM.mac), SHUT_SEEN)
WANTED = expected(bound("Gi1", CAM), SHUT)


class TestAsItMustBe:
    @pytest.mark.clause("7.1b")
    @pytest.mark.clause("7.1c")
    @pytest.mark.parametrize("clause", ["7.1b", "7.1c"])
    def test_a_switch_as_the_inventory_demands_passes(self, clause: str) -> None:
        assert verdicts(judged(WANTED, GOOD, clause)) == {Verdict.PASS}

    @pytest.mark.clause("7.1a")
    def test_the_dedicated_network_passes_what_was_read_and_leaves_the_rest_to_a_person(self) -> None:
        assert verdicts(judged(WANTED, GOOD, "7.1a")) == {Verdict.PASS, Verdict.MANUAL}

    def test_every_finding_carries_the_time_of_its_evidence(self) -> None:
        assert {
            finding.evidence_at for clause in ("7.1a", "7.1b", "7.1c") for finding in judged(WANTED, GOOD, clause)
        } == {READ_AT}


class TestEvidence:
    @pytest.mark.parametrize("clause", ["7.1a", "7.1b", "7.1c"])
    def test_an_unread_switch_is_unverified(self, clause: str) -> None:
        assert verdicts(judged(WANTED, None, clause)) == {Verdict.UNVERIFIED}

    @pytest.mark.parametrize("clause", ["7.1a", "7.1b", "7.1c"])
    @pytest.mark.parametrize("age", [86_401.0, -301.0], ids=["too old", "from a time to come"])
    def test_old_evidence_proves_nothing_and_neither_does_evidence_from_the_future(
        self, clause: str, age: float
    ) -> None:
        assert Verdict.PASS not in verdicts(judged(WANTED, GOOD, clause, age))

    @pytest.mark.parametrize("age", [86_400.0, -300.0])
    def test_evidence_at_the_edge_still_counts(self, age: float) -> None:
        assert verdicts(judged(WANTED, GOOD, "7.1c", age)) == {Verdict.PASS}

    def test_a_failure_stays_one_however_old(self) -> None:
        bad = observed(seen(CAM.mac, config=FACTORY), SHUT_SEEN)
        assert Verdict.FAIL in verdicts(judged(WANTED, bad, "7.1c", 1e7))

    def test_the_age_is_the_sites(self) -> None:
        site = replace(DEMO, parameters=Parameters(evidence_max_age_s=10))
        found = comply(site, {"sw1": WANTED}, {"sw1": GOOD}, [CAM], BINDINGS, READ_AT + timedelta(seconds=11))
        assert Verdict.PASS not in verdicts(found)


class TestDedicatedNetwork:
    pytestmark = pytest.mark.clause("7.1a")

    def test_an_unknown_mac_on_the_face_vlan_fails_where_it_is(self) -> None:
        found = at(judged(WANTED, observed(seen(CAM.mac, ROGUE), SHUT_SEEN), "7.1a"), "sw1/Gi1")
        assert [each for each, _ in found] == [Verdict.FAIL]
        assert ROGUE in found[0][1]

    def test_a_mac_without_a_vlan_counts_in_the_ports_own(self) -> None:
        port = replace(seen(), learned=frozenset({Learned(ROGUE, None)}))
        assert Verdict.FAIL in verdicts(judged(WANTED, observed(port, SHUT_SEEN), "7.1a"))

    @pytest.mark.parametrize("entry", [Learned(ROGUE, 7), Learned(ROGUE, 100, "self")], ids=["other VLAN", "switch"])
    def test_other_vlans_and_the_switches_own_macs_are_not_foreign(self, entry: Learned) -> None:
        port = replace(seen(), learned=frozenset({entry}))
        assert Verdict.FAIL not in verdicts(judged(WANTED, observed(port, SHUT_SEEN), "7.1a"))

    def test_the_unknown_macs_of_a_port_are_one_finding_however_many(self) -> None:
        macs = [f"02:ba:d0:00:00:{number:02x}" for number in range(7)]
        found = at(judged(WANTED, observed(seen(CAM.mac, *macs), SHUT_SEEN), "7.1a"), "sw1/Gi1")
        said = f"7 unknown MACs are on the face VLAN: {', '.join(macs[:5])}, …"
        assert found == [(Verdict.FAIL, said)]

    def test_an_exception_from_binding_is_none_from_the_dedicated_network(self) -> None:
        excepted = ExpectedPort("Gi2", PortRole.EXCEPTED, PortConfig(), t("excepted"))
        found = judged(expected(bound("Gi1", CAM), excepted), observed(seen(CAM.mac), seen(ROGUE, port="Gi2")), "7.1a")
        assert at(found, "sw1/Gi2") == [(Verdict.FAIL, f"the unknown MAC {ROGUE} is on the face VLAN")]

    @pytest.mark.parametrize("config", [PortConfig(access_vlan=7), PortConfig(access_vlan=7, mode=PortMode.ACCESS)])
    def test_a_voice_vlan_counts_as_one_of_the_ports(self, config: PortConfig) -> None:
        told = {"learned": frozenset({Learned(ROGUE, None)}), "voice_vlan": 100}
        stranger = ObservedPort("Gi7", config, Oper.UP, **told)  # type: ignore[arg-type]
        found = at(judged(WANTED, observed(seen(CAM.mac), SHUT_SEEN, stranger), "7.1a"), "sw1/Gi7")
        assert [each for each, _ in found] == [Verdict.FAIL, Verdict.FAIL]

    @pytest.mark.parametrize(
        ("config", "leaks"),
        [
            (replace(FACTORY, mode=PortMode.ACCESS, access_vlan=100), True),
            (replace(FACTORY, mode=PortMode.TRUNK), True),
            (replace(FACTORY, mode=PortMode.DYNAMIC), True),
            (replace(FACTORY, mode=None), True),
            (replace(FACTORY, mode=PortMode.TRUNK, allowed_vlans=frozenset({7})), False),
            (replace(FACTORY, mode=PortMode.ACCESS, access_vlan=7), False),
            (replace(FACTORY, mode=PortMode.ROUTED), False),
        ],
        ids=["access", "trunk of all", "negotiates", "unknown", "other trunk", "other VLAN", "routed"],
    )
    def test_an_undeclared_port_that_carries_the_face_vlan_fails(self, config: PortConfig, leaks: bool) -> None:
        stranger = ObservedPort("Gi7", config, Oper.UP)
        found = at(judged(WANTED, observed(seen(CAM.mac), SHUT_SEEN, stranger), "7.1a"), "sw1/Gi7")
        assert bool(found) is leaks

    @pytest.mark.parametrize(
        ("vlans", "expects"),
        [
            (frozenset({100, 7}), None),
            (frozenset({100, 7, 8}), Verdict.FAIL),
            (frozenset({100}), Verdict.FAIL),
            (None, Verdict.UNVERIFIED),
        ],
        ids=["as declared", "one more", "one less", "not read"],
    )
    def test_an_uplink_carries_the_declared_vlans(self, vlans: frozenset[int] | None, expects: Verdict | None) -> None:
        port = ObservedPort("Gi9", replace(FACTORY, mode=PortMode.TRUNK, allowed_vlans=vlans), Oper.UP)
        found = at(judged(expected(bound("Gi1", CAM), UPLINK), observed(seen(CAM.mac), port), "7.1a"), "sw1/Gi9")
        assert [each for each, _ in found] == ([expects] if expects else [])

    @pytest.mark.parametrize(
        ("config", "trunking", "expects"),
        [
            ({"mode": PortMode.ACCESS, "access_vlan": 100}, None, [Verdict.FAIL]),
            ({"mode": PortMode.ROUTED}, None, [Verdict.FAIL]),
            ({"mode": PortMode.DYNAMIC}, False, [Verdict.UNVERIFIED]),
            ({"mode": PortMode.DYNAMIC}, True, []),
            ({"mode": None}, None, [Verdict.UNVERIFIED]),
        ],
        ids=["access", "routed", "negotiates, no trunk", "negotiated a trunk", "not read"],
    )
    def test_an_uplink_with_vlans_is_a_trunk(
        self, config: dict[str, object], trunking: bool | None, expects: list[Verdict]
    ) -> None:
        settings = replace(FACTORY, allowed_vlans=frozenset({100, 7}), **config)  # type: ignore[arg-type]
        port = ObservedPort("Gi9", settings, Oper.UP, trunking=trunking)
        found = at(judged(expected(bound("Gi1", CAM), UPLINK), observed(seen(CAM.mac), port), "7.1a"), "sw1/Gi9")
        assert [each for each, _ in found] == expects

    @pytest.mark.parametrize(("native", "expects"), [(999, []), (100, [Verdict.FAIL]), (None, [Verdict.UNVERIFIED])])
    def test_an_uplink_has_the_declared_native_vlan(self, native: int | None, expects: list[Verdict]) -> None:
        wanted = replace(UPLINK, config=replace(UPLINK.config, native_vlan=999))
        config = replace(FACTORY, mode=PortMode.TRUNK, allowed_vlans=frozenset({100, 7}), native_vlan=native)
        switch = observed(seen(CAM.mac), ObservedPort("Gi9", config, Oper.UP))
        found = at(judged(expected(bound("Gi1", CAM), wanted), switch, "7.1a"), "sw1/Gi9")
        assert [each for each, _ in found] == expects

    def test_an_uplink_of_which_the_site_says_no_vlans_proves_nothing(self) -> None:
        wanted = expected(bound("Gi1", CAM), replace(UPLINK, config=PortConfig()))
        found = judged(wanted, observed(seen(CAM.mac), ObservedPort("Gi9", FACTORY, Oper.UP)), "7.1a")
        assert at(found, "sw1/Gi9") == [(Verdict.UNVERIFIED, "the site does not say which VLANs this uplink may carry")]
        assert Verdict.PASS not in verdicts(found)

    def test_a_member_of_a_declared_uplinks_channel_is_no_stranger(self) -> None:
        trunk = replace(FACTORY, mode=PortMode.TRUNK, allowed_vlans=frozenset({100, 7}))
        channel = replace(UPLINK, name="Port-channel1")
        switch = observed(
            seen(CAM.mac),
            ObservedPort("Port-channel1", trunk, Oper.UP),
            ObservedPort("Gi8", trunk, Oper.UP, channel="Port-channel1"),
        )
        for clause in ("7.1a", "7.1b"):
            assert not at(judged(expected(bound("Gi1", CAM), channel), switch, clause), "sw1/Gi8")

    def test_a_site_without_a_face_vlan_fails(self) -> None:
        found = comply(replace(DEMO, vlans=()), {"sw1": WANTED}, {"sw1": GOOD}, [CAM], BINDINGS, READ_AT)
        assert Verdict.FAIL in {finding.verdict for finding in found if finding.clause == "7.1a"}


class TestCoverage:
    pytestmark = pytest.mark.clause("7.1b")

    def test_the_coverage_is_counted_over_declared_and_undeclared_ports(self) -> None:
        stranger = ObservedPort("Gi7", FACTORY, Oper.UP)
        found = at(judged(WANTED, observed(seen(CAM.mac), SHUT_SEEN, stranger), "7.1b"), "sw1")
        assert found == [(Verdict.FAIL, "2 of 3 ports are managed (66.7 %)")]

    @pytest.mark.parametrize(
        ("oper", "admin_up", "bad"),
        [
            (Oper.UP, True, True),
            (Oper.DOWN, True, True),
            (Oper.DOWN, None, True),
            (Oper.UNKNOWN, False, True),
            (Oper.BLOCKED, True, True),
            (Oper.DOWN, False, False),
        ],
    )
    def test_an_undeclared_port_is_managed_only_when_it_is_shut(
        self, oper: Oper, admin_up: bool | None, bad: bool
    ) -> None:
        stranger = ObservedPort("Gi7", replace(FACTORY, admin_up=admin_up), oper)
        found = at(judged(WANTED, observed(seen(CAM.mac), SHUT_SEEN, stranger), "7.1b"), "sw1/Gi7")
        assert bool(found) is bad

    @pytest.mark.parametrize(
        ("config", "expects"),
        [
            (replace(SHUT_SEEN.config, admin_up=True), Verdict.FAIL),
            (replace(SHUT_SEEN.config, admin_up=None), Verdict.UNVERIFIED),
            (replace(SHUT_SEEN.config, access_vlan=100), Verdict.FAIL),
        ],
        ids=["open", "not read", "not parked"],
    )
    def test_a_port_that_must_be_shut_is_shut_and_parked(self, config: PortConfig, expects: Verdict) -> None:
        found = judged(WANTED, observed(seen(CAM.mac), replace(SHUT_SEEN, config=config)), "7.1b")
        assert [each for each, _ in at(found, "sw1/Gi2")] == [expects]
        assert [each for each, _ in at(found, "sw1")] == [expects]

    def test_a_port_that_the_switch_does_not_have_fails(self) -> None:
        assert at(judged(WANTED, observed(seen(CAM.mac)), "7.1b"), "sw1/Gi2")[0][0] is Verdict.FAIL

    def test_a_port_left_open_by_the_sites_own_choice_fails(self) -> None:
        wanted = expected(ExpectedPort("Gi1", PortRole.UNMANAGED, PortConfig(), t("nothing is bound to it")))
        assert at(judged(wanted, observed(seen()), "7.1b"), "sw1/Gi1")[0][0] is Verdict.FAIL

    def test_a_bound_port_with_a_switch_behind_it_fails_until_it_is_sealed_or_declared(self) -> None:
        port = replace(seen(CAM.mac, config=FACTORY), neighbours=(Neighbour("sw9", "1", "", "B"),))
        subject = "sw1/Gi1"
        assert at(judged(WANTED, observed(port, SHUT_SEEN), "7.1b"), subject)[0][0] is Verdict.FAIL
        assert not at(judged(WANTED, observed(replace(port, config=SEALED), SHUT_SEEN), "7.1b"), subject)
        edge = expected(replace(bound("Gi1", CAM), edge=True), SHUT)
        assert not at(judged(edge, observed(port, SHUT_SEEN), "7.1b"), subject)

    def test_a_switch_without_any_port_covers_nothing(self) -> None:
        assert at(judged(expected(), observed(), "7.1b"), "sw1")[0][0] is Verdict.FAIL


class TestBinding:
    pytestmark = pytest.mark.clause("7.1c")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"mode": PortMode.DYNAMIC},
            {"access_vlan": 7},
            {"secure": False},
            {"secure": None},
            {"maximum": 2},
            {"violation": None},
            {"secure_macs": frozenset({SecureMac(ROGUE, 100)})},
            {"secure_macs": frozenset({SecureMac(CAM.mac, 100), SecureMac(ROGUE, 100, sticky=True)})},
            {"secure_macs": None},
            {"ip_bindings": frozenset()},
            {"source_guard": False},
            {"admin_up": False},
        ],
        ids=lambda wrong: str(wrong) if len(str(wrong)) < 60 else next(iter(wrong)),
    )
    def test_any_difference_from_the_inventory_fails_and_is_named(self, wrong: dict[str, object]) -> None:
        port = seen(CAM.mac, config=replace(SEALED, **wrong))  # type: ignore[arg-type]
        found = at(judged(WANTED, observed(port, SHUT_SEEN), "7.1c"), "sw1/Gi1")
        assert [each for each, _ in found] == [Verdict.FAIL]
        assert str(SETTING_WORDS[next(iter(wrong))]) in found[0][1]

    def test_a_sticky_mac_is_as_good_as_a_configured_one(self) -> None:
        stuck = replace(SEALED, secure_macs=frozenset({SecureMac(CAM.mac, None, sticky=True)}))
        found = at(judged(WANTED, observed(seen(config=stuck), SHUT_SEEN), "7.1c"), "sw1/Gi1")
        assert [each for each, _ in found] == [Verdict.PASS]

    def test_a_port_that_the_switch_has_shut_fails_with_the_cause(self) -> None:
        port = replace(seen(oper=Oper.BLOCKED), blocked_cause="psecure-violation")
        found = at(judged(WANTED, observed(port, SHUT_SEEN), "7.1c"), "sw1/Gi1")
        assert found[0][0] is Verdict.FAIL
        assert "psecure-violation" in found[0][1]

    def test_a_device_that_is_seen_elsewhere_fails_and_the_place_is_named(self) -> None:
        found = at(judged(WANTED, observed(seen(), seen(CAM.mac, port="Gi2")), "7.1c"), "sw1/Gi1")
        assert found[0][0] is Verdict.FAIL
        assert "Gi2" in found[0][1]

    def test_a_device_that_is_seen_through_a_trunk_is_no_finding(self) -> None:
        trunk = seen(CAM.mac, port="Gi9", config=replace(FACTORY, mode=PortMode.TRUNK))
        found = at(judged(WANTED, observed(seen(), SHUT_SEEN, trunk), "7.1c"), "sw1/Gi1")
        assert [each for each, _ in found] == [Verdict.PASS]

    def test_a_voice_vlan_beside_the_binding_fails(self) -> None:
        port = replace(seen(CAM.mac), voice_vlan=200)
        found = at(judged(WANTED, observed(port, SHUT_SEEN), "7.1c"), "sw1/Gi1")
        assert found == [(Verdict.FAIL, "a voice VLAN 200 is open beside the binding")]

    def test_a_bound_port_that_the_switch_does_not_have_fails(self) -> None:
        assert at(judged(WANTED, observed(SHUT_SEEN), "7.1c"), "sw1/Gi1")[0][0] is Verdict.FAIL

    @pytest.mark.parametrize("setting", ["secure", "secure_macs"])
    def test_a_platform_that_cannot_say_what_is_bound_never_passes_for_a_port(self, setting: str) -> None:
        found = judged(WANTED, replace(GOOD, capabilities=CAPABLE - {setting}), "7.1c")
        assert [each for each, _ in at(found, "sw1/Gi1")] == [Verdict.UNVERIFIED]
        assert Verdict.FAIL in [each for each, _ in at(found, "sw1")]

    def test_a_platform_without_source_guard_says_so_and_is_judged_by_the_rest(self) -> None:
        lacking = CAPABLE - {"source_guard", "ip_bindings"}
        port = seen(CAM.mac, config=replace(SEALED, source_guard=None, ip_bindings=None))
        found = judged(WANTED, observed(port, SHUT_SEEN, capabilities=lacking), "7.1c")
        assert [each for each, _ in at(found, "sw1/Gi1")] == [Verdict.PASS]
        assert [each for each, _ in at(found, "sw1")].count(Verdict.NOT_APPLICABLE) == 2

    @pytest.mark.parametrize(
        ("startup", "expects"),
        [((), Verdict.PASS), (("+ x", "- y"), Verdict.FAIL), (None, Verdict.UNVERIFIED)],
        ids=["saved", "unsaved", "not read"],
    )
    def test_what_a_reboot_would_lose_is_not_bound(self, startup: tuple[str, ...] | None, expects: Verdict) -> None:
        found = at(judged(WANTED, replace(GOOD, startup_differs=startup), "7.1c"), "sw1")
        assert [each for each, _ in found] == [expects]

    def test_every_setting_has_a_word_for_people(self) -> None:
        assert set(SETTINGS) <= set(SETTING_WORDS)


@pytest.mark.parametrize(
    ("present", "worst"),
    [
        ([], Verdict.UNVERIFIED),
        ([Verdict.NOT_APPLICABLE], Verdict.UNVERIFIED),
        ([Verdict.PASS, Verdict.NOT_APPLICABLE], Verdict.PASS),
        ([Verdict.PASS, Verdict.MANUAL], Verdict.MANUAL),
        ([Verdict.MANUAL, Verdict.UNVERIFIED, Verdict.PASS], Verdict.UNVERIFIED),
        ([Verdict.UNVERIFIED, Verdict.FAIL, Verdict.PASS], Verdict.FAIL),
    ],
)
def test_the_worst_verdict_counts_and_nothing_judged_is_no_pass(present: list[Verdict], worst: Verdict) -> None:
    assert verdict(Finding("7.1a", "sw1", each, t("x")) for each in present) is worst

"""comply() over several switches and the whole inventory: what no single switch shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from policies.comply import comply
from policies.expected import expected, stray_bindings
from policies.model import (
    Binding,
    ExceptedPort,
    Finding,
    Learned,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortConfig,
    PortMode,
    Verdict,
)
from policies.site import Site, Switch, Uplink
from tests.unit.switch_states import CAM, CAM2, FACTORY, READ_AT, ROGUE, SITE, merged, observed, sealed

FACE = Uplink("Gi9", frozenset({100}))
EXCEPTED = ExceptedPort("sw2", "Gi4", "Li Lei", "lift intercom", date(2999, 1, 1))
SW1 = Switch("sw1", "cisco_ios", "192.0.2.1", ports=("Gi1", "Gi9"), uplinks=(FACE,))
SW2 = Switch("sw2", "cisco_ios", "192.0.2.2", ports=("Gi4", "Gi9"), uplinks=(FACE,), excepted=(EXCEPTED,))
TWO = replace(SITE, switches=(SW1, SW2))
BOUND = Binding("cam1", "sw1", "Gi1", 100)
TRUNK = replace(FACTORY, mode=PortMode.TRUNK, allowed_vlans=frozenset({100}))
OPEN = replace(FACTORY, mode=PortMode.ACCESS, access_vlan=100)


def port(name: str, *learned: str | Learned, config: PortConfig = OPEN, oper: Oper = Oper.UP) -> ObservedPort:
    """Give a port that learned these MACs in the face VLAN."""
    entries = frozenset(each if isinstance(each, Learned) else Learned(each, 100) for each in learned)
    return ObservedPort(name, config, oper, learned=entries)


HOME = port("Gi1", config=merged(FACTORY, sealed(CAM)))


def reading(switch: str, *ports: ObservedPort) -> ObservedSwitch:
    return replace(observed(*ports), switch=switch)


def judged(clause: str, *readings: ObservedSwitch, site: Site = TWO) -> dict[str, list[tuple[Verdict, str]]]:
    """Give the verdicts and sentences of a clause by subject; cam1 is bound to sw1/Gi1."""
    wanted = {each.name: expected(site, each, {CAM.name: CAM}, [BOUND], READ_AT.date()) for each in site.switches}
    seen = {each.switch: each for each in readings}
    found: dict[str, list[tuple[Verdict, str]]] = {}
    for finding in comply(site, wanted, seen, [CAM], [BOUND], READ_AT):
        if finding.clause == clause:
            found.setdefault(finding.subject, []).append((finding.verdict, str(finding.text)))
    return found


@pytest.mark.clause("7.1a")
class TestBehindAnUplink:
    UP = port("Gi9", ROGUE, config=TRUNK)

    def test_a_foreign_mac_that_no_switch_has_on_its_own_wire_fails_at_the_uplink(self) -> None:
        found = judged("7.1a", reading("sw1", HOME, self.UP), reading("sw2", port("Gi9", config=TRUNK)))
        assert found["sw1/Gi9"][0][0] is Verdict.FAIL
        assert f"the unknown MAC {ROGUE} is on the face VLAN" in found["sw1/Gi9"][0][1]

    def test_it_is_judged_on_the_port_of_another_switch_where_it_is_at_home(self) -> None:
        found = judged("7.1a", reading("sw1", HOME, self.UP), reading("sw2", port("Gi4", ROGUE)))
        assert "sw1/Gi9" not in found
        assert found["sw2/Gi4"][0][0] is Verdict.FAIL

    def test_uplinks_at_both_ends_do_not_excuse_each_other(self) -> None:
        found = judged("7.1a", reading("sw1", HOME, self.UP), reading("sw2", self.UP))
        assert {found["sw1/Gi9"][0][0], found["sw2/Gi9"][0][0]} == {Verdict.FAIL}

    def test_a_port_of_the_same_switch_excuses_nothing(self) -> None:
        found = judged("7.1a", reading("sw1", port("Gi1", ROGUE), self.UP), reading("sw2"))
        assert found["sw1/Gi9"][0][0] is Verdict.FAIL

    def test_it_is_unverified_while_a_declared_switch_was_not_read(self) -> None:
        found = judged("7.1a", reading("sw1", HOME, self.UP))
        assert found["sw1/Gi9"][0][0] is Verdict.UNVERIFIED
        assert "sw2 was not read" in found["sw1/Gi9"][0][1]

    @pytest.mark.parametrize("other", [CAM.mac, ROGUE], ids=["of the inventory", "the other switch's own"])
    def test_known_macs_and_those_of_switches_are_at_home_behind_an_uplink(self, other: str) -> None:
        own = port("Gi4", Learned(ROGUE, 100, "self"))
        found = judged("7.1a", reading("sw1", HOME, port("Gi9", other, config=TRUNK)), reading("sw2", own))
        assert "sw1/Gi9" not in found

    def test_a_channels_members_lead_where_the_channel_leads(self) -> None:
        channel = Uplink("Port-channel1", frozenset({100}))
        site = replace(TWO, switches=(replace(SW1, ports=("Gi1", "Port-channel1"), uplinks=(channel,)), SW2))
        member = replace(port("Gi8", ROGUE, config=TRUNK), channel="Port-channel1")
        found = judged("7.1a", reading("sw1", HOME, member), reading("sw2", port("Gi4", ROGUE)), site=site)
        assert "sw1/Gi8" not in found

    def test_the_management_path_leads_on_and_need_not_be_a_trunk(self) -> None:
        path = replace(SW1, uplinks=(), management_ports=frozenset({"Gi9"}))
        site = replace(TWO, switches=(path, SW2))
        found = judged("7.1a", reading("sw1", HOME, port("Gi9", ROGUE)), reading("sw2", port("Gi4", ROGUE)), site=site)
        assert "sw1/Gi9" not in found


@pytest.mark.clause("7.1c")
class TestSeenOnAnotherSwitch:
    def told(self, *ports: ObservedPort) -> list[tuple[Verdict, str]]:
        return judged("7.1c", reading("sw1", HOME), reading("sw2", *ports))["sw1/Gi1"]

    def test_a_bound_device_on_another_switchs_port_fails_and_the_place_is_named(self) -> None:
        assert self.told(port("Gi4", CAM.mac)) == [(Verdict.FAIL, "cam1 is seen on sw2/Gi4 instead")]

    @pytest.mark.parametrize(
        "elsewhere",
        [
            port("Gi9", CAM.mac),
            port("Gi7", CAM.mac, config=TRUNK),
            replace(port("Gi7", CAM.mac, config=FACTORY), trunking=True),
            port("Gi4", CAM.mac, oper=Oper.DOWN),
            port("Gi4", Learned(CAM.mac, 100, "static")),
        ],
        ids=["declared uplink", "trunk", "negotiated trunk", "link down", "not learned"],
    )
    def test_uplinks_trunks_and_dead_links_are_no_places(self, elsewhere: ObservedPort) -> None:
        assert [each for each, _ in self.told(elsewhere)] == [Verdict.PASS]


STRAYS = [
    (Binding("cam1", "old-name", "Gi1", 100), "the site does not declare this switch"),
    (Binding("cam1", "sw1", "Gi7", 100), "the switch does not declare this port"),
    (Binding("cam1", "sw1", "Gi9", 100), "it is a declared uplink"),
]


class TestBoundNowhere:
    @pytest.mark.parametrize(("binding", "why"), STRAYS, ids=["switch", "port", "uplink"])
    def test_a_binding_that_no_switch_holds_is_a_stray(self, binding: Binding, why: str) -> None:
        good = Binding("cam2", "sw1", "Gi1", 100)
        (stray,) = stray_bindings(TWO, [binding, good])
        assert (stray.binding, str(stray.why), stray.where) == (binding, why, f"{binding.switch}/{binding.port}")

    def unbound(self, *bindings: Binding) -> list[Finding]:
        """Give what is said of cam1 and cam2 beside the switches."""
        found = comply(TWO, {}, {}, [CAM2, CAM], bindings, READ_AT)
        assert {finding.verdict for finding in found} <= {Verdict.FAIL}
        return found

    @pytest.mark.clause("7.1b")
    @pytest.mark.clause("7.1c")
    @pytest.mark.parametrize(("binding", "why"), STRAYS, ids=["switch", "port", "uplink"])
    def test_a_device_with_a_stray_binding_fails_by_name(self, binding: Binding, why: str) -> None:
        found = self.unbound(binding, Binding("cam2", "sw2", "Gi4", 100))
        assert [(finding.clause, finding.subject) for finding in found] == [("7.1b", "cam1"), ("7.1c", "cam1")]
        assert {str(each.text) for each in found} == {
            f"its binding to {binding.switch}/{binding.port} is not in force: {why}"
        }

    @pytest.mark.clause("7.1b")
    @pytest.mark.clause("7.1c")
    def test_a_device_without_a_binding_fails_by_name(self) -> None:
        found = self.unbound(BOUND)
        assert [(each.clause, each.subject) for each in found] == [("7.1b", "cam2"), ("7.1c", "cam2")]
        assert {str(each.text) for each in found} == {"not bound to any port"}

"""Proposals from the wire: what is at home where, what leads on, and how sure that is."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.model import Learned, Neighbour, ObservedPort, ObservedSwitch, Oper, PortConfig, PortMode
from policies.propose import Confidence, LeadsOn, Proposal, propose
from policies.site import Site, Switch, Uplink

pytestmark = pytest.mark.clause("7.1c")

ACCESS = PortConfig(mode=PortMode.ACCESS, access_vlan=100)
A, B, C, D = (f"02:ca:00:00:00:0{n}" for n in range(1, 5))


def port(name: str, *macs: str, mode: PortMode = PortMode.ACCESS, oper: Oper = Oper.UP, own: str = "") -> ObservedPort:
    learned = {Learned(mac, 100) for mac in macs} | ({Learned(own, 1, "self")} if own else set())
    return ObservedPort(name, PortConfig(mode=mode, access_vlan=100), oper, learned=frozenset(learned))


def site(uplinks: tuple[Uplink, ...] = ()) -> Site:
    switches = tuple(
        Switch(name, "cisco_ios", "192.0.2.1", ports=("p1", "p2"), uplinks=uplinks) for name in ("s1", "s2")
    )
    return Site("park", Path(), switches=switches)


def seen(name: str, *ports: ObservedPort) -> ObservedSwitch:
    return ObservedSwitch(name, "cisco_ios", datetime(2026, 1, 1, tzinfo=UTC), {each.name: each for each in ports})


def found(
    *switches: ObservedSwitch, known: tuple[str, ...] = (), where: Site | None = None
) -> list[tuple[str, str, str]]:
    told = propose(where or site(), {each.switch: each for each in switches}, known)
    return [(each.mac, f"{each.switch}/{each.port}", each.confidence) for each in told.bindings]


def uplinks(*switches: ObservedSwitch) -> dict[str, str]:
    told = propose(site(), {each.switch: each for each in switches})
    return {f"{each.switch}/{each.port}": str(each.reason) for each in told.uplinks}


def test_who_is_alone_at_an_access_port_is_proposed_for_it() -> None:
    told = propose(site(), {"s1": seen("s1", port("p1", A), port("p2"))})
    (only,) = told.bindings
    assert isinstance(only, Proposal)
    assert (only.mac, only.switch, only.port, only.vlan, only.confidence) == (A, "s1", "p1", 100, Confidence.HIGH)
    assert told.uplinks == ()


@pytest.mark.parametrize(
    ("seen_port", "confidence"),
    [
        (port("p1", A, oper=Oper.DOWN), Confidence.MEDIUM),
        (port("p1", A, mode=PortMode.DYNAMIC), Confidence.MEDIUM),
        (port("p1", A), Confidence.HIGH),
    ],
)
def test_what_is_unusual_makes_it_less_sure(seen_port: ObservedPort, confidence: Confidence) -> None:
    assert found(seen("s1", seen_port)) == [(A, "s1/p1", confidence)]


def test_behind_a_hub_each_is_proposed_and_none_is_sure() -> None:
    assert found(seen("s1", port("p1", A, B))) == [(A, "s1/p1", "low"), (B, "s1/p1", "low")]


def test_what_passes_through_is_at_home_where_it_has_fewer_neighbours() -> None:
    first = seen("s1", port("p1", A), port("p2", B, C))
    second = seen("s2", port("p1", B), port("p2", A, D))
    assert uplinks(first, second)["s1/p2"] == f"{B} is at home on s2/p1, which has fewer neighbours"
    assert found(first, second) == [(A, "s1/p1", "high"), (B, "s2/p1", "high")]


def test_a_trunk_a_bridge_and_another_switchs_own_address_lead_on() -> None:
    bridge = ObservedPort(
        "p2", ACCESS, Oper.UP, learned=frozenset({Learned(B, 100)}), neighbours=(Neighbour("x", capabilities="B"),)
    )
    assert list(uplinks(seen("s1", port("p1", A, mode=PortMode.TRUNK), bridge))) == ["s1/p1", "s1/p2"]
    own = seen("s2", port("p1", own=D))
    assert "s2" in uplinks(seen("s1", port("p1", D)), own)["s1/p1"]
    assert isinstance(propose(site(), {"s1": seen("s1", port("p1", D)), "s2": own}).uplinks[0], LeadsOn)


def test_a_mac_alone_on_two_ports_is_not_sure_on_either() -> None:
    assert found(seen("s1", port("p1", A)), seen("s2", port("p1", A))) == [(A, "s1/p1", "low"), (A, "s2/p1", "low")]


def test_what_is_known_or_behind_a_declared_uplink_is_left_out() -> None:
    assert found(seen("s1", port("p1", A), port("p2", B)), known=(A,)) == [(B, "s1/p2", "high")]
    assert found(seen("s1", port("p1", A), port("p2", B)), where=site((Uplink("p1"),))) == [(B, "s1/p2", "high")]

"""What a reading proves of a violation, and what it does not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policies.model import Learned, ObservedPort, ObservedSwitch, Oper, PortConfig
from policies.violations import Evidence, changed_ports, newly, sightings

PORT, CAMERA, LAPTOP = "GigabitEthernet1/0/1", "00:11:22:33:44:55", "66:77:88:99:aa:bb"
QUIET = ObservedPort(PORT, oper=Oper.UP, violations=3, learned=frozenset({Learned(CAMERA, 30)}))
BOUND = {PORT: frozenset({CAMERA})}


def switch(*ports: ObservedPort) -> ObservedSwitch:
    return ObservedSwitch("sw", "cisco_ios", datetime(2026, 3, 1, tzinfo=UTC), {port.name: port for port in ports})


def evidence(before: ObservedPort | None, after: ObservedPort, *told: str) -> tuple[Evidence, ...]:
    found = sightings(None if before is None else switch(before), switch(after), BOUND, told)
    return found[PORT].evidence if PORT in found else ()


def test_a_quiet_port_shows_nothing_whatever_was_told() -> None:
    assert evidence(QUIET, QUIET, LAPTOP, CAMERA) == ()


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        (QUIET, replace(QUIET, oper=Oper.BLOCKED, blocked_cause="psecure-violation"), (Evidence.BLOCKED,)),
        (QUIET, replace(QUIET, violations=4), (Evidence.COUNTED,)),
        (QUIET, replace(QUIET, violations=1), (Evidence.COUNTED,)),
        (QUIET, replace(QUIET, violations=0), ()),
        (QUIET, replace(QUIET, violations=None), ()),
        (None, replace(QUIET, violations=9), ()),
        (replace(QUIET, violations=None), replace(QUIET, violations=1), (Evidence.COUNTED,)),
        (None, replace(QUIET, last_violator=LAPTOP), (Evidence.OFFENDER,)),
        (None, replace(QUIET, last_violator=CAMERA), ()),
        (None, replace(QUIET, learned=frozenset({Learned(LAPTOP, 30)})), (Evidence.LEARNED,)),
    ],
    ids=[
        "shut", "counted", "counted anew", "counter cleared", "no counter", "an old count", "first count",
        "names the MAC", "names its own", "learned",
    ],
)  # fmt: skip
def test_each_kind_of_evidence(before: ObservedPort | None, after: ObservedPort, wanted: tuple[Evidence, ...]) -> None:
    assert evidence(before, after, LAPTOP) == wanted


def test_a_foreign_mac_counts_only_when_it_was_told_of() -> None:
    assert evidence(None, replace(QUIET, learned=frozenset({Learned(LAPTOP, 30)}))) == ()


def test_a_device_of_the_inventory_is_no_intruder_on_its_port_and_is_one_elsewhere() -> None:
    other = ObservedPort("GigabitEthernet1/0/2", oper=Oper.UP, learned=frozenset({Learned(CAMERA, 30)}))
    found = sightings(None, switch(QUIET, other), BOUND, [CAMERA])
    assert list(found) == [other.name]


def test_only_what_has_changed_is_news() -> None:
    shut = replace(QUIET, oper=Oper.BLOCKED)
    blocked = sightings(switch(QUIET), switch(shut), BOUND, [])[PORT]
    assert newly(blocked, QUIET)
    assert not newly(blocked, shut)
    assert not newly(blocked, None)


def test_changed_ports_are_those_with_other_settings_and_new_ones() -> None:
    other = ObservedPort("GigabitEthernet1/0/2", PortConfig(access_vlan=30))
    changed = replace(other, config=PortConfig(access_vlan=31))
    assert changed_ports(switch(QUIET, other), switch(replace(QUIET, violations=9), changed)) == [other.name]
    assert changed_ports(switch(QUIET), switch(QUIET, other)) == [other.name]

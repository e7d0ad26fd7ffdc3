"""How admission becomes flows, and VLANs become database settings."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.switch.dataplane import Admission
from lab.switch.ovs import access_settings, admission_flows, trunk_settings

A, B = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
MACS = st.frozensets(st.integers(0, 0xFF).map(lambda number: f"02:00:00:00:00:{number:02x}"), max_size=4)
IPS = st.integers(1, 0xFFFFFFFE).map(lambda number: str(ipaddress.IPv4Address(number)))


def admits(flows: list[str], **frame: str) -> bool:
    """Play the flow table: the flow of highest priority whose every field matches decides; without one, NORMAL."""
    decided = (-1, True)
    for flow in flows:
        match, _, action = flow.rpartition(",actions=")
        words = match.split(",")
        priority = int(words.pop(0).removeprefix("priority="))
        fields = {name: value for name, _, value in (word.partition("=") for word in words)}
        kinds = {name for name, value in fields.items() if not value}
        matches = all(frame.get(name) == value for name, value in fields.items() if value)
        if matches and kinds <= {frame["kind"]} and priority > decided[0]:
            decided = (priority, action == "NORMAL")
    return decided[1]


def ip_frame(mac: str, ip: str) -> dict[str, str]:
    return {"kind": "ip", "in_port": "3", "dl_src": mac, "nw_src": ip}


def arp_frame(mac: str, ip: str, sender: str | None = None) -> dict[str, str]:
    return {"kind": "arp", "in_port": "3", "dl_src": mac, "arp_sha": sender or mac, "arp_spa": ip}


def other_frame(mac: str) -> dict[str, str]:
    return {"kind": "other", "in_port": "3", "dl_src": mac}


def test_a_port_that_admits_everything_has_no_flows() -> None:
    assert admission_flows(3, Admission()) == []


@given(
    macs=MACS, mac=MACS, pairs=st.none() | st.frozensets(st.tuples(st.sampled_from([A, B]), IPS), max_size=3), ip=IPS
)
def test_a_frame_passes_exactly_when_its_mac_and_for_ip_its_pair_is_admitted(
    macs: frozenset[str], mac: frozenset[str], pairs: frozenset[tuple[str, str]] | None, ip: str
) -> None:
    for listed in (None, macs | {A}):
        flows = admission_flows(3, Admission(listed, pairs))
        addresses = {ip, *(address for _, address in pairs or ())}
        for source in {A, B, *mac}:
            known = listed is None or source in listed
            assert admits(flows, **other_frame(source)) == known
            for address in addresses:
                wanted = known and (pairs is None or (source, address) in pairs)
                assert admits(flows, **ip_frame(source, address)) == wanted
                assert admits(flows, **arp_frame(source, address)) == wanted


def test_an_arp_body_that_tells_another_mac_than_its_frame_does_not_pass() -> None:
    flows = admission_flows(3, Admission(frozenset({A}), frozenset({(A, "192.0.2.1")})))
    assert admits(flows, **arp_frame(A, "192.0.2.1"))
    assert not admits(flows, **arp_frame(A, "192.0.2.1", sender=B))


def test_an_empty_list_admits_nothing() -> None:
    flows = admission_flows(3, Admission(frozenset()))
    assert not admits(flows, **other_frame(A))
    assert admits(flows, **{**other_frame(A), "in_port": "4"})


@pytest.mark.parametrize(
    ("native", "allowed", "words"),
    [
        (1, frozenset({100, 20}), ["tag=[]", "vlan_mode=trunk", "trunks=[20,100]"]),
        (100, frozenset({100, 20}), ["tag=100", "vlan_mode=native-untagged", "trunks=[20,100]"]),
        (1, None, ["tag=1", "vlan_mode=native-untagged", "trunks=[]"]),
        (1, frozenset(), ["tag=[]", "vlan_mode=trunk", "trunks=[4095]"]),
    ],
)
def test_a_trunk_of_no_vlans_is_not_written_as_one_of_all(
    native: int, allowed: frozenset[int] | None, words: list[str]
) -> None:
    assert trunk_settings(native, allowed) == words


def test_an_access_port_forgets_that_it_was_a_trunk() -> None:
    assert access_settings(7) == ["tag=7", "vlan_mode=access", "trunks=[]"]

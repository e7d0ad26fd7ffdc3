"""Lists and ranges: ports, VLANs, and IPv4 addresses."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InputError
from policies.names import expand_ports, format_vlans, is_host_ip, parse_ip, parse_vlan, parse_vlans


def gigabit(*numbers: int) -> tuple[str, ...]:
    return tuple(f"GigabitEthernet1/0/{number}" for number in numbers)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("GigabitEthernet1/0/1-3", gigabit(1, 2, 3)),
        ("Gi1/0/1", gigabit(1)),
        ("Gi1/0/1-1", gigabit(1)),
        ("gi1/0/1 - 3", gigabit(1, 2, 3)),
        ("Gi1/0/1-2,Gi1/0/7", gigabit(1, 2, 7)),
        ("Gi1/0/1 to Gi1/0/3", gigabit(1, 2, 3)),
        ("GE1/0/1-GigabitEthernet1/0/2", gigabit(1, 2)),
        ("GigabitEthernet 1/0/1-2", gigabit(1, 2)),
        ("Ｇｉ１／０／１～３，Ｇｉ１／０／９", gigabit(1, 2, 3, 9)),
        ("Gi1/0/1、Gi1/0/2", gigabit(1, 2)),
        ("eth1-eth3", ("eth1", "eth2", "eth3")),
        ("eth08-eth11", ("eth08", "eth09", "eth10", "eth11")),
        ("1-3", ("1", "2", "3")),
        ("1/1/1-1/1/2", ("1/1/1", "1/1/2")),
        ("HundredGigE1/0/1:1-2", ("HundredGigE1/0/1:1", "HundredGigE1/0/1:2")),
        ("StackSub-St1-1", ("StackSub-St1",)),
    ],
)
def test_a_list_of_ports_expands_in_its_order(text: str, names: tuple[str, ...]) -> None:
    assert expand_ports(text) == names


def test_literal_ports_expand_without_becoming_a_vendors() -> None:
    assert expand_ports("gi1-gi3,vlan7", literal=True) == ("gi1", "gi2", "gi3", "vlan7")
    assert expand_ports("p1-q3", literal=True) == ("p1-q3",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not an interface name"),
        ("Gi1/0/1,", "'' is not an interface name"),
        ("Gi1/0/5-2", "the port range 'Gi1/0/5-2' runs backwards"),
        ("Gi1/0/1-99999", "names more than 2048 ports"),
        ("1-2000,3000-4000", "names more than 2048 ports"),
        ("Gi1/0/1,7", "mixes port names and bare numbers. Next: write each port with its whole name"),
        ("Gi1/0/1-Te1/0/4", "the two ends of the port range 'Gi1/0/1-Te1/0/4' differ in more than the last number"),
        ("Gi1/0/1-Gi2/0/4", "differ in more than the last number"),
        ("eth1-eht12", "differ in more than the last number"),
        ("Gi1/0/1-rate 4", "differ in more than the last number"),
        ("1-Gi4", "differ in more than the last number"),
        ("GigabitEthernt1/0/1-4", "is GigabitEthernet meant?"),
        ("Gi1/0/1-" + "4" * 10_000, "is not an interface name"),
    ],
)
def test_a_bad_list_of_ports_names_the_bad_part(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        expand_ports(text)


@given(st.text(max_size=60) | st.text(alphabet="Gie1234567890/-,to ", max_size=40), st.booleans())
def test_noise_in_a_list_of_ports_is_refused_with_an_input_error(noise: str, literal: bool) -> None:
    try:
        names = expand_ports(noise, literal=literal)
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert names


@given(st.integers(0, 90), st.integers(0, 60))
def test_a_range_has_every_port_from_first_to_last(first: int, more: int) -> None:
    assert expand_ports(f"Gi1/0/{first}-{first + more}") == gigabit(*range(first, first + more + 1))


@pytest.mark.parametrize(
    ("text", "vlans"),
    [
        ("1-3,20", {1, 2, 3, 20}),
        ("1 to 3 20", {1, 2, 3, 20}),
        ("1 TO 2", {1, 2}),
        ("２～４，９", {2, 3, 4, 9}),
        ("5、6;7", {5, 6, 7}),
        (" 10 , 11 ", {10, 11}),
        ("1 - 3", {1, 2, 3}),
        ("none", set()),
        ("", set()),
        ("ALL", set(range(1, 4095))),
    ],
)
def test_a_list_of_vlans_is_understood_in_every_spelling(text: str, vlans: set[int]) -> None:
    assert parse_vlans(text) == vlans


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0", "'0' is not a VLAN id. Next: write a number from 1 to 4094"),
        ("4095", "'4095' is not a VLAN id"),
        ("1,", "'' is not a VLAN id"),
        ("1-", "'' is not a VLAN id"),
        ("1-2-3", "'2-3' is not a VLAN id"),
        ("9-1", "the VLAN range '9-1' runs backwards"),
        ("ten", "'ten' is not a VLAN id"),
        ("٣", "'٣' is not a VLAN id"),
        ("²", "'²' is not"),
        ("9" * 9999, "is not a VLAN id"),
    ],
)
def test_a_bad_list_of_vlans_names_the_bad_part(text: str, message: str) -> None:
    if text == "²":
        assert parse_vlan(text) == 2  # NFKC: what was meant is plain
        return
    with pytest.raises(InputError, match=re.escape(message)):
        parse_vlans(text)


VLANS = st.frozensets(st.integers(1, 4094), max_size=40)


@given(VLANS)
def test_a_written_list_of_vlans_reads_back(vlans: frozenset[int]) -> None:
    assert parse_vlans(format_vlans(vlans)) == vlans
    assert parse_vlans(format_vlans(vlans, separator=" ", to=" to ")) == vlans


def test_a_list_of_vlans_is_written_as_switches_do() -> None:
    vlans = frozenset({1, 2, 3, 7, 20, 21})
    assert format_vlans(vlans) == "1-3,7,20-21"
    assert format_vlans(vlans, separator=" ", to=" to ") == "1 to 3 7 20 to 21"
    assert format_vlans(frozenset()) == "none"
    assert format_vlans(frozenset(range(1, 4095))) == "1-4094"


@given(st.text(max_size=40) | st.text(alphabet="0123456789-, to", max_size=40))
def test_noise_in_a_list_of_vlans_is_refused_with_an_input_error(noise: str) -> None:
    try:
        vlans = parse_vlans(noise)
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert all(1 <= vlan <= 4094 for vlan in vlans)


def test_an_ipv4_address_is_understood_in_full_width_too() -> None:
    assert parse_ip(" 192.168.10.21 ") == "192.168.10.21"
    assert parse_ip("１９２.１６８。１０.２１") == "192.168.10.21"


@pytest.mark.parametrize("text", ["", "192.168.10", "192.168.10.256", "010.0.0.1", "10.0.0.1/24", "::1", "10.0.0.x"])
def test_what_is_no_ipv4_address_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"'{text}' is not an IPv4 address. Next: write four numbers")):
        parse_ip(text)


@given(st.ip_addresses(v=4))
def test_every_ipv4_address_reads_back(address: object) -> None:
    assert parse_ip(str(address)) == str(address)


@pytest.mark.parametrize("ip", ["0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"])
def test_addresses_that_no_device_can_have(ip: str) -> None:
    assert not is_host_ip(ip)


@pytest.mark.parametrize("ip", ["10.0.0.1", "192.168.10.21", "169.254.1.1", "198.18.100.1", "1.1.1.1"])
def test_addresses_that_a_device_can_have(ip: str) -> None:
    assert is_host_ip(ip)

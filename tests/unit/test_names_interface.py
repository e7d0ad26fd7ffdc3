"""Interface names: every vendor's spelling becomes one name, literal names stay, typing mistakes are told."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import InputError
from policies.names import Interface, canonical, parse_interface, port_key, spell
from policies.names.kinds import KIND_OF, KINDS, LINUX_WORDS

SAME = {
    "GigabitEthernet1/0/1": "Gi1/0/1 GE1/0/1 gi1/0/1 g1/0/1 GigabitEthernet_1/0/1 GigE1/0/1 gigabitethernet1/0/1 "
    "Gig1/0/1 gigabiteth1/0/1 Gi_1/0/1 GE1/0/01",
    "GigabitEthernet0/0": "Gi0/0 g0/0",
    "TenGigabitEthernet1/0/1": "Te1/0/1 XGE1/0/1 XGigabitEthernet1/0/1 Ten-GigabitEthernet1/0/1 10GE1/0/1 TenGigE1/0/1 "
    "TenGigabitEthernet_1/0/1 tengig1/0/1 ten-gigabit1/0/1",
    "TwoGigabitEthernet1/0/1": "Tw1/0/1 Two1/0/1",
    "FiveGigabitEthernet1/0/1": "Fi1/0/1 Fiv1/0/1",
    "TwentyFiveGigE1/0/1": "Twe1/0/1 TF1/0/1 TFGigabitEthernet_1/0/1 Twenty-FiveGigE1/0/1 WGE1/0/1 25GE1/0/1 "
    "TwentyFiveGigabitEthernet1/0/1",
    "FortyGigabitEthernet1/0/1": "Fo1/0/1 FGE1/0/1 FortyGigE1/0/1 40GE1/0/1 forty1/0/1",
    "FiftyGigE1/0/1": "Fif1/0/1 50GE1/0/1",
    "HundredGigE1/0/1": "Hu1/0/1 HGE1/0/1 100GE1/0/1 HundredGigabitEthernet_1/0/1",
    "TwoHundredGigE1/0/1": "TwoH1/0/1 200GE1/0/1 twohundred1/0/1",
    "FourHundredGigE1/0/1": "400GE1/0/1 FourHundredGigabitEthernet1/0/1",
    "FastEthernet0/1": "Fa0/1 f0/1 FastEth0/1 fas0/1",
    "Ethernet1/1": "Eth1/1 Et1/1 eth1/1 e1/1",
    "Ethernet1": "Et1 Ethernet_1 ethernet1",
    "Port-channel1": "Po1 po1 Port-Channel1 port-channel_1 Eth-Trunk1 BAGG1 Bridge-Aggregation1 Ag1 AggregatePort_1",
    "Route-Aggregation1": "RAGG1",
    "Vlan100": "Vl100 VLAN_100 Vlanif100 Vlan-interface100 vlan100",
    "Loopback0": "Lo0 LoopBack0 Loop0 Loopback_0",
    "InLoopBack0": "InLoop0",
    "Null0": "NULL0 Nu0 Null_0",
    "Management1": "Ma1 Management1",
    "Management0": "mgmt0 Mgmt_0 Mg_0",
    "Management0/0/1": "MEth0/0/1 M-GigabitEthernet0/0/1 M-GE0/0/1",
    "GigabitEthernet1/0/1.100": "Gi1/0/1.100 GE1/0/1.100",
    "FortyGigabitEthernet1/0/1:2": "40GE1/0/1:2 FGE1/0/1:2 40GE1/0/1:2(10GE)",
    "GigabitEthernet15/1/0": "GigabitEthernet15/1/0(10G)",
    "Port-channel1.100": "Eth-Trunk1.100",
    "fc1/1": "fc1/1",
}
LITERAL = [
    "eth1",
    "eth0.100",
    "eno1",
    "enp3s0f1",
    "br0",
    "p1",
    "swp3",
    "lo",
    "veth-a",
    "ovs-system",
    "tap0",
    "bond0",
    "wlan0",
    "tun0",
    "1",
    "24",
    "1/1",
    "1/1/1",
    "A1",
    "B24",
    "Trk1",
    "B1-Trk1",
    "ge-0/0/1",
    "xe-0/0/1.100",
    "et-0/0/1:2",
    "lag10",
    "VLAN-1002",
    "StackSub-St1-1",
]


@pytest.mark.parametrize(
    ("spelling", "name"), [(word.replace("_", " "), name) for name, words in SAME.items() for word in words.split()]
)
def test_every_spelling_of_a_vendor_becomes_one_name(spelling: str, name: str) -> None:
    assert canonical(spelling) == name
    assert canonical(name) == name


@pytest.mark.parametrize("name", LITERAL)
def test_a_name_outside_the_vendors_grammar_stays_exactly_as_it_is(name: str) -> None:
    assert parse_interface(name) == Interface(name)
    assert canonical(name) == name


def test_literal_names_differ_by_case() -> None:
    assert canonical("br0") != canonical("BR0")


def test_linux_eth1_is_not_nexus_ethernet1() -> None:
    assert canonical("eth1") == "eth1"
    assert canonical("Eth1") == "Ethernet1"


def test_full_width_and_blanks_are_understood() -> None:
    assert canonical("　Ｇｉ１／０／１ ") == "GigabitEthernet1/0/1"


def test_an_interface_is_compared_by_kind_and_numbers() -> None:
    assert parse_interface("XGE1/0/1") == parse_interface("Te1/0/1") == Interface("TenGigabitEthernet", (1, 0, 1))
    assert parse_interface("Gi1/0/1") != parse_interface("Gi1/0/11")
    assert parse_interface("40GE1/0/1:2.7") == Interface("FortyGigabitEthernet", (1, 0, 1), 7, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'' is not an interface name. Next: write it as the switch does"),
        ("rate 5", "'rate 5' is not an interface name"),
        ("unrouted VLAN 1", "is not an interface name"),
        ("Gi1/0/1/", "'Gi1/0/1/' is not an interface name"),
        ("xyz1/1", "'xyz1/1' is not an interface name"),
        ("tw1/0/x", "'tw1/0/x' is not an interface name"),
        ("GigabitEthernet", "has no number. Next: add the port's number, for example GigabitEthernet1/0/1"),
        ("Gi", "the interface name 'Gi' has no number"),
        ("eth", "the interface name 'eth' has no number"),
        ("GigabitEthernt1/0/1", "check the spelling: is GigabitEthernet meant?"),
        ("GigabitEthrnet1", "check the spelling: is GigabitEthernet meant?"),
        ("Brige-Aggregation1", "check the spelling: is Port-channel meant?"),
        ("a-name-that-is-too-long-for-linux", "is not an interface name"),
        ("x" * 5000, "is not an interface name"),
        ("Gi1/0/1\x00", "is not an interface name"),
    ],
)
def test_what_names_no_interface_is_refused_with_the_next_step(text: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        canonical(text)
    assert str(caught.value).isprintable()


def test_an_ambiguous_beginning_is_refused() -> None:
    """A radio and a port both begin with "wlan-"."""
    with pytest.raises(InputError):
        canonical("wlan-1/0/1")


@pytest.mark.parametrize("name", ["gi1", "vlan100", "Te1/1", "a-name-longer-than-linux-would-take", "x:y"])
def test_a_literal_name_is_kept_whatever_it_looks_like(name: str) -> None:
    assert canonical(f" {name} ", literal=True) == name


@pytest.mark.parametrize("text", ["", "a b", "é", "x" * 65, "a\nb"])
def test_a_literal_name_is_printable_ascii_without_blanks(text: str) -> None:
    with pytest.raises(InputError, match="is not an interface name"):
        canonical(text, literal=True)


NUMBERS = st.lists(st.integers(0, 999), min_size=1, max_size=4)
WORDS = st.sampled_from(sorted(KIND_OF))


@given(WORDS, NUMBERS, st.booleans(), st.none() | st.integers(0, 4094), st.none() | st.integers(0, 7), st.booleans())
def test_every_word_gives_its_kind_and_the_name_is_stable(
    word: str, numbers: list[int], upper: bool, sub: int | None, channel: int | None, blank: bool
) -> None:
    tail = Interface("", tuple(numbers), sub, channel).name
    text = (word.upper() if upper else word) + " " * blank + tail
    if text.startswith(tuple(LINUX_WORDS)) and len(numbers) == 1:
        return
    name = canonical(text)
    assert parse_interface(text).kind == KIND_OF[word]
    assert name == KIND_OF[word] + tail
    assert canonical(name) == name
    assert parse_interface(name) == parse_interface(text)


@given(st.text(max_size=40) | st.text(alphabet="GigabitEthernet10/.:- (Vlnau", max_size=40))
def test_noise_is_refused_or_has_a_stable_name(noise: str) -> None:
    try:
        name = canonical(noise)
    except InputError as error:
        assert str(error).isprintable()
    else:
        assert canonical(name) == name


HUAWEI = {
    "TenGigabitEthernet": "XGigabitEthernet", "Port-channel": "Eth-Trunk", "Vlan": "Vlanif", "Loopback": "LoopBack",
    "FortyGigabitEthernet": "40GE", "HundredGigE": "100GE", "Null": "NULL", "Management": "MEth",
}  # fmt: skip
COMWARE = {
    "TenGigabitEthernet": "Ten-GigabitEthernet", "Port-channel": "Bridge-Aggregation", "Vlan": "Vlan-interface",
    "FortyGigabitEthernet": "FortyGigE", "TwentyFiveGigE": "Twenty-FiveGigE", "Management": "M-GigabitEthernet",
}  # fmt: skip
RUIJIE = {kind: f"{kind} " for kind in KINDS} | {
    "Port-channel": "AggregatePort ",
    "TwentyFiveGigE": "TFGigabitEthernet ",
}


@given(st.sampled_from(KINDS), NUMBERS, st.sampled_from([HUAWEI, COMWARE, RUIJIE, {}]))
def test_a_name_spelled_in_a_vendors_words_is_understood_again(
    kind: str, numbers: list[int], words: dict[str, str]
) -> None:
    name = Interface(kind, tuple(numbers)).name
    spelled = spell(name, words)
    assert spelled.startswith(words.get(kind, kind))
    assert canonical(spelled) == name


def test_names_in_vendors_words() -> None:
    assert spell("TenGigabitEthernet0/0/1", HUAWEI) == "XGigabitEthernet0/0/1"
    assert spell("GigabitEthernet1/0/1", RUIJIE) == "GigabitEthernet 1/0/1"
    assert spell("Port-channel1.5", COMWARE) == "Bridge-Aggregation1.5"
    assert spell("eth1", HUAWEI) == "eth1"
    assert spell("gi1", {}) == "gi1"


def test_ports_are_sorted_as_people_count() -> None:
    names = ["Gi1/0/10", "Gi1/0/2", "Gi1/0/1", "eth10", "eth9", "1/1/10", "1/1/9", "Gi2/0/1", "lo"]
    assert sorted(names, key=port_key) == [
        "1/1/9", "1/1/10", "Gi1/0/1", "Gi1/0/2", "Gi1/0/10", "Gi2/0/1", "eth9", "eth10", "lo",
    ]  # fmt: skip


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_text_can_be_sorted(names: list[str]) -> None:
    keys = sorted(map(port_key, names))
    assert sorted(keys, reverse=True) == keys[::-1]

"""The words by which vendors call an interface type, and the one kind that each of them means.

A kind is the vendor-neutral first part of a canonical name. Two words have one kind when they name the same thing:
Huawei's XGigabitEthernet, H3C's Ten-GigabitEthernet and Cisco's TenGigabitEthernet are the 10 Gbit/s port.

Sources: the interface type lists of Cisco IOS and IOS XE, NX-OS, Huawei VRP 5 and VRP 8, H3C Comware 5 and 7, Ruijie
RGOS and Arista EOS, and the recordings of the replay tests. Two words need a note:

- `Fi` is printed by IOS XE for FiveGigabitEthernet and for FiftyGigE alike. The first is on access switches (Catalyst
  9300), where devices are bound, the second on core switches: `Fi` means the first. `Fif` and the long word are plain.
- Bridge-Aggregation and Route-Aggregation of one number are two interfaces, so they are two kinds.
"""

from __future__ import annotations

#: Kind → words of any vendor, without regard to case; the kind itself is always one of its words.
_WORDS: dict[str, tuple[str, ...]] = {
    "Ethernet": ("Eth", "Et"),
    "FastEthernet": ("FastEth", "FastE", "FE", "Fas", "Fa"),
    "GigabitEthernet": ("GigEthernet", "GigE", "Gig", "GE", "Gi"),
    "MultiGE": (),
    "TwoGigabitEthernet": ("TwoGig", "Two", "Tw"),
    "FiveGigabitEthernet": ("FiveGig", "Fiv", "Fi"),
    "TenGigabitEthernet": (
        "Ten-GigabitEthernet", "XGigabitEthernet", "TenGigE", "TenGig", "TeGig", "Ten", "Te", "XGE", "10GE",
    ),
    "TwentyFiveGigE": (
        "Twenty-FiveGigE", "TwentyFiveGigabitEthernet", "TFGigabitEthernet", "Twe", "TF", "WGE", "25GE",
    ),
    "FortyGigabitEthernet": ("FortyGigE", "FGE", "Fo", "40GE"),
    "FiftyGigE": ("FiftyGigabitEthernet", "Fif", "50GE"),
    "HundredGigE": ("HundredGigabitEthernet", "HGE", "Hu", "100GE"),
    "TwoHundredGigE": ("TwoHundredGigabitEthernet", "TwoH", "Th", "200GE"),
    "FourHundredGigE": ("FourHundredGigabitEthernet", "Fou", "400GE"),
    "AppGigabitEthernet": ("Ap",),
    "Wlan-GigabitEthernet": ("Wl",),
    "Bluetooth": ("Bl",),
    "Port-channel": ("PortChannel", "Po", "Eth-Trunk", "Bridge-Aggregation", "BAGG", "AggregatePort", "Ag"),
    "Route-Aggregation": ("RAGG",),
    "Vlan": ("Vl", "Vlanif", "Vlan-interface", "Vlan-int"),
    "Loopback": ("Loop", "Lo"),
    "InLoopBack": ("InLoop",),
    "Null": ("Nu",),
    "Register-Tunnel": ("REG",),
    "Tunnel": ("Tu",),
    "Management": ("Mgmt", "Mg", "Ma", "MEth", "M-GigabitEthernet", "M-GE", "MGE"),
    "Virtual-Ethernet": ("VE",),
    "Virtual-Template": ("Vt",),
    "VirtualPortGroup": (),
    "Wlan-Radio": (),
    "Wlan-Bss": (),
    "Stack-Port": ("StackPort",),
    "Console": ("Con",),
    "Aux": (),
    "Cellular": (),
    "Dialer": (),
    "Serial": ("Se",),
    "MP-group": ("MP",),
    "fc": (),
}  # fmt: skip

#: Words that mean an interface type only before a slash: `g0/0/1` is typed every day, `e1` may be a Linux name.
_BEFORE_SLASH: dict[str, str] = {"g": "GigabitEthernet", "f": "FastEthernet", "e": "Ethernet"}

#: Words that are Linux names when written in small letters and without a slash: `eth1` is not NX-OS's Ethernet1.
LINUX_WORDS = frozenset({"eth"})

#: Case-folded word → kind.
KIND_OF: dict[str, str] = {word.casefold(): kind for kind, words in _WORDS.items() for word in (kind, *words)}

#: Case-folded word → kind, for names with a slash.
KIND_BEFORE_SLASH: dict[str, str] = KIND_OF | _BEFORE_SLASH

#: All kinds.
KINDS: tuple[str, ...] = tuple(_WORDS)

#: Long words (case-folded) for shortened spellings such as `gigabiteth1/0/1`, and for "did you mean".
LONG_WORDS: tuple[str, ...] = tuple(word for word in KIND_OF if len(word) >= 7)

"""Comware: interfaces at length and bindings in force, read on demand.

Sources: the recordings of the replay tests; H3C IP source guard command reference.
"""

from __future__ import annotations

from drivers.dialect import Fact, Read
from drivers.dialects.h3c_comware.words import IP, MAC, PORT

_STATE = r"(?P<oper>(?P<admin_up>\S.*\S|\S))\s*$"
_BLOCKED = ("port security disabled", "down ( port security disabled )", "stp down", "mad shutdown")

INTERFACES = Read(
    command="display interface",
    aliases=("display interface {port}",),
    fact=Fact.STATUS,
    # Comware 5 says the state beside the name, Comware 7 on the next line.
    start=rf"\s?(?P<port>{PORT})(?: current state: ?{_STATE}|\s*$)",
    rows=(
        rf"Current state: {_STATE}",
        rf"\s?(?:IP [Pp]acket [Ff]rame [Tt]ype: ?[\w ]+,\s+)[Hh]ardware [Aa]ddress: (?P<own_mac>{MAC})",
        r"\s?Description: (?P<description>.*)",
        r"\s?PVID: (?P<native_vlan>\d+)",
        r"\s?Port link-type: (?P<mode>\w+)",
        rf"Internet [Aa]ddress(?::| is) (?P<ip>{IP}/\d+)",
    ),
    values={
        "oper": {"up": "up", "*": "down"} | dict.fromkeys(_BLOCKED, "blocked"),
        "admin_up": {"administratively down": False, "down ( administratively )": False, "*": True},
        "mode": {word: word for word in ("access", "trunk", "hybrid")},
    },
    defaults={"description": ""},
    open_text=True,
)

IP_SOURCE = Read(
    command="display ip source binding static",
    aliases=("display ip source binding",),
    fact=Fact.IP_BINDING,
    rows=(
        rf"\s*(?P<ip>{IP})\s+(?P<mac>{MAC})\s+(?P<port>{PORT})\s+(?:(?P<vlan>\d+)|N/A|-+)\s+(?P<kind>\S.*?)\s*$",
        rf"\s*(?:{IP}|N/A)\s+(?:{MAC}|N/A)\s+(?:{PORT}|N/A)\s+(?:\d+|N/A|-+)\s+(?P<kind>\S.*?)\s*$",
    ),
    ignore=(r"\s*IP Address\s+MAC Address\s+Interface",),
    values={"kind": {"static": "static", "static-ipv4": "static", "*": "*"}},
    complete=r"\s*Total entries found: \d+|\s*IP Address\s+MAC Address\s+Interface",
    total=r"\s*Total entries found: (?P<total>\d+)",
)

ARP = Read(
    command="display arp",
    fact=Fact.ARP,
    rows=(
        (
            rf"\s*(?P<ip>{IP})\s+(?P<mac>{MAC})\s+(?:(?P<vlan>\d+)|N/A|-+)\s+(?P<port>{PORT})\s+(?P<aging>\S+)\s+"
            r"(?P<kind>[A-Z]\w?)\s*$"
        ),
    ),
    ignore=(r"\s*Type: S-", r"\s*IP [Aa]ddress\s+MAC [Aa]ddress\s"),
    complete=r"\s*IP [Aa]ddress\s+MAC [Aa]ddress\s",
)

READS = (INTERFACES, IP_SOURCE, ARP)

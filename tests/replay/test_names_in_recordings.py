"""Every interface name and MAC address in the recordings of real equipment is understood."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.names import canonical, mac_from_octets, parse_mac

#: Texts in ifName and ifDescr that are no interface's name: descriptions, and the bridge groups of routed VLANs.
NO_NAMES = re.compile(r"|DEFAULT_VLAN|HP ProCurve Switch software loopback interface|unrouted VLAN [0-9]+")
IF_NAME, IF_DESCR, IF_PHYS = "1.3.6.1.2.1.31.1.1.1.1.", "1.3.6.1.2.1.2.2.1.2.", "1.3.6.1.2.1.2.2.1.6."
#: Columns of ntc-templates' results that hold an interface's name in its own switch's spelling.
PORT_COLUMNS = frozenset({"interface", "local_interface", "port", "destination_port"})
#: Words that stand in these columns without being an interface.
NO_PORTS = re.compile(r"|CPU|Router|Switch|not learned|Output:|[0-9]+/[0-9]+-\.\.\.|.*, not learned")
MAC_TOKEN = re.compile(
    r"(?<![\w.:-])(?:[0-9A-Fa-f]{4}([.-])[0-9A-Fa-f]{4}\1[0-9A-Fa-f]{4}"
    r"|[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\2[0-9A-Fa-f]{2}){4}|[0-9A-Fa-f]{6}-[0-9A-Fa-f]{6})(?![\w.:-])"
)
NAME_TOKEN = re.compile(
    r"(?<![\w.:/-])(?:Gi|Fa|Te|Tw|Twe|Fo|Hu|Et|Eth|Po|Ma|GigabitEthernet|FastEthernet|TenGigabitEthernet|Ethernet|GE|XGE"
    r"|10GE|40GE|FGE|BAGG|Bridge-Aggregation|Ten-GigabitEthernet|FortyGigE|HundredGigE|M-GigabitEthernet|M-GE|MEth"
    r"|XGigabitEthernet|MultiGE|Eth-Trunk|Vlanif|Vlan-interface|Port-channel|Port-Channel)[0-9]+(?:/[0-9]+)*(?![\w/:-])"
)


def fixtures() -> Path:
    folder = os.environ.get("PORTSEAL_FIXTURES")
    if not folder:
        pytest.skip("PORTSEAL_FIXTURES is not set: point it to the folder of recordings, or run make test")
    return Path(folder)


def recordings(pattern: str) -> list[Path]:
    found = sorted(fixtures().rglob(pattern))
    logging.getLogger(__name__).info("%d recordings %s used", len(found), pattern)
    assert found, f"no {pattern} under {fixtures()}"
    return found


def snmp_rows(path: Path) -> list[tuple[str, bytes]]:
    rows = []
    for line in path.read_text(errors="replace").splitlines():
        oid, tag, value = line.split("|", 2)
        octets = bytes.fromhex(value) if tag.endswith("x") and len(value) % 2 == 0 else value.encode()
        rows.append((oid, octets))
    return rows


def columns(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def test_every_ifname_and_ifdescr_of_the_snmp_recordings_is_an_interface() -> None:
    names = 0
    for path in recordings("*.snmprec"):
        for oid, octets in snmp_rows(path):
            name = octets.decode(errors="replace")
            if oid.startswith((IF_NAME, IF_DESCR)) and not NO_NAMES.fullmatch(name):
                assert canonical(canonical(name)) == canonical(name), path.name
                names += 1
    assert names > 2000


def test_ifname_and_ifdescr_of_one_interface_are_one_name() -> None:
    """Cisco and Ruijie give the short word in ifName and the long one in ifDescr."""
    pairs = 0
    for path in recordings("*.snmprec"):
        rows = dict(snmp_rows(path))
        for oid, octets in rows.items():
            described = rows.get(IF_DESCR + oid.removeprefix(IF_NAME), b"").decode()
            if oid.startswith(IF_NAME) and re.search(r"Ethernet|channel|Aggregat|Loopback|Vlanif|GE[0-9]", described):
                assert canonical(octets.decode()) == canonical(described), path.name
                pairs += 1
    assert pairs > 800


def test_every_physical_address_of_the_snmp_recordings_is_a_mac() -> None:
    count = 0
    for path in recordings("*.snmprec"):
        for oid, octets in snmp_rows(path):
            if oid.startswith(IF_PHYS) and len(octets) == 6:
                mac = mac_from_octets(octets)
                assert parse_mac(octets.hex(" ")) == mac
                count += 1
    assert count > 500


def test_every_port_column_of_the_cli_recordings_is_an_interface() -> None:
    names = 0
    for path in recordings("*.yml"):
        rows: list[dict[str, Any]] = yaml.safe_load(path.read_text())["parsed_sample"] or []
        for row in rows:
            for column in PORT_COLUMNS & row.keys():
                for value in columns(row[column]):
                    for name in value.split(", ") if not NO_PORTS.fullmatch(value) else []:
                        assert canonical(canonical(name)) == canonical(name), path
                        names += 1
    assert names > 800


def test_every_token_of_the_cli_recordings_that_looks_like_an_interface_gets_a_long_name() -> None:
    texts = [path.read_text(errors="replace") for path in recordings("*.raw")]
    tokens = {match[0] for text in texts for match in NAME_TOKEN.finditer(text)}
    assert len(tokens) > 300
    for token in tokens:
        name = canonical(token)
        assert canonical(name) == name
        assert re.match(r"[A-Z][A-Za-z]+(-channel)?[0-9]", name), token


def test_every_token_of_the_cli_recordings_that_looks_like_a_mac_is_one() -> None:
    found = 0
    for path in recordings("*.raw"):
        for match in MAC_TOKEN.finditer(path.read_text(errors="replace")):
            assert re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}", parse_mac(match[0]))
            found += 1
    assert found > 500

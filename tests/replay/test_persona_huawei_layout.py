"""The Huawei personas' tables have the header lines, columns and fields of recordings of real switches."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.switch.persona.running import running_persona
from tests.replay.huawei_session import STEM, config, terminal

#: Platform, recording, command, and the first words of the lines that must be the same.
HEADERS = [
    ("huawei_vrp", "display_port_vlan/huawei_vrp_display_port_vlan_example2.raw", "display port vlan", r"Port |---"),
    (
        "huawei_vrp",
        "display_interface_brief/huawei_vrp_display_interface_brief.raw",
        "display interface brief",
        r"PHY:|\*down|\^down|\(|InUti|Interface ",
    ),
    ("huawei_vrp", "display_mac-address/huawei_vrp_display_mac-address.raw", "display mac-address", r"---|MAC Addr"),
    ("huawei_vrp", "display_vlan/huawei_vrp_display_vlan.raw", "display vlan", r"---|U: Up|MP:|#:|VID "),
    ("huawei_vrp", "display_arp_all/huawei_vrp_display_arp_all.raw", "display arp all", r"IP ADDR|\s+VLAN/CEV|---"),
    (
        "huawei_vrpv8",
        "display_vlan/huawei_vrp_display_vlan_2.raw",
        "display vlan 100",
        r"---|U: Up|MP:|#:|MAC-LRN|BC:|FWD",
    ),
]
#: Platform and recording of a neighbour whose lines `name :value` must have the same names in the same order.
FIELDS = [
    ("huawei_vrp", "display_lldp_neighbor/huawei_vrp_display_lldp_neighbor1.raw"),
    ("huawei_vrpv8", "display_lldp_neighbor/huawei_vrp_display_lldp_neighbor3.raw"),
]
#: Where the words of a row of the recording begin, by a pattern that both rows match.
COLUMNS = [
    (
        "display_port_vlan/huawei_vrp_display_port_vlan_example2.raw",
        "display port vlan",
        r"GigabitEthernet0/0/\d+\s+access",
    ),
    ("display_mac-address/huawei_vrp_display_mac-address.raw", "display mac-address", r"[0-9a-f]{4}-"),
]


def recording(folder: Path, name: str) -> list[str]:
    """Read a recording in place."""
    path = folder / "cli" / "huawei_vrp" / name
    if not path.exists():
        pytest.skip(f"recording missing: {name}")
    return [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines()]


def shown(platform: str, command: str) -> list[str]:
    """Ask a persona that has learned an address at port 2."""
    with running_persona(config(platform)) as persona, terminal(persona.ssh_port) as session:
        persona.inject("p2", "02:ca:00:00:00:02")
        return [line.rstrip() for line in session.output(command.format(STEM[platform]))]


@pytest.mark.parametrize(
    ("platform", "name", "command", "lines"),
    HEADERS,
    ids=[f"{platform} {command}" for platform, _, command, _ in HEADERS],
)
def test_header_lines_are_those_of_the_recording(
    recordings: Path, platform: str, name: str, command: str, lines: str
) -> None:
    wanted = [line for line in recording(recordings, name) if re.match(lines, line)]
    assert wanted
    assert [line for line in shown(platform, command) if re.match(lines, line)] == wanted


@pytest.mark.parametrize(("platform", "name"), FIELDS, ids=[platform for platform, _ in FIELDS])
def test_fields_are_those_of_the_recording(recordings: Path, platform: str, name: str) -> None:
    def fields(lines: list[str]) -> list[str]:
        found = [match[1].rstrip() for line in lines if (match := re.match(r"([A-Z][\w ()/-]*?)\s*:", line))]
        return [name for name in found if name not in {"Technical Support", "Port"}]

    told = shown(platform, "display lldp neighbor interface {}12")
    wanted, have = fields(recording(recordings, name)), fields(told)
    assert len(wanted) > 15
    assert [field for field in have if field in wanted] == [field for field in wanted if field in have]
    assert len(set(have) & set(wanted)) >= 0.9 * len(set(have))


@pytest.mark.parametrize(("name", "command", "row"), COLUMNS, ids=[command for _, command, _ in COLUMNS])
def test_columns_begin_where_they_begin_in_the_recording(recordings: Path, name: str, command: str, row: str) -> None:
    def starts(lines: list[str]) -> list[int]:
        line = next(line for line in lines if re.match(row, line))
        return [match.start() for match in re.finditer(r"\S+", line)]

    assert starts(shown("huawei_vrp", command)) == starts(recording(recordings, name))

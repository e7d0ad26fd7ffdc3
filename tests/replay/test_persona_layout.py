"""The persona's tables have the header lines and the widths of recordings of real switches."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from lab.switch.persona.running import RunningPersona, running_persona
from tests.replay.persona_session import CONFIG, terminal

#: Recording, command, and the first words of the lines that must be the same.
HEADERS = [
    ("show_port-security/genie_golden_output2.raw", "show port-security", r"Secure Port|\s+\(Count\)|---|Total|Max"),
    (
        "show_port-security_address/genie_golden_output.raw",
        "show port-security address",
        r"\s+Secure|Vlan|\s+\(mins|--",
    ),
    ("show_interfaces_status/cisco_ios_show_interfaces_status.raw", "show interfaces status", r"Port "),
    (
        "show_interfaces_status_err-disabled/cisco_ios_show_interfaces_status_err-disabled.raw",
        "show interfaces status err-disabled",
        r"Port ",
    ),
    ("show_ip_source_binding/cisco_ios_show_ip_source_binding.raw", "show ip source binding", r"MacAddress|-----"),
    ("show_ip_verify_source/genie_golden_output_1.raw", "show ip verify source", r"Interface|-----"),
    ("show_vlan/cisco_ios_show_vlan.raw", "show vlan", r"VLAN|----|Remote|Primary"),
    ("show_arp/cisco_ios_show_arp.raw", "show arp", r"Protocol"),
    ("show_mac-address-table/cisco_ios_show_mac-address-table6.raw", "show mac address-table", r"\s+Mac Ad|Vlan|---"),
    ("show_lldp_neighbors/cisco_ios_show_lldp_neighbors.raw", "show lldp neighbors", r"Capab|    \(|Device ID"),
]
#: Recording and command whose lines `name : value` must have the same names in the same order.
FIELDS = [
    (
        "show_port-security_interface_interface/cisco_ios_show_port-security_interface_interface.raw",
        "show port-security interface gi1/0/3",
    ),
    ("show_lldp_neighbors_detail/cisco_ios_show_lldp_neighbors_detail_01.raw", "show lldp neighbors detail"),
    (
        "show_interfaces_switchport/cisco_ios_show_interfaces_switchport_app_interfaces.raw",
        "show interfaces gi1/0/2 switchport",
    ),
]


def recording(folder: Path, name: str) -> list[str]:
    """Read a recording in place."""
    path = folder / "cli" / "cisco_ios" / name
    if not path.exists():
        pytest.skip(f"recording missing: {name}")
    return path.read_text(encoding="utf-8").splitlines()


def busy(persona: RunningPersona) -> None:
    """Make the switch have something to show in each table."""

    async def talk() -> None:
        async with terminal(persona.ssh_port) as session:
            await session.send("configure terminal")
            for line in (
                "ip dhcp snooping",
                "ip dhcp snooping vlan 30",
                "interface gi1/0/1",
                "switchport port-security mac-address 0011.2233.4455",
                "switchport port-security",
                "interface gi1/0/2",
                "switchport port-security",
                "ip verify source mac-check",
                "ip source binding 0011.2233.4466 vlan 30 10.0.0.6 interface gi1/0/2",
            ):
                await session.send(line)

    asyncio.run(talk())
    persona.inject("p1", "66:77:88:99:aa:bb")


async def output(persona: RunningPersona, command: str) -> list[str]:
    async with terminal(persona.ssh_port) as session:
        return await session.output(command)


@pytest.mark.parametrize(("name", "command", "lines"), HEADERS, ids=[command for _, command, _ in HEADERS])
def test_header_lines_are_those_of_the_recording(recordings: Path, name: str, command: str, lines: str) -> None:
    wanted = [line for line in recording(recordings, name) if re.match(lines, line)]
    assert wanted
    with running_persona(CONFIG) as persona:
        busy(persona)
        shown = asyncio.run(output(persona, command))
    assert [line for line in shown if re.match(lines, line)] == wanted


@pytest.mark.parametrize(("name", "command"), FIELDS, ids=[command for _, command in FIELDS])
def test_fields_are_those_of_the_recording(recordings: Path, name: str, command: str) -> None:
    def fields(lines: list[str]) -> list[str]:
        found = [match[1].rstrip() for line in lines if (match := re.match(r"([A-Z][\w/: .-]*?)\s*: ", line))]
        again = [at for at, field in enumerate(found) if field == found[0] and at > 0]
        return found[: again[0]] if again else found

    wanted = fields(recording(recordings, name))
    assert len(wanted) > 7
    with running_persona(CONFIG) as persona:
        busy(persona)
        shown = fields(asyncio.run(output(persona, command)))
    assert [field for field in shown if field in wanted] == [field for field in wanted if field in shown]
    assert len(set(shown) & set(wanted)) >= 0.8 * len(set(shown))


@pytest.mark.parametrize(
    ("name", "command", "row", "columns"),
    [
        (
            "show_ip_source_binding/cisco_ios_show_ip_source_binding.raw",
            "show ip source binding",
            r"[0-9A-F]{2}:",
            {0, 1, 3, 4, 5},
        ),
        ("show_ip_verify_source/genie_golden_output_1.raw", "show ip verify source", r"Gi", {0, 1, 2, 3, 4, 5}),
    ],
)
def test_columns_begin_where_they_begin_in_the_recording(
    recordings: Path, name: str, command: str, row: str, columns: set[int]
) -> None:
    def starts(lines: list[str]) -> list[int]:
        line = next(line for line in lines if re.match(row, line))
        return [match.start() for at, match in enumerate(re.finditer(r"\S+", line)) if at in columns]

    wanted = starts(recording(recordings, name))
    with running_persona(CONFIG) as persona:
        busy(persona)
        shown = asyncio.run(output(persona, command))
    assert starts(shown) == wanted


def test_counts_end_where_they_end_in_the_recording(recordings: Path) -> None:
    def ends(lines: list[str]) -> list[int]:
        line = next(line for line in lines if re.match(r"\s+(Te|Gi)\d/0/\d", line))
        return [match.end() for match in re.finditer(r"\S+", line)]

    wanted = ends(recording(recordings, "show_port-security/genie_golden_output2.raw"))
    with running_persona(CONFIG) as persona:
        busy(persona)
        shown = asyncio.run(output(persona, "show port-security"))
    assert ends(shown) == wanted

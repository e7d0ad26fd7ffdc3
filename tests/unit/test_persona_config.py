"""The persona's grammar, its configuration text, and its faults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.cisco import configure, configure_port, exec_commands, names, render
from lab.switch.persona.cisco.configure_port import apply_text
from lab.switch.persona.cisco.language import grammar
from lab.switch.persona.cisco.switch import CiscoSwitch
from lab.switch.persona.config import parse
from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.model import from_octets
from lab.switch.persona.vendor import find

CONFIG = """\
hostname east
!
ip dhcp snooping vlan 30
ip dhcp snooping
errdisable recovery cause psecure-violation
errdisable recovery interval 60
lldp run
vlan 30
 name CAMERAS
!
vlan 40
!
interface GigabitEthernet1/0/1
 description pole 17 north
 switchport access vlan 30
 switchport mode access
 switchport port-security maximum 2
 switchport port-security violation restrict
 switchport port-security aging time 5
 switchport port-security mac-address sticky
 switchport port-security mac-address sticky 0011.2233.4455
 switchport port-security mac-address 0200.0000.0001 vlan access
 switchport port-security
 spanning-tree portfast
 ip verify source mac-check
!
interface GigabitEthernet1/0/2
 switchport trunk native vlan 40
 switchport trunk allowed vlan 30,40
 switchport mode trunk
 switchport nonegotiate
 shutdown
!
interface Vlan1
 ip address 198.18.0.12 255.255.255.0
!
ip source binding 0011.2233.4455 vlan 30 10.0.0.5 interface Gi1/0/1
snmp-server community public RW
snmp-server enable traps port-security
!
line vty 0 4
 login local
 transport input ssh
!
end
"""


def make(initial: str = "") -> CiscoSwitch:
    """Boot a switch of two ports."""
    ports = {"GigabitEthernet1/0/1": "p1", "GigabitEthernet1/0/2": "p2"}
    config = parse({"name": "sw1", "hostname": "sw1", "ports": ports, "initial": initial})
    switch = CiscoSwitch(config, LoopbackDataPlane(["p1", "p2"]))
    switch.boot()
    return switch


def test_a_configuration_survives_being_written_and_read() -> None:
    first = make(CONFIG)
    written = render.body(first.running)
    second = make(written)
    assert render.body(second.running) == written
    assert not [line for line in second.log_lines if "CFG_INVALID" in line]


@pytest.mark.parametrize("line", [line for line in CONFIG.splitlines() if line not in {"!", "end"}])
def test_every_line_of_a_configuration_is_shown_again(line: str) -> None:
    shown = render.body(make(CONFIG).running).splitlines()
    assert line in shown or (line == "vlan 40" and "vlan 40 " in shown)


def test_the_first_boot_saves_the_initial_configuration() -> None:
    switch = make(CONFIG)
    assert switch.unsaved() is False
    apply_text(switch, "hostname changed")
    assert switch.unsaved() is True
    switch.boot()
    assert switch.running.hostname == "east"


def test_a_negated_line_goes_away() -> None:
    switch = make(CONFIG)
    apply_text(switch, "no snmp-server enable traps\nno line vty 0 4\ninterface gi1/0/1\n no spanning-tree portfast\n")
    shown = render.body(switch.running)
    assert "snmp-server enable traps" not in shown
    assert "spanning-tree portfast" not in shown


def test_every_pattern_has_a_handler() -> None:
    assert grammar("exec").handlers() <= exec_commands.COMMANDS.keys()
    assert grammar("config").handlers() == configure.COMMANDS.keys()
    assert grammar("interface").handlers() | grammar("vlan").handlers() == configure_port.COMMANDS.keys()


@pytest.mark.parametrize(
    ("mode", "line", "handler"),
    [
        ("exec", "sh int gi 1/0/1 stat", "show_status"),
        ("exec", "sho mac add int gi1/0/1", "show_mac_table"),
        ("exec", "wr", "write_memory"),
        ("exec", "wr mem", "write_memory"),
        ("exec", "copy run start", "copy_running"),
        ("config", "int ra gi1/0/1-2", "interface_range"),
        ("interface", "sw p mac sti 0011.2233.4455", ""),
        ("interface", "swi por mac sti 0011.2233.4455", "secure_sticky"),
        ("interface", "no shut", "shutdown"),
    ],
)
def test_commands_may_be_abbreviated(mode: str, line: str, handler: str) -> None:
    if not handler:
        with pytest.raises(SyntaxProblem, match="ambiguous"):
            grammar(mode).match(line)
    else:
        assert grammar(mode).match(line).handler == handler


@pytest.mark.parametrize(
    ("mode", "line", "kind", "at"),
    [
        ("exec", "show foo", "invalid", 5),
        ("exec", "show verxion", "invalid", 8),
        ("exec", "x", "invalid", 0),
        ("exec", "show", "incomplete", 0),
        ("exec", "show p", "ambiguous", 5),
        ("interface", "switchport access vlan 5000", "invalid", 23),
        ("interface", "switchport port-security mac-address 0011.2233.44zz", "invalid", 37),
        ("config", "interface gi", "incomplete", 0),
        ("config", "interface range gi1/0/1 to 3", "invalid", 16),
    ],
)
def test_what_is_no_command_says_where(mode: str, line: str, kind: str, at: int) -> None:
    with pytest.raises(SyntaxProblem) as problem:
        grammar(mode).match(line)
    assert (problem.value.kind, problem.value.at) == (kind, at)


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=40))
def test_no_line_can_break_the_grammar(line: str) -> None:
    for mode in ("exec", "config", "interface", "vlan"):
        try:
            match = grammar(mode).match(line)
        except SyntaxProblem as problem:
            assert 0 <= problem.at <= len(line)
        else:
            assert match.handler


@given(st.frozensets(st.integers(min_value=1, max_value=4094), min_size=1))
def test_vlan_lists_survive_being_written_and_read(numbers: frozenset[int]) -> None:
    assert names.parse_vlans(names.vlan_ranges(numbers)) == numbers


@given(st.binary(min_size=6, max_size=6))
def test_macs_survive_being_written_and_read(raw: bytes) -> None:
    mac = from_octets(raw)
    assert names.parse_mac(names.dotted(mac)) == mac


def test_bridge_ports_are_not_interface_indexes() -> None:
    assert (names.if_index("GigabitEthernet1/0/3"), names.base_port("GigabitEthernet1/0/3")) == (10103, 3)
    assert (names.if_index("GigabitEthernet2/0/25"), names.base_port("GigabitEthernet2/0/25")) == (10625, 81)


def test_a_fault_strikes_at_the_nth_match_and_then_no_more() -> None:
    faults = Faults(({"kind": "reject", "match": "mac-address", "nth": 2},))
    lines = ["mac-address a", "vlan 3", "mac-address b", "mac-address c"]
    assert [faults.take("reject", line) is not None for line in lines] == [False, False, True, False]


def test_an_unknown_fault_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown fault 'explode'; known: busy-nvram"):
        Faults().add("explode")


def test_a_platform_without_a_persona_is_refused() -> None:
    with pytest.raises(ValueError, match="no persona for platform 'zte_zxros'"):
        find("zte_zxros")

"""The Huawei personas without a session: grammar, configuration text, port security, error-down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.config import parse
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.huawei import names, shell
from lab.switch.persona.huawei.language import VIEWS, grammar
from lab.switch.persona.huawei.load import COMMANDS, config_view
from lab.switch.persona.huawei.switch import HuaweiSwitch, Vrp5Switch, Vrp8Switch
from lab.switch.persona.model import Interface, from_octets

CAMERA, LAPTOP, OTHER = "02:ca:00:00:00:01", "02:ba:d0:00:00:66", "02:ca:00:00:00:02"
CONFIG = """\
#
sysname east
#
vlan batch 30 40 to 42
#
lldp enable
#
dhcp enable
#
port-security static-flapping protect
#
user-bind static ip-address 10.0.0.5 mac-address 02ca-0000-0001 interface {port}1 vlan 30
#
error-down auto-recovery cause {cause} interval 60
#
vlan 30
 name CAMERAS
 description poles
#
aaa
 local-user admin service-type ssh
#
interface Vlanif1
 ip address 198.18.0.14 255.255.255.0
#
interface {port}1
 description pole 17 north
{access} port default vlan 30
{limit} port-security protect-action {action}
{max_mac} port-security mac-address sticky
{sticky} port-security mac-address 02ca-0000-0009 vlan 30
 {guard}
 stp edged-port enable
#
interface {port}2
 shutdown
 port link-type trunk
 undo port trunk allow-pass vlan 1
 port trunk allow-pass vlan 30 40 to 42
#
snmp-agent trap enable
#
user-interface vty 0 4
 authentication-mode aaa
 protocol inbound ssh
#
return
"""
FIVE = CONFIG.format(
    port="GigabitEthernet0/0/", cause="port-security", access=" port link-type access\n",
    limit=" port-security enable\n", action="shutdown", max_mac=" port-security max-mac-num 2\n",
    sticky=" port-security mac-address sticky 02ca-0000-0001 vlan 30\n", guard="ip source check user-bind enable",
)  # fmt: skip
EIGHT = CONFIG.format(
    port="GE1/0/", cause="portsec-reachedlimit", access="", limit=" port-security enable maximum 2\n",
    action="error-down", max_mac="", sticky="", guard="ipv4 source check user-bind enable",
)  # fmt: skip
BOTH = [pytest.param(5, FIVE, id="VRP 5"), pytest.param(8, EIGHT, id="VRP 8")]


class Bench:
    """A switch of four ports with a clock that the test turns; lines are typed in the system view."""

    def __init__(self, number: int, initial: str = "") -> None:
        self.time = 1000.0
        self.stem = "GigabitEthernet0/0/" if number == 5 else "GE1/0/"
        self.plane = LoopbackDataPlane(["p1", "p2", "p3", "p4"], self.now)
        ports = {f"{self.stem}{at}": f"p{at}" for at in range(1, 5)}
        config = parse({"name": "sw1", "hostname": "HUAWEI", "ports": ports, "initial": initial})
        kind: type[HuaweiSwitch] = Vrp5Switch if number == 5 else Vrp8Switch
        self.switch = kind(config, self.plane, self.now)
        self.events: list[tuple[str, str]] = []
        self.switch.event_listeners.append(lambda kind, entry: self.events.append((kind, entry.name if entry else "")))
        self.switch.boot()
        self.plane.watch(self.switch.foreign_frame)
        self.view = config_view(self.switch)

    def now(self) -> float:
        return self.time

    def type(self, *lines: str) -> list[str]:
        return [self.view.take(line) for line in lines]

    def port(self, number: int) -> Interface:
        return self.switch.running.interfaces[f"{self.stem}{number}"]

    def bind(self, number: int, *lines: str) -> None:
        """Make an access port of VLAN 30 under port security."""
        head = ["vlan batch 30", f"interface {self.stem}{number}", "port link-type access", "port default vlan 30"]
        self.view.go("system")
        assert [said for said in self.type(*head, "port-security enable", *lines) if said] == []


@pytest.fixture(params=[5, 8], ids=["VRP 5", "VRP 8"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield Bench(request.param)


@pytest.mark.parametrize(("number", "config"), BOTH)
def test_a_configuration_survives_being_written_and_read(number: int, config: str) -> None:
    first = Bench(number, config)
    written = first.switch.body()
    second = Bench(number, written)
    assert second.switch.body() == written
    assert not [line for line in second.switch.log_lines if "passed over" in line]


@pytest.mark.parametrize(("number", "config"), BOTH)
def test_every_line_of_a_configuration_is_shown_again_in_its_section(number: int, config: str) -> None:
    shown = {tuple(section.strip().split("\n")) for section in Bench(number, config).switch.body().split("#\n")}
    assert {tuple(section.strip().split("\n")) for section in config.split("#\n") if section} <= shown


@pytest.mark.parametrize("number", [5, 8])
def test_every_pattern_has_a_handler(number: int) -> None:
    session = {
        "system_view", "quit", "return", "accept", "screen_length", "no_screen_length", "monitor", "save", "reboot",
        "schedule", "unschedule", "reset_saved", "compare",
    }  # fmt: skip
    eight = {
        "commit", "commit_trial", "abort_trial", "clear_candidate", "display_candidate", "display_trial",
        "display_commits",
    }  # fmt: skip
    for view in VIEWS:
        known = COMMANDS.keys() | shell.DISPLAYS.keys() | session | (eight if number == 8 else set())
        assert grammar(number, view).handlers() <= known, view


@pytest.mark.parametrize(
    ("number", "view", "line", "handler"),
    [
        (5, "user", "dis cur int g0/0/1", "display_current_intf"),
        (5, "user", "sys", "system_view"),
        (5, "interface", "un sh", "shutdown"),
        (5, "interface", "port-s mac st 2ca-0-1 vlan 30", "sticky_mac"),
        (5, "interface", "port tr a v all", "allow_pass"),
        (5, "interface", "int GigabitEthernet 0/0/2", "interface"),
        (8, "interface", "int 10ge 1/0/2", "interface"),
        (8, "system", "comm tr 60", "commit_trial"),
    ],
)
def test_commands_may_be_abbreviated(number: int, view: str, line: str, handler: str) -> None:
    assert grammar(number, view).match(line).handler == handler


@pytest.mark.parametrize(
    ("number", "view", "line", "kind", "start", "expected"),
    [
        (5, "user", "display vesrion", "invalid", 8, "word"),
        (5, "user", "exit", "invalid", 0, "word"),
        (5, "user", "display", "incomplete", 0, "word"),
        (5, "user", "re", "ambiguous", 0, "word"),
        (5, "interface", "port default vlan 5000", "invalid", 18, "value"),
        (5, "interface", "shutdown now", "invalid", 9, "nothing"),
        (5, "interface", "port-security protect-action error-down", "invalid", 29, "word"),
        (8, "interface", "port-security max-mac-num 1", "invalid", 14, "word"),
        (5, "system", "commit", "invalid", 0, "word"),
        (5, "system", "interface GE0/0/1", "invalid", 10, "value"),
    ],
)
def test_what_is_no_command_says_where(number: int, view: str, line: str, kind: str, start: int, expected: str) -> None:
    with pytest.raises(SyntaxProblem) as problem:
        grammar(number, view).match(line)
    assert (problem.value.kind, problem.value.start, problem.value.expected) == (kind, start, expected)


@given(st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=40))
def test_no_line_can_break_the_grammar(line: str) -> None:
    for number in (5, 8):
        for view in VIEWS:
            try:
                match = grammar(number, view).match(line)
            except SyntaxProblem as problem:
                assert 0 <= problem.start <= problem.at <= len(line)
            else:
                assert match.handler


@given(st.frozensets(st.integers(min_value=1, max_value=4094), min_size=1))
def test_vlan_lists_survive_being_written_and_read(numbers: frozenset[int]) -> None:
    assert names.parse_vlans(names.listed(numbers)) == numbers


@given(st.binary(min_size=6, max_size=6))
def test_macs_survive_being_written_and_read(raw: bytes) -> None:
    mac = from_octets(raw)
    assert names.parse_mac(names.hyphened(mac)) == mac


# -- port security ----------------------------------------------------------------------------------------------


def test_a_port_learns_up_to_its_limit_and_then_drops(bench: Bench) -> None:
    bench.bind(1)
    assert bench.plane.inject("p1", CAMERA) is False, "the first frame is the one that teaches"
    assert bench.plane.inject("p1", CAMERA) is True
    assert bench.plane.inject("p1", LAPTOP) is False
    assert [(held.mac, held.kind) for held in bench.port(1).security.macs.values()] == [(CAMERA, "dynamic")]
    assert bench.port(1).security.violations == 1, "restrict is the default action"


def test_a_sticky_address_fills_the_port_and_a_static_one_does_not(bench: Bench) -> None:
    bench.bind(1, "port-security mac-address sticky", "port-security mac-address sticky 2ca-0-1 vlan 30")
    assert bench.plane.inject("p1", CAMERA) is True
    assert bench.plane.inject("p1", LAPTOP) is False
    bench.bind(2, "port-security mac-address 2ca-0-2 vlan 30")
    assert bench.plane.inject("p2", OTHER) is True
    assert bench.plane.inject("p2", LAPTOP) is False
    assert bench.plane.inject("p2", LAPTOP) is True, "the stranger was learned: a static address does not count"


def test_protect_drops_without_a_word(bench: Bench) -> None:
    bench.bind(1, "port-security protect-action protect")
    bench.plane.inject("p1", CAMERA)
    bench.events.clear()
    assert bench.plane.inject("p1", LAPTOP) is False
    assert (bench.events, bench.port(1).security.violations) == ([], 0)


def test_the_third_action_puts_the_port_into_error_down(bench: Bench) -> None:
    action = bench.switch.edition.action
    bench.bind(1, f"port-security protect-action {action}")
    bench.plane.inject("p1", CAMERA)
    bench.plane.inject("p1", LAPTOP)
    assert bench.port(1).err_disabled == bench.switch.edition.cause
    assert bench.plane.state("p1").admin is False
    kinds = [kind for kind, name in bench.events if name == bench.port(1).name]
    assert kinds[0] == "secureViolation"
    assert kinds[-2:] == ["errDisable", "linkDown"]
    assert bench.type("undo shutdown") == [f"Info: Interface {bench.port(1).name} is not shutdown."]
    assert bench.port(1).err_disabled, "undo shutdown alone does not recover"
    bench.type("restart")
    assert (bench.port(1).err_disabled, bench.plane.state("p1").admin) == ("", True)


def test_error_down_recovers_by_itself_only_when_that_was_configured_before(bench: Bench) -> None:
    edition = bench.switch.edition
    for number in (1, 2):
        bench.bind(number, f"port-security protect-action {edition.action}")
    for port in ("p1", "p2"):
        bench.plane.inject(port, CAMERA if port == "p1" else OTHER)
    bench.plane.inject("p1", LAPTOP)
    bench.view.go("system")
    bench.type(f"error-down auto-recovery cause {edition.cause} interval 30")
    bench.plane.inject("p2", LAPTOP)
    bench.time += 29
    bench.switch.tick()
    assert bench.port(2).err_disabled
    bench.time += 1
    bench.switch.tick()
    assert (bool(bench.port(1).err_disabled), bench.port(2).err_disabled) == (True, "")


def test_an_address_that_is_bound_elsewhere_is_dropped_and_counted_only_when_flapping_is_watched(bench: Bench) -> None:
    bench.bind(1, "port-security mac-address sticky", "port-security mac-address sticky 2ca-0-1 vlan 30")
    bench.bind(2)
    assert bench.plane.inject("p2", CAMERA) is False
    assert (bench.port(2).security.violations, bench.port(2).security.macs) == (0, {})
    bench.view.go("system")
    bench.type("port-security static-flapping protect")
    assert bench.plane.inject("p2", CAMERA) is False
    assert bench.port(2).security.violations == 1


def test_a_binding_is_refused_until_the_old_one_is_gone(bench: Bench) -> None:
    add = "port-security mac-address sticky 2ca-0-1 vlan 30"
    bench.bind(1, "port-security mac-address sticky", add)
    bench.bind(2, "port-security mac-address sticky")
    assert bench.type(add)[0].startswith("Error:")
    bench.type(f"interface {bench.stem}1", f"undo {add}", f"interface {bench.stem}2")
    assert bench.type(add) == [""]


def test_port_security_commands_need_the_feature(bench: Bench) -> None:
    bench.type("vlan batch 30", f"interface {bench.stem}1", "port link-type access", "port default vlan 30")
    for line in ("mac-address sticky", "mac-address 2ca-0-1 vlan 30", "protect-action protect"):
        assert bench.type(f"port-security {line}")[0].startswith("Error:"), line
    bench.type("port-security enable")
    assert bench.type("port-security mac-address sticky 2ca-0-1 vlan 30")[0].startswith("Error:"), "sticky comes first"
    assert bench.type("port-security mac-address 2ca-0-1 vlan 31")[0].startswith("Error:"), "not the port's VLAN"
    assert bench.type("port-security mac-address 1ca-0-1 vlan 30")[0].startswith("Error:"), "a group address"


def test_a_port_whose_vlan_changed_lets_nothing_in_that_was_bound_before(bench: Bench) -> None:
    bench.bind(1, "port-security mac-address sticky", "port-security mac-address sticky 2ca-0-1 vlan 30")
    bench.type("vlan 31", f"interface {bench.stem}1", "port default vlan 31")
    assert bench.plane.inject("p1", CAMERA, 31) is False


def test_the_source_check_lets_in_what_is_bound_and_nothing_else(bench: Bench) -> None:
    bench.bind(1)
    bench.type(bench.switch.edition.guard)
    bench.plane.inject("p1", CAMERA, ip="10.0.0.5")
    assert bench.plane.inject("p1", CAMERA, ip="10.0.0.5") is False, "nothing is bound"
    bench.view.go("system")
    bench.type(f"user-bind static ip-address 10.0.0.5 mac-address 2ca-0-1 interface {bench.stem}1 vlan 30")
    assert bench.plane.inject("p1", CAMERA, ip="10.0.0.5") is True
    assert bench.plane.inject("p1", CAMERA, ip="10.0.0.6") is False
    bench.type("undo user-bind static ip-address 10.0.0.5")
    assert bench.plane.inject("p1", CAMERA, ip="10.0.0.5") is False


def test_the_link_type_cannot_change_while_vlans_are_configured(bench: Bench) -> None:
    bench.bind(1)
    renew = "Error: Please renew the default configurations."
    assert bench.type("port link-type trunk", "undo port default vlan", "port link-type trunk") == [renew, "", ""]
    assert bench.plane.state("p1").trunk == (1, frozenset({1}))


def test_sticky_addresses_survive_a_restart_once_they_are_saved(bench: Bench) -> None:
    bench.bind(1, "port-security mac-address sticky")
    bench.plane.inject("p1", CAMERA)
    assert bench.switch.unsaved()
    bench.switch.save("admin")
    bench.switch.boot()
    assert [held.kind for held in bench.port(1).security.macs.values()] == ["sticky"]
    assert ("02ca-0000-0001" in "\n".join(bench.switch.body().split("return")[:1])) is (
        bench.switch.edition.number == 5
    )

"""Port security of the emulated RGOS switch on a data plane without frames: learning, violations, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.config import parse
from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.model import Interface
from lab.switch.persona.ruijie.language import grammar
from lab.switch.persona.ruijie.modes import COMMANDS, GRAMMARS
from lab.switch.persona.ruijie.shell import RuijieSession
from lab.switch.persona.ruijie.switch import RuijieSwitch

CAMERA, LAPTOP, OTHER = "00:11:22:33:44:55", "66:77:88:99:aa:bb", "02:00:00:00:00:01"


class _NoReboots:
    def restart(self) -> None:
        raise AssertionError("nothing here reboots")

    def schedule(self, seconds: float, reason: str) -> None:
        raise AssertionError("nothing here reboots")

    def unschedule(self) -> bool:
        return False

    def scheduled(self) -> tuple[float, str] | None:
        return None


async def _never() -> bytes:
    raise AssertionError("nothing here asks")


class Bench:
    """A switch of four ports in configuration mode, with a clock that the test turns."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.plane = LoopbackDataPlane(["p1", "p2", "p3", "p4"], self.now)
        ports = {f"GigabitEthernet 0/{number}": f"p{number}" for number in range(1, 5)}
        config = parse({"name": "sw7", "hostname": "sw7", "platform": "ruijie_os", "ports": ports})
        self.switch = RuijieSwitch(config, self.plane, self.now)
        self.events: list[tuple[str, str]] = []
        self.switch.event_listeners.append(lambda kind, entry: self.events.append((kind, entry.name if entry else "")))
        self.switch.boot()
        self.plane.watch(self.switch.foreign_frame)
        self.session = RuijieSession(self.switch, Faults(), _NoReboots(), _never, lambda _: None)
        self.type("enable", "configure terminal")

    def now(self) -> float:
        return self.time

    def pass_time(self, seconds: float) -> None:
        self.time += seconds
        self.switch.tick()

    def type(self, *lines: str) -> list[str]:
        """Type lines; each is a command and gives what it prints."""

        async def talk() -> list[str]:
            return [await self.session.do(line) for line in lines]

        return asyncio.run(talk())

    def wrong(self, line: str) -> str:
        """Type a line that is no command."""
        with pytest.raises(SyntaxProblem) as caught:
            self.type(line)
        return self.session.problem(line, caught.value)

    def port(self, number: int) -> Interface:
        return self.switch.running.interfaces[f"GigabitEthernet 0/{number}"]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Four ports; ports 1 and 2 are in VLAN 30 under port security, and may have one address."""
    made = Bench()
    made.type("vlan 30")
    for number in (1, 2):
        made.type(
            f"interface gigabitEthernet 0/{number}",
            "switchport access vlan 30",
            "switchport port-security",
            "switchport port-security maximum 1",
        )
    made.events.clear()
    yield made


def test_every_command_of_the_words_has_a_handler() -> None:
    named = {name for names in GRAMMARS.values() for name in names}
    assert set().union(*(grammar(name).handlers() for name in named)) == COMMANDS.keys()


def test_a_port_learns_up_to_its_maximum_and_then_drops_in_silence(bench: Bench) -> None:
    assert bench.plane.inject("p1", CAMERA) is False, "the first frame is the one that teaches"
    assert bench.plane.inject("p1", CAMERA) is True
    assert bench.plane.inject("p1", LAPTOP) is False
    assert list(bench.port(1).security.macs) == [CAMERA]
    assert bench.events == [], "protect is the default, and says nothing"


def test_an_address_of_another_secure_port_is_not_let_in(bench: Bench) -> None:
    bench.type("interface gi0/1", "switchport port-security mac-address 0011.2233.4455")
    assert bench.plane.inject("p2", CAMERA) is False
    assert not bench.port(2).security.macs


def test_restrict_tells_and_the_port_stays_up(bench: Bench) -> None:
    bench.type(
        "interface gi0/1",
        "switchport port-security violation restrict",
        "switchport port-security mac-address 0011.2233.4455 vlan 30",
    )
    bench.plane.inject("p1", LAPTOP)
    assert bench.events == [("secureViolation", "GigabitEthernet 0/1")]
    assert bench.plane.inject("p1", CAMERA) is True
    assert "6677.8899.aabb on port GigabitEthernet 0/1" in bench.switch.log_lines[-1]


def test_shutdown_shuts_until_errdisable_recovery(bench: Bench) -> None:
    bench.type(
        "interface gi0/1",
        "switchport port-security violation shutdown",
        "switchport port-security mac-address 0011.2233.4455",
    )
    bench.plane.inject("p1", LAPTOP)
    assert "GigabitEthernet 0/1" in bench.type("show interfaces status err-disabled")[0]
    bench.type("no shutdown", "shutdown", "no shutdown")
    assert bench.plane.inject("p1", CAMERA) is False, "neither brings the port back"
    bench.pass_time(100_000)
    assert bench.plane.inject("p1", CAMERA) is False
    bench.type("errdisable recovery")
    assert bench.plane.inject("p1", CAMERA) is True


def test_with_an_interval_a_shut_port_comes_back_by_itself(bench: Bench) -> None:
    bench.type(
        "errdisable recovery interval 60",
        "interface gi0/1",
        "switchport port-security violation shutdown",
        "switchport port-security mac-address 0011.2233.4455",
    )
    bench.plane.inject("p1", LAPTOP)
    bench.pass_time(59)
    assert bench.plane.inject("p1", CAMERA) is False
    bench.pass_time(2)
    assert bench.plane.inject("p1", CAMERA) is True


def test_a_secure_ip_address_must_match_as_well(bench: Bench) -> None:
    bench.type(
        "interface gi0/1",
        "switchport port-security mac-address 0011.2233.4455 vlan 30",
        "switchport port-security binding 0011.2233.4455 vlan 30 198.18.30.1",
        "interface gi0/2",
        "switchport port-security mac-address 0200.0000.0001",
        "switchport port-security binding 198.18.30.2",
    )
    assert bench.plane.inject("p1", CAMERA, ip="198.18.30.1") is True
    assert bench.plane.inject("p1", CAMERA, ip="198.18.30.9") is False
    assert bench.plane.inject("p2", OTHER, ip="198.18.30.2") is True
    assert bench.plane.inject("p2", OTHER, ip="198.18.30.1") is False


def test_source_guard_lets_the_bound_pair_in(bench: Bench) -> None:
    bench.type(
        "ip source binding 0011.2233.4455 vlan 1 198.18.30.1 interface gigabitEthernet 0/3",
        "interface gi0/3",
        "ip verify source port-security",
    )
    assert bench.plane.inject("p3", CAMERA, ip="198.18.30.1") is True
    assert bench.plane.inject("p3", CAMERA, ip="198.18.30.9") is False
    assert bench.plane.inject("p3", LAPTOP, ip="198.18.30.1") is False
    bench.type("no ip verify source")
    assert bench.plane.inject("p3", LAPTOP, ip="198.18.30.9") is True


def test_what_the_switch_refuses(bench: Bench) -> None:
    bench.type("interface gi0/1", "switchport port-security mac-address sticky 0011.2233.4455 vlan 30")
    refused = [
        *bench.type("switchport port-security mac-address 6677.8899.aabb"),  # full
        *bench.type("switchport port-security mac-address 6677.8899.aabb vlan 31"),
        *bench.type("interface gi0/2", "switchport port-security mac-address 0011.2233.4455")[1:],
        *bench.type("no switchport port-security mac-address 6677.8899.aabb"),
        *bench.type("no switchport port-security binding 198.18.30.1"),
    ]
    assert all(line.startswith("% ") for line in refused)


def test_the_saved_configuration_gives_the_same_switch_again(bench: Bench) -> None:
    bench.type(
        "hostname yard",
        "vlan 40",
        "name doors",
        "ip source binding 0011.2233.4455 vlan 30 198.18.30.1 interface gi0/1",
        "errdisable recovery interval 90",
        "no lldp enable",
        "snmp-server host 198.18.0.1 traps version 2c public",
        "interface gi0/1",
        "description pole 17",
        "switchport port-security mac-address sticky 0011.2233.4455 vlan 30",
        "switchport port-security violation restrict",
        "ip verify source port-security",
        "interface gi0/2",
        "switchport port-security binding 198.18.30.2",
        "shutdown",
        "interface gi0/4",
        "switchport mode trunk",
        "switchport trunk allowed vlan only 30,40",
        "switchport trunk native vlan 40",
        "spanning-tree bpduguard enable",
        "line vty 0 4",
        "login local",
    )
    before = bench.switch.body()
    assert " switchport trunk allowed vlan only 30,40" in before
    bench.switch.save("admin")
    bench.switch.boot()
    assert bench.switch.body() == before
    assert bench.plane.inject("p1", CAMERA, ip="198.18.30.1") is True
    assert bench.plane.inject("p1", LAPTOP) is False
    assert not [line for line in bench.switch.log_lines if "CONFIG_LOAD" in line]


def test_trunk_lists_are_changed_by_their_words(bench: Bench) -> None:
    bench.type("interface gi0/4", "switchport mode trunk", "switchport trunk allowed vlan only 10-20")
    bench.type("switchport trunk allowed vlan remove 11-19", "switchport trunk allowed vlan add 30")
    assert bench.port(4).allowed == frozenset({10, 20, 30})
    bench.type("switchport trunk allowed vlan except 2-4094")
    assert bench.port(4).allowed == frozenset({1})
    bench.type("switchport trunk allowed vlan all")
    assert bench.port(4).allowed is None


def test_what_is_wrong_is_said_as_it_is_there(bench: Bench) -> None:
    assert bench.wrong("show port-secruity") == (
        " " * (len("sw7(config-if-GigabitEthernet 0/2)#") + 13) + "^\n% Invalid input detected at '^' marker.\n"
    )
    assert "% Unknown command." in bench.wrong("frobnicate")
    assert "% Incomplete command." in bench.wrong("switchport port-security maximum")

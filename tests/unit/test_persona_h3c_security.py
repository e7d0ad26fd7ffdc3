"""Port security of the emulated Comware switch on a data plane without frames: learning, intrusions, refusals."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona.config import parse
from lab.switch.persona.faults import Faults
from lab.switch.persona.grammar import SyntaxProblem
from lab.switch.persona.h3c.language import grammar
from lab.switch.persona.h3c.shell import H3cSession
from lab.switch.persona.h3c.switch import H3cSwitch, port_mode
from lab.switch.persona.h3c.views import COMMANDS, GRAMMARS
from lab.switch.persona.model import Interface

CAMERA, LAPTOP, OTHER = "00:11:22:33:44:55", "66:77:88:99:aa:bb", "02:00:00:00:00:01"
REFUSED = "Error: Security MAC address configuration failed."


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
    """A switch of four ports in the system view, with a clock that the test turns."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.plane = LoopbackDataPlane(["p1", "p2", "p3", "p4"], self.now)
        ports = {f"GigabitEthernet1/0/{number}": f"p{number}" for number in range(1, 5)}
        config = parse({"name": "sw4", "hostname": "sw4", "platform": "h3c_comware", "ports": ports})
        self.switch = H3cSwitch(config, self.plane, self.now)
        self.events: list[tuple[str, str]] = []
        self.switch.event_listeners.append(lambda kind, entry: self.events.append((kind, entry.name if entry else "")))
        self.switch.boot()
        self.plane.watch(self.switch.foreign_frame)
        self.session = H3cSession(self.switch, Faults(), _NoReboots(), _never, lambda _: None)
        self.type("system-view")

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
        return self.switch.running.interfaces[f"GigabitEthernet1/0/{number}"]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Four ports of VLAN 30; ports 1 and 2 learn one address and are then secure."""
    made = Bench()
    made.type("vlan 30", "quit", "port-security enable")
    for number in (1, 2):
        made.type(
            f"interface GigabitEthernet 1/0/{number}",
            "port access vlan 30",
            "port-security max-mac-count 1",
            "port-security port-mode autolearn",
        )
    made.type("quit")
    made.events.clear()
    yield made


def test_every_command_of_the_words_has_a_handler() -> None:
    named = {name for names in GRAMMARS.values() for name in names}
    assert set().union(*(grammar(name).handlers() for name in named)) == COMMANDS.keys()


def test_a_port_in_autolearn_learns_up_to_its_maximum_and_is_secure_then(bench: Bench) -> None:
    assert port_mode(bench.port(1)) == "autoLearn"
    assert bench.plane.inject("p1", CAMERA) is False, "the first frame is the one that teaches"
    assert port_mode(bench.port(1)) == "secure"
    assert bench.plane.inject("p1", CAMERA) is True
    assert bench.plane.inject("p1", LAPTOP) is False
    assert list(bench.port(1).security.macs) == [CAMERA]
    assert f" port-security mac-address security sticky {'0011-2233-4455'} vlan 30" in bench.switch.body()


def test_an_address_secured_at_one_port_is_not_learned_at_another(bench: Bench) -> None:
    bench.plane.inject("p1", CAMERA)
    assert bench.plane.inject("p2", CAMERA) is False
    assert not bench.port(2).security.macs


def test_without_an_intrusion_mode_a_foreign_frame_is_dropped_and_nothing_else(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "port-security mac-address security sticky 0011-2233-4455 vlan 30")
    assert bench.plane.inject("p1", LAPTOP) is False
    assert not bench.port(1).err_disabled
    assert bench.events == [("secureViolation", "GigabitEthernet1/0/1")]


def test_blockmac_lists_the_intruder_for_three_minutes(bench: Bench) -> None:
    bench.type(
        "interface gi1/0/1",
        "port-security mac-address security 0011-2233-4455 vlan 30",
        "port-security intrusion-mode blockmac",
    )
    bench.plane.inject("p1", LAPTOP)
    assert bench.plane.inject("p1", CAMERA) is True, "the port goes on serving its own device"
    assert "6677-8899-aabb" in bench.type("display port-security mac-address block")[0]
    bench.pass_time(181)
    assert "6677-8899-aabb" not in bench.type("display port-security mac-address block")[0]


def test_disableport_shuts_until_the_port_is_opened_by_hand(bench: Bench) -> None:
    bench.type(
        "interface gi1/0/1",
        "port-security mac-address security 0011-2233-4455 vlan 30",
        "port-security intrusion-mode disableport",
    )
    bench.plane.inject("p1", LAPTOP)
    bench.pass_time(1000)
    assert "Current state: DOWN ( Port Security Disabled )" in bench.type("display interface gi1/0/1")[0]
    assert bench.plane.inject("p1", CAMERA) is False
    assert " shutdown" not in bench.type("display this")[0]
    bench.type("undo shutdown")
    assert bench.plane.inject("p1", CAMERA) is True


def test_disableport_temporarily_ends_after_its_time(bench: Bench) -> None:
    bench.type(
        "port-security timer disableport 30",
        "interface gi1/0/1",
        "port-security mac-address security 0011-2233-4455 vlan 30",
        "port-security intrusion-mode disableport-temporarily",
    )
    bench.plane.inject("p1", LAPTOP)
    bench.pass_time(29)
    assert bench.plane.inject("p1", CAMERA) is False
    bench.pass_time(2)
    assert bench.plane.inject("p1", CAMERA) is True


def test_security_macs_go_with_the_mode_that_made_them(bench: Bench) -> None:
    bench.plane.inject("p1", CAMERA)
    bench.type("interface gi1/0/1", "undo port-security port-mode")
    assert not bench.port(1).security.macs
    assert bench.plane.inject("p1", LAPTOP) is True, "noRestrictions lets everybody in"


def test_what_the_switch_refuses(bench: Bench) -> None:
    bench.type("interface gi1/0/1")
    assert bench.type("port-security port-mode secure") == [
        "Error:When we change port-mode, we should first change it to noRestrictions, then change it to the other."
    ]
    assert "autoLearn" in bench.type("port-security max-mac-count 3")[0]
    bench.type("port-security mac-address security sticky 0011-2233-4455 vlan 30")
    refused = [
        *bench.type("port-security mac-address security sticky 6677-8899-aabb vlan 30"),  # full
        *bench.type("interface gi1/0/2", "port-security mac-address security sticky 0011-2233-4455 vlan 30")[1:],
        *bench.type("port-security mac-address security sticky 6677-8899-aabb vlan 31"),
        *bench.type("interface gi1/0/3", "port-security mac-address security sticky 6677-8899-aabb vlan 1")[1:],
    ]
    assert refused == [REFUSED] * 4
    assert "maximum" in bench.type("port-security port-mode autolearn")[0]
    assert bench.type("port access vlan 77") == ["The VLAN does not exist."]


def test_a_static_address_passes_and_is_not_counted(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "mac-address static 0200-0000-0001 vlan 30")
    bench.plane.inject("p1", CAMERA)
    assert bench.plane.inject("p1", OTHER) is True
    assert bench.plane.inject("p1", CAMERA) is True
    assert "Current secure MAC addresses   : 1" in bench.type("display port-security interface gi1/0/1")[0]


def test_source_guard_lets_the_bound_pair_in_and_counts_no_intrusion(bench: Bench) -> None:
    bench.type(
        "interface gi1/0/3",
        "ip source binding ip-address 198.18.30.1 mac-address 0011-2233-4455",
        "ip verify source ip-address mac-address",
    )
    assert bench.plane.inject("p3", CAMERA, ip="198.18.30.1") is True
    assert bench.plane.inject("p3", CAMERA, ip="198.18.30.9") is False
    assert bench.plane.inject("p3", LAPTOP, ip="198.18.30.1") is False
    assert bench.events == []
    bench.type("undo ip verify source")
    assert bench.plane.inject("p3", LAPTOP, ip="198.18.30.9") is True


def test_off_as_a_whole_the_feature_admits_everybody_and_forgets(bench: Bench) -> None:
    bench.plane.inject("p1", CAMERA)
    bench.type("undo port-security enable")
    assert bench.plane.inject("p1", LAPTOP) is True
    assert not bench.port(1).security.macs


def test_the_saved_configuration_gives_the_same_switch_again(bench: Bench) -> None:
    bench.type(
        "sysname yard",
        "port-security timer disableport 60",
        "vlan 40",
        "name doors",
        "mac-address static 0200-0000-0001 interface gi1/0/1 vlan 30",
        "interface gi1/0/1",
        "description pole 17",
        "port-security mac-address security sticky 0011-2233-4455 vlan 30",
        "port-security intrusion-mode disableport-temporarily",
        "ip source binding ip-address 198.18.30.1 mac-address 0011-2233-4455",
        "ip verify source ip-address mac-address",
        "interface gi1/0/4",
        "port link-type trunk",
        "port trunk permit vlan 30 40",
        "undo port trunk permit vlan 1",
        "port trunk pvid vlan 40",
        "stp edged-port",
        "line vty 0 63",
        "authentication-mode scheme",
    )
    before = bench.switch.body()
    bench.switch.save("admin")
    bench.switch.boot()
    assert bench.switch.body() == before
    assert bench.plane.inject("p1", CAMERA, ip="198.18.30.1") is True
    assert bench.plane.inject("p1", LAPTOP) is False
    assert not [line for line in bench.switch.log_lines if "CFGMAN" in line]


def test_a_reboot_keeps_only_what_was_saved(bench: Bench) -> None:
    bench.switch.save("admin")
    bench.type("interface gi1/0/1", "shutdown", "description forgotten")
    bench.switch.boot()
    assert not bench.port(1).shutdown
    assert not bench.port(1).description


def test_a_commit_delay_takes_everything_back_unless_it_is_committed(bench: Bench) -> None:
    before = bench.switch.body()
    bench.type("configuration commit delay 1", "interface gi1/0/1", "shutdown", "vlan 44")
    bench.pass_time(59)
    assert bench.port(1).shutdown
    bench.pass_time(2)
    assert bench.switch.body() == before
    bench.type("configuration commit delay 1", "interface gi1/0/1", "shutdown", "quit", "configuration commit")
    bench.pass_time(100)
    assert bench.port(1).shutdown


def test_the_caret_stands_under_the_word_that_is_wrong(bench: Bench) -> None:
    assert bench.wrong("display curent") == "             ^\n % Unrecognized command found at '^' position."
    assert bench.wrong("vlan 5000") == "          ^\n % Wrong parameter found at '^' position."
    assert bench.wrong("display clock now").endswith("% Too many parameters found at '^' position.")
    assert bench.wrong("display").endswith("% Incomplete command found at '^' position.")
    assert bench.wrong("port-security port-mode autolearn").endswith("% Unrecognized command found at '^' position.")

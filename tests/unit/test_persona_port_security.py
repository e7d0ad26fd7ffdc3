"""Port security of the persona on a data plane without frames: learning, violations, recovery, refusals."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.switch.loopback import LoopbackDataPlane
from lab.switch.persona import security
from lab.switch.persona.cisco.configure import ConfigMode
from lab.switch.persona.cisco.configure_port import config_mode
from lab.switch.persona.cisco.switch import CiscoSwitch
from lab.switch.persona.config import parse
from lab.switch.persona.model import Interface

CAMERA, LAPTOP, OTHER = "00:11:22:33:44:55", "66:77:88:99:aa:bb", "02:00:00:00:00:01"


class Bench:
    """A switch of four ports with a clock that the test turns."""

    def __init__(self, initial: str = "") -> None:
        self.time = 1000.0
        self.plane = LoopbackDataPlane(["p1", "p2", "p3", "p4"], self.now)
        ports = {f"GigabitEthernet1/0/{number}": f"p{number}" for number in range(1, 5)}
        config = parse({"name": "sw1", "hostname": "sw1", "ports": ports, "initial": initial})
        self.switch = CiscoSwitch(config, self.plane, self.now)
        self.events: list[tuple[str, str]] = []
        self.switch.event_listeners.append(lambda kind, entry: self.events.append((kind, entry.name if entry else "")))
        self.switch.boot()
        self.plane.watch(self.switch.foreign_frame)
        self.mode: ConfigMode = config_mode(self.switch)

    def now(self) -> float:
        return self.time

    def type(self, *lines: str) -> list[str]:
        return [self.mode.run(line) for line in lines]

    def port(self, number: int) -> Interface:
        return self.switch.running.interfaces[f"GigabitEthernet1/0/{number}"]

    def logged(self, mnemonic: str) -> list[str]:
        return [line for line in self.switch.log_lines if mnemonic in line]


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Four ports; ports 1 and 2 are access ports of VLAN 30 under port security in restrict mode."""
    made = Bench()
    for number in (1, 2):
        made.type(
            f"interface gi1/0/{number}",
            "switchport mode access",
            "switchport access vlan 30",
            "switchport port-security violation restrict",
            "switchport port-security",
        )
    made.events.clear()
    made.switch.log_lines.clear()
    yield made


def test_a_port_learns_up_to_its_maximum_and_then_drops(bench: Bench) -> None:
    assert bench.plane.inject("p1", CAMERA) is False, "the first frame is the one that teaches"
    assert bench.plane.inject("p1", CAMERA) is True
    assert bench.port(1).security.macs[CAMERA].kind == "dynamic"
    assert bench.plane.inject("p1", LAPTOP) is False
    assert bench.plane.inject("p1", LAPTOP) is False
    assert list(bench.port(1).security.macs) == [CAMERA]


def test_restrict_counts_and_tells_while_the_port_stays_up(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "switchport port-security mac-address 0011.2233.4455")
    bench.plane.inject("p1", LAPTOP)
    bench.plane.inject("p1", LAPTOP)
    held = bench.port(1).security
    assert (held.violations, held.last_mac, held.last_vlan) == (2, LAPTOP, 30)
    assert bench.events == [("secureViolation", "GigabitEthernet1/0/1")] * 2
    assert len(bench.logged("PSECURE_VIOLATION")) == 1, "a repeated violation is not logged again at once"
    assert "caused by MAC address 6677.8899.aabb on port GigabitEthernet1/0/1." in bench.logged("PSECURE_VIOLATION")[0]
    assert bench.switch.status(bench.port(1)) == "connected"
    assert bench.plane.inject("p1", CAMERA) is True


def test_protect_drops_without_a_word(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "switchport port-security violation protect")
    bench.type("switchport port-security mac-address 0011.2233.4455")
    assert bench.plane.inject("p1", LAPTOP) is False
    assert bench.port(1).security.violations == 0
    assert bench.events == []
    assert bench.logged("PSECURE") == []


def test_shutdown_puts_the_port_into_err_disable(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "no switchport port-security violation")
    bench.type("switchport port-security mac-address 0011.2233.4455")
    bench.plane.inject("p1", LAPTOP)
    assert bench.switch.status(bench.port(1)) == "err-disabled"
    assert bench.plane.state("p1").admin is False
    assert [kind for kind, _ in bench.events] == ["errDisable", "linkDown"]
    assert bench.port(1).security.violations == 1
    bench.type("no shutdown")
    assert bench.switch.status(bench.port(1)) == "err-disabled", "no shutdown alone does not recover"
    bench.type("shutdown", "no shutdown")
    assert bench.switch.status(bench.port(1)) == "connected"
    assert bench.port(1).security.violations == 0
    assert bench.plane.inject("p1", CAMERA) is True


def test_the_recovery_timer_opens_an_err_disabled_port(bench: Bench) -> None:
    bench.type("errdisable recovery cause psecure-violation", "errdisable recovery interval 30")
    bench.type("interface gi1/0/1", "switchport port-security violation shutdown")
    bench.type("switchport port-security mac-address 0011.2233.4455")
    bench.plane.inject("p1", LAPTOP)
    bench.time += 29
    security.tick(bench.switch)
    assert bench.switch.status(bench.port(1)) == "err-disabled"
    bench.time += 1
    security.tick(bench.switch)
    assert bench.switch.status(bench.port(1)) == "connected"
    assert bench.logged("PM-4-ERR_RECOVER")


def test_an_address_of_one_secure_port_is_a_violation_on_another(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "switchport port-security mac-address 0011.2233.4455")
    bench.type("interface gi1/0/2", "switchport port-security maximum 5")
    bench.plane.inject("p2", CAMERA)
    assert bench.port(2).security.violations == 1
    assert bench.port(2).security.macs == {}


def test_a_duplicate_is_refused_until_the_old_binding_is_gone(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "switchport port-security mac-address 0011.2233.4455", "interface gi1/0/2")
    add = "switchport port-security mac-address 0011.2233.4455"
    assert bench.type(add) == ["Found duplicate mac-address 0011.2233.4455."]
    bench.type("interface gi1/0/1", f"no {add}", "interface gi1/0/2")
    assert bench.type(add) == [""]
    assert bench.plane.state("p2").admission.macs == frozenset({CAMERA})
    assert bench.plane.state("p1").admission.macs == frozenset()


def test_a_learned_address_must_be_cleared_before_it_can_be_configured(bench: Bench) -> None:
    bench.plane.inject("p1", CAMERA)
    add = "switchport port-security mac-address 0011.2233.4455"
    assert bench.type("interface gi1/0/1", add)[1] == "Found duplicate mac-address 0011.2233.4455."
    security.clear(bench.switch, frozenset({"dynamic"}), "GigabitEthernet1/0/1")
    assert bench.type(add) == [""]


def test_the_same_address_may_be_secured_in_another_vlan(bench: Bench) -> None:
    bench.type("interface gi1/0/2", "switchport access vlan 40")
    add = "switchport port-security mac-address 0011.2233.4455"
    assert bench.type("interface gi1/0/1", add, "interface gi1/0/2", add) == ["", "", "", ""]
    assert bench.type("switchport access vlan 30") == ["Found duplicate mac-address 0011.2233.4455."]
    assert bench.port(2).access_vlan == 40


def test_more_addresses_than_the_maximum_are_refused(bench: Bench) -> None:
    printed = bench.type(
        "interface gi1/0/1",
        "switchport port-security mac-address 0011.2233.4455",
        "switchport port-security mac-address 0200.0000.0001",
        "switchport port-security maximum 2",
        "switchport port-security mac-address 0200.0000.0001",
        "switchport port-security maximum 1",
    )
    assert printed[2] == "Total secure mac-addresses on interface GigabitEthernet1/0/1 has reached maximum limit."
    assert printed[4] == ""
    assert printed[5] == "Maximum is less than number of currently secured mac-addresses."
    assert bench.port(1).security.maximum == 2


def test_a_dynamic_port_cannot_be_secured(bench: Bench) -> None:
    printed = bench.type("interface gi1/0/3", "switchport port-security")
    assert printed[1] == "Command rejected: GigabitEthernet1/0/3 is a dynamic port."
    assert bench.port(3).security.enabled is False
    assert bench.plane.state("p3").admission.macs is None


def test_sticky_addresses_survive_a_link_that_goes_and_dynamic_ones_do_not(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "switchport port-security mac-address sticky")
    bench.plane.inject("p1", CAMERA)
    bench.plane.inject("p2", LAPTOP)
    for port in ("p1", "p2"):
        bench.plane.set_peer(port, up=False)
    security.tick(bench.switch)
    assert bench.port(1).security.macs[CAMERA].kind == "sticky"
    assert bench.port(2).security.macs == {}
    assert bench.plane.state("p2").admission.macs == frozenset()


def test_turning_sticky_on_and_off_converts_what_was_learned(bench: Bench) -> None:
    bench.plane.inject("p1", CAMERA)
    bench.type("interface gi1/0/1", "switchport port-security mac-address sticky")
    assert bench.port(1).security.macs[CAMERA].kind == "sticky"
    bench.type("no switchport port-security mac-address sticky")
    assert bench.port(1).security.macs[CAMERA].kind == "dynamic"


def test_dynamic_addresses_age_out(bench: Bench) -> None:
    bench.type("interface gi1/0/1", "switchport port-security aging time 2")
    bench.plane.inject("p1", CAMERA)
    bench.time += 119
    security.tick(bench.switch)
    assert CAMERA in bench.port(1).security.macs
    bench.time += 1
    security.tick(bench.switch)
    assert bench.port(1).security.macs == {}


def test_source_guard_needs_snooping_on_the_vlan(bench: Bench) -> None:
    bench.type("ip source binding 0011.2233.4455 vlan 30 10.0.0.5 interface gi1/0/1")
    bench.type("interface gi1/0/1", "ip verify source mac-check")
    assert bench.plane.state("p1").admission.pairs is None
    bench.type("ip dhcp snooping", "ip dhcp snooping vlan 30")
    assert bench.plane.state("p1").admission.pairs == frozenset({(CAMERA, "10.0.0.5")})
    bench.type("no ip source binding 0011.2233.4455 vlan 30 10.0.0.5 interface gi1/0/1")
    assert bench.plane.state("p1").admission.pairs == frozenset(), "a guarded port without a binding denies all"
    bench.type("interface gi1/0/1", "no ip verify source")
    assert bench.plane.state("p1").admission.pairs is None


def test_a_deleted_vlan_leaves_its_ports_inactive(bench: Bench) -> None:
    bench.type("no vlan 30")
    assert bench.switch.status(bench.port(1)) == "inactive"
    assert bench.plane.state("p1").admission.macs == frozenset()
    assert bench.type("interface gi1/0/1", "switchport access vlan 30")[1] == (
        "% Access VLAN does not exist. Creating vlan 30"
    )
    assert bench.switch.status(bench.port(1)) == "connected"


def test_a_trunk_carries_what_is_allowed_and_exists(bench: Bench) -> None:
    bench.type("vlan 40,50", "interface gi1/0/4", "switchport mode trunk")
    assert bench.plane.state("p4").trunk == (1, frozenset({1, 30, 40, 50}))
    bench.type("switchport trunk allowed vlan 30,40", "switchport trunk allowed vlan add 50,60")
    bench.type("switchport trunk allowed vlan remove 40", "switchport trunk native vlan 30")
    assert bench.plane.state("p4").trunk == (30, frozenset({30, 50}))
    bench.type("switchport trunk allowed vlan none")
    assert bench.plane.state("p4").trunk == (30, frozenset())
    bench.type("switchport trunk allowed vlan except 50")
    assert bench.plane.state("p4").trunk == (30, frozenset({1, 30, 40}))


def test_unchanged_settings_do_not_disturb_what_a_port_learned(bench: Bench) -> None:
    bench.plane.inject("p3", OTHER)
    bench.type("interface gi1/0/3", "description camera", "switchport access vlan 1", "no shutdown")
    assert [entry.mac for entry in bench.plane.fdb()] == [OTHER]

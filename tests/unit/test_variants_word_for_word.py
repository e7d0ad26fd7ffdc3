"""Variants of a setting are not merged: given back word for word, or not known, and then nothing overwrites them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from drivers.dialects import dialect
from drivers.observe import observe
from drivers.parse import parse
from drivers.render import commands, script
from policies.comply import comply
from policies.expected import expected
from policies.model import Binding, Device, DeviceRole, ExpectedSwitch, ObservedSwitch, PortConfig, PortMode, Verdict
from policies.plan import plan_switch, restore
from policies.site import Site, Switch, Vlan
from tests.unit.switch_states import carried_out

CISCO = dialect("cisco_ios")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
PORT = "GigabitEthernet1/0/1"
CAMERA = Device("cam1", DeviceRole.CAMERA, "02:ca:00:00:00:01", "198.18.100.1")
SWITCH = Switch("sw", "cisco_ios", "192.0.2.1", ports=(PORT,), edge_ports=frozenset({PORT}))
SITE = Site("test", Path(), vlans=(Vlan(100, "face", "face"),), switches=(SWITCH,))
BINDINGS = [Binding("cam1", "sw", PORT, 100)]
SECURED = """Secure Port  MaxSecureAddr  CurrentAddr  SecurityViolation  Security Action
    Gi1/0/1              1            1                  0         {action}
"""
SEALED = (
    " switchport access vlan 100",
    " switchport mode access",
    " switchport port-security violation restrict",
    " switchport port-security mac-address 02ca.0000.0001",
    " switchport port-security",
    " ip verify source",
)
ADDRESSES = """Vlan    Mac Address       Type                          Ports   Remaining Age
 100    02ca.0000.0001    SecureConfigured              Gi1/0/1      -
"""


def read(*lines: str, action: str = "Restrict") -> ObservedSwitch:
    """Read a switch whose port has these lines."""
    running = (
        f"hostname sw\nip dhcp snooping vlan 100\nip dhcp snooping\ninterface {PORT}\n"
        + "".join(f"{line}\n" for line in lines)
        + f"ip source binding 02CA.0000.0001 vlan 100 198.18.100.1 interface {PORT}\nend\n"
    )
    said = {
        "show running-config": running,
        "show port-security": SECURED.format(action=action),
        "show port-security address": ADDRESSES,
    }
    answers = [(each, parse(each, said[each.command])) for each in CISCO.reads if each.observe and each.command in said]
    return observe(CISCO, answers, switch="sw", read_at=NOW)


def sealed_but(old: str, new: str) -> tuple[str, ...]:
    return tuple(new if line.strip() == old else line for line in SEALED)


def wanted() -> dict[str, ExpectedSwitch]:
    return {"sw": expected(SITE, SWITCH, {"cam1": CAMERA}, BINDINGS, date(2026, 1, 1))}


def config(seen: ObservedSwitch) -> PortConfig:
    return seen.ports[PORT].config


MAC_LINE = "switchport port-security mac-address 02ca.0000.0001"
VARIANTS = [
    ("source_guard", "ip verify source", " ip verify source port-security", "IP source guard"),
    ("source_guard", "ip verify source", " ip verify source mac-check", "IP source guard"),
    ("source_guard", "ip verify source", " ip verify source tracking", "IP source guard"),
    ("source_guard", "ip verify source", " ip verify source vlan dhcp-snooping", "IP source guard"),
    (
        "violation",
        "switchport port-security violation restrict",
        " switchport port-security violation shutdown vlan",
        "violation action",
    ),
    ("secure_macs", MAC_LINE, f" {MAC_LINE} vlan voice", "bound MACs"),
    ("secure_macs", MAC_LINE, f" {MAC_LINE} vlan 200", "bound MACs"),
    ("mode", "switchport mode access", " switchport mode dot1q-tunnel", "port mode"),
    ("mode", "switchport mode access", " switchport mode private-vlan host", "port mode"),
    ("access_vlan", "switchport access vlan 100", " switchport access vlan dynamic", "VLAN"),
]


def test_a_sealed_port_needs_no_change_and_passes() -> None:
    seen = read(*SEALED)
    assert plan_switch(wanted()["sw"], seen)[0].ports == ()


@pytest.mark.parametrize(("setting", "old", "new", "word"), VARIANTS, ids=[variant[2].strip() for variant in VARIANTS])
def test_a_variant_that_cannot_be_written_back_is_not_known_and_not_overwritten(
    setting: str, old: str, new: str, word: str
) -> None:
    seen = read(*sealed_but(old, new), action="Shutdown Vlan" if setting == "violation" else "Restrict")
    assert getattr(config(seen), setting) is None
    changes, [refusal] = plan_switch(wanted()["sw"], seen)
    assert changes.ports == ()
    assert word in str(refusal.reason)
    assert "by hand" in str(refusal.reason)


@pytest.mark.clause("7.1c")
@pytest.mark.parametrize(("setting", "old", "new", "word"), VARIANTS, ids=[variant[2].strip() for variant in VARIANTS])
def test_a_variant_is_no_pass(setting: str, old: str, new: str, word: str) -> None:
    findings = comply(SITE, wanted(), {"sw": read(*sealed_but(old, new))}, [CAMERA], BINDINGS, NOW)
    bound = [each for each in findings if each.clause == "7.1c" and each.subject == f"sw/{PORT}"]
    assert Verdict.PASS not in {each.verdict for each in bound}
    assert any(word in str(each.text) for each in bound), setting


@pytest.mark.parametrize(
    ("line", "mode", "written"),
    [
        (" switchport mode dynamic auto", PortMode.DYNAMIC_AUTO, "switchport mode dynamic auto"),
        (" switchport mode dynamic desirable", PortMode.DYNAMIC_DESIRABLE, "switchport mode dynamic desirable"),
        (" description factory", PortMode.DYNAMIC, "no switchport mode"),
    ],
)
def test_a_negotiating_mode_is_given_back_word_for_word(line: str, mode: PortMode, written: str) -> None:
    before = read(line)
    assert config(before).mode is mode
    changes, refusals = plan_switch(wanted()["sw"], before)
    assert refusals == []
    undo = restore(before, carried_out(before, changes), changes)
    assert written in [line.strip() for line in script(CISCO, commands(CISCO, undo, exact=True))]


def test_a_mac_with_the_ports_own_vlan_is_an_ordinary_one() -> None:
    for scope in (" vlan access", " vlan 100"):
        assert config(read(*sealed_but(MAC_LINE, f" {MAC_LINE}{scope}"))) == config(read(*SEALED))

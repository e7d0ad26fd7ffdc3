"""IP source guard counts only where the switch enforces it: on Cisco, on VLANs with DHCP snooping."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from drivers.dialects import dialect
from drivers.observe import observe
from drivers.parse import parse
from policies.comply import comply
from policies.expected import expected
from policies.model import Binding, Device, DeviceRole, ObservedSwitch, Verdict
from policies.plan import plan_switch
from policies.site import Site, Switch, Vlan

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PORT = "GigabitEthernet1/0/1"
CAMERA = Device("cam1", DeviceRole.CAMERA, "02:ca:00:00:00:01", "198.18.100.1")
SWITCH = Switch("sw", "cisco_ios", "192.0.2.1", ports=(PORT,))
SITE = Site("test", Path(), vlans=(Vlan(100, "face", "face"),), switches=(SWITCH,))
RUNNING = """Building configuration...

Current configuration : 1000 bytes
!
hostname sw
!
{snooping}!
interface GigabitEthernet1/0/1
 switchport access vlan 100
 switchport mode access
 switchport port-security mac-address 02ca.0000.0001
 switchport port-security violation restrict
 switchport port-security
 ip verify source
{trust}!
ip source binding 02CA.0000.0001 vlan 100 198.18.100.1 interface GigabitEthernet1/0/1
!
end
"""


def read(snooping: str, trust: str = "") -> ObservedSwitch:
    text = RUNNING.format(snooping=snooping, trust=trust)
    answers = [
        (each, parse(each, text))
        for each in dialect("cisco_ios").reads
        if each.observe and each.command == "show running-config"
    ]
    return observe(dialect("cisco_ios"), answers, switch="sw", read_at=NOW)


@pytest.mark.clause("7.1c")
@pytest.mark.parametrize(
    ("snooping", "enforced"),
    [
        ("", False),
        ("ip dhcp snooping vlan 100\n", False),
        ("ip dhcp snooping\n", False),
        ("ip dhcp snooping vlan 200\nip dhcp snooping\n", False),
        ("ip dhcp snooping vlan 99-101\nip dhcp snooping\n", True),
    ],
)
def test_source_guard_counts_only_where_the_switch_enforces_it(snooping: str, enforced: bool) -> None:
    seen = read(snooping)
    assert seen.ports[PORT].config.source_guard is enforced
    bindings = [Binding("cam1", "sw", PORT, 100)]
    wanted = expected(SITE, SWITCH, {"cam1": CAMERA}, bindings, date(2026, 1, 1))
    changes, _ = plan_switch(wanted, seen)
    assert not any({"source_guard", "ip_bindings"} & set(change.fields) for change in changes.ports)
    findings = comply(SITE, {"sw": wanted}, {"sw": seen}, [CAMERA], bindings, NOW)
    told = [each for each in findings if "IP is not bound" in str(each.text)]
    assert bool(told) is not enforced
    assert all(each.verdict is Verdict.FAIL for each in told)


@pytest.mark.clause("7.1c")
def test_source_guard_does_nothing_on_a_port_that_dhcp_snooping_trusts() -> None:
    seen = read("ip dhcp snooping vlan 100\nip dhcp snooping\n", " ip dhcp snooping trust\n")
    assert seen.ports[PORT].config.source_guard is False
    assert seen.trusted_ports == frozenset({PORT})
    bindings = [Binding("cam1", "sw", PORT, 100)]
    wanted = expected(SITE, SWITCH, {"cam1": CAMERA}, bindings, date(2026, 1, 1))
    changes, refusals = plan_switch(wanted, seen)
    assert not any({"source_guard", "ip_bindings"} & set(change.fields) for change in changes.ports)
    assert refusals == []
    findings = comply(SITE, {"sw": wanted}, {"sw": seen}, [CAMERA], bindings, NOW)
    [told] = [each for each in findings if "IP is not bound" in str(each.text)]
    assert told.verdict is Verdict.FAIL
    assert "trusts the port" in str(told.text)

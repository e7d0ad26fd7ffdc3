"""Changes and the lines that they become, for the tests of rendering."""

from __future__ import annotations

from drivers.dialect import Dialect
from drivers.dialects import dialect
from drivers.render import commands
from policies.model import PortChange, PortConfig, PortMode, SecureMac, SwitchChanges, VlanChange
from policies.texts import t
from tests.unit.switch_states import ALL_VLANS, CAM, FACTORY, merged, sealed

CISCO, OVS = dialect("cisco_ios"), dialect("openvswitch")
GI1, GI2 = "GigabitEthernet1/0/1", "GigabitEthernet1/0/2"
SECURITY = "switchport port-security"
#: What a port carries in Open vSwitch, where some settings do not exist.
OVS_PLAIN = PortConfig(
    mode=PortMode.TRUNK,
    allowed_vlans=ALL_VLANS,
    secure=False,
    secure_macs=frozenset(),
    ip_bindings=frozenset(),
    source_guard=False,
    admin_up=True,
)


def change(before: PortConfig, after: PortConfig, port: str = GI1, *, recover: bool = False) -> PortChange:
    return PortChange(port, before, after, t("a test"), recover)


def changes(*ports: PortChange, vlans: tuple[VlanChange, ...] = ()) -> SwitchChanges:
    return SwitchChanges("sw1", "", vlans, ports)


def lines(spoken: Dialect, *ports: PortChange, exact: bool = False) -> list[str]:
    return [command.line for command in commands(spoken, changes(*ports), exact=exact)]


def macs(*given: str, vlan: int | None = 100, sticky: bool = False) -> frozenset[SecureMac]:
    return frozenset(SecureMac(mac, vlan, sticky) for mac in given)


SEALED = merged(FACTORY, sealed(CAM))

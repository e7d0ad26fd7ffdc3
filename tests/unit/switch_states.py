"""Made-up switches for tests of the rules: small builders, and hypothesis strategies for whole states."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import strategies as st

from policies.model import (
    Device,
    DeviceRole,
    ExpectedPort,
    ExpectedSwitch,
    IpBinding,
    ObservedPort,
    ObservedSwitch,
    Oper,
    PortChange,
    PortConfig,
    PortMode,
    PortRole,
    SecureMac,
    SwitchChanges,
    Violation,
)
from policies.plan import SETTINGS
from policies.site import Site, Switch, Vlan
from policies.texts import t

READ_AT = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ALL_VLANS = frozenset(range(1, 4095))
CAPABLE = frozenset(SETTINGS) | {"vlans", "startup"}
CAM = Device("cam1", DeviceRole.CAMERA, "02:ca:00:00:00:01", "10.1.0.1")
CAM2 = Device("cam2", DeviceRole.CAMERA, "02:ca:00:00:00:02", "10.1.0.2")
ROGUE = "02:ba:d0:00:00:66"
SITE = Site(
    "demo",
    Path("/nowhere"),
    vlans=(Vlan(100, "face", "face"), Vlan(999, "blackhole", "blackhole")),
    switches=(Switch("sw1", "cisco_ios", "192.0.2.1"),),
)

#: A port as it leaves the factory of a Cisco switch: every setting known.
FACTORY = PortConfig(
    mode=PortMode.DYNAMIC,
    access_vlan=1,
    native_vlan=1,
    allowed_vlans=ALL_VLANS,
    secure=False,
    maximum=1,
    violation=Violation.SHUTDOWN,
    sticky=False,
    secure_macs=frozenset(),
    ip_bindings=frozenset(),
    source_guard=False,
    admin_up=True,
    description="",
)


def sealed(*devices: Device, vlan: int = 100) -> PortConfig:
    """Give what the site demands of a port with these devices."""
    return PortConfig(
        mode=PortMode.ACCESS,
        access_vlan=vlan,
        secure=True,
        maximum=len(devices),
        violation=Violation.RESTRICT,
        secure_macs=frozenset(SecureMac(device.mac, vlan) for device in devices),
        ip_bindings=frozenset(IpBinding(device.mac, device.ip or "", vlan) for device in devices),
        source_guard=True,
        admin_up=True,
    )


def merged(config: PortConfig, demands: PortConfig) -> PortConfig:
    """Give `config` with all that `demands` says."""
    given = {name: value for name in SETTINGS if (value := getattr(demands, name)) is not None}
    return replace(config, **given)


def bound(name: str, *devices: Device, vlan: int = 100) -> ExpectedPort:
    return ExpectedPort(name, PortRole.BOUND, sealed(*devices, vlan=vlan), t("bound"), devices)


def expected(*ports: ExpectedPort, vlans: dict[int, str] | None = None) -> ExpectedSwitch:
    return ExpectedSwitch("sw1", {port.name: port for port in ports}, vlans or {})


def observed(*ports: ObservedPort, capabilities: frozenset[str] = CAPABLE, **more: object) -> ObservedSwitch:
    told: dict[str, object] = {"vlans": {1: "default", 100: "face", 999: "blackhole"}, "startup_differs": (), **more}
    return ObservedSwitch(
        "sw1",
        "cisco_ios",
        READ_AT,
        {port.name: port for port in ports},
        capabilities=capabilities,
        **told,  # type: ignore[arg-type]
    )


def carried_out(seen: ObservedSwitch, changes: SwitchChanges) -> ObservedSwitch:
    """Give the switch after `changes`: an independent, literal reading of what a change set means."""
    ports = dict(seen.ports)
    for change in changes.ports:
        port = ports[change.port]
        oper = Oper.UP if change.recover else port.oper
        ports[change.port] = replace(port, config=merged(port.config, change.after), oper=oper)
    vlans = dict(seen.vlans or {})
    for vlan in changes.vlans:
        if vlan.after is None:
            del vlans[vlan.vlan]
        else:
            vlans[vlan.vlan] = vlan.after
    return replace(seen, ports=ports, vlans=vlans, startup_differs=() if changes.save else seen.startup_differs)


MACS = st.sampled_from([f"02:ca:00:00:00:{number:02x}" for number in range(1, 7)])
VLANS = st.sampled_from([1, 100, 200, 999])
SECURE_MACS = st.frozensets(st.builds(SecureMac, MACS, st.none() | VLANS, st.booleans()), max_size=3)
IP_BINDINGS = st.frozensets(st.builds(IpBinding, MACS, st.sampled_from(["10.1.0.1", "10.1.0.2"]), VLANS), max_size=3)
#: Every setting known, as a rollback needs it.
KNOWN = st.builds(
    PortConfig,
    mode=st.sampled_from([PortMode.ACCESS, PortMode.TRUNK, PortMode.DYNAMIC]),
    access_vlan=VLANS,
    native_vlan=VLANS,
    allowed_vlans=st.sampled_from([frozenset({100}), frozenset({100, 200}), ALL_VLANS, frozenset[int]()]),
    secure=st.booleans(),
    maximum=st.integers(1, 4),
    violation=st.sampled_from(Violation),
    sticky=st.booleans(),
    secure_macs=SECURE_MACS,
    ip_bindings=IP_BINDINGS,
    source_guard=st.booleans(),
    admin_up=st.booleans(),
    description=st.sampled_from(["", "pole 7"]),
)


@st.composite
def demands(draw: st.DrawFn) -> PortConfig:
    """Give some settings of a known state, and demand nothing about the others."""
    config = draw(KNOWN)
    left_out = draw(st.sets(st.sampled_from(SETTINGS)))
    return replace(config, **dict.fromkeys(left_out))


@st.composite
def observed_ports(draw: st.DrawFn, name: str) -> ObservedPort:
    """Give a port in any state, a shut-down-by-the-switch one too; what is not known is None."""
    config = draw(KNOWN | demands())
    return ObservedPort(name, config, draw(st.sampled_from(Oper)))


@st.composite
def changes_of(draw: st.DrawFn, before: dict[str, PortConfig]) -> SwitchChanges:
    """Give changes of some of these ports."""
    touched = draw(st.lists(st.sampled_from(sorted(before)), unique=True))
    ports = tuple(PortChange(name, before[name], draw(demands()), t("a test")) for name in touched)
    return SwitchChanges("sw1", "", (), ports)


assert {field.name for field in fields(PortConfig)} == set(SETTINGS)

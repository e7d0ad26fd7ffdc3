"""Apply and revert of every kind of change on the emulated Huawei switches, over SSH: VRP5 and VRP8.

The emulation was written from the vendor's documents without the dialects, and the dialects without the emulation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from controller.context import open_context
from controller.network.equipment import SwitchEquipment
from drivers.dialects import dialect
from drivers.flow import Flow, State
from drivers.render import commands
from lab.switch.persona.running import running_persona
from policies.model import ObservedSwitch, SwitchChanges
from policies.names import canonical
from policies.plan import snapshot_digest
from tests.replay.huawei_session import STEM, config
from tests.revert import SEALED, NoSafeguard, apply_and_revert, change_of, kinds, observe, told

PLATFORMS = ("huawei_vrp", "huawei_vrpv8")
SITE = """
[site]
name = "loopback"
[policy]
rollback_timeout_s = 30
[vlans.face]
id = 100
purpose = "face"
[switches.acc1]
platform = "{platform}"
host = "127.0.0.1"
port = {port}
username = "admin"
password = "file:switch.password"
timeout_s = 20
ports = ["{stem}1-12"]
uplinks = [{{ port = "{stem}12", allowed_vlans = "100" }}]
"""
MAXIMUM = {
    "huawei_vrp": "port-security enable\n port-security max-mac-num 2",
    "huawei_vrpv8": "port-security enable maximum 2",
}
#: Ports as sites really have them, by number: a plain one, a sealed one, a sticky one, a shut one, one without a line.
PORTS = {1: "plain", 2: "sealed", 3: "sticky", 4: "shut", 5: "factory"}
SECURED = frozenset({"sealed", "sticky"})


def configuration(platform: str) -> str:
    stem, access = STEM[platform], " port link-type access\n port default vlan 100\n"
    guard = "ip" if platform == "huawei_vrp" else "ipv4"
    return f"""sysname acc1
#
vlan batch 100
#
lldp enable
#
user-bind static ip-address 198.18.100.61 mac-address 02ca-0000-0061 interface {stem}2 vlan 100
#
interface {stem}1
{access}#
interface {stem}2
 description bound before
{access} port-security enable
 port-security protect-action protect
 port-security mac-address 02ca-0000-0061 vlan 100
 {guard} source check user-bind enable
#
interface {stem}3
{access} {MAXIMUM[platform]}
 port-security mac-address sticky
 port-security mac-address sticky 02ca-0000-0071 vlan 100
#
interface {stem}4
{access} shutdown
#
interface {stem}12
 port link-type trunk
 port trunk allow-pass vlan 100
#
return
"""


@pytest.fixture(scope="module", params=PLATFORMS)
def equipment(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwitchEquipment]:
    platform: str = request.param
    folder: Path = tmp_path_factory.mktemp("revert")
    with running_persona(config(platform, initial=configuration(platform))) as persona:
        site = SITE.format(platform=platform, port=persona.ssh_port, stem=STEM[platform])
        (folder / "site.toml").write_text(site, "utf-8")
        (folder / "switch.password").touch(0o600)
        (folder / "switch.password").write_text("login-word", "utf-8")
        with open_context(folder) as context:
            yield SwitchEquipment(context.site, context.site.switches[0], context.clock)


@pytest.mark.parametrize("kind", kinds(dialect("huawei_vrp")))
@pytest.mark.parametrize("number", PORTS, ids=PORTS.get)
def test_a_change_taken_back_leaves_the_switch_as_a_fresh_session_read_it(
    equipment: SwitchEquipment, kind: str, number: int
) -> None:
    already = {
        ("sealed", "secure"),
        ("sealed", "source_guard"),
        ("sealed", "violation"),
        ("sticky", "secure"),
        ("sticky", "sticky"),
        ("shut", "admin_up"),
        # Recordings show ports that negotiate with a VLAN of their own; the emulation takes one on access ports only.
        ("factory", "access_vlan"),
    }
    # These are taken only while security is on, which comes with them in every plan.
    needs_security = kind in {"maximum", "violation", "sticky", "secure_macs"} and PORTS[number] not in SECURED
    if needs_security or (PORTS[number], kind) in already:
        kind = "sealed"
    platform = equipment.switch.platform
    apply_and_revert(equipment, dialect(platform), kind, canonical(f"{STEM[platform]}{number}"))


def differs(equipment: SwitchEquipment, before: ObservedSwitch) -> bool:
    return snapshot_digest(observe(equipment)) != snapshot_digest(before)


def half_done(equipment: SwitchEquipment) -> tuple[ObservedSwitch, SwitchChanges]:
    """Write what a plan asks for but for the source guard, and lose the session."""
    platform = equipment.switch.platform
    before = observe(equipment)
    changes = change_of("sealed", canonical(f"{STEM[platform]}1"), before, dialect(platform))
    part = replace(changes, ports=(replace(changes.ports[0], after=replace(SEALED, source_guard=None)),))
    with equipment.session() as session:
        session.configure(commands(session.dialect, part, session.parameters), trial=True)
        assert session.tried == (platform == "huawei_vrpv8")
    assert differs(equipment, before)
    return before, changes


def test_what_a_killed_controller_left_is_taken_back_by_whoever_takes_up_the_job(equipment: SwitchEquipment) -> None:
    """VRP8 has it on trial, which is ended; on VRP5 it is compared and written back."""
    before, changes = half_done(equipment)
    outcome = Flow(equipment, NoSafeguard(), told).resume(before, changes)
    assert outcome.state is State.ROLLED_BACK, outcome.error
    assert not differs(equipment, before)

"""Apply and revert of every kind of change that is written over SNMP, on the emulated Catalyst."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.dialects import snmp_dialect
from drivers.flow import Flow
from policies.errors import ConfigError
from tests.replay.snmp_written import V2C, V3, AgentEquipment, Written, config, way, written
from tests.replay.test_revert_cisco_ios import configuration
from tests.revert import NoSafeguard, apply_and_revert, change_of, kinds, observe, told

DIALECT = snmp_dialect("cisco_ios")
KINDS = [kind for kind in kinds(DIALECT) if kind != "mode"]
PLACES = {"plain": 1, "sealed": 2, "shut": 4, "dynamic": 5}
#: What is so already, or cannot be asked of such a port alone.
INSTEAD = {("sealed", "secure"), ("shut", "admin_up"), ("dynamic", "secure"), ("dynamic", "secure_macs")}


def text() -> str:
    """Give the switch's configuration: as over SSH, and a port that nobody has touched."""
    head = "interface GigabitEthernet1/0/5\n switchport access vlan 100\n switchport mode access\n!\n"
    vlans = "vlan 100\n name face\n!\nvlan 200\n name two-hundred\n!\n"
    return vlans + configuration().replace("vlan 100\n name face\n!\n", "", 1).replace(head, "", 1)


def port(start: str) -> str:
    return f"GigabitEthernet1/0/{PLACES[start]}"


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Written]:
    with written(tmp_path_factory.mktemp("snmp"), V2C, config(8, text())) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("start", PLACES)
def test_a_change_taken_back_leaves_the_switch_as_a_fresh_session_read_it(
    switch: Written, kind: str, start: str
) -> None:
    apply_and_revert(switch.equipment, DIALECT, "sealed" if (start, kind) in INSTEAD else kind, port(start))


def test_over_version_3_too(tmp_path: Path) -> None:
    with written(tmp_path, V3, config(5, text())) as switch:
        apply_and_revert(
            AgentEquipment(way(switch.persona.snmp_port, v3=True), DIALECT), DIALECT, "sealed", port("dynamic")
        )
        assert observe(switch.equipment).ports[port("sealed")].config.secure is True


def test_the_older_table_of_secure_macs_is_a_setting_of_the_switch(tmp_path: Path) -> None:
    old = '[switches.swx.settings]\nmac_table = "cpsSecureMacAddrRowStatus"\n'
    with written(tmp_path, V2C, config(8, text()), more=old) as switch:
        apply_and_revert(switch.equipment, DIALECT, "sealed", port("plain"))


def test_a_trunk_is_refused_by_name_before_anything_is_sent(switch: Written) -> None:
    before = observe(switch.equipment)
    with pytest.raises(ConfigError, match="mode"):
        Flow(switch.equipment, NoSafeguard(), told).run(change_of("mode", port("plain"), before, DIALECT))
    assert observe(switch.equipment).ports == before.ports


def test_what_is_read_over_snmp_is_what_the_switch_has(switch: Written) -> None:
    seen = observe(switch.equipment)
    sealed = seen.ports[port("sealed")].config
    assert sealed.secure is True
    assert {each.mac for each in sealed.secure_macs or ()} == {"02:ca:00:00:00:61"}
    assert seen.capabilities == DIALECT.capabilities
    assert seen.startup_differs == ()

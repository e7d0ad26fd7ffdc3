"""Static MACs, port VLAN, state and description through the standard MIBs, on the lab's agent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from drivers.dialects import snmp_dialect
from drivers.flow import Flow, State
from drivers.snmp.failures import SetRefused
from drivers.snmp.session import SnmpSession
from lab.switch.persona.running import RunningPersona, running_persona
from policies.errors import ConfigError
from policies.model import PortChange, PortConfig, SecureMac, SwitchChanges
from policies.plan import snapshot_digest
from policies.texts import t
from tests.replay.snmp_written import V3, AgentEquipment, config, way, written
from tests.revert import NoSafeguard, apply_and_revert, kinds, observe, told

DIALECT = snmp_dialect("qbridge")
FIRST, SECOND = "GigabitEthernet0/1", "GigabitEthernet0/2"
UNICAST = "1.3.6.1.2.1.17.7.1.3.1.1"
CONFIG: dict[str, Any] = {
    "platform": "qbridge",
    "ports": {f"GigabitEthernet 0/{n}": f"p{n}" for n in range(1, 5)},
    "initial": "hostname swx\n!\nvlan 100\n!\nvlan 200\n!\n"
    + "".join(f"interface GigabitEthernet 0/{n}\n switchport access vlan 100\n!\n" for n in (1, 2))
    + "end\n",
}
MAC = "02:ca:00:00:00:51"


@pytest.fixture
def agent() -> Iterator[RunningPersona]:
    with running_persona(config(**CONFIG)) as persona:
        yield persona


@pytest.mark.parametrize("kind", kinds(DIALECT))
def test_a_change_taken_back_leaves_the_switch_as_a_fresh_session_read_it(agent: RunningPersona, kind: str) -> None:
    apply_and_revert(AgentEquipment(way(agent.snmp_port), DIALECT), DIALECT, kind, FIRST)


def test_a_static_mac_is_read_where_it_was_set_and_lets_nobody_else_in(agent: RunningPersona) -> None:
    equipment = AgentEquipment(way(agent.snmp_port), DIALECT)
    assert agent.inject("p1", "66:00:00:00:00:01")
    assert bound(equipment, FIRST).state is State.DONE
    seen = observe(equipment)
    assert seen.ports[FIRST].config.secure_macs == frozenset({SecureMac(MAC, 100)})
    assert seen.capabilities == DIALECT.capabilities
    assert seen.startup_differs is None
    assert agent.inject("p1", MAC)
    assert not agent.inject("p1", "66:00:00:00:00:01")


def bound(equipment: AgentEquipment, port: str) -> Any:
    """Bind the MAC to a port."""
    before = observe(equipment)
    after = PortConfig(secure_macs=frozenset({SecureMac(MAC, 100)}))
    change = PortChange(port, before.ports[port].config, after, t("a test"))
    return Flow(equipment, NoSafeguard(), told).run(
        SwitchChanges(before.switch, snapshot_digest(before), ports=(change,))
    )


def test_somebody_elses_entry_is_not_overwritten(agent: RunningPersona) -> None:
    equipment = AgentEquipment(way(agent.snmp_port), DIALECT)
    assert bound(equipment, SECOND).state is State.DONE
    outcome = bound(equipment, FIRST)
    assert outcome.state is State.ROLLED_BACK
    assert isinstance(outcome.error, SetRefused)
    assert "may be there already" in str(outcome.error)
    seen = observe(equipment)
    assert seen.ports[SECOND].config.secure_macs == frozenset({SecureMac(MAC, 100)})


def test_where_the_type_is_wrong_the_other_one_is_tried(agent: RunningPersona) -> None:
    assert DIALECT.snmp is not None
    objects = {**DIALECT.snmp.objects, "dot1qPvid": replace(DIALECT.snmp.objects["dot1qPvid"], kinds="iu")}
    other = replace(DIALECT, snmp=replace(DIALECT.snmp, objects=objects))
    apply_and_revert(AgentEquipment(way(agent.snmp_port), other), other, "access_vlan", FIRST)


def test_an_agent_that_is_another_platform_is_not_written(agent: RunningPersona) -> None:
    cisco = AgentEquipment(way(agent.snmp_port), snmp_dialect("cisco_ios"))
    with pytest.raises(ConfigError, match="does not say which platform"):
        observe(cisco)


def test_a_list_of_ports_is_refused_as_a_whole(agent: RunningPersona) -> None:
    with SnmpSession(way(agent.snmp_port).writing) as session:
        row = f"{UNICAST}.{{}}.100.2.202.0.0.0.81.0"
        with pytest.raises(SetRefused, match="inconsistentValue"):
            session.set((row.format(4), "i", 3), (row.format(3), "p", b"\xff\xff"))
        assert session.get(row.format(4)) == {}


def test_a_site_writes_to_it_over_version_3(tmp_path: Path) -> None:
    ports = {"platform": "qbridge", "ports": "Gi0/1-2"}
    with written(tmp_path, V3, config(**CONFIG), **ports) as switch:
        seen = observe(switch.equipment)
        assert seen.platform == "qbridge"
        assert seen.ports[FIRST].config.access_vlan == 100

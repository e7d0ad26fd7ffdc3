"""Agents may answer anything: pure functions never raise on noise, and the JSON of what they make is always valid."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.observed_json import observed_to_json
from drivers.snmp.discover import assemble
from drivers.snmp.oids import BY_PLATFORM, Oid
from drivers.snmp.platforms import identify
from drivers.snmp.values import Notes, Rows, as_text
from drivers.snmp.vlans import views, vlan_names
from policies.model import ObservedSwitch

PARTS = st.integers(0, 3) | st.sampled_from([6, 255, 256, 4094, 4095, 2**32 - 1])
VALUES = (
    st.integers(-1, 8)
    | st.integers(-(2**63), 2**64)
    | st.binary(max_size=40)
    | st.text(max_size=12)
    | st.sampled_from([b"Gi1/0/1", b"GE1/0/2", b"Vlan1", b"eth0", b"", bytes(16) + b"\n0a 0"])
)
TABLES = st.dictionaries(
    st.sampled_from(sorted(Oid)),
    st.dictionaries(st.lists(PARTS, max_size=10).map(tuple), VALUES, max_size=6),
    max_size=12,
)
PLATFORMS = st.sampled_from(["", "ruijie_os", "hp_procurve", "openvswitch", *sorted(BY_PLATFORM)])


@settings(max_examples=400, deadline=None)
@given(TABLES, PLATFORMS)
def test_tables_of_noise_become_ports_and_oddities_and_never_a_traceback(read: dict[str, Rows], platform: str) -> None:
    notes = Notes()
    ports = {port.name: port for port in assemble(read, platform, notes).observed()}
    assert all(1 <= vlan <= 4094 for vlan in vlan_names(read) or ())
    assert all(2 <= vlan <= 4094 for vlan in views(read))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    observed = ObservedSwitch("sw", platform, now, ports, vlan_names(read), oddities=notes.texts)
    assert json.loads(json.dumps(observed_to_json(observed)))["switch"] == "sw"


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_system_group_has_an_identity(object_id: str, description: str) -> None:
    identify(object_id, description)


@given(st.binary(max_size=80) | st.text(max_size=80) | st.integers())
def test_text_for_people_never_holds_a_control_character(value: bytes | str | int) -> None:
    assert as_text(value).isprintable()

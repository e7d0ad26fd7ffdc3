"""Per-VLAN views of a Cisco switch, through snmpsim with small recordings of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.discover import discover_address
from policies.model import Learned
from tests.replay.snmp_simulator import simulating

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
#: A Cisco switch whose VLAN 10 and VLAN 20 learned one MAC each; view 20 numbers its bridge ports itself.
VIEWS = {
    "cisco": """\
1.3.6.1.2.1.1.1.0|4|Cisco IOS Software, C2960 Software (C2960-LANBASEK9-M), Version 15.0(2)SE
1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9.1.716
1.3.6.1.2.1.2.2.1.3.10101|2|6
1.3.6.1.2.1.2.2.1.3.10102|2|6
1.3.6.1.2.1.17.1.4.1.2.1|2|10101
1.3.6.1.2.1.17.4.3.1.2.2.0.0.0.0.1|2|1
1.3.6.1.2.1.31.1.1.1.1.10101|4|Gi0/1
1.3.6.1.2.1.31.1.1.1.1.10102|4|Gi0/2
1.3.6.1.4.1.9.9.46.1.3.1.1.2.1.1|2|1
1.3.6.1.4.1.9.9.46.1.3.1.1.2.1.10|2|1
1.3.6.1.4.1.9.9.46.1.3.1.1.2.1.20|2|1
""",
    "cisco@10": """\
1.3.6.1.2.1.17.1.4.1.2.1|2|10101
1.3.6.1.2.1.17.4.3.1.2.2.0.0.0.0.16|2|1
""",
    "cisco@20": """\
1.3.6.1.2.1.17.1.4.1.2.2|2|10102
1.3.6.1.2.1.17.4.3.1.2.2.0.0.0.0.32|2|2
""",
}


def test_what_each_vlan_of_a_cisco_switch_learned_is_put_together(tmp_path: Path) -> None:
    data, work = tmp_path / "data", tmp_path / "work"
    data.mkdir()
    work.mkdir()
    for name, text in VIEWS.items():
        (data / f"{name}.snmprec").write_text(text)
    with simulating(data, work, "cisco") as port:
        observed = discover_address(ResolvedSnmp("127.0.0.1", port, community="cisco", timeout_s=1.0), now=NOW)
    assert observed.ports["GigabitEthernet0/1"].learned == {
        Learned("02:00:00:00:00:01", 1),
        Learned("02:00:00:00:00:10", 10),
    }
    assert observed.ports["GigabitEthernet0/2"].learned == {Learned("02:00:00:00:00:20", 20)}
    assert observed.oddities == ()
    assert observed.switch == f"127.0.0.1:{port}"

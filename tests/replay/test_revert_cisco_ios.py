"""Apply and revert of every kind of change of the cisco_ios dialect, on the emulated switch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from controller.context import open_context
from controller.network.equipment import SwitchEquipment
from drivers.dialects import dialect
from tests.replay.switch_on_loopback import initial, loopback_switch, write_site
from tests.revert import apply_and_revert, kinds

DIALECT = dialect("cisco_ios")

#: Ports as sites really have them: a plain one, a sealed one, a sticky one, and one without any line.
PORTS = {
    "plain": "",
    "sealed": """ switchport port-security violation restrict
 switchport port-security mac-address 02ca.0000.0061
 switchport port-security
 ip verify source
 description bound before
""",
    "sticky": """ switchport port-security maximum 2
 switchport port-security mac-address sticky
 switchport port-security mac-address sticky 02ca.0000.0071
 switchport port-security
""",
    "shut": " shutdown\n",
}


def configuration() -> str:
    text = initial(8)
    for number, lines in enumerate(PORTS.values(), 1):
        head = f"interface GigabitEthernet1/0/{number}\n switchport access vlan 100\n switchport mode access\n"
        assert head in text
        text = text.replace(head, head + lines)
    bound = "ip source binding 02ca.0000.0061 vlan 100 198.18.100.61 interface GigabitEthernet1/0/2\n"
    return text.replace("ip dhcp snooping\n", f"ip dhcp snooping\n{bound}", 1)


@pytest.fixture(scope="module")
def equipment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwitchEquipment]:
    folder = tmp_path_factory.mktemp("revert")
    with loopback_switch(folder / "switch", 8, configuration()) as switch:
        site = write_site(folder / "site", switch)
        with open_context(site) as context:
            yield SwitchEquipment(context.site, context.site.switches[0], context.clock)


@pytest.mark.parametrize("kind", kinds(DIALECT))
@pytest.mark.parametrize("start", PORTS)
def test_a_change_taken_back_leaves_the_switch_as_a_fresh_session_read_it(
    equipment: SwitchEquipment, kind: str, start: str
) -> None:
    already = (start, kind) in {
        ("sealed", "secure"),
        ("sealed", "source_guard"),
        ("sticky", "secure"),
        ("sticky", "sticky"),
    }
    if already or (start, kind) == ("shut", "admin_up"):
        kind = "sealed"
    apply_and_revert(equipment, DIALECT, kind, f"GigabitEthernet1/0/{list(PORTS).index(start) + 1}")

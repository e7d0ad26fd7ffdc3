"""linux_bridge, word for word, after bridge(8) and ip-link(8): a first binding and its way back, a text for a shell."""

from __future__ import annotations

import shlex

import pytest

from drivers.dialects import dialect
from drivers.render import commands
from policies.model import PortConfig, PortMode, SecureMac
from tests.unit.rendered import change, changes

BRIDGE = dialect("linux_bridge")
CAM = "02:ca:00:00:00:01"
OPEN = PortConfig(
    mode=PortMode.ACCESS, access_vlan=1, secure=False, secure_macs=frozenset(), admin_up=True, description=""
)
BOUND = PortConfig(
    mode=PortMode.ACCESS, access_vlan=100, secure=True, secure_macs=frozenset({SecureMac(CAM, 100)}), admin_up=True
)


def lines(before: PortConfig, after: PortConfig, *, exact: bool = False) -> list[str]:
    return [command.line for command in commands(BRIDGE, changes(change(before, after, "eth1")), exact=exact)]


def test_a_port_is_locked_before_it_gets_its_vlan_and_the_vlan_before_its_mac() -> None:
    assert lines(OPEN, BOUND) == [
        "ip link set dev eth1 type bridge_slave locked on learning off fdb_flush",
        "printf '%s\\n' 'vlan del dev eth1 vid 1-4094' 'vlan add dev eth1 vid 100 pvid untagged' | bridge -batch -",
        (
            f"bridge fdb show br br0 vlan 100 | grep '^{CAM} .* static$' || "
            f"bridge fdb replace {CAM} dev eth1 master static sticky vlan 100"
        ),
    ]


def test_it_is_unlocked_last_on_the_way_back() -> None:
    assert lines(BOUND, OPEN, exact=True)[:3] == [
        f"bridge fdb del {CAM} dev eth1 master vlan 100",
        "printf '%s\\n' 'vlan del dev eth1 vid 1-4094' 'vlan add dev eth1 vid 1 pvid untagged' | bridge -batch -",
        "ip link set dev eth1 type bridge_slave locked off learning on",
    ]


def test_another_bridge_is_named_by_the_site() -> None:
    made = commands(BRIDGE, changes(change(OPEN, BOUND, "eth1")), {"bridge": "face"})
    assert made[-1].line.startswith("bridge fdb show br face vlan 100")


@pytest.mark.parametrize("text", ["pole 7", "it's", "$(reboot)", "a; reboot", "`x`", '"', "\\", "-h", "人脸"])
def test_a_description_is_one_word_for_the_shell(text: str) -> None:
    (line,) = lines(OPEN, PortConfig(description=text))
    assert shlex.split(line) == ["ip", "link", "set", "dev", "eth1", "alias", text]

"""Devices and bindings in the database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.store import inventory
from controller.store.open import Store, open_store
from policies.errors import InputError, NotFound
from policies.model import Binding, Device, DeviceRole

CAMERA = Device("东门摄像机", DeviceRole.CAMERA, "00:11:22:33:44:55", "10.1.1.5", "pole 17", "SN1", "Hik", "X1")
SERVER = Device("server-1", DeviceRole.SERVER, "00:11:22:33:44:66")
BINDING = Binding("东门摄像机", "sw1", "GigabitEthernet1/0/1", 20)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened


def test_devices_and_bindings_come_back_as_they_were(store: Store) -> None:
    inventory.add_device(store, CAMERA)
    inventory.add_device(store, SERVER)
    inventory.bind(store, BINDING)
    assert inventory.devices(store) == (SERVER, CAMERA)
    assert inventory.device(store, "东门摄像机") == CAMERA
    assert inventory.device_by_mac(store, SERVER.mac) == SERVER
    assert inventory.device_by_mac(store, "00:00:00:00:00:01") is None
    assert inventory.bindings(store) == inventory.bindings(store, "sw1") == (BINDING,)
    assert inventory.bindings(store, "sw2") == ()
    assert inventory.bindings_at(store, "sw1", BINDING.port) == (BINDING,)
    assert inventory.binding_of(store, "server-1") is None


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Device("东门摄像机", DeviceRole.READER, "00:11:22:33:44:77"), "the name 东门摄像机 is taken"),
        (Device("b", DeviceRole.READER, CAMERA.mac), "MAC address 00:11:22:33:44:55 belongs to 东门摄像机"),
        (Device("b", DeviceRole.READER, "00:11:22:33:44:77", CAMERA.ip), "IP address 10.1.1.5 belongs to 东门摄像机"),
    ],
)
def test_name_mac_and_ip_belong_to_one_device(store: Store, other: Any, message: str) -> None:
    inventory.add_device(store, CAMERA)
    with pytest.raises(InputError, match=message):
        inventory.add_device(store, other)
    assert inventory.devices(store) == (CAMERA,)


def test_putting_a_device_changes_the_one_of_its_name_and_keeps_its_binding(store: Store) -> None:
    inventory.add_device(store, CAMERA)
    inventory.bind(store, BINDING)
    swapped = Device("东门摄像机", DeviceRole.CAMERA, "00:11:22:33:44:99", "10.1.1.5")
    inventory.put_device(store, swapped)
    assert inventory.devices(store) == (swapped,)
    assert inventory.bindings(store) == (BINDING,)


def test_a_device_has_one_binding_and_the_last_one_counts(store: Store) -> None:
    inventory.add_device(store, CAMERA)
    inventory.bind(store, BINDING)
    moved = Binding("东门摄像机", "sw2", "GigabitEthernet1/0/9", 20)
    inventory.bind(store, moved)
    assert inventory.bindings(store) == (moved,)
    assert inventory.unbind(store, "东门摄像机") == moved
    assert inventory.unbind(store, "东门摄像机") is None


def test_a_port_may_be_shared_and_is_reported(store: Store) -> None:
    inventory.replace_all(store, [CAMERA, SERVER], [BINDING, Binding("server-1", "sw1", BINDING.port, 20)])
    assert inventory.shared_ports(store) == {("sw1", BINDING.port): ("server-1", "东门摄像机")}


def test_bindings_need_a_device_and_a_real_vlan(store: Store) -> None:
    with pytest.raises(NotFound, match="nobody"):
        inventory.bind(store, Binding("nobody", "sw1", "p1", 20))
    inventory.add_device(store, CAMERA)
    with pytest.raises(InputError, match="4095 is not a VLAN id"):
        inventory.bind(store, Binding("东门摄像机", "sw1", "p1", 4095))


def test_renaming_and_removing_take_the_binding_along(store: Store) -> None:
    inventory.replace_all(store, [CAMERA, SERVER], [BINDING])
    inventory.rename_device(store, "东门摄像机", "east")
    assert inventory.binding_of(store, "east") == Binding("east", "sw1", BINDING.port, 20)
    with pytest.raises(InputError, match="server-1 is taken"):
        inventory.rename_device(store, "east", "server-1")
    inventory.remove_device(store, "east")
    assert inventory.bindings(store) == ()
    for call in (
        lambda: inventory.remove_device(store, "east"),
        lambda: inventory.rename_device(store, "east", "west"),
        lambda: inventory.device(store, "east"),
    ):
        with pytest.raises(NotFound, match="east"):
            call()


def test_replacing_all_changes_everything_or_nothing(store: Store) -> None:
    inventory.replace_all(store, [CAMERA], [BINDING])
    with pytest.raises(InputError, match="MAC address"):
        inventory.replace_all(store, [SERVER, Device("twin", DeviceRole.SERVER, SERVER.mac)], [])
    with pytest.raises(NotFound):
        inventory.replace_all(store, [SERVER], [BINDING])
    with pytest.raises(InputError, match="two bindings"):
        inventory.replace_all(store, [CAMERA], [BINDING, BINDING])
    assert (inventory.devices(store), inventory.bindings(store)) == ((CAMERA,), (BINDING,))
    inventory.replace_all(store, [], [])
    assert inventory.devices(store) == ()

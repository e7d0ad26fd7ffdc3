"""Devices and bindings as they are kept, in and out as the model's values.

One MAC, one IP and one name belong to one device; a device has one binding. Several devices may share a port (a PC
behind a telephone, a small hub): :func:`shared_ports` tells where, and the port's maximum follows from it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable

from controller.store.open import Row, Store
from policies.errors import InputError, NotFound
from policies.model import Binding, Device, DeviceRole
from policies.texts import Text, t

_DEVICE_SQL = "SELECT name, role, mac, ip, place, serial, vendor, model FROM device"
_BINDING_SQL = "SELECT device, switch, port, vlan FROM binding"
#: Looking a role up is ten times as quick as making it, and a site has thousands of devices.
_ROLES: dict[str, DeviceRole] = {role.value: role for role in DeviceRole}
_TAKEN = re.compile(r"UNIQUE constraint failed: device\.(name|mac|ip)")


def devices(store: Store) -> tuple[Device, ...]:
    """Give all devices, by name."""
    return tuple(_device(row) for row in store.rows(_DEVICE_SQL + " ORDER BY name"))


def device(store: Store, name: str) -> Device:
    """Give the device called `name`; raises NotFound."""
    row = store.row(_DEVICE_SQL + " WHERE name = ?", (name,))
    if row is None:
        raise _unknown(name)
    return _device(row)


def device_by_mac(store: Store, mac: str) -> Device | None:
    """Give the device with this MAC (aa:bb:cc:dd:ee:ff), if there is one."""
    row = store.row(_DEVICE_SQL + " WHERE mac = ?", (mac,))
    return None if row is None else _device(row)


def bindings(store: Store, switch: str | None = None) -> tuple[Binding, ...]:
    """Give all bindings, or those of one switch, by device name."""
    if switch is None:
        return tuple(_binding(row) for row in store.rows(_BINDING_SQL + " ORDER BY device"))
    rows = store.rows(_BINDING_SQL + " WHERE switch = ? ORDER BY device", (switch,))
    return tuple(_binding(row) for row in rows)


def binding_of(store: Store, device_name: str) -> Binding | None:
    """Give the binding of one device, if it is bound."""
    row = store.row(_BINDING_SQL + " WHERE device = ?", (device_name,))
    return None if row is None else _binding(row)


def bindings_at(store: Store, switch: str, port: str) -> tuple[Binding, ...]:
    """Give the bindings of one port."""
    rows = store.rows(_BINDING_SQL + " WHERE switch = ? AND port = ? ORDER BY device", (switch, port))
    return tuple(_binding(row) for row in rows)


def shared_ports(store: Store) -> dict[tuple[str, str], tuple[str, ...]]:
    """Name the ports that several devices share: (switch, port) → device names."""
    shared: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in bindings(store):
        place = (item.switch, item.port)
        shared[place] = (*shared.get(place, ()), item.device)
    return {place: names for place, names in sorted(shared.items()) if len(names) > 1}


def put_device(store: Store, item: Device) -> None:
    """Add a device, or change the one with its name; raises InputError when MAC or IP belong to another device."""
    with store.transaction() as connection:
        _insert_device(connection, item, replace=True)


def add_device(store: Store, item: Device) -> None:
    """Add a device; raises InputError when its name, MAC or IP are taken."""
    with store.transaction() as connection:
        _insert_device(connection, item, replace=False)


def rename_device(store: Store, old: str, new: str) -> None:
    """Rename a device, its binding with it; raises NotFound and InputError."""
    with store.transaction() as connection:
        try:
            found = connection.execute("UPDATE device SET name = ? WHERE name = ?", (new, old)).rowcount
        except sqlite3.IntegrityError:
            raise _taken("name", new, "") from None
        if not found:
            raise _unknown(old)


def remove_device(store: Store, name: str) -> None:
    """Remove a device and its binding; raises NotFound."""
    if not store.execute("DELETE FROM device WHERE name = ?", (name,)):
        raise _unknown(name)


def bind(store: Store, item: Binding) -> None:
    """Bind a device, replacing the binding that it had; raises NotFound for an unknown device."""
    with store.transaction() as connection:
        _insert_binding(connection, item)


def unbind(store: Store, device_name: str) -> Binding | None:
    """Remove a device's binding and give it back; None when it had none."""
    with store.transaction() as connection:
        row = connection.execute(_BINDING_SQL + " WHERE device = ?", (device_name,)).fetchone()
        connection.execute("DELETE FROM binding WHERE device = ?", (device_name,))
    return None if row is None else _binding(row)


def replace_all(store: Store, new_devices: Iterable[Device], new_bindings: Iterable[Binding]) -> None:
    """Put these devices and bindings in place of all that was there, or change nothing and raise InputError."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM binding")
        connection.execute("DELETE FROM device")
        for item in new_devices:
            _insert_device(connection, item, replace=False)
        bound: set[str] = set()
        for entry in new_bindings:
            if entry.device in bound:
                raise InputError(
                    t("the device has two bindings"), where=entry.device, next_step=t("keep one binding per device")
                )
            bound.add(entry.device)
            _insert_binding(connection, entry)


def _insert_device(connection: sqlite3.Connection, item: Device, *, replace: bool) -> None:
    values = (item.name, item.role.value, item.mac, item.ip, item.place, item.serial, item.vendor, item.model)
    sql = "INSERT INTO device (name, role, mac, ip, place, serial, vendor, model) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    if replace:
        sql += """ ON CONFLICT (name) DO UPDATE SET role = excluded.role, mac = excluded.mac, ip = excluded.ip,
            place = excluded.place, serial = excluded.serial, vendor = excluded.vendor, model = excluded.model"""
    try:
        connection.execute(sql, values)
        # What is in the inventory is not retired: an administrator, or a list, has taken it back.
        connection.execute("DELETE FROM retired_mac WHERE mac = ?", (item.mac,))
    except sqlite3.IntegrityError as error:
        match = _TAKEN.search(str(error))
        if match is None:
            raise
        column = match[1]
        value = str(getattr(item, column))
        row = connection.execute(f"{_DEVICE_SQL} WHERE {column} = ?", (value,)).fetchone()
        raise _taken(column, value, item.name, row["name"] if row else "") from None


def _insert_binding(connection: sqlite3.Connection, item: Binding) -> None:
    try:
        connection.execute(
            """INSERT INTO binding (device, switch, port, vlan) VALUES (?, ?, ?, ?) ON CONFLICT (device)
            DO UPDATE SET switch = excluded.switch, port = excluded.port, vlan = excluded.vlan""",
            (item.device, item.switch, item.port, item.vlan),
        )
    except sqlite3.IntegrityError as error:
        if "FOREIGN KEY" in str(error):
            raise _unknown(item.device) from None
        raise InputError(
            t("{vlan} is not a VLAN id", vlan=item.vlan), where=item.device, next_step=t("use 1 to 4094")
        ) from None


def _taken(column: str, value: str, name: str, holder: str = "") -> InputError:
    labels: dict[str, Text] = {
        "name": t("the name {value} is taken", value=value),
        "mac": t("the MAC address {value} belongs to {holder} already", value=value, holder=holder),
        "ip": t("the IP address {value} belongs to {holder} already", value=value, holder=holder),
    }
    return InputError(labels[column], where=name, next_step=t("correct one of the two devices"))


def _unknown(name: str) -> NotFound:
    return NotFound(t("there is no such device"), where=name, next_step=t("look it up with 'portseal inventory list'"))


def _device(row: Row) -> Device:
    """Make a device of a row of `_DEVICE_SQL`; by place, for a site has thousands of them."""
    name, role, *facts = row
    return Device(name, _ROLES[role], *facts)


def _binding(row: Row) -> Binding:
    return Binding(*row)

"""What USB this machine has, read from sysfs: controllers with their defaults, hubs, ports, and what is plugged in.

Nothing is written. Files and their meaning: the kernel's Documentation/ABI/testing/sysfs-bus-usb and
Documentation/usb/authorization.rst. A device may leave while it is read; what is gone is None.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from policies.errors import EquipmentError
from policies.texts import t

_HUB_CLASS = "09"
_ROOT = re.compile(r"usb(\d+)")
_DEVICE = re.compile(r"\d+-\d+(?:\.\d+)*")
_PORT = re.compile(r"-port(\d+)$")


@dataclass(frozen=True, slots=True)
class Device:
    """A plugged-in device by its topology `path` (1-2.4); `interfaces` are class:subclass:protocol in hex."""

    path: str
    vendor_id: str | None
    product_id: str | None
    product: str | None
    serial: str | None
    authorized: bool | None
    hub: bool
    interfaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Port:
    """A port of a hub. `path` is that of a device plugged in there; `connect_type` is the firmware's hint."""

    path: str
    hub: str
    number: int
    connect_type: str | None
    disabled: bool | None
    device: Device | None


@dataclass(frozen=True, slots=True)
class Controller:
    """A bus of a host controller, by its root hub (usb1).

    `authorized_default` is what the kernel does with a new device: 0 refuses it, 1 admits it, 2 admits it on ports that
    the firmware marks as internal. `interface_authorized_default` is the same for a device's interfaces.
    """

    name: str
    address: str | None
    speed_mbps: str | None
    authorized_default: int | None
    interface_authorized_default: bool | None


@dataclass(frozen=True, slots=True)
class Census:
    """All of it. `new_controllers` is the `authorized_default` that a controller added later begins with (-1: as 1)."""

    controllers: tuple[Controller, ...]
    hubs: tuple[str, ...]
    ports: tuple[Port, ...]
    new_controllers: int | None


def take_census(root: Path) -> Census:
    """Read the USB part of the sysfs at `root`; a machine without USB has an empty census.

    Raises:
        EquipmentError: the list of devices is there and cannot be read.

    """
    folder = root / "bus/usb/devices"
    try:
        names = sorted((entry.name for entry in folder.iterdir()), key=_natural)
    except FileNotFoundError:
        names = []
    except OSError as error:
        raise EquipmentError(
            t("the list of USB devices cannot be read ({cause})", cause=error.strerror or ""),
            where=str(folder),
            next_step=t("run it as root, for example with sudo"),
        ) from error
    controllers = tuple(_controller(folder / name) for name in names if _ROOT.fullmatch(name))
    devices = {name: _device(folder / name) for name in names if _DEVICE.fullmatch(name)}
    hubs = tuple(name for name in names if _ROOT.fullmatch(name) or (name in devices and devices[name].hub))
    ports = tuple(port for hub in hubs for port in _ports(folder / hub, devices))
    later = _number(root / "module/usbcore/parameters/authorized_default")
    return Census(controllers, hubs, ports, later)


def _controller(folder: Path) -> Controller:
    interfaces = _number(folder / "interface_authorized_default")
    return Controller(
        folder.name,
        _text(folder / "serial"),
        _text(folder / "speed"),
        _number(folder / "authorized_default"),
        None if interfaces is None else interfaces != 0,
    )


def _device(folder: Path) -> Device:
    authorized = _number(folder / "authorized")
    parts = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    interfaces = [
        ":".join(_text(interface / part) or "??" for part in parts)
        for interface in sorted(folder.glob(f"{folder.name}:*"))
    ]
    return Device(
        folder.name,
        _text(folder / "idVendor"),
        _text(folder / "idProduct"),
        _text(folder / "product"),
        _text(folder / "serial"),
        None if authorized is None else authorized != 0,
        _text(folder / "bDeviceClass") == _HUB_CLASS,
        tuple(interfaces),
    )


def _ports(hub: Path, devices: dict[str, Device]) -> list[Port]:
    """Give the hub's ports. An unauthorised hub shows no port folders: then `maxchild` says how many it has."""
    shown = {int(found.group(1)): each for each in hub.glob("*:*/*-port*") if (found := _PORT.search(each.name))}
    root = _ROOT.fullmatch(hub.name)
    stem = f"{root.group(1)}-" if root else f"{hub.name}."
    ports = []
    for number in sorted({*shown, *range(1, (_number(hub / "maxchild") or 0) + 1)}):
        path, folder = f"{stem}{number}", shown.get(number)
        kind = _text(folder / "connect_type") if folder is not None else None
        disabled = _number(folder / "disable") if folder is not None else None
        ports.append(Port(path, hub.name, number, kind, None if disabled is None else disabled != 0, devices.get(path)))
    return ports


def _text(path: Path) -> str | None:
    """Give a file's line without control characters (a device names itself, and may send terminal commands)."""
    try:
        content = path.read_text("utf-8", "replace").strip()
    except OSError:
        return None
    return "".join(character if character.isprintable() else "?" for character in content)


def _number(path: Path) -> int | None:
    try:
        return int(_text(path) or "")
    except ValueError:
        return None


def _natural(name: str) -> tuple[object, ...]:
    """Sort root hubs first, and 1-2 before 1-10."""
    return (not name.startswith("usb"), *map(int, re.findall(r"\d+", name)))

"""What USB this machine has, read from sysfs: controllers with their defaults, hubs, ports, and what is plugged in.

Nothing is written. Files and their meaning: the kernel's Documentation/ABI/testing/sysfs-bus-usb and
Documentation/usb/authorization.rst. A device may leave while it is read; what is gone is None.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from agent.usb.places import peers, prefix
from policies.errors import EquipmentError
from policies.terminal import Census, HiddenController
from policies.terminal import CensusController as Controller
from policies.terminal import CensusDevice as Device
from policies.terminal import CensusPort as Port
from policies.texts import t

__all__ = ["Census", "Controller", "Device", "Port", "take_census"]

_HUB_CLASS = "09"
_ROOT = re.compile(r"usb(\d+)")
_DEVICE = re.compile(r"\d+-\d+(?:\.\d+)*")
_PORT = re.compile(r"-port(\d+)$")
#: PCI class 0c03 is USB. Interface fe is a device-side controller and has no ports; 40 is a USB4 router, whose ports
#: are those of the xHCI beside it: it shows no bus of its own, but it needs its driver to be seen at all.
_PCI_USB, _DEVICE_SIDE, _USB4 = 0x0C03, 0xFE, 0x40


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
    roots = [name for name in names if _ROOT.fullmatch(name)]
    controllers = tuple(_controller(folder / name) for name in roots)
    stems = _stems(root, roots)
    devices = {name: _device(folder / name, stems) for name in names if _DEVICE.fullmatch(name)}
    hubs = tuple(name for name in names if name in roots or (name in devices and devices[name].hub))
    halves = peers(folder, {hub: stems.get(hub) or f"{devices[hub].port}." for hub in hubs}, _interfaces(names))
    listed = [port for hub in hubs for port in _ports(folder / hub, devices, stems)]
    ports = tuple(replace(port, peer=halves.get(port.port)) for port in (*listed, *_unlisted(listed, devices)))
    later = _number(root / "module/usbcore/parameters/authorized_default")
    return Census(controllers, hubs, ports, later, tuple(_hidden(root, roots)))


def _stems(root: Path, roots: list[str]) -> dict[str, str]:
    """Give what a port number is put behind, for each root hub: `pci-0000:00:14.0-usbv2-0:`."""
    found: dict[str, str] = {}
    for name in roots:
        folder = root / "bus/usb/devices" / name
        place = prefix(root, folder, _text(folder / "version") or "")
        # The name that the scan gives to a bus which cannot be told from another one: nobody can register it.
        found[name] = f"{place}-0:" if f"{place}-0:" not in found.values() else f"{place}+{name}-0:"
    return found


def _hidden(root: Path, roots: list[str]) -> list[HiddenController]:
    """List the USB controllers on the PCI bus that show no bus: without a driver, or handed to another one."""
    buses = [(root / "bus/usb/devices" / name).resolve() for name in roots]
    try:
        functions = sorted((root / "bus/pci/devices").iterdir())
    except OSError:
        return []
    hidden = []
    for function in functions:
        try:
            kind = int(_text(function / "class") or "", 16)
        except ValueError:
            continue
        driver = _link(function / "driver")
        # Anywhere below it: a controller of two roles (DWC3) shows its bus two folders down.
        shown = any(bus.is_relative_to(function.resolve()) for bus in buses) or (kind & 0xFF == _USB4 and driver)
        if kind >> 8 == _PCI_USB and kind & 0xFF != _DEVICE_SIDE and not shown:
            hidden.append(HiddenController(function.name, driver))
    return hidden


def _interfaces(names: list[str]) -> dict[str, list[str]]:
    """Sort the interface folders (1-0:1.0) by device; those of a root hub are named 1-0."""
    found: dict[str, list[str]] = {}
    for name in names:
        if ":" in name:
            found.setdefault(name.partition(":")[0], []).append(name)
    return found


def _controller(folder: Path) -> Controller:
    interfaces = _number(folder / "interface_authorized_default")
    return Controller(
        folder.name,
        _text(folder / "serial"),
        _text(folder / "speed"),
        _number(folder / "authorized_default"),
        None if interfaces is None else interfaces != 0,
    )


def _device(folder: Path, stems: dict[str, str]) -> Device:
    authorized = _number(folder / "authorized")
    parts = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    interfaces = [
        ":".join(_text(interface / part) or "??" for part in parts)
        for interface in sorted(folder.glob(f"{folder.name}:*"))
    ]
    try:
        descriptors = hashlib.sha256((folder / "descriptors").read_bytes()).hexdigest()
    except OSError:
        descriptors = None
    return Device(
        folder.name,
        _text(folder / "idVendor"),
        _text(folder / "idProduct"),
        _text(folder / "product"),
        _text(folder / "serial"),
        None if authorized is None else authorized != 0,
        _text(folder / "bDeviceClass") == _HUB_CLASS,
        tuple(interfaces),
        _stable(folder.name, stems),
        _number(folder / "devnum"),
        descriptors,
    )


def _ports(hub: Path, devices: dict[str, Device], stems: dict[str, str]) -> list[Port]:
    """Give the hub's ports. An unauthorised hub shows no port folders: then `maxchild` says how many it has."""
    shown = {int(found.group(1)): each for each in hub.glob("*:*/*-port*") if (found := _PORT.search(each.name))}
    root = _ROOT.fullmatch(hub.name)
    stem = f"{root.group(1)}-" if root else f"{hub.name}."
    ports = []
    for number in sorted({*shown, *range(1, (_number(hub / "maxchild") or 0) + 1)}):
        path, folder = f"{stem}{number}", shown.get(number)
        kind = _text(folder / "connect_type") if folder is not None else None
        disabled = _number(folder / "disable") if folder is not None else None
        ports.append(
            Port(
                path,
                hub.name,
                number,
                kind,
                None if disabled is None else disabled != 0,
                devices.get(path),
                _stable(path, stems),
            )
        )
    return ports


def _unlisted(ports: list[Port], devices: dict[str, Device]) -> list[Port]:
    """Give a port for each device that no hub shows one for: what is plugged in is somewhere, and must be counted.

    A hub that is plugged in while it is read shows its devices before its ports.
    """
    shown = {port.path for port in ports}
    found = []
    for path, device in devices.items():
        if path not in shown:
            bus, _, way = path.partition("-")
            hub, _, number = way.rpartition(".")
            found.append(
                Port(path, f"{bus}-{hub}" if hub else f"usb{bus}", int(number), None, None, device, device.port)
            )
    return found


def _stable(path: str, stems: dict[str, str]) -> str:
    """Turn a topology path (1-2.4) into a port path; the root hub may just have left, then it is `gone-`."""
    bus, _, ports = path.partition("-")
    return f"{stems.get(f'usb{bus}', f'gone-usb{bus}-0:')}{ports}"


def _link(path: Path) -> str:
    """Give the name of what a link leads to; "" when there is none."""
    try:
        return path.readlink().name
    except OSError:
        return ""


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

"""A made-up sysfs with the kernel's layout, in plain files: what is plugged in is a folder, what is written stays."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.usb.sysfs import Result, Usb
from policies.usb import UsbDevice

#: An interface: number, class, subclass, protocol.
Interface = tuple[int, str, str, str]


def descriptors(vendor: str, product: str, interfaces: Sequence[Interface], device_class: str = "00") -> bytes:
    """Give a `descriptors` file with one configuration of these interfaces, each without endpoints."""
    device = bytes([18, 1, 0, 2, int(device_class, 16), 0, 0, 64])
    device += int(vendor, 16).to_bytes(2, "little") + int(product, 16).to_bytes(2, "little") + bytes([0, 1, 1, 2, 3, 1])
    parts = b"".join(
        bytes([9, 4, number, 0, 0, int(cls, 16), int(sub, 16), int(protocol, 16), 0])
        for number, cls, sub, protocol in interfaces
    )
    numbers = len({each[0] for each in interfaces})
    return device + bytes([9, 2]) + (9 + len(parts)).to_bytes(2, "little") + bytes([numbers, 1, 0, 0x80, 50]) + parts


class Tree:
    """The tree at `root`."""

    def __init__(self, root: Path, parameter: str = "-1") -> None:
        self.root = root
        self._plugged: dict[str, tuple[str, str, Sequence[Interface], dict[str, str]]] = {}
        (root / "bus/usb/devices").mkdir(parents=True)
        self._files(root / "module/usbcore/parameters", authorized_default=parameter)

    def folder(self, name: str) -> Path:
        """Give the real folder of a device or a bus."""
        return (self.root / "bus/usb/devices" / name).resolve()

    def bus(self, name: str, place: str, version: str, **more: str) -> None:
        """Add a root hub below devices/`place`; both defaults are shut."""
        folder = self.root / "devices" / place / name
        given = {"authorized": "1", "authorized_default": "0", "interface_authorized_default": "0", "version": version}
        self._files(folder, **(given | more))
        (folder / f"{name[3:]}-0:1.0").mkdir()
        self._show(folder)
        self._show(folder / f"{name[3:]}-0:1.0")

    def plug(
        self,
        name: str,
        vendor_id: str,
        product_id: str,
        interfaces: Sequence[Interface],
        *,
        device_class: str = "00",
        devnum: int = 2,
        **more: str,
    ) -> Path:
        """Plug in a device, refused; `more` are further attributes (serial, product)."""
        parent = name.rpartition(".")[0] or f"usb{name.partition('-')[0]}"
        folder = self.folder(parent) / name
        self._files(
            folder, idVendor=vendor_id, idProduct=product_id, bDeviceClass=device_class, authorized="0",
            devnum=str(devnum), **more,
        )  # fmt: skip
        (folder / "descriptors").write_bytes(descriptors(vendor_id, product_id, interfaces, device_class))
        if device_class != "09":
            self._files(folder / "power", persist="1")
        self._plugged[name] = vendor_id, product_id, interfaces, {"device_class": device_class, **more}
        self._show(folder)
        return folder

    def unplug(self, name: str) -> None:
        """Take it away, with what is in it."""
        real = self.folder(name)
        for link in (self.root / "bus/usb/devices").iterdir():
            if link.resolve().is_relative_to(real):
                link.unlink()
        shutil.rmtree(real)

    def replug(self, name: str, devnum: int) -> None:
        """Take it away and plug it in again: another folder with another number in the list, refused."""
        aside = self.root / "bus/usb/devices/keep-the-number-in-use"
        (self.root / "bus/usb/devices" / name).rename(aside)
        shutil.rmtree(aside.resolve())
        vendor, product, interfaces, more = self._plugged[name]
        device_class = more["device_class"]
        rest = {key: value for key, value in more.items() if key != "device_class"}
        self.plug(name, vendor, product, interfaces, device_class=device_class, devnum=devnum, **rest)
        aside.unlink()

    def interfaces(self, name: str, configuration: int = 1) -> None:
        """Let its interfaces appear, refused, as the kernel does once it is admitted."""
        for number in sorted({each[0] for each in self._plugged[name][2]}):
            folder = self.folder(name) / f"{name}:{configuration}.{number}"
            self._files(folder, authorized="0")
            self._show(folder)

    def admit(self, name: str, released: Mapping[int, bool]) -> None:
        """Open it from outside; released interfaces have a driver."""
        self.interfaces(name)
        (self.folder(name) / "authorized").write_text("1\n")
        for number in (each for each, is_open in released.items() if is_open):
            folder = self.folder(name) / f"{name}:1.{number}"
            (folder / "authorized").write_text("1\n")
            self.bind(name, number)

    def bind(self, name: str, number: int, driver: str = "") -> None:
        """Let a driver take an interface, by default that of its class."""
        own = {"03": "usbhid", "08": "usb-storage", "09": "hub"}
        cls = next(each[1] for each in self._plugged[name][2] if each[0] == number)
        link = self.folder(name) / f"{name}:1.{number}" / "driver"
        link.unlink(missing_ok=True)
        link.symlink_to(self.root / "bus/usb/drivers" / (driver or own.get(cls, "some")))

    def drivers(self, *names: str) -> None:
        """Load drivers, and make the place where any is asked."""
        for name in names:
            self._files(self.root / "bus/usb/drivers" / name, bind="")
        self._files(self.root / "bus/usb", drivers_probe="")

    def peer(self, hub: str, port: int, other: str, other_port: int) -> None:
        """Make two ports the halves of one hole."""
        here, there = self._port(hub, port), self._port(other, other_port)
        (here / "peer").symlink_to(there)
        (there / "peer").symlink_to(here)

    def written(self, name: str) -> str:
        """Give what an attribute holds."""
        device, _, rest = name.partition("/")
        return (self.folder(device) / rest).read_text().strip()

    def content(self) -> dict[str, bytes]:
        """Give every file of the tree."""
        files = (each for each in self.root.rglob("*") if each.is_file() and not each.is_symlink())
        return {each.relative_to(self.root).as_posix(): each.read_bytes() for each in files}

    def _port(self, hub: str, number: int) -> Path:
        interface = f"{hub[3:]}-0:1.0" if hub.startswith("usb") else f"{hub}:1.0"
        folder = self.folder(hub) / interface
        port = folder / f"{hub}-port{number}"
        port.mkdir(parents=True)
        if not (self.root / "bus/usb/devices" / interface).exists():
            self._show(folder)
        return port

    def _show(self, real: Path) -> None:
        (self.root / "bus/usb/devices" / real.name).symlink_to(real)

    @staticmethod
    def _files(folder: Path, **files: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text + "\n", "utf-8")


class LiveUsb(Usb):
    """A tree that behaves as the kernel does: interfaces come with an admission, and go with a refusal.

    `drivers` False: no driver ever takes an interface (no udev to load it).
    """

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree.root)
        self.tree = tree
        self.drivers = True
        self.calls: list[str] = []

    def admit(self, device: UsbDevice, interfaces: frozenset[int], *, bound: bool = False) -> Result:
        self.calls.append(f"admit {device.name}")
        folder = self.tree.folder(device.name)
        if folder.exists() and not list(folder.glob("*:*")):
            self.tree.interfaces(device.name)
        for number in sorted(interfaces) if self.drivers else ():
            place = folder / f"{device.name}:1.{number}"
            if place.exists() and not (place / "driver").is_symlink():
                self.tree.bind(device.name, number)
        return super().admit(device, interfaces, bound=bound)

    def refuse(self, device: UsbDevice) -> Result:
        self.calls.append(f"refuse {device.name}")
        result = super().refuse(device)
        if result.outcome == "done":
            for folder in self.tree.folder(device.name).glob("*:*"):
                (self.tree.root / "bus/usb/devices" / folder.name).unlink()
                shutil.rmtree(folder)
        return result

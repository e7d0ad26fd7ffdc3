"""Hubs full of devices, and USB devices of any identity and shape made inside the guest: what a stick can claim to be.

The kernel's own gadget framework builds the device and dummy_hcd is the cable: a controller whose only port leads back
into the same machine. Loading it brings new controllers, which the guest's USB default holds for as for any other.
Documentation/usb/gadget_configfs.rst.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.terminal.vm import Terminal
from policies.errors import InputError
from policies.texts import t

_CONFIGFS = "/sys/kernel/config/usb_gadget"
_DISK_MB = 8
#: A boot keyboard's report: eight modifier keys, one reserved byte, six keys (USB HID 1.11, appendix B.1).
_KEYBOARD = bytes.fromhex("05010906a101050719e029e71500250175019508810295017508810395067508150025650507190029658100c0")


#: Where a hub with a hub in it appears, see :func:`plug_hubs`.
OUTER, INNER = "1-1", "1-1.8"


def plug_hubs(terminal: Terminal, leaves: int = 14) -> None:
    """Plug in a hub with a hub in it, and sticks and keyboards in both: leaf0 and leaf1 are sticks."""
    terminal.plug("usb-hub", "outer", "1")
    terminal.plug("usb-hub", "inner", "1.8")
    for number in range(leaves):
        port = f"1.{number + 1}" if number < 7 else f"1.8.{number - 6}"
        name = f"leaf{number}"
        if number < 2:
            terminal.plug("usb-storage", name, port, drive=terminal.disk(name, 1), serial=f"S-{number}")
        else:
            terminal.plug("usb-kbd", name, port, serial=f"K-{number}")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says it is: vendor and product id in hexadecimal, and its three strings."""

    vendor: str = "0781"
    product: str = "5567"
    serial: str = "0001"
    name: str = "Cruzer Blade"
    maker: str = "SanDisk"


class Cables:
    """The controllers of dummy_hcd in a guest, `count` of them: each takes one gadget at a time."""

    def __init__(self, terminal: Terminal, count: int = 1) -> None:
        self.terminal = terminal
        loaded = f"modprobe dummy_hcd num={count} && cd /sys/devices/platform"
        told = terminal.ok(
            f"{loaded} && for n in $(seq 0 {count - 1}); do cd dummy_hcd.$n; echo usb[0-9]*; cd ..; done"
        )
        #: The controllers' root hubs, for example usb3.
        self.buses = tuple(told.split())


class Gadget:
    """A device, not plugged in yet; `functions` (mass_storage, keyboard, acm, ecm) are its interfaces in order."""

    def __init__(self, cables: Cables, name: str, identity: Identity, functions: Sequence[str], cable: int = 0) -> None:
        self._terminal = cables.terminal
        self._folder = f"{_CONFIGFS}/{name}"
        self._cable = cable
        self.name = name
        #: Where it appears in the guest, for example 3-1.
        self.path = f"{cables.buses[cable].removeprefix('usb')}-1"
        self._make(identity, functions)

    def plug(self) -> None:
        """Plug it in."""
        self._terminal.lay(("write", f"{self._folder}/UDC", f"dummy_udc.{self._cable}\n"))

    def unplug(self) -> None:
        """Pull it out."""
        self._terminal.lay(("write", f"{self._folder}/UDC", "\n"))

    def change(self, identity: Identity, functions: Sequence[str]) -> None:
        """Become another device; to be done while it is pulled out."""
        self.remove()
        self._make(identity, functions)

    def remove(self) -> None:
        """Take it apart."""
        config, text = f"{self._folder}/configs/c.1", "strings/0x409"
        self._terminal.lay(
            *(("remove", f"{config}/{each}") for each in self._functions),
            ("rmdir", f"{config}/{text}"), ("rmdir", config),
            *(("rmdir", f"{self._folder}/functions/{each}") for each in self._functions),
            ("rmdir", f"{self._folder}/{text}"), ("rmdir", self._folder),
        )  # fmt: skip

    def _make(self, identity: Identity, functions: Sequence[str]) -> None:
        folder, config, text = self._folder, f"{self._folder}/configs/c.1", "strings/0x409"
        said = {"serialnumber": identity.serial, "product": identity.name, "manufacturer": identity.maker}
        modules = {"keyboard": "hid"}
        self._functions = [f"{modules.get(kind, kind)}.{number}" for number, kind in enumerate(functions)]
        steps: list[tuple[str, ...]] = [
            ("mkdir", folder), ("mkdir", f"{folder}/{text}"), ("mkdir", config), ("mkdir", f"{config}/{text}"),
            ("write", f"{folder}/idVendor", f"0x{identity.vendor}"),
            ("write", f"{folder}/idProduct", f"0x{identity.product}"),
            *(("write", f"{folder}/{text}/{name}", value) for name, value in said.items()),
            ("write", f"{config}/MaxPower", "120"),
        ]  # fmt: skip
        for kind, name in zip(functions, self._functions, strict=True):
            place = f"{folder}/functions/{name}"
            steps += [("mkdir", place), *self._settings(kind, name, place), ("link", f"{config}/{name}", place)]
        self._terminal.lay(*steps)

    def _settings(self, kind: str, name: str, place: str) -> list[tuple[str, ...]]:
        if kind == "mass_storage":
            disk = f"/run/gadget-{self.name}-{name}.img"
            return [
                ("size", disk, str(_DISK_MB << 20)),
                ("write", f"{place}/lun.0/removable", "1"),
                ("write", f"{place}/lun.0/file", disk),
            ]
        if kind == "keyboard":
            return [
                ("write", f"{place}/protocol", "1"),
                ("write", f"{place}/subclass", "1"),
                ("write", f"{place}/report_length", "8"),
                ("write", f"{place}/report_desc", _KEYBOARD.decode("latin-1")),
            ]
        if kind in ("acm", "ecm"):
            return []
        raise InputError(t("'{kind}' is no kind of USB function.", kind=kind), where=self.name)

"""USB devices of any identity and shape, made inside the guest: what an attacker's stick can pretend to be.

The kernel's own gadget framework builds the device and dummy_hcd is the cable: a controller whose only port leads back
into the same machine. Loading it brings new controllers, which the guest's USB default holds for as for any other.
Documentation/usb/gadget_configfs.rst.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from lab.terminal.vm import Terminal
from policies.errors import InputError
from policies.texts import t

_CONFIGFS = "/sys/kernel/config/usb_gadget"
_DISK_MB = 8
#: A boot keyboard's report: eight modifier keys, one reserved byte, six keys (USB HID 1.11, appendix B.1).
_KEYBOARD = bytes.fromhex("05010906a101050719e029e71500250175019508810295017508810395067508150025650507190029658100c0")


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
        terminal.ok(f"modprobe dummy_hcd num={count} && modprobe libcomposite")
        terminal.ok("mountpoint -q /sys/kernel/config || mount -t configfs configfs /sys/kernel/config")
        #: The controllers' root hubs, for example usb3.
        self.buses = tuple(
            terminal.ok(f"cd /sys/devices/platform/dummy_hcd.{number} && echo usb[0-9]*").strip()
            for number in range(count)
        )


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
        self._terminal.ok(f"echo dummy_udc.{self._cable} > {self._folder}/UDC")

    def unplug(self) -> None:
        """Pull it out."""
        self._terminal.ok(f"echo > {self._folder}/UDC")

    def change(self, identity: Identity, functions: Sequence[str]) -> None:
        """Become another device; to be done while it is pulled out."""
        self.remove()
        self._make(identity, functions)

    def remove(self) -> None:
        """Take it apart."""
        folder = self._folder
        self._terminal.ok(
            f"cd {folder} && find configs -type l -exec rm {{}} + && rmdir configs/c.1/strings/0x409 configs/c.1 "
            f"functions/* strings/0x409 && cd / && rmdir {folder}"
        )

    def _make(self, identity: Identity, functions: Sequence[str]) -> None:
        said = {"serialnumber": identity.serial, "product": identity.name, "manufacturer": identity.maker}
        lines = [
            "set -e",
            f"mkdir -p {self._folder}/strings/0x409 {self._folder}/configs/c.1/strings/0x409",
            f"cd {self._folder}",
            f"echo 0x{identity.vendor} > idVendor",
            f"echo 0x{identity.product} > idProduct",
            *(f"printf %s {shlex.quote(text)} > strings/0x409/{name}" for name, text in said.items()),
            "echo 120 > configs/c.1/MaxPower",
        ]
        for number, kind in enumerate(functions):
            lines += self._function(kind, number)
        self._terminal.ok("\n".join(lines))

    def _function(self, kind: str, number: int) -> list[str]:
        module = {"keyboard": "hid"}.get(kind, kind)
        place = f"functions/{module}.{number}"
        disk = f"/run/gadget-{self.name}-{number}.img"
        report = "".join(f"\\{byte:03o}" for byte in _KEYBOARD)
        settings = {
            "mass_storage": [
                f"truncate -s {_DISK_MB}M {disk}",
                f"echo 1 > {place}/lun.0/removable",
                f"echo {disk} > {place}/lun.0/file",
            ],
            "keyboard": [
                f"echo 1 > {place}/protocol",
                f"echo 1 > {place}/subclass",
                f"echo 8 > {place}/report_length",
                f"printf '{report}' > {place}/report_desc",
            ],
            "acm": [],
            "ecm": [],
        }
        if kind not in settings:
            raise InputError(t("'{kind}' is no kind of USB function.", kind=kind), where=self.name)
        return [f"mkdir {place}", *settings[kind], f"ln -s {place} configs/c.1/"]

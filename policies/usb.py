"""The vocabulary of a terminal's USB: devices as the kernel shows them, bindings, leases, and what the gate decides.

A port has two names. The kernel's (`1-2.4`: bus, then the ports of the hubs on the way) is what `lsusb -t` shows, and
its bus number changes with the order in which drivers load. The port path (`pci-0000:00:14.0-usbv2-0:2.4`) names the
host controller by its place, the USB generation of the root hub, and the ports: it is what udev calls
ID_PATH_WITH_USB_REVISION, it stays over boots and kernels, and every binding, grant and event uses it. The two halves
of one xHCI port (`usbv2`, `usbv3`) are peers: two port paths for one hole in the case.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from policies.texts import Text

#: Interface classes that rules name (USB-IF, "Defined Class Codes"), as the two hex digits that a grant carries.
HID, STORAGE, HUB = "03", "08", "09"


class UsbRole(StrEnum):
    """What a bound device is for; `lock` is the anti-plug lock itself.

    `reader` is a card reader that types numbers as a keyboard does: the agent takes what it types for itself.
    """

    KEYBOARD = "keyboard"
    MOUSE = "mouse"
    DONGLE = "dongle"
    LOCK = "lock"
    HUB = "hub"
    READER = "reader"
    OTHER = "other"


@dataclass(frozen=True, slots=True, order=True)
class UsbInterface:
    """One interface setting in a device's descriptors; class, subclass and protocol are two lower-case hex digits."""

    configuration: int
    number: int
    alternate: int
    usb_class: str
    subclass: str
    protocol: str


@dataclass(frozen=True, slots=True, order=True)
class UsbIdentity:
    """What tells a device from another one: four hex digits twice, the serial ("" without one), and a digest.

    `descriptors` is the SHA-256, in hex, of the kernel's `descriptors` file: the device descriptor and every raw
    configuration. All of it is readable while the device is refused. It is identification: a device can copy it all.
    """

    vendor_id: str
    product_id: str
    serial: str
    descriptors: str


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A device that is plugged in, as one scan saw it.

    `name` is the kernel's, `port` the port path, `devnum` the number that rises at every new enumeration. `interfaces`
    come from the descriptors (all configurations), so they are known before anything is admitted. `authorized` is the
    kernel's word (None: it left while it was read); `released` holds the interface numbers that are admitted now, and
    `bound` those of them that a driver has taken.
    """

    name: str
    port: str
    devnum: int
    identity: UsbIdentity
    interfaces: tuple[UsbInterface, ...]
    hub: bool
    authorized: bool | None
    product: str = ""
    released: frozenset[int] = frozenset()
    bound: frozenset[int] = frozenset()

    @property
    def classes(self) -> frozenset[str]:
        """The interface classes that its descriptors show."""
        return frozenset(each.usb_class for each in self.interfaces)

    @property
    def appearance(self) -> UsbAppearance:
        """This enumeration of it: nothing that was allowed carries over to another one."""
        return UsbAppearance(self.port, self.devnum, self.identity)


@dataclass(frozen=True, slots=True, order=True)
class UsbAppearance:
    """One enumeration of a device at a port: a replug, even of the same device, is another one."""

    port: str
    devnum: int
    identity: UsbIdentity


@dataclass(frozen=True, slots=True)
class UsbBinding:
    """A device that belongs to the terminal, at its place. `ports` are port paths: both peers of one hole."""

    name: str
    role: UsbRole
    ports: tuple[str, ...]
    identity: UsbIdentity


@dataclass(frozen=True, slots=True)
class Scope:
    """What a grant allows: port paths ("*" alone: every port), interface classes, how many devices, and what for.

    `once`: a device that was pulled does not open again. `read_only`: what it stores cannot be written.
    """

    ports: tuple[str, ...]
    classes: tuple[str, ...]
    devices: int
    purpose: str
    once: bool = False
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Lease:
    """A grant in use. `boot` is the kernel's boot id; `opened` and `ends` are seconds of CLOCK_BOOTTIME on that boot.

    `used` are the appearances that it has admitted so far, in order.
    """

    jti: str
    card: str
    scope: Scope
    boot: str
    opened: float
    ends: float
    used: tuple[UsbAppearance, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says of one device: `interfaces` are the numbers to admit (empty: the device stays refused).

    `code` is the reason for machines (documented in docs/agent.md), `reason` the sentence. `binding` or `lease` name
    what allows it. `withheld` are interfaces that a composite device has beyond what is allowed.
    """

    device: UsbDevice
    interfaces: frozenset[int]
    code: str
    reason: Text
    binding: str = ""
    lease: str = ""
    withheld: frozenset[int] = frozenset()
    alarms: tuple[str, ...] = field(default=())

    @property
    def allowed(self) -> bool:
        """Whether anything of the device is admitted."""
        return bool(self.interfaces)

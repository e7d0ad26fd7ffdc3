"""Which of the kernel's drivers may take an interface that is opened for its class, and how it gets one of them.

A driver's table may name devices by vendor and product id alone, whatever class their interfaces show: asked for "some
driver", the kernel gives a stick with a network adapter's ids to the network driver. So what a lease opens is offered
to the drivers of its class by name, and it is shut again when none of them takes it: a module that is loaded later
would offer it to its own driver. A binding vouches for the device with the driver that it has.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from agent.usb.folder import Folder
from policies.usb import HID, HUB, STORAGE, UsbDevice

#: The drivers of a class, by the kernel's names and in the order in which they are asked. Those after usb-storage are
#: its parts for card readers and adapters that it leaves to them (drivers/usb/storage).
OF_CLASS: Mapping[str, tuple[str, ...]] = {
    HID: ("usbhid",),
    HUB: ("hub",),
    STORAGE: (
        "uas", "usb-storage", "ums-alauda", "ums-cypress", "ums-datafab", "ums_eneub6250", "ums-freecom", "ums-isd200",
        "ums-jumpshot", "ums-karma", "ums-onetouch", "ums-realtek", "ums-sddr09", "ums-sddr55", "ums-usbat",
    ),
}  # fmt: skip
#: What says that we may not write there, while other errors say that this driver does not want it.
_FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def expected(device: UsbDevice, number: int) -> tuple[str, ...]:
    """Give the drivers that may take an interface; none named when a setting of it is of a class without its own."""
    classes = sorted({each.usb_class for each in device.interfaces if each.number == number})
    if not all(each in OF_CLASS for each in classes):
        return ()
    return tuple(driver for each in classes for driver in OF_CLASS[each])


def wrong(device: UsbDevice, taken: Mapping[int, str]) -> dict[int, str]:
    """Give the released interfaces that a driver of another class has taken, with its name."""
    return {
        number: driver
        for number, driver in sorted(taken.items())
        if number in device.released and (mine := expected(device, number)) and driver not in mine
    }


def missing(device: UsbDevice, waiting: Iterable[int]) -> frozenset[int]:
    """Give the interfaces that should work and do not, of a device of which no interface has a driver."""
    numbers = {each.number for each in device.interfaces if each.usb_class in OF_CLASS}
    lacking = frozenset(numbers & (device.released | set(waiting)))
    return frozenset() if lacking & device.bound else lacking


def open_interface(root: Path, folder: Folder, name: str, drivers: Sequence[str]) -> bool:
    """Release an interface to one of these drivers; False: none took it, and it is shut.

    `root` is the sysfs, `folder` the device's. Raises OSError when it cannot be written.
    """
    if not folder.driver(name):
        known = root / "bus/usb/drivers"
        # Nothing is released as long as no driver of its class is loaded: another module may come first.
        loaded = [each for each in drivers if (known / each).is_dir()]
        if loaded:
            _release(folder, name)
        if not any(_offer(known / each / "bind", folder, name) for each in loaded):
            if folder.text(f"{name}/authorized") != "0":
                folder.put(f"{name}/authorized", "0")
            return False
    _release(folder, name)
    return True


def open_to_any(root: Path, folder: Folder, name: str, drivers: Sequence[str]) -> None:
    """Release an interface; `drivers` are asked first, then whichever wants it. Raises OSError."""
    _release(folder, name)
    if folder.driver(name):
        return
    known = root / "bus/usb/drivers"
    if not any(_offer(known / each / "bind", folder, name) for each in drivers if (known / each).is_dir()):
        # Releasing an interface does not look for a driver: its bus has to be asked.
        _offer(root / "bus/usb/drivers_probe", folder, name)


def _release(folder: Folder, name: str) -> None:
    if folder.text(f"{name}/authorized") != "1":
        folder.put(f"{name}/authorized", "1")


def _offer(where: Path, folder: Folder, name: str) -> bool:
    """Write an interface's name where a driver is asked to take it, and tell whether one has."""
    try:
        fd = os.open(where, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(fd, name.encode("ascii"))
        finally:
            os.close(fd)
    except OSError as error:
        # ENODEV: not a device for it. Whatever its probe says, such as EIO, means that it did not take it.
        if error.errno in _FORBIDDEN:
            raise
    return bool(folder.driver(name))

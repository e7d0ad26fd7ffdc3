"""The kernel's USB defaults: noted before an installation, given back after it, so that what is plugged in works again.

Files and their meaning: the kernel's Documentation/ABI/testing/sysfs-bus-usb and Documentation/usb/authorization.rst.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_USB = "sys/bus/usb"
_PARAMETER = "sys/module/usbcore/parameters/authorized_default"
_DEVICES, _INTERFACES = "authorized_default", "interface_authorized_default"


def read_defaults(root: Path) -> tuple[tuple[str, str], ...]:
    """Read what the kernel does with new devices and interfaces: pairs of a path below `root` and its value."""
    buses = sorted((root / _USB / "devices").glob("usb*"))
    paths = [root / _PARAMETER, *(bus / name for bus in buses for name in (_DEVICES, _INTERFACES))]
    found = []
    for path in paths:
        with suppress(OSError):
            found.append((str(path.relative_to(root)), path.read_text("ascii").strip()))
    return tuple(found)


def give_back(root: Path, defaults: tuple[tuple[str, str], ...]) -> None:
    """Write `defaults` back and admit what is plugged in, or the keyboard stays dead until a reboot.

    A machine on which every place refused before stays as it is. A bus that was not there then admits, as the others.
    """
    for name, value in defaults:
        _write(root / name, value)
    if all(value == "0" for name, value in defaults if name.endswith(f"/{_DEVICES}")):
        return
    noted = {name for name, _ in defaults}
    for bus in sorted((root / _USB / "devices").glob("usb*")):
        for path in (bus / _DEVICES, bus / _INTERFACES):
            if str(path.relative_to(root)) not in noted:
                _write(path, "1")
    # Devices before interfaces: an admitted device brings its own, and they come by the default above.
    for path in (root / _USB / "devices").glob("*-*/authorized"):
        if ":" not in path.parent.name:
            _admit(path)
    for path in (root / _USB / "devices").glob("*:*/authorized"):
        if _admit(path):
            # Admitting an interface looks for no driver.
            _write(root / _USB / "drivers_probe", path.parent.name)


def _admit(path: Path) -> bool:
    """Admit what is refused; tells whether it was."""
    with suppress(OSError):
        if path.read_text("ascii").strip() == "0":
            _write(path, "1")
            return True
    return False


def _write(path: Path, value: str) -> None:
    with suppress(OSError):  # it left meanwhile
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC)
        try:
            os.write(handle, value.encode("ascii"))
        finally:
            os.close(handle)

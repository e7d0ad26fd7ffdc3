"""How tests look at a guest's kernel: read, write, and wait for what comes or must not come."""

from __future__ import annotations

from lab.terminal.vm import Terminal

DEVICES = "/sys/bus/usb/devices"
#: What the kernel does with USB on a controller that comes later.
LATER = "/sys/module/usbcore/parameters/authorized_default"
#: How long a device is watched that must not open by itself; one that may needs half a second, see the delay in
#: lab.terminal.machine.
WATCHED_S = 2.0


def read(guest: Terminal, path: str) -> str:
    """Give a file of the guest without its line end; empty when it is not there."""
    return guest.read(path)


def write(guest: Terminal, path: str, text: str) -> None:
    """Write into a file of the guest's kernel; EquipmentError when the kernel refuses."""
    guest.lay(("write", path, f"{text}\n"))


def there(guest: Terminal, path: str) -> bool:
    """Tell whether a path (or a pattern) is there."""
    return guest.there(path)


def appears(guest: Terminal, path: str) -> None:
    """Wait until a path is there."""
    assert guest.comes(path), f"{path} did not appear"


def vanishes(guest: Terminal, path: str) -> None:
    """Wait until a path is gone."""
    assert guest.goes(path), f"{path} did not vanish"


def never(guest: Terminal, path: str) -> None:
    """Watch that a path does not appear for a while."""
    assert not guest.comes(path, WATCHED_S), f"{path} appeared"

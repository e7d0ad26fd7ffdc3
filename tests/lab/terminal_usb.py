"""How tests look at a guest's kernel: read, write, and wait for what comes or must not come."""

from __future__ import annotations

from lab.terminal.vm import Terminal

DEVICES = "/sys/bus/usb/devices"
#: What the kernel does with USB on a controller that comes later.
LATER = "/sys/module/usbcore/parameters/authorized_default"
#: How long a device is watched that must not open by itself; a stick that may needs 1.2 s to become a disk.
WATCHED_S = 3.0


def read(guest: Terminal, path: str) -> str:
    """Give a file of the guest without its line end; empty when it is not there."""
    return guest.sh(["cat", path]).output.strip() if there(guest, path) else ""


def write(guest: Terminal, path: str, text: str) -> None:
    """Write into a file of the guest's kernel; EquipmentError when the kernel refuses."""
    guest.ok(f"echo {text} > {path}")


def there(guest: Terminal, path: str) -> bool:
    """Tell whether a path (or a pattern) is there."""
    return guest.sh(f'set -- {path}; [ -e "$1" ]').code == 0


def appears(guest: Terminal, path: str) -> None:
    """Wait until a path is there."""
    guest.until(lambda: there(guest, path), 30)


def vanishes(guest: Terminal, path: str) -> None:
    """Wait until a path is gone."""
    guest.until(lambda: not there(guest, path), 30)


def never(guest: Terminal, path: str) -> None:
    """Watch, in one command of the guest, that a path does not appear for a while."""
    # Only the sleep is a process: an emulated processor needs long for one.
    loop = f'for i in $(seq {int(WATCHED_S / 0.2)}); do set -- {path}; [ -e "$1" ] && exit 1; sleep 0.2; done; exit 0'
    assert guest.sh(loop, WATCHED_S + 60).code == 0, f"{path} appeared"

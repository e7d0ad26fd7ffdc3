"""A made-up USB under umockdev: sysfs and uevents of a kernel that is not there, for a process of its own.

umockdev redirects libc (LD_PRELOAD), so what uses it runs in a child: `in_bed(function)` starts one, which calls the
function of a test module with a `Bed` and gives back what it returns, as JSON. What it asserts fails the test.

umockdev gives files and events and no kernel: nothing enumerates, no interface appears by itself. Two of its traps: an
added device sends its `add` by itself, a removed one sends nothing; and who sends more events than the queue of a
monitor holds (ten) that nobody drains is aborted.
"""

from __future__ import annotations

import ctypes
import importlib
import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_CHARS, _POINTER = ctypes.c_char_p, ctypes.c_void_p


def in_bed(function: Callable[[Bed], Any], seconds: float = 60.0) -> Any:
    """Run `function` of a test module in a child under umockdev, and give what it returns."""
    wrapper = shutil.which("umockdev-wrapper")
    if wrapper is None:
        pytest.skip("umockdev is not installed; run 'make test', or as root: apt-get install umockdev")
    # By its file: pytest imports a test module under a name that only it knows.
    module = ".".join(Path(inspect.getfile(function)).relative_to(ROOT).with_suffix("").parts)
    where = f"{module}:{getattr(function, '__qualname__', '')}"
    command = [wrapper, sys.executable, "-m", "tests.replay.umockdev_bed", where]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class Bed:
    """The testbed: sysfs is at /sys for this process, and its files at `root`."""

    def __init__(self) -> None:
        if "umockdev-preload" not in os.environ.get("LD_PRELOAD", ""):
            raise RuntimeError("this runs under umockdev-wrapper")
        self._library = ctypes.CDLL("libumockdev.so.0")
        self._glib = ctypes.CDLL("libglib-2.0.so.0")
        self._glib.g_free.argtypes = [_POINTER]
        strings = ctypes.POINTER(_CHARS)
        self._new = self._function("new", _POINTER)
        self._add = self._function("add_devicev", _POINTER, _POINTER, _CHARS, _CHARS, _CHARS, strings, strings)
        self._set = self._function("set_attribute", None, _POINTER, _CHARS, _CHARS, _CHARS)
        self._set_bytes = self._function(
            "set_attribute_binary", None, _POINTER, _CHARS, _CHARS, _CHARS, ctypes.c_size_t
        )
        self._set_property = self._function("set_property", None, _POINTER, _CHARS, _CHARS, _CHARS)
        self._uevent = self._function("uevent", None, _POINTER, _CHARS, _CHARS)
        self._remove = self._function("remove_device", None, _POINTER, _CHARS)
        self._bed = self._new()
        place = self._function("get_root_dir", _POINTER, _POINTER)(self._bed)
        self.root = Path(ctypes.string_at(place).decode())

    def add(
        self,
        subsystem: str,
        name: str,
        parent: str | None = None,
        attributes: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> str:
        """Add a device, with its `add` event; gives its path in sysfs."""
        found = self._add(
            self._bed, subsystem.encode(), name.encode(), parent.encode() if parent else None,
            _strings(attributes or {}), _strings(properties or {}),
        )  # fmt: skip
        if not found:
            raise RuntimeError(f"umockdev does not add {name}")
        path = ctypes.string_at(found).decode()
        self._glib.g_free(found)
        return path

    def bus(self, name: str = "usb1", address: str = "0000:00:14.0", default: str = "0") -> str:
        """Add a controller and its root hub, with a module parameter."""
        controller = self.add("pci", address)
        number = name.removeprefix("usb")
        given = {
            "authorized": "1", "authorized_default": default, "interface_authorized_default": "0", "version": " 2.00",
            "bDeviceClass": "09", "idVendor": "1d6b", "idProduct": "0002", "devnum": "1", "busnum": number,
        }  # fmt: skip
        return self.add("usb", name, controller, given, {"DEVTYPE": "usb_device", "PRODUCT": "1d6b/2/601"})

    def plug(self, parent: str, name: str, vendor: str, product: str, raw: bytes, devnum: int = 2) -> str:
        """Plug in a device, refused."""
        given = {
            "idVendor": vendor, "idProduct": product, "bDeviceClass": "00", "authorized": "0", "serial": f"SN{devnum}",
            "devnum": str(devnum), "busnum": name.partition("-")[0],
        }  # fmt: skip
        path = self.add("usb", name, parent, given, {"DEVTYPE": "usb_device", "PRODUCT": f"{vendor}/{product}/100"})
        self._set_bytes(self._bed, path.encode(), b"descriptors", raw, len(raw))
        return path

    def interface(self, device: str, number: int, usb_class: str) -> str:
        """Let an interface appear, refused, as the kernel does after an admission."""
        name = f"{device.rpartition('/')[2]}:1.{number}"
        given = {"authorized": "0", "bInterfaceClass": usb_class}
        return self.add("usb", name, device, given, {"DEVTYPE": "usb_interface"})

    def set(self, path: str, name: str, value: str) -> None:
        """Change an attribute."""
        self._set(self._bed, path.encode(), name.encode(), value.encode())

    def read(self, path: str, name: str) -> str:
        """Give what an attribute holds."""
        return (Path(path) / name).read_text("utf-8").strip()

    def uevent(self, path: str, action: str, **properties: str) -> None:
        """Send an event, with these properties set on the device before."""
        for name, value in properties.items():
            self._set_property(self._bed, path.encode(), name.encode(), value.encode())
        self._uevent(self._bed, path.encode(), action.encode())

    def unplug(self, path: str) -> None:
        """Send `remove`, and take the device away."""
        self.uevent(path, "remove")
        self._remove(self._bed, path.encode())

    def _function(self, name: str, result: Any, *arguments: Any) -> Any:
        function = getattr(self._library, f"umockdev_testbed_{name}")
        function.restype, function.argtypes = result, list(arguments)
        return function


def _strings(pairs: Mapping[str, str]) -> Any:
    flat = [each.encode() for pair in pairs.items() for each in pair]
    return (_CHARS * (len(flat) + 1))(*flat, None)


def main(where: str) -> None:
    """Call the function and print its result as the last line."""
    module, _, name = where.partition(":")
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    # Imported under its own name as well: the class must be the one that the function knows.
    bed = importlib.import_module("tests.replay.umockdev_bed").Bed()
    sys.stdout.write(json.dumps(function(bed)) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

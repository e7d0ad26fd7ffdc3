"""A machine as a folder tree, to install on: what the tests of installing share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from agent.cli.install import Wish, install
from agent.install.plan import Facts, Initramfs, Loader
from policies.texts import Text
from policies.usb import UsbBinding, UsbDevice, UsbIdentity, UsbInterface, UsbRole

IDENTITY = UsbIdentity("046d", "c31c", "SN 1", "ab" * 32)
PORT = "pci-0000:00:14.0-usbv2-0:2"
KEYBOARD = UsbBinding("keyboard", UsbRole.KEYBOARD, (PORT,), IDENTITY)
TYPES = (UsbInterface(1, 0, 0, "03", "01", "01"),)
PLUGGED = UsbDevice("1-2", PORT, 3, IDENTITY, TYPES, hub=False, authorized=True, product="Board")
DEBIAN = Facts(
    is_root=True, python="/opt/portseal/bin/python", bindings=(KEYBOARD,), devices=(PLUGGED,),
    loader=Loader.UPDATE_GRUB, initramfs=Initramfs.TOOLS, grub_folder=True,
)  # fmt: skip
SYSTEM = Path("/")


class Runs:
    """Notes commands instead of running them; one of them may fail, or the power may go."""

    def __init__(self, failing: str = "") -> None:
        self.failing, self.done = failing, list[str]()

    def __call__(self, argv: Sequence[str]) -> int:
        self.done.append(" ".join(argv))
        return 1 if self.failing and self.failing in self.done[-1] else 0


def tree(root: Path) -> dict[str, str]:
    """Tell a tree's content but for the installation's own folder."""
    found = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if name.startswith("var"):
            continue
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        elif path.is_file():
            found[name] = f"{path.stat().st_mode:o} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        else:
            found[name] = "folder"
    return found


def machine(tmp_path: Path) -> Path:
    """A machine that has some of the files already, with bytes and modes of its own."""
    usb = "sys/bus/usb/devices"
    for folder in ("etc/default", "etc/modprobe.d", "etc/systemd/system", "etc/portseal-agent", f"{usb}/usb1",
                   f"{usb}/1-2", "sys/module/usbcore/parameters"):  # fmt: skip
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "etc/default/grub").write_bytes(b"GRUB_CMDLINE_LINUX='quiet' # \xff")
    (tmp_path / "etc/modprobe.d/portseal.conf").write_bytes(b"# mine\r\n")
    (tmp_path / "etc/modprobe.d/portseal.conf").chmod(0o600)
    (tmp_path / "sys/bus/usb/devices/usb1/authorized_default").write_text("1")
    (tmp_path / "sys/bus/usb/devices/1-2/authorized").write_text("1\n")
    (tmp_path / "sys/module/usbcore/parameters/authorized_default").write_text("-1")
    return tmp_path


def quiet(_: Text) -> None:
    return


def set_up(root: Path, facts: Facts = DEBIAN, run: Runs | None = None, **wish: bool) -> int:
    return install(Wish(root, **wish), quiet, facts.bindings, facts.devices, facts, run or Runs())

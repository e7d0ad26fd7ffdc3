"""A guest that boots from its own disk, as a user's machine does, and may be started again from the same disk.

    with Installed.start(copy_of(build()), plugs=(BOUND,)) as guest:
        guest.ok("systemctl is-system-running --wait")

What the boot loader would start is read from the disk: the first entry of its menu, the kernel and the initramfs that
it names. A snapshot holds the disk too.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from lab.net import run
from lab.terminal import code, image
from lab.terminal import machine as hardware
from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.cpio import pack
from lab.terminal.guest import Image
from lab.terminal.machine import Machine
from lab.terminal.sealed import AGENT, LAB_KEY, NAME, SITE
from lab.terminal.vm import Snapshot, Terminal
from lab.terminal.volatile import VolatileDisk
from policies.errors import EquipmentError
from policies.texts import t

#: Enough for an initramfs to be packed, and for the desktop-less Debian.
MEMORY_MB = 512
_BOOT_S = 240.0
_MENU = re.compile(r"^\s*linux\s+(\S+)\s+(.*)$(?:\n.*$)*?\n\s*initrd\s+(\S+)", re.MULTILINE)
#: Prints all but what belongs to the run of the system: the initramfs is compared by its list of files. The operators'
#: group stays after an uninstallation, as every group that systemd-sysusers makes: files may be its.
FILES = (
    "cd / && find etc boot usr/lib/systemd usr/lib/udev var/spool -xdev"
    " \\( -name 'initrd.img*' -o -path etc/portseal-agent -o -name grubenv -o -path 'etc/gshadow*'"
    " -o -path 'etc/group*' \\) -prune"
    " -o -type f -printf '%p %m %U:%G\\n' -exec sha256sum {} + -o -type l -printf '%p -> %l\\n' | sort"
)


@dataclass(frozen=True, slots=True)
class Plug:
    """What is plugged in before the guest runs: QEMU's device, a name, a port of the first controller."""

    kind: str
    name: str
    port: str
    more: Mapping[str, Any] = field(default_factory=dict)


#: The keyboard of every installed terminal.
KEYBOARD = Plug("usb-kbd", "keyboard", "2", {"serial": "K-1"})


class Installed(Terminal):
    """A guest with a disk of its own; :attr:`root` is its file, which goes with the guest unless it is kept."""

    root: Path
    #: Whether the disk has a cache that a power cut empties, see VolatileDisk.
    cached = False

    @classmethod
    def start(
        cls, disk: Path, plugs: Sequence[Plug] = (KEYBOARD,), *, first: Image | None = None, options: str = "",
        save_into: Path | None = None,
    ) -> Self:  # fmt: skip
        """Power a guest on with what the boot loader on `disk` would start, and wait until it runs commands.

        `disk` is changed. `first` is for a disk whose boot loader was never set up; `options` are further words for the
        kernel.
        """
        machine = boots(disk, options) if first is None else machine_of(first, f"{image.ROOT} {options}")
        guest = cls(machine, None, save_into)
        try:
            guest.attach_disk(disk)
            for each in plugs:
                guest.plug_in(each)
            guest.qmp("cont")
            guest._answered(0, _BOOT_S)
            guest._wake(now=True, boot_id=False)
        except BaseException:
            guest.close()
            raise
        return guest

    def attach_disk(self, disk: Path) -> None:
        """Attach the disk that it boots from."""
        self.root = disk
        if self.cached:
            self.state = VolatileDisk(disk, self.folder)
        node = self._block(self.state.node if self.state else {"driver": "file", "filename": str(disk)})
        self.qmp("device_add", driver="virtio-blk-pci", id="root", bus=hardware.STATE_SLOT, drive=node)

    def plug_in(self, each: Plug) -> None:
        """Plug something in; a stick gets an empty medium."""
        medium = {"drive": self.disk(each.name)} if each.kind == "usb-storage" else {}
        self.plug(each.kind, each.name, each.port, **medium, **each.more)

    def _load(self, snapshot: Snapshot) -> None:
        # Before the memory comes: the devices that it knows must be there.
        folder = self._memory.parent if self._memory is not None else self.folder
        disk = folder / image.DISK
        run(["cp", "--sparse=always", "--reflink=auto", str(snapshot.folder / image.DISK), str(disk)])
        self.attach_disk(disk)
        self.plug_in(KEYBOARD)
        super()._load(snapshot)

    def cut(self, keep: Path) -> Path:
        """Cut the power and give the disk, moved to `keep`: what the guest had not written is not on it."""
        self.kill()
        return Path(shutil.move(self.root, keep))

    def shut_down(self, keep: Path) -> Path:
        """Shut it down in order and give the disk, moved to `keep`."""
        self.ok("systemctl --no-block poweroff")
        self.until(lambda: not self.running(), 120)
        return self.cut(keep)


class Cached(Installed):
    """One whose disk loses in a power cut, by halves, what was not flushed."""

    cached = True


def boots(disk: Path, options: str = "") -> Machine:
    """Give the machine that the disk's boot loader would start; kernel and initramfs are copied beside the disk."""
    menu = _MENU.search(image.read_file(disk, "/boot/grub/grub.cfg").decode("utf-8", "replace"))
    if menu is None:
        raise EquipmentError(t("the boot loader's menu has no entry"), where=str(disk))
    kernel, words, initrd = menu.groups()
    folder = disk.parent / "boot"
    folder.mkdir(exist_ok=True)
    for name, path in (("vmlinuz", kernel), ("initrd", initrd)):
        (folder / name).write_bytes(image.read_file(disk, path))
    return machine_of(Image(folder / "vmlinuz", (folder / "initrd",), Path(kernel).name), f"{words} {options}")


def machine_of(files: Image, options: str) -> Machine:
    """Give the machine that starts these files; it seals nothing by itself."""
    # One processor: shell scripts, which build an initramfs, use no second one, and an emulated one pays for having it.
    words = " ".join(options.split())
    return Machine(files, sealed=False, memory_mb=MEMORY_MB, cpus=1, options=words, paused=True)


def booted() -> Snapshot:
    """Give the terminal before anything of ours is set up on it: started once, its boot loader's menu written."""
    system = image.build()
    machine = machine_of(system.image, image.ROOT)

    def make(into: Path) -> None:
        disk = into / image.DISK
        run(["cp", "--sparse=always", str(system.disk), str(disk)])
        with Installed.start(disk, first=system.image, save_into=into) as guest:
            guest.ok("mkdir -p /boot/grub && update-grub", 120)
            guest.ok("systemctl is-system-running --wait", 120)
            # A boot loader reads no journal: the menu must be where it belongs, whatever happens to a later guest.
            guest.ok("sync; fsfreeze -f / && fsfreeze -u /")
            guest.save(into)

    return Snapshot(machine, kept(default_folder(), "booted", digest(*machine.key, _recipe()), make))


def enrol(guest: Installed) -> None:
    """Put the agent there as pip does, and the terminal's declaration as enrolment does."""
    sources = image.placed(code.with_bytecode(code.own_sources()))
    guest.ok("cd / && cpio -i -d -u", 60, stdin=pack(sources))
    guest.ok("mkdir -p -m 700 /etc/portseal-agent")
    guest.put(f'site = "{SITE}"\nterminal = "{NAME}"\n'.encode(), "/etc/portseal-agent/agent.toml")
    guest.put(LAB_KEY.public.to_pem(), "/etc/portseal-agent/grant.pub")


def installed() -> Snapshot:
    """Give the terminal after `portseal-agent install`, on trial; `before` and `told` are files beside it.

    `before` lists the system's files as they were (see :data:`FILES`); `told` is what the installation said.
    """
    base = booted()
    sources = digest(*(part for path, data in code.own_sources().items() for part in (path, data)))

    def make(into: Path) -> None:
        with Installed.further(base, base.machine, into) as guest:
            enrol(guest)
            (into / "before").write_text(files_of(guest), "utf-8")
            told = guest.sh([AGENT, "--lang", "en", "install", "--bind"], 900)
            (into / "told").write_text(told.output, "utf-8")
            if told.code != 0:
                raise EquipmentError(t("the installation failed: {said}", said=told.output[-400:]))
            guest.ok("sync")
            guest.save(into)

    key = digest(base.folder.name, sources, _recipe())
    return Snapshot(base.machine, kept(default_folder(), "installed", key, make))


def files_of(guest: Installed) -> str:
    """List the files of the system that an installation may touch: kind, mode, owner and digest or target of each."""
    return guest.ok(FILES, 60)


def _recipe() -> bytes:
    return Path(__file__).read_bytes()

"""Makes the switch: Debian's kernel with its bridge, iproute2 and OpenSSH, and nothing that a switch does not need."""

from __future__ import annotations

import re
from pathlib import Path

from drivers.dialects import linux_bridge
from lab.terminal import cpio, userland
from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.cpio import Entry, file
from lab.terminal.guest import Image, choose_suite, host_suite, kernel_in_lists, mirrors

#: What is in it beside the kernel; bash is the account's shell, as on any Debian.
PACKAGES = (
    "linux-image-amd64", "dash", "bash", "busybox-static", "kmod", "libc-bin", "mount", "util-linux", "coreutils",
    "e2fsprogs", "mawk", "iproute2", "openssh-server",
)  # fmt: skip
MODULES = ("virtio_pci", "virtio_net", "virtio_blk", "virtio_rng", "ext4", "crc32c_generic", "bridge")
#: What the packages bring and no switch of the lab runs: the kernel unpacks all of it at each start.
_UNUSED = re.compile(
    r"usr/(lib/(systemd|udev|tc|openssh/)|share/|bin/(ssh|scp|sftp|udev|dpkg|tar|perl|lsblk|du|[v]?dir|cpio|install)"
    r"|sbin/(debugfs|e2fsck|fsck|tc|tipc|devlink|rdma|vdpa|dcb|user|group|ldconfig\.real)"
    r"|lib/x86_64-linux-gnu/(perl|krb5|lib(perl|db-|mvec|sepol|semanage|fido2|edit|proc2|gmp|ext2fs\.a)))"
)
_LEVEL = 9
_HERE = Path(__file__).parent
_SCRIPT = Path(linux_bridge.__file__).with_name("portseal-bridge")


def build(folder: Path | None = None) -> Image:
    """Give the switch's files, made in `folder` (default: the user's cache) unless they are there already.

    The first time takes half a minute and a Debian mirror.

    Raises:
        EquipmentError: a program is missing, or the packages cannot be fetched.

    """
    cache = folder or default_folder()
    suite = choose_suite()
    recipes = [(_HERE / "image.py"), *(Path(userland.__file__).with_name(name) for name in ("userland.py", "cpio.py"))]
    known = kernel_in_lists() if suite == host_suite() else ""
    key = digest(*(each.read_bytes() for each in recipes), suite, known)
    made = kept(cache, "switch", key, lambda into: _make(into, suite))
    return Image(made / "vmlinuz", (made / "system.cpio.lz4",), (made / "version").read_text("utf-8"))


def _make(into: Path, suite: str) -> None:
    system = userland.unpack(suite, None, mirrors(suite), PACKAGES, MODULES)
    entries = {path: entry for path, entry in system.entries.items() if not _UNUSED.match(path)}
    (into / "vmlinuz").write_bytes(system.kernel)
    (into / "version").write_text(system.version, "utf-8")
    cpio.write(entries, into / "system.cpio.lz4", _LEVEL)


def programs() -> dict[str, Entry]:
    """Give what is laid over the system and changes with this source tree: its first process, and Portseal's script."""
    return {
        "init": file((_HERE / "guest_init").read_bytes(), executable=True),
        "usr/local/sbin/portseal-bridge": file(_SCRIPT.read_bytes(), executable=True),
    }

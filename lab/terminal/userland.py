"""The guest's system: files of Debian packages that are unpacked and never installed, and the modules it needs.

Unpacking takes seconds where installing takes half a minute, and needs no root; what maintainer scripts would have
done (links of /bin and /lib, the library cache, busybox's names) is done here or by the guest when it starts.
"""

from __future__ import annotations

import compileall
import lzma
import os
import py_compile
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from lab.net import environment, run
from lab.terminal.cpio import Entry, file, folder, link
from policies.errors import EquipmentError
from policies.texts import t

#: All but the Python, whose packages carry its version. linux-image-cloud-amd64 has no USB at all. The shell is dash:
#: busybox's takes its own modprobe and mke2fs before those of the packages, and they know less.
PACKAGES = (
    "linux-image-amd64", "dash", "busybox-static", "udev", "kmod", "libc-bin", "mount", "util-linux",
    "e2fsprogs", "dosfstools",
)  # fmt: skip

#: Kernel modules that are in the guest, with all that they depend on; those that the kernel has built in do not count.
MODULES = (  # noqa: SIM905 - a list of sixty quoted words is read by nobody
    "virtio_pci virtio_net virtio_console virtio_blk virtio_rng "
    "xhci_pci ehci_pci uhci_hcd ohci_pci usb_storage uas sd_mod usbhid hid_generic evdev cdc_acm cdc_ether usbnet "
    "asix cdc_subset "
    "usbserial ftdi_sio ext4 crc32c_generic vfat nls_cp437 nls_ascii nls_iso8859_1 nls_utf8 configfs overlay "
    "dummy_hcd libcomposite usb_f_mass_storage usb_f_hid usb_f_acm usb_f_ecm "
    "usbip_core usbip_host usbip_vudc vhci_hcd i6300esb"
).split()

_TOP = re.compile(r"^(bin|sbin|lib|lib64)(?=/|$)")
_MERGED = frozenset({"usr/bin", "usr/sbin", "usr/lib", "usr/lib64"})
_DROPPED = re.compile(
    r"(boot|dev|var|usr/(share|include|games|local|src))/|etc/(?!ld\.so|udev/|mke2fs)"
    r"|usr/lib/(modules|klibc|initramfs-tools|python3|locale|tmpfiles\.d|udev/hwdb\.d)/"
    r"|usr/lib/systemd/(?!systemd-udevd$)"
    r"|usr/lib/[^/]+/(perl|gconv|security)"
    r"|usr/s?bin/(perl|localedef|iconv|e2scrub|debugfs|fdisk|sfdisk|cfdisk)"
    r"|usr/lib/python3\.\d+/(test|idlelib|lib2to3|ensurepip|tkinter|turtledemo|pydoc_data|distutils|unittest/test)/"
)


@dataclass(frozen=True, slots=True)
class System:
    """What came out: the kernel's image, its version (6.1.0-13-amd64), and the files of the first file system."""

    kernel: bytes
    version: str
    entries: dict[str, Entry]


def unpack(
    suite: str,
    python: tuple[int, int] | None,
    mirrors: Iterable[str],
    packages: Iterable[str] = PACKAGES,
    modules: Iterable[str] = MODULES,
) -> System:
    """Fetch and unpack `packages` and kernel `modules` of a Debian `suite` from `mirrors` (empty: Debian's own).

    With `python` the guest has that Python, and the files of a terminal; without it they are the caller's to add.

    Raises:
        EquipmentError: the packages cannot be fetched, or a program is missing.

    """
    name = "python{}.{}".format(*python) if python is not None else ""
    wanted = ",".join((*packages, *((f"{name}-minimal", f"lib{name}-stdlib") if name else ())))
    with tempfile.TemporaryDirectory(prefix="portseal-guest-") as temporary:
        archive = Path(temporary) / "root.tar"
        _fetch(["--variant=extract", f"--include={wanted}", suite, str(archive), *mirrors])
        with tarfile.open(archive) as tar:
            members = {path: member for member in tar if (path := _merged(member.name))}
            kernel = next(path for path in sorted(members) if path.startswith("boot/vmlinuz-"))
            version = kernel.removeprefix("boot/vmlinuz-")
            entries = dict(_userland(tar, members))
            entries |= _modules(tar, members, version, Path(temporary), modules)
            if name:
                entries |= _compiled(entries, name, Path(temporary))
            entries |= _skeleton(name)
            return System(_read(tar, members[kernel]), version, entries)


def _fetch(arguments: list[str]) -> None:
    try:
        done = subprocess.run(
            ["mmdebstrap", "--quiet", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )
    except FileNotFoundError as error:
        raise EquipmentError(
            t("the program '{name}' is not installed on this machine.", name="mmdebstrap"),
            next_step=t("install it and try again"),
        ) from error
    if done.returncode != 0:
        said = " ".join(line for line in done.stderr.splitlines() if line.startswith(("E:", "Err:")))[-400:]
        raise EquipmentError(
            t("the lab terminal's packages cannot be fetched: {said}", said=said or done.stderr[-400:]),
            next_step=t("see that this machine reaches a Debian mirror, or name one in PORTSEAL_LAB_MIRROR"),
        )


def _merged(name: str) -> str:
    """Give a member's path as on a system whose /bin, /sbin and /lib are links into /usr; empty for the root."""
    path = str(PurePosixPath(name.removeprefix("./")))
    return "" if path == "." else _TOP.sub(r"usr/\1", path, count=1)


def _read(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    return stream.read() if stream is not None else b""


def _userland(tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo]) -> Iterable[tuple[str, Entry]]:
    for path, member in members.items():
        if _DROPPED.match(path) or "/__pycache__/" in path:
            continue
        if member.issym():
            if path not in _MERGED:
                yield path, link(member.linkname)
        elif member.isreg() or member.islnk():
            yield path, file(_read(tar, member), executable=bool(member.mode & 0o111))


def _modules(
    tar: tarfile.TarFile,
    members: dict[str, tarfile.TarInfo],
    version: str,
    temporary: Path,
    wanted: Iterable[str],
) -> dict[str, Entry]:
    """Give the wanted modules with what they need, and the tables that modprobe reads."""
    root = f"usr/lib/modules/{version}"
    paths = {
        PurePosixPath(path).name.split(".ko")[0].replace("-", "_"): path
        for path in members
        if path.startswith(f"{root}/") and ".ko" in path
    }
    stage = temporary / "modules"
    tables = stage / "lib/modules" / version
    tables.mkdir(parents=True)
    found: dict[str, Entry] = {}
    waiting = [name for name in wanted if name in paths]
    while waiting:
        path = paths[waiting.pop()]
        if path in found:
            continue
        data = _read(tar, members[path])
        found[path] = file(data)
        staged = tables / path.removeprefix(f"{root}/")
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(data)
        waiting += [name for name in _needs(path, data) if name in paths]
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        if f"{root}/{name}" in members:
            (tables / name).write_bytes(_read(tar, members[f"{root}/{name}"]))
    run(["depmod", "-b", str(stage), version])
    return found | {f"{root}/{each.name}": file(each.read_bytes()) for each in tables.glob("modules.*")}


def _needs(path: str, data: bytes) -> list[str]:
    """Give what a module depends on by its own section .modinfo; Debian ships no ready table, and depmod reads all."""
    plain = lzma.decompress(data) if path.endswith(".xz") else data
    found = re.search(rb"\0depends=([^\0]*)\0", plain)
    soft = re.findall(rb"\0softdep=pre: ([^\0]*)\0", plain)
    names = (found[1].split(b",") if found else []) + [each for line in soft for each in line.split()]
    return [name.decode("ascii").replace("-", "_") for name in names if name]


def _compiled(entries: dict[str, Entry], python: str, temporary: Path) -> dict[str, Entry]:
    """Give the bytecode of the guest's standard library: starting Python there takes a third of the time with it."""
    root = f"usr/lib/{python}/"
    sources = {path: entry.data for path, entry in entries.items() if path.startswith(root) and path.endswith(".py")}
    return bytecode(sources, temporary / "bytecode")


def bytecode(sources: dict[str, bytes], stage: Path) -> dict[str, Entry]:
    """Compile `sources` by path; a source that does not compile is left out.

    The guest does not compare times (every file of an archive is of 1970), so the bytecode is of the kind that is
    never checked, PEP 552. `stage` is a folder to work in, which must not exist yet.
    """
    for path, data in sources.items():
        target = stage / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    if not sources:
        return {}
    compileall.compile_dir(
        stage,
        maxlevels=20,
        quiet=2,
        workers=os.cpu_count() or 1,
        stripdir=str(stage),
        prependdir="/",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    return {str(each.relative_to(stage)): file(each.read_bytes()) for each in stage.rglob("*.pyc")}


def _skeleton(python: str) -> dict[str, Entry]:
    empty = ("proc", "sys", "dev", "run", "mnt", "root", "var/lib", "etc", "usr/lib64")
    return {
        **{path: folder() for path in empty},
        "tmp": folder(0o1777),
        **{name: link(f"usr/{name}") for name in ("bin", "sbin", "lib", "lib64")},
        "usr/bin/sh": link("dash"),
        **({"usr/bin/python3": link(python)} if python else {}),
        "etc/passwd": file(b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"),
        "etc/group": file(b"root:x:0:\nnogroup:x:65534:\n"),
        "etc/hostname": file(b"terminal\n"),
        "etc/hosts": file(b"127.0.0.1 localhost terminal\n"),
        "etc/resolv.conf": file(b"nameserver 10.0.2.3\n"),
        "etc/nsswitch.conf": file(b"passwd: files\ngroup: files\nhosts: files dns\n"),
    }

"""The disk of an installed terminal: a Debian with systemd, udev and an initramfs that boots as a user's machine does.

The guest of :mod:`lab.terminal.guest` starts in seconds and has no service manager; this one is slow and has all that
an installation of the agent touches. Packages are installed, with their scripts, so it needs root. What is left out is
texts for people and drivers of hardware that QEMU has not: an emulated processor builds the initramfs.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.net import environment, run
from lab.terminal import code, guest
from lab.terminal.cache import default_folder, digest, kept
from lab.terminal.cpio import Entry
from policies.errors import EquipmentError, UsageError
from policies.texts import t

#: Where the agent is in it: an environment as `python3 -m venv` makes one, and its own packages in there.
HOME = "opt/portseal"
DISK = "disk"
#: The first boot may find its root anywhere; later ones are started with what the boot loader's menu says.
ROOT = "root=/dev/vda ro"
PACKAGES = (
    "systemd", "systemd-sysv", "udev", "initramfs-tools", "linux-image-amd64", "python3", "kmod", "e2fsprogs",
    "dosfstools", "util-linux", "lz4", "grub2-common",
)  # fmt: skip
_DISK_MB = 1536
#: debugfs refuses what a power cut left, with sums that only the journal makes right; boot loaders do not.
_UNCHECKED = ("-c", "-n")
_UNREAD = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*", "/usr/share/info/*",
    "/usr/share/bug/*", "/usr/share/lintian/*", "/lib/udev/hwdb.d/*", "/usr/lib/x86_64-linux-gnu/gconv/*",
    *(f"/usr/share/initramfs-tools/hooks/{each}" for each in ("dmsetup", "fsck", "thermal", "resume", "keymap")),
    # A hook copies each with two processes of its own; the initramfs of a machine with a disk starts none of them.
    *(f"/usr/lib/klibc/bin/{each}" for each in ("cpio", "dd", "dmesg", "ipconfig", "losetup", "minips", "mkfifo",
                                                "nfsmount", "nuke", "pivot_root", "zcat", "gunzip", "gzip")),
)  # fmt: skip
_DRIVERS = (  # noqa: SIM905 - a list of forty quoted words is read by nobody
    "gpu media net/wireless net/ethernet infiniband staging isdn iio comedi hwmon leds nfc mtd scsi mmc "
    "thunderbolt target edac crypto video platform/x86 input/joystick input/touchscreen bluetooth power firewire rtc "
    "i2c ata md nvme"
).split()
_SCSI = ("scsi_mod", "scsi_common", "sd_mod")

#: Units that only cost time in a guest without a network, a clock of its own or a person.
_MASKED = (
    "getty@tty1.service", "serial-getty@ttyS0.service", "e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer",
    "dpkg-db-backup.timer", "systemd-pstore.service", "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service", "systemd-journal-flush.service", "systemd-logind.service",
    "systemd-tmpfiles-clean.timer", "getty-static.service", "getty.target", "systemd-random-seed.service",
    "systemd-binfmt.service", "systemd-user-sessions.service", "modprobe@fuse.service", "modprobe@loop.service",
    "modprobe@dm_mod.service", "modprobe@efi_pstore.service", "modprobe@drm.service", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "dev-hugepages.mount", "dev-mqueue.mount", "sys-fs-fuse-connections.mount",
    "proc-sys-fs-binfmt_misc.automount", "systemd-sysusers.service", "systemd-sysctl.service",
    "modprobe@configfs.service", "sys-kernel-config.mount",
)  # fmt: skip
#: Generators of units for hardware that the guest has not; they run at every boot and every reload.
_NO_GENERATORS = tuple(
    f"systemd-{each}-generator"
    for each in ("bless-boot", "cryptsetup", "debug", "getty", "gpt-auto", "hibernate-resume", "integritysetup",
                 "rc-local", "run", "system-update", "sysv", "veritysetup")
)  # fmt: skip
_SERVER = """[Unit]
Description=What the host of this guest asks for
DefaultDependencies=no
After=local-fs.target systemd-tmpfiles-setup.service
[Service]
ExecStart=/usr/bin/python3 -u /usr/lib/portseal/rpc.py
# What a command leaves in the background is nobody's to stop.
KillMode=process
OOMScoreAdjust=-900
"""
#: An emulated processor is some fifty times slower than a terminal's: what starts in half a second there takes half a
#: minute. The units themselves say that changes belong in such a file.
_EMULATED = b"[Service]\nTimeoutStartSec=240\nWatchdogSec=75\n"
#: Notes in the initramfs, at the moment when a passphrase would be asked for, what USB there is and what works.
_WITNESS = r"""#!/bin/sh
case "$1" in prereqs) exit 0 ;; esac
wanted=0
for word in $(cat /proc/cmdline); do
    case $word in portseal.lab=*) wanted=${word#*=} ;; esac
done
n=0
while [ $n -lt 15 ]; do
    set -- /sys/bus/usb/devices/*-*/idVendor
    [ $# -ge $wanted ] && break
    n=$((n + 1))
    sleep 1
done
if [ $wanted -gt 0 ]; then
    udevadm settle --timeout=10
    sleep 2
fi
mkdir -p /run/initramfs
{
    for each in /sys/bus/usb/devices/*-*/idVendor; do
        each=${each%/idVendor}
        echo "usb $(cat $each/serial) $(cat $each/authorized)"
    done
    for each in /sys/class/input/input*/phys; do
        echo "input $(cat $each)"
    done
    for each in /sys/class/block/sd*; do
        echo "block ${each##*/}"
    done
    echo "parameter $(cat /sys/module/usbcore/parameters/authorized_default)"
} > /run/initramfs/portseal 2> /dev/null
"""
#: What pip writes for the entry point.
_SCRIPT = f"""#!/{HOME}/bin/python
import re
import sys
from agent.cli.main import main
if __name__ == "__main__":
    sys.argv[0] = re.sub(r"(-script\\.pyw|\\.exe)?$", "", sys.argv[0])
    sys.exit(main())
"""
#: An initramfs of named modules: what a bound keyboard needs must come with the agent's hook. All of them (Debian's
#: default, "most") take an emulated processor ten minutes.
_INITRAMFS = "MODULES=list\nCOMPRESS=lz4\nCOMPRESSLEVEL=1\nFSTYPE=ext4\nRESUME=none\nFRAMEBUFFER=n\nKEYMAP=n\n"
_GRUB = """GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
GRUB_DISABLE_RECOVERY=true
GRUB_DISABLE_SUBMENU=true
GRUB_DISABLE_OS_PROBER=true
"""


@dataclass(frozen=True, slots=True)
class System:
    """An installed system: its `disk` (raw, an ext4 without partitions) and what the first boot is started with."""

    disk: Path
    image: guest.Image

    @property
    def key(self) -> str:
        """What changes with every byte of it."""
        return self.disk.parent.name


def build(folder: Path | None = None) -> System:
    """Give the installed system, made in `folder` (default: the user's cache) unless it is there already.

    The first time takes a minute and a Debian mirror. The agent's libraries are on it, the agent itself is not.

    Raises:
        UsageError: this user may not make it.
        EquipmentError: a program is missing, or the packages cannot be fetched.

    """
    suite = guest.choose_suite()
    distributions = code.libraries()
    recipe = b"\0".join(
        (Path(__file__).parent / name).read_bytes() for name in ("image.py", "guest_rpc.py", "code.py", "userland.py")
    )
    key = digest(
        recipe, suite, code.interpreter(), code.library_key(distributions), os.environ.get("PORTSEAL_LAB_MIRROR", "")
    )
    made = kept(folder or default_folder(), DISK, key, lambda into: _make(into, suite))
    version = json.loads((made / "about.json").read_text("utf-8"))["kernel"]
    return System(made / DISK, guest.Image(made / "vmlinuz", (made / "initrd",), version))


def placed(entries: dict[str, Entry]) -> dict[str, Entry]:
    """Move files of the agent's library folder to where an environment has them."""
    major, minor = guest.SUITES[guest.choose_suite()]
    there = f"{HOME}/lib/python{major}.{minor}/site-packages/"
    return {path.replace(f"{code.HOME}/lib/", there, 1): entry for path, entry in entries.items()}


def read_file(disk: Path, path: str) -> bytes:
    """Give a file of a disk that no guest uses, as a boot loader sees it: without the journal; links are followed."""
    for _ in range(4):
        told = run(["debugfs", *_UNCHECKED, "-R", f"stat {path}", str(disk)])
        link = re.search(r'^Fast link dest: "(.+)"$', told, re.MULTILINE)
        if link is None:
            break
        path = os.path.normpath(os.path.join(os.path.dirname(path), link[1]))  # noqa: PTH118, PTH120 - of another root
    with tempfile.TemporaryDirectory(prefix="portseal-guest-") as temporary:
        target = Path(temporary) / "file"
        said = run(["debugfs", *_UNCHECKED, "-R", f"dump {path} {target}", str(disk)])
        if not target.exists() or "File not found" in said:
            raise EquipmentError(t("the disk has no file {path}", path=path), where=str(disk))
        return target.read_bytes()


def _make(into: Path, suite: str) -> None:
    if os.geteuid() != 0:
        raise UsageError(t("only root can make the disk of an installed terminal."), next_step=t("run it as root"))
    with tempfile.TemporaryDirectory(prefix="portseal-guest-") as temporary:
        stage, root = Path(temporary) / "stage", Path(temporary) / "root"
        _lay(_own_files(), stage)
        _install(suite, stage, root)
        for each in (root / "etc/grub.d").glob("[0-9]*"):
            # The menu's entries are all that is read here; its colours and fonts take an emulated processor as long.
            each.chmod(0o755 if each.name == "10_linux" else 0o644)
        (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n", "ascii")
        kernel = next(iter(sorted((root / "boot").glob("vmlinuz-*"))))
        version = kernel.name.removeprefix("vmlinuz-")
        (into / "vmlinuz").write_bytes(kernel.read_bytes())
        (into / "initrd").write_bytes((root / f"boot/initrd.img-{version}").read_bytes())
        disk = into / DISK
        with disk.open("wb") as file:
            file.truncate(_DISK_MB << 20)
        run(["mke2fs", "-q", "-t", "ext4", "-m", "0", "-d", str(root), str(disk)], timeout=300)
        (into / "about.json").write_text(json.dumps({"suite": suite, "kernel": version}), "utf-8")


def _own_files() -> dict[str, tuple[bytes, int]]:
    """Give what is on the disk besides packages, by path: bytes and mode."""
    units = "etc/systemd/system"
    files = {
        "etc/fstab": (b"/dev/vda / ext4 errors=remount-ro 0 0\n", 0o644),
        "etc/hostname": (b"terminal\n", 0o644),
        "etc/default/grub": (_GRUB.encode(), 0o644),
        "etc/initramfs-tools/conf.d/lab": (_INITRAMFS.encode(), 0o644),
        "etc/initramfs-tools/modules": (b"virtio_pci\nvirtio_blk\next4\ncrc32c_generic\n", 0o644),
        "etc/initramfs-tools/scripts/local-bottom/witness": (_WITNESS.encode(), 0o755),
        "usr/lib/portseal/rpc.py": ((Path(__file__).parent / "guest_rpc.py").read_bytes(), 0o644),
        f"{units}/portseal-lab-server.service": (_SERVER.encode(), 0o644),
        **{
            f"{units}/portseal-{each}.service.d/emulated.conf": (_EMULATED, 0o644)
            for each in ("agent", "keeper", "sleep")
        },
    }
    major, minor = guest.SUITES[guest.choose_suite()]
    libraries = placed(code.library_entries(code.libraries()))
    environment_ = {
        f"{HOME}/pyvenv.cfg": (f"home = /usr/bin\nversion = {major}.{minor}\n".encode(), 0o644),
        f"{HOME}/bin/portseal-agent": (_SCRIPT.encode(), 0o755),
    }  # fmt: skip
    return files | environment_ | {path: (each.data, each.mode & 0o777) for path, each in libraries.items()}


def _lay(files: dict[str, tuple[bytes, int]], stage: Path) -> None:
    units = stage / "etc/systemd/system"
    for path, (data, mode) in files.items():
        target = stage / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        target.chmod(mode)
    for name in _MASKED:
        (units / name).symlink_to("/dev/null")
    generators = stage / "etc/systemd/system-generators"
    generators.mkdir()
    for name in _NO_GENERATORS:
        (generators / name).symlink_to("/dev/null")
    wants = units / "sysinit.target.wants"
    wants.mkdir()
    (wants / "portseal-lab-server.service").symlink_to("../portseal-lab-server.service")
    (units / "default.target").symlink_to("/lib/systemd/system/multi-user.target")
    for name in ("python", "python3"):
        (stage / HOME / "bin" / name).symlink_to("/usr/bin/python3" if name == "python3" else "python3")


def _install(suite: str, stage: Path, root: Path) -> None:
    modules = "/lib/modules/*/kernel/drivers"
    left_out = [*_UNREAD, *(f"{modules}/{each}/*" for each in _DRIVERS), "/lib/modules/*/kernel/sound/*"]
    options = [f"--dpkgopt=path-exclude={each}" for each in left_out]
    options += [f"--dpkgopt=path-include={modules}/scsi/{each}.ko" for each in _SCSI]
    argv = [
        *("mmdebstrap", "--quiet", "--mode=root", "--variant=essential", f"--include={','.join(PACKAGES)}"),
        *(*options, f'--setup-hook=cp -a "{stage}/." "$1"', suite, str(root), *guest.mirrors(suite)),
    ]
    try:
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(), check=False
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

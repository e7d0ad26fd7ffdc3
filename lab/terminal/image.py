"""The disk of an installed terminal: a Debian with systemd, udev and an initramfs, which boots as a user's machine does.

The guest of :mod:`lab.terminal.guest` starts in seconds and has no service manager; this one is slow and has all that
an installation of the agent touches. Packages are installed, with their scripts, so it needs root. What is left out are
texts for people and drivers of hardware that QEMU has not: an initramfs is built in the guest, by an emulated processor.
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
_UNREAD = (
    "/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/i18n/*", "/usr/share/info/*",
    "/usr/share/bug/*", "/usr/share/lintian/*", "/lib/udev/hwdb.d/*", "/usr/lib/x86_64-linux-gnu/gconv/*",
)  # fmt: skip
_DRIVERS = (  # noqa: SIM905 - a list of forty quoted words is read by nobody
    "gpu media net/wireless net/ethernet infiniband staging isdn iio comedi hwmon leds nfc mtd scsi mmc thunderbolt "
    "target edac crypto video platform/x86 input/joystick input/touchscreen bluetooth power firewire rtc i2c ata md nvme"
).split()
_SCSI = ("scsi_mod", "scsi_common", "sd_mod")

#: Units that only cost time in a guest without a network, a clock of its own or a person.
_MASKED = (
    "getty@tty1.service", "serial-getty@ttyS0.service", "e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer",
    "dpkg-db-backup.timer", "systemd-pstore.service", "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service", "systemd-journal-flush.service", "systemd-logind.service",
    "apt-daily.timer", "apt-daily-upgrade.timer", "systemd-tmpfiles-clean.timer",
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
#: Notes in the initramfs, at the moment when a passphrase would be asked for, what USB there is and what works.
_WITNESS = r"""#!/bin/sh
case "$1" in prereqs) exit 0 ;; esac
n=0
while :; do
    set -- /sys/bus/usb/devices/*-*/idVendor
    [ "$#" -ge "$(sed -n 's/.*portseal.lab=\([0-9]*\).*/\1/p' /proc/cmdline)0" ] 2>/dev/null && break
    n=$((n + 1))
    [ $n -ge 40 ] && break
    sleep 0.25
done
mkdir -p /run/initramfs
for each in /sys/bus/usb/devices/*-*/idVendor; do
    each=${each%/idVendor}
    echo "device ${each##*/} $(cat $each/serial) $(cat $each/authorized)"
done > /run/initramfs/portseal
"""
_GRUB = """GRUB_DEFAULT=0
GRUB_TIMEOUT=0
GRUB_DISTRIBUTOR=Debian
GRUB_CMDLINE_LINUX_DEFAULT="quiet"
GRUB_CMDLINE_LINUX=""
"""

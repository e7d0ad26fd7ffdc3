"""One running Linux switch: four ports into which frames are put and out of which they come, and its power.

    with Switch.boot(folder) as switch:
        mark = switch.cables.send(1, "02:ca:00:00:00:01")
        print(mark in switch.cables.heard(4, mark, 2.0))

What is plugged into a port is a socket of this process (QEMU's dgram netdev), so it needs neither root nor a network.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from contextlib import closing, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import secrets
from lab.bridge.cables import Cables
from lab.bridge.image import build, programs
from lab.net import run
from lab.terminal import cpio, machine
from lab.terminal.cpio import Entry, file
from lab.terminal.places import run_folder
from lab.terminal.volatile import VolatileDisk
from policies.errors import EquipmentError
from policies.texts import t

PORTS = (1, 2, 3, 4)
NAME, ACCOUNT = "sw9", "root"
_BOOT_S = 120.0
_READY = "switch ready"
_MEMORY_MB, _DISK_MB = 256, 16
_MANAGEMENT = "52:54:00:00:00:0f"
_SSHD = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PermitRootLogin yes
PasswordAuthentication yes
UsePAM no
UseDNS no
PrintMotd no
MaxStartups 100
MaxSessions 100
SetEnv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/busybox
"""
_PROFILE = "PS1='\\u@\\h:\\w# '\nunset HISTFILE\n"


class Switch:
    """A guest; use :meth:`boot` and `with`. It dies with this process. `folder` keeps its disk, keys and password."""

    def __init__(self, folder: Path) -> None:
        self.keeps = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock: int | None
        self.folder, self._lock = run_folder()
        self.port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._disk: VolatileDisk | None = None
        self.cables: Cables | None = None
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    @classmethod
    def boot(cls, folder: Path) -> Self:
        """Start it and wait until it can be logged in to; what it saved in `folder` is there again."""
        switch = cls(folder)
        try:
            switch._await_ready()
        except BaseException:
            switch.close()
            raise
        return switch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def host_key(self) -> str:
        """The fingerprint of its host key, as OpenSSH writes it."""
        return run(["ssh-keygen", "-lf", str(self.keeps / "host_key.pub")]).split()[1]

    @property
    def password(self) -> str:
        """The account's password."""
        return (self.keeps / "password").read_text("utf-8")

    def close(self) -> None:
        """Cut its power: what it had not synced is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if self._disk is not None:
            self._disk.close()
            self._disk = None
        if self.cables is not None:
            self.cables.close()
            self.cables = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # -- starting ------------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        image = build()
        own = self.folder / "own.cpio.lz4"
        cpio.write(programs() | self._identity(), own, 1)  # after an lz4 archive the kernel reads no other kind
        initrd = self.folder / "initrd"
        initrd.write_bytes(b"".join(each.read_bytes() for each in (*image.archives, own)))
        disk = self.keeps / "disk"
        if not disk.exists():
            with disk.open("wb") as empty:
                empty.truncate(_DISK_MB << 20)
        self._disk = VolatileDisk(disk, self.folder)
        self.cables = Cables(self.folder, PORTS)
        self._process = machine.start(self._command(image.kernel, initrd), self.folder / "qemu.log")

    def _command(self, kernel: Path, initrd: Path) -> list[str]:
        assert self._disk is not None
        assert self.cables is not None
        kvm = machine.accelerator() == "kvm"
        argv = [
            *(
                "qemu-system-x86_64",
                "-accel",
                "kvm" if kvm else "tcg,thread=multi",
                "-cpu",
                "host" if kvm else "Nehalem",
            ),
            *("-M", "q35", "-m", f"{_MEMORY_MB}M", "-smp", "1", "-nodefaults", "-display", "none", "-no-reboot"),
            *("-kernel", str(kernel), "-initrd", str(initrd)),
            *("-append", f"console=ttyS0 {machine.QUICK}", "-serial", f"file:{self.folder}/console.log"),
            *("-netdev", f"user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:22"),
            *("-device", f"virtio-net-pci,netdev=net0,romfile=,mac={_MANAGEMENT}"),
            *(
                "-blockdev",
                json.dumps({"driver": "raw", "node-name": "state", "file": self._disk.node}),
                "-device",
                "virtio-blk-pci,drive=state",
            ),
            # Without it, the SSH server waits for seconds until there is enough chance.
            *("-device", "virtio-rng-pci"),
        ]
        for port in PORTS:
            here, there = self.cables.far(port), self.cables.near(port)
            argv += [
                "-netdev",
                f"dgram,id=net{port},local.type=unix,local.path={here},remote.type=unix,remote.path={there}",
                "-device",
                f"virtio-net-pci,netdev=net{port},romfile=,mac=52:54:00:00:00:{port:02x}",
            ]
        return argv

    def _identity(self) -> dict[str, Entry]:
        key = self.keeps / "host_key"
        secrets.make_key(key, NAME)
        if not (self.keeps / "password").exists():
            secrets.write_private(self.keeps / "password", secrets.make().password)
        private = Entry(0o100600, key.read_bytes())
        return {
            "etc/hostname": file(f"{NAME}\n".encode()),
            "etc/hosts": file(f"127.0.0.1 localhost {NAME}\n".encode()),
            "etc/passwd": file(b"root:x:0:0::/root:/bin/bash\nsshd:x:101:65534::/run/sshd:/usr/sbin/nologin\n"),
            "etc/shadow": Entry(0o100600, f"root:{secrets.crypt(self.password)}:19000:0:99999:7:::\n".encode()),
            "etc/group": file(b"root:x:0:\nnogroup:x:65534:\n"),
            "etc/nsswitch.conf": file(b"passwd: files\ngroup: files\nshadow: files\nhosts: files\n"),
            "etc/profile": file(_PROFILE.encode()),
            "etc/ssh/sshd_config": file(_SSHD.encode()),
            "etc/ssh/ssh_host_ed25519_key": private,
        }

    def _await_ready(self) -> None:
        deadline = time.monotonic() + _BOOT_S
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if _READY in self._said("console.log") and self._greets():
                return
            time.sleep(0.05)
        said = " | ".join(" ".join(self._said(name).split("\n")[-8:]) for name in ("console.log", "qemu.log"))
        raise EquipmentError(t("the lab's Linux switch does not start: {said}", said=said[-600:]), where=NAME)

    def _said(self, log: str) -> str:
        path = self.folder / log
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _greets(self) -> bool:
        """Tell whether its SSH server answers: it goes into the background before it listens."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5.0) as line:
            return line.recv(4) == b"SSH-"
        return False


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""One running guest: commands in it, USB devices plugged into it, its power cut.

    with Terminal.boot(Machine(build())) as terminal:
        terminal.plug("usb-storage", "stick", "1", drive=terminal.disk("stick"), serial="S-1")
        print(terminal.ok("cat /sys/bus/usb/devices/2-1/authorized"))

Port N of the guest's USB controller is 1-N for what is slow and 2-N for SuperSpeed, as QEMU's storage is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lab.net import run
from lab.terminal import machine as hardware
from lab.terminal.inside import Inside
from lab.terminal.machine import Machine
from lab.terminal.places import run_folder
from lab.terminal.qmp import Channel, Qmp
from lab.terminal.volatile import VolatileDisk
from policies.errors import EquipmentError
from policies.texts import t

_BOOT_S = 180.0
#: QEMU's controller fails to enumerate a port that was emptied a moment ago.
_REPLUG_S = 0.5
_CHUNK = 1 << 20
#: Guest memory that is in a file already is not copied into the snapshot.
_IGNORE_SHARED = {"capabilities": [{"capability": "x-ignore-shared", "state": True}]}
_MEMORY, _STATE = "memory", "state"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stopped guest in a folder that never changes: the `machine`, and whether its memory is a file of its own."""

    machine: Machine
    folder: Path

    @property
    def memory(self) -> Path | None:
        """The guest's memory, when it is not part of the state."""
        path = self.folder / _MEMORY
        return path if path.exists() else None


class Terminal(Inside):
    """A guest; use :meth:`boot` or :meth:`restore`, and `with`. It dies with this process, and is not for two threads.

    Every method raises EquipmentError with the console's last lines when the guest is gone.
    """

    def __init__(self, machine: Machine, snapshot: Snapshot | None, save_into: Path | None) -> None:
        super().__init__()
        self.machine = machine
        self._lock: int | None
        self.folder, self._lock = run_folder()
        self._memory = save_into / _MEMORY if save_into else None
        #: The state disk, while one is attached.
        self.state: VolatileDisk | None = None
        self._nodes = 0
        self._unplugged = 0.0
        self._process: subprocess.Popen[bytes] | None = None
        self._qmp: Qmp | None = None
        try:
            memory = self._memory or (snapshot.memory if snapshot else None)
            if snapshot is not None and snapshot.memory is not None and self._memory is not None:
                run(["cp", "--sparse=always", "--reflink=auto", str(snapshot.memory), str(self._memory)])
            shared = self._memory is not None
            argv = hardware.command(machine, self.folder, memory, share=shared, incoming=snapshot is not None)
            if snapshot is None:
                self._write_initrd()
            self._process = hardware.start(argv, self.folder / "qemu.log")
            self._qmp = Qmp(Channel(self.folder / "qmp", self.running, self._lost))
            self._rpc = Channel(self.folder / "rpc", self.running, self._lost)
            (self.folder / "initrd").unlink(missing_ok=True)
            if snapshot is not None:
                self._load(snapshot)
        except BaseException:
            self.close()
            raise

    @classmethod
    def boot(cls, machine: Machine, state: Path | None = None, *, save_into: Path | None = None) -> Self:
        """Start a guest from cold and wait until it runs commands; `state` is a disk for :meth:`mount_state`.

        With `save_into` the guest's memory is a file in that folder from the start, and :meth:`save` there is quick.
        """
        terminal = cls(machine, None, save_into)
        try:
            if state is not None:
                terminal.attach_state(state)
            terminal._answered(0, _BOOT_S)
            terminal._wake(now=True, boot_id=False)
        except BaseException:
            terminal.close()
            raise
        return terminal

    @classmethod
    def restore(
        cls, snapshot: Snapshot, machine: Machine | None = None, *, set_clock: bool = True, same_boot: bool = False
    ) -> Self:
        """Continue a snapshot as a guest of its own: with random numbers and a boot id that no other has.

        `machine` may differ from the snapshot's in its network. Without `set_clock` the guest still has the time at
        which it was stopped. Its monotonic clocks go on from there in any case. `same_boot` keeps the boot id, which
        processes of the snapshot have read.
        """
        chosen = machine or snapshot.machine
        if chosen.key != snapshot.machine.key:
            raise EquipmentError(t("the snapshot is of another machine."), where=str(snapshot.folder))
        terminal = cls(chosen, snapshot, None)
        try:
            terminal._wake(now=set_clock, boot_id=not same_boot)
        except BaseException:
            terminal.close()
            raise
        return terminal

    @classmethod
    def further(cls, snapshot: Snapshot, machine: Machine, save_into: Path) -> Self:
        """Continue a snapshot on a copy of its memory in `save_into`, to be changed a little and saved there."""
        return cls(machine, snapshot, save_into)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the guest and remove its files; nothing is left of it but a state disk."""
        if self._qmp is not None and self.running():
            with suppress(EquipmentError):
                self._qmp.send_and_leave("quit")
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(5 if self._qmp is not None else 0)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def kill(self) -> None:
        """Cut the power: what the guest had not written to a disk is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for line in (self._qmp, self._rpc):
            if line is not None:
                line.close()
        if self.state is not None:
            self.state.close()
            self.state = None

    def running(self) -> bool:
        """Tell whether QEMU lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def console_log(self) -> Path:
        """What the guest's kernel and its first process have said so far."""
        return self.folder / "console.log"

    # Devices

    def qmp(self, command: str, /, **arguments: Any) -> Any:
        """Run one of QEMU's own commands; `_` in names stands for `-`."""
        assert self._qmp is not None
        return self._qmp.ask(command, _dashed(arguments))

    def plug(self, kind: str, name: str, port: str = "", **properties: Any) -> None:
        """Plug in a USB device of QEMU's (usb-storage, usb-kbd, usb-mouse, usb-hub, usb-serial, usb-uas, …).

        `name` is for :meth:`unplug`, `port` the port's number, behind a hub "1.2". `properties` are QEMU's for that
        device: drive, serial, …; `bus` is another controller's (see :meth:`plug_controller`) instead of the first.
        """
        time.sleep(max(0.0, self._unplugged + _REPLUG_S - time.monotonic()))
        where = {"port": port} if port else {}
        self.qmp("device_add", **({"driver": kind, "id": name, "bus": f"{hardware.USB}.0"} | where | properties))

    def unplug(self, name: str) -> None:
        """Pull out what was plugged in under this name, a controller too, and wait until it is out."""
        assert self._qmp is not None
        self._qmp.delete(name)
        self._unplugged = time.monotonic()

    def plug_controller(self, name: str, slot: str = hardware.CONTROLLER_SLOTS[0], kind: str = "nec-usb-xhci") -> None:
        """Plug in a whole USB controller, as a Thunderbolt dock does; devices go into `bus=NAME.0`."""
        self.qmp("device_add", driver=kind, id=name, bus=slot)

    def disk(self, name: str, size_mb: int = 16, content: bytes = b"") -> str:
        """Make a disk for `drive=` of usb-storage, zeros after `content`; the file NAME is in :attr:`folder`."""
        path = self.folder / f"disk-{name}"
        with path.open("wb") as file:
            file.write(content)
            file.truncate(max(size_mb << 20, len(content)))
        return self._block({"driver": "file", "filename": str(path)})

    def _block(self, file: dict[str, Any]) -> str:
        self._nodes += 1
        node = f"disk{self._nodes}"
        self.qmp("blockdev-add", driver="raw", node_name=node, file=file)
        return node

    def attach_state(self, path: Path, size_mb: int = 64) -> None:
        """Attach the state disk, a file that is made if it is not there, and that outlives the guest.

        What the guest has synced is on it after :meth:`kill`; of the rest half is lost, see VolatileDisk.
        """
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(size_mb << 20)
        self.state = VolatileDisk(path, self.folder)
        node = self._block(self.state.node)
        self.qmp("device_add", driver="virtio-blk-pci", id="state", bus=hardware.STATE_SLOT, drive=node)

    def mount_state(self, where: str = "/var/lib/portseal") -> None:
        """Mount the state disk in the guest, with ext4 made on it the first time."""
        self.until(lambda: self.sh("[ -b /dev/vda ]").code == 0)
        self.ok("blkid /dev/vda | grep -q ext4 || mke2fs -q -t ext4 -F /dev/vda", 60)
        self.ok(f"mkdir -p {where} && mount -t ext4 /dev/vda {where}")

    # Snapshots

    def save(self, folder: Path) -> Snapshot:
        """Stop the guest for good and write it into `folder`; :meth:`restore` continues it, any number of times.

        Only what every machine has can be saved: no disk, no state disk and no controller may be plugged in.
        """
        assert self._qmp is not None
        self.qmp("stop")
        self.qmp("migrate-set-parameters", max_bandwidth=10**10)
        if self._memory == folder / _MEMORY:
            self.qmp("migrate-set-capabilities", **_IGNORE_SHARED)
        with (folder / _STATE).open("wb") as output:
            self._qmp.ask("getfd", {"fdname": _STATE}, fd=output.fileno())
            self.qmp("migrate", uri=f"fd:{_STATE}")
            self.until(lambda: self.qmp("query-migrate").get("status") in ("completed", "failed"), 60)
        told = self.qmp("query-migrate")
        if told["status"] != "completed":
            raise EquipmentError(t("the snapshot failed: {said}", said=str(told.get("error-desc", ""))))
        self.close()
        return Snapshot(self.machine, folder)

    def _load(self, snapshot: Snapshot) -> None:
        assert self._qmp is not None
        if snapshot.memory is not None:
            self.qmp("migrate-set-capabilities", **_IGNORE_SHARED)
        with (snapshot.folder / _STATE).open("rb") as source:
            self._qmp.ask("getfd", {"fdname": _STATE}, fd=source.fileno())
            self.qmp("migrate-incoming", uri=f"fd:{_STATE}")
            self.until(lambda: self.qmp("query-status")["status"] != "inmigrate")
        self.qmp("cont")

    def _write_initrd(self) -> None:
        with (self.folder / "initrd").open("wb") as whole:
            for archive in self.machine.image.archives:
                with archive.open("rb") as part:
                    shutil.copyfileobj(part, whole, _CHUNK)

    def _lost(self) -> EquipmentError:
        lines = [
            line
            for name in ("console.log", "qemu.log")
            if (path := self.folder / name).exists()
            for line in path.read_text("utf-8", "replace").splitlines()[-5:]
        ]
        code = self._process.poll() if self._process is not None else None
        return EquipmentError(
            t(
                "the guest is gone (QEMU's exit code: {code}); its last words: {said}",
                code=str(code),
                said=" | ".join(lines)[-600:],
            ),
            where="terminal",
        )


def _dashed(arguments: dict[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in arguments.items()}

"""A lab terminal for a person: a guest with the agent in it and a console, and devices to plug into it.

The guest lives as long as the process that started it. Another process of the same user plugs and pulls through the
guest's folder: see :func:`running`.
"""

from __future__ import annotations

import os
import select
import shutil
import socket
import termios
import tty
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.net import environment
from lab.terminal import places
from lab.terminal.guest import build
from lab.terminal.machine import CONSOLE, CONTROL, USB, Machine, accelerator
from lab.terminal.qmp import Channel, Qmp
from lab.terminal.vm import Terminal
from policies.errors import EquipmentError, NotFound, UsageError
from policies.texts import t

#: Programs that the terminal needs on this machine, with their packages.
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "lz4": "lz4",
    "depmod": "kmod",
    "setpriv": "util-linux",
    "mke2fs": "e2fsprogs",
    "debugfs": "e2fsprogs",
}
#: What can be plugged in, by the word that a person uses.
KINDS = {
    "stick": "usb-storage",
    "keyboard": "usb-kbd",
    "mouse": "usb-mouse",
    "tablet": "usb-tablet",
    "hub": "usb-hub",
    "serial": "usb-serial",
}
#: Ctrl-], which leaves the console.
LEAVE = b"\x1d"
_STICK_MB = 64


def requirements() -> None:
    """Raise UsageError, with the remedy, when this machine cannot run a terminal."""
    path = environment()["PATH"]
    packages = sorted({package for name, package in PROGRAMS.items() if shutil.which(name, path=path) is None})
    if packages:
        words = " ".join(packages)
        raise UsageError(
            t("the lab terminal needs programs that are not installed: {packages}.", packages=words),
            next_step=t("apt-get install {packages}", packages=words),
        )
    accelerator()


def start(*, reach_host: bool = False) -> Terminal:
    """Start a guest in which the agent is at work, with a shell on its console; to be closed by the caller.

    `reach_host` makes this machine's loopback 10.0.2.2 in the guest (and all else that this machine reaches).
    """
    from lab.terminal.sealed import Sealed

    requirements()
    terminal = Sealed.restore(Machine(build(), reach_host=reach_host)).guest
    try:
        open_shell(terminal)
    except BaseException:
        terminal.close()
        raise
    return terminal


def open_shell(terminal: Terminal) -> None:
    """Start a shell on the guest's serial console; one that is left is started again."""
    shell = "cd /root; PATH=/opt/portseal/bin:$PATH; export PATH TERM=linux; while :; do cttyhack sh -i; done"
    terminal.ok(f"setsid sh -c '{shell}' < /dev/ttyS0 > /dev/ttyS0 2>&1 &")


def console(folder: Path, source: int, target: int, ended: Callable[[], bool] = lambda: False) -> None:
    """Connect two open files (a terminal's, as a rule) with the guest's console until Ctrl-] or the guest's end.

    A file that is a terminal passes every key on while it is connected.
    """
    before = termios.tcgetattr(source) if os.isatty(source) else None
    with closing(socket.socket(socket.AF_UNIX)) as line:
        _connect(line, folder / CONSOLE)
        try:
            if before is not None:
                tty.setraw(source)
            line.sendall(b"\n")
            while not ended() and _relay(line, source, target):
                pass
        finally:
            if before is not None:
                termios.tcsetattr(source, termios.TCSADRAIN, before)


def _connect(line: socket.socket, path: Path) -> None:
    try:
        line.connect(str(path))
    except OSError as error:
        raise EquipmentError(
            t("the terminal's console cannot be reached ({cause})", cause=error.strerror or ""), where=str(path)
        ) from error


def _relay(line: socket.socket, source: int, target: int) -> bool:
    ready, _, _ = select.select([line.fileno(), source], [], [], 1.0)
    if line.fileno() in ready:
        said = line.recv(1 << 16)
        if not said:
            return False
        os.write(target, said)
    if source in ready:
        typed = os.read(source, 1 << 10)
        if not typed or LEAVE in typed:
            return False
        line.sendall(typed)
    return True


@dataclass(frozen=True, slots=True)
class Running:
    """A guest that some process of this machine runs, by its folder: plug into it and pull out of it."""

    folder: Path

    def plug(self, kind: str, name: str, port: str, serial: str = "") -> None:
        """Plug in one of :data:`KINDS` at a port of the first controller; NotFound if there is no such kind."""
        driver = KINDS.get(kind)
        if driver is None:
            raise NotFound(t("'{kind}' cannot be plugged in; there are: {known}", kind=kind, known=", ".join(KINDS)))
        with closing(self._control()) as control:
            device = {"driver": driver, "id": name, "bus": f"{USB}.0", "port": port}
            if kind == "stick":
                device |= {"drive": self._stick(control, name)}
            if serial:
                device |= {"serial": serial}
            control.ask("device_add", device)

    def unplug(self, name: str) -> None:
        """Pull out what was plugged in under this name."""
        with closing(self._control()) as control:
            control.delete(name)

    def _stick(self, control: Qmp, name: str) -> str:
        """Give the block device of a stick, whose content stays while it is pulled out."""
        path, node = self.folder / f"stick-{name}", f"stick-{name}"
        if not path.exists():
            with path.open("wb") as file:
                file.truncate(_STICK_MB << 20)
        with suppress(EquipmentError):  # it is there from the last time that it was plugged in
            file_node = {"driver": "file", "filename": str(path)}
            control.ask("blockdev-add", {"driver": "raw", "node-name": node, "file": file_node})
        return node

    def _control(self) -> Qmp:
        def lost() -> EquipmentError:
            return EquipmentError(t("the terminal cannot be reached."), where=str(self.folder))

        return Qmp(Channel(self.folder / CONTROL, lambda: False, lost))


def running() -> list[Running]:
    """Give the guests that run on this machine, oldest first."""
    return [Running(folder) for folder in places.running()]

"""What the guest's hardware is, as QEMU's command line, and how QEMU is started so that it never outlives us."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.net import environment
from lab.terminal.guest import Image
from lab.terminal.guest_rpc import PORT
from policies.errors import ConfigError, EquipmentError
from policies.texts import t

#: Root ports for what is plugged in later: one for the state disk, and those for USB controllers.
STATE_SLOT = "slot0"
CONTROLLER_SLOTS = ("slot1", "slot2", "slot3")
#: The USB controller that is there from the start, and how many ports it has at each speed.
USB, USB_PORTS = "xhci", 8
#: Sockets in the guest's folder for others: its serial console, and QMP for another process than the owner.
CONSOLE, CONTROL = "console", "control"
_PROGRAM = "qemu-system-x86_64"
#: What makes an emulated start quicker; nothing of it concerns USB or networks.
QUICK = (
    "quiet panic=-1 mitigations=off nokaslr cryptomgr.notests 8250.nr_uarts=1 random.trust_cpu=on no_timer_check "
    "nowatchdog audit=0 apparmor=0"
)
#: A stick that is let in is a disk at once, not after the kernel's second of waiting: an attacker's best case.
_AT_ONCE = "usb-storage.delay_use=0"
#: The keeper of the keeper: the kernel kills QEMU when the thread that started it ends. A parent that died before that
#: was arranged is noticed by its id.
_GUARD = '[ "$PPID" = "$1" ] || exit 1; shift; exec "$@"'


@dataclass(frozen=True, slots=True)
class Machine:
    """A guest's hardware and kernel options.

    `sealed` is the kernel's default for USB: with it nothing that is plugged in is let in
    (usbcore.authorized_default=0). `reach_host` makes this machine's loopback reachable as 10.0.2.2, and whatever this
    machine reaches; without it the guest is alone on its network. `forwards` are pairs of a port here (127.0.0.1) and
    the guest's port that it leads to. `options` are further words for the kernel. `paused` waits for QMP's `cont`, so
    that something can be plugged in before power-on.
    """

    image: Image
    sealed: bool = True
    memory_mb: int = 384
    cpus: int = 2
    reach_host: bool = False
    forwards: tuple[tuple[int, int], ...] = ()
    options: str = ""
    paused: bool = False

    @property
    def kernel_line(self) -> str:
        """The kernel's command line."""
        sealed = "usbcore.authorized_default=0" if self.sealed else ""
        return " ".join(f"console=ttyS0 {QUICK} {_AT_ONCE} {sealed} {self.options}".split())

    @property
    def key(self) -> tuple[str, ...]:
        """What must not differ between a snapshot's machine and the one that continues it."""
        return (
            self.image.key,
            str(self.memory_mb),
            self.kernel_line,
            accelerator(),
            qemu_version(),
            *_hardware(self.cpus),
        )


def accelerator() -> str:
    """Give QEMU's accelerator: emulation, or what PORTSEAL_LAB_ACCEL names (kvm).

    /dev/kvm being there proves nothing: under some nested hypervisors Debian's kernel hangs with it.
    """
    asked = os.environ.get("PORTSEAL_LAB_ACCEL", "tcg")
    if asked not in ("tcg", "kvm"):
        raise ConfigError(
            t("'{value}' is no accelerator.", value=asked),
            where="PORTSEAL_LAB_ACCEL",
            next_step=t("use kvm, or leave it out"),
        )
    return asked


@cache
def qemu_version() -> str:
    """Give the first line that QEMU says of itself."""
    try:
        done = subprocess.run([_PROGRAM, "--version"], capture_output=True, text=True, env=environment(), check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise EquipmentError(
            t("the program '{name}' is not installed on this machine.", name=_PROGRAM),
            next_step=t("apt-get install {packages}", packages="qemu-system-x86"),
        ) from error
    return done.stdout.partition("\n")[0]


def _hardware(cpus: int) -> list[str]:
    slots = enumerate((STATE_SLOT, *CONTROLLER_SLOTS), 1)
    ports = [["-device", f"pcie-root-port,id={name},chassis={number},slot={number}"] for number, name in slots]
    return [
        *("-smp", str(cpus), "-nodefaults", "-display", "none", "-no-reboot"),
        *("-device", f"qemu-xhci,id={USB},p2={USB_PORTS},p3={USB_PORTS}"),
        *("-device", "virtio-serial-pci", "-device", f"virtserialport,chardev=rpc,name={PORT}"),
        *("-device", "virtio-net-pci,netdev=net,romfile="),
        *(word for port in ports for word in port),
    ]


def command(machine: Machine, folder: Path, memory: Path | None, *, share: bool, incoming: bool) -> list[str]:
    """Give QEMU's command line for a guest whose sockets and files are in `folder`.

    `memory` is the file that is the guest's memory; writes go to it only with `share`. `incoming` waits for a snapshot
    instead of starting.
    """
    kvm = accelerator() == "kvm"
    network = ["user", "id=net", *(() if machine.reach_host else ("restrict=on",))]
    network += [f"hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in machine.forwards]
    size = f"size={machine.memory_mb}M"
    backend = f"memory-backend-file,id=ram,{size},mem-path={memory}" if memory else f"memory-backend-ram,id=ram,{size}"
    return [
        _PROGRAM,
        *("-accel", "kvm" if kvm else "tcg,thread=multi", "-cpu", "host" if kvm else "Nehalem"),
        *("-M", "q35,memory-backend=ram", "-m", f"{machine.memory_mb}M"),
        *("-object", f"{backend},share={'on' if share else 'off'}"),
        *("-kernel", str(machine.image.kernel), "-append", machine.kernel_line),
        *(() if incoming else ("-initrd", str(folder / "initrd"))),
        *("-qmp", f"unix:{folder}/qmp,server=on,wait=off"),
        *("-qmp", f"unix:{folder}/{CONTROL},server=on,wait=off"),
        *("-chardev", f"socket,id=rpc,path={folder}/rpc,server=on,wait=off"),
        *("-chardev", f"socket,id=console,path={folder}/{CONSOLE},server=on,wait=off,logfile={folder}/console.log"),
        *("-serial", "chardev:console"),
        *("-netdev", ",".join(network)),
        *_hardware(machine.cpus),
        *(("-incoming", "defer") if incoming else ()),
        *(("-S",) if machine.paused else ()),
    ]


def start(argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a program that dies with this process, however that ends; what it says goes to `log`.

    EquipmentError when it or setpriv is missing.
    """
    guarded = ["setpriv", "--pdeathsig", "KILL", "sh", "-c", _GUARD, "sh", str(os.getpid()), *argv]

    def begin() -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(guarded, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment())

    try:
        return _starter(os.getpid()).submit(begin).result()
    except FileNotFoundError as error:
        raise EquipmentError(
            t("the program '{name}' is not installed on this machine.", name="setpriv"),
            next_step=t("install it and try again"),
        ) from error


@cache
def _starter(process: int) -> ThreadPoolExecutor:  # noqa: ARG001 - a forked child has none of its parent's threads
    """Give the one thread that starts guests: the signal is tied to a thread, and this one ends with the process."""
    return ThreadPoolExecutor(1, "portseal-lab-terminal")

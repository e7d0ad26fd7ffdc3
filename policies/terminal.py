"""A terminal's USB ports as facts: what its register says, what a census saw, and how the two compare (clause 7.2a).

The register is site.toml's: one line for each hole in the case. The census is the agent's: one entry for each port that
its kernel knows. The two halves of one xHCI port (USB 2 and USB 3) are peers: two entries, one hole, one line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from policies.errors import InputError
from policies.names.shown import cleaned, shown
from policies.offline.rule import OfflineRule
from policies.texts import t
from policies.usb import UsbAppearance, UsbBinding, UsbIdentity

#: A port path: the host controller's place, its root hub's generation, at most six port numbers (USB 3.2, 10.1).
_PORT_PATH = re.compile(r"[!-.0-~]{1,100}-usbv[123]-0:[1-9][0-9]{0,2}(?:\.[1-9][0-9]{0,2}){0,5}")
_PLAIN_PATH = re.compile(r".*-usb-0:[0-9.]+(?::[0-9]+\.[0-9]+)?")


class TerminalPlatform(StrEnum):
    """What a terminal runs: only a Linux one can have the agent."""

    LINUX = "linux"
    WINDOWS = "windows"
    RECORDER = "recorder"
    OTHER = "other"


class LockLevel(StrEnum):
    """What holds a terminal's USB ports beside the kernel.

    none: nothing (L1); attested: a mechanical lock that a person has vouched for (L2); sensed: a lock that the swipe
    drives and that reports its state (L3).
    """

    NONE = "none"
    ATTESTED = "attested"
    SENSED = "sensed"


@dataclass(frozen=True, slots=True)
class PortLock:
    """The anti-plug lock on a terminal's ports; `report` is the paper that vouches for it through `expires`."""

    level: LockLevel = LockLevel.NONE
    model: str = ""
    id: str = ""
    attested_by: str = ""
    report: str = ""
    expires: date | None = None

    @property
    def vouched(self) -> bool:
        """Whether a person, a report and a last day stand behind it."""
        return bool(self.attested_by and self.report) and self.expires is not None


@dataclass(frozen=True, slots=True)
class RegisteredPort:
    """One hole in the case: a port path (either half of it), and the words by which a person finds it."""

    port: str
    label: str
    internal: bool = False


@dataclass(frozen=True, slots=True)
class Terminal:
    """A declared terminal. `photo` is a path in the site folder; `register` names every USB port, internal ones too.

    `offline` says how it may open without a connection; None: not at all.
    """

    name: str
    platform: TerminalPlatform
    agent: bool
    place: str
    owner: str
    description: str = ""
    photo: str = ""
    register: tuple[RegisteredPort, ...] = ()
    lock: PortLock = PortLock()
    offline: OfflineRule | None = None


@dataclass(frozen=True, slots=True)
class CensusDevice:
    """A plugged-in device by its topology `path` (1-2.4) and port path; what left while it was read is None.

    `interfaces` are class:subclass:protocol in hex of what is configured now, `descriptors` is the SHA-256 in hex of
    the kernel's `descriptors`, `devnum` rises with every enumeration.
    """

    path: str
    vendor_id: str | None
    product_id: str | None
    product: str | None
    serial: str | None
    authorized: bool | None
    hub: bool
    interfaces: tuple[str, ...]
    port: str = ""
    devnum: int | None = None
    descriptors: str | None = None

    @property
    def identity(self) -> UsbIdentity:
        """What tells it from another device."""
        return UsbIdentity(
            self.vendor_id or "", self.product_id or "", self.serial or "", self.descriptors or ""
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class CensusPort:
    """A port of a hub. `path` is that of a device plugged in there, `port` its port path, `peer` its other half's.

    `connect_type` is the firmware's hint (hotplug, hardwired, not used, unknown), never a proof.
    """

    path: str
    hub: str
    number: int
    connect_type: str | None
    disabled: bool | None
    device: CensusDevice | None
    port: str = ""
    peer: str | None = None


@dataclass(frozen=True, slots=True)
class CensusController:
    """A bus of a host controller, by its root hub (usb1).

    `authorized_default` is what the kernel does with a new device: 0 refuses it, 1 admits it, 2 admits it on ports that
    the firmware marks as internal. `interface_authorized_default` is the same for a device's interfaces.
    """

    name: str
    address: str | None
    speed_mbps: str | None
    authorized_default: int | None
    interface_authorized_default: bool | None

    @property
    def shut(self) -> bool:
        """Whether default-deny is read back: new devices are refused, and so are the interfaces of admitted ones."""
        return self.authorized_default == 0 and self.interface_authorized_default is False

    @property
    def unread(self) -> bool:
        """Whether a default could not be read, and none that could be read is open."""
        known_open = self.authorized_default not in (0, None) or self.interface_authorized_default is True
        return not self.shut and not known_open


@dataclass(frozen=True, slots=True)
class HiddenController:
    """A USB controller on the PCI bus that shows no bus: its ports cannot be enumerated.

    `driver` is "" where none is bound; vfio-pci where it is handed to a virtual machine.
    """

    address: str
    driver: str


@dataclass(frozen=True, slots=True)
class Census:
    """All of it. `new_controllers` is the `authorized_default` that a controller added later begins with (-1: as 1)."""

    controllers: tuple[CensusController, ...]
    hubs: tuple[str, ...]
    ports: tuple[CensusPort, ...]
    new_controllers: int | None
    hidden: tuple[HiddenController, ...] = ()

    @property
    def devices(self) -> tuple[CensusDevice, ...]:
        """What is plugged in, in the order of the ports."""
        return tuple(port.device for port in self.ports if port.device is not None)


@dataclass(frozen=True, slots=True)
class CensusReport:
    """A census as a terminal tells it: when it was taken (aware UTC), and in which boot."""

    terminal: str
    taken_at: datetime
    boot: str
    census: Census


@dataclass(frozen=True, slots=True)
class TerminalEvidence:
    """What is known of a terminal: its last census, its USB bindings, and what leases held open when it was taken."""

    report: CensusReport
    bindings: tuple[UsbBinding, ...] = ()
    leased: tuple[UsbAppearance, ...] = ()


@dataclass(frozen=True, slots=True)
class Hole:
    """One hole in the case. `ports` are the port paths of its halves, `label` the register's ("" when not in it).

    `shut`: the bus of every half refuses new devices, and what is in it is refused, bound or on a lease.
    """

    ports: tuple[str, ...]
    label: str = ""
    internal: bool = False
    registered: bool = False
    seen: bool = False
    shut: bool = False
    devices: tuple[CensusDevice, ...] = ()

    @property
    def covered(self) -> bool:
        """Whether it is in the register, in the census, and shut or bound."""
        return self.registered and self.seen and self.shut


@dataclass(frozen=True, slots=True)
class Coverage:
    """The register beside the census.

    `holes` are all of both; `stray` are authorised devices that are neither bound nor on a lease; `unread` left while
    they were read; `doubled` are labels whose line names a hole that another line names already.
    """

    holes: tuple[Hole, ...]
    controllers: tuple[CensusController, ...]
    hidden: tuple[HiddenController, ...]
    new_controllers: int | None
    stray: tuple[CensusDevice, ...] = ()
    unread: tuple[CensusDevice, ...] = ()
    doubled: tuple[str, ...] = field(default=())

    @property
    def matched(self) -> tuple[Hole, ...]:
        """What is in the register and in the census."""
        return tuple(hole for hole in self.holes if hole.registered and hole.seen)

    @property
    def unregistered(self) -> tuple[Hole, ...]:
        """What the census saw and the register does not have."""
        return tuple(hole for hole in self.holes if hole.seen and not hole.registered)

    @property
    def unseen(self) -> tuple[Hole, ...]:
        """What the register has and the census did not see."""
        return tuple(hole for hole in self.holes if hole.registered and not hole.seen)

    @property
    def covered(self) -> int:
        """How many holes are covered."""
        return sum(hole.covered for hole in self.holes)

    @property
    def percent(self) -> float:
        """Covered holes in per cent of all, one decimal, rounded down: 100.0 means every one. Nothing at all is 0."""
        return 1000 * self.covered // len(self.holes) / 10 if self.holes else 0.0


def port_path(text: str) -> str:
    """Give a port path as it is written here (`pci-0000:00:14.0-usbv2-0:2.4`); anything else raises InputError."""
    given = cleaned(text)
    if _PORT_PATH.fullmatch(given):
        return given
    if _PLAIN_PATH.fullmatch(given):
        raise InputError(
            t("{text} does not say which half of the port it is", text=shown(text)),
            next_step=t("write usbv2 or usbv3 for usb, as 'portseal-agent census' prints it"),
        )
    raise InputError(
        t("{text} is not the path of a USB port", text=shown(text)),
        next_step=t("write it as 'portseal-agent census' prints it: pci-0000:00:14.0-usbv2-0:2.4"),
    )


def compare(
    register: Iterable[RegisteredPort],
    census: Census,
    bindings: Iterable[UsbBinding] = (),
    leased: Iterable[UsbAppearance] = (),
) -> Coverage:
    """Compare a terminal's register with a census of it.

    An authorised device counts as bound at a port of its binding only, with the binding's whole identity; as leased in
    the very enumeration that a lease has admitted. A root hub is the controller itself and needs no binding.
    """
    admitted = frozenset(leased)
    allowed = {(port, binding.identity) for binding in bindings for port in binding.ports}
    refusing = frozenset(each.name.removeprefix("usb") for each in census.controllers if each.shut)

    def accounted(device: CensusDevice) -> bool:
        if device.authorized is not True:
            return device.authorized is False
        appearance = UsbAppearance(device.port, device.devnum or 0, device.identity)
        return (device.port, device.identity) in allowed or appearance in admitted

    groups = _holes(census.ports)
    by_path: dict[str, list[CensusPort]] = {}
    for port in census.ports:
        by_path.setdefault(_place(port), []).append(port)
    lines: dict[tuple[str, ...], RegisteredPort] = {}
    doubled = [
        line.label for line in register if lines.setdefault(groups.get(line.port, (line.port,)), line) is not line
    ]
    holes = []
    for paths in dict.fromkeys((*groups.values(), *lines)):
        halves = [port for path in paths for port in by_path.get(path, ())]
        devices = tuple(port.device for port in halves if port.device is not None)
        refused = all(port.path.partition("-")[0] in refusing for port in halves)
        shut = bool(halves) and refused and all(map(accounted, devices))
        holes.append(_hole(paths, lines.get(paths), seen=bool(halves), shut=shut, devices=devices))
    stray = tuple(each for each in census.devices if each.authorized and not accounted(each))
    gone = tuple(each for each in census.devices if each.authorized is None)
    return Coverage(
        tuple(holes), census.controllers, census.hidden, census.new_controllers, stray, gone, tuple(doubled)
    )  # fmt: skip


def _hole(
    paths: tuple[str, ...], line: RegisteredPort | None, *, seen: bool, shut: bool, devices: tuple[CensusDevice, ...]
) -> Hole:
    if line is None:
        return Hole(paths, seen=seen, shut=shut, devices=devices)
    return Hole(paths, line.label, line.internal, registered=True, seen=seen, shut=shut, devices=devices)


def _place(port: CensusPort) -> str:
    # A port without a port path must not vanish, nor fall together with another one.
    return port.port or f"{port.hub}/{port.number}"


def _holes(ports: Iterable[CensusPort]) -> Mapping[str, tuple[str, ...]]:
    """Give for each port path the paths of its hole: two halves are one when each names the other."""
    peers = {_place(port): port.peer for port in ports}
    return {
        path: tuple(sorted((path, peer))) if peer and peer != path and peers.get(peer) == path else (path,)
        for path, peer in peers.items()
    }


def absent_photos(terminals: Iterable[Terminal], exists: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    """Give dotted key and path of each declared photo that is not there; `exists` asks about a path in the folder.

    A site without its photos loads: a lost picture must not keep anybody from blocking a port.
    """
    for terminal in terminals:
        if terminal.photo and not exists(terminal.photo):
            yield f"terminals.{terminal.name}.photo", terminal.photo

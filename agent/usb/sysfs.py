"""The kernel's USB in sysfs: what is plugged in and what is allowed, and the few writes that open and shut.

Files and their meaning: the kernel's Documentation/ABI/testing/sysfs-bus-usb and Documentation/usb/authorization.rst.
Everything here can vanish between two reads: ENOENT and ENODEV mean "gone" and are no error. Whatever else goes wrong
is told as a problem of the scan or as the result of the write; nothing is raised.

A device's folder is opened once and its files through it, so they are all of one enumeration: when another device takes
the place, names opened through the old folder are gone and never lead to the new one. What remains: a device that was
swapped on the wire a moment ago, before the kernel noticed. The write then goes to the old enumeration, whose address
nothing answers any more, and the new device comes refused. A device that copies another one's descriptors and serial,
or turns into something else under its old address, cannot be told apart here at all.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path

from agent.usb.descriptors import read_interfaces
from agent.usb.drivers import expected, open_interface, open_to_any
from agent.usb.folder import GONE, Folder, cause, noted, read_state, shown, unreadable, withhold
from agent.usb.places import peers, prefix
from policies.errors import InputError
from policies.texts import Text, t
from policies.usb import HUB, UsbDevice, UsbIdentity, UsbInterface

#: Scans after which everything of a device is read again, whatever the cache holds.
REREAD = 30
#: Scans after a change in which ports are looked up again: a hub's port folders come after its interface's.
_SETTLING = 5
#: More bytes than the kernel gives out of a device's descriptors.
_DESCRIPTORS = 1 << 20
_BUS = re.compile(r"usb(\d{1,4})")
_DEVICE = re.compile(r"\d{1,4}-\d{1,3}(?:\.\d{1,3}){0,6}")
_ID = re.compile(r"[0-9a-f]{4}")
_NUMBERS = re.compile(r"\d+")
_DEFAULTS = ("authorized_default", "interface_authorized_default")
_PARAMETER = "module/usbcore/parameters/authorized_default"
_UNREAD = UsbIdentity("0000", "0000", "", "")


class Outcome(StrEnum):
    """How a write ended; DONE was read back, GONE has left, with FAILED the cause is told."""

    DONE = "done"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a write at `where`.

    `written`: a 1 was written before it ended. `released`: the interface numbers that are admitted at its end;
    `waiting`: those that may be, and are shut until a driver of their class takes them.
    """

    outcome: Outcome
    where: str
    cause: str = ""
    written: bool = False
    released: frozenset[int] = frozenset()
    waiting: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Bus:
    """A bus by its root hub (usb1). `prefix` begins the port paths on it; None is what the kernel does not tell.

    `authorized_default`: 0 refuses a new device, 1 admits it, 2 admits it on ports that the firmware calls internal.
    `authorized` False makes the bus deaf: no device, and no event either. `mark` is another number when a controller
    left and another one took the name.
    """

    name: str
    prefix: str
    authorized_default: int | None
    interface_authorized_default: int | None
    authorized: bool | None
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at all of it, devices with parents first; `new_controllers` is the usbcore parameter (-1 acts as 1).

    `peers` maps the port paths of one hole to each other. `complete` False: something that is there could not be read,
    so what is missing here may not have left. `drivers`: who has taken what is released, by the device's name and the
    interface's number.
    """

    buses: tuple[Bus, ...] = ()
    devices: tuple[UsbDevice, ...] = ()
    new_controllers: int | None = None
    peers: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Text, ...] = ()
    complete: bool = True
    drivers: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Known:
    """What does not change while a device stays enumerated, and since which scan it is known."""

    key: tuple[int, int, str]
    device: UsbDevice
    fault: Text | None
    read_at: int


class Usb:
    """The USB of the sysfs at `root`; `parse` reads interfaces from raw descriptors and raises InputError for noise.

    A scan keeps what a device said of itself for as long as three things stay: the number that sysfs gave to its entry
    in the list (it comes with the list, costs no call, and a new enumeration gets a new one; on other file systems it
    may return), its `devnum` (the bus counts it up at every enumeration, and starts anew with a new controller) and its
    port path. Each covers the other's weakness. Every REREAD scans it is read again all the same, and always directly
    before it is admitted.
    """

    def __init__(
        self,
        root: Path = Path("/sys"),
        parse: Callable[[bytes], tuple[UsbInterface, ...]] = read_interfaces,
    ) -> None:
        self._root = root
        self._list = root / "bus/usb/devices"
        self._parse = parse
        self._scans = 0
        self._complete = True
        self._known: dict[str, _Known] = {}
        self._prefixes: dict[tuple[str, int], str] = {}
        self._peers: dict[str, str] = {}
        self._listing: dict[str, int] = {}
        self._settling = 0
        self._drivers: dict[str, Mapping[int, str]] = {}

    def scan(self) -> Scan:
        """Look at everything; never raises. Costs a few system calls for each device that stays."""
        self._scans += 1
        self._complete = True
        problems: list[Text] = []
        try:
            listing = self._entries()
        except OSError as error:
            return Scan(problems=(unreadable(str(self._list), error),), complete=False)
        buses = self._buses(listing, problems)
        interfaces: dict[str, list[str]] = {}
        for name in listing:
            if ":" in name:
                interfaces.setdefault(name.partition(":")[0], []).append(name)
        prefixes = {each.name[3:]: each.prefix for each in buses}
        devices, self._drivers = [], {}
        for name in sorted(filter(_DEVICE.fullmatch, listing), key=_parents_first):
            bus, _, chain = name.partition("-")
            if bus in prefixes:  # a bus that left takes its devices with it
                port = f"{prefixes[bus]}-0:{chain}"
                device = self._device(name, port, listing[name], interfaces.get(name, ()), problems)
                devices += [device] if device is not None else []
        self._known = {name: kept for name, kept in self._known.items() if name in listing}
        self._look_for_peers(listing, buses, devices, interfaces)
        later = self._later(problems)
        told = tuple(problems)
        return Scan(tuple(buses), tuple(devices), later, dict(self._peers), told, self._complete, self._drivers)

    def shut_defaults(self) -> tuple[Result, ...]:
        """Make every default refuse: of each bus, for its interfaces, and of controllers to come. Only 0 is written.

        (The kernel takes any number above 2 as "admit all", without an error.) What is shut already is left alone; the
        results are of the places that were not.
        """
        try:
            buses = [name for name in self._entries() if _BUS.fullmatch(name)]
        except OSError as error:
            return (Result(Outcome.FAILED, str(self._list), cause(error)),)
        places = [(self._list / bus, name) for bus in buses for name in _DEFAULTS]
        parameter = self._root / _PARAMETER
        results = []
        for path, name in [*places, (parameter.parent, parameter.name)]:
            try:
                with Folder(path) as folder:
                    if folder.text(name) == "0":
                        continue
                    folder.put(name, "0")
            except OSError as error:
                if error.errno not in GONE:
                    results.append(Result(Outcome.FAILED, f"{path}/{name}", cause(error)))
            else:
                results.append(Result(Outcome.DONE, f"{path}/{name}"))
        return tuple(results)

    def admit(self, device: UsbDevice, interfaces: frozenset[int], *, bound: bool = False) -> Result:
        """Admit exactly these interfaces of the device, and let drivers take them; whatever else it has is shut.

        Only a driver of its class may take an interface, and until one does it is `waiting`, that is shut; of a `bound`
        device any may. The device is read again first, and one with another devnum, serial or descriptors is GONE. It
        fails, without an opening, when new interfaces would come up admitted; and when one cannot be shut, all of it is
        refused. DONE says which interfaces there are: those of a configuration that the kernel did not choose are not.
        """
        where = self._list / device.name
        written = False
        try:
            with Folder(where) as folder:
                if self._identity(folder)[:2] != (device.devnum, device.identity):
                    self._known.pop(device.name, None)
                    return Result(Outcome.GONE, str(where), "another enumeration or device")
                self._interfaces_come_shut(device)
                if folder.text("authorized") != "1":
                    written = True
                    folder.put("authorized", "1")
                allowed = {(each.configuration, each.number) for each in device.interfaces if each.number in interfaces}
                found = shown(folder, device.name)
                withhold(folder, [name for name, key in found.items() if key not in allowed])
                mine = {name: key[1] for name, key in found.items() if key in allowed}
                waiting = set()
                for name, number in mine.items():
                    before = folder.text(f"{name}/authorized") == "1"
                    if not self._open(folder, name, expected(device, number), bound=bound):
                        waiting.add(number)
                    elif not before:
                        written = True
        except OSError as error:
            return replace(_ended(where, error), written=written)
        if not mine:  # the kernel found no configuration that it can use, or another one
            return Result(Outcome.FAILED, str(where), "none of its allowed interfaces came up", written)
        open_now = frozenset(mine.values()) - waiting
        return Result(Outcome.DONE, str(where), "", written, open_now, frozenset(waiting))

    def _open(self, folder: Folder, name: str, drivers: tuple[str, ...], *, bound: bool) -> bool:
        if drivers and not bound:
            return open_interface(self._root, folder, name, drivers)
        open_to_any(self._root, folder, name, drivers)
        return True

    def refuse(self, device: UsbDevice) -> Result:
        """Refuse the device: its interfaces vanish, and what is behind a hub. Whoever has its place now is refused."""
        where = self._list / device.name
        try:
            with Folder(where) as folder:
                folder.put("authorized", "0")
        except OSError as error:
            return _ended(where, error)
        return Result(Outcome.DONE, str(where))

    def no_persist(self, device: UsbDevice) -> Result:
        """Have the device enumerated anew after sleep: otherwise one swapped meanwhile stays admitted, without a sign.

        Hubs (and kernels without power management) have no such file: that is DONE.
        """
        where = self._list / device.name
        try:
            with Folder(where) as folder:
                if folder.string("power/persist") not in ("", "0"):
                    folder.put("power/persist", "0")
                folder.number("devnum")  # tells a missing file from a device that has left
        except OSError as error:
            return _ended(where, error)
        return Result(Outcome.DONE, str(where))

    def _interfaces_come_shut(self, device: UsbDevice) -> None:
        """Raise OSError unless the interfaces of a device on this bus come up refused."""
        with Folder(self._list / f"usb{device.name.partition('-')[0]}") as bus:
            if bus.text("interface_authorized_default") != "0":
                raise OSError(errno.EPERM, "the bus admits new interfaces", device.name)

    def _entries(self) -> dict[str, int]:
        """Give the names in the list, each with the number that sysfs gave to the entry."""
        try:
            with os.scandir(self._list) as entries:
                return {each.name: each.inode() for each in entries}
        except FileNotFoundError:
            return {}

    def _buses(self, listing: Mapping[str, int], problems: list[Text]) -> list[Bus]:
        found: list[Bus] = []
        for name in sorted(filter(_BUS.fullmatch, listing), key=_parents_first):
            where = self._list / name
            with self._needed(str(where), problems), Folder(where) as folder:
                place = self._prefixes.get((name, listing[name])) or prefix(self._root, where, folder.string("version"))
                self._prefixes[name, listing[name]] = place
                if any(each.prefix == place for each in found):
                    # Two buses of one name would let a device on one pass for a bound one on the other. No grant takes
                    # a port path with a plus.
                    problems.append(t("{bus} cannot be told from another bus, {place}", bus=name, place=place))
                    place = f"{place}+{name}"
                rules: dict[str, int] = {}
                for rule in (*_DEFAULTS, "authorized"):
                    with noted(f"{where}/{rule}", problems):
                        rules[rule] = folder.number(rule)
                default, interfaces = (rules.get(each) for each in _DEFAULTS)
                authorized = rules["authorized"] != 0 if "authorized" in rules else None
                found.append(Bus(name, place, default, interfaces, authorized, listing[name]))
        self._prefixes = {key: kept for key, kept in self._prefixes.items() if listing.get(key[0]) == key[1]}
        return found

    @contextmanager
    def _needed(self, where: str, problems: list[Text]) -> Iterator[None]:
        """Note what cannot be read; without it the scan is not complete, since nothing tells that it has left."""
        try:
            yield
        except OSError as error:
            if error.errno not in GONE:
                self._complete = False
                problems.append(unreadable(where, error))

    def _device(
        self, name: str, port: str, mark: int, interfaces: Iterable[str], problems: list[Text]
    ) -> UsbDevice | None:
        where = str(self._list / name)
        with self._needed(where, problems), Folder(where) as folder:
            key = (mark, folder.number("devnum"), port)
            known = self._known.get(name)
            if known is None or known.key != key or self._scans - known.read_at >= REREAD:
                known = self._examine(folder, name, key)
            if known.fault is not None:
                problems.append(known.fault)
            state = read_state(folder, interfaces, problems, where)
            if state is not None:
                authorized, released, self._drivers[name] = state
                return replace(known.device, authorized=authorized, released=released, bound=frozenset(state[2]))
        return None

    def _examine(self, folder: Folder, name: str, key: tuple[int, int, str]) -> _Known:
        """Read all that a device says of itself; what cannot be read has no digest, so that nothing matches it."""
        _, devnum, port = key
        try:
            devnum, identity, raw = self._identity(folder)
            product, hub = folder.string("product"), folder.text("bDeviceClass") == HUB
        except OSError as error:
            if error.errno in GONE:
                raise
            unread = unreadable(str(self._list / name), error)
            known = self._known.get(name)
            if known is not None and known.key == key:
                # Short of memory for a moment, say: it is the same enumeration, and read again before it is admitted.
                return replace(known, fault=unread)
            return _Known(key, UsbDevice(name, port, devnum, _UNREAD, (), hub=False, authorized=None), unread, -REREAD)
        fault: Text | None = None
        try:
            interfaces = self._parse(raw)
        except InputError as error:
            interfaces = ()
            fault = t("{device} has descriptors that make no sense: {cause}", device=name, cause=error.what)
        device = UsbDevice(name, port, devnum, identity, interfaces, hub, authorized=None, product=product)
        kept = self._known[name] = _Known(key, device, fault, self._scans)
        return kept

    @staticmethod
    def _identity(folder: Folder) -> tuple[int, UsbIdentity, bytes]:
        vendor, product, serial = folder.text("idVendor"), folder.text("idProduct"), folder.string("serial")
        raw = folder.content("descriptors", _DESCRIPTORS)
        if not (_ID.fullmatch(vendor) and _ID.fullmatch(product)) or not raw:
            raise OSError(errno.EBADMSG, os.strerror(errno.EBADMSG))
        # Last: when the device left meanwhile this fails, and what was read above is not taken.
        return folder.number("devnum"), UsbIdentity(vendor, product, serial, sha256(raw).hexdigest()), raw

    def _look_for_peers(
        self, listing: dict[str, int], buses: list[Bus], devices: list[UsbDevice], interfaces: Mapping[str, list[str]]
    ) -> None:
        if listing != self._listing:
            self._listing, self._settling = listing, _SETTLING
        if self._settling <= 0 and self._scans % REREAD:
            return
        self._settling -= 1
        stems = {f"usb{each.name[3:]}": f"{each.prefix}-0:" for each in buses}
        stems |= {each.name: f"{each.port}." for each in devices if each.hub}
        self._peers = peers(self._list, stems, interfaces)

    def _later(self, problems: list[Text]) -> int | None:
        parameter = self._root / _PARAMETER
        try:
            with Folder(parameter.parent) as folder:
                return folder.number(parameter.name)
        except OSError as error:
            if error.errno not in GONE:
                problems.append(unreadable(str(parameter), error))
        return None


def _ended(where: Path, error: OSError) -> Result:
    return Result(Outcome.GONE if error.errno in GONE else Outcome.FAILED, str(where), cause(error))


def _parents_first(name: str) -> tuple[int, ...]:
    return (name.count("."), *map(int, _NUMBERS.findall(name)))

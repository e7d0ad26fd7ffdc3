"""The second, tiny process: it ends leases when the agent cannot, because it died, hangs, or was stopped.

It reads the leases of this boot from the run folder and refuses a device that is still admitted after its lease's end.
It never admits anything, so a mistake in it costs a session, not the seal. What it cannot read it takes for the worst:
then every device that is not bound is refused at once. Sleeping counts: ends are seconds of CLOCK_BOOTTIME.

    python -m agent.usb.keeper                  watch (the service)
    python -m agent.usb.keeper --relock-all     end every lease now and empty the file (after the agent has stopped)
    python -m agent.usb.keeper --before-sleep   refuse every leased device; none opens until --after-sleep

Each refusal is a process of its own: a device that hangs the kernel (D state) keeps no other device open. The record of
it is a file, from which the agent makes the event `lease.ended` at its next pass (`records`, `forget`).
"""

from __future__ import annotations

import json
import math
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.usb.bindings import LAST_GOOD, parse_bindings, replace_file
from agent.usb.storage import Outcome, Released, ask, is_device_name
from policies.errors import InputError, StorageFailed
from policies.texts import t

#: Seconds after a lease's end in which the agent may end it itself.
GRACE = 2.0
#: Seconds that the agent has for a device that it no longer lists, to unmount and refuse it.
LEFT_GRACE = 15.0
#: Seconds for writing out and unmounting before a device is refused.
UNMOUNT_SECONDS = 5.0
#: While this file is in the run folder the machine falls asleep, sleeps or wakes: no lease opens anything.
ASLEEP = "asleep"
LEASES, RECORDS = "leases.json", "keeper"
_TICK = 1.0
#: A lease file is far smaller: 64 leases with 128 devices each fit.
_LARGEST = 1 << 20
_HUB = "09"


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are on a terminal."""

    sysfs: Path = Path("/sys")
    boot_id: Path = Path("/proc/sys/kernel/random/boot_id")
    run: Path = Path("/run/portseal-agent")
    state: Path = Path("/var/lib/portseal-agent")
    bindings: Path = Path("/etc/portseal-agent/bindings.json")


@dataclass(frozen=True, slots=True)
class Leased:
    """A device that a lease opened: this enumeration (`devnum`) of `name`, until `ends` (CLOCK_BOOTTIME seconds)."""

    jti: str
    name: str
    devnum: int
    ends: float


@dataclass(frozen=True, slots=True)
class Record:
    """What the keeper did. `why`: ended, left (out of the list), unreadable, stopped or sleep. `authorized`: after it.

    `path` is the record's file; `at` is CLOCK_BOOTTIME in milliseconds on boot `boot`.
    """

    path: Path
    boot: str
    jti: str
    name: str
    devnum: int
    why: str
    outcome: Outcome
    mounts: tuple[str, ...]
    authorized: bool
    at: int


def read_leases(data: bytes, boot: str) -> tuple[Leased, ...]:
    """Read the leases file of the boot `boot`; anything that is not exactly a list of leases raises InputError.

    Shape: {"v":1,"boot":ID,"leases":[{"jti":TEXT,"ends":SECONDS,"devices":[{"name":"2-1","devnum":5},…]},…]}. Members
    beyond these are the agent's own.
    """
    try:
        return tuple(found for lease in _leases(data, boot) for found in _lease(lease))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        raise InputError(t("this is no list of the leases of this boot"), where=LEASES) from None


def _leases(data: bytes, boot: str) -> list[Any]:
    told = json.loads(data.decode("utf-8"))
    leases = told["leases"]
    if len(data) >= _LARGEST or told["v"] != 1 or told["boot"] != boot or not isinstance(leases, list):
        raise ValueError
    return leases


def _lease(lease: Mapping[str, Any]) -> list[Leased]:
    jti, ends, devices = lease["jti"], lease["ends"], lease["devices"]
    if not isinstance(jti, str) or type(ends) not in (int, float) or not math.isfinite(ends):
        raise ValueError
    if not isinstance(devices, list):
        raise TypeError
    for each in devices:
        if type(each["devnum"]) is not int or not isinstance(each["name"], str) or not is_device_name(each["name"]):
            raise ValueError
    return [Leased(jti, each["name"], each["devnum"], float(ends)) for each in devices]


def records(places: Places) -> tuple[Record, ...]:
    """Give what the keeper left, oldest first; the agent calls `forget` for each when its event is on disk.

    The file's name is the same for the same act: it tells a record that was taken over already.
    """
    found = []
    for folder in (places.state / RECORDS, places.run / RECORDS):
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            with suppress(OSError):
                try:
                    told = json.loads(path.read_bytes())
                    found.append(
                        Record(path, str(told["boot"]), str(told["jti"]), str(told["name"]), int(told["devnum"]),
                               str(told["why"]), Outcome(told["outcome"]), tuple(map(str, told["mounts"])),
                               bool(told["authorized"]), int(told["at"]))
                    )  # fmt: skip
                except (ValueError, TypeError, KeyError, RecursionError):
                    path.replace(path.with_suffix(".broken"))
    return tuple(sorted(found, key=lambda each: (each.at, each.name)))


def forget(record: Record) -> None:
    """Take a record away whose event is on disk."""
    record.path.unlink(missing_ok=True)


#: Asks for a device's storage to be given back: name, devnum, seconds.
Unmount = Callable[[str, int, float], Released]


class Keeper:
    """One pass after the other over the leases file; nothing in a pass waits for a device."""

    def __init__(self, places: Places, unmount: Unmount = ask, clock: Callable[[], float] | None = None) -> None:
        self.places, self._unmount = places, unmount
        self._clock = clock or (lambda: time.clock_gettime(time.CLOCK_BOOTTIME))
        self._boot = places.boot_id.read_text("ascii").strip()
        self._known: dict[tuple[str, int], Leased] = {}
        self._children: dict[tuple[str, int], int] = {}

    def look(self) -> None:
        """Read the file and start a refusal for every device whose time is over."""
        self._reap()
        now = self._clock()
        try:
            listed = {(each.name, each.devnum): each for each in self._listed()}
        except (OSError, InputError):
            self._refuse_strangers()
            return
        asleep = (self.places.run / ASLEEP).exists()
        for key, old in list(self._known.items()):
            if key not in listed:
                # Its lease ended, the device left, or somebody took it out of the file to keep it open.
                self._known[key] = Leased(old.jti, old.name, old.devnum, min(old.ends, now + LEFT_GRACE - GRACE))
        self._known |= listed
        for key, each in list(self._known.items()):
            if not self._admitted(each):
                if key not in listed:
                    del self._known[key]
            elif asleep or now >= each.ends + GRACE:
                why = "sleep" if asleep else "ended" if key in listed else "left"
                if key in listed or not self._is_bound(each.name):
                    self._start(each, why)

    def refuse_all(self, why: str) -> bool:
        """Refuse every listed device, and wait for it with a deadline; tells whether all of them are shut."""
        try:
            listed = self._listed()
        except (OSError, InputError):
            listed = ()
            self._refuse_strangers()
        for each in (*listed, *self._known.values()):
            if self._admitted(each):
                self._start(each, why)
        ends = time.monotonic() + 2 * UNMOUNT_SECONDS + 5
        while self._children and time.monotonic() < ends:
            self._reap()
            time.sleep(0.02)
        return not self._children and not any(self._admitted(each) for each in (*listed, *self._known.values()))

    def empty(self) -> None:
        """Leave a leases file without a lease: an agent that starts again opens nothing."""
        document = json.dumps({"v": 1, "boot": self._boot, "leases": []}).encode()
        with suppress(StorageFailed):  # /run is full: the devices are refused, and their ends stay as they were
            replace_file(self.places.run / LEASES, document)

    def _listed(self) -> tuple[Leased, ...]:
        try:
            with (self.places.run / LEASES).open("rb") as file:
                return read_leases(file.read(_LARGEST), self._boot)
        except FileNotFoundError:
            # Before the agent's first lease there is none; one that was taken away ends what is remembered.
            return ()

    def _refuse_strangers(self) -> None:
        """Refuse what is admitted and not bound: nobody can tell any more until when it may stay."""
        bound = self._bound()
        admitted = [name for name in self._names() if _text(self._folder(name) / "authorized") not in ("", "0")]
        kept = {name for name in admitted if self._identity(name) in bound} if bound is not None else None
        for name in admitted:
            if kept is None:
                # The bindings are lost as well. Without a keyboard nobody could repair it: what only types stays.
                keep = self._classes(name) <= {"03", _HUB}
            else:
                keep = name in kept or any(each.startswith(f"{name}.") for each in kept)
            devnum = _text(self._folder(name) / "devnum")
            if not keep and devnum.isdecimal():
                self._start(Leased("", name, int(devnum), 0.0), "unreadable")

    def _names(self) -> list[str]:
        with suppress(OSError):
            folder = self.places.sysfs / "bus/usb/devices"
            return sorted(each.name for each in folder.iterdir() if is_device_name(each.name))
        return []

    def _folder(self, name: str) -> Path:
        return self.places.sysfs / "bus/usb/devices" / name

    def _admitted(self, each: Leased) -> bool:
        folder = self._folder(each.name)
        return _text(folder / "devnum") == str(each.devnum) and _text(folder / "authorized") not in ("", "0")

    def _bound(self) -> set[tuple[str, str, str, str]] | None:
        for path in (self.places.bindings, self.places.state / LAST_GOOD):
            with suppress(OSError, InputError):
                found = (each.identity for each in parse_bindings(path.read_bytes(), str(path)))
                return {(each.vendor_id, each.product_id, each.serial, each.descriptors) for each in found}
        return None

    def _identity(self, name: str) -> tuple[str, str, str, str]:
        folder = self._folder(name)
        with suppress(OSError):
            digest = _digest((folder / "descriptors").read_bytes())
            return (_text(folder / "idVendor"), _text(folder / "idProduct"), _text(folder / "serial"), digest)
        return ("", "", "", "")

    def _is_bound(self, name: str) -> bool:
        return self._identity(name) in (self._bound() or set())

    def _classes(self, name: str) -> set[str]:
        """Give the interface classes that the device shows now; "?" for one that cannot be read."""
        try:
            return {_text(each / "bInterfaceClass") or "?" for each in self._folder(name).glob(f"{name}:*")} or {"?"}
        except OSError:
            return {"?"}

    def _start(self, each: Leased, why: str) -> None:
        """Refuse a device in a child, unless one is at it already (the kernel holds it: another would hang as well)."""
        key = (each.name, each.devnum)
        if key in self._children:
            return
        child = os.fork()
        if child:
            self._children[key] = child
            return
        code = 1
        try:
            code = 0 if self._refuse(each, why) else 1
        finally:
            os._exit(code)

    def _refuse(self, each: Leased, why: str) -> bool:
        """Give the storage back, write 0, read it back, leave the record; tells whether the device is refused."""
        released = Released(Outcome.CLEAN)
        if self._stores(each.name):
            released = self._unmount(each.name, each.devnum, UNMOUNT_SECONDS)
        if released.outcome is Outcome.FAILED:
            _sync(UNMOUNT_SECONDS)
        # The write may be refused because it left (ENODEV, ENOENT): what is read back counts.
        with suppress(OSError):
            if self._admitted(each):
                (self._folder(each.name) / "authorized").write_text("0")
        admitted = self._admitted(each)
        self._record(each, why, released, admitted)
        return not admitted

    def _stores(self, name: str) -> bool:
        try:
            return any(path.name == "block" for path in self._folder(name).resolve().rglob("block"))
        except OSError:
            # It changes while it is looked at: asking the helper once too often does no harm.
            return True

    def _record(self, each: Leased, why: str, released: Released, admitted: bool) -> None:
        told = {
            "v": 1, "boot": self._boot, "jti": each.jti, "name": each.name, "devnum": each.devnum, "why": why,
            "outcome": released.outcome, "mounts": released.mounts, "detail": released.detail,
            "authorized": admitted, "at": int(self._clock() * 1000),
        }  # fmt: skip
        act = f"{self._boot}/{each.jti}/{each.name}/{each.devnum}/{why}"
        name = f"{_digest(act.encode('utf-8', 'replace'))[:24]}.json"
        data = json.dumps(told).encode()
        for folder in (self.places.state / RECORDS, self.places.run / RECORDS):
            # The state folder outlives the boot; when its disk is full the run folder has the record.
            with suppress(OSError, StorageFailed):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(folder / name, data)
                return

    def _reap(self) -> None:
        for key, child in list(self._children.items()):
            with suppress(ChildProcessError):
                if os.waitpid(child, os.WNOHANG)[0] == 0:
                    continue
            del self._children[key]


def notify(message: str, environment: Mapping[str, str] | None = None) -> None:
    """Tell the service manager (sd_notify): READY=1, WATCHDOG=1; nobody listens when it did not start us."""
    path = (os.environ if environment is None else environment).get("NOTIFY_SOCKET", "")
    if path:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.connect(f"\0{path[1:]}" if path.startswith("@") else path)
            link.sendall(message.encode())


def main(arguments: list[str], places: Places = Places()) -> int:
    """Run it; the exit code is 0, 1 when a device could not be refused, 2 for an unknown argument."""
    keeper, given = Keeper(places), " ".join(arguments)
    flag = places.run / ASLEEP
    if given == "--relock-all":
        shut = keeper.refuse_all("stopped")
        keeper.empty()
        return 0 if shut else 1
    if given == "--before-sleep":
        # First the file, so that a living agent does not open again what is refused here.
        with suppress(OSError):
            flag.touch(mode=0o600)
        return 0 if keeper.refuse_all("sleep") else 1
    if given == "--after-sleep":
        flag.unlink(missing_ok=True)
        return 0
    if given:
        return 2
    notify("READY=1")
    while True:
        # A tick, and no longer sleep: a sleep of the machine does not count for timers, and the file may change.
        keeper.look()
        notify("WATCHDOG=1")
        time.sleep(_TICK)


def _sync(seconds: float) -> None:
    """Write out what all file systems have, for a limited time: the last thing to do without the helper."""
    child = os.fork()
    if child == 0:
        try:
            os.sync()
        finally:
            os._exit(0)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends and os.waitpid(child, os.WNOHANG)[0] == 0:
        time.sleep(0.02)


def _digest(data: bytes) -> str:
    # Here and not above: it brings all of OpenSSL with it, which an idle keeper does not need.
    from hashlib import sha256

    return sha256(data).hexdigest()


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

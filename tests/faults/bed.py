"""An emulated switch without sockets, threads or waiting: its own command line, driven by hand, and a virtual clock.

The persona is the lab's (its grammar, its port security, its startup configuration), on the data plane that keeps in
memory what it was told. Nothing in it knows the dialects.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Generator, Iterator
from dataclasses import replace
from typing import Any, NoReturn
from unittest.mock import patch

import drivers.session
from drivers.dialects import dialect
from drivers.session import Session
from drivers.transports import Channel
from lab.initial import initial
from lab.site import SiteSpec, SwitchSpec, Uplink
from lab.switch.loopback import LoopbackDataPlane, PortState
from lab.switch.persona.config import parse
from lab.switch.persona.faults import Faults
from lab.switch.persona.session import Dropped
from lab.switch.persona.vendor import find
from policies.errors import DeviceTimeout, Unreachable
from policies.names import canonical
from policies.texts import t

NAME, ENABLE = "swx", "en-of-the-lab"
#: Platform → the stem of its ports.
STEMS = {
    "cisco_ios": "GigabitEthernet1/0/",
    "huawei_vrp": "GigabitEthernet0/0/",
    "huawei_vrpv8": "GE1/0/",
    "h3c_comware": "GigabitEthernet1/0/",
    "ruijie_os": "GigabitEthernet 0/",
}
PORTS = 4
#: Seconds that a session waits for an answer.
TIMEOUT = 30.0


class Clock:
    """Seconds that pass only when somebody waits; it stands in for the module `time` of a session, too."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Give the time."""
        return self.now


class _Waiting:
    """What a persona's session awaits when nothing is typed."""

    def __await__(self) -> Generator[None]:
        yield


class Bed(ABC):
    """One switch and its logins. `faults` are what it does itself on a bad day."""

    platform: str
    stem: str
    clock: Clock
    faults: Faults
    parameters: dict[str, str] | None = None

    def port(self, number: int) -> str:
        """Give the canonical name of a port."""
        return canonical(f"{self.stem}{number}")

    @abstractmethod
    def advance(self, seconds: float) -> None:
        """Let time pass."""

    @abstractmethod
    def login(self) -> Channel:
        """Open a line to it."""

    @abstractmethod
    def forwarding(self) -> object:
        """Give what the data plane does with each port."""

    @abstractmethod
    def running(self) -> tuple[str, ...]:
        """Give the lines of the running configuration, in no order."""

    @abstractmethod
    def saved(self) -> tuple[str, ...]:
        """Give the lines of the startup configuration, in no order."""

    @abstractmethod
    def configuration(self) -> str:
        """Give what another bed of the platform may begin with."""


class PersonaBed(Bed):
    """An emulated switch that has booted with `configuration`, else with that of a careless installer."""

    def __init__(self, platform: str, configuration: str = "") -> None:
        self.platform, self.clock = platform, Clock()
        self.stem = stem = STEMS[platform]
        ports = {f"{stem}{number}": f"p{number}" for number in range(1, PORTS + 1)}
        spec = SwitchSpec(NAME, platform, "", ports)
        core = SwitchSpec("core", "openvswitch", "", {"eth1": "eth1"})
        site = SiteSpec((core, spec), (), (Uplink(("core", "eth1"), (NAME, f"{stem}{PORTS}")),))
        raw = {"name": NAME, "hostname": NAME, "platform": platform, "ports": ports, "credentials": {"enable": ENABLE}}
        self.vendor = find(platform)
        self.plane = LoopbackDataPlane(list(ports.values()), self.clock.monotonic)
        config = parse({**raw, "initial": configuration or initial(spec, site)})
        self.switch = self.vendor.switch(config, self.plane, self.clock.monotonic)
        self.faults = Faults()
        self.lines: list[Line] = []
        self.switch.boot()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.now += seconds
        self.switch.tick()

    def login(self) -> Line:
        """Open a line to it."""
        self.lines.append(Line(self))
        return self.lines[-1]

    def forwarding(self) -> dict[str, PortState]:
        """Give what the data plane does with each port."""
        return {port: replace(self.plane.state(port)) for port in self.plane.ports()}

    def running(self) -> tuple[str, ...]:
        """Give the lines of the running configuration, in no order."""
        return tuple(sorted(self.switch.body().splitlines()))

    def saved(self) -> tuple[str, ...]:
        """Give the lines of the startup configuration, in no order."""
        return tuple(sorted((self.switch.startup or "").splitlines()))

    def configuration(self) -> str:
        """Give what another bed of the platform may begin with."""
        return self.switch.body()

    # -- what a persona asks of its process ----------------------------------------------------------------------------

    def restart(self) -> None:
        """Reboot: every line is lost."""
        for line in self.lines:
            line.lost = True
        self.switch.boot()

    def schedule(self, seconds: float, reason: str) -> NoReturn:
        """Nothing here asks for a reboot later."""
        raise NotImplementedError

    def unschedule(self) -> bool:
        """Nothing is scheduled."""
        return False

    def scheduled(self) -> None:
        """Nothing is scheduled."""


class Line:
    """A :class:`drivers.transports.Channel` to a session of the bed's switch, run until it waits for typing."""

    def __init__(self, bed: PersonaBed) -> None:
        self.bed, self.where, self.lost = bed, bed.platform, False
        self._typed, self._shown = bytearray(), bytearray()
        shell = bed.vendor.session(bed.switch, bed.faults, bed, self._next, self._shown.extend)
        shell.user = "admin"
        self._shell: Coroutine[Any, Any, None] | None = shell.run()
        self._go_on()

    async def _next(self) -> bytes:
        while not self._typed and not self.lost:
            await _Waiting()
        typed = bytes(self._typed)
        self._typed.clear()
        return typed

    def _go_on(self) -> None:
        if self._shell is None:
            return
        try:
            self._shell.send(None)
        except (StopIteration, Dropped):
            self._shell, self.lost = None, True

    def write(self, text: str) -> None:
        """Type; raises Unreachable when the line is lost."""
        if self.lost:
            raise _gone(self.where)
        self._typed += text.encode()
        self._go_on()

    def read(self, timeout: float) -> str:
        """Give what was shown; when there is nothing, the time passes in which nothing comes."""
        if not self._shown:
            if self.lost:
                raise _gone(self.where)
            self.bed.advance(timeout)
            raise DeviceTimeout(t("no answer for {seconds} s", seconds=timeout), where=self.where)
        shown = self._shown.decode("utf-8", "replace")
        self._shown.clear()
        return shown

    def close(self) -> None:
        """Hang up; the switch notices at once."""
        self.lost = True
        self._go_on()


def _gone(where: str) -> Unreachable:
    return Unreachable(t("the connection was closed"), where=where)


@contextlib.contextmanager
def session(bed: Bed, wrap: Callable[[Channel], Channel] = lambda line: line) -> Iterator[Session]:
    """Log in to the bed's switch, waiting by its clock."""
    with patch.object(drivers.session, "time", bed.clock):
        line = wrap(bed.login())
        spoken, more = dialect(bed.platform), bed.parameters
        with Session(line, spoken, switch=NAME, timeout=TIMEOUT, enable_password=ENABLE, parameters=more) as opened:
            yield opened


def bed_of(platform: str, configuration: str = "") -> Bed:
    """Make a bed of any platform."""
    if platform == "openvswitch":
        from tests.faults.ovs_bed import OvsBed

        return OvsBed(configuration)
    if platform == "linux_bridge":
        from tests.faults.bridge_bed import BridgeBed

        return BridgeBed(configuration)
    return PersonaBed(platform, configuration)

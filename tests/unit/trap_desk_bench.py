"""A desk of notifications without sockets: told by hand, its readings given by the test, its clock set by hand."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from controller.broker.say import Say
from controller.context import Context
from controller.ledger.query import Filter, entries
from controller.store.traps import Told, told_rows
from controller.traps.desk import Desk
from controller.traps.gather import Address, Gather
from controller.traps.readings import Reading, Readings
from drivers.snmp import ber
from drivers.snmp.messages import Pdu
from drivers.snmp.values import Value
from policies.errors import PortsealError
from policies.model import ObservedPort, ObservedSwitch, Oper
from policies.site import Switch
from tests.unit.broker_site import SetClock, opened

SITE = """[site]
name = "hq"
[switches.sw1]
platform = "cisco_ios"
host = "192.0.2.1"
username = "u"
ports = ["Gi1/0/1-4"]
uplinks = ["Gi1/0/4"]
[switches.sw2]
platform = "ruijie_os"
host = "192.0.2.2"
ports = ["Gi0/1-2"]
"""
PLATFORMS = ("cisco_ios", "ruijie_os")
VIOLATION, ERR_DISABLE = "1.3.6.1.4.1.9.9.315.0.0.1", "1.3.6.1.4.1.9.9.548.0.2"
MAC_CHANGE, LINK_DOWN, LINK_UP = "1.3.6.1.4.1.9.9.215.2.0.1", "1.3.6.1.6.3.1.1.5.3", "1.3.6.1.6.3.1.1.5.4"
CONFIG = "1.3.6.1.4.1.9.9.43.2.0.1"
IF_NAME, IF_INDEX = "1.3.6.1.2.1.31.1.1.1.1.", "1.3.6.1.2.1.2.2.1.1."
LAST_MAC = "1.3.6.1.4.1.9.9.315.1.2.1.1.10."
CAMERA, LAPTOP = "00:11:22:33:44:55", "66:77:88:99:aa:bb"
ONE, TWO = "GigabitEthernet1/0/1", "GigabitEthernet1/0/2"


def octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


@dataclass
class DeskBench:
    context: Context
    clock: SetClock
    gather: Gather = field(default_factory=Gather)
    sent: list[tuple[bytes, Address]] = field(default_factory=list)
    #: What the next readings of a switch give.
    answers: dict[str, ObservedSwitch | PortsealError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    readings: Readings = field(init=False)
    desk: Desk = field(init=False)
    _done: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.readings = Readings(self.context, self._done.set, self._read)
        self.desk = Desk(self.context, self.gather, self.readings, lambda reply, to: self.sent.append((reply, to)))

    def _read(self, context: Context, switch: Switch) -> Reading:
        self.asked.append(switch.name)
        from controller.store.observations import observation, put_observation

        given, before = self.answers.get(switch.name), observation(context.store, switch.name)
        if isinstance(given, ObservedSwitch):
            put_observation(context.store, given)
            return Reading(switch.name, context.clock(), before, given)
        return Reading(switch.name, context.clock(), before, error=given)

    def hear(self, oid: str, *binds: tuple[str, Value | None], switch: str = "sw1", proof: str = "authPriv") -> None:
        listed = (("1.3.6.1.6.3.1.1.4.1.0", oid), *binds)
        self.gather.take(switch, proof, Pdu(ber.TRAP, 1, listed, b""), "192.0.2.1", self.clock.now)

    def violated(self, number: int = 1, mac: str = LAPTOP) -> None:
        self.hear(
            VIOLATION, (f"{IF_NAME}1010{number}", f"Gi1/0/{number}".encode()), (f"{LAST_MAC}1010{number}", octets(mac))
        )

    def work(self) -> list[Say]:
        said = self.desk.work(self.clock.now)
        while self.gather.waiting:
            said += self.desk.work(self.clock.now)
        return said

    def read(self, seconds: float = 1.0) -> list[Say]:
        """Let the readings that were asked for be done, and work them off."""
        assert self._done.wait(20)
        self._done.clear()
        self.clock.forward(seconds=seconds)
        return self.work()

    def pass_quiet(self, **delta: float) -> None:
        """Let time pass in one step, and forget the pause between two readings."""
        self.clock.forward(**delta)
        self.readings._not_before.clear()

    def observed(self, *ports: ObservedPort, switch: str = "sw1") -> ObservedSwitch:
        return ObservedSwitch(
            switch,
            "cisco_ios",
            self.clock.now + timedelta(seconds=len(self.asked)),
            {port.name: port for port in ports},
        )

    def rows(self) -> list[Told]:
        return list(told_rows(self.context.store, limit=100_000))

    def told(self) -> list[tuple[str, str]]:
        """Give kind and subject of every entry about notifications."""
        return [(each.kind, each.subject) for each in entries(self.context.store, Filter())]

    def data(self, kind: str) -> list[dict[str, object]]:
        return [each.data for each in entries(self.context.store, Filter(kind=kind))]


def up(name: str, **given: object) -> ObservedPort:
    return ObservedPort(name, oper=Oper.UP, **given)  # type: ignore[arg-type]


@contextmanager
def desk_bench(folder: Path) -> Iterator[DeskBench]:
    clock = SetClock()
    with opened(folder, SITE, clock) as context:
        context.store.execute("INSERT INTO device VALUES ('cam1', 'camera', ?, '10.0.0.1', '', '', '', '')", (CAMERA,))
        context.store.execute("INSERT INTO binding VALUES ('cam1', 'sw1', ?, 30)", (ONE,))
        made = DeskBench(context, clock)
        yield made
        made.readings.close()

"""Authenticated readings that notifications ask for: few at a time, one for each switch, with a pause between.

The way by which the switch is planned comes first: its reading is what plans and verdicts rest on, and it is kept. That
is SSH, or SNMPv3 where the site says so. Else SNMPv3 with authentication is taken where SSH is not declared or does not
answer; what it gives is used here only. SNMPv2c proves nothing and is not asked.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from controller.context import Context
from controller.network.equipment import LOCAL, SwitchEquipment
from controller.secrets.resolve import resolve
from controller.store.observations import observation, put_observation
from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.access import resolve as with_secrets
from policies.errors import ConfigError, EquipmentError, PortsealError, Unexpected
from policies.model import ObservedSwitch
from policies.site import Switch
from policies.texts import t

_log = logging.getLogger("portseal.traps")

#: Readings at a time, and seconds between the end of one and the next one's begin on the same switch.
WORKERS, PAUSE, PAUSE_FAILED = 4, 5.0, 30.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A switch as it was read, or why not; `before` is the reading before it, if one is kept."""

    switch: str
    started: datetime
    before: ObservedSwitch | None = None
    after: ObservedSwitch | None = None
    error: PortsealError | None = None


Read = Callable[[Context, Switch], Reading]


def read_authentic(context: Context, switch: Switch) -> Reading:
    """Read a switch as it is planned, else over SNMPv3; never raises a PortsealError: it is in the reading."""
    started = context.clock()
    before = observation(context.store, switch.name)
    try:
        return Reading(switch.name, started, before, _as_planned(context, switch))
    except EquipmentError as error:
        access = _authentic_snmp(context, switch)
        if access is None:
            return Reading(switch.name, started, before, error=error)
    except PortsealError as error:
        return Reading(switch.name, started, before, error=error)
    from drivers.snmp.discover import discover_address

    try:
        after = discover_address(access, now=context.clock(), switch=switch.name)
    except PortsealError as error:
        return Reading(switch.name, started, before, error=error)
    return Reading(switch.name, started, before, after)


def _as_planned(context: Context, switch: Switch) -> ObservedSwitch:
    authentic = switch.host == LOCAL or bool(switch.username)
    if switch.write == "snmp":
        authentic = switch.snmp is not None and switch.snmp.auth_password is not None
    if not authentic:
        raise EquipmentError(
            t("there is no authenticated way to read this switch"),
            where=switch.name,
            next_step=t("declare username and password, or SNMPv3 with an authentication password"),
        )
    equipment = SwitchEquipment(context.site, switch, context.clock)
    with equipment.session() as session:
        observed = equipment.observe(session)
    put_observation(context.store, observed)
    return observed


def _authentic_snmp(context: Context, switch: Switch) -> ResolvedSnmp | None:
    if switch.snmp is None or switch.snmp.user is None or switch.snmp.auth_password is None:
        return None
    try:
        return with_secrets(switch.snmp, lambda reference: resolve(reference, context.site.folder).reveal())
    except ConfigError as error:
        _log.error("%s: %s", switch.name, error)
        return None


def port_names(context: Context, switch: Switch) -> dict[int, str]:
    """Give ifIndex → port name of a switch whose SNMP agent is declared; empty when it does not answer.

    A name is where to look, not a verdict, so that the agent's community is good enough.
    """
    from drivers.snmp.oids import Oid
    from drivers.snmp.session import SnmpSession
    from drivers.snmp.values import as_text
    from policies.names import canonical

    if switch.snmp is None:
        return {}
    try:
        access = with_secrets(switch.snmp, lambda reference: resolve(reference, context.site.folder).reveal())
        with SnmpSession(access) as session:
            rows = session.column(Oid.IF_NAME) or session.column(Oid.IF_DESCR)
    except PortsealError as error:
        _log.info("%s: names of ports are not known: %s", switch.name, error)
        return {}
    names: dict[int, str] = {}
    for index, value in rows.items():
        try:
            names[index[-1]] = canonical(as_text(value))
        except PortsealError:  # no port: a VLAN or a loopback with a name of its own
            continue
    return names


class Readings:
    """Does readings in threads of its own, which hold up nobody's end. `ready` is called from them when one is done."""

    def __init__(self, context: Context, ready: Callable[[], None], read: Read = read_authentic) -> None:
        self._context, self._ready, self._read = context, ready, read
        self._lock = threading.Lock()
        self._wanted: set[str] = set()
        self._running: set[str] = set()
        self._not_before: dict[str, float] = {}
        self._done: list[Reading] = []
        self._names: dict[str, dict[int, str]] = {}
        self._closed = False

    def close(self) -> None:
        """Begin no further reading; those under way end with the process."""
        self._closed = True

    def learn_names(self) -> None:
        """Ask every switch with an SNMP agent for its ports' names, in the background."""
        threading.Thread(target=self._learn, name="port-names", daemon=True).start()

    def name_of(self, switch: str, if_index: int) -> str:
        """Give a port's canonical name by its ifIndex; "" when it is not known."""
        return self._names.get(switch, {}).get(if_index, "")

    def want(self, switch: str) -> None:
        """Have a switch read from now on, as soon as it may be; several wishes are one reading."""
        with self._lock:
            self._wanted.add(switch)
        self.tick()

    def tick(self) -> None:
        """Begin the readings that are due."""
        now = time.monotonic()
        with self._lock:
            free = WORKERS - len(self._running)
            due = [
                name for name in self._wanted if name not in self._running and self._not_before.get(name, 0.0) <= now
            ][: max(0, free)]
            self._wanted.difference_update(due)
            self._running.update(due)
        for name in due:
            switch = self._context.site.switch(name)
            if switch is None or self._closed:
                with self._lock:
                    self._running.discard(name)
                continue
            threading.Thread(target=self._one, args=(switch,), name=f"reading-{name}", daemon=True).start()

    def take(self) -> list[Reading]:
        """Give what was read since the last call."""
        with self._lock:
            done, self._done = self._done, []
        return done

    def put_back(self, done: list[Reading]) -> None:
        """Take readings back that could not be written down; of one switch the newest counts."""
        with self._lock:
            newest = {each.switch: each for each in [*done, *self._done]}
            self._done = list(newest.values())

    def _one(self, switch: Switch) -> None:
        try:
            reading = self._read(self._context, switch)
        except Exception as error:  # noqa: BLE001 - a mistake of ours with one switch must not end its readings
            _log.exception("%s could not be read", switch.name)
            reading = Reading(switch.name, self._context.clock(), error=Unexpected(error, where=switch.name))
        with self._lock:
            pause = PAUSE if reading.error is None else PAUSE_FAILED
            self._not_before[switch.name] = time.monotonic() + pause
            self._running.discard(switch.name)
            self._done.append(reading)
            if reading.after is not None:
                told = {port.if_index: port.name for port in reading.after.ports.values() if port.if_index is not None}
                self._names.setdefault(switch.name, {}).update(told)
        if not self._closed:
            self._ready()

    def _learn(self) -> None:
        for switch in self._context.site.switches:
            if self._closed:
                return
            try:
                names = port_names(self._context, switch)
            except Exception:  # noqa: BLE001 - as above
                _log.exception("%s: names of ports are not known", switch.name)
                continue
            with self._lock:
                self._names.setdefault(switch.name, {}).update(names)

"""A switch that is written over SNMP, as the flow speaks with it: what a terminal session is for a command line.

A line names ports; their numbers are those of this session's own reading, and each is asked for its name again before
anything is written, since a switch may number its interfaces anew when it starts.
"""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from drivers.dialect import Dialect, SnmpSaving, SnmpWrites
from drivers.render import Command, fill
from drivers.session import WriteListener
from drivers.snmp import quirks
from drivers.snmp.access import ResolvedSnmp
from drivers.snmp.discover import discover
from drivers.snmp.lines import Assignment, parse_line
from drivers.snmp.oids import Oid
from drivers.snmp.session import SnmpSession
from drivers.snmp.sets import Wanted, put
from drivers.snmp.tables import port_name
from drivers.snmp.values import as_int, as_text
from policies.errors import ConfigError, EquipmentError, VerifyFailed
from policies.model import ObservedSwitch
from policies.texts import t

#: Seconds between two looks at a save that is under way.
_LOOK_S = 0.1
_ROWS = 2**31 - 1
_TICKS = 2**32


@dataclass(frozen=True, slots=True)
class SnmpWay:
    """How an agent is read, and how it is written: over SNMPv3 that is the same, over v2c another community."""

    reading: ResolvedSnmp
    writing: ResolvedSnmp


class SnmpConversation:
    """One conversation with an agent; use it as a context manager. Errors are those of :class:`SnmpSession`."""

    #: An agent has no trial: what is set is in force, and the watchdog alone guards it.
    tried = False

    def __init__(
        self,
        way: SnmpWay,
        dialect: Dialect,
        *,
        switch: str,
        timeout: float = 30.0,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        assert dialect.snmp is not None
        self.dialect, self.switch, self.timeout = dialect, switch, timeout
        self.parameters = {**dialect.parameters, **(parameters or {})}
        self.writes: SnmpWrites = dialect.snmp
        self.reader = SnmpSession(way.reading)
        self.writer = self.reader if way.writing == way.reading else SnmpSession(way.writing)
        self._numbers = _Numbers()
        self._saved = False

    def __enter__(self) -> Self:
        """Give the conversation; nothing is sent before the first reading."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the sockets."""
        for session in {self.reader, self.writer}:
            session.close()

    def state(self, now: datetime) -> ObservedSwitch:
        """Read the whole state; what cannot be both read and set over SNMP is not among its capabilities.

        Raises:
            ConfigError: the agent does not say that it is the platform whose objects would be written.

        """
        given = "" if self.writes.identified else self.dialect.platform
        observed = discover(self.reader, switch=self.switch, now=now, platform=given)
        self._identified(observed.platform)
        self._numbers = _Numbers.read(self.reader, observed, self.writes)
        told, differs = self._unsaved()
        capabilities = observed.capabilities & self.dialect.capabilities - {"startup"}
        return replace(
            observed,
            platform=self.dialect.platform,
            capabilities=capabilities | ({"startup"} if told else set()),
            startup_differs=differs,
        )

    def configure(
        self, commands: Sequence[Command], listener: WriteListener | None = None, *, trial: bool = False
    ) -> None:
        """Set what `commands` say, one SET each; `listener` is told before and after each. `trial` changes nothing.

        Raises:
            SetRefused: the agent refused a set; those before it are done.

        """
        del trial
        read = [(command.line, parse_line(command.line, self.writes, where=self.switch)) for command in commands]
        self._numbers.still(self.reader, [each for _, line in read for each in line], self.switch)
        for line, assignments in read:
            self._send(line, assignments, listener)

    def confirm(self, listener: WriteListener | None = None) -> None:
        """Nothing is on trial."""

    def withdraw(self, listener: WriteListener | None = None) -> None:
        """Nothing is on trial."""

    def save(self, listener: WriteListener | None = None) -> None:
        """Make the running configuration the startup one, and wait until the switch says that it has.

        Raises:
            VerifyFailed: it says that it has not, or does not say anything in time.

        """
        save, saving = self.dialect.save, self.writes.saving
        if save is None or saving is None:
            return
        row = str(1 + secrets.randbelow(_ROWS))
        line = fill(save.command, {**self.parameters, "row": row})
        self._send(line, parse_line(line, self.writes, where=self.switch), listener)
        try:
            self._follow(saving, row)
            self._saved = True
        finally:
            with contextlib.suppress(EquipmentError):  # a row that stays is forgotten by the switch after a while
                end = fill(saving.end, {"row": row})
                self._send(end, parse_line(end, self.writes, where=self.switch), None)

    def _send(self, line: str, assignments: Sequence[Assignment], listener: WriteListener | None) -> None:
        told = listener or _silent
        told("before", line)
        wanted = [self._numbers.wanted(self.reader, each, self.switch) for each in assignments]
        put(self.reader, self.writer, wanted, line=line, where=self.switch)
        told("after", line)

    def _follow(self, saving: SnmpSaving, row: str) -> None:
        ends = time.monotonic() + self.timeout
        state, cause = (f"{self.writes.objects[name].oid}.{row}" for name in (saving.state, saving.cause))
        while True:
            told = self.reader.get(state, cause)
            now = as_int(told.get(state))
            if now == saving.done:
                return
            if now is not None and now not in saving.pending:
                number = as_int(told.get(cause))
                said = saving.causes.get(number or 0, "?")
                raise _not_saved(self.switch, f"{said} ({number})")
            if time.monotonic() >= ends:
                raise _not_saved(self.switch, "-")
            time.sleep(_LOOK_S)

    def _identified(self, found: str) -> None:
        declared = self.dialect.platform
        if found == declared:
            return
        what = t("SNMP says that it is {found}, not {declared}", found=found, declared=declared)
        if not found:
            what = t("SNMP does not say which platform it is, and {declared} is only declared", declared=declared)
        raise ConfigError(
            what,
            where=self.switch,
            next_step=t("correct 'platform' of this switch in site.toml, or write to it over SSH"),
        )

    def _unsaved(self) -> tuple[bool, tuple[str, ...] | None]:
        """Tell whether the agent knows when its configurations changed, and whether running did so after startup.

        Ages are compared, not times: sysUpTime starts anew after 497 days. A startup configuration that was not written
        since the start is the one that the switch started from, and whether running still equals it is not known.
        """
        if not self.writes.changed:
            return False, None
        told = self.reader.get(Oid.SYS_UPTIME, self.writes.changed, self.writes.saved)
        up, changed, saved = (as_int(told.get(o)) for o in (Oid.SYS_UPTIME, self.writes.changed, self.writes.saved))
        if up is None or changed is None or saved is None:
            return False, None
        if saved == 0 and not self._saved:
            return True, None
        later = saved == 0 or (up - changed) % _TICKS < (up - saved) % _TICKS
        return True, (f"+ sysUpTime {changed} > {saved}",) if later else ()


class _Numbers:
    """The numbers that ports have on the agent now."""

    def __init__(self) -> None:
        self.if_index: dict[str, int] = {}
        self.bridge_port: dict[str, int] = {}
        self.fdb: dict[int, int] = {}
        self.list_octets = 1

    @classmethod
    def read(cls, session: SnmpSession, observed: ObservedSwitch, writes: SnmpWrites) -> Self:
        """Take ifIndexes from a reading; bridge ports and databases are read where the dialect names any."""
        made = cls()
        made.if_index = {name: port.if_index for name, port in observed.ports.items() if port.if_index is not None}
        kinds = {part for thing in writes.objects.values() for part in thing.index}
        if "bridge_port" not in kinds and not any(thing.kinds == "p" for thing in writes.objects.values()):
            return made
        by_index = {index: name for name, index in made.if_index.items()}
        for number, index in session.column(Oid.BASE_PORT_IF_INDEX).items():
            name = by_index.get(as_int(index) or 0)
            if name is not None:
                made.bridge_port[name] = number[-1]
        for place, database in session.column(Oid.VLAN_FDB_ID).items():
            vlan, number_of = quirks.vlan_of_time_mark(place), as_int(database)
            if vlan is not None and number_of is not None:
                made.fdb[vlan] = number_of
        lists = session.column(Oid.VLAN_STATIC_EGRESS).values()
        known = max((len(value) for value in lists if isinstance(value, bytes)), default=0)
        made.list_octets = known or (max(made.bridge_port.values(), default=8) + 7) // 8
        return made

    def still(self, session: SnmpSession, assignments: Sequence[Assignment], switch: str) -> None:
        """Make sure that the ifIndexes still mean the ports that they meant when they were read.

        Raises:
            EquipmentError: one does not.

        """
        ports = {
            part
            for each in assignments
            for part, kind in zip(each.parts, each.thing.index, strict=True)
            if kind == "if_index"
        }
        for name in sorted(ports):
            index = self._of(self.if_index, name, switch)
            told = session.get(f"{Oid.IF_NAME}.{index}", f"{Oid.IF_DESCR}.{index}")
            named, described = (as_text(told.get(f"{oid}.{index}")) for oid in (Oid.IF_NAME, Oid.IF_DESCR))
            if port_name(named, described, literal=False) != name:
                raise EquipmentError(
                    t("{port} has another number than a moment ago: the switch numbers its ports anew", port=name),
                    where=switch,
                    next_step=t("wait until the switch has started, then plan again"),
                )

    def wanted(self, session: SnmpSession, each: Assignment, switch: str) -> Wanted:
        """Give the instance that an assignment means, and its value in the agent's terms."""
        thing = each.thing
        tail = [
            number
            for part, kind in zip(each.parts, thing.index, strict=True)
            for number in self._part(part, kind, switch)
        ]
        oid = ".".join([thing.oid, *map(str, tail or [0])]) if thing.index else thing.oid
        if thing.kinds == "p":
            octets = self._ports(session, oid, each, switch)
            return Wanted(oid, "p", octets, octets, ports=True)
        value: int | bytes = each.value if isinstance(each.value, int) else each.value.encode()
        shown = thing.shows.get(value, value) if isinstance(value, int) else value
        return Wanted(oid, thing.kinds, value, shown, makes=value in thing.creates)

    def _part(self, part: str, kind: str, switch: str) -> Sequence[int]:
        if kind == "mac":
            return tuple(bytes.fromhex(part.replace(":", "")))
        if kind == "if_index":
            return (self._of(self.if_index, part, switch),)
        if kind == "bridge_port":
            return (self._of(self.bridge_port, part, switch),)
        if kind == "fdb":
            return (self.fdb.get(int(part), int(part)),)
        return (int(part),) if kind else ()

    def _ports(self, session: SnmpSession, oid: str, each: Assignment, switch: str) -> bytes:
        number = self._of(self.bridge_port, str(each.value), switch)
        now = session.get(oid).get(oid) if each.act != "=" else b""
        ports = set(quirks.port_bits(now) if isinstance(now, bytes) else ())
        (ports.discard if each.act == "-=" else ports.add)(number)
        octets = len(now) if isinstance(now, bytes) and now else self.list_octets
        return quirks.port_list(ports, octets)

    def _of(self, numbers: Mapping[str, int], port: str, switch: str) -> int:
        number = numbers.get(port)
        if number is None:
            raise EquipmentError(
                t("{port} is gone", port=port),
                where=switch,
                next_step=t("read the switch again with 'portseal discover'"),
            )
        return number


def _not_saved(switch: str, cause: str) -> VerifyFailed:
    return VerifyFailed(
        t("the switch did not say that it saved: {cause}", cause=cause),
        where=switch,
        next_step=t("save by hand, then run 'portseal check'"),
    )


def _silent(phase: str, line: str) -> None:
    """Nobody listens."""

"""What a reading of a switch says about what notifications claimed of it, row by row, and what nobody had told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from controller.broker.say import Say
from controller.context import Context
from controller.store import traps as store
from controller.store.inventory import bindings, devices
from controller.store.traps import Told
from controller.traps.readings import Reading
from controller.traps.recording import record
from drivers.snmp.traps.words import Kind
from policies.model import ObservedSwitch
from policies.violations import Evidence, Sighting, changed_ports, newly, sightings

_MACS = (Kind.MAC_LEARNED, Kind.MAC_MOVED)
#: Kinds whose reading is told to the ledger.
_JUDGED = (Kind.VIOLATION, Kind.BLOCKED, *_MACS)
_SHOWN_PORTS = 32


class Judging:
    """Judges in the transaction of the caller."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def take(self, reading: Reading, now: datetime) -> list[Say]:
        """Judge all rows of a switch that wait for a reading, and write down what the reading alone shows."""
        waiting = [
            told
            for told in store.open_rows(self._context.store, reading.switch)
            if told.reading == "waiting" and reading.started >= (told.read_at or told.first_at)
        ]
        if reading.after is None:
            error = "" if reading.error is None else str(reading.error)[:300]
            return [said for told in waiting for said in self._close(told, "failed", {"error": error}, now)]
        seen = sightings(
            reading.before, reading.after, self._bound(reading.switch), {mac for told in waiting for mac in told.macs}
        )
        said: list[Say] = []
        used: set[str] = set()
        for told in waiting:
            state, found = _judge(told, reading, seen)
            used.update(found.get("ports", ()))
            said += self._close(told, state, found, now)
        return said + self._untold(reading, seen, used, now)

    def _bound(self, switch: str) -> dict[str, frozenset[str]]:
        """Give the MACs that belong on each port of a switch."""
        macs = {device.name: device.mac for device in devices(self._context.store)}
        found: dict[str, set[str]] = {}
        for binding in bindings(self._context.store, switch):
            found.setdefault(binding.port, set()).add(macs[binding.device])
        return {port: frozenset(each) for port, each in found.items()}

    def _close(self, told: Told, state: str, found: dict[str, Any], now: datetime) -> list[Say]:
        """Note what came of the reading; the ledger is told when it is another outcome than before."""
        again = told.found.get("outcome") == state
        store.put(self._context.store, replace(told, reading=state, read_at=now, found={**found, "outcome": state}))
        if told.kind not in _JUDGED or again or not told.entry:
            return []
        kind = {"failed": "violation.unread"}.get(state, f"violation.{state}")
        data = {**found, "cause": told.cause, "claim": told.kind, "claimed": told.entry, "count": told.count}
        ports = found.get("ports")
        subject = f"{told.switch}/{ports[0]}" if isinstance(ports, list) and len(ports) == 1 else told.subject
        return record(self._context, kind, subject, data)[0]

    def _untold(self, reading: Reading, seen: dict[str, Sighting], used: set[str], now: datetime) -> list[Say]:
        """Write down violations that the reading shows and no notification told: it was lost, or never sent."""
        if reading.before is None:
            return []
        open_ports = {
            told.port
            for told in store.open_rows(self._context.store, reading.switch)
            if told.kind in (Kind.VIOLATION, Kind.BLOCKED)
        }
        said: list[Say] = []
        for port, sighting in seen.items():
            if port in used or port in open_ports or not newly(sighting, reading.before.ports.get(port)):
                continue
            found = _found([sighting])
            told = store.put(
                self._context.store,
                Told(
                    0, reading.switch, port, Kind.VIOLATION, sighting.cause or "port-security", "", "reading", "", now,
                    now, 1, sighting.macs, 0, None, [], True, 0, 0, "confirmed", now, {**found, "outcome": "confirmed"},
                ),
            )  # fmt: skip
            data = {**found, "cause": told.cause, "claim": None, "claimed": None, "count": 1}
            more, entry = record(self._context, "violation.confirmed", told.subject, data)
            store.put(self._context.store, replace(told, entry=entry, recorded=1))
            said += more
        return said


def _judge(told: Told, reading: Reading, seen: dict[str, Sighting]) -> tuple[str, dict[str, Any]]:
    """Give the outcome for one row, and what was found."""
    after = reading.after
    assert after is not None
    if told.kind in (Kind.VIOLATION, Kind.BLOCKED):
        fitting = [each for each in _candidates(told, reading, seen) if _shows(told, each)]
        return ("confirmed", _found(fitting)) if fitting else ("unconfirmed", {})
    if told.kind in _MACS:
        places = {
            name: macs for name, port in after.ports.items() if (macs := sorted(port.present.intersection(told.macs)))
        }
        if told.port in after.ports:
            places = {name: macs for name, macs in places.items() if name == told.port}
        if not places:
            return "unconfirmed", {}
        macs = sorted({mac for each in places.values() for mac in each})
        return "confirmed", {"evidence": [Evidence.LEARNED.value], "macs": macs, "ports": sorted(places)[:_SHOWN_PORTS]}
    return "read", _told_by(told, reading, after)


def _candidates(told: Told, reading: Reading, seen: dict[str, Sighting]) -> list[Sighting]:
    """Give the sightings that a row may be about: its port's, or where no name is known, those with its MAC or new."""
    after = reading.after
    assert after is not None
    if told.port in after.ports:
        return [seen[told.port]] if told.port in seen else []
    with_mac = [each for each in seen.values() if set(each.macs).intersection(told.macs)]
    if with_mac:
        return with_mac
    before = reading.before
    return [each for name, each in seen.items() if newly(each, None if before is None else before.ports.get(name))]


def _shows(told: Told, sighting: Sighting) -> bool:
    return told.kind == Kind.VIOLATION or Evidence.BLOCKED in sighting.evidence


def _found(fitting: list[Sighting]) -> dict[str, Any]:
    """Give sightings as data: one port's counters where it is one."""
    evidence = {each.value for sighting in fitting for each in sighting.evidence}
    found: dict[str, Any] = {
        "evidence": sorted(evidence),
        "macs": sorted({mac for each in fitting for mac in each.macs})[:_SHOWN_PORTS],
        "ports": sorted(each.port for each in fitting)[:_SHOWN_PORTS],
    }
    if len(fitting) == 1:
        found |= {"before": fitting[0].before, "violations": fitting[0].count, "blocked": fitting[0].cause or None}
    return found


def _told_by(told: Told, reading: Reading, after: ObservedSwitch) -> dict[str, Any]:
    """Give what the reading says of other kinds: the port's link, or what is configured otherwise than before."""
    port = after.ports.get(told.port)
    found: dict[str, Any] = {} if port is None else {"link": port.oper.value}
    if told.kind in (Kind.CONFIG, Kind.STARTED) and reading.before is not None:
        changed = changed_ports(reading.before, after)
        found["changed"] = changed[:_SHOWN_PORTS]
    if told.kind in (Kind.CONFIG, Kind.STARTED):
        found["saved"] = None if after.startup_differs is None else not after.startup_differs
    return found

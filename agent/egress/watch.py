"""The agent's view of the guard: records become events, its state part of the status, its silence is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from agent.egress.records import SILENT, Record, forget, read_state, records
from agent.link.spool import Told
from policies.messages.event import Value


class GuardWatch:
    """Looks after the guard of a terminal whose file is `declared`; `began` is when the agent did (CLOCK_BOOTTIME)."""

    def __init__(self, declared: Path, state: Path, run: Path, boot: str, began: float) -> None:
        self._declared, self._state, self._run, self._boot = declared, state, run, boot
        self._heard, self._silent = began, False

    def waiting(self) -> list[Record]:
        """Give what the guard wants told."""
        return records(self._state)

    def told(self, found: Iterable[Record]) -> list[Told]:
        """Make events of records; of those of an earlier boot only is known that they are older than this one."""
        return [(each.kind, _dated(each, self._boot)) for each in found]

    def taken(self, found: Iterable[Record]) -> None:
        """Let go of records whose events are durable."""
        for path in {each.path for each in found}:
            forget(path)

    def silence(self, now: float) -> list[Told]:
        """Tell once when a guard that is declared says nothing any more."""
        if self._now(now) is not None:
            self._heard, self._silent = now, False
        elif not self._silent and now - self._heard > SILENT and self._declared.exists():
            self._silent = True
            return [("egress.silent", {"seconds": round(now - self._heard)})]
        return []

    def shown(self, now: float) -> Mapping[str, Any] | None:
        """Give the part of the status; None where no guard is declared and none runs."""
        told = self._now(now)
        if told is None:
            return {"guard": "silent", "fault": None, "wrong": [], "seconds": None} if self._declared.exists() else None
        proved = told.get("proved_ms")
        return {
            "guard": told.get("guard"), "fault": told.get("fault"), "wrong": told.get("wrong", []),
            "seconds": None if type(proved) is not int else max(0, round(now - proved / 1000)),
        }  # fmt: skip

    def _now(self, now: float) -> Mapping[str, Any] | None:
        told = read_state(self._run)
        if told is None or told["boot"] != self._boot or now - told["at_ms"] / 1000 > SILENT:
            return None
        return told


def _dated(record: Record, boot: str) -> dict[str, Value]:
    data = dict(record.data)
    return data | {"at_ms": 0} if record.boot != boot and "at_ms" in data else data

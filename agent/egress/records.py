"""What the guard leaves for the agent, which alone signs: records to be told, one file each, and its present state.

The guard starts before the network and before the agent, and may outlive it: its records wait on disk, in order, until
the agent has made events of them. There is room for so many; beyond that they are counted.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.usb.bindings import replace_file
from policies.errors import StorageFailed
from policies.messages.event import MAX_LIST, MAX_MEMBERS, MAX_STRING, Value
from policies.messages.kinds import KINDS

_log = logging.getLogger("portseal.guard")

#: The folder of records in the state folder, and the guard's present state in the run folder.
RECORDS, STATE = "guard", "guard.json"
#: Records that wait at most.
MOST = 500
#: Seconds after which a guard that has written no state counts as silent; it does so every few seconds.
SILENT = 60.0
#: Bytes that are read of a file of the guard's. What it wants told has to fit into an event, with its envelope.
_LARGEST, _RECORD = 1 << 16, 15_000
_COUNTS = 1 << 53
_KEY = re.compile(r"[a-z][a-z0-9_.]{0,63}")
_PREFIX = "egress."


@dataclass(frozen=True, slots=True)
class Record:
    """Something to tell, of the kernel's boot `boot`; `path` is its file."""

    path: Path
    boot: str
    kind: str
    data: Mapping[str, Value]


class Outbox:
    """The guard's side: writes records in their order."""

    def __init__(self, state: Path, boot: str) -> None:
        self._folder, self._boot = state / RECORDS, boot
        self._lost = 0
        self._last = max((int(each.stem) for each in _files(self._folder)), default=0)

    def put(self, kind: str, data: Mapping[str, Value]) -> None:
        """Leave one record; what finds no room, or no disk, is counted and logged."""
        _log.info("%s %s", kind, json.dumps(dict(data), ensure_ascii=False, default=list)[:500])
        waiting = sum(1 for _ in _files(self._folder))
        document = {"v": 1, "boot": self._boot, "kind": kind, "data": dict(data), "lost": self._lost}
        try:
            if waiting >= MOST:
                raise FileExistsError
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(self._folder / f"{self._last + 1:08}.json", json.dumps(document).encode())
        except (OSError, StorageFailed) as error:
            self._lost += 1
            _log.warning("a record finds no room: %s", error)
            return
        self._last, self._lost = self._last + 1, 0


def records(state: Path) -> list[Record]:
    """Give the records that wait, in order; what cannot be read is deleted and logged."""
    found = []
    for path in sorted(_files(state / RECORDS)):
        try:
            found += _read(path)
        except FileNotFoundError:
            continue
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            _log.warning("%s is no record of the guard", path)
            forget(path)
    return found


def forget(path: Path) -> None:
    """Delete a record that is durable elsewhere."""
    with suppress(OSError):
        path.unlink()


def read_state(run: Path) -> dict[str, Any] | None:
    """Give what the guard says of itself now; None when it says nothing that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        told = json.loads((run / STATE).read_bytes()[:_LARGEST])
        if isinstance(told, dict) and type(told.get("at_ms")) is int and isinstance(told.get("boot"), str):
            return told
    return None


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.glob("*.json") if each.stem.isascii() and each.stem.isdecimal())


def _read(path: Path) -> list[Record]:
    told = json.loads(path.read_bytes()[:_RECORD])
    kind, data, lost = told["kind"], told["data"], told["lost"]
    if told["v"] != 1 or kind not in KINDS or not kind.startswith(_PREFIX) or type(lost) is not int:
        raise ValueError
    if not isinstance(data, dict) or len(data) > MAX_MEMBERS or not all(map(_holds, data, data.values())):
        raise ValueError
    if not isinstance(told["boot"], str) or not 0 <= lost < _COUNTS:
        raise ValueError
    made = [Record(path, told["boot"], kind, data)]
    return [Record(path, told["boot"], "egress.lost", {"count": lost}), *made] if lost else made


def _holds(key: object, value: object) -> bool:
    """Tell whether an event can hold it."""
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        return False
    if isinstance(value, list):
        return len(value) <= MAX_LIST and all(isinstance(each, str) and len(each) <= MAX_STRING for each in value)
    if isinstance(value, int):
        return -_COUNTS < value < _COUNTS
    return value is None or (isinstance(value, str) and len(value) <= MAX_STRING)

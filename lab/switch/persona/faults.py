"""Faults that a test asks of a persona: what real switches do on a bad day, at a place that the test chooses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

#: reject: answer a command with `text` (default: the invalid input marker) and do nothing.
#: ignore: answer nothing and do nothing, as if the command had been taken.
#: hang: stop answering at the command. drop: end the session at the command.
#: garbage: bytes that are no text inside the output. log: console log lines (`text`) inside the output.
#: latency: `ms` before each answer. wrong-password: no password is right.
#: reject (text: the error status) and ignore also strike SNMP sets, written `OID = value`, several joined by ` & `.
#: busy-nvram: `write memory` cannot open the startup configuration. lost-save: it says [OK] and saves nothing.
KINDS = frozenset(
    {"reject", "ignore", "hang", "drop", "garbage", "log", "latency", "wrong-password", "busy-nvram", "lost-save"}
)


@dataclass(slots=True)
class Fault:
    """One fault: it strikes at the `nth` command that `match` (a regular expression) finds, `times` times (0: always).

    `where` restricts it to config commands ("config"), to exec commands ("exec"), or to SNMP sets ("snmp").
    """

    kind: str
    match: str = ""
    nth: int = 1
    times: int = 1
    text: str = ""
    ms: int = 0
    where: str = ""
    seen: int = 0
    struck: int = 0

    def strikes(self, line: str, where: str) -> bool:
        """Count a command and tell whether the fault strikes at it."""
        if self.where and self.where != where:
            return False
        if re.search(self.match, line) is None:
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times and self.struck >= self.times):
            return False
        self.struck += 1
        return True


class Faults:
    """The faults of one persona; a test may add and clear them at any time, from any thread."""

    def __init__(self, entries: tuple[dict[str, Any], ...] = ()) -> None:
        self._entries: list[Fault] = []
        for entry in entries:
            self.add(**entry)

    def add(self, kind: str, match: str = "", **details: Any) -> Fault:
        """Add a fault (fields of Fault); raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(sorted(KINDS))}")
        fault = Fault(kind, match, **details)
        self._entries.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all faults."""
        self._entries.clear()

    def take(self, kind: str, line: str = "", where: str = "") -> Fault | None:
        """Give the fault of `kind` that strikes at `line`, counting it, or None."""
        for fault in list(self._entries):
            if fault.kind == kind and fault.strikes(line, where):
                return fault
        return None

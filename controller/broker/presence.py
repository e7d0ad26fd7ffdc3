"""Which terminals are there: their last status, and since when they say nothing.

A status is retained by the broker, with the last will in its place when the connection breaks; the heartbeat tells of a
terminal whose connection stands and that does not answer. That one was lost or came back is an entry of the ledger.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from controller.broker.events import finding
from controller.broker.say import Say
from controller.context import Context
from controller.ledger.entry import Draft
from controller.store.told import GONE, Heard, put_status
from policies.cards.rights import OpenLease, TerminalState
from policies.messages.status import Status

#: A heartbeat that says nothing new is kept this often: it is the evidence that the terminal is there.
KEEP = timedelta(minutes=10)


class Presence:
    """The terminals with an agent. `heard` and `tick` belong into a transaction; after one that failed, `forget`."""

    def __init__(self, context: Context, now: datetime) -> None:
        self._context = context
        self._silent = timedelta(seconds=context.site.parameters.terminal_silent_s)
        self._names = tuple(each.name for each in context.site.terminals if each.agent)
        self._started = now
        self._heard: dict[str, Heard] = {}
        self._lost: set[str] = set()
        self._kept: dict[str, datetime] = {}

    def heard(self, terminal: str, status: Status, now: datetime) -> list[Say]:
        """Take a status; also one that the broker kept: it would have put the last will in its place."""
        before = self._heard.get(terminal)
        self._heard[terminal] = Heard(status, now)
        same = before is not None and replace(before.status, seq=status.seq) == status
        if not same or now - self._kept.get(terminal, now - KEEP) >= KEEP:
            self._kept[terminal] = now
            put_status(self._context.store, terminal, self._heard[terminal])
        return self._compare(terminal, now)

    def tick(self, now: datetime) -> list[Say]:
        """Notice who has become silent."""
        return [said for name in self._names for said in self._compare(name, now)]

    def status(self, terminal: str) -> Status | None:
        """Give the last status of a terminal since this process began."""
        found = self._heard.get(terminal)
        return None if found is None else found.status

    def heard_at(self, terminal: str) -> datetime | None:
        """Give when a terminal was last heard since this process began."""
        found = self._heard.get(terminal)
        return None if found is None else found.at

    def online(self, terminal: str, now: datetime) -> bool:
        """Tell whether a terminal can be expected to answer."""
        found = self._heard.get(terminal)
        return found is not None and found.status.state not in GONE and now - found.at <= self._silent

    def state(self, terminal: str, now: datetime, leases: tuple[OpenLease, ...]) -> TerminalState:
        """Give a terminal as a decision sees it."""
        found = self._heard.get(terminal)
        return TerminalState(terminal, self.online(terminal, now), None if found is None else found.at, leases)

    def forget(self) -> None:
        """Drop who was taken for lost, and what was kept: a transaction that wrote it down was rolled back."""
        self._lost.clear()
        self._kept.clear()

    def _compare(self, name: str, now: datetime) -> list[Say]:
        there = self.online(name, now)
        if there and name in self._lost:
            self._lost.discard(name)
            self._context.ledger.append_many([Draft.make("terminal.heard", name, {}, "controller")])
        elif not there and name not in self._lost and (name in self._heard or now - self._started > self._silent):
            self._lost.add(name)
            found = self._heard.get(name)
            last = "none" if found is None else found.status.state.value
            return finding(self._context, "terminal.silent", name, {"last": last})
        return []

"""What the operator asks for, on its way to the controller: a purpose, more time, a second person's card.

It grants nothing. It is sent once, now or not at all: when the broker is away the operator is told so at once, and what
the broker does not confirm in time is given up and never sent later.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from agent.link.broker import Sent
from agent.terminal import Terminal
from agent.usb.gate import is_live
from policies.errors import SafetyRefusal, UsageError
from policies.grants import Purpose
from policies.messages.request import Request
from policies.texts import t
from policies.usb import Lease

#: No more requests than this in so many seconds, from whomever.
MOST, WINDOW_SECONDS = 6, 20.0
#: For how many seconds `status` tells of the last request.
SHOWN_SECONDS = 90.0


class Outlet(Protocol):
    """The way to the controller (:class:`agent.link.broker.Link`)."""

    @property
    def connected(self) -> bool:
        """Whether the broker is there now."""
        ...

    def request(self, payload: bytes) -> Callable[[], Sent]:
        """Send a request, and give what tells how far it came; raises Unreachable when the broker is away."""
        ...


@dataclass(frozen=True, slots=True)
class _Asked:
    request: Request
    at: float
    sent: Callable[[], Sent]


class Requests:
    """The requests of one terminal; `outlet` is None where no broker is declared."""

    def __init__(self, terminal: Terminal, outlet: Outlet | None) -> None:
        self._terminal, self._outlet = terminal, outlet
        self._times: deque[float] = deque(maxlen=MOST)
        self._last: _Asked | None = None
        self._wanted: set[str] = set()
        self._extended: set[str] = set()

    @property
    def broker(self) -> str:
        """How the controller can be reached: connected, away, or none (no broker is declared)."""
        if self._outlet is None:
            return "none"
        return "connected" if self._outlet.connected else "away"

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send what the operator asks for; raises SafetyRefusal, Unreachable and UsageError, each one sentence."""
        made = self._made(request)
        if self._outlet is None:
            raise UsageError(
                t("this terminal has no broker, so it can ask nothing of the controller"),
                next_step=t("ask the administrator of this site"),
            )
        now = self._terminal.moment.boottime
        if len(self._times) == MOST and now - self._times[0] < WINDOW_SECONDS:
            raise SafetyRefusal(
                t("too many requests in a short time"),
                next_step=t("wait {seconds} s", seconds=int(WINDOW_SECONDS - now + self._times[0]) + 1),
            )
        self._times.append(now)
        self._last = _Asked(made, now, self._outlet.request(made.encode()))
        if made.extend is not None:
            self._wanted.add(made.extend)
        return {"ok": True, "request": made.id}

    def opened(self, lease: Lease, older: tuple[Lease, ...]) -> None:
        """Note that a lease began: when the same card's lease was to be prolonged, it is this one, and the only one."""
        prolonged = {each.jti for each in older if each.card == lease.card and each.jti in self._wanted}
        if prolonged:
            self._extended |= {*prolonged, lease.jti}
        self._wanted &= {each.jti for each in older} - prolonged
        self._extended &= {each.jti for each in older} | {lease.jti}

    def extendable(self, lease: Lease) -> bool:
        """Tell whether the operator may ask for more time: once, by a card's lease, when the controller is there."""
        asked = self._last is not None and self._last.request.extend == lease.jti and self._pending(self._last)
        usual = lease.scope.purpose in set(Purpose)
        return usual and lease.jti not in self._extended and not asked and self.broker == "connected"

    def shown(self, now: float) -> dict[str, Any] | None:
        """Give the last request as `status` tells it, or None. `now` is CLOCK_BOOTTIME."""
        last = self._last
        if last is None or now - last.at > SHOWN_SECONDS:
            return None
        made = last.request
        return {
            "purpose": made.purpose.value, "extend": made.extend, "second_card": made.second_card,
            "state": last.sent().value, "seconds": int(now - last.at),
        }  # fmt: skip

    def _pending(self, asked: _Asked) -> bool:
        return asked.sent() is not Sent.LOST and self._terminal.moment.boottime - asked.at < WINDOW_SECONDS

    def _made(self, request: Mapping[str, Any]) -> Request:
        """Make the message; the purpose is the one given, else that of the lease, else the one chosen last."""
        extend, second = request.get("extend"), request.get("second_card", False)
        lease = None if extend is None else self._lease(extend)
        chosen = lease.scope.purpose if lease else request.get("purpose")
        if chosen is None and self._last is not None:
            chosen = self._last.request.purpose
        if not isinstance(chosen, str) or chosen not in set(Purpose) or not isinstance(second, bool):
            raise UsageError(
                t("the request names no purpose"), next_step=t("write one of {purposes}", purposes=", ".join(Purpose))
            )
        return Request(secrets.token_urlsafe(12), Purpose(chosen), None if lease is None else lease.jti, second)

    def _lease(self, jti: object) -> Lease:
        terminal = self._terminal
        now, boot = terminal.moment.boottime, terminal.clock.boot
        found = [each for each in terminal.spool.state.leases if each.jti == jti and is_live(each, now, boot)]
        if not found:
            raise UsageError(t("no such lease is open"), next_step=t("swipe the card again"))
        if found[0].scope.purpose not in set(Purpose):
            raise SafetyRefusal(
                t("what a rescue code opened cannot be extended"), next_step=t("use another rescue code, or a card")
            )
        if found[0].jti in self._extended:
            raise SafetyRefusal(
                t("the time has been extended once already"), next_step=t("finish, and swipe the card again")
            )
        return found[0]

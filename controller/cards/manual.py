"""Openings that no swipe made: by the command line, for two people, and clause 7.2b fails for them, visibly."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from controller.broker.presence import Presence
from controller.broker.say import Say
from controller.cards.leases import Leases
from controller.cards.signing import Opening, Signing
from controller.context import Context
from controller.ledger.entry import Draft
from policies.errors import SafetyRefusal, Unreachable
from policies.grants import EVERY, Purpose
from policies.terminal import Terminal
from policies.texts import t
from policies.usb import STORAGE, Scope

#: Minutes of the longest opening without a swipe.
MOST_MINUTES = 60


@dataclass(frozen=True, slots=True)
class ManualGrant:
    """What is asked for: one storage device at any port of `terminal`, for so many minutes; `people` are two ids."""

    terminal: Terminal
    people: tuple[str, str]
    purpose: Purpose
    minutes: int
    reason: str


@dataclass(frozen=True, slots=True)
class Manual:
    """Makes such openings; everything here belongs into a transaction of the caller."""

    context: Context
    presence: Presence
    signing: Signing
    leases: Leases

    def grant(self, wanted: ManualGrant, actor: str, now: datetime) -> tuple[str, list[Say]]:
        """Sign the grant and give its id; raises SafetyRefusal or Unreachable when the terminal cannot take it now."""
        name = wanted.terminal.name
        status = self.presence.status(name)
        if status is None or not self.presence.online(name, now):
            raise Unreachable(
                t("the terminal does not answer"),
                where=name,
                next_step=t("check that it runs and is connected; a rescue code opens it without the network"),
            )
        if any(each.terminal == name for each in self.leases.open(now)):
            raise SafetyRefusal(
                t("the terminal is open already"), where=name, next_step=t("end that first: portseal lease revoke")
            )
        jti = self.signing.jti()
        data: dict[str, object] = {
            "jti": jti, "people": list(wanted.people), "purpose": wanted.purpose.value, "minutes": wanted.minutes,
            "reason": wanted.reason, "swipe": False, "fails": "7.2b",
        }  # fmt: skip
        (entry,) = self.context.ledger.append_many([Draft.make("lease.manual", name, data, actor)])
        scope = Scope((EVERY,), (STORAGE,), 1, wanted.purpose, once=True, read_only=False)
        opening = Opening(name, ("manual",), scope, wanted.minutes * 60)
        return jti, self.signing.grant(opening, jti, status, entry.seq, now)

"""What a presented card opens while nobody can be asked: pure rules over what the terminal keeps and remembers.

Nothing here prolongs anything. A permit counts until the sooner of two ends: `exp` by the wall clock, and the time of
CLOCK_BOOTTIME that was fixed when it arrived. The second cannot be set, and starts anew only at a boot, which every
permit is bound to: a clock that is set back, or a restart, gains nothing. A permit is used up with all others of its
card, before anything opens.
"""

from __future__ import annotations

import hmac
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from policies.cards.rights import common
from policies.grants import Moment, Purpose
from policies.offline.tokens import OfflineSet, Permit
from policies.texts import Text, t
from policies.usb import STORAGE, Scope

#: Why a presented card opens nothing: the code that events hold, and the sentence.
CODES: Mapping[str, Text] = {
    "connected": t("this terminal is connected: only the controller opens it now"),
    "memory": t("this terminal's memory was lost or rolled back: nothing opens until the controller knows"),
    "nothing": t("no card is kept here for opening without a connection"),
    "wait": t("too many unknown cards were presented: wait {seconds} seconds", seconds=0),
    "unreadable": t("the card's number is not written as the site says"),
    "unknown": t("this card is not kept here for opening without a connection"),
    "used": t("this card was used without a connection before; it counts once"),
    "expired": t("what was allowed in advance has expired"),
    "clock_back": t("the clock of this terminal is behind a time that it has seen before"),
    "terminal_taken": t("the terminal is open already, by another swipe"),
    "no_purpose": t("the card may open this terminal, but not for this purpose"),
    "second_same": t("both cards belong to the same person"),
    "second_unknown": t("the list does not say whose the cards are, so they do not stand for two people"),
    "nothing_allowed": t("card, reader, terminal and site rules together allow nothing"),
}
#: Why a set or a permit is not taken; the first that fails is told.
REFUSED: Mapping[str, Text] = {
    "site": t("it is of another site"),
    "terminal": t("it is for another terminal"),
    "boot": t("it is for another boot of this terminal"),
    "set": t("it belongs to a set that does not count any more"),
    "issued": t("it is not of now, by the clock of this terminal"),
    "expired": t("it has expired"),
    "many": t("it holds more permits than the site allows"),
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A permit as a terminal keeps it; `ends` is its end in seconds of CLOCK_BOOTTIME, fixed when it arrived."""

    permit: Permit
    ends: float


@dataclass(frozen=True, slots=True)
class Here:
    """What a terminal is and remembers. `set` is the number of the set that counts, 0 for none.

    `used` holds the jti of permits that are used up. `seen` is the highest wall clock that was vouched for (seconds
    since 1970), `skew` how far the controller's clock and this one may differ, `longest` the longest lease, in seconds.
    """

    site: str
    terminal: str
    boot: str
    set: int
    used: Container[str]
    seen: float
    skew: float
    longest: float


@dataclass(frozen=True, slots=True)
class Opens:
    """What one card, or two people's, open: `permits` are used up; the lease has the first one's jti."""

    permits: tuple[Permit, ...]
    scope: Scope
    seconds: float

    @property
    def first(self) -> Permit:
        """The permit that gives the lease its name."""
        return self.permits[0]


def take_set(made: OfflineSet, here: Here, now: Moment) -> str:
    """Say why a set is not taken, a key of REFUSED, or ""."""
    checks = (
        ("site", made.iss == here.site),
        ("terminal", made.aud == here.terminal),
        ("boot", made.boot == here.boot),
        ("set", made.set > here.set),
        ("issued", abs(now.wall - made.iat) <= here.skew),
    )
    return next((code for code, holds in checks if not holds), "")


def take_permit(permit: Permit, here: Here, now: Moment) -> Kept | str:
    """Give a permit as it is to be kept, or why not: a key of REFUSED.

    Only one that was signed just now is taken. So its end by CLOCK_BOOTTIME is at most the skew later than meant.
    """
    left = permit.exp - now.wall
    checks = (
        ("site", permit.iss == here.site),
        ("terminal", permit.aud == here.terminal),
        ("boot", permit.boot == here.boot),
        ("set", permit.set == here.set),
        ("issued", abs(now.wall - permit.iat) <= here.skew),
        ("expired", left > 0),
    )
    code = next((code for code, holds in checks if not holds), "")
    return code or Kept(permit, now.boottime + min(left, permit.valid))


def find(kept: Iterable[Kept], verifier: bytes) -> tuple[Kept, ...]:
    """Give a card's permits by what stands for its number; the comparison takes the same time wherever it fails."""
    return tuple(each for each in kept if hmac.compare_digest(each.permit.verifier, verifier))


def counts(kept: Kept, here: Here, now: Moment) -> str:
    """Say why a kept permit opens nothing now, a key of CODES, or ""."""
    permit = kept.permit
    checks = (
        ("unknown", (permit.boot, permit.set) == (here.boot, here.set)),
        ("used", permit.jti not in here.used),
        ("clock_back", now.wall >= here.seen - here.skew),
        # A clock behind the permit's own beginning was set back since it came.
        ("clock_back", now.wall >= permit.iat - here.skew),
        ("expired", now.wall < permit.exp and now.boottime < kept.ends),
    )
    return next((code for code, holds in checks if not holds), "")


def purposes(mine: Sequence[Kept]) -> tuple[Purpose, ...]:
    """Give what a card's permits are for, in the order in which they are always shown."""
    found = {each.permit.scope.purpose for each in mine}
    return tuple(each for each in Purpose if each.value in found)


def choose(mine: Sequence[Kept], purpose: Purpose | None) -> Kept | None:
    """Give the permit for a purpose; without one, the only permit that there is."""
    if purpose is None:
        return mine[0] if len(mine) == 1 else None
    return next((each for each in mine if each.permit.scope.purpose == purpose), None)


def open_with(first: Permit, second: Permit | None, here: Here) -> Opens | str:
    """Give what opens, or why nothing does: a key of CODES, or "second_person" when another card is needed."""
    if second is None:
        if first.second:
            return "second_person"
        return _opens((first,), first.scope, min(first.seconds, here.longest))
    if code := _one_person(first, second):
        return code
    if second.scope.purpose != first.scope.purpose:
        return "no_purpose"
    one, other = first.scope, second.scope
    scope = replace(
        one,
        ports=common(one.ports, other.ports),
        classes=common(one.classes, other.classes),
        devices=min(one.devices, other.devices),
        once=one.once or other.once,
        read_only=one.read_only or other.read_only,
    )
    return _opens((first, second), scope, min(first.seconds, second.seconds, here.longest))


def needs_second(scope: Scope, *, two_people: bool) -> bool:
    """Tell whether a permit with this scope needs another person's card, where the site asks for two for storage."""
    return two_people and STORAGE in scope.classes


def _opens(permits: tuple[Permit, ...], scope: Scope, seconds: float) -> Opens | str:
    if seconds < 1 or not scope.ports or not scope.classes:
        return "nothing_allowed"
    return Opens(permits, scope, seconds)


def _one_person(first: Permit, second: Permit) -> str:
    if first.sub == second.sub or (first.bearer and first.bearer == second.bearer):
        return "second_same"
    return "" if first.bearer and second.bearer else "second_unknown"

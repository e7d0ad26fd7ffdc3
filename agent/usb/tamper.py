"""Anti-unplug: is every bound device still in its place, and is it still the same one? A pure state machine over scans.

It compares scans and trusts no event: a lost one costs nothing. A removal is held back for a moment, since the kernel
takes a hub's children away one by one before the hub itself, and a device that fell off the bus and came back is not
gone. Waking up from sleep holds removals back for longer, but never a device that is not the same any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from agent.usb.gate import claim, enclosing, places
from policies import canonical
from policies.codec import from_plain, to_plain
from policies.errors import InputError
from policies.texts import Text, t
from policies.usb import Decision, UsbAppearance, UsbBinding, UsbDevice

#: How long a removal is held back, in seconds, and when at the latest it is told.
SETTLE_SECONDS, DEADLINE_SECONDS = 0.6, 1.0
#: How long what an alarm about its hub has named already is held back: 16 devices take 1.4 s to go, before their hub.
NAMED_SECONDS = 2.0
#: How long bound devices may take to come back after a wake-up, and to appear after the agent's start, in seconds.
RESUME_SECONDS, START_SECONDS = 10.0, 10.0


class TamperKind(StrEnum):
    """What happened to bound devices; the value is the event's kind. All but `returned` are alarms."""

    REMOVED = "tamper.removed"
    MOVED = "tamper.moved"
    SWAPPED = "tamper.swapped"
    REPLUGGED = "tamper.replugged"
    HUB = "tamper.hub"
    DUPLICATE = "tamper.duplicate"
    RETURNED = "tamper.returned"


@dataclass(frozen=True, slots=True)
class Tamper:
    """One event: the names of the `bindings` concerned, and the port path where it happened (of the hub for `hub`).

    `device` is what is there now, if anything; `since` is CLOCK_BOOTTIME, in seconds, of the scan that first saw it.
    """

    kind: TamperKind
    bindings: tuple[str, ...]
    port: str
    reason: Text
    since: float
    device: UsbDevice | None = None

    @property
    def alarm(self) -> bool:
        """Whether it is an alarm, or only good to know."""
        return self.kind is not TamperKind.RETURNED


class Standing(StrEnum):
    """Where a bound device stands: not seen `yet`, in `place`, missing and `held` back, or `away` and told."""

    YET = "yet"
    PLACE = "place"
    HELD = "held"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one binding. `seen` is how it was last in its place, `since` when its standing began.

    `hub` is the port of a hub whose alarm named it already, at `named`. Times are milliseconds of CLOCK_BOOTTIME.
    """

    name: str
    standing: Standing
    since: int
    seen: UsbAppearance | None = None
    hub: str = ""
    named: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Told:
    """An event of one kind that was made of an appearance."""

    kind: str
    appearance: UsbAppearance


@dataclass(frozen=True, slots=True)
class TamperState:
    """What must be kept from scan to scan, and over restarts of the agent within one boot (its kernel id is `boot`).

    `told` are the appearances that an event was made of, with its kind; `met` those seen before, whatever was said of
    them. `quiet` is when the time after the last wake-up ends, in milliseconds of CLOCK_BOOTTIME. A scan that shows
    nothing new leaves the state equal, so who stores it writes nothing.
    """

    boot: str
    watched: tuple[Watched, ...] = ()
    told: frozenset[Told] = frozenset()
    met: frozenset[UsbAppearance] = frozenset()
    quiet: int = 0


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An appearance that was refused, told once: `kind` is usb.blocked, or an alarm of the decision."""

    kind: str
    decision: Decision


def watch(
    state: TamperState,
    devices: Iterable[UsbDevice],
    bindings: Sequence[UsbBinding],
    moment: float,
    resumed: bool = False,
    interval: float = 0.2,
) -> tuple[TamperState, tuple[Tamper, ...]]:
    """Compare one scan with what was there before.

    `moment` is CLOCK_BOOTTIME in seconds. `resumed` is True in the scan that follows a wake-up, and for that one only:
    each such scan begins a time of RESUME_SECONDS. `interval` is how many seconds the next scan is away at most: what
    would be told too late then is told now. :func:`due` says when the next scan should be.
    """
    now = _ms(moment)
    # A stored time that cannot be must not silence anything.
    ends = state.quiet if state.quiet <= now + _ms(RESUME_SECONDS) else 0
    quiet = now + _ms(RESUME_SECONDS) if resumed else ends
    return _Scan(replace(state, quiet=quiet), tuple(devices), bindings, now, _ms(interval)).compare()


def due(state: TamperState) -> float | None:
    """Give when :func:`watch` must be called again to be in time (seconds of CLOCK_BOOTTIME), None if nothing waits."""
    ends = [end for each in state.watched if (end := _end(each, state)) is not None]
    return min(ends) / 1000 if ends else None


def unknown(
    state: TamperState, devices: Iterable[UsbDevice], decisions: Iterable[Decision]
) -> tuple[TamperState, tuple[Newcomer, ...]]:
    """Give what was plugged in and is refused, once per appearance; what :func:`watch` tells of bindings is left out.

    A device that was admitted first, and is shut at a lease's end, was plugged in with leave: it is no newcomer.
    """
    present = tuple(devices)
    told = {each for each in state.told if _stays(each.appearance, present)}
    met = {each for each in state.met if _stays(each, present)}
    found: list[Newcomer] = []
    for decision in decisions:
        appearance = decision.device.appearance
        if decision.allowed or decision.binding or decision.code == "gone":
            continue
        kinds = decision.alarms or (() if appearance in state.met else ("usb.blocked",))
        for kind in kinds:
            if Told(kind, appearance) not in told:
                told.add(Told(kind, appearance))
                found.append(Newcomer(kind, decision))
    met.update(each.appearance for each in present if each.authorized is not None)
    return replace(state, told=frozenset(told), met=frozenset(met)), tuple(found)


def to_json(state: TamperState) -> bytes:
    """Write the state as canonical JSON."""
    return canonical.encode(to_plain(state))


def from_json(data: bytes, boot: str) -> TamperState:
    """Read what :func:`to_json` wrote; a state of another boot than `boot` gives an empty one.

    Raises:
        InputError: the bytes are not a state; begin with an empty one, TamperState(boot), and say so.

    """
    state = from_plain(TamperState, canonical.decode(data), "tamper")
    if to_json(state) != data or len({each.name for each in state.watched}) != len(state.watched):
        raise InputError(t("this is no state of bound devices"), where="tamper")
    return state if state.boot == boot else TamperState(boot)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _stays(appearance: UsbAppearance, present: Iterable[UsbDevice]) -> bool:
    """Tell whether an appearance is still there; what left while it was read shows half an identity, and may be it."""
    return any(
        each.appearance == appearance or (each.authorized is None and each.port == appearance.port) for each in present
    )


def _end(watched: Watched, state: TamperState) -> int | None:
    """Give when a missing device is told (milliseconds), None if nothing is to be told."""
    if watched.standing is Standing.YET:
        return max(watched.since + _ms(START_SECONDS), state.quiet)
    if watched.standing is Standing.HELD:
        hold = NAMED_SECONDS if watched.hub else SETTLE_SECONDS
        return max(watched.since + _ms(hold), state.quiet)
    return None


class _Scan:
    """One comparison: the scan, what was known, and what it comes to."""

    def __init__(
        self,
        state: TamperState,
        devices: Sequence[UsbDevice],
        bindings: Sequence[UsbBinding],
        moment: int,
        interval: int,
    ) -> None:
        self.state, self.moment, self.interval = state, moment, interval
        # What left while it was read shows half an identity: the next scan knows.
        self.present = [each for each in devices if each.authorized is not None]
        self.bindings = {each.name: each for each in sorted(bindings, key=lambda each: each.name)}
        self.placed = places(self.present, bindings)
        self.ports = frozenset(each.port for each in self.present)
        self.told = {each for each in state.told if _stays(each.appearance, devices)}
        self.watched: dict[str, Watched] = {}
        self.found: list[Tamper] = []

    def compare(self) -> tuple[TamperState, tuple[Tamper, ...]]:
        known = {each.name: each for each in self.state.watched}
        for binding in self.bindings.values():
            before = _of_binding(known.get(binding.name), binding, self.moment)
            device = self.placed.get(binding.name)
            self.watched[binding.name] = self._gone(before) if device is None else self._there(before, device)
        self._strangers()
        self._overdue()
        kept = tuple(self.watched.values())
        return replace(self.state, watched=kept, told=frozenset(self.told)), tuple(self.found)

    def _tell(self, kind: TamperKind, name: str, reason: Text, device: UsbDevice) -> None:
        self.found.append(Tamper(kind, (name,), device.port, reason, self.moment / 1000, device))

    def _there(self, before: Watched, device: UsbDevice) -> Watched:
        """Judge a device that is in its place, by whether it has been there all the time."""
        name, same = before.name, before.seen == device.appearance
        told_gone = before.standing is Standing.AWAY or (before.standing is Standing.HELD and before.hub and not same)
        if told_gone:
            self._tell(TamperKind.RETURNED, name, t("{name} is back in its place", name=name), device)
        elif before.seen is not None and not same and self.moment >= self.state.quiet:
            # The number rises at every enumeration, and wraps at 127: only whether it differs says something.
            reason = t("{name} was pulled and plugged in again", name=name)
            self._tell(TamperKind.REPLUGGED, name, reason, device)
        if before.standing is Standing.PLACE and same:
            return self._forgotten(before)
        return Watched(name, Standing.PLACE, self.moment, device.appearance)

    def _gone(self, before: Watched) -> Watched:
        if before.standing is not Standing.PLACE:
            return before
        return replace(self._forgotten(before), standing=Standing.HELD, since=self.moment)

    def _forgotten(self, before: Watched) -> Watched:
        """Forget that an alarm about a hub named it, when the hub did not go."""
        if not before.hub or self.moment < before.named + _ms(NAMED_SECONDS):
            return before
        return replace(before, hub="", named=0)

    def _away(self, name: str) -> None:
        if self.watched[name].standing is not Standing.AWAY:
            away = replace(self.watched[name], standing=Standing.AWAY, since=self.moment, hub="", named=0)
            self.watched[name] = away

    def _strangers(self) -> None:
        """Judge what is at a bound port or claims a bound identity and is not the device in place."""
        placed = set(self.placed.values())
        absent = [each for name, each in self.bindings.items() if name not in self.placed]
        for device in sorted((each for each in self.present if each not in placed), key=_order):
            for binding in self.bindings.values():
                if device.port in binding.ports and device.identity != binding.identity:
                    self._swapped(binding, device)
            mine = claim(device.identity)
            claimed = [each for each in self.bindings.values() if claim(each.identity) == mine]
            moved = next((each for each in absent if each in claimed and device.port not in each.ports), None)
            if moved is not None:
                # One device can be one missing device only, should two bound ones be alike.
                absent.remove(moved)
                self._moved(moved, device)
            elif doubled := [each.name for each in claimed if each.name in self.placed]:
                reason = t("a second device shows the identity of {name}", name=doubled[0])
                self._once(TamperKind.DUPLICATE, doubled[0], reason, device)

    def _swapped(self, binding: UsbBinding, device: UsbDevice) -> None:
        reason = t("another device is at the port of {name}", name=binding.name)
        self._once(TamperKind.SWAPPED, binding.name, reason, device)
        if binding.name not in self.placed:
            self._away(binding.name)

    def _moved(self, binding: UsbBinding, device: UsbDevice) -> None:
        reason = t("{name} is at a port that is not its own", name=binding.name)
        self._once(TamperKind.MOVED, binding.name, reason, device)
        self._away(binding.name)

    def _once(self, kind: TamperKind, name: str, reason: Text, device: UsbDevice) -> None:
        told = Told(kind.value, device.appearance)
        if told not in self.told:
            self.told.add(told)
            self._tell(kind, name, reason, device)

    def _overdue(self) -> None:
        """Tell what is missing for long enough: with its hub when that is gone too, else by itself."""
        missing = [each for each in self.watched.values() if each.standing in (Standing.HELD, Standing.YET)]
        late = [each for each in missing if self._is_late(each)]
        for each in late:
            if self.watched[each.name].standing is Standing.AWAY:
                continue
            if each.hub and each.hub not in self.ports:
                # The alarm about its hub, which is gone by now, named it.
                self._away(each.name)
                continue
            together = self._together(each, missing)
            if together is None:
                self._removed(each)
            else:
                self._hub(*together)

    def _is_late(self, each: Watched) -> bool:
        end = _end(each, self.state)
        if end is None or end <= self.moment:
            return end is not None
        waits = each.standing is Standing.YET or bool(each.hub) or self.moment < self.state.quiet
        return not waits and self.moment + self.interval > each.since + _ms(DEADLINE_SECONDS)

    def _together(self, late: Watched, missing: Sequence[Watched]) -> tuple[str, list[Watched]] | None:
        """Give the hub that a missing device went with, and all that went with it; None when it went alone."""
        port = self._port(late)
        gone = [hub for hub in (*enclosing(port), port) if hub not in self.ports]
        held = [each for each in missing if each.standing is late.standing and self._is_missing(each)]
        if gone:
            behind = [each for each in held if _behind(self._port(each), gone[0])]
            if gone[0] != port or len(behind) > 1:
                return gone[0], behind
        # The kernel takes the children of a pulled hub first, and may be at it still.
        for hub in reversed(enclosing(port)):
            behind = [each for each in held if _behind(self._port(each), hub)]
            if len(behind) > 1:
                return hub, behind
        return None

    def _is_missing(self, each: Watched) -> bool:
        return self.watched[each.name].standing in (Standing.HELD, Standing.YET)

    def _hub(self, hub: str, gone: Sequence[Watched]) -> None:
        names = tuple(sorted(each.name for each in gone))
        since = min(each.since for each in gone)
        for each in gone:
            self._away(each.name)
        if hub not in self.ports:
            listed = ", ".join(names)
            reason = t("the hub at {port} is gone with what is behind it: {names}", port=hub, names=listed)
            self.found.append(Tamper(TamperKind.HUB, names, hub, reason, since / 1000))
            return
        rest = [each for each in self.watched.values() if self._is_following(each, hub)]
        for each in rest:
            self.watched[each.name] = replace(each, hub=hub, named=self.moment)
        others = tuple(sorted(each.name for each in rest))
        gone_too, also = ", ".join(names), ", ".join(others) or "-"
        reason = t("devices behind the hub at {port} are gone: {names}; also there: {others}", port=hub, names=gone_too,
                   others=also)  # fmt: skip
        self.found.append(Tamper(TamperKind.HUB, tuple(sorted((*names, *others))), hub, reason, since / 1000))

    def _is_following(self, each: Watched, hub: str) -> bool:
        return each.standing in (Standing.PLACE, Standing.HELD) and _behind(self._port(each), hub)

    def _removed(self, each: Watched) -> None:
        if each.standing is Standing.YET:
            reason = t("{name} was not there when the agent started", name=each.name)
        else:
            reason = t("{name} was pulled", name=each.name)
        self._away(each.name)
        self.found.append(Tamper(TamperKind.REMOVED, (each.name,), self._port(each), reason, each.since / 1000))

    def _port(self, each: Watched) -> str:
        return each.seen.port if each.seen is not None else self.bindings[each.name].ports[0]


def _of_binding(known: Watched | None, binding: UsbBinding, moment: int) -> Watched:
    """Give what is known of a binding; one that was made anew since begins from nothing."""
    if known is not None and (
        known.seen is None or (known.seen.identity == binding.identity and known.seen.port in binding.ports)
    ):
        return replace(known, since=min(known.since, moment))
    return Watched(binding.name, Standing.YET, moment)


def _behind(port: str, hub: str) -> bool:
    return port == hub or port.startswith(f"{hub}.")


def _order(device: UsbDevice) -> tuple[str, int, str]:
    return (device.port, device.devnum, device.name)

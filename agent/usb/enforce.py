"""One pass of enforcement: look, shut the defaults, decide, refuse, admit, verify, and tell what is different.

Level-triggered: a pass compares what is with what should be and depends on no event. Any event, tick, wake-up or error
is a reason for another one. Refusing comes before admitting, and a scan that is not complete admits nothing: it only
refuses what should not be open among the devices that were there last.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from agent.usb import drivers
from agent.usb.events import QUIET_SECONDS, Event, Moment, Quiet, described
from agent.usb.passes import Seen, Work, differs, one_each, reasons, words
from agent.usb.sysfs import REREAD, Outcome, Result, Scan, Usb
from policies.errors import PortsealError
from policies.messages.event import MAX_LIST, Value
from policies.texts import Text, t
from policies.usb import STORAGE, Decision, Lease, UsbAppearance, UsbBinding, UsbDevice

#: Seconds that a driver has to take a released interface, and between the attempts after that.
DRIVER_SECONDS, PROBE_SECONDS = 4.0, 30.0
#: Longest wait before a failed write is tried again: to refuse, and anything else.
_REFUSE_AGAIN, _TRY_AGAIN = 4.0, 30.0
#: The code of a decision that is refused because a driver of another class had taken a part of the device.
MISLED = "driver"

Decide = Callable[[Sequence[UsbDevice], Sequence[UsbBinding], Sequence[Lease], float, str], tuple[Decision, ...]]


@dataclass(frozen=True, slots=True)
class Pass:
    """What a pass saw and did. `scan` is what was there before it.

    `leases_used` are appearances, by the lease's jti, that it admitted and that the lease does not name as used yet.
    `stuck` names the devices that are denied and could not be shut.
    `settled` False: look again soon, something was just written or has yet to come.
    """

    scan: Scan
    events: tuple[Event, ...]
    decisions: tuple[Decision, ...]
    leases_used: Mapping[str, tuple[UsbAppearance, ...]]
    problems: tuple[Text, ...]
    settled: bool
    stuck: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Hooks:
    """What others do at the two turning points.

    `before_refuse` writes out and unmounts a storage device whose time is over. It runs in a thread, and after
    `seconds` the device is refused whatever it does. `before_admit` makes durable that a lease is being used; when it
    raises OSError or PortsealError, the device is not admitted.
    """

    before_refuse: Callable[[UsbDevice], None] | None = None
    before_admit: Callable[[Decision], None] | None = None
    seconds: float = 10.0


class Enforcer:
    """Brings the kernel's USB to what `decide` says, pass by pass.

    What was open before the first pass counts as opened by the system, not by a stranger: at a boot without the kernel
    parameter everything is.
    """

    def __init__(self, usb: Usb, decide: Decide, hooks: Hooks = Hooks()) -> None:
        self._usb = usb
        self._decide = decide
        self._hooks = hooks
        self._passes = 0
        self._looked = False
        self._last: tuple[UsbDevice, ...] = ()
        self._seen: dict[UsbAppearance, Seen] = {}
        self._buses: dict[str, int] = {}
        self._quiet = Quiet()
        self._retries: dict[str, tuple[int, float]] = {}

    def run_pass(self, bindings: Sequence[UsbBinding], leases: Sequence[Lease], moment: Moment) -> Pass:
        """Look and act once; raises only what `decide` raises. Nothing is opened then, or by a scan that failed."""
        self._passes += 1
        scan = self._usb.scan()
        work = Work(moment.now, not self._looked, list(scan.problems))
        self._shut_defaults(scan, work)
        self._name_controllers(scan, work)
        seen = {each.name for each in scan.devices}
        missing = () if scan.complete else tuple(each for each in self._last if each.name not in seen)
        self._last = devices = missing + scan.devices
        decisions = one_each(devices, self._decide(devices, bindings, leases, moment.now, moment.boot))
        self._remember(decisions, forget=scan.complete)
        decisions = tuple(self._check_drivers(each, scan, work) for each in decisions)
        self._refuse(decisions, work)
        if scan.complete:
            self._looked = True
            self._admit([each for each in decisions if each.allowed], leases, work)
        else:
            work.settled = False
        self._forget_troubles(moment.now)
        denied = {each.device.name for each in decisions if not each.allowed}
        stuck = frozenset(each.name for each in self._last if each.authorized and each.name in denied)
        return Pass(scan, tuple(work.events), decisions, work.used, tuple(work.problems), work.settled, stuck)

    def _shut_defaults(self, scan: Scan, work: Work) -> None:
        """Shut what would admit by itself, and say what was found."""
        found = [
            f"{bus.name} {name}={value}"
            for bus in scan.buses
            for name, value in (
                ("authorized_default", bus.authorized_default),
                ("interface_authorized_default", bus.interface_authorized_default),
            )
            if value not in (0, None)
        ]
        found += [f"usbcore authorized_default={scan.new_controllers}"] if scan.new_controllers not in (0, None) else []
        if not found:
            return
        results = self._usb.shut_defaults()
        for each in results:
            self._judge("shut", each, work)
        shut = bool(results) and all(each.outcome is Outcome.DONE for each in results)
        data: dict[str, Value] = {"found": found[:MAX_LIST], "start": work.first, "shut": shut}
        # By what was found: a new controller, which comes with a default of its own, must not hide a hand on another.
        self._tell(work, "gate.default_changed", data, quiet=f"defaults {' '.join(found)}")
        work.settled = False

    def _name_controllers(self, scan: Scan, work: Work) -> None:
        known, self._buses = self._buses, {**self._buses, **{each.name: each.mark for each in scan.buses}}
        if scan.complete:
            self._buses = {each.name: each.mark for each in scan.buses}
        for bus in scan.buses:
            if not work.first and known.get(bus.name) != bus.mark:
                rule = bus.authorized_default
                self._tell(work, "gate.controller_added", {"bus": bus.name, "place": bus.prefix, "found": rule})

    def _remember(self, decisions: Iterable[Decision], *, forget: bool) -> None:
        """Have a memory for each appearance, and none for those that left: nothing carries over to another one."""
        now = {_key(each): self._seen.get(_key(each)) or Seen() for each in decisions}
        self._seen = now if forget else self._seen | now

    def _check_drivers(self, decision: Decision, scan: Scan, work: Work) -> Decision:
        """Deny what a driver of another class has taken, until it is plugged in anew; what is bound is only told.

        A bound device comes with the driver that it has always had, and without it the terminal has no keyboard.
        """
        device, seen = decision.device, self._seen[_key(decision)]
        wrong = drivers.wrong(device, scan.drivers.get(device.name, {})) if decision.allowed else {}
        if wrong and not seen.misled:
            data = {**described(device), "numbers": words(wrong), "driver": ", ".join(dict.fromkeys(wrong.values()))}
            self._tell(work, "gate.wrong_driver", {**data, "binding": decision.binding, "lease": decision.lease})
            seen.misled = True
        if not seen.misled or decision.binding or not decision.allowed:
            return decision
        nothing: frozenset[int] = frozenset()
        reason = t("a driver of another class took it; unplug it")
        return replace(decision, interfaces=nothing, withheld=nothing, code=MISLED, reason=reason)

    def _refuse(self, decisions: Sequence[Decision], work: Work) -> None:
        """Refuse what is denied and open, what is behind a hub before the hub; tell of what was refused already."""
        waiting: list[tuple[Decision, threading.Thread]] = []
        # One deadline for all: sixteen sticks must not have ten seconds each.
        until = time.monotonic() + self._hooks.seconds
        for decision in (each for each in reversed(decisions) if not each.allowed):
            device, seen = decision.device, self._seen[_key(decision)]
            if device.authorized is False:
                self._tell_refused(decision, seen, work)
                continue
            seen.from_start |= work.first
            foreign = device.authorized is True and seen.wanted is None and not seen.from_start
            if foreign:
                data = {**described(device), "code": decision.code}
                self._tell(work, "gate.foreign_authorise", data, quiet=f"foreign {device.port}")
            # Who opened it without being asked has no time to write it out, nor has what is no storage to the kernel.
            goodbye = None if foreign or decision.code == MISLED else self._goodbye(device, device.released)
            if goodbye is None:
                self._refuse_one(decision, seen, foreign, work)
            else:
                waiting.append((decision, goodbye))
        for decision, goodbye in waiting:
            self._wait(goodbye, until, decision.device, work)
            self._refuse_one(decision, self._seen[_key(decision)], False, work)

    def _refuse_one(self, decision: Decision, seen: Seen, foreign: bool, work: Work) -> None:
        device = decision.device
        if not self._due(f"refuse {device.name}", work):
            return
        result = self._usb.refuse(device)
        if self._judge("refuse", result, work, device, _REFUSE_AGAIN) is Outcome.DONE:
            work.settled = False
            self._note(device, False, frozenset())
            if not foreign and (device.authorized or seen.wanted is not None):
                data = {**reasons(decision), "lease": seen.lease, "start": seen.from_start}
                self._tell(work, "usb.relocked", data)
                seen.told = True
            seen.wanted, seen.from_start, seen.waiting = None, False, frozenset()

    def _tell_refused(self, decision: Decision, seen: Seen, work: Work) -> None:
        if seen.wanted is not None:  # somebody else refused it: the keeper, the hook before sleep, root
            self._tell(work, "usb.relocked", {**reasons(decision), "lease": seen.lease, "start": False})
        elif not seen.told:
            self._tell(work, "usb.blocked", reasons(decision))
        seen.wanted, seen.told = None, True
        self._no_persist(decision.device, seen, work)

    def _goodbye(self, device: UsbDevice, numbers: frozenset[int]) -> threading.Thread | None:
        """Start to write out and unmount storage that is to be shut; None when there is nothing to do."""
        stores = any(each.usb_class == STORAGE and each.number in numbers for each in device.interfaces)
        hook = self._hooks.before_refuse
        if hook is None or not stores:
            return None
        # A thread of its own: writing to a broken stick may hang in the kernel for ever.
        thread = threading.Thread(target=_quietly, args=(hook, device), name=f"goodbye {device.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no memory for a thread: it is refused as it is
            return None
        return thread

    def _wait(self, goodbye: threading.Thread, until: float, device: UsbDevice, work: Work) -> None:
        goodbye.join(max(0.0, until - time.monotonic()))
        if goodbye.is_alive():
            seconds = self._hooks.seconds
            work.problems.append(t("{device} was not unmounted in {seconds} s", device=device.name, seconds=seconds))

    def _admit(self, decisions: Sequence[Decision], leases: Sequence[Lease], work: Work) -> None:
        used = {lease.jti: set(lease.used) for lease in leases}
        for decision in decisions:
            device, seen = decision.device, self._seen[_key(decision)]
            self._no_persist(device, seen, work)
            if not differs(decision, seen):
                self._look_for_driver(decision, seen, work)
                seen.lease = decision.lease  # it may be another one's by now: of a card that was swiped for more time
                admitted = True
            else:
                admitted = self._admit_one(decision, used, work)
            if admitted and decision.lease and device.appearance not in used.get(decision.lease, ()):
                work.used[decision.lease] = (*work.used.get(decision.lease, ()), device.appearance)

    def _admit_one(self, decision: Decision, used: Mapping[str, set[UsbAppearance]], work: Work) -> bool:
        """Admit one device; True when something of it is, or was, open by the decision."""
        device, seen = decision.device, self._seen[_key(decision)]
        if not self._due(f"admit {device.name}", work) or not self._may_use(decision, used, work):
            return False
        extra = device.released - decision.interfaces
        if extra - (seen.wanted or frozenset()) and not work.first:
            data = {**described(device), "code": decision.code, "numbers": words(extra)}
            self._tell(work, "gate.foreign_authorise", data, quiet=f"foreign {device.port}")
        elif (goodbye := self._goodbye(device, extra)) is not None:
            self._wait(goodbye, time.monotonic() + self._hooks.seconds, device, work)
        result = self._usb.admit(device, decision.interfaces, bound=bool(decision.binding))
        outcome = self._judge("admit", result, work, device)
        if outcome is Outcome.DONE:
            seen.wanted, seen.lease, seen.told = decision.interfaces, decision.lease, True
            seen.got, seen.waiting = result.released, result.waiting
            if result.written:
                numbers = words(result.released | result.waiting)
                self._tell(work, "usb.opened", {**reasons(decision), "lease": decision.lease, "numbers": numbers})
            if decision.withheld - seen.withheld:
                numbers = words(decision.withheld)
                self._tell(work, "usb.withheld", {**reasons(decision), "lease": decision.lease, "numbers": numbers})
            seen.withheld = decision.withheld
        elif result.written:
            seen.wanted = decision.interfaces  # opened by us, and what failed then is tried again
        if result.written:
            self._note(device, True, result.released)
        if outcome is not Outcome.DONE or result.written:
            work.settled = False
        return outcome is Outcome.DONE or result.written

    def _note(self, device: UsbDevice, authorized: bool, released: frozenset[int]) -> None:
        """Keep what was written: should the next scan fail, what was opened is still known to be open."""
        self._last = tuple(
            replace(each, authorized=authorized, released=released) if each.name == device.name else each
            for each in self._last
        )

    def _may_use(self, decision: Decision, used: Mapping[str, set[UsbAppearance]], work: Work) -> bool:
        """Make durable that the lease is used: a crash right after opening must not give the use back."""
        hook = self._hooks.before_admit
        if hook is None or not decision.lease or decision.device.appearance in used.get(decision.lease, ()):
            return True
        try:
            hook(decision)
        except (OSError, PortsealError) as error:
            name = decision.device.name
            work.problems.append(
                t("{device} stays shut: its use cannot be stored ({cause})", device=name, cause=str(error))
            )
            return False
        return True

    def _look_for_driver(self, decision: Decision, seen: Seen, work: Work) -> None:
        """Offer again what no driver took; when none comes, modules are not loaded: udev is not at work."""
        device = decision.device
        missing = drivers.missing(device, seen.waiting)
        if not missing and not seen.waiting:
            seen.driverless_since, seen.driverless_told = None, False
            return
        since = seen.driverless_since = work.now if seen.driverless_since is None else seen.driverless_since
        waiting = 0 <= work.now - since < DRIVER_SECONDS
        if waiting or work.now - seen.probed >= PROBE_SECONDS:
            seen.probed = work.now
            result = self._usb.admit(device, decision.interfaces, bound=bool(decision.binding))
            if self._judge("probe", result, work, device) is Outcome.DONE:
                seen.got, seen.waiting = result.released, result.waiting
                self._note(device, True, result.released)
        if waiting:
            work.settled = False
        elif missing and not seen.driverless_told:
            seen.driverless_told = True
            self._tell(work, "udev.missing", {**described(device), "numbers": words(missing)})

    def _no_persist(self, device: UsbDevice, seen: Seen, work: Work) -> None:
        if device.hub or self._passes - seen.persist_read < REREAD or not self._due(f"persist {device.name}", work):
            return
        if self._judge("persist", self._usb.no_persist(device), work, device) is Outcome.DONE:
            seen.persist_read = self._passes

    def _judge(
        self, what: str, result: Result, work: Work, device: UsbDevice | None = None, longest: float = _TRY_AGAIN
    ) -> Outcome:
        """Note how a write ended; after a failure the next pass tries again, and then less and less often."""
        key = f"{what} {device.name if device else result.where}"
        if result.outcome is not Outcome.FAILED:
            self._retries.pop(key, None)
            return result.outcome
        tries = self._retries.get(key, (0, 0.0))[0] + 1
        wait = 0.0 if tries == 1 else min(longest, 0.5 * 2.0 ** min(tries, 10))
        self._retries[key] = tries, work.now + wait
        work.settled = work.settled and tries > 1
        work.problems.append(t("{file} cannot be written ({cause})", file=result.where, cause=result.cause))
        data: dict[str, Value] = {"operation": what, "file": result.where, "cause": result.cause}
        self._tell(work, "gate.write_failed", {**data, **(described(device) if device else {})}, quiet=f"failed {key}")
        return result.outcome

    def _due(self, key: str, work: Work) -> bool:
        return work.now >= self._retries.get(key, (0, work.now))[1]

    def _tell(self, work: Work, kind: str, data: Mapping[str, Value], quiet: str = "") -> None:
        """Add an event; of those with the same `quiet` only one in QUIET_SECONDS."""
        held = self._quiet.ask(quiet, work.now) if quiet else None
        if not quiet:
            work.events.append(Event(kind, data))
        elif held is not None:
            work.events.append(Event(kind, {**data, "held_back": held}))

    def _forget_troubles(self, now: float) -> None:
        """Keep no memory of failures long past: a flood of devices must not fill it."""
        self._quiet.forget(now)
        self._retries = {key: kept for key, kept in self._retries.items() if now - kept[1] < 10 * QUIET_SECONDS}


def _key(decision: Decision) -> UsbAppearance:
    return decision.device.appearance


def _quietly(hook: Callable[[UsbDevice], None], device: UsbDevice) -> None:
    with suppress(Exception):  # whatever happens in it, the device is refused
        hook(device)

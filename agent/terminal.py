"""One terminal at work: passes over its USB, grants in, events out.

Every reason to look (an uevent, a tick, a grant, a wake-up) leads to the same pass: end what is over, let the enforcer
bring the kernel to what the gate says, compare the bound devices, and make what happened durable in one commit. What
cannot be made durable is kept and tried again, and until then nothing new opens.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from agent.clock import Clock, Reading, jump
from agent.config import Config
from agent.egress.watch import GuardWatch
from agent.link.spool import Spool, Told
from agent.link.state import AgentState
from agent.locks import Locks
from agent.usb import events as usb_events
from agent.usb import keeper, leases, tamper
from agent.usb.bindings import Loaded, load_bindings, replace_file
from agent.usb.enforce import Enforcer, Hooks, Pass
from agent.usb.gate import decide, is_live
from agent.usb.storage import Outcome, Released, ask
from agent.usb.sysfs import Usb
from policies.errors import InputError, PortsealError, StorageFailed
from policies.grants import Moment
from policies.messages.event import MAX_LIST, Data
from policies.messages.status import State, Status
from policies.texts import render, t
from policies.usb import Decision, Lease, UsbBinding, UsbDevice

_log = logging.getLogger("portseal.agent")

#: Seconds between two passes when nothing happens.
TICK = 1.0
#: Seconds until the next pass when the last one wrote something, or waits for the kernel.
SOON = 0.1
#: Seconds for writing out and unmounting before a device is refused.
UNMOUNT_SECONDS = keeper.UNMOUNT_SECONDS
#: Seconds before a lease's end at which it is told, so that whoever copies is warned.
WARNING_SECONDS = 30.0
#: Events that wait in memory while the disk takes none; further ones are counted.
MOST_PENDING = 2000
#: Where the tamper watch is kept over restarts of the agent, in the run folder.
TAMPER = "tamper.json"


@dataclass(frozen=True, slots=True)
class View:
    """What the last pass saw, for whoever asks: `fault` is why nothing opens now, in words, or empty."""

    decisions: tuple[Decision, ...] = ()
    bindings: tuple[UsbBinding, ...] = ()
    peers: Mapping[str, str] = field(default_factory=dict)
    away: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """The lease that ended last, at `at` (CLOCK_BOOTTIME): why, and what became of the storage (see `lease.ended`)."""

    lease: str
    why: str
    storage: str
    at: float


class Terminal:
    """The terminal of `config`; the caller owns `spool` and `usb`, and calls `look` at least every `TICK` seconds."""

    def __init__(self, config: Config, clock: Clock, spool: Spool, usb: Usb, unmount: keeper.Unmount = ask) -> None:
        self.config, self.clock, self.spool = config, clock, spool
        self._unmount = unmount
        self.view = View()
        self.ended: Ended | None = None
        self._places = keeper.Places(run=config.run, state=config.state, bindings=config.bindings)
        self._enforcer = Enforcer(usb, self._decide, Hooks(self._give_back, self._use, UNMOUNT_SECONDS + 4))
        self._last = clock.read()
        self._tamper, self._tamper_fault = _remembered(config.run / TAMPER, clock.boot)
        self.locks = Locks(config.terminal, config.locks, self._last.boottime)
        self.guard = GuardWatch(config.guard, config.state, config.run, clock.boot, self._last.boottime)
        self._pending: list[Told] = []
        self._uncounted: Counter[str] = Counter()
        self._ending: dict[str, str] = {}
        self._warned: set[str] = set()
        self._released: dict[str, Released] = {}
        self._bindings_fault = ""
        self._asleep = False
        self._settled = True
        self._disk_fault = self._run_fault = self._gone_fault = ""

    @property
    def moment(self) -> Moment:
        """Both clocks now."""
        now = self.clock.read()
        return Moment(now.wall, now.boottime)

    def status(self) -> Status:
        """Give what the controller must know to sign a grant."""
        state = self.spool.state
        opened = State.OPEN if state.leases else State.SHUT
        return Status(state.boot_id, state.boot, self.spool.nonce.value, state.head.seq, state.counter, opened)

    def start(self) -> None:
        """Shut everything that is not bound, for the first time; after a loss of memory every lease ends."""
        state = self.spool.state
        if self.spool.trouble is not None:
            self._ending |= dict.fromkeys((each.jti for each in state.leases), "lost")
        if self._tamper_fault:
            self._tell("state.corrupt", {"file": str(self.config.run / TAMPER), "cause": self._tamper_fault})
        self._tell("agent.started", {"boot": state.boot, "boot_id": state.boot_id, "leases": len(state.leases)})
        self.look()
        decisions = self.view.decisions
        bound = sum(bool(each.binding) and each.allowed for each in decisions)
        refused = sum(not each.allowed for each in decisions)
        self._tell("agent.enforcing", {"devices": len(decisions), "bound": bound, "refused": refused})
        self._commit(self.moment, ())

    def stop(self, why: str) -> None:
        """Tell of the end; what leases opened is refused by whoever stops the process, and by the keeper."""
        self._tell("agent.stopped", {"why": why})
        self._commit(self.moment, ())

    def tell(self, events: Iterable[usb_events.Event]) -> None:
        """Take events of others (the monitor) into the next commit."""
        for each in events:
            self._tell(each.kind, each.data)

    def end(self, jtis: Iterable[str], why: str) -> None:
        """Let leases end at the next look."""
        self._ending |= dict.fromkeys(jtis, why)

    def look(self) -> None:
        """Make one pass. Raises nothing but what is a mistake of ours."""
        now = self.clock.read()
        slept = self._compare_clocks(now)
        self._take_records()
        self._take_guard(now.boottime)
        loaded = self._bindings()
        self._look_for_memory()
        known = [each for each in self.spool.state.leases if each.jti not in self._ending]
        live = [each for each in known if is_live(each, now.boottime, self.clock.boot)]
        self._warn(live, now.boottime)
        moment = usb_events.Moment(now.boottime, self.clock.boot)
        fell, sleeping = self._asleep, self._sleeping()
        done = self._enforcer.run_pass(loaded.bindings, () if sleeping else known, moment)
        self._settled = done.settled
        self.tell(done.events)
        # Also when no time was slept: a sleep that fails late resets every controller. This process was frozen then,
        # perhaps for longer than a wake-up counts: so the first look after it counts as well.
        self._compare_devices(done, loaded.bindings, now.boottime, slept or sleeping or fell)
        self.tell(self.locks.compare(live, done.decisions, now.boottime, self.clock.boot))
        over = self._over({each.jti for each in live}, done)
        used = [_spent(each, done) for each in live]
        closing = {each.jti for each in live} | over
        kept = (*used, *(each for each in self.spool.state.leases if each.jti not in closing))
        self._commit(Moment(now.wall, now.boottime), over, kept)
        away = tuple(each.name for each in self._tamper.watched if each.standing is tamper.Standing.AWAY)
        fault = self._disk_fault or self._run_fault or self._gone_fault
        self.view = View(done.decisions, loaded.bindings, done.scan.peers, away, fault)

    def wait(self) -> float:
        """Give how many seconds the next look may be away."""
        now = self.clock.read().boottime
        moments = [now + (TICK if self._settled else SOON), *(each.ends for each in self.spool.state.leases)]
        due = tamper.due(self._tamper)
        if due is not None:
            moments.append(due)
        return max(0.01, min(moments) - now)

    def _tell(self, kind: str, data: Data) -> None:
        if len(self._pending) < MOST_PENDING:
            self._pending.append((kind, data))
        else:
            self._uncounted[kind] += 1

    def _commit(self, moment: Moment, over: Iterable[str], kept: tuple[Lease, ...] | None = None) -> None:
        """Make durable what happened; when the disk refuses, all of it waits for the next look."""
        told = list(self._pending)
        if self._uncounted:
            told.append(("spool.full", {f"count.{kind}"[:64]: count for kind, count in self._uncounted.items()}))

        def change(state: AgentState) -> AgentState:
            return state if kept is None else replace(state, leases=kept)

        try:
            self.spool.commit(moment, told, change)
        except StorageFailed as error:
            if not self._disk_fault:
                _log.error("%s", error)
            self._disk_fault = str(error)
            return
        self._disk_fault = ""
        self._pending.clear()
        self._uncounted.clear()
        for jti in over:
            self._ending.pop(jti, None)

    def _compare_clocks(self, now: Reading) -> bool:
        """Tell of a clock that was set, and give whether the machine slept."""
        since, self._last = jump(self._last, now), now
        if since.wall:
            kind = "clock.forward" if since.wall > 0 else "clock.back"
            self._tell(kind, {"seconds": abs(round(since.wall))})
        if since.slept:
            self._tell("power.resume", {"slept_seconds": round(since.slept)})
        return bool(since.slept)

    def _sleeping(self) -> bool:
        """Whether the machine is about to sleep: the service before sleep leaves a mark, and nothing opens then."""
        asleep = (self.config.run / keeper.ASLEEP).exists()
        if asleep and not self._asleep:
            self._tell("power.sleep", {})
        self._asleep = asleep
        return asleep

    def _take_records(self) -> None:
        """Take over what the keeper did while nobody else could; the records go when the events are durable."""
        found = keeper.records(self._places)
        if not found:
            return
        told: list[Told] = [
            (
                "keeper.relocked",
                {
                    "lease": each.jti, "name": each.name, "why": each.why, "outcome": each.outcome.value,
                    "authorized": each.authorized, "at_ms": each.at, "mounts": list(each.mounts)[:MAX_LIST],
                },
            )
            for each in found
        ]  # fmt: skip
        with suppress(StorageFailed):
            self.spool.append_all(told, self.moment)
            for each in found:
                keeper.forget(each)

    def _take_guard(self, now: float) -> None:
        """Take over what the network guard wants told; its records go when the events are durable."""
        for kind, data in self.guard.silence(now):
            self._tell(kind, data)
        if found := self.guard.waiting():
            with suppress(StorageFailed):
                self.spool.append_all(self.guard.told(found), self.moment)
                self.guard.taken(found)

    def _bindings(self) -> Loaded:
        loaded = load_bindings(self.config.bindings, self.config.state)
        fault = "" if loaded.fault is None else render(loaded.fault, "en")
        if fault and fault != self._bindings_fault:
            self._tell("state.corrupt", {"file": str(self.config.bindings), "cause": fault[:400]})
        self._bindings_fault = fault
        return loaded

    def _look_for_memory(self) -> None:
        """Tell when the file of events and leases was deleted under us: what is written goes with this process."""
        before, path = self._gone_fault, str(self.spool.place.path)
        gone = not self.spool.is_there()
        self._gone_fault = render(t("{file} was deleted while the agent ran", file=path), "en") if gone else ""
        if gone and not before:
            self._tell("state.corrupt", {"file": path, "cause": self._gone_fault, "reason": "deleted"})
            self.end((each.jti for each in self.spool.state.leases), "lost")

    def _decide(
        self,
        devices: Sequence[UsbDevice],
        bindings: Sequence[UsbBinding],
        live: Sequence[Lease],
        now: float,
        boot: str,
    ) -> tuple[Decision, ...]:
        """Ask the gate, and let the keeper know before anything opens; when it cannot know, no lease opens anything."""
        decisions = decide(devices, bindings, live, now, boot)
        try:
            leases.publish(self.config.run, boot, live, decisions)
        except (OSError, PortsealError) as error:
            self._run_fault = str(error)
            return decide(devices, bindings, (), now, boot)
        self._run_fault = ""
        return decisions

    def _use(self, decision: Decision) -> None:
        """Make durable that a lease is being used, before it is."""
        moment, appearance = self.moment, decision.device.appearance

        def change(state: AgentState) -> AgentState:
            changed = (
                replace(each, used=(*each.used, appearance))
                if each.jti == decision.lease and appearance not in each.used
                else each
                for each in state.leases
            )
            return replace(state, leases=tuple(changed))

        self.spool.commit(moment, (), change)

    def _give_back(self, device: UsbDevice) -> None:
        """Have the device's storage written out and unmounted; the outcome is told with the lease's end."""
        self._released[device.name] = self._unmount(device.name, device.devnum, UNMOUNT_SECONDS)

    def _compare_devices(self, done: Pass, bindings: Sequence[UsbBinding], now: float, slept: bool) -> None:
        if not done.scan.complete:
            return
        before = self._tamper
        state, found = tamper.watch(before, done.scan.devices, bindings, now, slept, self._interval())
        state, strangers = tamper.unknown(state, done.scan.devices, done.decisions)
        for each in found:
            device = {} if each.device is None else usb_events.described(each.device)
            data = {**device, "bindings": list(each.bindings)[:MAX_LIST], "port": each.port, "reason": str(each.reason)}
            self._tell(each.kind.value, data)
        for stranger in strangers:
            if stranger.kind != "usb.blocked":  # the enforcer has told of what was plugged in and refused
                device = usb_events.described(stranger.decision.device)
                self._tell(stranger.kind, {**device, "reason": str(stranger.decision.reason)})
        self._tamper = state
        if state != before:
            with suppress(StorageFailed):
                replace_file(self.config.run / TAMPER, tamper.to_json(state))

    def _interval(self) -> float:
        return TICK if self._settled else SOON

    def _warn(self, live: Sequence[Lease], now: float) -> None:
        """Tell once of each lease that ends soon; one that is as short as that is told with its opening."""
        for lease in live:
            left = lease.ends - now
            if left <= WARNING_SECONDS < lease.ends - lease.opened and lease.jti not in self._warned:
                self._tell("lease.ending", {"lease": lease.jti, "card": lease.card, "seconds": round(left)})
                self._warned.add(lease.jti)
        self._warned &= {lease.jti for lease in live}

    def _over(self, live: set[str], done: Pass) -> set[str]:
        """Tell of leases that are over, once nothing of them is open any more; gives their jti."""
        over, given_back = set(), set[str]()
        for lease in self.spool.state.leases:
            if lease.jti in live:
                continue
            devices = [each.device.name for each in done.decisions if each.device.appearance in lease.used]
            if done.stuck & set(devices):
                continue  # it could not be refused yet: the lease is over when it is
            worst = max((_loss(self._released.get(name)) for name in devices), default="")
            given_back |= set(devices)
            why = self._ending.get(lease.jti, "expired" if lease.boot == self.clock.boot else "reboot")
            self._tell(
                "lease.ended",
                {"lease": lease.jti, "card": lease.card, "why": why, "devices": len(lease.used), "storage": worst},
            )
            over.add(lease.jti)
            self.ended = Ended(lease.jti, why, worst, self._last.boottime)
        for name in given_back:  # two leases that end at once have both lost what was not written
            self._released.pop(name, None)
        return over


_LOSSES = {Outcome.CLEAN: "clean", Outcome.LAZILY: "lazily", Outcome.FAILED: "unwritten"}


def _loss(released: Released | None) -> str:
    """Give the word for how storage was given back; they sort from good to bad."""
    return "" if released is None else _LOSSES[released.outcome]


def _spent(lease: Lease, done: Pass) -> Lease:
    used = tuple(dict.fromkeys((*lease.used, *done.leases_used.get(lease.jti, ()))))
    return lease if used == lease.used else replace(lease, used=used)


def _remembered(path: Path, boot: str) -> tuple[tamper.TamperState, str]:
    """Give the tamper watch as it was kept, and why it cannot be read; none is kept at a boot's first start."""
    try:
        return tamper.from_json(path.read_bytes(), boot), ""
    except FileNotFoundError:
        cause = ""
    except OSError as error:
        cause = error.strerror or type(error).__name__
    except InputError as error:
        cause = render(error.what, "en")[:400]
    return tamper.TamperState(boot), cause

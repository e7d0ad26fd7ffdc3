"""The guard's process: keeps the rules in force from before the network on, and proves them again and again.

    python -m agent.egress.guard            keep and prove (the service)
    python -m agent.egress.guard --remove   take the rules away (an uninstallation, or the end of a trial)

A change of the kernel's rules, of the network, of its file, and the clock are reasons to look. Rules that are not as
they were applied are applied again, whole and at once, and told. When the process ends its rules stay. What it wants
told it leaves for the agent, which signs (agent/egress/records.py).
"""

from __future__ import annotations

import json
import logging
import os
import selectors
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType

from agent.clock import Clock
from agent.egress import kernel, rules
from agent.egress.declared import DENY_ALL, LAST_GOOD, GuardRule, Loaded, content, load_or_last
from agent.egress.nft import Nft, find_nft, the_nft
from agent.egress.places import GuardPlaces, find_places
from agent.egress.proving import prove
from agent.egress.records import STATE, Outbox
from agent.service import Service
from agent.usb.bindings import replace_file
from agent.usb.events import Quiet
from policies.egress import Wrong, judge_proof
from policies.errors import EquipmentError, PortsealError, StorageFailed
from policies.messages.event import MAX_LIST, Value
from policies.messages.proof import GuardState, Proof, proof_data
from policies.model import Verdict
from policies.texts import LANGUAGES, render

_log = logging.getLogger("portseal.guard")

#: Seconds between two looks when nothing happens, and the shortest time between two.
TICK, REST = 5.0, 0.1
#: Seconds from a change of the network to the round that it causes: addresses and routes come one after the other.
SETTLE = 2.0
#: The shortest time between the beginnings of two rounds, in seconds.
BREATH = 5.0


class Guard:
    """The rules of one terminal, and the proof of them."""

    def __init__(self, places: GuardPlaces, nft: Nft, clock: Clock) -> None:
        self._places, self._nft, self._clock = places, nft, clock
        self._outbox = Outbox(places.state, clock.boot)
        self._quiet = Quiet()
        self._bytes = content(places.declared)
        self._loaded = load_or_last(places.declared, places.state, places.hosts)
        self._applied: rules.Found | None = None
        self._denied = self._counted = 0
        self._told: frozenset[tuple[Verdict, str]] | None = None
        self._told_at = 0.0
        self._last: Proof | None = None

    @property
    def rule(self) -> GuardRule:
        """The rule that counts."""
        return self._loaded.rule

    @property
    def state(self) -> GuardState:
        """What the kernel was found to have at the last look."""
        if self._applied is None:
            return GuardState.ABSENT
        return GuardState.DENIES_ALL if self.rule == DENY_ALL else GuardState.IN_FORCE

    def start(self) -> None:
        """Put the rules in force for the first time."""
        self._apply()
        self._put("egress.started", {"networks": self._networks(), "applied": self._applied is not None})
        self._told_fault()
        self.write_state()

    def stop(self, why: str) -> None:
        """Tell of the end; the rules stay."""
        self._put("egress.stopped", {"why": why})

    def look(self) -> bool:
        """Follow the file, and apply the rules again when the kernel has others; True when something was amiss."""
        changed = self._follow_file()
        what, found = "", None
        try:
            found = self._nft.read()
            if found is None:
                what = "removed"
            elif self._applied is None or found.digest != self._applied.digest:
                what = "changed"
        except EquipmentError as error:
            self._not_applied(error)
            return True
        if found is not None:
            self._count(found)
        if not what:
            return changed
        never = self._applied is None
        self._apply()
        if not never:
            applied = self._applied is not None
            self._say("egress.tampered", what, {"what": what, "applied": applied, "networks": self._networks()})
        return True

    def finish(self, proof: Proof) -> None:
        """Take a round's proof: tell it when it says something new, or when its time has come."""
        denied, self._denied = self._denied, 0
        self._last = proof = replace(proof, denied=denied)
        leak = any(verdict is Verdict.FAIL for verdict, _ in judge_proof(proof))
        now, said = self._now(), _compared(proof)
        if said != self._told or now - self._told_at >= self.rule.tell:
            self._told, self._told_at = said, now
            self._outbox.put("egress.leak" if leak else "egress.proof", proof_data(proof))
        else:
            self._denied += denied  # until it is told
        self.write_state()

    def write_state(self) -> None:
        """Leave for the agent, and for 'portseal-agent guard show', how things stand."""
        proof, fault = self._last, self._loaded.fault
        document = {
            "boot": self._clock.boot,
            "at_ms": self._ms(),
            "guard": self.state.value,
            "fault": None if fault is None else {language: fault.line(language) for language in LANGUAGES},
            "networks": self._networks(),
            "proved_ms": None if proof is None else proof.at_ms,
            "proof": None if proof is None else proof_data(proof),
            "wrong": [] if proof is None else [_shown(each) for each in judge_proof(proof)],
        }
        with suppress(StorageFailed):
            replace_file(self._places.run / STATE, json.dumps(document, ensure_ascii=False).encode())

    def _follow_file(self) -> bool:
        """Read the file anew when its bytes are others; True when other rules count since."""
        now = content(self._places.declared)
        if now == self._bytes:
            return False
        self._bytes, before = now, self._loaded
        self._loaded = load_or_last(self._places.declared, self._places.state, self._places.hosts)
        if self._loaded.fault is not None and self._loaded.rule == DENY_ALL and before.rule != DENY_ALL:
            self._loaded = Loaded(before.rule, self._loaded.fault)  # what is in force is the last good one
        self._told_fault()
        if self.rule == before.rule:
            return False
        self._apply()
        if rules.script(self.rule) != rules.script(before.rule):
            data: dict[str, Value] = {"before": _texts(before.rule), "networks": self._networks()}
            self._put("egress.declared", data | {"applied": self._applied is not None})
        self._told = None
        return True

    def _told_fault(self) -> None:
        fault = self._loaded.fault
        if fault is not None:
            cause = fault.line("en")[:400]
            self._say("egress.file_broken", cause, {"cause": cause, "denies_all": self.rule == DENY_ALL})

    def _apply(self) -> None:
        try:
            self._applied = self._nft.apply(self.rule)
            self._counted = 0
        except EquipmentError as error:
            self._not_applied(error)

    def _not_applied(self, error: EquipmentError) -> None:
        self._applied = None
        self._say("egress.not_applied", error.line("en"), {"cause": error.line("en")[:400]})

    def _count(self, found: rules.Found) -> None:
        """Add what was dropped since the last look; the kernel's counters begin anew with every new table."""
        since = found.denied - self._counted
        self._denied += since if since >= 0 else found.denied
        self._counted = found.denied

    def _say(self, kind: str, about: str, data: Mapping[str, Value]) -> None:
        """Tell what may repeat itself without end: at most once in a minute."""
        held = self._quiet.ask(f"{kind} {about}", self._now())
        if held is not None:
            self._put(kind, {**data, **({"held_back": held} if held else {})})

    def _put(self, kind: str, data: Mapping[str, Value]) -> None:
        self._outbox.put(kind, {**data, "at_ms": self._ms()})

    def _networks(self) -> list[str]:
        return _texts(self.rule)

    def _now(self) -> float:
        return self._clock.read().boottime

    def _ms(self) -> int:
        return round(self._now() * 1000)


class _Loop:
    """The process: one thread that looks, and one more for each round."""

    def __init__(self, guard: Guard, places: GuardPlaces, service: Service) -> None:
        self._guard, self._places, self._service = guard, places, service
        self._selector = selectors.DefaultSelector()
        self._stopping = ""
        self._done: list[Proof] = []
        self._round: threading.Thread | None = None
        self._begun = float("-inf")
        self._due = 0.0
        self._look_now = False

    def run(self) -> None:
        """Keep and prove until SIGTERM or SIGINT."""
        # A signal, and the end of a round, must end the wait at once.
        reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.set_wakeup_fd(self._writer)
        self._selector.register(reader, selectors.EVENT_READ, lambda: os.read(reader, 64))
        ruled, network = kernel.hear_rules(), kernel.hear_network()
        for link, heard in ((ruled, self._ruled), (network, self._moved)):
            if link is not None:
                self._selector.register(link, selectors.EVENT_READ, lambda link=link, heard=heard: heard(link))
        self._guard.start()
        kernel.drain(ruled)
        self._service.ready()
        looked = time.monotonic()
        while not self._stopping:
            wanted = REST if self._look_now else TICK
            for key, _ in self._selector.select(self._patience(looked + wanted)):
                key.data()
            self._rounds()
            if time.monotonic() - looked < wanted:
                continue
            self._look_now = False
            if self._guard.look():
                self._due = 0.0  # whatever was open meanwhile is to be known
                kernel.drain(ruled)
            self._guard.write_state()
            self._service.alive()
            looked = time.monotonic()
        self._service.stopping()
        self._guard.stop(self._stopping)

    def _patience(self, look_at: float) -> float:
        ends = [look_at]
        if self._round is None:
            ends.append(max(self._due, self._begun + BREATH))
        return max(0.0, min(ends) - time.monotonic())

    def _rounds(self) -> None:
        """Take a finished round, and begin the next one when it is due."""
        while self._done:
            self._guard.finish(self._done.pop(0))
        if self._round is not None and not self._round.is_alive():
            self._round = None
        now = time.monotonic()
        if self._round is None and now >= max(self._due, self._begun + BREATH):
            self._begun, self._due = now, now + self._guard.rule.every
            given = (self._guard.rule, self._guard.state)
            # A daemon: a resolver or a disk that hangs must not hold the end of the process up.
            self._round = threading.Thread(target=self._prove, args=given, name="round", daemon=True)
            self._round.start()

    def _prove(self, rule: GuardRule, state: GuardState) -> None:
        try:
            self._done.append(prove(rule, state, self._places.root))
        except Exception:  # noqa: BLE001 - a mistake of ours in one round must not end the proof for ever
            _log.exception("a round failed")
        with suppress(OSError):
            os.write(self._writer, b"r")

    def _ruled(self, link: object) -> None:
        kernel.drain(link)  # type: ignore[arg-type]
        self._look_now = True

    def _moved(self, link: object) -> None:
        kernel.drain(link)  # type: ignore[arg-type]
        self._due = min(self._due, time.monotonic() + SETTLE)

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = signal.Signals(number).name


def serve(places: GuardPlaces, nft: Nft) -> None:
    """Keep and prove until SIGTERM or SIGINT."""
    for each in (places.state, places.run):
        try:
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            # The rules need no folder: without one the guard works, and what it would tell is in the journal.
            _log.error("%s cannot be made: %s", each, error.strerror or error)
    _Loop(Guard(places, nft, Clock()), places, Service(os.environ)).run()


def main(arguments: list[str]) -> int:
    """Run it; the exit code is 0, 2 for an unknown argument, 3 when nft is missing or fails."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    try:
        if arguments == ["--remove"] and find_nft() is None:
            return 0
        nft = the_nft()
        places = find_places(Path(os.environ.get("PORTSEAL_AGENT_CONFIG") or "/etc/portseal-agent"))
        if arguments == ["--remove"]:
            nft.remove()
            (places.state / LAST_GOOD).unlink(missing_ok=True)  # or the next installation would take it for a loss
            return 0
        if arguments:
            return 2
        serve(places, nft)
    except PortsealError as error:
        _log.error("%s", error)
        return error.exit_code
    return 0


def _texts(rule: GuardRule) -> list[str]:
    return [str(each) for each in rule.networks][:MAX_LIST]


def _compared(proof: Proof) -> frozenset[tuple[Verdict, str]]:
    """Give what two rounds are compared by: the ports of a connection differ each time, and are no news."""
    peers = tuple(dict.fromkeys(each.split(" ")[-1].rpartition(":")[0] for each in proof.sockets))
    return frozenset((verdict, render(text, "en")) for verdict, text in judge_proof(replace(proof, sockets=peers)))


def _shown(wrong: Wrong) -> dict[str, object]:
    verdict, text = wrong
    return {"verdict": verdict.value, "text": {language: render(text, language) for language in LANGUAGES}}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

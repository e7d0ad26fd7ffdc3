"""The agent's process: one thread, one selector; uevents, requests and the clock are reasons to look.

Whatever cannot be set up, the gate is shut first: the kernel's defaults are made to refuse before the terminal's own
declaration is read.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType

from agent.answers import Answers
from agent.clock import Clock
from agent.config import CONFIG_FOLDER, Config, load_config
from agent.control import OPERATORS_SOCKET, SOCKET, Control
from agent.enrol.renew import Renewal
from agent.link.broker import Link
from agent.link.database import storage_errors
from agent.link.identity import agent_key
from agent.link.spool import Spool, SpoolPlace, open_spool
from agent.offline.reader import Readers
from agent.service import Service
from agent.terminal import MOST_PENDING, TICK, Terminal
from agent.usb.bindings import load_bindings
from agent.usb.enforce import Enforcer
from agent.usb.events import Event
from agent.usb.events import Moment as PassMoment
from agent.usb.gate import decide
from agent.usb.monitor import Monitor, Pulse
from agent.usb.sysfs import Outcome, Result, Usb
from policies.errors import ConfigError, StorageFailed
from policies.grants import Moment
from policies.messages.event import MAX_LIST

_log = logging.getLogger("portseal.agent")

#: The shortest time between two looks, in seconds: a flood of uevents leads to one look after the other, not more.
REST = 0.05
#: How long this thread may work before paho's has its turn, in seconds.
SWITCH_SECONDS = 0.0005


def serve(folder: Path = CONFIG_FOLDER, sysfs: Path = Path("/sys")) -> None:
    """Run until SIGTERM or SIGINT; raises PortsealError when the terminal is not set up, or its folders fail."""
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    usb = Usb(sysfs)
    before = _were_open(usb.shut_defaults())
    config, clock = load_config(folder), Clock()
    service = Service(os.environ)
    with _memory(config, clock, _Blind(usb, config, clock, service, before)) as spool:
        terminal = Terminal(config, clock, spool, usb)
        terminal.tell(before)
        _Loop(config, terminal, service, sysfs, folder).run()


def _were_open(results: Iterable[Result]) -> list[Event]:
    """Tell which defaults let devices in before the agent was there; that of interfaces does so at every boot."""
    found = [each for each in results if not each.where.endswith("/interface_authorized_default")]
    if not found:
        return []
    shut = all(each.outcome is Outcome.DONE for each in found)
    where = [each.where for each in found][:MAX_LIST]
    return [Event("gate.default_changed", {"found": where, "start": True, "shut": shut})]


def _memory(config: Config, clock: Clock, blind: Callable[[StorageFailed], None]) -> Spool:
    """Open the agent's memory; as long as the disk refuses, `blind` keeps what is bound working and all else shut."""
    place = SpoolPlace(config.state, config.run, config.terminal, clock.boot)
    while True:
        now = clock.read()
        try:
            with storage_errors(config.state):
                config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            return open_spool(place, agent_key(config.state), Moment(now.wall, now.boottime))
        except StorageFailed as error:
            blind(error)


class _Blind:
    """Passes without a memory: no lease opens anything, what happens is kept to be told, up to a bound."""

    def __init__(self, usb: Usb, config: Config, clock: Clock, service: Service, events: list[Event]) -> None:
        self._enforcer = Enforcer(usb, decide)
        self._config, self._clock, self._service, self._events = config, clock, service, events
        self._said = False

    def __call__(self, error: StorageFailed) -> None:
        """Make one pass and wait a moment."""
        if not self._said:
            _log.error("%s", error)
            self._service.ready()
            self._service.status(str(error))
            self._said = True
        bindings = load_bindings(self._config.bindings, self._config.state).bindings
        done = self._enforcer.run_pass(bindings, (), PassMoment(self._clock.read().boottime, self._clock.boot))
        self._events.extend(done.events[: MOST_PENDING - len(self._events)])
        self._service.alive()
        time.sleep(TICK)


class _Loop:
    def __init__(self, config: Config, terminal: Terminal, service: Service, sysfs: Path, folder: Path) -> None:
        self._terminal, self._folder = terminal, folder
        self._renewal = Renewal(folder, time.monotonic())
        self._selector = selectors.DefaultSelector()
        self._monitor = Monitor(Pulse(sysfs))
        place = config.broker
        self._link = None if place is None else Link(place, config.site, config.terminal, terminal.status)
        self._answers = Answers(terminal, self._link, self._report)
        self._controls = [Control(config.run / SOCKET, self._answers.answer, self._selector)]
        self._serve_operators(config.operators)
        self._readers = Readers(self._selector, self._presented, time.monotonic, sysfs)
        self._service = service
        self._stopping = ""
        self._heard = False

    def run(self) -> None:
        """Look, wait, and look again."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        # A signal must end the wait at once, also one that comes just before it.
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer)
        self._selector.register(reader, selectors.EVENT_READ, lambda _: os.read(reader, 64))
        self._selector.register(self._monitor, selectors.EVENT_READ, lambda _: self._hear())
        self._terminal.start()
        gc.freeze()  # what is there by now stays: looking through it again and again would hold a grant up
        # paho's thread sends an event while this one goes on to open the device: it waited up to 5 ms for its turn.
        sys.setswitchinterval(SWITCH_SECONDS)
        self._service.ready()
        if self._link is not None:
            self._selector.register(self._link, selectors.EVENT_READ, lambda _: self._obey())
            self._link.start()
        fed, looked = time.monotonic(), time.monotonic()
        while True:
            # After a flood of uevents comes one look, and at most one in each REST.
            wanted = REST if self._heard else self._terminal.wait()
            for key, mask in self._selector.select(max(0.0, looked + wanted - time.monotonic())):
                key.data(mask)
            if self._stopping:
                break
            self._report()
            now = time.monotonic()
            if now - looked < (REST if self._heard else wanted):
                continue  # somebody asked: the answer made its own look
            self._heard = self._monitor.beat()
            self._terminal.tell(self._monitor.events())
            self._terminal.look()
            self._readers.follow(self._terminal.view.decisions, self._terminal.view.bindings)
            self._tidy()
            self._renew(now)
            looked = now
            if self._service.watchdog is not None and now - fed >= self._service.watchdog / 2:
                self._service.alive()
                fed = now
        self._service.stopping()
        self._terminal.stop(self._stopping)
        self._report()
        if self._link is not None:
            self._link.close()
        self._readers.close()
        for control in self._controls:
            control.close()
        self._monitor.close()

    def _serve_operators(self, folder: Path) -> None:
        """Open the operators' socket where its folder is; without it root's goes on working."""
        try:
            self._controls.append(
                Control(folder / OPERATORS_SOCKET, self._answers.operator, self._selector, operators=True)
            )
        except OSError as error:
            _log.warning("no socket for operators in %s: %s", folder, error.strerror or error)

    def _tidy(self) -> None:
        for control in self._controls:
            control.tidy()
        self._answers.forget()

    def _renew(self, now: float) -> None:
        """Use a new certificate from now on."""
        if self._link is None or not self._renewal.done(now):
            return
        try:
            place = load_config(self._folder).broker
            if place is not None:
                self._link.move(place)
        except ConfigError as error:
            _log.error("the new certificate cannot be used: %s", error)

    def _presented(self, card: str) -> None:
        """Take a card that a reader of this terminal has read."""
        self._answers.answer({"do": "present", "card": card})

    def _obey(self) -> None:
        assert self._link is not None
        for order in self._link.orders():
            self._answers.obey(order)

    def _report(self) -> None:
        """Send what the controller does not have yet."""
        if self._link is not None:
            spool = self._terminal.spool
            self._link.pump(spool.unacked, spool.state.acked.seq, spool.state.head.seq)

    def _hear(self) -> None:
        self._heard |= self._monitor.drain()

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = signal.Signals(number).name

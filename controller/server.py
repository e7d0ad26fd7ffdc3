"""`portseal serve`: one process, one loop, one writer.

Messages of the broker, what verbs and web door ask, and the clock are all handled in this loop; each round is one
commit, and what follows from it is sent afterwards. Other threads only hand over: see :meth:`Server.call`.
"""

from __future__ import annotations

import gc
import logging
import os
import queue
import select
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from controller.broker.link import Link, Message
from controller.broker.say import Say, latest
from controller.context import Context
from controller.inbox import Inbox
from policies.errors import DeviceTimeout, PortsealError, StorageFailed
from policies.messages.topics import Kind, Topic
from policies.texts import t

_log = logging.getLogger("portseal.serve")
T = TypeVar("T")

#: Seconds between two looks at the clock, at the broker and identities, at the ledger's checkpoint.
TICK, LOOK, CHECKPOINT = 1.0, 2.0, 60.0
#: The same while the broker is away: who swipes then stands and waits.
HURRY = 0.2
#: Seconds until who asked is told that the loop did not answer.
PATIENCE = 15.0


@dataclass(frozen=True, slots=True)
class Chore:
    """Something to be done every so many seconds; what it gives back is sent.

    With `hurried` it is done at every look while the broker is away, until it fails.
    """

    name: str
    every: float
    work: Callable[[datetime], list[Say]]
    hurried: bool = False


class Server:
    """The loop. `chores` are done besides ticks; each may fail alone."""

    def __init__(self, context: Context, link: Link, inbox: Inbox, chores: tuple[Chore, ...] = ()) -> None:
        self._context, self._link, self._inbox = context, link, inbox
        self._site = context.site.name
        self._chores = {chore.name: chore for chore in chores}
        self._due = dict.fromkeys(self._chores, 0.0)
        self._failing: set[str] = set()
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stopping = False
        self._ticked = 0.0
        self._held: list[Message] = []
        self._fault = ""

    def add(self, chore: Chore) -> None:
        """Do one more chore; before the loop runs."""
        self._chores[chore.name] = chore
        self._due[chore.name] = 0.0

    @property
    def connected(self) -> bool:
        """Whether the broker takes and gives messages."""
        return self._link.up

    def stop(self) -> None:
        """Let the loop end; may be called from a signal handler."""
        self._stopping = True
        with suppress(OSError):
            os.write(self._waker, b"x")

    def soon(self, chore: str) -> None:
        """Do a chore as soon as the loop comes to it; from any thread."""
        self._due[chore] = self._ticked = 0.0
        with suppress(OSError):
            os.write(self._waker, b"x")

    def call(self, work: Callable[[datetime], tuple[T, list[Say]]]) -> T:
        """Do something in the loop, in one commit of its own, and give what came of it; from any other thread.

        What `work` says is sent once the commit is done. Its errors are the caller's; DeviceTimeout when the loop does
        not come to it.
        """
        done: Future[T] = Future()

        def job() -> None:
            if not done.set_running_or_notify_cancel():
                return
            result: list[T] = []

            def together() -> list[Say]:
                found, said = work(self._context.clock())
                result.append(found)
                return said

            try:
                self._send(self._inbox.together(together))
            except BaseException as error:  # noqa: BLE001 - it belongs to who asked
                done.set_exception(error)
            else:
                done.set_result(result[0])

        self._jobs.put(job)
        with suppress(OSError):
            os.write(self._waker, b"x")
        try:
            return done.result(PATIENCE)
        except TimeoutError:
            done.cancel()
            raise DeviceTimeout(
                t("the controller is too busy to answer"), where="portseal serve", next_step=t("repeat it")
            ) from None

    def run(self) -> None:
        """Serve until stopped."""
        gc.freeze()  # what is there by now stays: looking through it again and again held a swipe up for 20 ms
        while not self._stopping:
            self._wait(max(0.0, self._ticked + self._pace - time.monotonic()))
            self._receive()
            self._work()
            now = time.monotonic()
            if now - self._ticked >= self._pace:
                self._ticked = now
                self._tick()
            self._link.flush()
        self._link.close()
        os.close(self._wake)
        os.close(self._waker)

    @property
    def _pace(self) -> float:
        return TICK if self._link.up else HURRY

    def _wait(self, seconds: float) -> None:
        sock = self._link.socket()
        if self._link.buffered:
            seconds = 0.0
        readers: list[Any] = [self._wake] if sock is None else [self._wake, sock]
        writers = [sock] if sock is not None and self._link.wants_write() else []
        try:
            ready, _, _ = select.select(readers, writers, [], seconds)
        except (OSError, ValueError):
            return  # the socket was closed under us: the link notices
        if self._wake in ready:
            with suppress(BlockingIOError):
                while os.read(self._wake, 4096):
                    pass

    def _receive(self) -> None:
        """Handle what has arrived; what could not be written down stays, unacknowledged, and is tried again."""
        messages = [*self._held, *self._link.read()]
        if not messages:
            return
        try:
            said = self._inbox.take(messages, self._context.clock())
        except StorageFailed as error:
            self._hold(messages, error)
            return
        self._held, self._fault = [], ""
        self._send(said)
        self._link.done(messages)

    def _hold(self, messages: list[Message], error: StorageFailed) -> None:
        if str(error) != self._fault:
            _log.error("%s", error)
        fresh = messages[len(self._held) :]
        self._held, self._fault = messages, str(error)
        self._send(self._inbox.unrecorded(fresh, self._context.clock()))
        time.sleep(0.1)

    def _work(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._jobs.get_nowait()()

    def _tick(self) -> None:
        self._link.tend()
        self._guarded("tick", lambda: self._inbox.tick(self._context.clock()))
        now = time.monotonic()
        for name, chore in self._chores.items():
            hurries = chore.hurried and not self._link.up and name not in self._failing
            if hurries or now >= self._due[name]:
                self._due[name] = now + chore.every
                self._failing.discard(name)
                if not self._guarded(name, partial(self._do, chore)):
                    self._failing.add(name)

    def _do(self, chore: Chore) -> list[Say]:
        return chore.work(self._context.clock())

    def _guarded(self, name: str, work: Callable[[], list[Say]]) -> bool:
        """Do a chore and tell whether it was done; what goes wrong with it is said, and holds up nothing else."""
        try:
            self._send(work())
        except PortsealError as error:
            if str(error) != self._fault:
                _log.error("%s: %s", name, error)
            self._fault = str(error)
        except Exception:  # noqa: BLE001 - a mistake of ours in one thing must not take all others down
            _log.exception("%s failed", name)
        else:
            return True
        return False

    def _send(self, said: list[Say]) -> None:
        for each in latest(said):
            topic = str(Topic(self._site, each.kind, each.name))
            expiry = 0 if each.kind in (Kind.EVENT_ACK, Kind.CHECKPOINT) else each.expiry
            self._link.publish(topic, each.payload, retain=each.retain, expiry=expiry)

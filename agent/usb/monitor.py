"""The kernel's uevents as a wake-up: "look again", and nothing more. What an event says is never acted upon.

A monitor can be dead and look alive, so a heartbeat goes through the real path: a harmless `change` of a root hub is
asked for in sysfs, and must come back as an event. The source is the kernel, not udevd, which may be dead or too late.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from agent.usb.events import Event, Quiet
from policies.messages.event import Value

#: Seconds without an event after which a heartbeat is sent, that it may take, and until a dead monitor is made anew.
HEARTBEAT_SECONDS, PATIENCE_SECONDS, AGAIN_SECONDS = 60.0, 5.0, 2.0
#: Bytes of the kernel's queue for us. libudev asks for 128 MiB, which a flood would fill; an overrun costs one look.
BUFFER = 1 << 20
#: Events taken by one drain, so that a flood cannot hold the loop.
_MOST = 1024


class Pulse:
    """Asks the kernel for a harmless uevent of the first root hub, marked with a token (SYNTH_UUID)."""

    def __init__(self, root: Path = Path("/sys")) -> None:
        self._devices = root / "bus/usb/devices"

    def __call__(self, token: str) -> bool:
        """Send it; False when there is no root hub to ask. Raises OSError when it cannot be asked."""
        hubs = sorted(each.name for each in self._devices.glob("usb*"))
        if not hubs:
            return False
        (self._devices / hubs[0] / "uevent").write_text(f"change {token}", "ascii")
        return True


class Monitor:
    """A file descriptor that becomes readable when USB changes; it stays the same when the monitor is made anew.

    `pulse` sends a heartbeat. `subsystem` and `buffer` (bytes) are for tests. Call `drain` when it is readable, `beat`
    now and then (once a second is enough), and take `events` after both.
    """

    def __init__(
        self,
        pulse: Callable[[str], bool] | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        subsystem: str = "usb",
        buffer: int = BUFFER,
    ) -> None:
        self._pulse = pulse or Pulse()
        self._clock = clock
        self._subsystem = subsystem
        self._buffer = buffer
        self._epoll = select.epoll()
        self._monitor: Any = None
        self._fd, self._inode = -1, 0
        self._buried: list[Any] = []
        self._quiet = Quiet()
        self._events: list[Event] = []
        self._token = ""
        self._sent = 0.0
        self._due = self._clock() + AGAIN_SECONDS  # the first one soon: is it alive at all?
        self._anew = 0.0
        self._start()

    def fileno(self) -> int:
        """Give the file descriptor, for select, poll and epoll."""
        return self._epoll.fileno()

    def close(self) -> None:
        """Stop; nothing can be called afterwards."""
        self._stop()
        self._epoll.close()

    def drain(self) -> bool:
        """Take what waits; True when something happened, or may have been missed. Never raises, never blocks."""
        happened = False
        for _ in range(_MOST):
            ready = self._epoll.poll(0)
            if not ready or self._monitor is None:
                break
            if ready[0][1] & (select.EPOLLERR | select.EPOLLHUP):
                happened = True
                self._recover()
                continue
            try:
                device = self._monitor.poll(0)
            except (OSError, ValueError, MemoryError, OverflowError) as error:
                # pyudev's poll raises "Error while polling fd" without an errno, for ever, once the queue ran over.
                happened = True
                self._recover(str(error))
                continue
            if device is not None:  # None: not of our subsystem, and others may follow
                happened |= self._heard(device)
        return happened

    def beat(self) -> bool:
        """Send a heartbeat when it is time, and judge the last one; True: the monitor was dead, look again."""
        now = self._clock()
        if self._monitor is None:
            return now >= self._anew and self._start()
        if self._token:
            if now - self._sent < PATIENCE_SECONDS:
                return False
            self._lost("a heartbeat did not come back")
            self._stop()
            return self._start()
        if now >= self._due:
            self._due = now + HEARTBEAT_SECONDS
            token = str(uuid.uuid4())
            try:
                if self._pulse(token):
                    self._token, self._sent = token, now
            except OSError as error:
                self._lost(f"no heartbeat can be sent ({error.strerror})")
        return False

    def events(self) -> tuple[Event, ...]:
        """Give what there is to tell since the last call: `monitor.lost`, with the cause."""
        told, self._events = tuple(self._events), []
        return told

    def _heard(self, device: Any) -> bool:
        """Note that the path is alive; an answer to our own heartbeat is no reason to look."""
        mine = False
        if self._token:
            properties: Mapping[str, str] = device.properties
            mine = properties.get("SYNTH_UUID") == self._token
        self._token = ""
        self._due = self._clock() + HEARTBEAT_SECONDS
        return not mine

    def _recover(self, said: str = "") -> None:
        """Clear the socket's error and go on; when there is none to clear, make the monitor anew."""
        code = 0
        with suppress(OSError), socket.socket(fileno=os.dup(self._fd)) as link:
            code = link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._lost("events came too fast" if code == errno.ENOBUFS else said or os.strerror(code))
        if code != errno.ENOBUFS:
            self._stop()
            if self._clock() >= self._anew:  # else `beat` does it: one that fails at once must not keep us busy
                self._start()

    def _start(self) -> bool:
        """Open a monitor; without one the loop goes on by its clock. True: look now, events were missed until here."""
        now = self._clock()
        self._anew = now + AGAIN_SECONDS
        try:
            # Here, since it takes 6 MB and half a tenth of a second: not for who only asks for a status.
            import pyudev  # type: ignore[import-untyped]

            monitor = pyudev.Monitor.from_netlink(pyudev.Context(), "kernel")
            monitor.filter_by(self._subsystem)
            monitor.start()
            with suppress(OSError):  # without CAP_NET_ADMIN the kernel's default stays
                monitor.set_receive_buffer_size(self._buffer)
            self._fd = monitor.fileno()
            self._inode = os.fstat(self._fd).st_ino
            self._epoll.register(self._fd, select.EPOLLIN)
        except (OSError, ImportError, ValueError, MemoryError) as error:
            self._lost(f"no monitor ({error})")
            return False
        self._monitor, self._token, self._due = monitor, "", min(self._due, now + AGAIN_SECONDS)
        return True

    def _stop(self) -> None:
        self._token = ""
        if self._monitor is not None:
            with suppress(OSError, ValueError):  # closed by somebody else: epoll has forgotten it already
                self._epoll.unregister(self._fd)
            # libudev closes the number whatever it is now, and aborts the process when it is not open any more.
            try:
                if os.fstat(self._fd).st_ino != self._inode:
                    self._buried.append(self._monitor)
            except OSError:
                os.dup2(self._epoll.fileno(), self._fd)
        self._monitor, self._fd = None, -1

    def _lost(self, cause: str) -> None:
        data: dict[str, Value] = {"cause": cause}
        held = self._quiet.ask("lost", self._clock())
        if held is not None:
            self._events.append(Event("monitor.lost", {**data, "held_back": held}))

"""What the service manager is told: ready, alive, stopping (the sd_notify protocol, systemd's sd_notify(3))."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping


class Service:
    """The way to the service manager; without one (started by hand) nothing is sent.

    `watchdog` is how often to say that the process lives, in seconds: half of what the unit allows; None when it does
    not ask.
    """

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        # The commands that the agent starts must not speak for it.
        address = environment.pop("NOTIFY_SOCKET", "")
        period, asked = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        mine = not asked or asked == str(os.getpid())
        self.watchdog = int(period) / 2e6 if period.isdigit() and mine and self._address else None

    def ready(self) -> None:
        """Say that the gate is shut and watched."""
        self._send("READY=1")

    def alive(self) -> None:
        """Say that a whole pass was made: called from the loop, never from a thread of its own."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """Say that the end has begun."""
        self._send("STOPPING=1")

    def status(self, words: str) -> None:
        """Give the line that `systemctl status` shows."""
        self._send(f"STATUS={words}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            try:
                link.sendto(message.encode(), self._address)
            except OSError:
                # The manager restarts us when it hears nothing; there is nobody else to tell.
                return
